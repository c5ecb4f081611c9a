/*
 * Figures over many: percentiles, requests by group, a histogram of their latency, waits by call
 * and object. Generators all, which give way now and then. Percentiles are by nearest rank: p99 is
 * the smallest of the values that at least 99 % of them do not exceed; of 200 the 198th.
 */
var waitscope = waitscope || {};

/**
 * @typedef {{count: number, ns: number, min: number, max: number, p99: number}} Figures of durations
 *
 * @typedef {{group: number, process: number, n: number, sum: number, ledger: Float64Array,
 *     latency: number[]}} Group latency: of each, sorted
 *
 * @typedef {{lo: number, hi: number, n: number, sum: number, ledger: Float64Array}} Bin requests of a
 *     latency from lo to below hi
 *
 * @typedef {Bin & {from: number, to: number, min: number, max: number}} Band those above lo and up to
 *     hi; from, to: percentiles in thousandths
 *
 * @typedef {Figures & {state: number, call: string, object: number, idle: boolean, thread: number,
 *     index: number}} WaitSum thread, index: of the longest
 */

waitscope.stats = waitscope.pure('stats', function () {
    'use strict';

    const { model: M, layout } = waitscope;

    /** The place, from 0, of a percentile among n sorted values. @param {number} n
     * @param {number} mille thousandths: 990 for p99 */
    function rank(n, mille) {
        return Math.max(Math.ceil((n * mille) / 1000) - 1, 0);
    }

    /** The k-th of the first n values, from 0; changes their order.
     * @param {Float64Array} a @param {number} n @param {number} k @returns {Generator<void, number>} */
    function* nth(a, n, k) {
        let lo = 0;
        let hi = n - 1;
        let steps = 0;
        while (lo < hi) {
            const pivot = a[(lo + hi) >> 1];
            let i = lo;
            let j = hi;
            while (i <= j) {
                if ((++steps & 4095) === 0) yield;
                while (a[i] < pivot) i++;
                while (a[j] > pivot) j--;
                if (i > j) break;
                const swap = a[i];
                a[i++] = a[j];
                a[j--] = swap;
            }
            if (k <= j) hi = j;
            else if (k >= i) lo = i;
            else break;
        }
        return a[k];
    }

    /** Collects durations. */
    function bag() {
        let a = new Float64Array(8);
        const f = { count: 0, ns: 0, min: Infinity, max: 0, p99: 0 };
        return {
            f,
            /** @param {number} ns */
            add(ns) {
                if (f.count === a.length) {
                    const more = new Float64Array(2 * f.count);
                    more.set(a);
                    a = more;
                }
                a[f.count++] = ns;
                f.ns += ns;
                if (ns < f.min) f.min = ns;
                if (ns > f.max) f.max = ns;
            },
            /** @returns {Generator<void, Figures>} */
            *done() {
                if (f.count) f.p99 = yield* nth(a, f.count, rank(f.count, 990));
                return f;
            },
        };
    }

    /* ---- requests */

    /** @type {WeakMap<Requests, Uint32Array>} */
    const orders = new WeakMap();

    /** Requests by latency, the least first. @param {Requests} q @param {Uint32Array | null} ids null: all */
    function* byLatency(q, ids) {
        let order = orders.get(q);
        if (!order) {
            order = yield* layout.sort(layout.range(q.n), (a, b) => q.latency[a] - q.latency[b] || a - b);
            orders.set(q, order);
        }
        if (!ids) return order;
        const fits = new Uint8Array(q.n);
        for (const r of ids) fits[r] = 1;
        yield;
        return order.filter((r) => fits[r]);
    }

    /** @param {Requests} q @param {Uint32Array | null} ids @returns {Generator<void, Group[]>} */
    function* groups(q, ids) {
        const order = yield* byLatency(q, ids);
        /** @type {Map<number, Map<number, Group>>} */
        const by = new Map();
        const out = [];
        for (let i = 0; i < order.length; i++) {
            if ((i & 1023) === 0) yield;
            const r = order[i];
            let some = by.get(q.group[r]);
            if (!some) by.set(q.group[r], (some = new Map()));
            let g = some.get(q.process[r]);
            if (!g) {
                g = { group: q.group[r], process: q.process[r], n: 0, sum: 0, ledger: new Float64Array(q.ledger.length), latency: [] };
                some.set(q.process[r], g);
                out.push(g);
            }
            g.n++;
            g.sum += q.latency[r];
            g.latency.push(q.latency[r]);
            for (let k = 0; k < g.ledger.length; k++) g.ledger[k] += q.ledger[k][r];
        }
        return out;
    }

    /** @param {number[]} sorted @param {number} mille */
    function percentile(sorted, mille) {
        return sorted[rank(sorted.length, mille)];
    }

    /** Edges of logarithmic bins around min … max, round to three digits, `most` bins at most.
     * @param {number} min @param {number} max @param {number} most */
    function edges(min, max, most) {
        const log = (/** @type {number} */ v) => Math.log10(Math.max(v, 1));
        const per = [200, 100, 50, 20, 10, 5, 2].find((p) => p * (log(max) - log(min)) + 2 <= most) || 1;
        /** @type {number[]} */
        const out = [];
        for (let k = Math.floor(per * log(min)) - 1; ; k++) {
            const v = k < 0 ? 0 : Math.round(Number((10 ** (k / per)).toPrecision(3)));
            if (v <= min) out.length = 0;
            if (v !== out[out.length - 1]) out.push(v);
            if (v > max) return out;
        }
    }

    const LIMITS = [0, 500, 900, 990, 999, 1000];

    /** What requests of like latency are made of, by bins and by bands between percentiles. Equals
     * stand in one band; one without requests is left out.
     * @param {Requests} q @param {Uint32Array | null} ids @param {number} most bins
     * @param {number[]} [given] their edges, when others are to have the same */
    function* latency(q, ids, most, given) {
        const order = yield* byLatency(q, ids);
        const n = order.length;
        /** @type {{n: number, bins: Bin[], bands: Band[]}} */
        const out = { n, bins: [], bands: [] };
        if (n === 0 && !given) return out;
        const at = (/** @type {number} */ i) => q.latency[order[i]];
        const empty = () => ({ n: 0, sum: 0, ledger: new Float64Array(q.ledger.length) });
        const cuts = given || edges(at(0), at(n - 1), most);
        for (let b = 0; b + 1 < cuts.length; b++) out.bins.push({ lo: cuts[b], hi: cuts[b + 1], ...empty() });
        if (n === 0) return out;
        for (let b = 0; b + 1 < LIMITS.length; b++) {
            const lo = b ? at(rank(n, LIMITS[b])) : -1;
            out.bands.push({ from: LIMITS[b], to: LIMITS[b + 1], lo, hi: at(rank(n, LIMITS[b + 1])), min: 0, max: 0, ...empty() });
        }
        for (let i = 0, bin = 0, band = 0; i < n; i++) {
            if ((i & 1023) === 0) yield;
            const v = at(i);
            while (v >= out.bins[bin].hi) bin++;
            while (v > out.bands[band].hi) band++;
            const mine = out.bands[band];
            if (mine.n === 0) mine.min = v;
            mine.max = v;
            for (const x of [out.bins[bin], mine]) {
                x.n++;
                x.sum += v;
                for (let k = 0; k < x.ledger.length; k++) x.ledger[k] += q.ledger[k][order[i]];
            }
        }
        out.bands = out.bands.filter((b) => b.n > 0);
        return out;
    }

    /** What the slow are made of that the fast are not: those above p99, where they are ten or more,
     * else above p90 or p50, against the faster half; in ns per request. Less than ten tell nothing.
     * @param {{n: number, bands: Band[]}} all */
    function difference({ n, bands }) {
        const from = n >= 1000 ? 990 : n >= 100 ? 900 : 500;
        const fast = bands[0];
        const slow = bands.filter((b) => b.from >= from);
        if (n < 10 || slow.length === 0 || fast === slow[0]) return null;
        const count = slow.reduce((a, b) => a + b.n, 0);
        const more = (/** @type {(b: Bin) => number} */ get) => slow.reduce((a, b) => a + get(b), 0) / count - get(fast) / fast.n;
        return { from, count, above: slow[0].lo, ns: more((b) => b.sum), parts: Array.from(fast.ledger, (_, k) => more((b) => b.ledger[k])) };
    }

    /* ---- two recordings */

    /** The requests of A and those of B. @param {Model} m @param {Requests} q @param {Uint32Array | null} ids
     * null: all @param {boolean} whole only those that were seen from their begin to their answer
     * @returns {Generator<void, [Uint32Array, Uint32Array]>} */
    function* sides(m, q, ids, whole) {
        /** @type {[number[], number[]]} */
        const out = [[], []];
        for (let i = 0, n = ids ? ids.length : q.n; i < n; i++) {
            if ((i & 1023) === 0) yield;
            const r = ids ? ids[i] : i;
            if (!whole || q.flags[r] & M.REQUEST.COMPLETE) out[M.recordingOf(m, q.process[r])].push(r);
        }
        return [Uint32Array.from(out[0]), Uint32Array.from(out[1])];
    }

    /** What both are made of, in the same bins. @param {Model} m @param {Requests} q @param {Uint32Array | null} ids
     * @param {number} most bins */
    function* latencies(m, q, ids, most) {
        const both = yield* sides(m, q, ids, true);
        let [min, max] = [Infinity, 0];
        for (const some of both)
            for (const r of some) {
                min = Math.min(min, q.latency[r]);
                max = Math.max(max, q.latency[r]);
            }
        const cuts = edges(Math.min(min, max), max, most);
        const out = [];
        for (const some of both) out.push(yield* latency(q, some, most, cuts));
        return out;
    }

    /** Waits of A beside those of B: of one state, call and object's name.
     * @param {Model} m @param {WaitSum[][]} both @returns {{a: WaitSum | null, b: WaitSum | null}[]} */
    function beside(m, both) {
        /** @type {Map<string, {a: WaitSum | null, b: WaitSum | null}>} */
        const by = new Map();
        both.forEach((sums_, i) => {
            for (const w of sums_) {
                const side = i ? 'b' : 'a';
                let key = `${w.state} ${w.idle} ${w.call}\n${M.objectName(m, w.object)}`;
                /* Two of one name in one recording are two lines. */
                while (by.get(key)?.[side]) key += '\n';
                const pair = by.get(key) || { a: null, b: null };
                pair[side] = w;
                by.set(key, pair);
            }
        });
        return [...by.values()];
    }

    /* ---- waits */

    const MOST = 256;

    /** The interval at a moment, and how many waits came before it. @param {Track & {waits: Waits}} track
     * @param {number} time */
    function begin(track, time) {
        const i = Math.max(M.indexAt(track, time), 0);
        let w = track.waits.base[i >> 6];
        for (let j = (i >> 6) << 6; j < i; j++) if (M.isWait(track.cat[j] >> 4)) w++;
        return { i, w };
    }

    /** The waits of threads that a request is charged for, cut to its own stretches and to t0 … t1. A
     * stretch is one wait, or a few; more than MOST are a file that means harm.
     * @param {Model} m @param {Requests} q @param {number} r @param {number} t0 @param {number} t1
     * @param {(thread: number, i: number, w: number, ns: number) => void} take */
    function eachWait(m, q, r, t0, t1, take) {
        for (let s = q.segFirst[r]; s < q.segFirst[r + 1]; s++) {
            const track = M.isWait(q.segCat[s]) ? m.threads[q.segThread[s] - 1] : null;
            if (!track || track.n === 0) continue;
            const from = Math.max(q.segStart[s], t0);
            const to = Math.min(M.segEnd(q, s), t1);
            if (!(to > from)) continue;
            for (let { i, w } = begin(track, from), end = Math.min(i + MOST, track.n); i < end && track.t[i] < to; i++) {
                if (!M.isWait(track.cat[i] >> 4)) continue;
                const ns = Math.min(track.t[i + 1], to) - Math.max(track.t[i], from);
                if (track.cat[i] >> 4 === q.segCat[s] && ns > 0) take(q.segThread[s] - 1, i, w, ns);
                w++;
            }
        }
    }

    /** Waits by state, call and object's name. @param {Model} m */
    function sums(m) {
        /** @type {Map<number, Map<number, {sum: WaitSum, add: (ns: number) => void, done: () => Generator<void, Figures>}>>} */
        const by = new Map();
        const name = (/** @type {number} */ o) => {
            const all = m.objects;
            if (!all || o < 0 || o >= all.n) return -1;
            return all.name[o] || all.remote[o] || -2 - all.kind[o];
        };
        return {
            /** @param {number} thread @param {number} i @param {number} w @param {number} ns */
            add(thread, i, w, ns) {
                const { waits: of, cat } = /** @type {Track & {waits: Waits}} */ (m.threads[thread]);
                const key = of.call[w] * 256 + cat[i];
                const object = of.object[w] - 1;
                let some = by.get(key);
                if (!some) by.set(key, (some = new Map()));
                let one = some.get(name(object));
                if (!one) {
                    const { f, add, done } = bag();
                    const idle = (cat[i] & 15) === M.IDLE;
                    const sum = Object.assign(f, { state: cat[i] >> 4, call: m.strings[of.call[w]] || '', object, idle, thread, index: i });
                    some.set(name(object), (one = { sum, add, done }));
                }
                if (ns > one.sum.max) Object.assign(one.sum, { thread, index: i });
                one.add(ns);
            },
            /** @returns {Generator<void, WaitSum[]>} the most time first */
            *done() {
                const out = [];
                for (const some of by.values())
                    for (const { sum, done } of some.values()) {
                        yield* done();
                        out.push(sum);
                    }
                return out.sort((a, b) => b.ns - a.ns);
            },
        };
    }

    /**
     * The waits of some threads between two moments, each with the part of it that lies there; or
     * those that some requests are charged for.
     * @param {Model} m @param {number[]} threads @param {number} t0 @param {number} t1
     * @param {Uint32Array | null} [ids] requests
     */
    function* waits(m, threads, t0, t1, ids) {
        const all = sums(m);
        const q = m.requests;
        if (ids && q) {
            for (let j = 0; j < ids.length; j++) {
                if ((j & 63) === 0) yield;
                eachWait(m, q, ids[j], t0, t1, all.add);
            }
            return yield* all.done();
        }
        let steps = 0;
        for (const thread of threads) {
            const track = m.threads[thread];
            if (!track || track.n === 0) continue;
            for (let { i, w } = begin(track, t0); i < track.n && track.t[i] < t1; i++) {
                if ((++steps & 4095) === 0) yield;
                if (!M.isWait(track.cat[i] >> 4)) continue;
                const ns = Math.min(track.t[i + 1], t1) - Math.max(track.t[i], t0);
                if (ns > 0) all.add(thread, i, w, ns);
                w++;
            }
        }
        return yield* all.done();
    }

    /* ---- an area */

    /** The intervals between two moments by category, each with the part of it that lies there.
     * @param {Track[]} tracks @param {number} t0 @param {number} t1 */
    function* spans(tracks, t0, t1) {
        const by = Array.from({ length: M.COUNT }, bag);
        let steps = 0;
        for (const track of tracks)
            for (let i = Math.max(M.indexAt(track, t0), 0); i < track.n && track.t[i] < t1; i++) {
                if ((++steps & 4095) === 0) yield;
                const ns = Math.min(track.t[i + 1], t1) - Math.max(track.t[i], t0);
                if (ns > 0) by[track.cat[i] & 15].add(ns);
            }
        const out = [];
        for (const b of by) out.push(yield* b.done());
        return out;
    }

    /** The requests in some rows of which a part lies between two moments: how many lie there whole,
     * and the whole latency of each. @param {Requests} q @param {Pack} pack @param {Set<number>} rows
     * @param {number} t0 @param {number} t1 */
    function* requestsIn(q, pack, rows, t0, t1) {
        const all = bag();
        let whole = 0;
        for (let r = 0; r < q.n; r++) {
            if ((r & 4095) === 0) yield;
            const end = q.start[r] + q.latency[r];
            if (q.start[r] >= t1 || end <= t0 || !rows.has(pack.rowOf[r])) continue;
            all.add(q.latency[r]);
            if (q.start[r] >= t0 && end <= t1) whole++;
        }
        return { whole, ...(yield* all.done()) };
    }

    return { rank, nth, byLatency, groups, percentile, edges, latency, difference, eachWait, waits, spans, requestsIn, sides, latencies, beside };
});
