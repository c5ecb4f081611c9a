/*
 * What the page knows and what changes it: the model, the window on time, the selection, the
 * filter. Drawing modules register here; any number of changes fold into one frame.
 */
var waitscope = waitscope || {};

/**
 * @typedef {{kind: 'interval', thread: number, index: number}
 *     | {kind: 'request', request: number}
 *     | {kind: 'thread', thread: number}
 *     | {kind: 'area', t0: number, t1: number, lanes: string[]}} Choice
 *
 * @typedef {'lanes' | 'overlay' | 'overview' | 'story' | 'table' | 'numbers' | 'details' | 'bar' | 'mirror'} Part
 */

waitscope.app = (function () {
    'use strict';

    const { scale, model: M, layout, filter } = waitscope;

    /** @type {Model | null} */
    let model = null;
    /** @type {View} */
    let view = { t0: 0, t1: 1 };
    /** @type {Choice | null} */
    let selection = null;
    /** @type {Set<string>} */
    let toggled = new Set();
    let lanes = { lanes: /** @type {Lane[]} */ ([]), height: 0 };
    /** Which lanes there are: both views, or one; requests by name; whose threads stand once more. */
    const how = { show: /** @type {'both' | 'requests' | 'threads'} */ ('both'), named: false, opened: -1 };
    /** The requests that fit the filter, by start; null: all. @type {Uint32Array | null} */
    let matches = null;
    /** @type {Pack | null} */
    let allRows = null;
    let query = '';
    /** @type {Map<Part, () => void>} */
    const painters = new Map();
    /** @type {Set<Part>} */
    const dirty = new Set();
    let frame = 0;
    let loading = false; /* parts still come */
    let fresh = false; /* a page that was just shown is laid out before it is drawn */

    /** @param {Part} part @param {() => void} paint */
    function onPaint(part, paint) {
        painters.set(part, paint);
    }

    /** @param {...Part} parts */
    function invalidate(...parts) {
        for (const part of parts) dirty.add(part);
        if (!frame) frame = requestAnimationFrame(paintDirty);
    }

    /** All that a filter, a theme or a window may change. The story tells of the data alone: built
     * again it would be read through again, and the keyboard would lose its place in it. */
    function all() {
        invalidate('lanes', 'overlay', 'overview', 'table', 'numbers', 'details', 'bar', 'mirror');
    }

    function paintDirty() {
        frame = 0;
        if (!model) return;
        if (fresh) {
            fresh = false;
            frame = requestAnimationFrame(paintDirty);
            return;
        }
        const until = performance.now() + 12;
        for (const [part, run] of painters) {
            if (!dirty.delete(part)) continue;
            run();
            /* A first picture has much to do: the rest comes with the next frame. What lies over
             * the lanes moves with them. */
            if (part !== 'lanes' && performance.now() > until && dirty.size) {
                frame = frame || requestAnimationFrame(paintDirty);
                return;
            }
        }
    }

    /** Runs a generator in slices that leave the page free. @template T
     * @param {Generator<void, T>} work @param {(result: T) => void} done
     * @returns {() => void} stops it */
    function slowly(work, done) {
        let stopped = false;
        const step = () => {
            if (stopped) return;
            const until = performance.now() + 8;
            for (;;) {
                const r = work.next();
                if (r.done) return done(r.value);
                if (performance.now() > until) break;
            }
            setTimeout(step, 0);
        };
        step();
        return () => {
            stopped = true;
        };
    }

    /* ---- the window on time */

    let viewed = /** @type {(before: View) => void} */ (() => {});

    /** @param {View} v */
    function setView(v) {
        if (!model) return;
        const before = view;
        view = scale.clamp(v, model.header.duration_ns);
        if (view.t0 !== before.t0 || view.t1 !== before.t1) viewed(before);
        invalidate('lanes', 'overlay', 'overview', 'bar', 'mirror');
        waitscope.numbers.moved();
    }

    /** @param {number} factor @param {number} [at] */
    function zoom(factor, at) {
        if (!model) return;
        const middle = (view.t0 + view.t1) / 2;
        setView(scale.zoom(view, model.header.duration_ns, factor, at === undefined ? middle : at));
    }

    /** @param {number} share of the window */
    function pan(share) {
        if (model) setView(scale.pan(view, model.header.duration_ns, share * (view.t1 - view.t0)));
    }

    /* ---- lanes */

    const TOUCH = matchMedia('(pointer: coarse)');
    const LOW = 280; /* pixels of the lanes, below which rows are as flat as they may be */

    function relayout() {
        if (!model) return;
        const rows = model.pack ? model.pack.rows : 0;
        const row = rows > 60 || waitscope.lanes.box.clientHeight < LOW ? 9 : rows > 16 ? 14 : 17;
        /* Both views are to be seen at once: the requests take less than half of the height. */
        const some = Math.max(6, Math.floor((waitscope.lanes.box.clientHeight * (model.header.recordings ? 0.2 : 0.42)) / row));
        /* Nor does one of two recordings hide the other. */
        const threads = model.header.recordings && how.show === 'both' ? Math.max(3, Math.floor((waitscope.lanes.box.clientHeight * 0.18) / 17)) : undefined;
        const size = { row, thread: model.header.recordings ? 17 : 20, head: TOUCH.matches ? 32 : 28, group: TOUCH.matches ? 28 : 20 };
        const room = how.show === 'both' ? waitscope.lanes.box.clientHeight - waitscope.lanes.AXIS - 8 : 0;
        lanes = layout.fitted(model, toggled, size, { show: how.show, rows: how.show === 'both' ? some : 200, threads, opened: how.opened }, room);
        waitscope.lanes.laidOut();
        invalidate('lanes', 'overlay', 'mirror', 'bar');
    }

    /** @param {'both' | 'requests' | 'threads'} what */
    function setShow(what) {
        if (how.show === what) return;
        how.show = what;
        waitscope.lanes.box.scrollTop = 0;
        relayout();
    }

    /** Requests in one pile, or name by name. @param {boolean} named */
    function setNamed(named) {
        if (regroup(named)) setFilter(query);
    }

    /** The rows that are known are grouped in another way; the filter that comes next packs them.
     * @param {boolean} named @returns {boolean} is there anything to pack */
    function regroup(named) {
        if (how.named === named) return false;
        how.named = named;
        allRows = null;
        invalidate('bar');
        return true;
    }

    /** Puts the threads that held a request below it. @param {number} request -1: no more below any */
    function setOpened(request) {
        how.opened = request;
        if (request >= 0) show({ kind: 'request', request });
        relayout();
        if (request < 0) return;
        const own = lanes.lanes.filter((l) => l.of === request);
        const row = lanes.lanes[lanes.lanes.indexOf(own[0]) - 1];
        if (row) for (const lane of [own[own.length - 1], row]) waitscope.hand.scrollTo(lane);
    }

    /** @param {string} key */
    function toggle(key) {
        if (!toggled.delete(key)) toggled.add(key);
        relayout();
    }

    /** Folds and unfolds as another reader did. @param {string[]} keys */
    function fold(keys) {
        toggled = new Set(keys);
        relayout();
    }

    /** The lane of a thread or row; folds that hide it are opened.
     * @param {'thread' | 'row'} kind @param {number} index @param {number} process */
    function reveal(kind, index, process) {
        const find = () => lanes.lanes.find((l) => l.kind === kind && l[kind] === index);
        if (find() || !model) return find();
        if (how.show === (kind === 'row' ? 'threads' : 'requests')) setShow('both');
        toggled.delete(`rec${M.recordingOf(model, process)}`);
        toggled.delete(`p${process}`);
        relayout();
        const groups = lanes.lanes.filter((l) => l.kind === 'group' && l.process === process);
        for (const group of groups) {
            const before = new Set(toggled);
            for (const key of group.open ? [`${group.key} all`] : [group.key, `${group.key} all`]) {
                if (key.endsWith(' all')) toggled.add(key);
                else if (!toggled.delete(key)) toggled.add(key);
                relayout();
                if (find()) return find();
            }
            toggled = before;
        }
        relayout();
        return undefined;
    }

    /* ---- selection */

    /** @param {Choice | null} s @param {boolean} [jump] show it, wherever it is */
    function select(s, jump) {
        selection = s;
        if (s && jump) show(s);
        if (s) waitscope.details.open();
        invalidate('lanes', 'overlay', 'details', 'table', 'mirror');
    }

    /** The stretch of time of a selection. @param {Choice} s */
    function spanOf(s) {
        const q = model && model.requests;
        if (s.kind === 'area') return { t0: s.t0, t1: s.t1 };
        if (s.kind === 'request' && q)
            return { t0: q.start[s.request], t1: q.start[s.request] + q.latency[s.request] };
        if (s.kind === 'interval' && model) {
            const track = model.threads[s.thread];
            if (track) return { t0: track.t[s.index], t1: track.t[s.index + 1] };
        }
        if (s.kind === 'thread' && model) {
            const t = model.header.threads[s.thread];
            return { t0: t.start, t1: t.end };
        }
        return null;
    }

    /** Brings a selection into the picture; zooms only when it would be out of it or a speck.
     * @param {Choice} s */
    function show(s) {
        const span = spanOf(s);
        if (!model || !span) return;
        const width = view.t1 - view.t0;
        const inside = span.t0 >= view.t0 && span.t1 <= view.t1;
        if (s.kind !== 'thread' && (!inside || (span.t1 - span.t0) / width < 0.004)) focus(s);
        let lane;
        if (s.kind === 'interval' || s.kind === 'thread')
            lane = reveal('thread', s.thread, model.header.threads[s.thread].process);
        if (s.kind === 'request' && model.pack && model.requests) {
            const row = model.pack.rowOf[s.request];
            if (row !== layout.NONE) lane = reveal('row', row, model.requests.process[s.request]);
        }
        if (lane) waitscope.hand.scrollTo(lane);
    }

    /** Zooms to a selection. @param {Choice} s */
    function focus(s) {
        const span = spanOf(s);
        if (model && span) setView(scale.around(span.t0, span.t1, model.header.duration_ns));
    }

    /* ---- filter */

    let stopFilter = () => {};

    /** @param {Requests} q @param {(r: number) => boolean} fits */
    function* sieve(q, fits) {
        const out = [];
        for (let r = 0; r < q.n; r++) {
            if ((r & 127) === 0) yield;
            if (fits(r)) out.push(r);
        }
        const ids = Uint32Array.from(out);
        const processes = /** @type {Model} */ (model).header.processes.length;
        return { ids, pack: yield* layout.packing(q, ids, processes, M.COUNT, M.EMPTY, how.named) };
    }

    /** @param {string} text @param {() => void} [done] when its requests are found
     * @returns {string} what is wrong with it */
    function setFilter(text, done = () => {}) {
        query = text;
        stopFilter();
        const { terms, error } = filter.parse(text);
        const m = model;
        if (error || !m || !m.requests) {
            done();
            return error;
        }
        const q = m.requests;
        if (terms.length === 0 && allRows) {
            useMatches(null, allRows);
            done();
            return '';
        }
        const every = terms.length === 0;
        stopFilter = slowly(sieve(q, filter.compile(terms, waitscope.ask(m, q))), ({ ids, pack }) => {
            if (every) allRows = pack;
            useMatches(every ? null : ids, pack);
            done();
        });
        return '';
    }

    /** @param {Uint32Array | null} ids @param {Pack | null} pack */
    function useMatches(ids, pack) {
        if (!model) return;
        matches = ids;
        model.pack = pack;
        waitscope.table.resort();
        waitscope.lanes.forget();
        waitscope.main.found();
        if (selection && selection.kind === 'area') waitscope.details.renew(); /* its rows hold others now */
        relayout();
        all();
    }

    /* ---- light and dark */

    const DARK = matchMedia('(prefers-color-scheme: dark)');
    /** @type {'system' | 'light' | 'dark'} */
    let theme = 'system';

    function dark() {
        return theme === 'system' ? DARK.matches : theme === 'dark';
    }

    /** The style sheet's colours by name, asked once a theme. @type {Map<string, string>} */
    const colours = new Map();

    /** @param {string} name */
    function css(name) {
        let value = colours.get(name);
        if (value === undefined)
            colours.set(name, (value = getComputedStyle(document.documentElement).getPropertyValue(name)));
        return value;
    }

    /** @param {string} t */
    function setTheme(t) {
        theme = t === 'light' || t === 'dark' ? t : 'system';
        document.documentElement.dataset.theme = dark() ? 'dark' : 'light';
        colours.clear();
        for (const canvas of document.querySelectorAll('canvas.swatch'))
            waitscope.dom.drawSwatch(/** @type {HTMLCanvasElement} */ (canvas));
        all();
    }
    DARK.addEventListener('change', () => setTheme(theme));

    /* ---- a live region, for those who hear the page */

    /** @param {string} text */
    function say(text) {
        waitscope.dom.get('live').textContent = text;
    }

    /* ---- loading */

    /** @param {Header} header @param {string} name */
    function begin(header, name) {
        loading = true;
        adopt(blank(header, name));
    }

    /** A model of which no part was read yet. @param {Header} header @param {string} name @returns {Model} */
    function blank(header, name) {
        return {
            name,
            header,
            strings: [],
            objects: null,
            requests: null,
            pack: null,
            holds: null,
            asks: [],
            threads: new Array(header.threads.length).fill(null),
            tids: new Map(header.threads.map((t, i) => [t.tid, i])),
        };
    }

    /** Shows a model, of which parts may still come, from its begin. @param {Model} m */
    function adopt(m) {
        stopFilter();
        stopFilter = () => {};
        fresh = true;
        model = m;
        selection = null;
        matches = null;
        allRows = m.pack;
        how.named = false;
        how.opened = -1;
        toggled = new Set();
        query = '';
        view = scale.clamp({ t0: 0, t1: m.header.duration_ns }, m.header.duration_ns);
        waitscope.lanes.forget();
        relayout();
        /* Of two, the threads of both come first: many rows of requests would keep them apart. */
        if (m.header.recordings && lanes.height > waitscope.lanes.box.clientHeight) fold(m.header.processes.map((_, p) => `p${p} requests`));
        all();
        invalidate('story');
    }

    /** The model whose times are on the move, where to, and what is to be done there.
     * @type {{of: Model | null, by: number, done: () => void}} */
    const moving = { of: null, by: 0, done: () => {} };

    /** Shows B later than A by so much, or earlier: then it is A that is moved. No time is
     * negative, so each is shown at its own begin or later. Half a move is none: it goes on to its
     * end, and then to where it was sent meanwhile. @param {number} by @param {() => void} done */
    function shift(by, done) {
        const m = model;
        const both = m && m.header.recordings;
        Object.assign(moving, { by, done });
        if (!m || !both || moving.of === m) return;
        stopFilter(); /* what it packs would be of before and after */
        moving.of = m;
        const whole = view.t1 - view.t0 >= m.header.duration_ns;
        const wants = () => [Math.max(-moving.by, 0), Math.max(moving.by, 0)];
        const work = function* () {
            for (let i = 0; i < 2; i++) {
                const packs = [m.pack, allRows].filter((p) => p !== null);
                const more = wants()[i] - both[i].shift;
                if (more) yield* waitscope.merge.shift(m, packs, i, more);
            }
        };
        slowly(work(), () => {
            moving.of = null;
            if (model !== m) return;
            if (both.some((r, i) => r.shift !== wants()[i])) {
                shift(moving.by, moving.done);
                return;
            }
            setFilter(query);
            setView(whole ? { t0: 0, t1: m.header.duration_ns } : view);
            all();
            invalidate('story');
            moving.done();
        });
    }

    /** Puts a part where it belongs. @param {Model} m @param {any} msg */
    function put(m, msg) {
        if (msg.type === 'strings') for (const s of msg.values) m.strings.push(s);
        else if (msg.type === 'objects') m.objects = msg.objects;
        else if (msg.type === 'holds') m.holds = msg.holds;
        else if (msg.type === 'asks') m.asks.push(msg.asks);
        else if (msg.type === 'thread') m.threads[msg.thread] = msg.track;
        else if (msg.type === 'requests') Object.assign(m, { requests: msg.requests, pack: msg.pack });
    }

    /** A part of the timeline arrived. @param {any} msg */
    function receive(msg) {
        if (!model) return;
        put(model, msg);
        if (msg.type === 'thread') invalidate('lanes', 'overlay', 'mirror');
        if (msg.type === 'requests') {
            allRows = model.pack;
            relayout();
            all();
            invalidate('story');
        }
    }

    return {
        get model() {
            return model;
        },
        get view() {
            return view;
        },
        get selection() {
            return selection;
        },
        get lanes() {
            return lanes;
        },
        get matches() {
            return matches;
        },
        /** Those of all requests, whatever is filtered; null: they are not packed yet. */
        get rows() {
            return allRows;
        },
        how,
        get query() {
            return query;
        },
        get theme() {
            return theme;
        },
        /** Parts of the recording still come: what takes long may wait for the next frame. */
        get loading() {
            return loading;
        },
        /** All of it was read, or as much as could be. */
        ended() {
            loading = false;
            invalidate('story');
        },
        get toggled() {
            return toggled;
        },
        /** Told of every change of the window, with the one before. @param {(before: View) => void} fn */
        onView: (fn) => {
            viewed = fn;
        },
        /** When the pictures were last drawn over, for benches. */
        get idle() {
            return frame === 0;
        },
        onPaint,
        /** @param {Part} part */
        painter: (part) => painters.get(part) || (() => {}),
        invalidate,
        all,
        slowly,
        setView,
        zoom,
        pan,
        relayout,
        setShow,
        setNamed,
        regroup,
        setOpened,
        toggle,
        fold,
        select,
        show,
        focus,
        spanOf,
        setFilter,
        dark,
        css,
        setTheme,
        say,
        begin,
        blank,
        put,
        adopt,
        shift,
        receive,
    };
})();
