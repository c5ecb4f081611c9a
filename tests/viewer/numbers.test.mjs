/* The numbers below the timeline and beside it: what the filter's words find, and that each figure
 * is that of a plain recomputation from the made-up world. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { load, modelOf, ws } from './pure.mjs';
import { elements, LEDGER, text, world } from './make.mjs';

const { filter, stats, layout, model: M } = ws;
const w = world({ requests: 150 });
const json = text(elements(w));
const latencyOf = (r) => r.segs.reduce((a, s) => a + s.dt, 0);
const ledgerOf = (r, key) => r.segs.reduce((a, s) => a + (LEDGER[s.key] === key ? s.dt : 0), 0);
const byValue = (a, b) => a - b;
const run = (g) => {
    let r = g.next();
    while (!r.done) r = g.next();
    return r.value;
};

/** Nearest rank, counted instead of computed: the smallest value that enough do not exceed. */
function percentile(values, share) {
    const sorted = [...values].sort(byValue);
    return sorted.find((v) => sorted.filter((x) => x <= v).length >= share * sorted.length - 1e-9);
}

/** The waits of a request, from its segments: each lies in one interval of its thread. */
function waitsOf(r) {
    const out = [];
    let at = r.start;
    for (const s of r.segs) {
        const t = w.threads[s.thread - 1];
        if (s.thread && s.key >= 3 && s.key <= 7) {
            let from = t.start;
            const iv = t.iv.find((x) => (from += x.dt) > at);
            assert.ok(from >= at + s.dt, 'within one interval');
            out.push({ call: w.strings[iv.call], object: iv.object - 1, ns: s.dt, state: iv.state });
        }
        at += s.dt;
    }
    return out;
}

const objectName = (i) => (i < 0 ? '' : w.strings[w.objects[i].name]);

/* ---- the filter */

test('the filter’s words for waits find the requests that had them', async () => {
    const m = modelOf(await load(json));
    const q = m.requests;
    const hits = (s) => {
        const { terms, error } = filter.parse(s);
        assert.equal(error, '', s);
        return [...layout.range(q.n)].filter(filter.compile(terms, ws.ask(m, q)));
    };
    const asked = (r, name) => w.asks.some((a) => a.request === r && objectName(a.object).includes(name));
    const holders = new Set(w.holds.map((h) => h.request));
    const victims = new Set(w.holds.flatMap((h) => h.victims));
    const threads = (r) => r.segs.filter((s) => s.thread && s.key >= 1 && s.key <= 7).map((s) => w.threads[s.thread - 1].comm);
    const want = {
        'state:blocked': (r) => ledgerOf(r, 'blocked') > 0,
        'state:lock': (r) => ledgerOf(r, 'lock') > 0,
        '-state:lock': (r) => ledgerOf(r, 'lock') === 0,
        'state:loop': (r) => ledgerOf(r, 'loop_busy') > 0,
        'state:"loop busy" state:blocked': (r) => ledgerOf(r, 'loop_busy') > 0 && ledgerOf(r, 'blocked') > 0,
        'call:read': (r) => waitsOf(r).some((x) => x.call.includes('read')),
        'call=rec': () => false,
        'call:rec': (r) => waitsOf(r).some((x) => x.call.includes('rec')),
        'call=futex': (r) => waitsOf(r).some((x) => x.call === 'futex'),
        'object:/items/1037': (r) => waitsOf(r).some((x) => objectName(x.object).includes('/items/1037')),
        'on:10.0.0.8': (r) => asked(r, '10.0.0.8'),
        'on:10.0.0.9 process:shop': (r) => r.process === 0 && waitsOf(r).some((x) => objectName(x.object).includes('10.0.0.9')),
        'thread:worker': (r) => threads(r).some((c) => c.includes('worker')),
        'thread=gateway': (r) => threads(r).includes('gateway'),
        'is:holder': (r) => holders.has(r),
        'hold:yes': (r) => holders.has(r),
        'hold:no': (r) => !holders.has(r),
        '-hold:no': (r) => holders.has(r),
        'is:victim -is:partial': (r) => victims.has(r),
        'group="GET /cart/:n"': (r) => w.strings[r.group] === 'GET /cart/:n',
        'group=GET': () => false,
    };
    for (const [s, fits] of Object.entries(want)) {
        const ids = w.reqs.map((r, i) => [r, i]).filter(([r]) => fits(r)).map(([, i]) => i);
        assert.deepEqual(hits(s), ids, s);
        if (fits.length) assert.ok(ids.length > 0 && ids.length < q.n, `${s} finds ${ids.length}`);
    }
    for (const s of ['state:yielded', 'state:', 'hold:maybe', 'state>5', 'call>5']) assert.notEqual(filter.parse(s).error, '', s);
});

