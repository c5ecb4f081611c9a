/* What the slow requests are made of that the fast ones are not: a histogram of latency whose bars
 * show their ledger, and the bands between percentiles in numbers. */
var waitscope = waitscope || {};

(function () {
    'use strict';

    const { app, dom, format, filter, stats, numbers, palette } = waitscope;
    const { el } = dom;
    const HIGH = 84; /* pixels of the bars, of the strip below them, of the axis, and beside them */
    const STRIP = 20;
    const AXIS = 17;
    const LEFT = 46;
    const HINT = 'Bars: how many requests took so long. The strip below: what their time was made of. Click for only these.';

    /** @param {Model} m @param {Bin} b @param {number} n */
    function words(m, b, n) {
        const parts = numbers.partsOf(m, b.ledger).filter((x) => x.ns > 0).sort((x, y) => y.ns - x.ns);
        const made = parts.map((x) => `${x.word} ${format.time(x.ns / b.n)} (${format.percent(x.ns / b.sum)})`);
        return `${format.time(b.lo)} to ${format.time(b.hi)}: ${format.plural(b.n, 'request')}, ${format.percent(b.n / n)}. Mean: ${made.join(', ')}`;
    }

    /** The sentence that one came for. @param {Model} m @param {{n: number, bands: Band[]}} all */
    function answer(m, all) {
        const d = stats.difference(all);
        if (!d) return null;
        const who = d.from === 990 ? 'The slowest 1 %' : d.from === 900 ? 'The slowest 10 %' : 'The slower half';
        const parts = numbers.partsOf(m, d.parts).sort((a, b) => b.ns - a.ns).filter((x) => Math.abs(x.ns) > d.ns / 20);
        return el(
            'p',
            { class: 'answer' },
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

    /** @param {Model} m @param {Bin[]} bins @param {number} width */
    function draw(m, bins, width) {
        const canvas = el('canvas', { 'aria-hidden': 'true' });
        const { ctx, ratio } = dom.fit(canvas, width, HIGH + STRIP + AXIS + 4);
        const most = bins.reduce((a, b) => Math.max(a, b.n), 0);
        const step = (width - LEFT) / bins.length;
        ctx.font = waitscope.lanes.FONT;
        ctx.textBaseline = 'middle';
        ctx.textAlign = 'right';
        for (const [n, y] of [[most, 6], [0, HIGH]]) {
            dom.rect(ctx, '--tick', LEFT, y, width - LEFT, 1);
            ctx.fillStyle = app.css('--muted');
            ctx.fillText(format.count(n), LEFT - 6, Math.min(y, HIGH - 5));
        }
        bins.forEach((b, i) => {
            if (b.n === 0) return;
            const x = LEFT + Math.round(i * step * ratio) / ratio;
            const w = Math.max(LEFT + Math.round((i + 1) * step * ratio) / ratio - x - 1, 1);
            stack(ctx, m, b, x, w, HIGH, Math.max((b.n / most) * (HIGH - 6), 2), ratio);
            stack(ctx, m, b, x, w, HIGH + 4 + STRIP, STRIP, ratio);
        });
        ctx.fillStyle = app.css('--muted');
        const every = Math.ceil(64 / step);
        for (let i = 0; i <= bins.length; i += every) {
            ctx.textAlign = i === bins.length ? 'right' : 'center';
            ctx.fillText(format.time(i < bins.length ? bins[i].lo : bins[i - 1].hi), LEFT + i * step, HIGH + STRIP + 14);
        }
        return canvas;
    }

    /** A button over each bin, one of which Tab reaches; the arrows go to the others.
     * @param {Model} m @param {{n: number, bins: Bin[]}} all @param {number} width @param {any} line */
    function buttons(m, all, width, line) {
        const step = (width - LEFT) / all.bins.length;
        const box = el('div', { class: 'bins', role: 'group', 'aria-label': 'Histogram of latency; arrows go from bin to bin', pointerleave: () => (line.textContent = HINT) });
        all.bins.forEach((b, i) => {
            if (b.n === 0) return;
            const text = words(m, b, all.n);
            const tell = () => (line.textContent = text);
            const click = () => numbers.refine([`dur>=${filter.written(b.lo)}`, `dur<${filter.written(b.hi)}`]);
            const button = el('button', { type: 'button', 'aria-label': text, tabindex: box.firstChild ? '-1' : '0', 'data-focus': `bin ${b.lo}`, click, focus: tell, pointerenter: tell });
            button.style.left = `${LEFT + i * step}px`;
            button.style.width = `${step}px`;
            box.append(button);
        });
        return numbers.roving(box);
    }

    /* ---- the bands */

    /** @param {Model} m @param {{n: number, bands: Band[]}} all */
    function bandTable(m, all) {
        const limits = (/** @type {Band} */ b) => [...(b.from ? [`dur>${filter.written(b.lo)}`] : []), `dur<=${filter.written(b.hi)}`];
        /** @type {NumberColumn[]} */
        const columns = [
            { key: 'band', label: 'band', text: true, cell: (b) => numbers.filterCell(`${b.from / 10} – ${b.to / 10} %`, limits(b), ['dur']) },
            ...numbers.madeOf(m, all.bands, [
                { key: 'from', label: 'from', of: (b) => b.min },
                { key: 'to', label: 'to', of: (b) => b.max },
            ]),
        ];
        return numbers.table(columns, all.bands, null, 'Bands of latency');
    }

    /** @param {any} panel @returns {Generator<void, (Node | string)[]>} */
    function* work(panel) {
        const m = /** @type {Model} */ (app.model);
        const q = m.requests;
        const why = numbers.none();
        const narrowed = filter.parse(app.query).terms.some((t) => t.key === 'dur');
        const back = narrowed ? el('button', { type: 'button', 'data-focus': 'back', click: () => numbers.refine([], ['dur']) }, '← every latency') : '';
        if (!q || why) return [...(why || []), back];
        const width = Math.max(panel.clientWidth - 24, 200);
        const all = yield* stats.latency(q, app.matches, Math.min(Math.max(Math.floor((width - LEFT) / 9), 8), 60));
        const t = bandTable(m, all);
        yield* t.fill();
        const line = el('p', { class: 'quiet' }, HINT);
        return [
            el('div', { class: 'above' }, back, answer(m, all)),
            el('div', { class: 'histogram' }, draw(m, all.bins, width), buttons(m, all, width, line)),
            line,
            t.node,
            el('p', { class: 'quiet' }, `${numbers.RANK} A band holds the requests between two of them; under the words of the ledger: the mean of a request, and its share.`),
        ];
    }

    numbers.add({ key: 'latency', word: 'Latency', paint: numbers.painter(work) });
    let wide = 0;
    new ResizeObserver(() => {
        const now = dom.get('view-latency').clientWidth;
        if (now && now !== wide) app.invalidate('numbers');
        wide = now || wide;
    }).observe(dom.get('view-latency'));
})();
