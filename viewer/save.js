/*
 * What leaves the page, and only by the reader's hand: the picture as it stands, the figures of
 * what is chosen, the address of the place, the details as text.
 */
var waitscope = waitscope || {};

waitscope.save = (function () {
    'use strict';

    const { app, dom, format, hash, layout, model: M, portion, svg } = waitscope;
    const { el, get } = dom;
    const { AXIS, box, trackOf, visible } = waitscope.lanes;
    const PAD = 12;
    const SMALL = '12px system-ui, sans-serif';
    const SCALE = '11px system-ui, sans-serif';
    const PNG_HIGH = 4000; /* pixels of the lanes; a canvas takes no more than some 16,000 twice over */
    const SVG_HIGH = 8000;
    const MANY = 150000; /* rectangles, from which on a drawing takes coarser pixels */
    const menu = get('export');

    /** @typedef {{text: string, font: string, colour: string, x: number, y: number}} Line */
    /** @typedef {(x: number, y: number, w: number, h: number) => ReturnType<typeof dom.fit>} Place_ */

    /** All lanes that are unfolded, whatever the window shows of them; of more than there is room for,
     * those that the window begins with. @param {number} most pixels */
    function partOf(most) {
        const all = AXIS + app.lanes.height;
        return all <= most ? { top: 0, high: all } : { top: Math.min(box.scrollTop, all - most), high: most };
    }

    /** How many rows and threads stand above or below what is shown.
     * @param {{top: number, high: number}} part */
    function beyond({ top, high }) {
        const rows = app.lanes.lanes.filter((l) => trackOf(l));
        const above = rows.filter((l) => l.y + l.h <= top).length;
        const below = rows.filter((l) => l.y >= top + high - AXIS).length;
        const word = (/** @type {number} */ n, /** @type {string} */ where) => (n ? [`${format.plural(n, 'more row')} ${where}`] : []);
        return [...word(above, 'above'), ...word(below, 'below')].join(', ');
    }

    /** What goes where. @param {CanvasRenderingContext2D} ctx that measures
     * @param {{top: number, high: number}} part of the lanes */
    function plan(ctx, part) {
        const strip = get('overview-box');
        const left = waitscope.lanes.gutter();
        const room = Math.max(box.clientWidth, left + strip.clientWidth);
        /** @type {Line[]} */
        const lines = [];
        let y = PAD;
        /** @param {string} text @param {string} font @param {string} colour @param {number} most */
        const write = (text, font, colour, most) => {
            ctx.font = font;
            for (const line of wrap(ctx, text, room, most)) {
                lines.push({ text: line, font, colour, x: PAD, y });
                y += 18;
            }
        };
        write(get('facts').textContent, SMALL, '--muted', 2);
        const first = get('verdict').querySelector('article');
        if (first) {
            write([...first.querySelector('h2').childNodes].map((e) => e.textContent).join(' · '), `600 ${SMALL}`, '--ink', 1);
            write(first.querySelector('p').textContent, SMALL, '--ink', 3);
        }
        write([get('range').textContent, app.query && `Requests: ${app.query}`].filter(Boolean).join(' · '), SMALL, '--muted', 2);
        y += 6;
        /** @type {{part: 'overview' | 'lanes' | 'overlay', x: number, y: number}[]} */
        const parts = [{ part: 'overview', x: PAD + left, y }];
        ctx.font = SCALE;
        for (const label of waitscope.overview.labels()) {
            const of = wrap(ctx, label.text, left - 12, 2);
            of.forEach((text, i) => lines.push({ text, font: SCALE, colour: '--muted', x: PAD, y: y + label.y + 12 * i }));
        }
        y += strip.clientHeight + 8;
        for (const layer of /** @type {const} */ (['lanes', 'overlay'])) parts.push({ part: layer, x: PAD, y });
        y += part.high + 10;
        const hidden = beyond(part);
        if (hidden) write(hidden, `600 ${SMALL}`, '--ink', 1);
        /** @type {{cat: number, x: number, y: number}[]} */
        const legend = [];
        ctx.font = SMALL;
        let x = PAD;
        for (const cat of waitscope.lanes.as(part, occurring)) {
            const wide = 30 + ctx.measureText(M.CATEGORIES[cat].word).width + 16;
            if (x + wide > room && x > PAD) {
                x = PAD;
                y += 20;
            }
            legend.push({ cat, x, y });
            x += wide;
        }
        return { w: room + 2 * PAD, h: y + 20 + PAD, part, lines, parts, legend };
    }

    /** The text in lines that fit. @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} room @param {number} most */
    function wrap(ctx, text, room, most) {
        /** @type {string[]} */
        const out = [];
        for (const word of text.slice(0, 2000).match(/\S{1,100}/g) || []) {
            const longer = out.length ? `${out[out.length - 1]} ${word}` : word;
            if (out.length && ctx.measureText(longer).width <= room) out[out.length - 1] = longer;
            else out.push(word);
        }
        if (out.length > most) out[most - 1] += ' …';
        return out.slice(0, most);
    }

    /** The categories in the picture, in the legend's order. */
    function occurring() {
        const sums = new Float64Array(M.COUNT);
        const { from, to } = visible();
        for (const lane of app.lanes.lanes.slice(from, to)) {
            const track = trackOf(lane);
            if (track) M.addTotals(track, app.view.t0, app.view.t1, sums);
        }
        return [...sums.keys()].filter((c) => sums[c] > 0 && c !== M.EMPTY);
    }

    /** Draws all of it. @param {ReturnType<typeof plan>} p @param {Place_} place gives a part its surface */
    function* draw(p, place) {
        const { ctx, ratio } = place(0, 0, p.w, p.h);
        dom.rect(ctx, '--panel', 0, 0, p.w, p.h);
        ctx.textBaseline = 'top';
        for (const { text, font, colour, x, y } of p.lines) {
            ctx.font = font;
            ctx.fillStyle = app.css(colour).trim();
            ctx.fillText(text, x, y);
        }
        ctx.font = SMALL;
        for (const { cat, x, y } of p.legend) {
            ctx.fillStyle = dom.fill(ctx, cat, app.dark(), ratio);
            ctx.fillRect(x, y, 24, 14);
            ctx.fillStyle = app.css('--ink').trim();
            ctx.fillText(M.CATEGORIES[cat].word, x + 30, y + 1);
        }
        const state = waitscope.overlay;
        for (const { part, x, y } of p.parts) {
            if (part !== 'overlay') yield; /* which stands over the lanes as they are */
            const { mouse } = state;
            state.mouse = null;
            waitscope.lanes.as(p.part, () => dom.divert((w, h) => place(x, y, w, h), app.painter(part)));
            state.mouse = mouse;
        }
    }

    /* ---- forms */

    function* png() {
        const canvas = document.createElement('canvas');
        const main = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
        const p = plan(main, partOf(PNG_HIGH));
        canvas.width = p.w * 2;
        canvas.height = p.h * 2;
        /** @type {{canvas: HTMLCanvasElement, x: number, y: number}[]} */
        const layers = [];
        yield* draw(p, (x, y, w, h) => {
            const layer = document.createElement('canvas');
            layer.width = w * 2;
            layer.height = h * 2;
            layers.push({ canvas: layer, x, y });
            const ctx = /** @type {CanvasRenderingContext2D} */ (layer.getContext('2d'));
            ctx.setTransform(2, 0, 0, 2, 0, 0);
            return { ctx, ratio: 2, pw: w * 2, ph: h * 2 };
        });
        for (const layer of layers) main.drawImage(layer.canvas, layer.x * 2, layer.y * 2);
        return canvas;
    }

    function* vectors() {
        const p = plan(/** @type {CanvasRenderingContext2D} */ (document.createElement('canvas').getContext('2d')), partOf(SVG_HIGH));
        for (const ratio of [2, 1]) {
            const d = svg.drawing(p.w, p.h, ratio);
            yield* draw(p, d.surface);
            const { text, count } = yield* d.finish();
            if (count <= MANY || ratio === 1) return text;
        }
        return '';
    }

    /** What is chosen; without a choice all that the window shows. @returns {Portion | null} */
    function chosen() {
        const m = app.model;
        const s = app.selection;
        if (!m) return null;
        const span = s && app.spanOf(s);
        if (s && span && s.kind === 'request') return { kind: s.kind, ...span, threads: [], fits: (r) => r === s.request };
        if (s && span && s.kind !== 'area' && s.kind !== 'request') return { kind: s.kind, ...span, threads: [s.thread], fits: () => false };
        const { pack } = m;
        const shown = (/** @type {number} */ r) => pack !== null && pack.rowOf[r] !== layout.NONE;
        /* With nothing chosen: all that lies in the window, folded or not. */
        if (!s || s.kind !== 'area' || !span)
            return { kind: 'area', t0: Math.ceil(app.view.t0), t1: Math.floor(app.view.t1), threads: m.header.threads.map((_, i) => i), fits: shown };
        const inside = app.lanes.lanes.filter((l) => s.lanes.includes(l.key));
        const rows = new Set(inside.filter((l) => l.row >= 0).map((l) => l.row));
        return {
            kind: 'area',
            ...span,
            threads: [...new Set(inside.filter((l) => l.thread >= 0).map((l) => l.thread))],
            fits: (r) => pack !== null && rows.has(pack.rowOf[r]),
        };
    }

    /* ---- the ways out */

    /** @param {string} text */
    function said(text) {
        get('saved').textContent = text;
    }

    /** @param {string} suffix */
    function nameOf(suffix) {
        const m = /** @type {Model} */ (app.model);
        const { t0, t1 } = app.view;
        /* A report does not know its name; its address does. */
        const own = m.name === 'this report' ? hash.plain(location.pathname.replace(/.*\//s, '')) : m.name;
        const base = own.replace(/(\.(wsc|json|gz|html))+$/, '');
        return hash.fileName(base, t0 > 0 || t1 < m.header.duration_ns ? app.view : null, suffix);
    }

    /** @param {Blob | null} blob @param {string} name */
    function give(blob, name) {
        if (!blob) return said('The browser made no picture of it.');
        const url = URL.createObjectURL(blob);
        el('a', { href: url, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60e3);
        said(`Saved as ${name}`);
    }

    /** @template T @param {string} id @param {() => Generator<void, T>} work @param {(result: T) => void} done */
    function button(id, work, done) {
        get(id).addEventListener('click', () => {
            if (!app.model) return;
            said('One moment …');
            app.slowly(work(), done);
        });
    }
    button('save-png', png, (canvas) => {
        const name = nameOf('png');
        canvas.toBlob((blob) => give(blob, name));
    });
    button('save-svg', vectors, (text) => give(new Blob([text], { type: 'image/svg+xml' }), nameOf('svg')));
    button(
        'save-json',
        function* () {
            const what = chosen();
            return what && app.model ? yield* portion.json(app.model, what) : [];
        },
        (parts) => give(new Blob(parts, { type: 'application/json' }), nameOf('json')),
    );

    /** @param {string} text @param {string} done */
    function copy(text, done) {
        const refused = () => said('The browser does not let this page copy.');
        if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => said(done), refused);
        else refused();
    }
    get('copy-link').addEventListener('click', () =>
        copy(document.URL.replace(/#.*/s, '') + waitscope.place.link(), location.protocol === 'file:' ? 'Copied. It leads to this file here; what follows the # works on every copy of it.' : 'Copied.'),
    );
    get('copy-text').addEventListener('click', () => {
        waitscope.details.tab('details');
        requestAnimationFrame(() => copy(get('details').innerText, 'Copied.'));
    });

    function close() {
        menu.open = false;
    }
    menu.addEventListener('toggle', () => said(''));
    menu.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => {
        if (e.key !== 'Escape' || !menu.open) return;
        close();
        menu.firstElementChild.focus();
        e.stopPropagation();
    });
    addEventListener('pointerdown', (e) => menu.contains(/** @type {Node} */ (e.target)) || close());

    return {
        open() {
            menu.open = true;
            menu.querySelector('button').focus();
        },
    };
})();
