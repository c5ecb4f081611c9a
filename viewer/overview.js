/*
 * The whole recording in one strip: threads by state over time, requests in flight below, and the
 * window that the lanes show, to be dragged. It comes from the header, before any interval.
 */
var waitscope = waitscope || {};

waitscope.overview = (function () {
    'use strict';

    const { app, dom, model: M, format, scale } = waitscope;
    const FLIGHT = 26; /* height of the lower strip */
    const GAP = 5;
    const GRIP = 7;
    /** From the bottom up: what is looked for first. */
    const ORDER = ['blocked', 'lock', 'other', 'runnable', 'running', 'yielded', 'idle'];

    /** @type {HTMLCanvasElement} */
    const canvas = dom.get('overview-canvas');
    const box = dom.get('overview-box');

    /** The pictures below the window, kept until size, theme or data change. */
    let kept = { key: '', canvas: document.createElement('canvas') };

    /** The most threads at work at once, idle ones aside. @param {Header['overview']} o */
    function peak(o) {
        let most = 0;
        for (let i = 0; i < o.n; i++) {
            let sum = 0;
            for (const key of ORDER) if (key !== 'idle') sum += o.states[key][i];
            if (sum > most) most = sum;
        }
        return most;
    }

    /** @param {number} w @param {number} h */
    function background(w, h) {
        const m = /** @type {Model} */ (app.model);
        const key = `${w} ${h} ${devicePixelRatio} ${app.dark()} ${m.header.t0_real_ns} ${m.name} ${m.header.intervals}`;
        if (kept.key === key) return kept.canvas;
        kept.key = key;
        const { ctx, ratio } = dom.fit(kept.canvas, w, h);
        ctx.clearRect(0, 0, w, h);
        const o = m.header.overview;
        if (o.n === 0) return kept.canvas;
        const top = h - FLIGHT - GAP;
        const most = Math.max(peak(o) * 1.08, 1000);
        stackStates(ctx, o, w, top, most, ratio);
        flights(ctx, o, w, h);
        gaps(ctx, m.header, w, h, ratio);
        legend(ctx, o, w, h, most, top);
        return kept.canvas;
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Header['overview']} o @param {number} w
     * @param {number} h @param {number} most @param {number} ratio */
    function stackStates(ctx, o, w, h, most, ratio) {
        const base = new Float64Array(o.n);
        const end = (/** @type {Model} */ (app.model)).header.duration_ns;
        const x = (/** @type {number} */ i) => (Math.min(i * o.bucket_ns, end) / end) * w;
        for (const key of ORDER) {
            ctx.fillStyle = dom.fill(ctx, M.BY_KEY[key], app.dark(), ratio);
            ctx.beginPath();
            for (let i = 0; i < o.n; i++) {
                const v = o.states[key][i];
                if (!v) continue;
                const y0 = h - (base[i] / most) * h;
                base[i] += v;
                const y1 = Math.max(h - (base[i] / most) * h, 0);
                if (y1 < y0) ctx.rect(x(i), y1, Math.max(x(i + 1) - x(i), 0.3), y0 - y1);
            }
            ctx.fill();
        }
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Header['overview']} o @param {number} w @param {number} h */
    function flights(ctx, o, w, h) {
        const most = Math.max(...o.in_flight, 1000);
        const end = (/** @type {Model} */ (app.model)).header.duration_ns;
        const style = getComputedStyle(document.documentElement);
        const rows = [
            { of: o.in_flight, fill: style.getPropertyValue('--flight') },
            { of: o.queued, fill: waitscope.palette.colour(M.BY_KEY.queued, app.dark()) },
        ];
        for (const { of, fill } of rows) {
            ctx.fillStyle = fill;
            ctx.beginPath();
            ctx.moveTo(0, h);
            of.forEach((v, i) => {
                const y = h - (v / most) * (FLIGHT - 2);
                ctx.lineTo((Math.min(i * o.bucket_ns, end) / end) * w, y);
                ctx.lineTo((Math.min((i + 1) * o.bucket_ns, end) / end) * w, y);
            });
            ctx.lineTo(w, h);
            ctx.fill();
        }
        ctx.fillStyle = style.getPropertyValue('--line');
        ctx.fillRect(0, h - FLIGHT - GAP / 2 - 0.5, w, 1);
    }

    /** What was lost shows as gaps. @param {CanvasRenderingContext2D} ctx @param {Header} header
     * @param {number} w @param {number} h @param {number} ratio */
    function gaps(ctx, header, w, h, ratio) {
        ctx.fillStyle = dom.fill(ctx, M.UNKNOWN, app.dark(), ratio);
        for (const loss of header.lost.windows) {
            const x0 = (loss.start / header.duration_ns) * w;
            const x1 = Math.max((loss.end / header.duration_ns) * w, x0 + 2);
            ctx.clearRect(x0, 0, x1 - x0, h);
            ctx.fillRect(x0, 0, x1 - x0, h);
        }
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Header['overview']} o @param {number} w
     * @param {number} h @param {number} most @param {number} top */
    function legend(ctx, o, w, h, most, top) {
        const style = getComputedStyle(document.documentElement);
        const threads = Math.floor(most / 1000);
        const flight = Math.round(Math.max(...o.in_flight, 0) / 1000);
        ctx.font = '11px system-ui, sans-serif';
        ctx.textBaseline = 'top';
        const plate = (/** @type {string} */ s, /** @type {number} */ y) => {
            ctx.globalAlpha = 0.82;
            ctx.fillStyle = style.getPropertyValue('--panel');
            ctx.fillRect(3, y - 1, ctx.measureText(s).width + 6, 14);
            ctx.globalAlpha = 1;
            ctx.fillStyle = style.getPropertyValue('--muted');
            ctx.fillText(s, 6, y);
        };
        const y = top - (threads * 1000 * top) / most;
        ctx.fillStyle = style.getPropertyValue('--muted');
        ctx.fillRect(0, y, 3, 1);
        plate(format.plural(threads, 'thread'), Math.max(y - 1, 1));
        plate(flight ? `up to ${format.plural(flight, 'request')} in flight` : 'requests in flight', h - FLIGHT + 1);
    }

    function paint() {
        const m = app.model;
        if (!m) return;
        const w = box.clientWidth;
        const h = box.clientHeight;
        if (w < 10) return;
        const back = background(w, h);
        const { ctx } = dom.fit(canvas, w, h);
        const style = getComputedStyle(document.documentElement);
        ctx.clearRect(0, 0, w, h);
        ctx.drawImage(back, 0, 0, w, h);
        const { x0, x1 } = window_();
        ctx.fillStyle = style.getPropertyValue('--shade');
        ctx.fillRect(0, 0, x0, h);
        ctx.fillRect(x1, 0, w - x1, h);
        ctx.strokeStyle = style.getPropertyValue('--accent');
        ctx.lineWidth = 1.5;
        ctx.strokeRect(x0 + 0.75, 0.75, Math.max(x1 - x0 - 1.5, 1), h - 1.5);
        if (x1 - x0 < w - 1) {
            ctx.fillStyle = style.getPropertyValue('--accent');
            ctx.fillRect(x0 - 1, h / 2 - 9, 4, 18);
            ctx.fillRect(x1 - 3, h / 2 - 9, 4, 18);
        }
    }

    /** Where the window stands, in pixels; never too small to be held. */
    function window_() {
        const end = (/** @type {Model} */ (app.model)).header.duration_ns || 1;
        const w = box.clientWidth;
        let x0 = (app.view.t0 / end) * w;
        let x1 = (app.view.t1 / end) * w;
        if (x1 - x0 < 4) {
            x0 -= 2;
            x1 = x0 + 4;
        }
        return { x0, x1 };
    }

    /** @type {{how: 'move' | 'left' | 'right' | 'new', at: number, view: View, moved: boolean} | null} */
    let drag = null;

    /** @param {PointerEvent | WheelEvent | MouseEvent} e */
    function timeAt(e) {
        const r = canvas.getBoundingClientRect();
        const end = (/** @type {Model} */ (app.model)).header.duration_ns;
        return (Math.min(Math.max(e.clientX - r.left, 0), r.width) / r.width) * end;
    }

    /** @param {PointerEvent | MouseEvent} e */
    function gripAt(e) {
        const x = e.clientX - canvas.getBoundingClientRect().left;
        const { x0, x1 } = window_();
        const whole = x1 - x0 > box.clientWidth - 2;
        if (!whole && Math.abs(x - x0) <= GRIP && x < (x0 + x1) / 2) return 'left';
        if (!whole && Math.abs(x - x1) <= GRIP) return 'right';
        return x > x0 && x < x1 && !whole ? 'move' : 'new';
    }

    canvas.addEventListener('pointerdown', (e) => {
        if (!app.model || e.button !== 0) return;
        canvas.setPointerCapture(e.pointerId);
        drag = { how: gripAt(e), at: timeAt(e), view: app.view, moved: false };
    });
    canvas.addEventListener('pointermove', (e) => {
        if (!app.model) return;
        if (!drag) {
            canvas.style.cursor = { left: 'ew-resize', right: 'ew-resize', move: 'grab', new: 'crosshair' }[gripAt(e)];
            return;
        }
        const t = timeAt(e);
        const { view, at, how } = drag;
        const end = app.model.header.duration_ns;
        if (Math.abs(t - at) / end > 2 / box.clientWidth) drag.moved = true;
        if (!drag.moved) return;
        if (how === 'move') app.setView(scale.pan(view, end, t - at));
        else if (how === 'left') app.setView({ t0: Math.min(t, view.t1), t1: view.t1 });
        else if (how === 'right') app.setView({ t0: view.t0, t1: Math.max(t, view.t0) });
        else app.setView({ t0: Math.min(t, at), t1: Math.max(t, at) });
    });
    canvas.addEventListener('pointerup', () => {
        /* A click outside the window brings it there. */
        if (drag && !drag.moved && drag.how === 'new') {
            const half = (app.view.t1 - app.view.t0) / 2;
            app.setView({ t0: drag.at - half, t1: drag.at + half });
        }
        drag = null;
    });
    canvas.addEventListener('pointercancel', () => (drag = null));
    canvas.addEventListener(
        'wheel',
        (e) => {
            if (!app.model || !(e.ctrlKey || e.metaKey || e.shiftKey)) return;
            e.preventDefault();
            const by = e.deltaY || e.deltaX;
            if (e.shiftKey) app.pan(Math.sign(by) * 0.1);
            else app.zoom(Math.exp(by * 0.0025), timeAt(e));
        },
        { passive: false },
    );

    function key() {
        const list = dom.get('overview-key');
        list.replaceChildren(
            ...['blocked', 'yielded', 'running', 'runnable', 'lock', 'other', 'idle', 'queued'].map((k) => {
                const cat = M.BY_KEY[k];
                return dom.el('li', null, dom.swatch(cat), M.CATEGORIES[cat].word);
            }),
        );
    }

    app.onPaint('overview', paint);
    new ResizeObserver(() => app.invalidate('overview')).observe(box);
    return { key, peak };
})();
