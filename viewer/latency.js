/* What the slow requests are made of that the fast ones are not: a histogram of latency whose bars
 * show their ledger, and the bands between percentiles in numbers. */
var waitscope = waitscope || {};

(function () {
    'use strict';

    const { app, beside, diff, dom, format, filter, stats, numbers, palette } = waitscope;
    const { el } = dom;
    const AXIS = 17; /* pixels of the axis, and beside the bars */
    const LEFT = 46;
    /** Pixels of the bars, of the strip below them, and of all: of one recording, of each of two, and of
     * these where the panel is so low that one would hide the other. */
    const ONE = { high: 84, strip: 20, all: 108 };
    const TWO = { high: 64, strip: 10, all: 84 };
    const FLAT = { high: 36, strip: 6, all: 49 };
    const HINT = 'Bars: how many requests took so long. The strip below: what their time was made of. Click for only these.';

    /** @typedef {{high: number, strip: number, all: number}} Size */
    /** @typedef {{n: number, bins: Bin[], bands: Band[], letter?: string, sorted?: Float64Array}} Side sorted: their latencies */

    /** @param {Model} m @param {Bin} b @param {Side} side */
    function words(m, b, { n, letter }) {
        const parts = numbers.partsOf(m, b.ledger).filter((x) => x.ns > 0).sort((x, y) => y.ns - x.ns);
        const made = parts.map((x) => `${x.word} ${format.time(x.ns / b.n)} (${format.percent(x.ns / b.sum)})`);
        return `${letter ? `${letter} · ` : ''}${format.time(b.lo)} to ${format.time(b.hi)}: ${format.plural(b.n, 'request')}, ${format.percent(b.n / n)}. Mean: ${made.join(', ')}`;
    }

    /** The sentence that one came for. @param {Model} m @param {Side} all */
    function answer(m, all) {
        const d = stats.difference(all);
        if (!d) return null;
        const who = d.from === 990 ? 'The slowest 1 %' : d.from === 900 ? 'The slowest 10 %' : 'The slower half';
        const parts = numbers.partsOf(m, d.parts).sort((a, b) => b.ns - a.ns).filter((x) => Math.abs(x.ns) > d.ns / 20);
        return el(
            'p',
            { class: 'answer' },
            all.letter ? el('span', { class: 'badge' }, all.letter) : '',
            `${who} (${format.count(d.count)} above ${format.time(d.above)}) took ${format.time(d.ns)} more each than the faster half: `,
            ...parts.map((x) => el('span', { class: 'state' }, dom.swatch(x.cat), `${x.ns > 0 ? '+' : ''}${format.time(x.ns)} ${x.word}`)),
        );
    }

    /* ---- the histogram */

    /** A bin's ledger, stacked as in the lanes. @param {CanvasRenderingContext2D} ctx @param {Model} m
     * @param {Bin} b @param {number} x @param {number} w @param {number} bottom @param {number} h
     * @param {number} ratio */
    function stack(ctx, m, b, x, w, bottom, h, ratio) {
        const at = (/** @type {number} */ ns) => Math.round((bottom - (ns / b.sum) * h) * ratio) / ratio;
        const place = (/** @type {{cat: number}} */ part) => palette.STACK.indexOf(part.cat);
        let sum = 0;
        for (const { cat, ns } of numbers.partsOf(m, b.ledger).sort((p, q) => place(p) - place(q))) {
            const y = at(sum);
            sum += ns;
            ctx.fillStyle = dom.fill(ctx, cat, app.dark(), ratio);
            ctx.fillRect(x, at(sum), w, y - at(sum));
        }
    }

    /** Of one recording the bars count requests; of two they are shares of each one's, so that the
     * larger does not hide the smaller. @param {Model} m @param {Side[]} sides @param {number} width @param {Size} size */
    function draw(m, sides, width, size) {
        const two = sides.length > 1;
        const { bins } = sides[0];
        const canvas = el('canvas', { 'aria-hidden': 'true' });
        const { ctx, ratio } = dom.fit(canvas, width, size.all * sides.length + AXIS);
        const heightOf = (/** @type {Side} */ s, /** @type {Bin} */ b) => (two ? b.n / Math.max(s.n, 1) : b.n);
        const most = Math.max(...sides.map((s) => s.bins.reduce((a, b) => Math.max(a, heightOf(s, b)), 0)));
        const step = (width - LEFT) / bins.length;
        ctx.font = waitscope.lanes.FONT;
        ctx.textBaseline = 'middle';
        sides.forEach((side, k) => {
            const top = k * size.all;
            const base = top + size.high;
            ctx.textAlign = 'right';
            for (const [n, y] of [[most, top + 6], [0, base]]) {
                dom.rect(ctx, '--tick', LEFT, y, width - LEFT, 1);
                ctx.fillStyle = app.css('--muted');
                ctx.fillText(two ? format.percent(n) : format.count(n), LEFT - 6, Math.min(y, base - 5));
            }
            side.bins.forEach((b, i) => {
                if (b.n === 0) return;
                const x = LEFT + Math.round(i * step * ratio) / ratio;
                const w = Math.max(LEFT + Math.round((i + 1) * step * ratio) / ratio - x - 1, 1);
                stack(ctx, m, b, x, w, base, Math.max((heightOf(side, b) / most) * (size.high - 6), 2), ratio);
                stack(ctx, m, b, x, w, base + 4 + size.strip, size.strip, ratio);
            });
            if (two) ranks(ctx, side, top, width, step, size);
        });
        ctx.fillStyle = app.css('--muted');
        const every = Math.ceil(64 / step);
        for (let i = 0; i <= bins.length; i += every) {
            const text = format.time(i < bins.length ? bins[i].lo : bins[i - 1].hi);
            const x = LEFT + i * step;
            ctx.textAlign = x + ctx.measureText(text).width / 2 > width ? 'right' : 'center';
            ctx.fillText(text, ctx.textAlign === 'right' ? width : x, size.all * sides.length + 6);
        }
        return canvas;
    }

    /** Where a latency stands among the bins, in bins. @param {Bin[]} bins @param {number} ns */
    function placeOf(bins, ns) {
        const i = Math.max(bins.findIndex((b) => ns < b.hi), 0);
        const { lo, hi } = bins[i];
        return i + (lo > 0 ? Math.log(ns / lo) / Math.log(hi / lo) : ns / hi);
    }

    /** The letter of a recording, and lines at its percentiles; words that would stand on one another
     * stand below one another. @param {CanvasRenderingContext2D} ctx @param {Side} side
     * @param {number} top @param {number} width @param {number} step @param {Size} size */
    function ranks(ctx, side, top, width, step, size) {
        const plate = (/** @type {string} */ text, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ wide) => {
            ctx.globalAlpha = 0.9;
            dom.rect(ctx, '--panel', x, y, wide, 14);
            ctx.globalAlpha = 1;
            ctx.fillStyle = app.css('--ink');
            ctx.fillText(text, x + 3, y + 7);
        };
        ctx.textAlign = 'left';
        ctx.font = `700 13px system-ui, sans-serif`;
        ctx.fillStyle = app.css('--accent');
        ctx.fillText(side.letter || '', 4, top + size.high / 2);
        ctx.font = waitscope.lanes.FONT;
        if (!side.n) plate('No answered request fits.', LEFT + 4, top + size.high / 2 - 7, 160);
        const { sorted } = side;
        if (!side.n || !sorted) return;
        const all = [500, 900, 990].map((mille) => {
            const ns = sorted[stats.rank(side.n, mille)];
            return { x: LEFT + placeOf(side.bins, ns) * step, text: `p${mille / 10} ${format.time(ns)}` };
        });
        for (const { x } of all) dom.rect(ctx, '--ink', x - 0.75, top + 2, 1.5, size.high - 2);
        let [edge, row] = [-1, 0];
        for (const { x, text } of all) {
            const wide = ctx.measureText(text).width + 6;
            const at = x + wide > width ? x - wide : x + 1;
            row = at < edge ? row + 1 : 0;
            edge = Math.max(edge, at + wide + 4);
            plate(text, at, top + 1 + row * 15, wide);
        }
    }

    /** A button over each bin, one of which Tab reaches; the arrows go to the others.
     * @param {Model} m @param {Side} side @param {number} k @param {number} width @param {Size} size @param {any} line */
    function buttons(m, side, k, width, size, line) {
        const { letter } = side;
        const step = (width - LEFT) / side.bins.length;
        const name = `Histogram of latency${letter ? ` of ${letter}` : ''}; arrows go from bin to bin`;
        const box = el('div', { class: 'bins', role: 'group', 'aria-label': name, pointerleave: () => (line.textContent = HINT) });
        side.bins.forEach((b, i) => {
            if (b.n === 0) return;
            const text = words(m, b, side);
            const tell = () => (line.textContent = text);
            const click = () => numbers.refine([`dur>=${filter.written(b.lo)}`, `dur<${filter.written(b.hi)}`, ...(letter ? [`recording:${letter}`] : [])]);
            const button = el('button', { type: 'button', 'aria-label': text, tabindex: box.firstChild ? '-1' : '0', 'data-focus': `bin ${letter || ''} ${b.lo}`, click, focus: tell, pointerenter: tell });
            button.style.left = `${LEFT + i * step}px`;
            button.style.width = `${step}px`;
            button.style.top = `${k * size.all}px`;
            button.style.height = `${size.all}px`;
            box.append(button);
        });
        return numbers.roving(box);
    }

    /* ---- the bands */

    /** @param {Model} m @param {{n: number, bands: Band[]}} all */
    function bandTable(m, all) {
        /** @type {NumberColumn[]} */
        const columns = [
            { key: 'band', label: 'band', text: true, cell: (b) => numbers.filterCell(`${b.from / 10} – ${b.to / 10} %`, limitsOf(b), ['dur']) },
            ...numbers.madeOf(m, all.bands, [
                { key: 'from', label: 'from', of: (b) => b.min },
                { key: 'to', label: 'to', of: (b) => b.max },
            ]),
        ];
        return numbers.table(columns, all.bands, null, 'Bands of latency');
    }

    /** Terms that say one band alone. @param {Band} b */
    function limitsOf(b) {
        return [...(b.from ? [`dur>${filter.written(b.lo)}`] : []), `dur<=${filter.written(b.hi)}`];
    }

    /** The bands of two recordings, each one's own. @param {Model} m @param {Side[]} sides */
    function bandsOfTwo(m, sides) {
        const at = (/** @type {number} */ k, /** @type {number} */ from) => sides[k].bands.find((b) => b.from === from) || null;
        const froms = [...new Set(sides.flatMap((s) => s.bands.map((b) => b.from)))].sort((x, y) => x - y);
        const rows = froms.map((from) => ({ a: at(0, from), b: at(1, from) }));
        const first = (/** @type {any} */ x) => x.row.a || x.row.b;
        /** @type {NumberColumn[]} */
        const columns = [
            { key: 'band', label: 'band', text: true, once: true, cell: (line) => numbers.textCell(`${first(line).from / 10} – ${first(line).to / 10} %`) },
            beside.letter((line) => limitsOf(line.one), ['dur']),
            ...beside.madeOf(m, rows, [
                { key: 'from', label: 'from', value: (b) => b.min },
                { key: 'to', label: 'to', value: (b) => b.max },
            ]),
        ];
        return beside.table(columns, rows, null, 'Bands of latency, A beside B');
    }

    /** @param {Model} m @param {Requests} q @param {any} panel @param {number} width @param {any} back
     * @returns {Generator<void, (Node | string)[]>} */
    function* workOfTwo(m, q, panel, width, back) {
        const pair = yield* diff.total(m, app.matches);
        const both = yield* stats.latencies(m, q, app.matches, binsIn(width));
        const sides = both.map((side, i) => ({ ...side, letter: 'AB'[i], sorted: (i ? pair.b : pair.a)?.sorted }));
        const rows = [beside.rowOf(pair)];
        const all = beside.table([beside.letter(() => [], []), ...beside.madeOf(m, rows, beside.ranks([50, 90, 99, 99.9]))], rows, null, 'Latency, A beside B');
        yield* all.fill();
        const bands = bandsOfTwo(m, sides);
        yield* bands.fill();
        const size = panel.clientHeight < 2 * TWO.all ? FLAT : TWO;
        const line = el('p', { class: 'quiet' }, HINT);
        const picture = sides.some((s) => s.n > 0) ? [el('div', { class: 'histogram' }, draw(m, sides, width, size), ...sides.map((s, k) => buttons(m, s, k, width, size, line))), line] : [];
        return [
            back && el('div', { class: 'above' }, back),
            ...picture,
            all.node,
            el('div', { class: 'above' }, ...sides.map((s) => answer(m, s)).filter((p) => p !== null)),
            bands.node,
            el('p', { class: 'quiet' }, `${numbers.RANK} Of answered requests alone. Bars are shares of the requests of their recording. A band holds the requests between two percentiles of its own recording; under the words of the ledger: the mean of a request. ${beside.CHANCE}`),
        ];
    }

    /** @param {number} width */
    function binsIn(width) {
        return Math.min(Math.max(Math.floor((width - LEFT) / 9), 8), 60);
    }

    /** @param {any} panel @returns {Generator<void, (Node | string)[]>} */
    function* work(panel) {
        const m = /** @type {Model} */ (app.model);
        const q = m.requests;
        const why = numbers.none();
        const keys = m.header.recordings ? ['dur', 'recording'] : ['dur'];
        const narrowed = filter.parse(app.query).terms.some((t) => keys.includes(t.key));
        const back = narrowed ? el('button', { type: 'button', 'data-focus': 'back', click: () => numbers.refine([], keys) }, keys.length > 1 ? '← all of both' : '← every latency') : '';
        if (!q || why) return [...(why || []), back];
        const width = Math.max(panel.clientWidth - 24, 200);
        if (m.header.recordings) return yield* workOfTwo(m, q, panel, width, back);
        const all = yield* stats.latency(q, app.matches, binsIn(width));
        const t = bandTable(m, all);
        yield* t.fill();
        const line = el('p', { class: 'quiet' }, HINT);
        return [
            el('div', { class: 'above' }, back, answer(m, all)),
            el('div', { class: 'histogram' }, draw(m, [all], width, ONE), buttons(m, all, 0, width, ONE, line)),
            line,
            t.node,
            el('p', { class: 'quiet' }, `${numbers.RANK} A band holds the requests between two of them; under the words of the ledger: the mean of a request, and its share.`),
        ];
    }

    numbers.add({ key: 'latency', word: 'Latency', paint: numbers.painter(work) });
    let shape = '';
    new ResizeObserver(() => {
        const { clientWidth: w, clientHeight: h } = dom.get('view-latency');
        const now = `${w} ${h < 2 * TWO.all}`;
        if (w && now !== shape) app.invalidate('numbers');
        if (w) shape = now;
    }).observe(dom.get('view-latency'));
})();
