/* Puts the page together: opens files, speaks of what went wrong, and listens to the keys. */
var waitscope = waitscope || {};

waitscope.main = (function () {
    'use strict';

    const { app, dom, format, model: M } = waitscope;
    const { el, get } = dom;
    const input = get('file');
    const query = get('query');
    const dialog = get('keys');

    /* ---- opening */

    /** @type {Worker | null} */
    let worker = null;
    let turn = 0; /* counts the files that were opened: an older one's messages are dropped */

    /** A worker from the sources of the pure modules; null where there are none, as in some
     * browsers from file://. */
    function makeWorker() {
        const code = `'use strict';\nvar waitscope = {};\n${waitscope.sources.join('\n')}\nwaitscope.load.serve(self);`;
        try {
            const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
            const w = new Worker(url);
            URL.revokeObjectURL(url);
            return w;
        } catch {
            return null;
        }
    }

    /** @typedef {{what: {blob?: Blob, base64?: string}, name: string}} Source */

    /** @param {Source['what']} what @param {string} name @param {Source} [other] to compare it with, once it is read */
    function open(what, name, other) {
        const current = taking();
        notices([]);
        loading(`Reading ${name} …`);
        next = other;
        let begun = false;
        const take = (/** @type {any} */ msg) => {
            if (!current()) return;
            begun = begun || msg.type === 'header';
            receive(msg, name, begun);
        };
        read(what, take);
    }

    /** What comes when the file that is being read has come. @type {Source | undefined} */
    let next;

    /** Reads a file that was taken. @param {Source['what']} what @param {(msg: any) => void} take */
    function read(what, take) {
        const w = (worker = makeWorker());
        let heard = false;
        const here = () => waitscope.load.read(what, take); /* without a worker: slower, but it reads */
        if (!w) {
            here();
            return;
        }
        w.onmessage = (e) => {
            heard = true;
            if (e.data.type === 'end') w.terminate(); /* it holds as much as the page does */
            take(e.data);
        };
        w.onerror = () => {
            if (w !== worker) return;
            w.terminate();
            if (heard) take({ type: 'refused', message: 'The file could not be read: the browser gave up on it, perhaps for want of memory.' });
            else here();
        };
        w.postMessage(what);
    }

    /** Takes the next file, in place of any that is being read; true as long as it is the last. */
    function taking() {
        const mine = ++turn;
        if (worker) worker.terminate();
        return () => mine === turn;
    }

    /** @param {any} msg @param {string} name @param {boolean} begun */
    function receive(msg, name, begun) {
        if (msg.type === 'header') {
            app.begin(msg.header, name);
            show();
        } else if (msg.type === 'progress') loading(`Reading ${name}: ${format.percent(msg.share)}`);
        else if (msg.type === 'refused') refuse(msg.message, begun);
        else if (msg.type === 'end') ended(msg.problems);
        else app.receive(msg);
        if (msg.type === 'requests') {
            waitscope.table.reset();
            waitscope.overview.key();
            found();
        }
    }

    /** @param {string} text '': nothing is being read */
    function loading(text) {
        document.documentElement.classList.toggle('busy', text !== '');
        document.documentElement.dataset.ready = 'no';
        get('facts').textContent = text || factsText();
    }

    /** The reader's own day and time. @param {number} ms since 1970 */
    function clock(ms) {
        const d = new Date(ms);
        if (!(ms > 0) || Number.isNaN(d.getTime())) return '';
        return new Date(ms - d.getTimezoneOffset() * 60e3).toISOString().slice(0, 19).replace('T', ' ');
    }

    function factsText() {
        const m = app.model;
        if (!m) return '';
        const h = m.header;
        const threads = format.plural(h.threads.length, 'thread');
        if (h.recordings) return [...h.recordings.map((r, i) => `${'AB'[i]}: ${r.name}`), format.time(h.duration_ns), threads, format.plural(h.requests, 'request')].join(' · ');
        return [m.name, h.command, h.host, clock(Number(h.t0_real_ns) / 1e6), format.length(h), threads, format.plural(h.requests, 'request')]
            .filter(Boolean)
            .join(' · ');
    }

    /** @param {string} message @param {boolean} begun */
    function refuse(message, begun) {
        next = undefined;
        const half = app.model !== null && app.loading;
        app.ended();
        if (worker) worker.terminate();
        loading('');
        get('welcome').hidden = begun || app.model !== null;
        const part = half ? [{ kind: 'bad', text: 'What is shown was not read to its end.' }] : [];
        notices([{ kind: 'bad', text: message }, ...part, ...(app.model && app.model.problems ? allFaults(app.model) : [])]);
        document.documentElement.dataset.ready = 'refused';
    }

    /** The page of a timeline, as far as its header tells. */
    function show() {
        const m = /** @type {Model} */ (app.model);
        const names = m.header.recordings ? m.header.recordings.map((r) => r.name) : [m.header.processes[0].comm || m.name];
        document.title = `${names.join(' and ')} – waitscope`;
        get('welcome').hidden = true;
        get('app').hidden = false;
        query.value = '';
        query.removeAttribute('aria-invalid');
        waitscope.table.reset();
        waitscope.details.renew();
        waitscope.compare.renew();
        waitscope.overview.key();
        found();
        waitscope.place.begin();
        app.all();
    }

    /** All that could be read was read. @param {string[]} problems */
    function ended(problems) {
        loading('');
        const m = /** @type {Model} */ (app.model);
        m.problems = problems;
        app.ended();
        waitscope.compare.renew();
        notices(allFaults(m));
        waitscope.details.renew();
        if (app.query) app.setFilter(app.query); /* it may ask for what has come since */
        app.relayout();
        waitscope.place.arrive();
        app.all();
        if (next) waitscope.compare.open(next.what, next.name);
        else document.documentElement.dataset.ready = 'yes';
        next = undefined;
    }

    /** What is wrong with what is shown, each of two by its name. @param {Model} m */
    function allFaults(m) {
        const both = m.header.recordings;
        return both ? both.flatMap((r, i) => faults(r.header, r.problems, `${'AB'[i]} · ${r.name}: `)) : faults(m.header, m.problems || [], '');
    }

    /** What is wrong with a recording and its file. @param {Header} h @param {string[]} problems @param {string} whose */
    function faults(h, problems, whose) {
        /** @type {{kind: string, text: string, more?: string[]}[]} */
        const out = [];
        if (h.damage) out.push({ kind: 'bad', text: `The recording is damaged: ${h.damage}. What could be read is shown.` });
        else if (!h.complete) out.push({ kind: 'bad', text: 'The recording is not complete: it did not end in order. What could be read is shown.' });
        if (h.lost.records) {
            const kinds = h.lost.windows.map((w) => `${waitscope.lanes.lossName(w)} between ${format.time(w.start)} and ${format.time(w.end)}`);
            out.push({
                kind: 'warn',
                text: `${format.plural(h.lost.records, 'record was', 'records were')} lost. The stretches are crossed out in the picture, and the requests there are lower bounds.`,
                more: kinds.length ? kinds.slice(0, 100) : undefined,
            });
        }
        const { full, forgotten, asked_ns, max_bytes } = h.window;
        if (full) out.push({ kind: 'warn', text: `The last ${format.time(asked_ns)} were to be kept, and did not fit into ${format.bytes(max_bytes)} of memory (--max-size).` });
        if (forgotten)
            out.push({
                kind: 'warn',
                text: `${format.plural(forgotten, 'file or connection has no name, and requests on it', 'files and connections have no name, and requests on them')} may be missing: ${format.bytes(max_bytes)} of memory held no more (--max-size).`,
            });
        if (problems.length)
            out.push({ kind: 'bad', text: `The file does not read as it should: ${problems[0]}. What could be read is shown.`, more: problems.length > 1 ? problems.slice(1) : undefined });
        return out.map((n) => ({ ...n, text: whose + n.text }));
    }

    /** @param {{kind: string, text: string, more?: string[]}[]} list */
    function notices(list) {
        get('notices').replaceChildren(...list.map(notice));
    }

    /** @param {{kind: string, text: string, more?: string[]}} n */
    function notice(n) {
        const body = el('div', { class: `notice ${n.kind}` }, el('p', null, n.text));
        if (n.more) body.append(el('details', null, el('summary', null, format.plural(n.more.length, 'note')), el('ul', null, ...n.more.map((t) => el('li', null, t)))));
        body.append(el('button', { type: 'button', 'aria-label': 'Dismiss this message', click: () => body.remove() }, '×'));
        return body;
    }

    /* ---- the bar */

    app.onPaint('bar', () => {
        const m = app.model;
        if (!m) return;
        const { t0, t1 } = app.view;
        get('range').textContent =
            t1 - t0 >= m.header.duration_ns
                ? `all ${format.time(t1 - t0)}`
                : `${format.time(t1 - t0)} from ${format.axis(t0, (t1 - t0) / 100, m.header.duration_ns)}`;
        get('range').title = get('range').textContent; /* which may be cut */
        for (const b of get('show').querySelectorAll('button')) b.setAttribute('aria-pressed', String(b.dataset.show === app.how.show));
        get('by-name').setAttribute('aria-pressed', String(app.how.named));
    });

    const SHOW = /** @type {const} */ (['both', 'requests', 'threads']);
    for (const b of get('show').querySelectorAll('button'))
        b.addEventListener('click', () => app.setShow(SHOW.find((s) => s === b.dataset.show) || 'both'));
    get('by-name').addEventListener('click', () => app.setNamed(!app.how.named));

    function found() {
        const m = app.model;
        const q = m && m.requests;
        const n = q ? q.n : 0;
        get('found').textContent = !q ? '' : app.matches ? `${format.count(app.matches.length)} of ${format.plural(n, 'request')}` : format.plural(n, 'request');
    }

    let typing = 0;
    query.addEventListener('input', () => {
        clearTimeout(typing);
        typing = setTimeout(() => applyFilter(), 120);
    });
    /** @param {() => void} [done] */
    function applyFilter(done) {
        const error = app.setFilter(query.value, done);
        query.setAttribute('aria-invalid', String(error !== ''));
        if (error) get('found').textContent = error;
    }
    /** Filters as if it had been typed. @param {string} text @param {() => void} [done] */
    function find(text, done) {
        clearTimeout(typing);
        query.value = text;
        applyFilter(done);
    }
    get('find').addEventListener('submit', (/** @type {Event} */ e) => {
        e.preventDefault();
        clearTimeout(typing);
        applyFilter();
        waitscope.numbers.focus();
    });

    get('zoom-in').addEventListener('click', () => app.zoom(0.5));
    get('zoom-out').addEventListener('click', () => app.zoom(2));
    get('zoom-all').addEventListener('click', everything);
    function everything() {
        if (app.model) app.setView({ t0: 0, t1: app.model.header.duration_ns });
    }

    /* ---- light and dark, kept where the browser lets us */

    const THEMES = ['system', 'light', 'dark'];
    /** @param {string} t */
    function theme(t) {
        app.setTheme(t);
        get('theme').textContent = `Theme: ${app.theme}`;
        waitscope.details.renew();
        try {
            localStorage.setItem('waitscope-theme', app.theme);
        } catch {
            /* not kept */
        }
    }
    const nextTheme = () => theme(THEMES[(THEMES.indexOf(app.theme) + 1) % 3]);
    get('theme').addEventListener('click', nextTheme);

    /* ---- files: picked or dropped, at any time */

    /** @param {FileList | null | undefined} files @param {boolean} [beside] what is open */
    function takeFile(files, beside) {
        const [a, b] = [...(files || [])].map((file) => ({ what: { blob: file }, name: file.name }));
        if (!a) return;
        if (beside && !b) waitscope.compare.open(a.what, a.name);
        else open(a.what, a.name, b);
    }
    for (const id of ['open', 'choose']) get(id).addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
        takeFile(input.files);
        input.value = '';
    });
    let over = 0;
    const dropping = (/** @type {DragEvent} */ e) => e.dataTransfer !== null && [...e.dataTransfer.types].includes('Files');
    addEventListener('dragenter', (e) => {
        if (!dropping(e)) return;
        over++;
        get('drop').hidden = false;
        waitscope.compare.zones();
    });
    addEventListener('dragleave', (e) => {
        if (dropping(e) && --over <= 0) get('drop').hidden = true;
    });
    addEventListener('dragover', (e) => e.preventDefault());
    addEventListener('drop', (e) => {
        e.preventDefault();
        over = 0;
        get('drop').hidden = true;
        takeFile(e.dataTransfer && e.dataTransfer.files, waitscope.compare.isBeside(e));
    });

    /* ---- the height of the table */

    const split = get('split');
    /** @param {number} share of the window, in percent */
    function divide(share) {
        const v = Math.round(Math.min(Math.max(share, 10), 80));
        split.setAttribute('aria-valuenow', String(v));
        get('app').style.setProperty('--table', `${v}dvh`);
    }
    split.addEventListener('pointerdown', (/** @type {PointerEvent} */ e) => split.setPointerCapture(e.pointerId));
    split.addEventListener('pointermove', (/** @type {PointerEvent} */ e) => {
        if (split.hasPointerCapture(e.pointerId)) divide(((innerHeight - e.clientY) / innerHeight) * 100);
    });
    split.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => {
        const by = { ArrowUp: 3, ArrowDown: -3 }[e.key];
        if (!by) return;
        divide(Number(split.getAttribute('aria-valuenow')) + by);
        e.preventDefault();
        e.stopPropagation();
    });

    /* ---- keys */

    /** What a key does, by its place on the keyboard; what it is called; where it works. */
    const KEYS = [
        { codes: ['KeyW'], name: 'W', says: 'zoom in', run: () => app.zoom(0.7) },
        { codes: ['KeyS'], name: 'S', says: 'zoom out', run: () => app.zoom(1 / 0.7) },
        { codes: ['KeyA', 'ArrowLeft'], name: 'A ←', says: 'pan to earlier', run: () => app.pan(-0.15) },
        { codes: ['KeyD', 'ArrowRight'], name: 'D →', says: 'pan to later', run: () => app.pan(0.15) },
        { codes: ['ArrowUp'], name: '↑', says: 'lane above', run: () => waitscope.hand.moveLane(-1) },
        { codes: ['ArrowDown'], name: '↓', says: 'lane below', run: () => waitscope.hand.moveLane(1) },
        { codes: ['Comma'], name: ',', says: 'interval or request before', run: () => waitscope.hand.step(-1) },
        { codes: ['Period'], name: '.', says: 'interval or request after', run: () => waitscope.hand.step(1) },
        { codes: ['KeyF'], name: 'F', says: 'zoom to what is chosen', run: () => app.selection && app.focus(app.selection) },
        { codes: ['KeyE'], name: 'E', says: 'the chosen request’s threads below it, or no more', run: () => waitscope.hand.open() },
        { codes: ['KeyV'], name: 'V', says: 'both views, requests alone, threads alone', run: () => app.setShow(SHOW[(SHOW.indexOf(app.how.show) + 1) % 3]) },
        { codes: ['KeyB'], name: 'B', says: 'requests grouped by name, or not', run: () => app.setNamed(!app.how.named) },
        { codes: ['KeyL'], name: 'L', says: 'legend or details', run: () => waitscope.details.tab(get('legend').hidden ? 'legend' : 'details') },
        { codes: ['KeyZ', 'Backspace'], name: 'Z ⌫', says: 'back to the window before', run: waitscope.place.undo },
        { codes: ['KeyZ'], shift: true, name: 'Shift + Z', says: 'forth again', run: waitscope.place.redo },
        { codes: ['KeyN'], name: 'N', says: 'next request that fits the filter', run: () => waitscope.place.next(1) },
        { codes: ['KeyN'], shift: true, name: 'Shift + N', says: 'the one before', run: () => waitscope.place.next(-1) },
        { codes: ['KeyG'], name: 'G', says: 'go to a thread, request, object or call', run: waitscope.seek.open },
        { codes: ['KeyM'], name: 'M', says: 'mark what is chosen or pointed at; again: name it', run: waitscope.marks.add },
        { codes: ['BracketLeft'], name: '[', says: 'mark before', run: () => waitscope.marks.step(-1) },
        { codes: ['BracketRight'], name: ']', says: 'mark after', run: () => waitscope.marks.step(1) },
        { codes: ['KeyX'], name: 'X', says: 'export: picture, figures, link', run: waitscope.save.open },
        { codes: ['KeyO'], name: 'O', says: 'open a file', run: () => input.click() },
        { codes: ['KeyC'], name: 'C', says: 'compare it with another recording', run: () => get('compare').hidden || get('compare').click() },
        { codes: ['KeyC'], shift: true, name: 'Shift + C', says: 'go on with A alone', run: () => get('alone').hidden || get('alone').click() },
        { codes: ['KeyK'], name: 'K', says: 'first requests of A and B at one moment, or the begins', run: () => waitscope.compare.toFirsts() },
        { codes: ['KeyT'], name: 'T', says: 'light or dark', run: nextTheme },
        { codes: ['Escape'], name: 'Esc', says: 'let go of what is chosen, leave the search', run: escape },
    ];
    const SIGNS = [
        { keys: ['+', '='], name: '+', says: 'zoom in', run: () => app.zoom(0.5) },
        { keys: ['-', '_'], name: '-', says: 'zoom out', run: () => app.zoom(2) },
        { keys: ['0'], name: '0', says: 'show everything', run: everything },
        { keys: ['/'], name: '/', says: 'filter the requests', run: () => query.focus() },
        { keys: ['?'], name: '?', says: 'this list', run: help },
    ];

    function escape() {
        if (app.how.opened >= 0) app.setOpened(-1);
        if (app.selection) app.select(null);
        else if (query.value) {
            query.value = '';
            applyFilter();
        }
    }

    /* What belongs together in the list of keys, by their names; the rest comes last. */
    /** @type {Record<string, string[]>} */
    const GROUPS = {
        'The window on time': ['W', 'S', 'A ←', 'D →', '+', '-', '0', 'F', 'Z ⌫', 'Shift + Z'],
        'From one to the next': ['↑', '↓', ',', '.', 'Enter', 'N', 'Shift + N', 'G', '/'],
        Marks: ['M', '[', ']'],
        'Pointer and fingers': ['wheel', 'Ctrl + wheel', 'Shift + wheel', 'drag', 'Shift + drag', 'click', 'double click', 'one finger', 'two fingers', 'long press'],
    };

    function help() {
        const rows = [
            ...KEYS.map((k) => [k.name, k.says]),
            ...SIGNS.map((k) => [k.name, k.says]),
            ['Enter', 'open what stands in the lane or row; fold or unfold'],
            ['wheel', 'scroll the lanes'],
            ['Ctrl + wheel', 'zoom at the pointer'],
            ['Shift + wheel', 'pan; a wheel that tilts pans too'],
            ['drag', 'choose an area, for its sums'],
            ['Shift + drag', 'pan; so does the middle button'],
            ['click', 'details; on a name, fold it or choose the thread'],
            ['double click', 'zoom to what is there'],
            ['one finger', 'pan; up and down scrolls'],
            ['two fingers', 'zoom between them'],
            ['long press', 'what is there, in a few lines'],
        ];
        const grouped = new Set(Object.values(GROUPS).flat());
        /** @type {[string, string[]][]} */
        const groups = [...Object.entries(GROUPS), ['The page', rows.map((r) => r[0]).filter((name) => !grouped.has(name))]];
        const filters = [
            ['cart', 'in the name, group, connection or status'],
            ['blocked>5ms', 'any word of the ledger, with ns, us, ms or s'],
            ['dur>=20ms', 'latency; also start'],
            ['status:500', 'also id, pid, tid, in, out'],
            ['name:/db', 'also group, conn, protocol, process, recording, thread; = instead of : for the whole of it'],
            ['state:lock', 'has any of that word of the ledger'],
            ['call:read', 'one of its waits is in that call'],
            ['on:/var/lib', 'one of its waits is on that object, or it asked that server'],
            ['hold:yes', 'held an event loop; also is:victim, is:partial'],
            ['-status:200', 'a minus turns one around'],
        ];
        const list = (/** @type {string[][]} */ from) => el('dl', { class: 'keylist' }, ...from.flatMap(([k, v]) => [el('dt', null, el('kbd', null, k)), el('dd', null, v)]));
        get('keys-list').replaceChildren(
            ...groups.flatMap(([title, names]) => [el('h3', null, title), list(rows.filter((r) => names.includes(r[0])))]),
            el('h3', null, 'In the search box'),
            list(filters),
        );
        if (!dialog.open) dialog.showModal();
        dialog.scrollTop = 0; /* the button that has the focus stands at the end */
    }
    get('help').addEventListener('click', help);
    get('keys-close').addEventListener('click', () => dialog.close());
    dialog.addEventListener('click', (/** @type {MouseEvent} */ e) => e.target === dialog && dialog.close());

    addEventListener('keydown', (e) => {
        if (e.ctrlKey || e.metaKey || e.altKey || dialog.open) return;
        const target = /** @type {HTMLElement} */ (e.target);
        if (target === query) {
            if (e.code !== 'Escape') return;
            if (query.value) {
                query.value = '';
                applyFilter();
            } else get('lanes').focus();
            e.preventDefault();
            return;
        }
        if (!app.model && e.key !== '?' && e.code !== 'KeyO' && e.code !== 'KeyT') return;
        /* Where arrows scroll or buttons act, they go on doing so. */
        const free = target === document.body || target === get('lanes');
        if (!free && (e.key.startsWith('Arrow') || e.key === 'Enter' || e.key === ' ')) return;
        if (e.key === 'Enter' || e.key === ' ') {
            if (target !== get('lanes')) return;
            waitscope.hand.enter();
            e.preventDefault();
            return;
        }
        const hit = SIGNS.find((k) => k.keys.includes(e.key)) || KEYS.find((k) => k.codes.includes(e.code) && (!e.code.startsWith('Key') || e.shiftKey === Boolean(k.shift)));
        if (!hit) return;
        hit.run();
        e.preventDefault();
    });

    app.onPaint('mirror', (() => {
        const before = app.painter('mirror');
        let last = '';
        return () => {
            before();
            const s = app.selection;
            const key = s ? JSON.stringify(s) : '';
            if (key !== last && s) app.say(selectionWords());
            last = key;
        };
    })());

    /** What was chosen, for the live region. */
    function selectionWords() {
        const m = app.model;
        const s = app.selection;
        if (!m || !s) return '';
        if (s.kind === 'request' && m.requests) return `Request ${m.strings[m.requests.name[s.request]]}, ${format.time(m.requests.latency[s.request])}`;
        if (s.kind === 'interval') {
            const iv = M.interval(m, s.thread, s.index);
            return iv ? [M.CATEGORIES[iv.cat].word, format.time(iv.end - iv.start), iv.call, M.objectName(m, iv.object)].filter(Boolean).join(', ') : '';
        }
        if (s.kind === 'thread') return `Thread ${m.header.threads[s.thread].comm}`;
        return `Area of ${format.time(s.kind === 'area' ? s.t1 - s.t0 : 0)}`;
    }

    /* ---- begin */

    document.body.dataset.up = 'yes'; /* see boot.js */

    let kept = 'system';
    try {
        kept = localStorage.getItem('waitscope-theme') || kept;
    } catch {
        /* not kept */
    }
    theme(kept);
    waitscope.legend.build();

    /** The data that a report holds, one recording or two, comes last in the page, behind the scripts. */
    function inPage() {
        const [a, b] = ['', '-b'].map((id) => {
            const data = document.getElementById(`waitscope-data${id}`);
            const base64 = data ? data.textContent || '' : '';
            if (data) data.remove(); /* it would stay in memory a second time */
            return base64 && data ? { what: { base64 }, name: data.dataset.name || 'this report' } : undefined;
        });
        if (!a) return;
        get('welcome').hidden = true;
        open(a.what, a.name, b);
    }
    if (document.readyState === 'loading') addEventListener('DOMContentLoaded', inPage);
    else inPage();

    return {
        open,
        read,
        taking,
        loading,
        refuse,
        show,
        ended,
        found,
        find,
        /** Says something beside what is said already. @param {string} text */
        note: (text) => get('notices').append(notice({ kind: 'warn', text })),
    };
})();
