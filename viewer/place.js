/*
 * The way that a reader went: back and forth through the windows, and the address that leads
 * another reader to the same place.
 */
var waitscope = waitscope || {};

waitscope.place = (function () {
    'use strict';

    const { app, dom, hash, layout } = waitscope;

    /* ---- back and forth */

    const QUIET = 350; /* ms without a change that end a gesture */
    const MOST = 200;
    /** @type {View[]} */
    let back = [];
    /** @type {View[]} */
    let forth = [];
    let gesture = 0; /* the timer that ends it; 0: none goes on */
    /** Pointers that are down. @type {Set<number>} */
    const held = new Set();
    let walking = false;

    /** What comes next is a step of its own. */
    function endGesture() {
        clearTimeout(gesture);
        gesture = 0;
    }

    function quiet() {
        gesture = held.size ? setTimeout(quiet, QUIET) : 0;
    }

    app.onView((before) => {
        if (walking) return;
        if (!gesture) {
            back.push(before);
            if (back.length > MOST) back.shift();
            forth = [];
        }
        clearTimeout(gesture);
        gesture = setTimeout(quiet, QUIET);
        buttons();
    });
    addEventListener('keydown', (e) => e.repeat || ['Control', 'Shift', 'Meta'].includes(e.key) || endGesture(), true);
    addEventListener(
        'pointerdown',
        (e) => {
            if (held.size === 0) endGesture();
            held.add(e.pointerId);
        },
        true,
    );
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) addEventListener(type, (e) => held.delete(e.pointerId), true);

    /** @param {View[]} from @param {View[]} to @param {string} none */
    function walk(from, to, none) {
        endGesture();
        const v = from.pop();
        if (!v) return app.say(none);
        to.push(app.view);
        walking = true;
        app.setView(v);
        walking = false;
        buttons();
    }
    const undo = () => walk(back, forth, 'No window before this one');
    const redo = () => walk(forth, back, 'No window after this one');

    function buttons() {
        dom.get('undo').disabled = back.length === 0;
        dom.get('redo').disabled = forth.length === 0;
    }
    dom.get('undo').addEventListener('click', undo);
    dom.get('redo').addEventListener('click', redo);

    /* ---- the requests that fit the filter, one after the other */

    /** @param {number} by 1 or -1 */
    function next(by) {
        const q = app.model && app.model.requests;
        if (!q) return;
        const ids = app.matches || layout.range(q.n);
        const s = app.selection;
        const chosen = s && s.kind === 'request' ? s.request : -1;
        /* Requests stand by their start; without one, the window's edge is where to begin. */
        const before = (/** @type {number} */ r) => (chosen >= 0 ? r < chosen : by > 0 ? q.start[r] < app.view.t0 : q.start[r] < app.view.t1);
        let lo = 0;
        let hi = ids.length;
        while (lo < hi) {
            const mid = (lo + hi) >> 1;
            if (before(ids[mid])) lo = mid + 1;
            else hi = mid;
        }
        const at = by < 0 ? lo - 1 : ids[lo] === chosen ? lo + 1 : lo;
        if (at >= 0 && at < ids.length) app.select({ kind: 'request', request: ids[at] }, true);
        else app.say(`No ${by < 0 ? 'earlier' : 'later'} request${app.matches ? ' fits the filter' : ''}`);
    }

    /* ---- the address */

    let mine = ''; /* what this page wrote last */
    let known = false; /* all was read: what is shown is what the address is to say */
    let writing = 0;
    let topmost = ''; /* the lane to scroll to */

    /** @param {Model} m @param {number} thread */
    function nameOf(m, thread) {
        const { tid } = m.header.threads[thread];
        return m.tids.get(tid) === thread ? String(tid) : `~${thread}`;
    }

    /** @param {Model} m @param {string} name */
    function threadOf(m, name) {
        const i = name.startsWith('~') ? Number(name.slice(1)) : m.tids.get(Number(name || NaN));
        return i !== undefined && m.header.threads[i] ? i : -1;
    }

    /** A request's number; of two recordings with B's letter. @param {Model} m @param {number} r */
    function numberOf(m, r) {
        const q = /** @type {Requests} */ (m.requests);
        return `${waitscope.model.recordingOf(m, q.process[r]) ? 'B' : ''}${q.id[r]}`;
    }

    /** @param {Model} m @param {string} text @returns {number} -1: there is none */
    function requestOf(m, text) {
        const [, letter, digits] = /^(B?)(\d+)$/.exec(text) || [];
        return digits ? waitscope.model.requestOf(m, Number(digits), letter ? 1 : 0) : -1;
    }

    /** @param {Model} m @returns {Place} */
    function here(m) {
        const s = app.selection;
        const { view } = app;
        const track = s && s.kind === 'interval' ? m.threads[s.thread] : null;
        const { from, top } = waitscope.lanes.visible();
        return {
            of: hash.fingerprint(m.header),
            /* A choice without a window would be zoomed to. */
            t: s || view.t0 > 0 || view.t1 < m.header.duration_ns ? view : null,
            q: app.query,
            sort: waitscope.table.sort === waitscope.table.first ? '' : waitscope.table.sort,
            v: app.how.show === 'both' ? '' : app.how.show,
            by: app.how.named ? 'name' : '',
            x: app.how.opened >= 0 && m.requests ? numberOf(m, app.how.opened) : '',
            folds: [...app.toggled],
            y: top > 0 && app.lanes.lanes[from] ? app.lanes.lanes[from].key : '',
            r: s && s.kind === 'request' && m.requests ? numberOf(m, s.request) : '',
            h: s && s.kind === 'thread' ? nameOf(m, s.thread) : '',
            i: s && s.kind === 'interval' && track ? { thread: nameOf(m, s.thread), t: track.t[s.index] } : null,
            a: s && s.kind === 'area' ? s : null,
            marks: waitscope.marks.list(),
        };
    }

    /** The address of what is shown, without what stands before the #. */
    function link() {
        return app.model ? hash.text(here(app.model)) : '';
    }

    function write() {
        if (!known || !app.model) return;
        const text = link();
        if (text === mine) return;
        mine = text;
        try {
            /* An address without # is none of its own to a browser: it takes what was before. */
            history.replaceState(null, '', text || document.URL.replace(/#.*/s, ''));
        } catch {
            /* some browsers refuse it from the disk: then there is no link */
        }
    }

    /** Soon; a browser takes only so many addresses a second. */
    function changed() {
        clearTimeout(writing);
        writing = setTimeout(write, 400);
    }
    for (const part of /** @type {const} */ (['mirror', 'table'])) {
        const before = app.painter(part);
        app.onPaint(part, () => {
            before();
            changed();
            /* The lanes were drawn before this, so that their box has its height. */
            const lane = topmost ? app.lanes.lanes.find((l) => l.key === topmost) : undefined;
            if (lane) waitscope.lanes.box.scrollTop = lane.y;
            topmost = '';
        });
    }

    /** What the address asks for; null where it is about another recording. @param {Model} m */
    function asked(m) {
        const p = hash.parse(location.hash);
        return p.of && p.of !== hash.fingerprint(m.header) ? null : p;
    }

    /** What can be had before all is read: window, folds, marks. @param {Place} p */
    function early(p) {
        const { t } = p;
        if (app.model) app.setView(t || { t0: 0, t1: app.model.header.duration_ns });
        app.setShow(p.v === 'requests' || p.v === 'threads' ? p.v : 'both');
        /* Of two, something is folded from the begin. */
        if (app.model && (p.folds.length || !app.model.header.recordings)) app.fold(p.folds);
        waitscope.marks.set(p.marks);
    }

    /** @param {Model} m @param {Place} p @returns {Choice | null} what is there no more is nothing */
    function choiceOf(m, p) {
        const request = requestOf(m, p.r);
        if (request >= 0) return { kind: 'request', request };
        const thread = threadOf(m, p.h);
        if (thread >= 0) return { kind: 'thread', thread };
        const on = p.i ? threadOf(m, p.i.thread) : -1;
        const track = on >= 0 ? m.threads[on] : null;
        const index = track && p.i && p.i.t < track.t[track.n] ? waitscope.model.indexAt(track, p.i.t) : -1;
        if (index >= 0) return { kind: 'interval', thread: on, index };
        const { t0, t1, lanes } = p.a || { t0: 0, t1: 0, lanes: [] };
        const end = Math.min(t1, m.header.duration_ns);
        return end > t0 ? { kind: 'area', t0, t1: end, lanes } : null;
    }

    /** Sort, filter and choice, when their data are there. @param {Model} m @param {Place} p */
    function late(m, p) {
        waitscope.table.sort = p.sort || waitscope.table.first;
        const rest = () => {
            const s = choiceOf(m, p);
            walking = true;
            const opened = requestOf(m, p.x);
            if (opened !== app.how.opened) app.setOpened(opened);
            app.select(s, s !== null && !(p.t && s.kind === 'area'));
            if (p.t) app.setView(p.t);
            else if (s) app.focus(s);
            walking = false;
            topmost = p.y;
            endGesture();
        };
        known = true;
        const regrouped = app.regroup(p.by === 'name');
        if (p.q === app.query && !regrouped) rest();
        else waitscope.main.find(p.q, rest);
    }

    addEventListener('hashchange', () => {
        const m = app.model;
        if (!m || !known) return;
        const p = asked(m);
        if (!p) return waitscope.main.note(OTHER);
        mine = location.hash;
        early(p);
        late(m, p);
    });
    const OTHER = 'The address of this page leads into another recording; nothing of it was applied.';

    return {
        undo,
        redo,
        next,
        link,
        changed,
        /** A recording's header is there. */
        begin() {
            const m = app.model;
            known = false;
            waitscope.marks.set([]);
            const p = m && asked(m);
            if (p) early(p);
            back = [];
            forth = [];
            endGesture();
            buttons();
        },
        /** All of it is there. */
        arrive() {
            const m = app.model;
            if (!m) return;
            const p = asked(m);
            /* Where nothing is asked, what the reader did meanwhile stays. */
            if (p && location.hash) late(m, p);
            else {
                /* A link that this page wrote for the recording before has served its turn; another
                 * stays until the reader moves. */
                if (!p && location.hash !== mine) {
                    waitscope.main.note(OTHER);
                    mine = link();
                }
                known = true;
            }
            buttons();
        },
    };
})();
