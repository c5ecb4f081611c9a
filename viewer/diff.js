/*
 * What moved from A to B: requests of one kind on both sides, what became of their time, and which
 * differences are more than chance. The rules and the figures are those of `waitscope diff`
 * (src/output/diff.h, groups.h): 10 requests or more on both sides, three standard errors, and 2 %
 * of the latency. Percentiles are nearest-rank, of the complete requests.
 */
var waitscope = waitscope || {};

/**
 * @typedef {object} Kind requests of one name to processes of one name
 * @property {string} name
 * @property {string} comm
 * @property {number} complete
 * @property {number} open not begun or not answered in the recording: only counted
 * @property {number} sum of the latencies
 * @property {number[]} ledger sums by key
 * @property {number[]} squares sums of squares, by key and at last of the latency
 * @property {Float64Array} sorted the latencies
 *
 * @typedef {{a: number, b: number, ns: number, clear: boolean}} Change nanoseconds a request
 * @typedef {object} Pair
 * @property {string} name
 * @property {Kind | null} a
 * @property {Kind | null} b
 * @property {number} moved time that went elsewhere or away, over all requests
 * @property {{mean: Change, p50: Change, p99: Change, ledger: Change[]} | null} change null where
 *     one of the two has no answered request
 */

waitscope.diff = waitscope.pure('diff', function () {
    'use strict';

    const { model: M, format, layout } = waitscope;
    const SAMPLE_MIN = 10;
    const CLEAR_ERRORS = 3;
    const CLEAR_SHARE = 0.02;
    const NONE = new Float64Array(0);

    /** The groups of one recording. @param {Model} m @param {number} recording @param {Uint32Array | null} names of
     * each request; null: all are of one kind @param {Uint32Array | null} ids null: all
     * @returns {Generator<void, Kind[]>} */
    function* groups(m, recording, names, ids) {
        const q = /** @type {Requests} */ (m.requests);
        /** @type {Map<string, Kind & {at: number}>} */
        const found = new Map();
        /** @type {(Kind & {at: number})[]} */
        const of = [];
        const answered = [];
        for (let i = 0, n = ids ? ids.length : q.n; i < n; i++) {
            if ((i & 1023) === 0) yield;
            const r = ids ? ids[i] : i;
            if (M.recordingOf(m, q.process[r]) !== recording) continue;
            const comm = names ? m.header.processes[q.process[r]].comm : '';
            const key = names ? `${names[r]} ${comm}` : '';
            let g = found.get(key);
            if (!g) {
                const zeros = new Array(q.ledger.length).fill(0);
                g = { name: (names && m.strings[names[r]]) || '', comm, complete: 0, open: 0, sum: 0, ledger: zeros, squares: [...zeros, 0], sorted: NONE, at: 0 };
                found.set(key, g);
            }
            of[r] = g;
            if (!(q.flags[r] & M.REQUEST.COMPLETE)) {
                g.open++;
                continue;
            }
            answered.push(r);
            g.complete++;
            g.sum += q.latency[r];
            for (let k = 0; k < q.ledger.length; k++) {
                g.ledger[k] += q.ledger[k][r];
                g.squares[k] += q.ledger[k][r] ** 2;
            }
            g.squares[q.ledger.length] += q.latency[r] ** 2;
        }
        let kinds = 0;
        for (const g of found.values()) {
            if ((++kinds & 1023) === 0) yield;
            g.sorted = new Float64Array(g.complete);
        }
        const order = Uint32Array.from(answered);
        yield* layout.sort(order, (x, y) => q.latency[x] - q.latency[y]);
        for (let i = 0; i < order.length; i++) {
            if ((i & 4095) === 0) yield;
            const g = of[order[i]];
            g.sorted[g.at++] = q.latency[order[i]];
        }
        return [...found.values()];
    }

    /** @param {Kind} g @param {number} percent */
    function percentile(g, percent) {
        return g.sorted[waitscope.stats.rank(g.complete, Math.round(percent * 10))] || 0;
    }

    /** Where a percentile would lie with other requests of the kind: three standard errors of its
     * rank, whatever the distribution. @param {Kind} g @param {number} percent */
    function rangeOf(g, percent) {
        const p = percent / 100;
        const error = 3 * Math.sqrt(g.complete * p * (1 - p));
        const low = g.complete * p - error;
        const above = Math.ceil(g.complete * p + error);
        return [low >= 1 ? g.sorted[Math.floor(low) - 1] : 0, above < g.complete ? g.sorted[above] : Infinity];
    }

    /** To the nanosecond. @param {number} ns */
    function whole(ns) {
        return Math.sign(ns) * Math.floor(Math.abs(ns) + 0.5);
    }

    /** @param {Kind} g @param {number} key of the ledger, or behind it for the latency */
    function mean(g, key) {
        return g.complete ? (key < g.ledger.length ? g.ledger[key] : g.sum) / g.complete : 0;
    }

    /** @param {Kind} g @param {number} key */
    function varianceOfMean(g, key) {
        const v = (g.squares[key] - g.complete * mean(g, key) ** 2) / (g.complete - 1);
        return v > 0 ? v / g.complete : 0;
    }

    /** @param {Kind} a @param {Kind} b @param {number} x of A @param {number} y of B
     * @param {boolean} apart by more than chance @returns {Change} */
    function change(a, b, x, y, apart) {
        const latency = a.ledger.length;
        const least = CLEAR_SHARE * Math.min(mean(a, latency), mean(b, latency));
        const enough = a.complete >= SAMPLE_MIN && b.complete >= SAMPLE_MIN && Math.abs(y - x) >= least;
        return { a: whole(x), b: whole(y), ns: whole(y - x), clear: enough && apart };
    }

    /** @param {Kind} a @param {Kind} b @param {number} key of the ledger, or behind it for the latency */
    function ofMean(a, b, key) {
        const [x, y] = [mean(a, key), mean(b, key)];
        return change(a, b, x, y, Math.abs(y - x) > CLEAR_ERRORS * Math.sqrt(varianceOfMean(a, key) + varianceOfMean(b, key)));
    }

    /** @param {Kind} a @param {Kind} b @param {number} percent */
    function ofRank(a, b, percent) {
        const [x, y] = [rangeOf(a, percent), rangeOf(b, percent)];
        return change(a, b, percentile(a, percent), percentile(b, percent), x[1] < y[0] || y[1] < x[0]);
    }

    /** @param {Kind} a @param {Kind} b */
    function changes(a, b) {
        return { mean: ofMean(a, b, a.ledger.length), p50: ofRank(a, b, 50), p99: ofRank(a, b, 99), ledger: a.ledger.map((_, key) => ofMean(a, b, key)) };
    }

    /** @param {Kind | null} a @param {Kind | null} b @returns {Pair} */
    function pair(a, b) {
        const name = a ? a.name : b ? b.name : '';
        if (!a || !b) return { name, a, b, moved: 0, change: null };
        let moved = 0;
        for (let key = 0; key < a.ledger.length; key++) moved += (Math.abs(mean(b, key) - mean(a, key)) * (a.complete + b.complete)) / 2;
        return { name, a, b, moved, change: a.complete && b.complete ? changes(a, b) : null };
    }

    /** The requests of one name: those to processes of one name belong together. When one of either
     * is left, they do, too: the server has another name now. @param {Kind[]} as @param {Kind[]} bs */
    function pairNames(as, bs) {
        const out = [];
        const left = [];
        const of = new Map(bs.map((g) => [g.comm, g]));
        for (const a of as) {
            const b = of.get(a.comm);
            if (b) out.push(pair(a, b));
            else left.push(a);
            of.delete(a.comm);
        }
        const rest = [...of.values()];
        if (left.length === 1 && rest.length === 1) out.push(pair(left[0], rest[0]));
        else out.push(...left.map((g) => pair(g, null)), ...rest.map((g) => pair(null, g)));
        return out;
    }

    /**
     * All pairs, what moved most first, then what only one of them has.
     * @param {Model} m @param {'group' | 'name'} by @param {Uint32Array | null} [ids] requests; else all
     * @param {boolean} [keep] their latencies, of which a table asks more
     * @returns {Generator<void, Pair[]>}
     */
    function* pairs(m, by, ids = null, keep = false) {
        const q = /** @type {Requests} */ (m.requests);
        /** @type {Map<string, [Kind[], Kind[]]>} */
        const names = new Map();
        let steps = 0;
        for (let side = 0; side < 2; side++)
            for (const g of yield* groups(m, side, q[by], ids)) {
                if ((++steps & 1023) === 0) yield;
                const both = names.get(g.name) || [[], []];
                both[side].push(g);
                names.set(g.name, both);
            }
        /** @type {Pair[]} */
        const out = [];
        for (const [as, bs] of names.values()) {
            if ((++steps & 255) === 0) yield;
            out.push(...pairNames(as, bs));
        }
        if (!keep) for (const p of out) for (const g of [p.a, p.b]) if (g) g.sorted = NONE; /* told */
        const size = (/** @type {Kind | null} */ g) => (g ? g.complete + g.open : 0);
        const both = (/** @type {Pair} */ p) => Number(p.a !== null && p.b !== null);
        const order = layout.range(out.length);
        yield* layout.sort(order, (i, j) => {
            const [x, y] = [out[i], out[j]];
            return both(y) - both(x) || y.moved - x.moved || size(y.a) + size(y.b) - size(x.a) - size(x.b);
        });
        return Array.from(order, (i) => out[i]);
    }

    /** All requests of A against all of B, as one kind. @param {Model} m @param {Uint32Array | null} ids
     * @returns {Generator<void, Pair>} */
    function* total(m, ids) {
        const [a] = yield* groups(m, 0, null, ids);
        const [b] = yield* groups(m, 1, null, ids);
        return pair(a || null, b || null);
    }

    /* ---- in words */

    /** @param {number} ns */
    function signed(ns) {
        return ns > 0 ? `+${format.time(ns)}` : format.time(ns);
    }

    /** Keys that clearly moved, by how much. @param {Pair} p @param {string[]} ledger */
    function movers(p, ledger) {
        if (!p.change) return [];
        const out = p.change.ledger.map((c, i) => ({ ...c, word: M.BY_KEY[ledger[i]] === undefined ? ledger[i] : M.CATEGORIES[M.BY_KEY[ledger[i]]].word }));
        return out.filter((c) => c.clear).sort((x, y) => Math.abs(y.ns) - Math.abs(x.ns));
    }

    /** "blocked −21.3 ms, awaiting +20.9 ms"; nothing where nothing clearly moved.
     * @param {Pair} p @param {string[]} ledger @param {number} most */
    function movement(p, ledger, most) {
        return movers(p, ledger).slice(0, most).map((c) => `${c.word} ${signed(c.ns)}`).join(', ');
    }

    /** @param {Pair} p @param {string[]} ledger */
    function sentence(p, ledger) {
        if (!p.change) return '';
        const { mean: c } = p.change;
        const keys = movers(p, ledger).slice(0, 3).map((k) => `${format.time(Math.abs(k.ns))} ${k.ns < 0 ? 'less' : 'more'} ${k.word}`);
        const why = keys.length ? `: ${keys.join(', ')}` : '';
        const name = p.name || 'requests without a name';
        if (c.clear) return `B answers ${name} in ${format.time(c.b)} instead of ${format.time(c.a)} on average${why}.`;
        if (why) return `${name} takes ${format.time(c.a)} in A and ${format.time(c.b)} in B on average, which may be chance; but the time goes elsewhere${why}.`;
        return '';
    }

    /** What is to be said first. @param {Pair[]} list @param {string[]} ledger */
    function headline(list, ledger) {
        if (list.length === 0) return 'No request was seen in either: there is nothing to compare.';
        if (!list[0].a || !list[0].b) return 'No kind of request is in both; compare the servers themselves, below.';
        const first = list.find((p) => p.change && p.change.mean.clear) || list.find((p) => movers(p, ledger).length > 0);
        if (first) return sentence(first, ledger);
        return 'Nothing moved clearly: too few requests, or too small a difference, to tell from chance.';
    }

    return { pairs, total, percentile, mean, ofMean, ofRank, signed, movement, sentence, headline };
});