test('what is read later is found by the same words', async () => {
    const m = modelOf(await load(json));
    const threads = m.threads;
    m.threads = threads.map(() => null);
    const find = () => [...layout.range(m.requests.n)].filter(filter.compile(filter.parse('call:recvfrom').terms, ws.ask(m, m.requests))).length;
    assert.equal(find(), 0);
    m.threads = threads;
    assert.equal(find(), w.reqs.filter((r) => waitsOf(r).some((x) => x.call === 'recvfrom')).length);
});

test('terms can be put into a filter and taken out, whatever they hold', () => {
    const { toggle, has, quote, written, parse, time } = filter;
    for (const s of ['GET /a b', 'a"b', '"', '""', 'x > y', 'a>=b', '', 'k:v', '-x', 'SELECT "a" FROM t WHERE b  >  5']) {
        const term = `group=${quote(s)}`;
        assert.deepEqual(parse(term).terms, [{ key: 'group', op: '==', value: s.toLowerCase(), not: false }], term);
        const both = toggle('cart dur > 5ms', [term]);
        assert.equal(both, `cart dur>5ms ${term}`);
        assert.ok(has(both, [term]));
        assert.equal(toggle(both, [term]), 'cart dur>5ms');
    }
    assert.equal(toggle('dur>5ms -dur>9s latency<7 name:x', ['dur>=1ms', 'dur<2ms']), '-dur>9s name:x dur>=1ms dur<2ms');
    assert.equal(toggle('group=a pid:5 x', ['group=b'], ['pid']), 'x group=b');
    for (const ns of [0, 1, 999, 1000, 1500, 3150000, 1120000, 12345678, 2e9, 1234567891, 9007199254740991]) assert.equal(time(written(ns)), ns, written(ns));
    assert.equal(written(3150000), '3.15ms');
    assert.equal(written(2e9), '2s');
});

/* ---- figures */

test('percentiles are by nearest rank, on exact whole numbers', () => {
    let seed = 5;
    const rnd = (n) => (seed = (seed * 16807) % 2147483647) % n;
    for (let n = 1; n <= 130; n++)
        for (const span of [3, 1e9]) {
            const values = Array.from({ length: n }, () => rnd(span));
            const sorted = [...values].sort(byValue);
            for (const mille of [1, 500, 900, 990, 999, 1000]) {
                assert.equal(stats.percentile(sorted, mille), percentile(values, mille / 1000), `${mille} of ${n}`);
                const k = stats.rank(n, mille);
                assert.equal(run(stats.nth(Float64Array.from(values), n, k)), sorted[k]);
            }
        }
    assert.deepEqual([1, 100, 101, 200, 1000].map((n) => stats.rank(n, 990)), [0, 98, 99, 197, 989]);
    const big = Float64Array.from({ length: 200000 }, (_, i) => (i * 7919) % 200003);
    const steps = stats.nth(big, big.length, 198000);
    let gaveWay = 0;
    let r = steps.next();
    for (; !r.done; r = steps.next()) gaveWay++;
    assert.equal(r.value, [...big].sort(byValue)[198000]);
    assert.ok(gaveWay > 3, 'it gives way');
});

test('groups have the sums, percentiles and ledgers of their requests', async () => {
    const m = modelOf(await load(json));
    const ids = Uint32Array.from(w.reqs.map((_, i) => i).filter((i) => ledgerOf(w.reqs[i], 'queued') > 0));
    for (const some of [null, ids]) {
        const mine = some ? [...some].map((i) => w.reqs[i]) : w.reqs;
        const groups = run(stats.groups(m.requests, some));
        assert.equal(groups.reduce((a, g) => a + g.count, 0), mine.length);
        assert.equal(groups.length, new Set(mine.map((r) => `${r.group} ${r.process}`)).size);
        for (const g of groups) {
            const of = mine.filter((r) => r.group === g.group && r.process === g.process);
            const lat = of.map(latencyOf);
            assert.equal(g.count, of.length);
            assert.equal(g.sum, lat.reduce((a, b) => a + b, 0));
            assert.deepEqual(g.latency, [...lat].sort(byValue));
            LEDGER.forEach((key, k) => assert.equal(g.ledger[k], of.reduce((a, r) => a + ledgerOf(r, key), 0), key));
        }
    }
});

