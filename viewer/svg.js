/*
 * A drawing in vectors: what passes for a canvas's context to those who draw, and keeps their calls
 * as elements. Lanes come as pixels that hold categories; rectangles are made of them at the end.
 * Nodes are made one by one, so no text of a file can become markup.
 */
var waitscope = waitscope || {};

waitscope.svg = (function () {
    'use strict';

    const { app, palette, vector, model: M } = waitscope;
    /* A name that looks like an address; nothing is fetched, and none stands in the page. */
    const NS = ['http:', '', 'www.w3.org', '2000', 'svg'].join('/');
    const XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu; /* what it cannot hold */

    /** @param {string} tag @param {Record<string, string | number>} [props] @param {string} [text] @returns {SVGElement} */
    function node(tag, props = {}, text = '') {
        const e = /** @type {SVGElement} */ (document.createElementNS(NS, tag));
        for (const [name, value] of Object.entries(props)) e.setAttribute(name, typeof value === 'number' ? String(Math.round(value * 100) / 100) : value);
        if (text) e.textContent = text.replace(XML, '\ufffd');
        return e;
    }

    /** @param {number} w @param {number} h @param {number} ratio of the lanes' pixels to the page's */
    function drawing(w, h, ratio) {
        const root = node('svg', { xmlns: NS, width: w, height: h, viewBox: `0 0 ${w} ${h}`, 'font-family': 'system-ui, sans-serif' });
        const defs = node('defs');
        root.append(defs);
        const side = { side: 1, data: Uint32Array.from(M.CATEGORIES, (c, i) => (c.key ? i + 1 : 0)) };
        /** @type {{group: SVGElement, px: Uint32Array, w: number, h: number}[]} */
        const images = [];
        const scratch = /** @type {CanvasRenderingContext2D} */ (document.createElement('canvas').getContext('2d'));
        let clips = 0;
        /** @type {Set<string>} */
        const hatches = new Set();

        /** A colour as all programs read it. @param {string} style @param {number} alpha */
        function paint(style, alpha) {
            scratch.fillStyle = '#000';
            scratch.fillStyle = style;
            const [, rgb, a] = /^rgba\((.*), ([\d.]+)\)$/.exec(String(scratch.fillStyle)) || ['', '', '1'];
            return { fill: String(style).startsWith('url') ? style : rgb ? `rgb(${rgb})` : String(scratch.fillStyle), opacity: Number(a) * alpha };
        }

        /** @param {number} x @param {number} y @param {number} pw @param {number} ph */
        function context(x, y, pw, ph) {
            const base = node('svg', { x, y, width: pw, height: ph });
            root.append(base);
            let group = base;
            /** @type {{group: SVGElement, alpha: number}[]} */
            const kept = [];
            let path = '';
            const c = {
                fillStyle: '',
                strokeStyle: '',
                font: '',
                textAlign: '',
                textBaseline: '',
                lineWidth: 1,
                globalAlpha: 1,
                globalCompositeOperation: '',
                /** @param {SVGElement} e */
                put: (e) => (c.globalCompositeOperation === 'destination-over' ? base.prepend(e) : group.append(e)),
                /** @param {string} tag @param {Record<string, string | number>} shape @param {boolean} line */
                shape(tag, shape, line) {
                    const { fill, opacity } = paint(line ? c.strokeStyle : c.fillStyle, c.globalAlpha);
                    /** @type {Record<string, string | number>} */
                    const look = line ? { fill: 'none', stroke: fill, 'stroke-width': c.lineWidth, 'stroke-opacity': opacity } : { fill, 'fill-opacity': opacity };
                    c.put(node(tag, { ...shape, ...look }));
                },
                /** @param {number} cat */
                hatch: (cat) => hatch(cat, 1),
                clearRect() {},
                setLineDash() {},
                save: () => kept.push({ group, alpha: c.globalAlpha }),
                restore() {
                    const k = kept.pop();
                    if (k) [group, c.globalAlpha] = [k.group, k.alpha];
                },
                beginPath: () => (path = ''),
                moveTo: (/** @type {number[]} */ ...p) => (path += `M${p}`),
                lineTo: (/** @type {number[]} */ ...p) => (path += `L${p}`),
                quadraticCurveTo: (/** @type {number[]} */ ...p) => (path += `Q${p}`),
                bezierCurveTo: (/** @type {number[]} */ ...p) => (path += `C${p}`),
                closePath: () => (path += 'Z'),
                /** @param {number} a @param {number} b @param {number} rw @param {number} rh */
                rect: (a, b, rw, rh) => (path += `M${a},${b}h${rw}v${rh}h${-rw}z`),
                clip() {
                    const id = `clip${++clips}`;
                    const clip = node('clipPath', { id });
                    clip.append(node('path', { d: path }));
                    defs.append(clip);
                    const inside = node('g', { 'clip-path': `url(#${id})` });
                    group.append(inside);
                    group = inside;
                },
                fill: () => c.shape('path', { d: path }, false),
                stroke: () => c.shape('path', { d: path }, true),
                /** @param {number} a @param {number} b @param {number} rw @param {number} rh */
                fillRect: (a, b, rw, rh) => rw > 0 && rh > 0 && c.shape('rect', { x: a, y: b, width: rw, height: rh }, false),
                /** @param {number} a @param {number} b @param {number} rw @param {number} rh */
                strokeRect: (a, b, rw, rh) => c.shape('rect', { x: a, y: b, width: rw, height: rh }, true),
                /** @param {string} text @param {number} a @param {number} b */
                fillText(text, a, b) {
                    const [, weight, size] = /(\d+ )?([\d.]+)px/.exec(c.font) || ['', '', '11'];
                    const down = { middle: 0.35, top: 0.8 }[c.textBaseline] || 0;
                    /** @type {Record<string, string | number>} */
                    const props = { x: a, y: b + down * Number(size), 'font-size': size, fill: paint(c.fillStyle, 1).fill };
                    if (weight) props['font-weight'] = weight.trim();
                    if (c.textAlign === 'right') props['text-anchor'] = 'end';
                    c.put(node('text', props, text));
                },
                /** @param {string} text */
                measureText(text) {
                    scratch.font = c.font;
                    return scratch.measureText(text);
                },
                /** @param {ImageData} image @param {number} a @param {number} b */
                putImageData(image, a, b) {
                    const g = node('g', { transform: `translate(${a / ratio} ${b / ratio}) scale(${1 / ratio})`, 'shape-rendering': 'crispEdges' });
                    group.append(g);
                    images.push({ group: g, px: new Uint32Array(image.data.buffer.slice(0)), w: image.width, h: image.height });
                },
            };
            return c;
        }

        /** A category's hatch as a fill. @param {number} cat @param {number} scale of what it fills: the
         * hatch keeps its size @returns {string} */
        function hatch(cat, scale) {
            const id = `hatch-${M.CATEGORIES[cat].key}-${scale}`;
            if (!hatches.has(id)) {
                hatches.add(id);
                const tile = palette.tiles(app.dark(), 1);
                const px = tile.data.slice(cat * tile.side ** 2, (cat + 1) * tile.side ** 2);
                const pattern = node('pattern', { id, width: tile.side, height: tile.side, patternUnits: 'userSpaceOnUse', patternTransform: `scale(${scale})` });
                const work = vector.regions(px, tile.side, tile.side);
                let r = work.next();
                while (!r.done) r = work.next();
                for (const [v, d] of r.value.paths) pattern.append(node('path', { d, fill: `rgb(${[0, 8, 16].map((by) => (v >> by) & 255)})` }));
                defs.append(pattern);
            }
            return `url(#${id})`;
        }

        /** Makes the rectangles, and the text of it all. @returns {Generator<void, {text: string, count: number}>} */
        function* finish() {
            let count = 0;
            for (const { group, px, w: iw, h: ih } of images) {
                const r = yield* vector.regions(px, iw, ih);
                count += r.count;
                for (const [v, d] of r.paths) {
                    const key = v === vector.FLIGHT ? 'in flight' : M.CATEGORIES[v - 1].key;
                    group.append(node('path', { 'data-state': key, d, fill: v === vector.FLIGHT ? app.css('--flight').trim() : hatch(v - 1, ratio) }));
                }
                yield;
            }
            return { text: new XMLSerializer().serializeToString(root), count };
        }

        return {
            /** A part of it, as dom.fit() gives one. @param {number} x @param {number} y @param {number} pw @param {number} ph */
            surface: (x, y, pw, ph) => ({
                ctx: /** @type {CanvasRenderingContext2D} */ (/** @type {unknown} */ (context(x, y, pw, ph))),
                ratio,
                pw: Math.round(pw * ratio),
                ph: Math.round(ph * ratio),
                codes: side,
            }),
            finish,
        };
    }

    return { drawing };
})();
