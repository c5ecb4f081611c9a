/* Requests by the template of their name, and process. */
var waitscope = waitscope || {};

(function () {
    'use strict';

    const { app, beside, diff, dom, filter, stats, numbers } = waitscope;

    /** @type {Sorting} */
    const sorting = { key: 'sum', down: true };

    /** @param {Model} m @param {Group[]} groups @returns {NumberColumn[]} */
    function columnsOf(m, groups) {
        const several = m.header.processes.length > 1;
        const name = (/** @type {Group} */ g) => m.strings[g.group] || '';
        const process = (/** @type {Group} */ g) => m.header.processes[g.process];
        const label = (/** @type {Group} */ g) => `${process(g).comm} ${process(g).pid}`;
        const terms = (/** @type {Group} */ g) => [`group=${filter.quote(name(g))}`, ...(several ? [`pid:${process(g).pid}`] : [])];
        return [
            { key: 'group', label: 'group', text: true, of: name, cell: (g) => numbers.filterCell(name(g).slice(0, 300) || 'no name', terms(g), ['pid']) },
            ...(several ? [{ key: 'process', label: 'process', text: true, of: label, cell: (/** @type {Group} */ g) => numbers.textCell(label(g)) }] : []),
            ...numbers.madeOf(m, groups, [
                { key: 'min', label: 'min', of: (g) => g.latency[0] },
                ...[500, 900, 990].map((mille) => ({ key: `p${mille}`, label: `p${mille / 10}`, of: (/** @type {Group} */ g) => stats.percentile(g.latency, mille) })),
                { key: 'max', label: 'max', of: (g) => g.latency[g.n - 1] },
                { key: 'sum', label: 'sum', of: (g) => g.sum },
            ]),
        ];
    }

    /* ---- of two recordings */

    /** @type {Sorting} */
    const sortingTwo = { key: '', down: true }; /* without a key: what moved most first */

    /** @param {Model} m @param {BesideRow[]} rows @returns {NumberColumn[]} */
    function columnsOfTwo(m, rows) {
        const pairOf = (/** @type {any} */ x) => /** @type {Pair} */ ((x.row || x).pair);
        const comms = (/** @type {any} */ x) => [...new Set([pairOf(x).a, pairOf(x).b].map((k) => (k ? k.comm : '')).filter(Boolean))];
        /** @type {Map<string, number>} */
        const same = new Map();
        for (const r of rows) same.set(pairOf(r).name, (same.get(pairOf(r).name) || 0) + 1);
        const terms = (/** @type {any} */ x) => {
            const some = [`group=${filter.quote(pairOf(x).name)}`];
            if ((same.get(pairOf(x).name) || 0) > 1 && comms(x).length === 1) some.push(`process=${filter.quote(comms(x)[0])}`);
            return some;
        };
        return [
            {
                key: 'group',
                label: 'group',
                text: true,
                once: true,
                of: (r) => pairOf(r).name,
                cell: (line) => {
                    const td = numbers.filterCell(pairOf(line).name.slice(0, 300) || 'no name', terms(line), ['process']);
                    td.append(dom.el('small', null, comms(line).join(' → ')));
                    return td;
                },
            },
            beside.letter(terms, ['process']),
            ...beside.madeOf(m, rows, [...beside.ranks([50, 90, 99]), { key: 'sum', label: 'sum', sum: true, value: (one) => one.sum }]),
        ];
    }

    /** @param {Model} m @returns {Generator<void, (Node | string)[]>} */
    function* workOfTwo(m) {
        const rows = (yield* diff.pairs(m, 'group', app.matches, true)).map(beside.rowOf);
        const t = beside.table(columnsOfTwo(m, rows), rows, sortingTwo, 'Groups of requests, A beside B');
        yield* t.fill();
        return [t.node, dom.el('p', { class: 'quiet' }, `${numbers.RANK} Of answered requests alone. Under the words of the ledger: the mean of a request. ${beside.CHANCE} Columns sort by how much changed.`)];
    }

    function* work() {
        const m = /** @type {Model} */ (app.model);
        const q = m.requests;
        const why = numbers.none();
        if (!q || why) return why || [];
        if (m.header.recordings) return yield* workOfTwo(m);
        const groups = yield* stats.groups(q, app.matches);
        const t = numbers.table(columnsOf(m, groups), groups, sorting, 'Groups of requests');
        yield* t.fill();
        return [t.node, dom.el('p', { class: 'quiet' }, `${numbers.RANK} Under the words of the ledger: the mean of a request, and its share.`)];
    }

    numbers.add({ key: 'groups', word: 'Groups', paint: numbers.painter(work) });
})();