test('bins and bands hold each request once, with its ledger', async () => {
    const m = modelOf(await load(json));
    const q = m.requests;
    const all = run(stats.latency(q, null, 40));
    const lat = w.reqs.map(latencyOf);
    assert.equal(all.n, lat.length);
    assert.ok(all.bins.length > 15 && all.bins.length <= 40, String(all.bins.length));
    const check = (x, of) => {
        assert.equal(x.n, of.length);
        assert.equal(x.sum, of.reduce((a, r) => a + latencyOf(r), 0));
        LEDGER.forEach((key, k) => assert.equal(x.ledger[k], of.reduce((a, r) => a + ledgerOf(r, key), 0)));
    };
    all.bins.forEach((b, i) => {
        check(b, w.reqs.filter((r) => latencyOf(r) >= b.lo && latencyOf(r) < b.hi));
        if (i) assert.equal(b.lo, all.bins[i - 1].hi);
        assert.ok(Number.isSafeInteger(b.lo) && filter.time(filter.written(b.lo)) === b.lo);
    });
    assert.equal(all.bins.reduce((a, b) => a + b.n, 0), lat.length);
    let last = -1;
    for (const b of all.bands) {
        const [lo, hi] = [b.from ? percentile(lat, b.from / 1000) : -1, percentile(lat, b.to / 1000)];
        const of = w.reqs.filter((r) => latencyOf(r) > lo && latencyOf(r) <= hi);
        check(b, of);
        assert.equal(b.min, Math.min(...of.map(latencyOf)));
        assert.equal(b.max, Math.max(...of.map(latencyOf)));
        assert.ok(b.min > last);
        last = b.max;
    }
    assert.equal(last, Math.max(...lat));
    assert.equal(all.bands.reduce((a, b) => a + b.n, 0), lat.length);

    const d = stats.difference(all);
    const slow = w.reqs.filter((r) => latencyOf(r) > percentile(lat, 0.9));
    const fast = w.reqs.filter((r) => latencyOf(r) <= percentile(lat, 0.5));
    const mean = (of, get) => of.reduce((a, r) => a + get(r), 0) / of.length;
    assert.equal(d.count, slow.length);
    assert.ok(Math.abs(d.ns - (mean(slow, latencyOf) - mean(fast, latencyOf))) < 1);
    for (const { k, ns } of d.parts) assert.ok(Math.abs(ns - (mean(slow, (r) => ledgerOf(r, LEDGER[k])) - mean(fast, (r) => ledgerOf(r, LEDGER[k])))) < 1);
    assert.ok(Math.abs(d.parts.reduce((a, p) => a + p.ns, 0) - d.ns) < 1, 'the parts are the whole');
});

test('edges of bins rise, hold what they should and keep to their number', () => {
    for (const [min, max] of [[0, 0], [0, 1], [1, 1], [5, 5], [999, 1000], [1e6, 1e6 + 1], [1e6, 1.01e6], [1, 1e15], [0, 9e15], [3e6, 4e7], [1e9, 1e9]])
        for (const most of [4, 24, 60]) {
            const e = stats.edges(min, max, most);
            assert.ok(e.length >= 2 && e[0] <= min && e[1] > min && e[e.length - 1] > max && e[e.length - 2] <= max, `${min} ${max} ${e}`);
            assert.ok(e.every((v, i) => Number.isInteger(v) && (i === 0 || v > e[i - 1])));
            assert.ok(e.length - 1 <= Math.max(most, 18), `${e.length - 1} bins from ${min} to ${max}`);
        }
});

test('equal latencies, one request and none are no trouble', () => {
    const of = (...latency) => ({ n: latency.length, latency: Float64Array.from(latency), ledger: [Float64Array.from(latency)], group: new Uint32Array(latency.length), process: new Uint32Array(latency.length) });
    assert.deepEqual(run(stats.latency(of(), null, 20)), { n: 0, bins: [], bands: [] });
    assert.equal(stats.difference(run(stats.latency(of(), null, 20)) ), null);
    for (const q of [of(7), of(7, 7, 7), of(0, 0)]) {
        const r = run(stats.latency(q, null, 20));
        assert.deepEqual(r.bands.map((b) => [b.from, b.to, b.n]), [[0, 500, q.n]]);
        assert.deepEqual(r.bins.map((b) => b.n), [q.n]);
        assert.equal(stats.difference(r), null);
    }
    assert.deepEqual(run(stats.latency(of(5, 1, 9), Uint32Array.of(), 20)).bins, []);
});

/** All waits of some threads between two moments, by hand. */
function plainWaits(threads, t0, t1) {
    const by = new Map();
    for (const [i, t] of threads) {
        let at = t.start;
        t.iv.forEach((iv, index) => {
            const ns = Math.min(t1, at + iv.dt) - Math.max(t0, at);
            at += iv.dt;
            if (iv.state < 2 || iv.state > 7 || ns <= 0) return;
            const key = [iv.state, w.strings[iv.call], objectName(iv.object - 1), Boolean(iv.flags & 1)].join('|');
            if (!by.has(key)) by.set(key, []);
            by.get(key).push({ ns, thread: i, index });
        });
    }
    return by;
}

