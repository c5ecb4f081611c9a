/* What was waited for: by state, call and object. */
var waitscope = waitscope || {};

(function () {
    'use strict';

    const { app, beside, dom, format, model: M, stats, numbers } = waitscope;
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

    /* ---- of two recordings */

    /** @type {Sorting} */
    const sortingTwo = { key: 'ns', down: true };
    /** @type {{key: any[], both: WaitSum[][], requests: number[]}} */
    let lastTwo = { key: [], both: [], requests: [] };

    /** @param {Model} m @param {number[]} requests of A and B @param {boolean} each whether it is told what a request's share is @returns {NumberColumn[]} */
    function columnsOfTwo(m, requests, each) {
        const first = (/** @type {any} */ x) => (x.row || x).a || (x.row || x).b;
        const [state, call, object] = columnsOf(m).map((c) => ({
            ...c,
            once: true,
            of: (/** @type {any} */ row) => /** @type {any} */ (c.of)(first(row)),
            cell: (/** @type {any} */ line) => /** @type {any} */ (c.cell)(first(line)),
        }));
        const share = (/** @type {any} */ one) => (requests[one.side] ? Math.round(one.ns / requests[one.side]) : NaN);
        return [
            state,
            call,
            object,
            beside.letter(null, []),
            beside.column({ key: 'count', label: 'times', sum: true, value: (one) => one.count, cell: (_, n) => el('td', null, format.count(n)) }),
            beside.column({ key: 'ns', label: 'sum', sum: true, value: (one) => one.ns }),
            ...(each ? [beside.column({ key: 'each', label: 'per request', sum: true, title: 'The sum, shared by all requests of its recording that fit the filter', value: share })] : []),
            beside.column({ key: 'mean', label: 'mean', value: (one) => Math.round(one.ns / one.count) }),
            beside.column({ key: 'p99', label: 'p99', value: (one) => one.p99 }),
            { ...beside.column({ key: 'max', label: 'longest', value: (one) => one.max }), cell: longestOfTwo },
        ];
    }

    /** @param {any} line */
    function longestOfTwo(line) {
        const plain = beside.column({ key: 'max', label: '', value: (one) => one.max });
        return line.side < 2 ? longest(line.one) : /** @type {any} */ (plain.cell)(line);
    }

    /** @param {Model} m @param {number} t0 @param {number} t1 @param {any[]} key @returns {Generator<void, (Node | string)[]>} */
    function* workOfTwo(m, t0, t1, key) {
        if (key.some((x, i) => x !== lastTwo.key[i])) {
            const ids = m.requests ? yield* stats.sides(m, m.requests, app.matches, false) : [];
            const both = [];
            for (const side of [0, 1]) {
                const threads = [...m.threads.keys()].filter((t) => M.recordingOf(m, m.header.threads[t].process) === side);
                const sums = yield* stats.waits(m, threads, t0, t1, app.matches ? ids[side] : null);
                both.push(sums.map((w) => ({ ...w, side })));
            }
            lastTwo = { key, both, requests: ids.map((some) => some.length) };
        }
        const { both, requests } = lastTwo;
        const pairs = stats.beside(m, both);
        const isIdle = (/** @type {any} */ r) => (r.a || r.b).idle;
        const idle = pairs.filter(isIdle);
        /* Of a part of the time it is not known which requests would share it. */
        const real = beside.table(columnsOfTwo(m, requests, !inView.checked), pairs.filter((r) => !isIdle(r)), sortingTwo, 'Waits, A beside B');
        const apart = beside.table(columnsOfTwo(m, requests, false), idle, null, 'Idle waiting, A beside B');
        yield* real.fill();
        yield* apart.fill();
        const sums = both.map((some) => format.exact(some.reduce((a, r) => a + (r.idle ? 0 : r.ns), 0)));
        return [
            above(`Waits of ${whose()}: A ${sums[0]}, B ${sums[1]} in all.`),
            pairs.length > idle.length ? real.node : el('p', { class: 'empty' }, 'There was no wait.'),
            ...(idle.length ? [el('h3', null, 'Idle: waiting for work, in no sum above'), apart.node] : []),
            el('p', { class: 'quiet' }, `${numbers.RANK} A wait that an edge cuts counts with its part inside. Change: B less A, not tested for chance; columns sort by how much changed.`),
        ];
    }

    function whose() {
        return app.matches ? 'the requests that fit the filter, where they held a thread' : 'threads';
    }

    /** @param {string} text */
    function above(text) {
        return el('div', { class: 'above' }, el('label', null, inView, ' only what is in view'), el('span', null, text));
    }

    function* work() {
        const m = /** @type {Model} */ (app.model);
        const [t0, t1] = inView.checked ? [Math.ceil(app.view.t0), Math.floor(app.view.t1)] : [0, m.header.duration_ns];
        const key = [m.header, app.matches, t0, t1, m.threads.filter(Boolean).length, m.objects !== null, ...(m.header.recordings || []).map((r) => r.shift)];
        if (m.header.recordings) return yield* workOfTwo(m, t0, t1, key);
        if (key.some((x, i) => x !== last.key[i])) last = { key, rows: yield* stats.waits(m, [...m.threads.keys()], t0, t1, app.matches) };
        const idle = last.rows.filter((r) => r.idle);
        const real = numbers.table(columnsOf(m), last.rows.filter((r) => !r.idle), sorting, 'Waits');
        const apart = numbers.table(columnsOf(m), idle, null, 'Idle waiting');
        yield* real.fill();
        yield* apart.fill();
        const sum = last.rows.reduce((a, r) => a + (r.idle ? 0 : r.ns), 0);
        return [
            above(`Waits of ${whose()}: ${format.exact(sum)} in all.`),
            last.rows.length > idle.length ? real.node : el('p', { class: 'empty' }, 'There was no wait.'),
            ...(idle.length ? [el('h3', null, 'Idle: waiting for work, in no sum above'), apart.node] : []),
            el('p', { class: 'quiet' }, `${numbers.RANK} A wait that an edge cuts counts with its part inside.`),
        ];
    }

    numbers.add({ key: 'waits', word: 'Waits', paint: numbers.painter(work), follows: () => inView.checked });
})();
