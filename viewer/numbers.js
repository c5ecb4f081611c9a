/*
 * The tables below the timeline, a tab each: requests, groups of them, waits. Another comes by
 * numbers.add(). All of them follow the filter.
 */
var waitscope = waitscope || {};

/**
 * @typedef {object} Tab
 * @property {string} key
 * @property {string} word
 * @property {(panel: any) => void} paint when it is seen and the recording, the filter or the theme changed
 * @property {() => boolean} [follows] whether also when the window on time did
 *
 * @typedef {object} NumberColumn
 * @property {string} key
 * @property {string} label
 * @property {number} [cat] a swatch before the label
 * @property {boolean} [text]
 * @property {string} [title]
 * @property {(row: any) => number | string} [of] to sort by, and to show
 * @property {(row: any) => any} [cell] a td; else `of` is a time
 * @property {boolean} [once] one cell for all lines of a row
 *
 * @typedef {{key: string, down: boolean}} Sorting
 * @typedef {{n: number, sum: number, ledger: Float64Array}} Made requests: their number, latency and ledger
 */

waitscope.numbers = (function () {
    'use strict';

    const { app, dom, format, filter, model: M } = waitscope;
    const { el, get } = dom;
    const MOST = 100; /* rows of a table */
    const BAR = 110;

    /** @type {(Tab & {tab: any, panel: any})[]} */
    const tabs = [];
    let chosen = 'requests';

    /** Adds a tab behind the others. @param {Tab} tab */
    function add(tab) {
        const { key, word } = tab;
        const pick = () => choose(key);
        const button = el('button', { type: 'button', role: 'tab', id: `tab-${key}`, 'aria-controls': `view-${key}`, click: pick, focus: pick }, word);
        const panel =
            document.getElementById(`view-${key}`) ||
            el('div', { role: 'tabpanel', id: `view-${key}`, class: 'view', 'aria-labelledby': `tab-${key}`, tabindex: '0' });
        tabs.push({ ...tab, tab: button, panel });
        get('views').append(button);
        get('requests').append(panel);
        choose(chosen);
    }

    /** @param {string} key */
    function choose(key) {
        chosen = key;
        for (const t of tabs) {
            const on = t.key === key;
            t.tab.setAttribute('aria-selected', String(on));
            t.tab.tabIndex = on ? 0 : -1;
            t.panel.hidden = !on;
        }
        app.invalidate('numbers', 'table');
    }

    /** Shows a tab or takes it away. @param {string} key @param {boolean} there */
    function offer(key, there) {
        const t = tabs.find((o) => o.key === key);
        if (t) t.tab.hidden = !there;
        if (!there && chosen === key) choose('requests');
    }

    /** Arrows, Home and End go through what a box holds; Tab reaches one of it. @param {any} box */
    function roving(box) {
        box.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => {
            const list = [...box.children].filter((c) => !c.hidden);
            const at = list.indexOf(document.activeElement);
            const last = list.length - 1;
            const to = { ArrowLeft: at > 0 ? at - 1 : last, ArrowRight: at < last ? at + 1 : 0, Home: 0, End: last }[e.key];
            if (to === undefined) return;
            list.forEach((x, i) => (x.tabIndex = i === to ? 0 : -1));
            list[to].focus();
            e.preventDefault();
            e.stopPropagation();
        });
        return box;
    }
    roving(get('views'));

    function seen() {
        return tabs.find((t) => t.key === chosen);
    }

    /** To what is seen. */
    function focus() {
        const t = seen();
        (t && t.key !== 'requests' ? t.panel : get('grid')).focus();
    }

    app.onPaint('numbers', () => {
        const t = seen();
        if (t) t.paint(t.panel);
    });

    let timer = 0;
    /** The window on time moved; while it does, nothing is added up anew. */
    function moved() {
        clearTimeout(timer);
        const t = seen();
        if (t && t.follows && t.follows()) timer = setTimeout(() => app.invalidate('numbers'), 150);
    }

    /* ---- pieces */

    /** Sets terms of the filter, or takes them out when they are there.
     * @param {string[]} terms @param {string[]} [keys] others that go */
    function refine(terms, keys) {
        waitscope.main.find(filter.toggle(app.query, terms, keys));
    }

    /** A cell that filters, and says whether it does. @param {string | Node} word @param {string[]} terms
     * @param {string[]} [keys] */
    function filterCell(word, terms, keys) {
        const on = filter.has(app.query, terms);
        const button = el('button', { type: 'button', class: 'link', 'aria-pressed': String(on), title: 'Only these requests, or all again', 'data-focus': terms.join(' '), click: () => refine(terms, keys) }, word);
        return el('td', { class: 'text' }, button);
    }

    /** A time of a cell, in ms; the exact one can be read and copied. @param {number} ns @param {string} [share] */
    function time(ns, share) {
        return el('td', { 'data-ns': ns, title: format.exact(ns), class: ns === 0 ? 'zero' : '' }, ns === 0 ? '0' : format.ms(ns), share && ns ? el('small', null, ` ${share}`) : null);
    }

    /** @param {Model} m @param {ArrayLike<number>} ledger */
    function partsOf(m, ledger) {
        return m.header.ledger.map((key, i) => {
            const known = M.BY_KEY[key];
            return { i, key, cat: known ?? M.UNATTRIBUTED, word: known === undefined ? key : M.CATEGORIES[known].word, ns: ledger[i] };
        });
    }

    /** Columns that say what requests are made of; those of the ledger that occur, blocked first, then
     * what is most. @param {Model} m @param {Made[]} rows @param {NumberColumn[]} between @returns {NumberColumn[]} */
    function madeOf(m, rows, between) {
        const weight = (/** @type {{cat: number, ns: number}} */ x) => (x.cat === M.BLOCKED ? Infinity : x.ns);
        const keys = partsOf(m, m.header.ledger.map((_, i) => rows.reduce((a, r) => a + r.ledger[i], 0))).filter((x) => x.ns > 0);
        keys.sort((a, b) => (weight(a) === weight(b) ? a.i - b.i : weight(b) - weight(a)));
        return [
            { key: 'n', label: 'requests', of: (r) => r.n, cell: (r) => el('td', null, format.count(r.n)) },
            { key: 'bar', label: 'made of', text: true, cell: (r) => ledgerBar(m, r) },
            { key: 'mean', label: 'mean', of: (r) => Math.round(r.sum / r.n) },
            ...between,
            ...keys.map(({ i, key, cat, word }) => {
                const of = (/** @type {Made} */ r) => Math.round(r.ledger[i] / r.n);
                return { key, label: word, cat, title: M.CATEGORIES[cat].says, of, cell: (/** @type {Made} */ r) => time(of(r), format.percent(r.ledger[i] / r.sum)) };
            }),
        ];
    }

    /** @param {Model} m @param {Made} r */
    function ledgerBar(m, r) {
        const canvas = el('canvas', { 'aria-hidden': 'true' });
        dom.bar(canvas, BAR, 14, partsOf(m, r.ledger), r.sum);
        return el('td', null, canvas);
    }

    /** A table; with `sorting` its columns sort. Rows come in slices, so that many do no harm.
     * @param {NumberColumn[]} columns @param {any[]} rows @param {Sorting | null} sorting @param {string} label
     * @param {(row: any) => any[]} [lines] of a row, each a tr
     * @returns {{node: any, fill: () => Generator<void, void>}} */
    function table(columns, rows, sorting, label, lines = (row) => [row]) {
        const body = el('tbody');
        const rest = el('p', { class: 'quiet' });
        let stop = () => {};
        const heads = columns.map((c) => {
            const sort = () => {
                if (!sorting) return;
                Object.assign(sorting, { key: c.key, down: sorting.key === c.key ? !sorting.down : !c.text });
                app.say(`Sorted by ${c.label}, ${sorting.down ? 'largest' : 'smallest'} first`);
                stop();
                stop = app.slowly(fill(), () => {});
            };
            const words = [c.cat === undefined ? '' : dom.swatch(c.cat), c.label];
            const inside = sorting && c.of ? [el('button', { type: 'button', 'data-focus': c.key, click: sort }, ...words)] : words;
            return el('th', { scope: 'col', class: c.text ? 'text' : '', 'data-key': c.key, title: c.title || false }, ...inside);
        });

        function* fill() {
            const order = waitscope.layout.range(rows.length);
            const by = sorting && columns.find((c) => c.key === sorting.key);
            if (sorting && by && by.of) {
                const keys = rows.map(by.of);
                const sign = sorting.down ? -1 : 1;
                yield* waitscope.layout.sort(order, (a, b) => (keys[a] === keys[b] ? a - b : keys[a] < keys[b] ? -sign : sign));
                for (const th of heads) {
                    if (th.dataset.key === by.key) th.setAttribute('aria-sort', sorting.down ? 'descending' : 'ascending');
                    else th.removeAttribute('aria-sort');
                }
            }
            const n = Math.min(rows.length, MOST);
            /** @type {any[]} */
            const out = [];
            for (let i = 0; i < n; i++) {
                if ((i & 7) === 7) yield;
                const row = rows[order[i]];
                const some = lines(row);
                some.forEach((line, k) => {
                    const cells = columns.filter((c) => k === 0 || !c.once).map((c) => {
                        const cell = c.cell ? c.cell(line) : time(Number(/** @type {any} */ (c.of)(line)));
                        if (c.once) cell.rowSpan = some.length;
                        return cell;
                    });
                    out.push(el('tr', k === some.length - 1 ? null : { class: 'goes-on' }, ...cells));
                });
            }
            body.replaceChildren(...out);
            rest.textContent = rows.length > n ? `and ${format.count(rows.length - n)} more: sort or filter for them` : '';
        }

        return { node: el('div', null, el('table', { 'aria-label': label }, el('thead', null, el('tr', null, ...heads)), body), rest), fill };
    }

    /** Replaces what a panel shows; who stood in it with the keyboard stays.
     * @param {any} panel @param {(Node | string)[]} nodes */
    function show(panel, nodes) {
        /** @type {any} */
        const was = document.activeElement;
        const at = panel.contains(was) ? was.dataset.focus || '' : null;
        const { scrollLeft, scrollTop } = panel;
        panel.replaceChildren(...nodes);
        Object.assign(panel, { scrollLeft, scrollTop });
        if (at === null) return;
        const same = [...panel.querySelectorAll('[data-focus]')].find((e) => e.dataset.focus === at);
        (same || panel).focus({ preventScroll: true });
    }

    /** Why there is no request to count; null: there are some. */
    function none() {
        const q = app.model && app.model.requests;
        const n = app.matches ? app.matches.length : q ? q.n : 0;
        if (n) return null;
        return [el('p', { class: 'empty' }, !q ? 'Requests are being read …' : q.n ? 'No request fits the filter.' : 'No request was seen in this recording.')];
    }

    /** @param {string} text */
    function textCell(text) {
        return el('td', { class: 'text', title: text.slice(0, 1000) }, text.slice(0, 1000) || '–');
    }

    const RANK = 'All times in ms. Percentiles are by nearest rank: p99 is the smallest value that at least 99 % do not exceed.';

    /** A painter that works in slices; a later call stops an earlier one.
     * @param {(panel: any) => Generator<void, (Node | string)[]>} work gives what is then to be seen */
    function painter(work) {
        let stop = () => {};
        return (/** @type {any} */ panel) => {
            stop();
            if (!app.model) return;
            if (!panel.firstChild) panel.append(el('p', { class: 'empty' }, 'Adding up …'));
            stop = app.slowly(work(panel), (nodes) => show(panel, nodes));
        };
    }

    add({ key: 'requests', word: 'Requests', paint: () => {} });

    return { add, choose, offer, moved, roving, table, none, time, textCell, partsOf, madeOf, filterCell, refine, painter, focus, RANK };
})();
