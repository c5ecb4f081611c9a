/*
 * Two recordings as one model: the parts of B stand behind those of A, with their indices moved,
 * so that lanes, table, filter, details and selection work for both as for one. Nothing of A moves.
 * Times of both begin at 0; `shift` moves one.
 *
 * Strings of both are one list, each once: "read" is one word, whoever read.
 */
var waitscope = waitscope || {};

waitscope.merge = waitscope.pure('merge', function () {
    'use strict';

    const { model: M } = waitscope;
    const NONE = 0xffffffff;

    /** What makes an entry of A and one of B fit where they stand; null: they do.
     * @typedef {[((v: number) => number) | null, (v: number) => number] | null} Fit */

    /** All words of both, each once, and where those of b are. @param {string[]} a @param {string[]} b
     * @returns {Generator<void, {all: string[], map: Uint32Array}>} */
    function* union(a, b) {
        const all = a.slice();
        /** @type {Map<string, number>} */
        const at = new Map();
        for (let i = a.length - 1; i >= 0; i--) {
            if ((i & 4095) === 0) yield;
            at.set(a[i], i);
        }
        const map = new Uint32Array(b.length);
        for (let i = 0; i < b.length; i++) {
            if ((i & 4095) === 0) yield;
            const known = at.get(b[i]);
            if (known === undefined) at.set(b[i], (map[i] = all.push(b[i]) - 1));
            else map[i] = known;
        }
        return { all, map };
    }

    /** @param {any} column @param {number} from @param {number} to @param {((v: number) => number) | null} f */
    function* each(column, from, to, f) {
        for (let i = from; f && i < to; i++) {
            if ((i & 65535) === 0) yield;
            column[i] = f(column[i]);
        }
    }

    /** One column behind the other. @param {any} x @param {any} y @param {Fit} [fit]
     * @returns {Generator<void, any>} */
    function* join(x, y, fit) {
        const out = new x.constructor(x.length + y.length);
        out.set(x);
        out.set(y, x.length);
        yield;
        if (fit) {
            yield* each(out, 0, x.length, fit[0]);
            yield* each(out, x.length, out.length, fit[1]);
        }
        return out;
    }

    const FIRST = /First$|off$/i; /* columns that say where the parts of an entry begin */

    /** Of columns by name.
     * @param {any} x @param {any} y @param {Record<string, Fit>} fits @returns {Generator<void, any>} */
    function* joinAll(x, y, fits) {
        x = x || none(y);
        y = y || none(x);
        /** @type {any} */
        const out = {};
        for (const key of ['n', 'rows']) if (key in x) out[key] = x[key] + y[key];
        for (const [key, column] of /** @type {[string, any][]} */ (Object.entries(x))) {
            if (!ArrayBuffer.isView(column)) continue;
            const base = FIRST.test(key) ? /** @type {any} */ (column).at(-1) : -1;
            out[key] = base < 0 ? yield* join(column, y[key], fits[key]) : yield* join(column, y[key].subarray(1), [null, (v) => v + base]);
        }
        return out;
    }

    /** The same columns, of nothing. @param {any} columns */
    function none(columns) {
        /** @type {any} */
        const out = { n: 0 };
        for (const key in columns) if (ArrayBuffer.isView(columns[key])) out[key] = /** @type {any} */ (columns[key]).slice(0, FIRST.test(key) ? 1 : 0);
        return out;
    }

    /* An index that leads nowhere in its own file must not lead to the other's. */

    /** @param {number} a @param {number} b how many there are @returns {Fit} */
    function index(a, b) {
        return [(v) => (v < a ? v : NONE), (v) => (v < b ? v + a : NONE)];
    }

    /** Where 0 is none. @param {number} a @param {number} b @returns {Fit} */
    function index1(a, b) {
        return [(v) => (v <= a ? v : 0), (v) => (v && v <= b ? v + a : 0)];
    }

    /** @param {Requests} x @param {Requests} y @param {Record<string, Fit>} of @param {Header} ha
     * @param {Header} hb @param {{ledger: string[], grades: string[]}} words @returns {Generator<void, Requests>} */
    function* requests(x, y, of, ha, hb, words) {
        const { process, object, string, thread1, request, grade } = of;
        const q = yield* joinAll(x, y, {
            process, conn: object, protocol: string, name: string, group: string, segGrade: grade, segThread: thread1, segRequest: request,
            heldSeg: [null, (s) => s + x.segStart.length],
        });
        for (const key of /** @type {const} */ (['ledger', 'grades'])) {
            const to = key === 'ledger' ? 'ledger' : 'grade';
            q[to] = [];
            for (const word of words[key]) {
                const one = x[to][ha[key].indexOf(word)] || new Float64Array(x.n);
                q[to].push(yield* join(one, y[to][hb[key].indexOf(word)] || new Float64Array(y.n)));
            }
        }
        q.ledgerSum = Float64Array.from(words.ledger, (word) => (x.ledgerSum[ha.ledger.indexOf(word)] || 0) + (y.ledgerSum[hb.ledger.indexOf(word)] || 0));
        return q;
    }

    /** @param {Model} m */
    function partsOf(m) {
        const n = (/** @type {{n: number} | null} */ o) => (o ? o.n : 0);
        const { strings, asks, threads, header: h } = m;
        return { strings: strings.length, objects: n(m.objects), requests: n(m.requests), holds: n(m.holds), asks: asks.length, threads: threads.length, processes: h.processes.length };
    }

    /** @param {Model} a @param {Model} b @param {number} process the first of B
     * @param {{ledger: string[], grades: string[], object_kinds: string[]}} words @returns {Header} */
    function header(a, b, process, words) {
        const [x, y] = [a.header, b.header];
        const state = x.states.map((s) => y.states.indexOf(s));
        return {
            ...x,
            ...words,
            complete: x.complete && y.complete,
            damage: '', /* the recordings have their own */
            records: x.records + y.records,
            requests: x.requests + y.requests,
            intervals: x.intervals + y.intervals,
            duration_ns: Math.max(x.duration_ns, y.duration_ns),
            lost: {
                records: x.lost.records + y.lost.records,
                windows: [x, y].flatMap((h, recording) => h.lost.windows.map((w) => ({ ...w, recording }))),
            },
            processes: [x, y].flatMap((h, recording) => h.processes.map((p) => ({ ...p, recording }))),
            threads: [
                ...x.threads.map((t) => ({ ...t })),
                ...y.threads.map((t) => ({ ...t, process: t.process + process, state_ns: state.map((s) => t.state_ns[s] || 0) })),
            ],
            recordings: [a, b].map((m) => ({ name: m.name, header: m.header, shift: 0, problems: m.problems || [], parts: partsOf(m) })),
        };
    }

    /**
     * The two as one; the rows of each are all that it has, in one pile. `a` stays whole, but that its
     * threads and asks are shifted with those of both; `b` is used up.
     * @param {Model} a @param {Model} b @returns {Generator<void, Model>}
     */
    function* join2(a, b) {
        const [ha, hb] = [a.header, b.header];
        const strings = yield* union(a.strings, b.strings);
        const ledger = yield* union(ha.ledger, hb.ledger);
        const grades = yield* union(ha.grades, hb.grades);
        const kinds = yield* union(ha.object_kinds, hb.object_kinds);
        const h = header(a, b, ha.processes.length, { ledger: ledger.all, grades: grades.all, object_kinds: kinds.all });
        const [na, nb] = [a, b].map((m) => (m.objects ? m.objects.n : 0));
        const [qa, qb] = [/** @type {Requests} */ (a.requests), /** @type {Requests} */ (b.requests)];
        const plus = (/** @type {number} */ n) => /** @type {Fit} */ ([null, (v) => v + n]);
        /** @type {Record<string, Fit>} */
        const of = {
            string: [null, (v) => strings.map[v] || 0],
            grade: [null, (v) => (v < grades.map.length ? grades.map[v] : 255)],
            kind: [null, (v) => (v < kinds.map.length ? kinds.map[v] : 255)],
            process: plus(ha.processes.length),
            thread: plus(ha.threads.length),
            thread1: index1(ha.threads.length, hb.threads.length),
            request: plus(qa.n),
            request1: index1(qa.n, qb.n),
            object: index(na, nb),
            object1: index1(na, nb),
        };
        const { string, object1, request } = of;
        const { rows } = /** @type {Pack} */ (a.pack);
        const q = yield* requests(qa, qb, of, ha, hb, h);
        /** @type {Model} */
        const m = {
            name: a.name,
            header: h,
            strings: strings.all,
            objects: a.objects || b.objects ? yield* joinAll(a.objects, b.objects, { kind: of.kind, name: string, local: string, remote: string }) : null,
            requests: q,
            pack: { ...(yield* joinAll(a.pack, b.pack, { process: of.process, section: of.process, ref: [null, (s) => (s < 0 ? s : s + qa.segStart.length)], rowOf: [null, (row) => (row === NONE ? row : row + rows)] })), sections: null },
            holds: a.holds || b.holds ? yield* joinAll(a.holds, b.holds, { thread: of.thread, request: of.request1, call: string, object: object1, victim: request }) : null,
            asks: [...a.asks, ...b.asks],
            threads: [...a.threads, ...b.threads],
            problems: [],
            tids: new Map([...a.tids, ...[...b.tids].map(([tid, i]) => /** @type {[number, number]} */ ([tid + M.TIDS, i + ha.threads.length]))]),
        };
        /* Long columns are not copied, but changed where they are; A's so that they mean the same. */
        for (let side = 0; side < 2; side++) {
            const of1 = (/** @type {string} */ key) => /** @type {NonNullable<Fit>} */ (of[key])[side];
            for (const o of side ? b.asks : a.asks) {
                yield* each(o.request, 0, o.request.length, of1('request1'));
                yield* each(o.object, 0, o.object.length, of1('object'));
            }
            for (const t of side ? b.threads : a.threads) {
                if (!t) continue;
                if (side) {
                    /* they were as narrow as their own numbers; those of both are larger */
                    t.waits.call = Uint32Array.from(t.waits.call);
                    t.waits.object = Uint32Array.from(t.waits.object);
                }
                yield* each(t.waits.call, 0, t.waits.call.length, of1('string'));
                yield* each(t.waits.object, 0, t.waits.object.length, of1('object1'));
            }
        }
        return m;
    }

    /* ---- one against the other */

    /** @param {Float64Array} times @param {number} from @param {number} to @param {number} by */
    function add(times, from, to, by) {
        for (let i = from; i < to; i++) times[i] += by;
    }

    /** A track and the moments in its sums. @param {Track} track @param {number} by */
    function addTrack({ t, sums, k }, by) {
        add(t, 0, t.length, by);
        for (let i = k; i < sums.length; i += k + 1) sums[i] += by;
    }

    /** Moves the rows of one recording. @param {Pack} p @param {Header} h @param {number} recording @param {number} by */
    function shiftPack(p, h, recording, by) {
        for (let row = 0; row < p.rows; row++)
            if (h.processes[p.process[row]].recording === recording) addTrack(M.rowTrack(p, row), by);
    }

    /** Moves all times of a recording, which stay whole numbers. Gives way between threads; what
     * else there is moves at once, at the end. `by` may be negative, as long as no time gets so.
     * @param {Model} m @param {Pack[]} packs @param {number} recording @param {number} by */
    function* shift(m, packs, recording, by) {
        const h = m.header;
        const both = /** @type {Recording[]} */ (h.recordings);
        const { parts } = both[0];
        const mine = both[recording];
        const after = (/** @type {number} */ n) => (recording ? n : 0);
        const track = after(parts.threads);
        for (let i = track; i < track + mine.parts.threads; i++) {
            const t = m.threads[i];
            if (t) addTrack(t, by);
            h.threads[i].start += by;
            h.threads[i].end += by;
            yield;
        }
        const q = /** @type {Requests} */ (m.requests);
        const [r0, r1] = [after(parts.requests), after(parts.requests) + mine.parts.requests];
        add(q.start, r0, r1, by);
        add(q.segStart, q.segFirst[r0], q.segFirst[r1], by);
        if (m.holds) add(m.holds.start, after(parts.holds), after(parts.holds) + mine.parts.holds, by);
        for (const o of m.asks.slice(after(parts.asks), after(parts.asks) + mine.parts.asks)) add(o.start, 0, o.start.length, by);
        for (const p of new Set(packs)) shiftPack(p, h, recording, by);
        for (const w of h.lost.windows) {
            if (w.recording !== recording) continue;
            w.start += by;
            w.end += by;
        }
        mine.shift += by;
        h.duration_ns = Math.max(...both.map((r) => r.shift + r.header.duration_ns));
    }

    /** When the first request of a recording began, of those that it has whole; -1: none.
     * @param {Model} m @param {number} recording */
    function firstRequest(m, recording) {
        const { parts } = /** @type {Recording[]} */ (m.header.recordings)[0];
        const q = /** @type {Requests} */ (m.requests);
        for (let r = recording ? parts.requests : 0; r < (recording ? q.n : parts.requests); r++)
            if (q.flags[r] & M.REQUEST.COMPLETE) return q.start[r] - M.shiftOf(m, q.process[r]);
        return -1;
    }

    return { join: join2, shift, firstRequest };
});
