/*
 * Fingers on the lanes: two stretch time between them, one pans it and lets it run on, a long press
 * asks for the tip. Up and down stays with the browser, which scrolls as everywhere.
 */
var waitscope = waitscope || {};

waitscope.fingers = (function () {
    'use strict';

    const { app } = waitscope;
    const { box, plot } = waitscope.lanes;
    const CALM = matchMedia('(prefers-reduced-motion: reduce)');
    const LONG = 500; /* ms of a long press */

    /** Those that are down, by pointer. @type {Map<number, {x: number, y: number}>} */
    const fingers = new Map();

    /** How far apart the two are, and their middle. */
    function two() {
        const [a, b] = [...fingers.values()];
        return { apart: Math.max(Math.hypot(a.x - b.x, a.y - b.y), 10), x: (a.x + b.x) / 2 };
    }

    /* The moment between the fingers stays between them, wherever they go. */
    let begun = { apart: 1, at: 0, per: 1 };
    const pinch = {
        begin() {
            const { left, per } = plot();
            const { apart, x } = two();
            begun = { apart, at: app.view.t0 + (x - left) * per, per };
        },
        move() {
            const { left, w } = plot();
            const { apart, x } = two();
            const end = app.model ? app.model.header.duration_ns : 0;
            const per = Math.min(Math.max((begun.per * begun.apart) / apart, waitscope.scale.MIN_SPAN / w), end / w);
            const t0 = begun.at - (x - left) * per;
            app.setView({ t0, t1: t0 + per * w });
        },
    };

    /* ---- what was flung runs on, ever slower */

    /** @type {{x: number, at: number}[]} */
    let seen = [];
    let frame = 0;
    const fling = {
        stop() {
            cancelAnimationFrame(frame);
            seen = [];
        },
        /** @param {number} x where the finger is now */
        saw(x) {
            const at = performance.now();
            seen = [...seen.filter((s) => at - s.at < 100), { x, at }];
        },
        go() {
            const [first] = seen;
            const last = seen[seen.length - 1];
            let before = performance.now();
            if (CALM.matches || !first || last.at - first.at < 10 || before - last.at > 60) return;
            let speed = (last.x - first.x) / (last.at - first.at); /* pixels a ms */
            const run = (/** @type {number} */ now) => {
                const ms = Math.min(Math.max(now - before, 0), 50);
                before = now;
                app.pan((-speed * ms) / plot().w);
                speed *= Math.exp(-ms / 325);
                if (Math.abs(speed) > 0.02) frame = requestAnimationFrame(run);
            };
            frame = requestAnimationFrame(run);
        },
    };

    let timer = 0;
    const press = {
        /** @param {() => void} then */
        begin(then) {
            clearTimeout(timer);
            timer = setTimeout(then, LONG);
        },
        end() {
            clearTimeout(timer);
        },
    };

    /* With two fingers nothing scrolls, be it up or down. */
    for (const type of /** @type {const} */ (['touchstart', 'touchmove']))
        box.addEventListener(type, (e) => e.touches.length > 1 && e.cancelable && e.preventDefault(), { passive: false });

    return { fingers, pinch, fling, press };
})();
