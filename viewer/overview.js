/*
 * The whole recording in one strip: threads by state over time, requests in flight below, and the
 * window that the lanes show, to be dragged. It comes from the header, before any interval.
 */
var waitscope = waitscope || {};

waitscope.overview = (function () {
    'use strict';

    const { app, dom, model: M, format, scale, palette } = waitscope;
    const GAP = 5;
    /** How high the lower strip is, of so many pixels. @param {number} h */
    const low = (h) => Math.min(26, Math.round(h * 0.36));
    const GRIP = 7;
    /** From the bottom up: what is looked for first. */
    const ORDER = ['blocked', 'lock', 'other', 'runnable', 'running', 'yielded', 'idle'];

    /** @type {HTMLCanvasElement} */
    const canvas = dom.get('overview-canvas');
    const box = dom.get('overview-box');

    /** The picture below the window, kept until size, theme or data change. */
    let kept = { key: '', of: /** @type {Header | null} */ (null), image: new ImageData(1, 1) };

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

    /** One strip, or two that are compared, one above the other. @param {Header} h */
    function strips(h) {
        return (h.recordings || [{ header: h, shift: 0 }]).map((r) => ({ o: r.header.overview, shift: r.shift, duration: r.header.duration_ns, lost: r.header.lost.windows }));
    }

    /** What the full height stands for, in thousandths: the same in all strips, so that eight
     * threads are as high in one as in the other. @param {Header} h */
    function scales(h) {
        const all = strips(h).map(({ o }) => o);
        return {
            threads: Math.max(...all.map((o) => peak(o) * 1.08), 1000),
            flight: Math.max(...all.map((o) => Math.max(...o.in_flight, 0)), 1000),
        };
    }

    /** Pixel by pixel, as the lanes are drawn: filling shapes with patterns costs a hundred times more.
     * @param {Header} header @param {number} w @param {number} h @param {number} ratio
     * @param {{side: number, data: Uint32Array}} [codes] */
    function background(header, w, h, ratio, codes) {
        const all = strips(header);
        const key = `${w} ${h} ${codes ? 'codes' : app.dark()} ${all.map((s) => s.shift)}`;
        if (kept.key === key && kept.of === header) return kept.image;
        const image = new ImageData(w, h);
        kept = { key, of: header, image };
        const px = new Uint32Array(image.data.buffer);
        all.forEach((one, i) => strip(px, w, Math.round((h * i) / all.length), Math.round((h * (i + 1)) / all.length), one, header, ratio, codes));
        return image;
    }

    /** @param {Uint32Array} px @param {number} w @param {number} from the first row of pixels @param {number} h and
     * that behind the last @param {ReturnType<typeof strips>[0]} one @param {Header} header @param {number} ratio
     * @param {{side: number, data: Uint32Array}} [codes] */
    function strip(px, w, from, h, one, header, ratio, codes) {
        const tiles = codes || palette.tiles(app.dark(), ratio);
        const mask = tiles.side - 1;
        const { o, shift } = one;
        const end = header.duration_ns;
        const most = scales(header);
        const base = h - Math.round((low((h - from) / ratio) + GAP) * ratio);
        const flight = codes ? waitscope.vector.FLIGHT : palette.pixel(app.css('--flight').trim());
        /** @param {number} x @param {number} bottom @param {number} to @param {number} cat */
        const column = (x, bottom, to, cat) => {
            for (let y = Math.max(to, from); y < bottom; y++) {
                const dot = cat < 0 ? flight : tiles.data[(cat * tiles.side + (y & mask)) * tiles.side + (x & mask)];
                if (dot) px[y * w + x] = dot;
            }
        };
        for (let x = 0; x < w && o.n; x++) {
            const time = ((x + 0.5) / w) * end - shift;
            if (time < 0 || time >= one.duration) continue;
            const i = Math.min(Math.floor(time / o.bucket_ns), o.n - 1);
            let sum = 0;
            let y = base;
            for (const name of ORDER) {
                if (!o.states[name][i]) continue;
                sum += o.states[name][i];
                const top = base - Math.round((sum / most.threads) * (base - from));
                column(x, y, top, M.BY_KEY[name]);
                y = Math.max(top, from);
            }
            const high = (low((h - from) / ratio) - 2) * ratio;
            column(x, h, h - Math.round((o.in_flight[i] / most.flight) * high), -1);
            column(x, h, h - Math.round((o.queued[i] / most.flight) * high), M.BY_KEY.queued);
        }
        /* What was lost shows as gaps. */
        for (const loss of one.lost) {
            const x0 = Math.floor(((loss.start + shift) / end) * w);
            const x1 = Math.min(Math.max(Math.ceil(((loss.end + shift) / end) * w), x0 + 2), w);
            for (let x = x0; x < x1; x++) {
                for (let y = from; y < h; y++) px[y * w + x] = 0;
                column(x, h, from, M.UNKNOWN);
            }
        }
    }

    /** What the strips stand for, in the space before them, where no data stands. */
    function labels() {
        const { header } = /** @type {Model} */ (app.model);
        const most = scales(header).threads;
        const all = strips(header);
        return all.flatMap(({ o }, i) => {
            const h = box.clientHeight / all.length;
            const from = h * i;
            const letter = all.length > 1 ? `${'AB'[i]} · ` : '';
            const top = h - low(h) - GAP;
            const threads = Math.floor(most / 1000);
            const flight = Math.round(Math.max(...o.in_flight, 0) / 1000);
            const at = from + top - (threads * 1000 * top) / most;
            return [
                { y: Math.max(at - 1, from + 1), text: `${letter}${i ? 'same scale' : 'scale'}: ${format.plural(threads, 'thread')}` },
                { y: from + h - low(h), text: letter + (flight ? `up to ${all.length > 1 ? format.count(flight) : format.plural(flight, 'request')} in flight` : 'requests in flight') },
            ];
        });
    }

    let said = '';
    function label() {
        const list = labels();
        const key = JSON.stringify(list);
        if (key === said) return;
        said = key;
        dom.get('overview-scale').replaceChildren(
            ...list.map(({ y, text }) => {
                const e = dom.el('span', null, text);
                e.style.top = `${y}px`;
                return e;
            }),
        );
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Header} header @param {number} w @param {number} height */
    function lines(ctx, header, w, height) {
        const most = scales(header).threads;
        const all = strips(header);
        all.forEach((_, i) => {
            const h = height / all.length;
            const from = h * i;
            const top = h - low(h) - GAP;
            if (i) dom.rect(ctx, '--muted', 0, from - 1, w, 2);
            dom.rect(ctx, '--muted', 0, from + top - (Math.floor(most / 1000) * 1000 * top) / most, 3, 1);
            dom.rect(ctx, '--line', 0, from + top + GAP / 2 - 0.5, w, 1);
        });
    }

    /** Where threads ran out: the moment that one looks for.
     * @param {CanvasRenderingContext2D} ctx @param {Model} m @param {number} w @param {number} height */
    function ranOut(ctx, m, w, height) {
        const h = height / strips(m.header).length;
        ctx.font = '11px system-ui, sans-serif';
        ctx.textBaseline = 'top';
        m.header.processes.forEach((p, i) => {
            if (!waitscope.story.isOut(p)) return;
            const from = h * (p.recording || 0);
            const x = Math.round(((p.verdict.saturated_ns + M.shiftOf(m, i)) / (m.header.duration_ns || 1)) * w);
            const text = p.verdict.in_line ? 'pool was full' : 'threads ran out';
            const wide = ctx.measureText(text).width + 8;
            const at = x + wide > w ? x - wide : x;
            dom.rect(ctx, '--bad', Math.min(x, w - 2), from, 2, h);
            /* in the middle, where no other word stands */
            const y = from + (h - low(h)) / 2 - 7;
            ctx.fillRect(at, y, wide, 14);
            ctx.fillStyle = app.css('--panel');
            ctx.fillText(text, at + 4, y + 2);
        });
    }

    function paint() {
        const m = app.model;
        if (!m) return;
        const w = box.clientWidth;
        const h = box.clientHeight;
        if (w < 10) return;
        const { ctx, ratio, pw, ph, codes } = dom.fit(canvas, w, h);
        ctx.putImageData(background(m.header, pw, ph, ratio, codes), 0, 0);
        lines(ctx, m.header, w, h);
        label();
        const { x0, x1 } = window_();
        dom.rect(ctx, '--shade', 0, 0, x0, h);
        ctx.fillRect(x1, 0, w - x1, h);
        ctx.strokeStyle = app.css('--accent');
        ctx.lineWidth = 1.5;
        ctx.strokeRect(x0 + 0.75, 0.75, Math.max(x1 - x0 - 1.5, 1), h - 1.5);
        if (x1 - x0 < w - 1) {
            dom.rect(ctx, '--accent', x0 - 1, h / 2 - 9, 4, 18);
            ctx.fillRect(x1 - 3, h / 2 - 9, 4, 18);
        }
        ranOut(ctx, m, w, h);
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

    function buildKey() {
        const list = dom.get('overview-key');
        const m = app.model;
        if (!m) return;
        /* What occurs: in the threads, and in the requests below. */
        const sums = new Float64Array(M.COUNT);
        for (const t of m.header.threads) t.state_ns.forEach((ns, s) => (sums[M.BY_KEY[m.header.states[s]] || 0] += ns));
        if (m.requests) m.requests.ledgerSum.forEach((ns, i) => (sums[M.BY_KEY[m.header.ledger[i]] || 0] += ns));
        const ORDER_OF_KEY = ['blocked', 'queued', 'awaiting', 'loop_busy', 'yielded', 'running', 'runnable', 'lock', 'sleep', 'fault', 'other', 'idle', 'unattributed'];
        list.replaceChildren(
            ...ORDER_OF_KEY.filter((k) => k === 'idle' || sums[M.BY_KEY[k]] > 0).map((k) => {
                const cat = M.BY_KEY[k];
                return dom.el('li', null, dom.swatch(cat), M.CATEGORIES[cat].word);
            }),
        );
    }

    app.onPaint('overview', paint);
    new ResizeObserver(() => app.invalidate('overview')).observe(box);
    return { key: buildKey, labels };
})();
