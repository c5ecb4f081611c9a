/*
 * The tabs' tables where two recordings are compared: a line for A, one for B, one for what changed.
 * Which changes are more than chance is diff.js's to say, as in the tab of differences.
 */
var waitscope = waitscope || {};

/**
 * @typedef {object} BesideRow what A and B have of one kind; null where one has nothing
 * @property {any} a
 * @property {any} b
 * @property {Pair} [pair] whose changes can be told from chance
 *
 * @typedef {{row: any, side: number, one: any}} Line side: 0 for A, 1 for B, 2 for the change
 *
 * @typedef {object} Figure a column of numbers
 * @property {string} key
 * @property {string} label
 * @property {number} [cat]
 * @property {string} [title]
 * @property {(one: any) => number} value
 * @property {boolean} [sum] what one of them lacks is 0
 * @property {(a: Kind, b: Kind) => Change} [test] else the change is told as it is
 * @property {(one: any, ns: number) => any} [cell] else it is a time
 */

waitscope.beside = (function () {
    'use strict';

    const { dom, diff, format, model: M, numbers } = waitscope;
    const { el } = dom;
    const BAR = 110;
    const CHANCE = 'Change: B less A. ~ is no more than chance among so many requests; what is not bold was not tested for it.';

    /** @param {any} row @returns {Line[]} */
    function lines(row) {
        const both = row.a && row.b;
        return [...(row.a ? [{ row, side: 0, one: row.a }] : []), ...(row.b ? [{ row, side: 1, one: row.b }] : []), ...(both ? [{ row, side: 2, one: null }] : [])];
    }

    /** A cell that holds nothing. */
    function none() {
        return el('td', { class: 'zero' }, '–');
    }

    /** @param {number} n of B less that of A @param {string} text of its size @param {string} title
     * @param {boolean | null} clear null: not tested */
    function changeCell(n, text, title, clear) {
        const sign = n < 0 ? '−' : n > 0 ? '+' : '';
        const why = clear === false ? ': no more than chance' : '';
        return el('td', { class: 'change', 'data-ns': n, 'data-clear': String(clear), title: `${sign}${title}${why}` }, clear === false ? '~' : `${sign}${text}`);
    }

    /** @param {Figure} f @param {any} row @returns {Change | {ns: number, clear: null} | null} */
    function changeOf(f, row) {
        if (!row.a || !row.b) return null;
        if (!f.test || !row.pair) return { ns: f.value(row.b) - f.value(row.a), clear: null };
        return row.pair.change ? f.test(row.pair.a, row.pair.b) : null;
    }

    /** Sorts by how much changed; what only one of them has comes last, but for sums.
     * @param {Figure} f @returns {NumberColumn} */
    function column(f) {
        return {
            key: f.key,
            label: f.label,
            cat: f.cat,
            title: f.title,
            of: (row) => {
                const c = changeOf(f, row);
                if (!c && f.sum) return f.value(row.a || row.b);
                return c ? Math.abs(c.ns) : -1;
            },
            cell: ({ row, side, one }) => {
                if (side < 2) {
                    const v = f.value(one);
                    if (!Number.isFinite(v)) return none();
                    return f.cell ? f.cell(one, v) : numbers.time(v);
                }
                const c = changeOf(f, row);
                if (!c || !Number.isFinite(c.ns)) return none();
                const size = Math.abs(c.ns);
                return f.cell ? changeCell(c.ns, format.count(size), format.count(size), c.clear) : changeCell(c.ns, size ? format.ms(size) : '0', format.exact(size), c.clear);
            },
        };
    }

    /** Which recording a line is of; it finds these requests alone, where they can be found.
     * @param {((line: Line) => string[]) | null} terms @param {string[]} keys others that go @returns {NumberColumn} */
    function letter(terms, keys) {
        return {
            key: 'recording',
            label: 'recording',
            text: true,
            cell: (line) => {
                if (line.side === 2) return el('td', { class: 'text' }, 'change');
                const badge = el('span', { class: 'badge' }, 'AB'[line.side]);
                return terms ? numbers.filterCell(badge, [...terms(line), `recording:${'AB'[line.side]}`], keys) : el('td', { class: 'text' }, badge);
            },
        };
    }

    /** What requests are made of, as numbers.madeOf() says it of one recording.
     * @param {Model} m @param {BesideRow[]} rows their parts are `Made` @param {Figure[]} between @returns {NumberColumn[]} */
    function madeOf(m, rows, between) {
        const sums = m.header.ledger.map((_, i) => rows.reduce((sum, r) => sum + (r.a ? r.a.ledger[i] : 0) + (r.b ? r.b.ledger[i] : 0), 0));
        const weight = (/** @type {{cat: number, ns: number}} */ x) => (x.cat === M.BLOCKED ? Infinity : x.ns);
        const keys = numbers.partsOf(m, sums).filter((x) => x.ns > 0);
        keys.sort((x, y) => (weight(x) === weight(y) ? x.i - y.i : weight(y) - weight(x)));
        const mean = (/** @type {Made} */ one) => (one.n ? Math.round(one.sum / one.n) : NaN);
        return [
            column({ key: 'n', label: 'requests', sum: true, value: (one) => one.n, cell: (one, n) => el('td', { title: one.open ? `and ${format.count(one.open)} not begun or not answered, which are not compared` : '' }, format.count(n)) }),
            { key: 'bar', label: 'made of', text: true, cell: (line) => bar(m, line) },
            column({ key: 'mean', label: 'mean', value: mean, test: (a, b) => diff.ofMean(a, b, m.header.ledger.length) }),
            ...between.map(column),
            ...keys.map(({ i, key, cat, word }) =>
                column({
                    key,
                    label: word,
                    cat,
                    title: M.CATEGORIES[cat].says,
                    value: (one) => (one.n ? Math.round(one.ledger[i] / one.n) : NaN),
                    test: (a, b) => diff.ofMean(a, b, i),
                }),
            ),
        ];
    }

    /** A mean ledger, to the scale of the longer of the two; below them, what moved.
     * @param {Model} m @param {Line} line */
    function bar(m, { row, side, one }) {
        if (side === 2) return el('td', { class: 'text' }, row.pair ? diff.movement(row.pair, m.header.ledger, 2) || '~' : '');
        if (!one.n) return none();
        const mean = (/** @type {Made | null} */ x) => (x && x.n ? x.sum / x.n : 0);
        const canvas = el('canvas', { 'aria-hidden': 'true' });
        dom.bar(canvas, BAR, 14, numbers.partsOf(m, one.ledger).map((x) => ({ ...x, ns: x.ns / one.n })), Math.max(mean(row.a), mean(row.b)));
        return el('td', null, canvas);
    }

    /** @param {Pair} pair @returns {BesideRow} */
    function rowOf(pair) {
        const made = (/** @type {Kind | null} */ k) => k && { n: k.complete, open: k.open, sum: k.sum, ledger: k.ledger, kind: k };
        return { pair, a: made(pair.a), b: made(pair.b) };
    }

    /** The least, percentiles and the most. @param {number[]} percents @returns {Figure[]} */
    function ranks(percents) {
        const at = (/** @type {any} */ one, /** @type {number} */ i) => (one.n ? one.kind.sorted[i < 0 ? one.n - 1 : i] : NaN);
        return [
            { key: 'min', label: 'min', value: (one) => at(one, 0) },
            ...percents.map((p) => ({
                key: `p${p * 10}`,
                label: `p${p}`,
                value: (/** @type {any} */ one) => (one.n ? diff.percentile(one.kind, p) : NaN),
                test: (/** @type {Kind} */ a, /** @type {Kind} */ b) => diff.ofRank(a, b, p),
            })),
            { key: 'max', label: 'max', value: (one) => at(one, -1) },
        ];
    }

    /** @param {NumberColumn[]} columns @param {BesideRow[]} rows @param {Sorting | null} sorting @param {string} label */
    function table(columns, rows, sorting, label) {
        return numbers.table(columns, rows, sorting, label, lines);
    }

    return { CHANCE, column, letter, madeOf, rowOf, ranks, table };
})();
