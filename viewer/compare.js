/*
 * Two recordings on one page: opening the second, what moved between them, and B set against A in
 * time. The model is one (merge.js), so that all else works as with one recording.
 */
var waitscope = waitscope || {};

waitscope.compare = (function () {
    'use strict';

    const { app, dom, model: M, format, layout, merge, diff } = waitscope;
    const { el, get } = dom;
    const MOST = 200; /* kinds of requests in the table */
    const BAR = 150;
    const box = get('difference');
    const align = get('align');
    const input = get('file-b');

    /* ---- opening and closing the second */

    /** What was read, as far as it can be. */
    function base() {
        const m = app.model;
        return m && m.problems && m.requests ? m : null;
    }

    /** A by itself, as long as it is compared: its file may be another by the time that one goes back
     * to it. Its long columns are those of the two in one. @type {Model | null} */
    let first = null;
    /** What A is joined or left alone by, until that is done: meanwhile nothing is shifted.
     * @type {object | null} */
    let joining = null;

    /** Reads a file and compares A with it; what A was compared with stays until that has been read.
     * @param {{blob?: Blob, base64?: string}} what @param {string} name */
    function open(what, name) {
        const { main } = waitscope;
        if (!base()) return;
        const current = main.taking();
        main.loading(`Reading ${name}, to compare …`);
        /** @type {Model | null} */
        let b = null;
        main.read(what, (/** @type {any} */ msg) => {
            if (!current()) return;
            if (msg.type === 'header') b = app.blank(msg.header, name);
            else if (msg.type === 'progress') main.loading(`Reading ${name}: ${format.percent(msg.share)}`);
            else if (msg.type === 'refused') main.refuse(`${name} was not compared. ${msg.message}`, true);
            else if (msg.type === 'end' && b) join(b, msg.problems, current);
            else if (b) app.put(b, msg);
        });
    }

    /** @param {Model} b @param {string[]} problems @param {() => boolean} current */
    function join(b, problems, current) {
        b.problems = problems;
        const work = function* () {
            const a = first || (yield* whole(/** @type {Model} */ (app.model)));
            return { a, made: yield* merge.join(a, b) };
        };
        apart((end) =>
            app.slowly(work(), ({ a, made }) => {
                end();
                if (!current()) return shown();
                adopt(made, []);
                first = a;
            }),
        );
    }

    /** A recording with all its rows in one pile, whatever is filtered now or while it is joined.
     * @param {Model} m @returns {Generator<void, Model>} */
    function* whole(m) {
        const q = /** @type {Requests} */ (m.requests);
        const { rows } = app;
        return { ...m, pack: rows && !rows.sections ? rows : yield* layout.packing(q, null, m.header.processes.length, M.COUNT, M.EMPTY) };
    }

    /** When A has its own times again, and keeps them to the end. @param {(end: () => void) => void} done */
    function apart(done) {
        const mine = (joining = {});
        const end = () => {
            if (joining === mine) joining = null;
        };
        if (first) app.shift(0, () => done(end));
        else done(end);
    }

    /** @param {Model} m @param {string[]} problems */
    function adopt(m, problems) {
        app.adopt(m);
        waitscope.main.show();
        waitscope.main.ended(problems);
    }

    /** Goes on with A alone. */
    function alone() {
        if (!first) return;
        const current = waitscope.main.taking();
        waitscope.main.loading(`Going back to ${first.name} …`);
        apart((end) => {
            end();
            if (current() && first) adopt(first, first.problems || []);
            else shown();
        });
    }

    get('compare').addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
        const [file] = input.files;
        if (file) open({ blob: file }, file.name);
        input.value = '';
    });
    get('alone').addEventListener('click', () => {
        alone();
        get('open').focus(); /* this button goes */
    });

    /* A file dropped on the right half is compared with what is open. */
    /** @param {DragEvent} e */
    function isBeside(e) {
        return base() !== null && e.clientX > innerWidth / 2;
    }
    function zones() {
        get('drop').classList.toggle('two', base() !== null);
    }
    addEventListener('dragover', (e) => {
        get('drop').classList.toggle('beside', isBeside(e));
    });

    /* ---- the verdicts, side by side */

    /** @param {Recording} r @param {number} i @param {Node[]} articles */
    function side(r, i, articles) {
        const h = r.header;
        const facts = [h.command, h.host, format.length(h), format.plural(h.threads.length, 'thread'), format.plural(h.requests, 'request')];
        return el(
            'section',
            { class: 'side' },
            el('h2', null, badge(i), r.name, el('small', null, facts.filter(Boolean).join(' · '))),
            ...articles,
        );
    }

    /** @param {number} i */
    function badge(i) {
        return el('span', { class: 'badge' }, 'AB'[i]);
    }

    /* ---- what moved */

    /** @type {Pair[]} */
    let pairs = [];
    /** @type {Pair | null} */
    let chosen = null;
    /** @type {'group' | 'name'} */
    let by = 'group';
    let stop = () => {};

    /** @param {Model} m */
    function compute(m) {
        stop();
        if (chosen) waitscope.main.find('');
        chosen = null;
        stop = app.slowly(diff.pairs(m, by), (list) => {
            pairs = list;
            if (app.model !== m) return;
            said = diff.headline(pairs, m.header.ledger);
            app.invalidate('story');
            fill(m);
        });
    }

    let said = '';

    /** What moved, in one sentence: above the story of both. */
    function headline() {
        return of && of === app.model && said ? [el('p', { class: 'moved' }, said)] : [];
    }

    /** A time in milliseconds, the exact figure behind it. @param {number | null} ns */
    function cell(ns) {
        return ns === null ? el('td', null, '–') : el('td', { 'data-ns': ns, title: format.exact(ns) }, format.ms(ns));
    }

    /** @param {Change | null} c */
    function changeCells(c) {
        if (!c) return [cell(null), cell(null), cell(null)];
        const sign = c.ns < 0 ? '−' : '+';
        const props = { 'data-ns': c.ns, 'data-clear': String(c.clear), title: `${sign}${format.exact(Math.abs(c.ns))}${c.clear ? '' : ': no more than chance'}` };
        return [cell(c.a), cell(c.b), el('td', { class: 'change', ...props }, c.clear ? `${sign}${format.ms(Math.abs(c.ns))}` : '~')];
    }

    /** @param {Kind | null} g */
    function countCell(g) {
        if (!g) return el('td', null, '–');
        return el('td', { title: g.open ? `and ${format.count(g.open)} not begun or not answered, which are not compared` : '' }, format.count(g.complete));
    }

    /** The mean ledgers, A above B, to one scale. @param {Model} m @param {Pair} p */
    function bars(m, p) {
        const c = p.change;
        if (!c) return el('td', null, p.a ? 'only in A' : 'only in B');
        const full = Math.max(c.mean.a, c.mean.b);
        const out = el('td', { class: 'bars' });
        for (const key of /** @type {const} */ (['a', 'b'])) {
            const canvas = el('canvas', { 'aria-hidden': 'true' });
            const parts = m.header.ledger.map((word, i) => ({ cat: M.BY_KEY[word] === undefined ? M.UNATTRIBUTED : M.BY_KEY[word], ns: c.ledger[i][key] }));
            dom.bar(canvas, BAR, 9, parts, full);
            out.append(canvas);
        }
        return out;
    }

    /** @param {Model} m @param {Pair} p */
    function row(m, p) {
        const c = p.change;
        const servers = p.a && p.b && p.a.comm !== p.b.comm ? `${p.a.comm} → ${p.b.comm}` : '';
        const name = el('button', { type: 'button', class: 'link', 'aria-expanded': String(p === chosen), title: 'Show these requests alone', click: () => choose(m, p) }, p.name || '(no name)');
        return el(
            'tr',
            p === chosen ? { class: 'on' } : null,
            el('th', { scope: 'row' }, name, el('small', null, servers)),
            bars(m, p),
            el('td', { class: 'what' }, c ? diff.movement(p, m.header.ledger, 2) || '~' : ''),
            countCell(p.a),
            countCell(p.b),
            ...(c ? [c.mean, c.p50, c.p99] : [null, null, null]).flatMap(changeCells),
        );
    }

    /** The mean ledger of what is chosen, what moved most first. @param {Model} m @param {Pair} p */
    function ledgerRows(m, p) {
        if (!p.change) return [];
        const keys = p.change.ledger.map((c, i) => ({ c, cat: M.BY_KEY[m.header.ledger[i]], key: m.header.ledger[i] })).filter(({ c }) => c.a || c.b);
        keys.sort((x, y) => Math.abs(y.c.ns) - Math.abs(x.c.ns));
        return keys.map(({ c, cat, key }) =>
            el(
                'tr',
                { class: 'sub', 'data-key': key },
                el('th', { scope: 'row', colspan: 5 }, cat === undefined ? key : el('span', { class: 'state' }, dom.swatch(cat), M.CATEGORIES[cat].word)),
                ...changeCells(c),
                el('td', { colspan: 6 }),
            ),
        );
    }

    /** @param {Model} m */
    function fill(m) {
        const th = (/** @type {string} */ text, /** @type {number} */ span = 1) => el('th', { scope: span > 1 ? 'colgroup' : 'col', colspan: span }, text);
        const three = () => [th('A'), th('B'), th('change')];
        const exactly = el('input', {
            type: 'checkbox',
            change: () => {
                by = exactly.checked ? 'name' : 'group';
                compute(m);
            },
        });
        exactly.checked = by === 'name';
        box.replaceChildren(
            el(
                'p',
                { class: 'says' },
                'Time of each request on average, in ms; those that moved most first. ',
                el('span', null, '~ is no more than chance among so many requests. '),
                el('label', null, exactly, ' each name by itself'),
            ),
            el(
                'table',
                null,
                el('caption', { class: 'unseen' }, 'What moved from A to B'),
                el(
                    'thead',
                    null,
                    el('tr', null, el('td', { colspan: 3 }), th('requests', 2), th('mean', 3), th('median', 3), th('p99', 3)),
                    el('tr', null, th('requests of one kind'), th('where it went, A above B'), th('what moved'), th('A'), th('B'), ...three(), ...three(), ...three()),
                ),
                el('tbody', null, ...pairs.slice(0, MOST).flatMap((p) => [row(m, p), ...(p === chosen ? ledgerRows(m, p) : [])])),
            ),
            pairs.length > MOST ? el('p', { class: 'says' }, `and ${format.count(pairs.length - MOST)} more kinds of requests`) : '',
        );
    }

    /** Shows the requests of a pair alone, and what became of their time; or all again.
     * @param {Model} m @param {Pair} p */
    function choose(m, p) {
        chosen = chosen === p ? null : p;
        waitscope.main.find(chosen ? filterOf(p) : '');
        const scroll = box.scrollTop;
        fill(m);
        box.scrollTop = scroll;
        const button = box.querySelectorAll('tbody th button')[pairs.indexOf(p)];
        if (button) button.focus();
    }

    /** @param {Pair} p */
    function filterOf(p) {
        const servers = new Set(pairs.filter((o) => o.name === p.name).flatMap((o) => [o.a && o.a.comm, o.b && o.b.comm]).filter((comm) => comm !== null));
        const terms = [term(by, p.name)];
        const comm = (p.a || p.b || { comm: '' }).comm;
        if (servers.size > 1 && (!p.a || !p.b || p.a.comm === p.b.comm)) terms.push(term('process', comm));
        return terms.join(' ');
    }

    /** A text as the filter's language has it. What has quotes or comparisons in it cannot be said
     * as a whole there: its longest piece is then. @param {string} key @param {string} text */
    function term(key, text) {
        const pieces = text.split(/["<>]/);
        if (pieces.length === 1) return `${key}="${text}"`;
        return `${key}:"${pieces.reduce((x, y) => (y.length > x.length ? y : x)).trim()}"`;
    }

    /* ---- B against A in time */

    const later = el('input', { type: 'number', step: 'any', id: 'later', title: 'Shows B by so many milliseconds later than A; arrow keys move it', change: () => move(Math.round(Number(later.value) * 1e6)) });
    const firsts = el('button', { type: 'button', id: 'firsts', 'aria-pressed': 'false', 'aria-keyshortcuts': 'K', title: 'Show the first requests of both at one moment, or the begins (K)', click: toFirsts }, 'Align first requests');
    align.append(firsts, el('label', { for: 'later' }, 'B later by'), later, el('span', null, 'ms'));

    /** @param {number} ns */
    function move(ns) {
        const m = app.model;
        const both = m && m.header.recordings;
        if (!both || joining) return;
        /* So far that the two no longer meet there is nothing to compare. */
        const most = Math.max(...both.map((r) => r.header.duration_ns));
        const to = Math.min(Math.max(Number.isFinite(ns) ? ns : 0, -most), most);
        app.shift(to, shown);
    }

    function toFirsts() {
        const m = app.model;
        if (!m || !m.header.recordings) return;
        const aligned = firsts.getAttribute('aria-pressed') === 'true';
        move(aligned ? 0 : firstsApart(m));
    }

    /** @param {Model} m */
    function firstsApart(m) {
        const [a, b] = [merge.firstRequest(m, 0), merge.firstRequest(m, 1)];
        return a < 0 || b < 0 ? 0 : a - b;
    }

    /** Says where the two stand. */
    function shown() {
        const m = app.model;
        const both = m && m.header.recordings;
        if (!m || !both) return;
        const ns = both[1].shift - both[0].shift;
        later.value = String(ns / 1e6);
        firsts.setAttribute('aria-pressed', String(ns !== 0 && ns === firstsApart(m)));
        app.say(ns ? `B is shown ${format.time(Math.abs(ns))} ${ns < 0 ? 'earlier' : 'later'}` : 'Both begin together');
        waitscope.details.renew();
    }

    /** The model that what moved was computed of. @type {Model | null} */
    let of = null;

    /** What depends on whether there are two, after a model was shown or read to its end. */
    function renew() {
        const m = app.model;
        const two = Boolean(m && m.header.recordings);
        get('compare').hidden = !base();
        get('alone').hidden = align.hidden = !two;
        waitscope.numbers.offer('difference', two);
        get('app').classList.toggle('two', two);
        if (!m || !two) {
            of = first = null; /* nothing of it is kept */
            pairs = [];
            chosen = null;
            stop();
            return;
        }
        if (of === m) return;
        of = m;
        said = '';
        later.value = '0';
        firsts.setAttribute('aria-pressed', 'false');
        pairs = [];
        box.replaceChildren();
        waitscope.numbers.choose('difference');
        compute(m);
    }

    let dark = app.dark();
    waitscope.numbers.add({
        key: 'difference',
        word: 'Difference',
        /* Bars are drawn in the colours of the theme. */
        paint: () => {
            if (dark !== app.dark() && of && of === app.model) fill(of);
            dark = app.dark();
        },
    });

    return { open, isBeside, zones, side, headline, renew, toFirsts };
})();
