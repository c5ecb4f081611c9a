/*
 * The first element of a timeline, checked: what the page can rely on. Nothing in a file is
 * trusted; what is missing or of another kind becomes nothing.
 */
var waitscope = waitscope || {};

waitscope.header = waitscope.pure('header', function () {
    'use strict';

    const MAJOR = 1;
    const MAX = Number.MAX_SAFE_INTEGER;

    /** A file that is not for this viewer at all. */
    class Refusal extends Error {}

    /** @param {any} v @param {number} [most] @returns {number} a whole number from 0 on */
    function num(v, most) {
        return typeof v === 'number' && v >= 0 ? Math.floor(Math.min(v, most || MAX)) : 0;
    }

    /** @param {any} v @returns {number} 1e999 is JSON, and no number that could be told; less than one
     * in thirty years is none */
    function rate(v) {
        return v >= 1e-9 && v <= 1e15 ? v : 0;
    }

    /** @param {any} v */
    function str(v) {
        return typeof v === 'string' ? v : '';
    }

    /** @param {any} v @returns {any[]} */
    function list(v) {
        return Array.isArray(v) ? v : [];
    }

    /** @param {any} v @returns {Record<string, any>} */
    function record(v) {
        return v !== null && typeof v === 'object' && !Array.isArray(v) ? v : {};
    }

    /** @param {any} v */
    function words(v) {
        return list(v).map(str);
    }

    /** @param {any} v of 0 to 1 */
    const share = (v) => (typeof v === 'number' ? Math.min(Math.max(v, 0), 1) : 0);

    /** @param {any} l how far threads of one kind are taken; absent from files before 1.3 */
    const load = (l) => ({ threads: num(record(l).threads), share: share(record(l).share), busiest: share(record(l).busiest), busiest_ns: num(record(l).busiest_ns) });

    /** @param {any} p */
    function process(p) {
        const v = record(record(p).verdict);
        return {
            pid: num(record(p).pid),
            comm: str(record(p).comm),
            model: str(record(p).model),
            verdict: {
                text: words(v.text),
                thread_waits: v.thread_waits === true,
                waits_on: str(v.waits_on),
                waits_on_name: str(v.waits_on_name),
                serving_threads: num(v.serving_threads),
                requests: num(v.requests),
                efficiency: rate(v.efficiency),
                capacity: rate(v.capacity),
                offered: rate(v.offered),
                limit: str(v.limit),
                loops: load(v.loops),
                workers: load(v.workers),
                window_ns: num(v.window_ns),
                queued_requests: num(v.queued_requests),
                peak_in_flight: num(v.peak_in_flight),
                saturated: v.saturated === true,
                in_line: v.in_line === true,
                saturated_ns: num(v.saturated_ns),
            },
        };
    }

    /** @param {any} w of which recording this is the end; absent from files before 1.4 */
    const part = (w) => ({ recorded_ns: num(record(w).recorded_ns), asked_ns: num(record(w).asked_ns), max_bytes: num(record(w).max_bytes), full: record(w).full === true, forgotten: num(record(w).forgotten) });

    const WINDOWS = 500;

    /** By time. Of very many losses those that overlap or touch are one, and what is beyond a number is in the
     * last. @param {any[]} all */
    function windows(all) {
        const out = all.map((w) => ({ start: num(record(w).start), end: num(record(w).end), count: num(record(w).count), kind: str(record(w).kind).slice(0, 100) }));
        out.sort((a, b) => a.start - b.start);
        if (out.length <= WINDOWS) return out;
        /** @type {typeof out} */
        const kept = [];
        for (const w of out) {
            const last = kept[kept.length - 1];
            if (!last || (w.start > last.end && kept.length < WINDOWS)) kept.push({ ...w });
            else Object.assign(last, { end: Math.max(last.end, w.end), count: last.count + w.count, kind: last.kind === w.kind ? w.kind : 'several kinds of' });
        }
        return kept;
    }

    /** @param {any} o @param {number} duration */
    function overview(o, duration) {
        const bucket_ns = num(record(o).bucket_ns);
        const n = bucket_ns > 0 ? Math.min(Math.ceil(duration / bucket_ns), 10000) : 0;
        const row = (/** @type {any} */ v) => Array.from({ length: n }, (_, i) => num(list(v)[i]));
        /** @type {Record<string, number[]>} */
        const states = {};
        for (const key of ['running', 'runnable', 'blocked', 'yielded', 'lock', 'other', 'idle'])
            states[key] = row(record(o)[key]);
        return { bucket_ns, n, states, in_flight: row(record(o).in_flight), queued: row(record(o).queued) };
    }

    /**
     * Checks the first element and fills what it lacks.
     * @param {any} h
     * @returns {Header}
     */
    function header(h) {
        h = record(h);
        if (h.format === 'waitscope-report')
            throw new Refusal(
                'This is a report for machines (report --json), not a timeline. “waitscope convert CAPTURE -o OUT.json” writes one.',
            );
        if (h.format !== 'waitscope-timeline')
            throw new Refusal('This JSON is no waitscope timeline: its first element does not say so.');
        const version = list(h.version).map((v) => num(v));
        if (version[0] !== MAJOR)
            throw new Refusal(
                `This timeline has version ${version.join('.') || 'unknown'}, and this viewer reads ${MAJOR}.x. The page that this version of waitscope writes (“convert -o OUT.html”) holds the viewer for it.`,
            );
        const threads = list(h.threads).map((t) => {
            t = record(t);
            return {
                tid: num(t.tid),
                pid: num(t.pid),
                process: num(t.process),
                comm: str(t.comm),
                role: str(t.role),
                kernel: t.kernel === true,
                start: num(t.start),
                end: num(t.end),
                intervals: num(t.intervals),
                state_ns: list(t.state_ns).map((v) => num(v)),
            };
        });
        const processes = list(h.processes).map(process);
        if (processes.length === 0) processes.push(process({}));
        for (const t of threads) if (t.process >= processes.length) t.process = 0;
        const cost = record(h.cost);
        const lost = record(h.lost);
        const duration = threads.reduce((most, t) => Math.max(most, t.end), num(h.duration_ns));
        return {
            version,
            duration_ns: duration,
            complete: h.complete === true,
            damage: str(h.damage),
            host: str(h.host),
            kernel: str(h.kernel),
            command: str(h.command),
            t0_real_ns: str(h.t0_real_ns),
            records: num(h.records),
            window: part(h.window),
            cost: { recorder: rate(record(cost.recorder).share), probes: rate(record(cost.probes).share), sample: record(cost.probes).sample === true },
            lost: {
                records: num(lost.records),
                windows: windows(list(lost.windows)),
            },
            states: words(h.states),
            ledger: words(h.ledger),
            grades: words(h.grades),
            object_kinds: words(h.object_kinds),
            processes,
            threads,
            requests: num(h.requests),
            intervals: num(h.intervals),
            overview: overview(h.overview, duration),
        };
    }

    return { Refusal, num, str, list, record, words, header };
});
