/* The window on the time axis: what zooming and panning do to it, and where its ticks stand. */
var waitscope = waitscope || {};

waitscope.scale = waitscope.pure('scale', function () {
    'use strict';

    const MIN_SPAN = 100; /* ns: no clock resolves less */

    /** Keeps a window inside 0 … end, and no narrower than the clock can tell.
     * @param {View} v @param {number} end @returns {View} */
    function clamp(v, end) {
        const full = Math.max(end, MIN_SPAN);
        const span = Math.min(Math.max(v.t1 - v.t0, MIN_SPAN), full);
        if (!(span > 0) || !Number.isFinite(v.t0)) return { t0: 0, t1: full };
        const t0 = Math.min(Math.max(v.t0, 0), full - span);
        return { t0, t1: t0 + span };
    }

    /** The moment `at` stays where it is. @param {View} v @param {number} end @param {number} factor
     * of the span: below 1 goes in @param {number} at */
    function zoom(v, end, factor, at) {
        const full = Math.max(end, MIN_SPAN);
        const span = Math.min(Math.max((v.t1 - v.t0) * factor, MIN_SPAN), full);
        const share = (at - v.t0) / (v.t1 - v.t0);
        const t0 = at - share * span;
        return clamp({ t0, t1: t0 + span }, end);
    }

    /** @param {View} v @param {number} end @param {number} by ns */
    function pan(v, end, by) {
        return clamp({ t0: v.t0 + by, t1: v.t1 + by }, end);
    }

    /** A window that shows t0 … t1 with some room around. @param {number} t0 @param {number} t1
     * @param {number} end */
    function around(t0, t1, end) {
        const room = Math.max((t1 - t0) * 0.15, MIN_SPAN);
        return clamp({ t0: t0 - room, t1: t1 + room }, end);
    }

    /** Steps of 1, 2 or 5 times a power of ten, at least `gap` pixels apart.
     * @param {View} v @param {number} width @param {number} gap
     * @returns {{step: number, ticks: number[]}} */
    function ticks(v, width, gap) {
        const least = ((v.t1 - v.t0) * gap) / Math.max(width, 1);
        let step = Math.pow(10, Math.floor(Math.log10(Math.max(least, 1))));
        if (step < least) step *= step * 2 >= least ? 2 : step * 5 >= least ? 5 : 10;
        const out = [];
        for (let i = Math.ceil(v.t0 / step); i * step <= v.t1 && out.length < 1000; i++)
            out.push(i * step);
        return { step, ticks: out };
    }

    return { MIN_SPAN, clamp, zoom, pan, around, ticks };
});