function sameWaits(got, want) {
    assert.equal(got.length, want.size);
    for (const s of got) {
        const all = want.get([s.state, s.call, objectName(s.object), s.idle].join('|'));
        const ns = all.map((x) => x.ns);
        assert.equal(s.count, ns.length);
        assert.equal(s.ns, ns.reduce((a, b) => a + b, 0));
        assert.equal(s.min, Math.min(...ns));
        assert.equal(s.max, Math.max(...ns));
        assert.equal(s.p99, percentile(ns, 0.99));
        if (s.thread !== undefined && all[0].thread !== undefined) assert.ok(all.some((x) => x.ns === s.max && x.thread === s.thread && x.index === s.index));
    }
}

test('waits by state, call and object: count, sum, p99, longest and where it stands', async () => {
    const m = modelOf(await load(json));
    const threads = [...w.threads.entries()];
    for (const [t0, t1] of [[0, w.end], [Math.floor(w.end * 0.31), Math.floor(w.end * 0.47)]])
        sameWaits(run(stats.waits(m, threads.map(([i]) => i), t0, t1)), plainWaits(threads, t0, t1));
});

test('waits of some requests are those that these are charged for', async () => {
    const m = modelOf(await load(json));
    const ids = Uint32Array.from([...layout.range(m.requests.n)].filter((i) => i % 3 === 1));
    const want = new Map();
    for (const i of ids)
        for (const x of waitsOf(w.reqs[i])) {
            const key = [x.state, x.call, objectName(x.object), false].join('|');
            if (!want.has(key)) want.set(key, []);
            want.get(key).push({ ns: x.ns });
        }
    const got = run(stats.waits(m, [], 0, w.end, ids));
    sameWaits(got, want);
    const sum = (key) => [...ids].reduce((a, i) => a + ledgerOf(w.reqs[i], key), 0);
    for (const key of ['blocked', 'lock', 'fault']) assert.equal(got.filter((s) => M.CATEGORIES[s.state].key === key).reduce((a, s) => a + s.ns, 0), sum(key), key);
});

test('objects without a name are told apart by their other end', async () => {
    const m = modelOf(await load(json));
    m.objects.name.fill(0);
    const got = run(stats.waits(m, w.threads.map((_, i) => i), 0, w.end));
    for (const s of got) for (const o of got) if (s !== o && s.state === o.state && s.call === o.call && s.idle === o.idle) assert.notEqual(M.objectName(m, s.object), M.objectName(m, o.object));
});

test('an area’s intervals are counted with the part that lies in it', async () => {
    const m = modelOf(await load(json));
    const [t0, t1] = [Math.floor(w.end * 0.2) + 1, Math.floor(w.end * 0.6)];
    const got = run(stats.spans([0, 1, 8].map((i) => m.threads[i]), t0, t1));
    const want = got.map(() => []);
    for (const i of [0, 1, 8]) {
        let at = 0;
        for (const iv of w.threads[i].iv) {
            const ns = Math.min(t1, at + iv.dt) - Math.max(t0, at);
            if (ns > 0) want[iv.flags & 1 ? M.IDLE : iv.state].push(ns);
            at += iv.dt;
        }
    }
    const sums = new Float64Array(M.COUNT);
    for (const i of [0, 1, 8]) M.addTotals(m.threads[i], t0, t1, sums);
    assert.ok(want.filter((x) => x.length).length > 4);
    got.forEach((f, c) => {
        assert.equal(f.count, want[c].length);
        assert.equal(f.ns, sums[c], 'the sum of the prefix sums');
        if (f.count) assert.deepEqual([f.ns, f.min, f.max, f.p99], [want[c].reduce((a, b) => a + b, 0), Math.min(...want[c]), Math.max(...want[c]), percentile(want[c], 0.99)]);
    });
});

test('an area’s requests are those with a part in it, with their whole latency', async () => {
    const m = modelOf(await load(json));
    const [t0, t1] = [Math.floor(w.end * 0.3), Math.floor(w.end * 0.4)];
    const rows = new Set([0, 1, 2, 5]);
    const got = run(stats.requestsIn(m.requests, m.pack, rows, t0, t1));
    const mine = w.reqs.filter((r, i) => rows.has(m.pack.rowOf[i]) && r.start < t1 && r.start + latencyOf(r) > t0);
    const lat = mine.map(latencyOf);
    assert.deepEqual(got, {
        whole: mine.filter((r) => r.start >= t0 && r.start + latencyOf(r) <= t1).length,
        count: mine.length, ns: lat.reduce((a, b) => a + b, 0), min: Math.min(...lat), max: Math.max(...lat), p99: percentile(lat, 0.99),
    });
    assert.ok(got.whole > 0 && got.whole < got.count);
});
