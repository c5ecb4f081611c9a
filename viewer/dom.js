/* Small helpers for the page. Text goes in as text alone; nothing here takes markup. */
var waitscope = waitscope || {};

waitscope.dom = (function () {
    'use strict';

    /** The element of an id, which index.html promises. @param {string} id @returns {any} */
    function get(id) {
        const e = document.getElementById(id);
        if (!e) throw new Error(`index.html lacks #${id}`);
        return e;
    }

    /**
     * @param {string} tag
     * @param {Record<string, string | number | boolean | ((e: any) => void)> | null} [props] functions are
     *     listeners, `class` and the rest attributes
     * @param {...(Node | string | null)} children
     * @returns {any}
     */
    function el(tag, props, ...children) {
        const e = document.createElement(tag);
        for (const [name, value] of Object.entries(props || {})) {
            if (typeof value === 'function') e.addEventListener(name, value);
            else if (value === true) e.setAttribute(name, '');
            else if (value !== false) e.setAttribute(name, String(value));
        }
        for (const child of children) if (child !== null) e.append(child);
        return e;
    }

    /**
     * @typedef {object} Surface what is drawn on
     * @property {CanvasRenderingContext2D} ctx
     * @property {number} ratio
     * @property {number} pw
     * @property {number} ph
     * @property {{side: number, data: Uint32Array}} [codes] numbers to draw in the place of hatches
     */

    /** Where drawings go while one is exported. @type {((w: number, h: number) => Surface) | null} */
    let elsewhere = null;

    /** Runs a drawing for another surface than the screen's. @param {(w: number, h: number) => Surface} to
     * @param {() => void} draw */
    function divert(to, draw) {
        elsewhere = to;
        try {
            draw();
        } finally {
            elsewhere = null;
        }
    }

    /** A canvas's size in pixels of the screen, and its context scaled to those of the page.
     * @param {HTMLCanvasElement} canvas @param {number} w @param {number} h @returns {Surface} */
    function fit(canvas, w, h) {
        if (elsewhere) return elsewhere(w, h);
        const ratio = window.devicePixelRatio || 1;
        const pw = Math.max(1, Math.round(w * ratio));
        const ph = Math.max(1, Math.round(h * ratio));
        if (canvas.width !== pw || canvas.height !== ph) {
            canvas.width = pw;
            canvas.height = ph;
            canvas.style.width = `${w}px`;
            canvas.style.height = `${h}px`;
        }
        const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
        ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
        return { ctx, ratio, pw, ph };
    }

    /** A rectangle in a colour of the style sheet. @param {CanvasRenderingContext2D} ctx
     * @param {string} name @param {number} x @param {number} y @param {number} w @param {number} h */
    function rect(ctx, name, x, y, w, h) {
        ctx.fillStyle = waitscope.app.css(name);
        ctx.fillRect(x, y, w, h);
    }

    /** @type {Map<string, HTMLCanvasElement>} */
    const patterns = new Map();

    /** A category as a fill: its hatch over its colour.
     * @param {CanvasRenderingContext2D} ctx @param {number} cat @param {boolean} dark @param {number} ratio */
    function fill(ctx, cat, dark, ratio) {
        if ('hatch' in ctx) return /** @type {any} */ (ctx).hatch(cat); /* a drawing names its own */
        const key = `${cat} ${dark} ${ratio}`;
        let tile = patterns.get(key);
        if (!tile) {
            const { side, data } = waitscope.palette.tiles(dark, ratio);
            tile = document.createElement('canvas');
            tile.width = tile.height = side;
            const px = data.slice(cat * side * side, (cat + 1) * side * side);
            const image = new ImageData(new Uint8ClampedArray(px.buffer), side, side);
            /** @type {CanvasRenderingContext2D} */ (tile.getContext('2d')).putImageData(image, 0, 0);
            patterns.set(key, tile);
        }
        const pattern = /** @type {CanvasPattern} */ (ctx.createPattern(tile, 'repeat'));
        pattern.setTransform(new DOMMatrix([1 / ratio, 0, 0, 1 / ratio, 0, 0]));
        return pattern;
    }

    /** A small picture of a category, beside its word. @param {number} cat */
    function swatch(cat) {
        const canvas = el('canvas', { class: 'swatch', 'aria-hidden': 'true', 'data-cat': cat });
        drawSwatch(canvas);
        return canvas;
    }

    /** @param {HTMLCanvasElement} canvas */
    function drawSwatch(canvas) {
        const { ctx, ratio } = fit(canvas, 24, 16);
        ctx.clearRect(0, 0, 24, 16);
        ctx.fillStyle = fill(ctx, Number(canvas.dataset.cat), waitscope.app.dark(), ratio);
        ctx.fillRect(0, 0, 24, 16);
    }

    /** A ledger as a bar. @param {HTMLCanvasElement} canvas @param {number} w @param {number} h
     * @param {{cat: number, ns: number}[]} parts @param {number} full what the whole width stands for */
    function bar(canvas, w, h, parts, full) {
        const { ctx, ratio } = fit(canvas, w, h);
        ctx.clearRect(0, 0, w, h);
        if (!(full > 0)) return;
        let sum = 0;
        for (const { cat, ns } of parts) {
            const x0 = Math.round((sum / full) * w * ratio) / ratio;
            sum += ns;
            const x1 = Math.round((sum / full) * w * ratio) / ratio;
            if (x1 <= x0) continue;
            ctx.fillStyle = fill(ctx, cat, waitscope.app.dark(), ratio);
            ctx.fillRect(x0, 0, x1 - x0, h);
        }
    }

    return { get, el, fit, divert, rect, fill, swatch, drawSwatch, bar };
})();
