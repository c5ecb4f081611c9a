/* Requests by the template of their name, and process. */
var waitscope = waitscope || {};

(function () {
    'use strict';

    const { app, dom, filter, stats, numbers } = waitscope;

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

    function* work() {
        const m = /** @type {Model} */ (app.model);
        const q = m.requests;
        const why = numbers.none();
        if (!q || why) return why || [];
        const groups = yield* stats.groups(q, app.matches);
        const t = numbers.table(columnsOf(m, groups), groups, sorting, 'Groups of requests');
        yield* t.fill();
        return [t.node, dom.el('p', { class: 'quiet' }, `${numbers.RANK} Under the words of the ledger: the mean of a request, and its share.`)];
    }

    numbers.add({ key: 'groups', word: 'Groups', paint: numbers.painter(work) });
})();
