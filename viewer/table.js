/*
 * The requests as a table: every column sorts, the filter thins it, a row leads to the picture.
 * Only the rows in the window exist, so that a hundred thousand requests cost no more than ten.
 */
var waitscope = waitscope || {};

waitscope.table = (function () {
    'use strict';

    const { app, dom, model: M, format, layout } = waitscope;
    const ROW = 26;
    const TALLEST = 8e6; /* pixels; browsers draw nothing on boxes that are much taller */
    const BAR = 130;
    const LONGEST = 1000; /* characters of a cell */

    /** @type {HTMLElement} */
    const grid = dom.get('grid');
    const head = dom.el('div', { class: 'row head', role: 'row', 'aria-rowindex': '1' });
    const body = dom.el('div', { class: 'body', role: 'rowgroup' });
    const empty = dom.el('p', { class: 'empty' });
    grid.append(dom.el('div', { role: 'rowgroup', class: 'headgroup' }, head), body);
    grid.after(empty);

    /**
     * @typedef {object} Column
     * @property {string} key
     * @property {string} label
     * @property {number} width
     * @property {string} [title]
     * @property {boolean} [text]
     * @property {(q: Requests, m: Model, r: number) => number | string} [value] to sort by
     * @property {(q: Requests, m: Model, r: number) => string} [show]
     * @property {(q: Requests, m: Model, r: number) => number} [ns] a time, shown in milliseconds
     */

    /** @type {Column[]} */
    let columns = [];
    let sortKey = 'blocked';
    let descending = true;
    /** @type {Uint32Array} */
    let order = new Uint32Array(0);
    let fresh = false; /* to be scrolled to its begin */
    let active = 0; /* place in order where the keyboard stands */
    /** @type {{row: any, cells: any[]}[]} */
    let pool = [];

    /** @param {Model} m @returns {Column[]} */
    function columnsOf(m) {
        const several = m.header.processes.length > 1;
        /** @type {Column[]} */
        const out = [
            ...(m.header.recordings ? [{ key: 'recording', label: 'A/B', width: 52, title: 'Of which recording', text: true, value: (/** @type {Requests} */ q, /** @type {Model} */ mm, /** @type {number} */ r) => M.letterOf(mm, q.process[r]) }] : []),
            { key: 'id', label: '#', width: 66, value: (q, _, r) => q.id[r] },
            { key: 'name', label: 'request', width: 240, text: true, value: (q, mm, r) => mm.strings[q.name[r]] || '' },
            { key: 'dur', label: 'latency', width: 92, title: 'From the first byte that could be served to the last of the answer, in ms', ns: (q, _, r) => q.latency[r] },
            { key: 'bar', label: 'where it went', width: BAR + 16, title: 'The ledger as a bar; its width is the latency' },
        ];
        /* Blocked first, then what took most in this recording. */
        const q0 = m.requests;
        const ledger = m.header.ledger.map((key, i) => ({
            key,
            i,
            cat: M.BY_KEY[key],
            sum: key === 'blocked' ? Infinity : q0 ? q0.ledgerSum[i] : 0,
        }));
        ledger.sort((a, b) => (a.sum === b.sum ? a.i - b.i : b.sum - a.sum));
        for (const { key, i, cat } of ledger) {
            const c = cat === undefined ? null : M.CATEGORIES[cat];
            out.push({ key, label: c ? c.word : key, width: 104, title: c ? `${c.says} In ms.` : 'in ms', ns: (q, _, r) => q.ledger[i][r] });
        }
        out.push(
            { key: 'status', label: 'status', width: 64, value: (q, _, r) => q.status[r], show: (q, _, r) => (q.status[r] ? String(q.status[r]) : '–') },
            { key: 'start', label: 'start', width: 104, title: 'Since the recording began, in ms', ns: (q, mm, r) => q.start[r] - M.shiftOf(mm, q.process[r]) },
        );
        if (several)
            out.push({ key: 'process', label: 'process', width: 130, text: true, value: (q, mm, r) => processName(mm, q.process[r]) });
        out.push(
            { key: 'conn', label: 'connection', width: 150, text: true, value: (q, mm, r) => M.objectName(mm, q.conn[r]) },
            { key: 'protocol', label: 'protocol', width: 78, text: true, value: (q, mm, r) => mm.strings[q.protocol[r]] || '' },
            { key: 'in', label: 'in', width: 74, value: (q, _, r) => q.bytesIn[r], show: (q, _, r) => format.bytes(q.bytesIn[r]) },
            { key: 'out', label: 'out', width: 74, value: (q, _, r) => q.bytesOut[r], show: (q, _, r) => format.bytes(q.bytesOut[r]) },
        );
        return out;
    }

    /** @param {Model} m @param {number} p */
    function processName(m, p) {
        const process = m.header.processes[p];
        return process ? `${process.comm} ${process.pid}` : '';
    }

    /** By blocked time; where next to nothing blocks, by latency. */
    function firstKey() {
        const m = app.model;
        const q = m && m.requests;
        const i = m ? m.header.ledger.indexOf('blocked') : -1;
        return q && (i < 0 || q.ledgerSum[i] * 10 < q.ledgerSum.reduce((a, b) => a + b, 0)) ? 'dur' : 'blocked';
    }

    /** Makes the head and forgets the rows: the columns depend on the file. */
    function build() {
        const m = app.model;
        if (!m) return;
        columns = columnsOf(m);
        pool = [];
        body.replaceChildren();
        grid.setAttribute('aria-colcount', String(columns.length));
        grid.style.setProperty('--columns', columns.map((c) => (c.key === 'name' ? `minmax(min(${c.width}px, 34vw), 1fr)` : `${c.width}px`)).join(' '));
        head.replaceChildren(
            ...columns.map((c) => {
                const cell = dom.el('div', { role: 'columnheader', class: c.text ? 'text' : c.key === 'bar' ? 'text' : '', 'data-key': c.key });
                if (c.key === 'bar') cell.append(c.label);
                else
                    cell.append(
                        dom.el('button', { type: 'button', title: c.title || `Sort by ${c.label}`, tabindex: '-1', click: () => sortBy(c.key) }, c.label),
                    );
                return cell;
            }),
        );
    }

    /** @param {string} key */
    function sortBy(key) {
        const column = columns.find((c) => c.key === key);
        if (!column || key === 'bar') return;
        descending = key === sortKey ? !descending : !column.text;
        sortKey = key;
        resort();
        app.say(`Sorted by ${column.label}, ${descending ? 'largest first' : 'smallest first'}`);
        app.invalidate('table');
    }

    let stop = () => {};

    /** The requests that fit the filter, in the order of the column; what takes long is done in
     * slices while the old order stands. */
    function resort() {
        const m = app.model;
        const q = m && m.requests;
        stop();
        if (!m || !q) {
            order = new Uint32Array(0);
            return;
        }
        const column = columns.find((c) => c.key === sortKey) || columns[0];
        const ids = app.matches ? app.matches.slice() : layout.range(q.n);
        stop = app.slowly(sorted(m, q, ids, column, descending ? -1 : 1), () => {
            order = ids;
            active = Math.min(active, Math.max(order.length - 1, 0));
            app.invalidate('table');
        });
        for (const cell of head.children) {
            if (cell.dataset.key === sortKey) cell.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
            else cell.removeAttribute('aria-sort');
        }
    }

    /** @param {Model} m @param {Requests} q @param {Uint32Array} ids @param {Column} column @param {number} sign */
    function* sorted(m, q, ids, column, sign) {
        const keys = new Float64Array(q.n);
        const get = column.ns || column.value || (() => 0);
        if (!column.text) {
            for (let i = 0; i < ids.length; i++) {
                if ((i & 4095) === 0) yield;
                keys[ids[i]] = Number(get(q, m, ids[i]));
            }
        } else {
            /* Texts are ranked first: each is compared with others once, not in every column. */
            /** @type {Map<string, number>} */
            const found = new Map();
            for (let i = 0; i < ids.length; i++) {
                if ((i & 1023) === 0) yield;
                const text = String(get(q, m, ids[i]));
                const at = found.get(text);
                if (at === undefined) found.set(text, (keys[ids[i]] = found.size));
                else keys[ids[i]] = at;
            }
            const texts = [...found.keys()];
            const places = layout.range(texts.length);
            yield* layout.sort(places, (a, b) => (texts[a] < texts[b] ? -1 : texts[a] > texts[b] ? 1 : 0));
            const ranks = new Uint32Array(texts.length);
            places.forEach((text, i) => (ranks[text] = i));
            for (let i = 0; i < ids.length; i++) keys[ids[i]] = ranks[keys[ids[i]]];
        }
        /* What is equal stands by latency, then in the order it came. */
        yield* layout.sort(ids, (a, b) => sign * (keys[a] - keys[b]) || q.latency[b] - q.latency[a] || a - b);
    }

    function headHeight() {
        return head.offsetHeight || 30;
    }

    /** Rows per pixel of scrolling: 1 / ROW unless the table is taller than a browser can draw. */
    function place() {
        const full = order.length * ROW;
        const tall = Math.min(full, TALLEST);
        const room = Math.max(grid.clientHeight - headHeight(), ROW);
        const scroll = Math.max(tall - room, 1);
        const share = Math.min(grid.scrollTop / scroll, 1);
        const top = full > tall ? share * (full - room) : Math.min(grid.scrollTop, Math.max(full - room, 0));
        return { full, tall, room, top };
    }

    function paint() {
        const m = app.model;
        if (!m) return;
        const q = m.requests;
        const n = order.length;
        grid.setAttribute('aria-rowcount', String(n + 1));
        grid.hidden = !q || n === 0;
        empty.hidden = !grid.hidden;
        if (grid.hidden || !q) {
            empty.textContent = !q ? 'Requests are being read …' : q.n === 0 ? 'No request was seen in this recording.' : 'No request fits the filter.';
            return;
        }
        if (fresh) grid.scrollTop = 0;
        fresh = false;
        const { tall, room, top } = place();
        body.style.height = `${tall}px`;
        const first = Math.max(Math.floor(top / ROW) - 2, 0);
        const count = Math.min(Math.ceil(room / ROW) + 5, n - first);
        const shift = grid.scrollTop - top;
        while (pool.length < count) pool.push(newRow());
        pool.forEach(({ row }, i) => (row.hidden = i >= count));
        for (let i = 0; i < count; i++) fill(pool[i], m, q, first + i, (first + i) * ROW + shift);
        const on = pool.find(({ row }) => !row.hidden && Number(row.dataset.at) === active);
        if (on) grid.setAttribute('aria-activedescendant', on.row.id);
        else grid.removeAttribute('aria-activedescendant');
    }

    function newRow() {
        const row = dom.el('div', { class: 'row', role: 'row', id: `row${pool.length}` });
        const cells = columns.map((c) => {
            const cell = dom.el('div', { role: 'gridcell', class: c.text || c.key === 'bar' ? 'text' : '', 'data-key': c.key });
            if (c.key === 'bar') cell.append(dom.el('canvas', { 'aria-hidden': 'true' }));
            row.append(cell);
            return cell;
        });
        row.addEventListener('click', () => {
            active = Number(row.dataset.at);
            open();
        });
        body.append(row);
        return { row, cells };
    }

    /** @param {{row: any, cells: any[]}} entry @param {Model} m @param {Requests} q @param {number} at @param {number} y */
    function fill({ row, cells }, m, q, at, y) {
        const r = order[at];
        const s = app.selection;
        const chosen = s !== null && s.kind === 'request' && s.request === r;
        row.style.transform = `translateY(${y}px)`;
        row.dataset.at = String(at);
        row.dataset.request = String(r);
        row.setAttribute('aria-rowindex', String(at + 2));
        row.setAttribute('aria-selected', String(chosen));
        row.classList.toggle('active', at === active);
        columns.forEach((c, i) => {
            const cell = cells[i];
            if (c.key === 'bar') {
                const parts = m.header.ledger.map((key, k) => ({ cat: M.BY_KEY[key] === undefined ? M.UNATTRIBUTED : M.BY_KEY[key], ns: q.ledger[k][r] }));
                dom.bar(cell.firstChild, BAR, 14, parts, q.latency[r]);
                return;
            }
            const ns = c.ns ? c.ns(q, m, r) : 0;
            const text = c.ns ? (ns === 0 ? '0' : format.ms(ns)) : c.show ? c.show(q, m, r) : String(c.value ? c.value(q, m, r) : '');
            const short = text.length > LONGEST ? text.slice(0, LONGEST) + '…' : text;
            if (cell.textContent !== short) cell.textContent = short;
            if (c.ns) {
                cell.dataset.ns = String(ns);
                cell.title = format.exact(ns);
                cell.classList.toggle('zero', ns === 0);
            } else if (c.text) cell.title = short;
            if (c.key === 'status') cell.classList.toggle('bad', q.status[r] >= 500);
            if (c.key === 'name') row.classList.toggle('partial', !(q.flags[r] & M.REQUEST.COMPLETE));
        });
    }

    function open() {
        if (order.length) app.select({ kind: 'request', request: order[active] }, true);
    }

    /** Moves the keyboard's place and keeps it in the window. @param {number} to */
    function move(to) {
        if (order.length === 0) return;
        active = Math.min(Math.max(to, 0), order.length - 1);
        const { full, tall, room, top } = place();
        const y = active * ROW;
        let want = top;
        if (y < top) want = y;
        else if (y + ROW > top + room) want = y + ROW - room;
        if (want !== top) grid.scrollTop = full > tall ? (want / (full - room)) * (tall - room) : want;
        app.invalidate('table');
    }

    grid.addEventListener('scroll', () => app.invalidate('table'));
    grid.addEventListener('keydown', (e) => {
        if (e.ctrlKey || e.metaKey || e.altKey || e.target !== grid) return;
        const page = Math.max(Math.floor(place().room / ROW) - 1, 1);
        /** @type {Record<string, number>} */
        const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: order.length - 1 };
        if (e.key in to) move(to[e.key]);
        else if (e.key === 'Enter' || e.key === ' ') open();
        else if (e.key === 'ArrowLeft' || e.key === 'ArrowRight') grid.scrollLeft += e.key === 'ArrowLeft' ? -80 : 80;
        else if (e.key === 's' && e.shiftKey) return;
        else return;
        e.preventDefault();
        e.stopPropagation();
    });

    app.onPaint('table', paint);
    new ResizeObserver(() => app.invalidate('table')).observe(grid);

    return {
        /** A new file: its columns are its own. */
        reset() {
            columns = [];
            active = 0;
            sortKey = firstKey();
            descending = true;
            fresh = true;
            build();
            resort();
        },
        resort,
        sortBy,
        /** How it is sorted as it comes. */
        get first() {
            return `-${firstKey()}`;
        },
        /** The column that the table is sorted by, with a minus: largest first. */
        get sort() {
            return (descending ? '-' : '') + sortKey;
        },
        set sort(text) {
            const key = text.replace(/^-/, '');
            if (text === this.sort || key === 'bar' || !columns.some((c) => c.key === key)) return;
            descending = key !== text;
            sortKey = key;
            resort();
            app.invalidate('table');
        },
        /** How many requests the table holds. */
        count: () => order.length,
    };
})();
