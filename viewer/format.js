/* Numbers as people read them. Times come in nanoseconds. */
var waitscope = waitscope || {};

waitscope.format = waitscope.pure('format', function () {
    'use strict';

    /** @param {number} v three digits that count: 1.23, 12.3, 123 */
    function digits(v) {
        return v >= 99.95 ? v.toFixed(0) : v >= 9.995 ? v.toFixed(1) : v.toFixed(2);
    }

    /** @param {string} s 1234567 → 1,234,567 */
    function grouped(s) {
        return s.replace(/\B(?=(\d{3})+$)/g, ',');
    }

    /** @param {number} n */
    function count(n) {
        return grouped(String(Math.round(n)));
    }

    /** A time to read at a glance: 870 ns, 12.3 µs, 4.56 ms, 7.89 s, 2 min 5 s.
     * @param {number} ns @returns {string} */
    function time(ns) {
        if (ns < 0) return '−' + time(-ns);
        if (ns < 999.5) return Math.round(ns) + ' ns';
        if (ns < 999.5e3) return digits(ns / 1e3) + ' µs';
        if (ns < 999.5e6) return digits(ns / 1e6) + ' ms';
        if (ns < 59.995e9) return digits(ns / 1e9) + ' s';
        const s = Math.round(ns / 1e9);
        return `${grouped(String(Math.floor(s / 60)))} min ${s % 60} s`;
    }

    /** Milliseconds to the nanosecond: 1,234.567890 ms. @param {number} ns a whole number */
    function exact(ns) {
        const whole = Math.floor(ns / 1e6);
        return `${grouped(String(whole))}.${String(ns - whole * 1e6).padStart(6, '0')} ms`;
    }

    /** Milliseconds to the microsecond, for columns: 1,234.568. @param {number} ns */
    function ms(ns) {
        const us = Math.round(ns / 1e3);
        const whole = Math.floor(us / 1e3);
        return `${grouped(String(whole))}.${String(us - whole * 1e3).padStart(3, '0')}`;
    }

    /** @param {number} share 0 … 1; of nothing there is none */
    function percent(share) {
        if (!Number.isFinite(share)) return '–';
        const p = share * 100;
        if (!(p > 0)) return '0\u00a0%';
        if (p < 0.1) return '<\u00a00.1\u00a0%';
        if (p < 10) return p.toFixed(1) + '\u00a0%';
        return (share < 1 && p > 99 ? Math.floor(p) : Math.round(p)) + '\u00a0%';
    }

    /** @param {number} n */
    function bytes(n) {
        if (n < 1000) return `${n} B`;
        const units = ['kB', 'MB', 'GB', 'TB'];
        let i = -1;
        do {
            n /= 1000;
            i++;
        } while (n >= 999.5 && i < units.length - 1);
        return `${digits(n)} ${units[i]}`;
    }

    /** "1 thread", "8 threads". @param {number} n @param {string} one @param {string} [many] */
    function plural(n, one, many) {
        return `${count(n)} ${n === 1 ? one : many || one + 's'}`;
    }

    /** The label of an axis tick: as many decimals as the step needs.
     * @param {number} t @param {number} step @param {number} end of the axis, which sets the unit */
    function axis(t, step, end) {
        const [unit, per] = end >= 1e9 ? ['s', 1e9] : end >= 1e6 ? ['ms', 1e6] : ['µs', 1e3];
        const places = Math.max(0, Math.ceil(-Math.log10(step / per) - 1e-9));
        return `${(t / per).toFixed(Math.min(places, 9))} ${unit}`;
    }

    /** How long a recording is: "12.3 s", or of a flight recorder's "the last 30.0 s of 120 min 0 s". Of a file
     * that ends early nobody knows which part it is.
     * @param {Header} h */
    function length(h) {
        if (h.window.recorded_ns <= h.duration_ns) return time(h.duration_ns);
        return h.complete ? `the last ${time(h.duration_ns)} of ${time(h.window.recorded_ns)}` : `${time(h.duration_ns)} of the last ${time(h.window.asked_ns)}`;
    }

    return { time, length, exact, ms, percent, bytes, count, plural, axis };
});
