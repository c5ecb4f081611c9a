/* What was waited for: by state, call and object. */
var waitscope = waitscope || {};

(function () {
    'use strict';

    const { app, dom, format, model: M, stats, numbers } = waitscope;
    const { el } = dom;

    const inView = el('input', { type: 'checkbox', id: 'in-view', 'data-focus': 'in-view', change: () => app.invalidate('numbers') });
    /** @type {Sorting} */
    const sorting = { key: 'ns', down: true };
    /** What was added up last, for as long as it is the same question.
     * @type {{key: any[], rows: WaitSum[]}} */
    let last = { key: [], rows: [] };

    /** @param {Model} m @returns {NumberColumn[]} */
    function columnsOf(m) {
        const object = (/** @type {any} */ w) => M.objectName(m, w.object);
        const word = (/** @type {any} */ w) => M.CATEGORIES[w.state].word;
        return [
            { key: 'state', label: 'state', text: true, of: word, cell: (w) => el('td', { class: 'text' }, el('span', { class: 'state' }, dom.swatch(w.idle ? M.IDLE : w.state), word(w))) },
            { key: 'call', label: 'call', text: true, of: (w) => w.call, cell: (w) => numbers.textCell(w.call) },
            { key: 'object', label: 'object', text: true, of: object, cell: (w) => numbers.textCell(object(w)) },
            { key: 'count', label: 'times', of: (w) => w.count, cell: (w) => el('td', null, format.count(w.count)) },
            { key: 'ns', label: 'sum', of: (w) => w.ns },
            { key: 'mean', label: 'mean', of: (w) => Math.round(w.ns / w.count) },
            { key: 'p99', label: 'p99', of: (w) => w.p99 },
            { key: 'max', label: 'longest', of: (w) => w.max, cell: longest },
        ];
    }

    /** @param {WaitSum} w */
    function longest(w) {
        const cell = numbers.time(w.max);
        const to = { kind: /** @type {const} */ ('interval'), thread: w.thread, index: w.index };
        cell.replaceChildren(el('button', { type: 'button', class: 'link', title: 'Show it in the timeline', 'data-focus': `${w.thread} ${w.index}`, click: () => app.select(to, true) }, format.ms(w.max)));
        return cell;
    }

    function* work() {
        const m = /** @type {Model} */ (app.model);
        const [t0, t1] = inView.checked ? [Math.ceil(app.view.t0), Math.floor(app.view.t1)] : [0, m.header.duration_ns];
        const key = [m.header, app.matches, t0, t1, m.threads.filter(Boolean).length, m.objects !== null];
        if (key.some((x, i) => x !== last.key[i])) last = { key, rows: yield* stats.waits(m, [...m.threads.keys()], t0, t1, app.matches) };
        const idle = last.rows.filter((r) => r.idle);
        const real = numbers.table(columnsOf(m), last.rows.filter((r) => !r.idle), sorting, 'Waits');
        const apart = numbers.table(columnsOf(m), idle, null, 'Idle waiting');
        yield* real.fill();
        yield* apart.fill();
        const whose = app.matches ? 'the requests that fit the filter, where they held a thread' : 'threads';
        const sum = last.rows.reduce((a, r) => a + (r.idle ? 0 : r.ns), 0);
        return [
            el('div', { class: 'above' }, el('label', null, inView, ' only what is in view'), el('span', null, `Waits of ${whose}: ${format.exact(sum)} in all.`)),
            last.rows.length > idle.length ? real.node : el('p', { class: 'empty' }, 'There was no wait.'),
            ...(idle.length ? [el('h3', null, 'Idle: waiting for work, in no sum above'), apart.node] : []),
            el('p', { class: 'quiet' }, `${numbers.RANK} A wait that an edge cuts counts with its part inside.`),
        ];
    }

    numbers.add({ key: 'waits', word: 'Waits', paint: numbers.painter(work), follows: () => inView.checked });
})();
