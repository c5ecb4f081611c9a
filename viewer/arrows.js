/*
 * Who held whom up: from the stretch that held a loop to the request that it was for, and on to
 * each request that stood ready meanwhile. Drawn for what is chosen: the hold, its request, or a
 * victim.
 */
var waitscope = waitscope || {};

waitscope.arrows = (function () {
    'use strict';

    const { app, dom } = waitscope;
    const { AXIS, FONT, box, scrolled, plot } = waitscope.lanes;
    const MOST = 60; /* victims of one hold; the rest is a number */
    const HOLDS = 3;

    /** The holds that a choice is part of, the longest first. @param {Model} m @param {Choice} s */
    function holdsOf(m, s) {
        const o = m.holds;
        const span = app.spanOf(s);
        if (!o || !span) return [];
        const out = [];
        for (let i = 0; i < o.n; i++) {
            const on = s.kind === 'interval' && o.thread[i] === s.thread && o.start[i] < span.t1 && o.start[i] + o.dur[i] > span.t0;
            const by = s.kind === 'request' && o.request[i] === s.request + 1;
            const of = s.kind === 'request' && o.victim.subarray(o.victimFirst[i], o.victimFirst[i + 1]).includes(s.request);
            if (on || by || of) out.push(i);
        }
        return out.sort((a, b) => o.dur[b] - o.dur[a]).slice(0, HOLDS);
    }

    /** A line from one lane to another, with a head at its end.
     * @param {CanvasRenderingContext2D} ctx @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
     * @param {number[]} dash */
    function arrow(ctx, x0, y0, x1, y1, dash) {
        const down = Math.sign(y1 - y0) || 1;
        const bend = Math.min(Math.abs(y1 - y0) / 2, 60) * down;
        for (const [colour, wide] of /** @type {const} */ ([['--panel', 4], ['--ink', 1.4]])) {
            ctx.strokeStyle = ctx.fillStyle = app.css(colour);
            ctx.lineWidth = wide;
            ctx.setLineDash(wide > 2 ? [] : dash);
            ctx.beginPath();
            ctx.moveTo(x0, y0);
            ctx.bezierCurveTo(x0, y0 + bend, x1, y1 - bend, x1, y1 - 4 * down);
            ctx.stroke();
        }
        ctx.setLineDash([]);
        ctx.beginPath();
        ctx.moveTo(x1, y1);
        ctx.lineTo(x1 - 3.5, y1 - 7 * down);
        ctx.lineTo(x1 + 3.5, y1 - 7 * down);
        ctx.fill();
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Model} m @param {number} i @param {Choice} s */
    function hold(ctx, m, i, s) {
        const o = /** @type {Holds} */ (m.holds);
        const q = m.requests;
        const pack = m.pack;
        if (!q || !pack) return;
        const { left, w, per } = plot();
        const x = (/** @type {number} */ t) => Math.min(Math.max(left + (t - app.view.t0) / per, left), left + w);
        /** @type {Map<number, Lane>} */
        const rows = new Map();
        /** @type {Lane | undefined} */
        let loop;
        for (const lane of app.lanes.lanes) {
            if (lane.row >= 0) rows.set(lane.row, lane);
            if (lane.thread === o.thread[i] && !loop) loop = lane;
        }
        if (!loop) return;
        const end = o.start[i] + o.dur[i];
        if (end < app.view.t0 || o.start[i] > app.view.t1) return;
        const top = (/** @type {Lane} */ lane) => AXIS + lane.y - scrolled();
        /** The edge of one lane that looks at another. @param {Lane} lane @param {Lane} at */
        const edge = (lane, at) => (at.y < lane.y ? top(lane) : top(lane) + lane.h - 2);

        const by = o.request[i] ? rows.get(pack.rowOf[o.request[i] - 1]) : undefined;
        if (by) {
            const begin = Math.min(x(o.start[i]) + 5, x(end));
            arrow(ctx, begin, edge(by, loop), begin, edge(loop, by), []);
        }
        let hidden = o.more[i];
        /** @type {{k: number, lane: Lane}[]} */
        const victims = [];
        for (let k = o.victimFirst[i]; k < o.victimFirst[i + 1]; k++) {
            const alone = s.kind === 'request' && s.request !== o.request[i] - 1;
            if (alone && o.victim[k] !== s.request) continue;
            const lane = rows.get(pack.rowOf[o.victim[k]]);
            if (lane && victims.length < MOST) victims.push({ k, lane });
            else hidden++;
        }
        /* The farthest end the farthest to the right, so that no two cross. */
        const at0 = loop.y;
        victims.sort((a, b) => Math.abs(a.lane.y - at0) - Math.abs(b.lane.y - at0));
        victims.forEach(({ k, lane }, nth) => {
            const from = Math.max(q.start[o.victim[k]], o.start[i]);
            const till = Math.min(from + o.lost[k], end);
            dom.rect(ctx, '--ink', x(from), top(lane) - 1, Math.max(x(till) - x(from), 2), 2);
            const at = x(from) + (x(till) - x(from)) * ((nth + 0.5) / victims.length);
            arrow(ctx, x(end), edge(loop, lane), at, edge(lane, loop), [4, 3]);
        });
        if (hidden) note(ctx, `and ${hidden} more held up`, x(end) + 6, top(loop) + loop.h / 2);
    }

    /** @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} x @param {number} y */
    function note(ctx, text, x, y) {
        ctx.font = FONT;
        ctx.textBaseline = 'middle';
        const w = ctx.measureText(text).width + 8;
        const at = Math.min(x, box.clientWidth - w);
        dom.rect(ctx, '--panel', at, y - 8, w, 16);
        ctx.fillStyle = app.css('--ink');
        ctx.fillText(text, at + 4, y);
    }

    /** @param {CanvasRenderingContext2D} ctx clipped to the plot */
    function draw(ctx) {
        const m = app.model;
        const s = app.selection;
        if (!m || !s) return;
        for (const i of holdsOf(m, s)) hold(ctx, m, i, s);
    }

    return { draw, holdsOf };
})();
