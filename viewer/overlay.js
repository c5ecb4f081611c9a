/*
 * What lies over the picture: what is chosen, what is pointed at, the keyboard's lane.
 */
var waitscope = waitscope || {};

waitscope.overlay = (function () {
    'use strict';

    const { app, dom, model: M, format, layout } = waitscope;
    const { AXIS, FONT, box, scrolled, height, gutter, plot, hitAt, segmentAt } = waitscope.lanes;
    const { css } = app;
    const { rect } = dom;
    /** @type {HTMLCanvasElement} */
    const overlay = dom.get('overlay');

    /** What the hand is at: where it points, the area it draws, the lane the keyboard is in. */
    const state = {
        mouse: /** @type {{x: number, y: number} | null} */ (null),
        area: /** @type {Extract<Choice, {kind: 'area'}> | null} */ (null),
        dragging: false,
        cursor: '',
    };

    /** @param {Hit} hit */
    function hoverSpan(hit) {
        const { track, lane, i } = hit;
        const q = app.model && app.model.requests;
        if (!track || i < 0) return null;
        if (lane.row < 0) return { t0: track.t[i], t1: track.t[i + 1] };
        const s = segmentAt(lane, i);
        if (s < 0 || !q) return null;
        const r = q.segRequest[s];
        return { t0: q.start[r], t1: q.start[r] + q.latency[r] };
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Lane} lane @param {number} t0 @param {number} t1 @param {number} wide */
    function outline(ctx, lane, t0, t1, wide) {
        const { left, w, per } = plot();
        const x0 = left + (t0 - app.view.t0) / per;
        const x1 = left + (t1 - app.view.t0) / per;
        if (x1 < left || x0 > left + w) return;
        const y = AXIS + lane.y - scrolled();
        const width = Math.max(x1 - x0, 2);
        ctx.strokeStyle = css('--panel');
        ctx.lineWidth = wide + 2;
        ctx.strokeRect(x0, y - 0.5, width, lane.h - 1);
        ctx.strokeStyle = css('--ink');
        ctx.lineWidth = wide;
        ctx.strokeRect(x0, y - 0.5, width, lane.h - 1);
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Model} m @param {Choice} s */
    function drawSelection(ctx, m, s) {
        const { left, h, per } = plot();
        const span = app.spanOf(s);
        if (!span) return;
        const x0 = left + (span.t0 - app.view.t0) / per;
        const x1 = Math.max(left + (span.t1 - app.view.t0) / per, x0 + 1);
        const at = (/** @type {(l: Lane) => boolean} */ f) => app.lanes.lanes.find(f);
        if (s.kind === 'area') return area(ctx, s, x0, x1);
        if (s.kind === 'thread') {
            const lane = at((l) => l.thread === s.thread);
            if (lane) outline(ctx, lane, app.view.t0 + 2 * per, app.view.t1 - 2 * per, 1.5);
            return;
        }
        rect(ctx, '--beam', x0, AXIS, x1 - x0, h);
        if (s.kind === 'interval') {
            const lane = at((l) => l.thread === s.thread);
            if (lane) outline(ctx, lane, span.t0, span.t1, 2);
            return;
        }
        const q = m.requests;
        const row = m.pack ? m.pack.rowOf[s.request] : layout.NONE;
        const lane = at((l) => l.row === row);
        if (lane) outline(ctx, lane, span.t0, span.t1, 2);
        if (q) holders(ctx, q, s.request);
    }

    /** The threads that held a request, while they did. What no pixel lies between is outlined as one:
     * a request may have as many stretches as its file has room for.
     * @param {CanvasRenderingContext2D} ctx @param {Requests} q @param {number} r */
    function holders(ctx, q, r) {
        const { per } = plot();
        const { view } = app;
        /** By thread, what is not outlined yet. @type {Map<number, {t0: number, t1: number}>} */
        const held = new Map();
        /** @param {number} thread @param {{t0: number, t1: number}} span */
        const draw = (thread, { t0, t1 }) => {
            for (const on of app.lanes.lanes) if (on.thread === thread) outline(ctx, on, t0, t1, 1.5);
        };
        for (let i = q.segFirst[r]; i < q.segFirst[r + 1]; i++) {
            if (!q.segThread[i] || !M.isHeld(q.segCat[i])) continue;
            const thread = q.segThread[i] - 1;
            const t0 = q.segStart[i];
            const t1 = M.segEnd(q, i);
            if (t1 < view.t0 || t0 > view.t1) continue;
            const last = held.get(thread);
            if (last && t0 - last.t1 <= per) last.t1 = t1;
            else {
                if (last) draw(thread, last);
                held.set(thread, { t0, t1 });
            }
        }
        held.forEach((span, thread) => draw(thread, span));
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Extract<Choice, {kind: 'area'}>} s @param {number} x0 @param {number} x1 */
    function area(ctx, s, x0, x1) {
        const inside = app.lanes.lanes.filter((l) => s.lanes.includes(l.key));
        if (inside.length === 0) return;
        const y0 = Math.max(AXIS + inside[0].y - scrolled(), AXIS);
        const last = inside[inside.length - 1];
        const y1 = AXIS + last.y + last.h - scrolled();
        rect(ctx, '--beam', x0, y0, x1 - x0, y1 - y0);
        ctx.strokeStyle = css('--accent');
        ctx.lineWidth = 1.5;
        ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
        const text = format.time(s.t1 - s.t0);
        ctx.font = FONT;
        const w = ctx.measureText(text).width + 10;
        const x = Math.min(Math.max((x0 + x1 - w) / 2, gutter()), box.clientWidth - w);
        rect(ctx, '--accent', x, AXIS - 18, w, 16);
        ctx.fillStyle = css('--panel');
        ctx.textBaseline = 'middle';
        ctx.fillText(text, x + 5, AXIS - 10);
    }

    function drawOverlay() {
        const m = app.model;
        if (!m || box.clientWidth < 20) return;
        const { ctx } = dom.fit(overlay, box.clientWidth, height());
        const { left, w, h, per } = plot();
        ctx.clearRect(0, 0, box.clientWidth, height());
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, 0, w, h + AXIS);
        ctx.clip();
        const shown = state.area || app.selection;
        const { mouse } = state;
        if (shown) drawSelection(ctx, m, shown);
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, AXIS, w, h); /* to what has scrolled away they do not lead over the times */
        ctx.clip();
        waitscope.arrows.draw(ctx);
        ctx.restore();
        if (mouse && mouse.x >= left) {
            const hit = hitAt(mouse.x, mouse.y);
            if (hit && hit.track && hit.i >= 0 && hit.i < hit.track.n && !state.dragging) {
                const span = hoverSpan(hit);
                if (span && (span.t1 - span.t0) / per > 3) outline(ctx, hit.lane, span.t0, span.t1, 1);
            }
            rect(ctx, '--cross', Math.round(mouse.x), 0, 1, h + AXIS);
        }
        ctx.restore();
        const lane = app.lanes.lanes.find((l) => l.key === state.cursor);
        if (lane && document.activeElement === box) {
            const y = AXIS + lane.y - scrolled();
            ctx.fillStyle = css('--accent');
            if (y >= AXIS - lane.h) ctx.fillRect(0, Math.max(y, AXIS), 4, lane.h - 1);
        }
    }

    app.onPaint('overlay', drawOverlay);

    return state;
})();
