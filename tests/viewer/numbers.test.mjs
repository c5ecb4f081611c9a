/* The numbers below the timeline and beside it: what the filter's words find, and that each figure
 * is that of a plain recomputation from the made-up world. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { open, ready, settled, violations } from './browser.mjs';
import { elements, LEDGER, text, world } from './make.mjs';
import { load, modelOf, ws } from './pure.mjs';
import { browser, pages, reportOf } from './suite.mjs';

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
    const { error } = filter.parse('state:yielded');
    assert.doesNotMatch(error, /_/, 'what people read has no underscore');
    for (const word of error.replace(/.*one of /, '').split(', ')) assert.equal(filter.parse(`state:${word}`).error, '', word);
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
        assert.equal(groups.reduce((a, g) => a + g.n, 0), mine.length);
        assert.equal(groups.length, new Set(mine.map((r) => `${r.group} ${r.process}`)).size);
        for (const g of groups) {
            const of = mine.filter((r) => r.group === g.group && r.process === g.process);
            const lat = of.map(latencyOf);
            assert.equal(g.n, of.length);
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
    d.parts.forEach((ns, k) => assert.ok(Math.abs(ns - (mean(slow, (r) => ledgerOf(r, LEDGER[k])) - mean(fast, (r) => ledgerOf(r, LEDGER[k])))) < 1));
    assert.ok(Math.abs(d.parts.reduce((a, b) => a + b) - d.ns) < 1, 'the parts are the whole');
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
    const all = () => run(stats.waits(m, w.threads.map((_, i) => i), 0, w.end)).map((x) => [x.state, x.call, M.objectName(m, x.object), x.count, x.ns]);
    const named = all();
    assert.ok(named.filter((x) => x[1] === 'read').length > 5, 'several files');
    m.objects.remote.set(m.objects.name);
    m.objects.name.fill(0);
    assert.deepEqual(all(), named);
    m.objects.remote.fill(0);
    assert.ok(all().length < named.length, 'of one kind they are one');
});

test('a stretch that does not fit its thread’s state counts for no wait', async () => {
    const m = modelOf(await load(json));
    const q = m.requests;
    const ns = () => run(stats.waits(m, [], 0, w.end, layout.range(q.n))).reduce((a, x) => a + x.ns, 0);
    const s = q.segCat.indexOf(M.BLOCKED);
    const before = ns();
    q.segCat[s] = M.BY_KEY.lock;
    assert.equal(ns(), before - (M.segEnd(q, s) - q.segStart[s]));
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

/* ---- the page */

const report = reportOf('report', elements(w));
const pageTest = pages(report);

/** The rows of a tab's first table: cells by column, with the exact times. */
const rowsOf = (page, key) =>
    page.$$eval(`#view-${key} table:first-of-type`, ([t]) => {
        const keys = [...t.tHead.rows[0].cells].map((c) => c.dataset.key);
        return [...t.tBodies[0].rows].map((tr) => Object.fromEntries([...tr.cells].map((c, i) => [keys[i], c.dataset.ns === undefined ? c.textContent : Number(c.dataset.ns)])));
    });
async function tab(page, key) {
    await page.click(`#tab-${key}`);
    await page.waitForSelector(`#view-${key} table`);
    await settled(page);
}
/** After the filter has changed and all that follows it was drawn. */
async function filtered(page, n) {
    await page.waitForFunction((s) => document.getElementById('found').textContent === s, n === w.reqs.length ? `${n} requests` : `${n} of ${w.reqs.length} requests`);
    await page.waitForTimeout(150);
    await settled(page);
}
const query = (page) => page.inputValue('#query');
const pidOf = (r) => (r.process ? 5800 : 4711);

pageTest('the tabs go by click, arrows, Home and End; one is in the way of Tab', {}, async (page) => {
    const state = () => page.$$eval('#views [role=tab]:not([hidden])', (all) => all.map((t) => [t.textContent, t.getAttribute('aria-selected'), t.tabIndex, document.getElementById(t.getAttribute('aria-controls')).hidden]));
    const chosen = async () => {
        const on = (await state()).filter((t) => t[1] === 'true');
        assert.equal(on.length, 1);
        assert.ok((await state()).every((t) => (t[1] === 'true') === (t[2] === 0) && (t[1] === 'true') === !t[3]));
        return on[0][0];
    };
    assert.deepEqual((await state()).map((t) => t[0]), ['Requests', 'Groups', 'Latency', 'Waits']);
    assert.equal(await chosen(), 'Requests');
    await page.focus('#tab-requests');
    for (const [key, want] of [['ArrowRight', 'Groups'], ['ArrowRight', 'Latency'], ['End', 'Waits'], ['ArrowRight', 'Requests'], ['ArrowLeft', 'Waits'], ['Home', 'Requests']]) {
        await page.keyboard.press(key);
        assert.equal(await chosen(), want, key);
        assert.equal(await page.evaluate(() => document.activeElement.textContent), want);
    }
    const before = await page.evaluate(() => globalThis.waitscope.app.view);
    assert.deepEqual(before, { t0: 0, t1: w.end }, 'the arrows did not pan');
    await page.click('#tab-waits');
    await page.fill('#query', 'cart');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'view-waits');
});

pageTest('a tab can be added, and is painted when it is seen', {}, async (page) => {
    await page.evaluate(() => globalThis.waitscope.numbers.add({ key: 'extra', word: 'Extra', paint: (panel) => (panel.textContent = `painted ${(Number(panel.textContent.slice(8)) || 0) + 1}`) }));
    await settled(page);
    assert.equal(await page.textContent('#view-extra'), '');
    await page.focus('#tab-requests');
    await page.keyboard.press('End');
    await settled(page);
    assert.equal(await page.textContent('#view-extra'), 'painted 1');
    await page.fill('#query', 'cart');
    await filtered(page, w.reqs.filter((r) => w.strings[r.name].includes('cart')).length);
    assert.notEqual(await page.textContent('#view-extra'), 'painted 1');
});

pageTest('groups: every figure, sorting by each column, and the filter', { width: 2600 }, async (page) => {
    await tab(page, 'groups');
    const check = async (fits) => {
        const mine = w.reqs.filter(fits);
        const names = new Set(mine.map((r) => `${w.strings[r.group]} ${pidOf(r)}`));
        const rows = await rowsOf(page, 'groups');
        assert.equal(rows.length, names.size);
        for (const row of rows) {
            const of = mine.filter((r) => w.strings[r.group] === row.group && row.process.endsWith(` ${pidOf(r)}`));
            const lat = of.map(latencyOf);
            const sum = lat.reduce((a, b) => a + b, 0);
            assert.equal(row.n, String(of.length));
            assert.deepEqual(
                [row.sum, row.mean, row.min, row.p500, row.p900, row.p990, row.max],
                [sum, Math.round(sum / of.length), Math.min(...lat), percentile(lat, 0.5), percentile(lat, 0.9), percentile(lat, 0.99), Math.max(...lat)],
            );
            for (const key of LEDGER) {
                const ns = of.reduce((a, r) => a + ledgerOf(r, key), 0);
                if (row[key] === undefined) assert.ok(mine.every((r) => ledgerOf(r, key) === 0), key);
                else assert.equal(row[key], Math.round(ns / of.length), key);
            }
        }
        return rows;
    };
    const rows = await check(() => true);
    for (const key of Object.keys(rows[0])) {
        if (key === 'bar') continue;
        for (let i = 0; i < 2; i++) {
            await page.click(`#view-groups th[data-key="${key}"] button`);
            await settled(page);
            const down = (await page.getAttribute(`#view-groups th[data-key="${key}"]`, 'aria-sort')) === 'descending';
            const got = (await rowsOf(page, 'groups')).map((r) => (key === 'n' ? Number(r.n) : r[key]));
            const want = [...got].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
            assert.deepEqual(got, down ? want.reverse() : want, key);
        }
    }
    const cart = (r) => w.strings[r.group] === 'GET /cart/:n';
    const button = page.locator('#view-groups button.link', { hasText: 'GET /cart/:n' });
    await button.focus();
    await page.keyboard.press('Enter');
    await filtered(page, w.reqs.filter(cart).length);
    assert.equal(await query(page), 'group="GET /cart/:n" pid:4711');
    await check(cart);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-pressed')), 'true', 'the keyboard stays where it was');
    await page.keyboard.press('Enter');
    await filtered(page, w.reqs.length);
    assert.equal(await query(page), '');
    await check(() => true);
    await page.fill('#query', 'nosuchthing');
    await filtered(page, 0);
    assert.match(await page.textContent('#view-groups'), /No request fits the filter/);
});

pageTest('latency: bars and bands have their requests; a click finds exactly these', {}, async (page) => {
    await tab(page, 'latency');
    const lat = w.reqs.map(latencyOf);
    const ms = (r) => latencyOf(r) / 1e6;
    const bands = await rowsOf(page, 'latency');
    let n = 0;
    for (const row of bands) {
        const [lo, hi] = /([\d.]+) – ([\d.]+) %/.exec(row.band).slice(1).map((p) => Number(p) / 100);
        const of = w.reqs.filter((r) => (lo === 0 || latencyOf(r) > percentile(lat, lo)) && latencyOf(r) <= percentile(lat, hi));
        n += of.length;
        assert.equal(row.n, String(of.length), row.band);
        assert.deepEqual([row.from, row.to], [Math.min(...of.map(latencyOf)), Math.max(...of.map(latencyOf))]);
        for (const key of LEDGER.filter((k) => row[k] !== undefined)) assert.equal(row[key], Math.round(of.reduce((a, r) => a + ledgerOf(r, key), 0) / of.length), key);
    }
    assert.equal(n, lat.length);
    assert.equal(bands.length, 4, '300 requests have no band above p99.9');
    const slow = w.reqs.filter((r) => latencyOf(r) > percentile(lat, 0.9));
    assert.match(await page.textContent('.answer'), new RegExp(`The slowest 10 % \\(${slow.length} above .*\\+.*blocked`));

    const labels = await page.$$eval('.bins button', (all) => all.map((b) => b.getAttribute('aria-label')));
    const counts = labels.map((s) => Number(/: ([\d,]+) request/.exec(s)[1]));
    assert.equal(counts.reduce((a, b) => a + b), lat.length);
    const most = counts.indexOf(Math.max(...counts));
    const bin = page.locator('.bins button').nth(most);
    await bin.hover();
    assert.equal(await page.textContent('.histogram + p'), labels[most]);
    await bin.click();
    await filtered(page, counts[most]);
    const [, from, to] = /^dur>=([\d.]+)ms dur<([\d.]+)ms$/.exec(await query(page));
    assert.equal(w.reqs.filter((r) => ms(r) >= Number(from) && ms(r) < Number(to)).length, counts[most]);
    await page.click('#view-latency button[data-focus="back"]');
    await filtered(page, w.reqs.length);
    assert.equal(await page.isVisible('#view-latency button[data-focus="back"]'), false);

    await page.focus('.bins button[tabindex="0"]');
    await page.keyboard.press('End');
    assert.equal(await page.textContent('.histogram + p'), labels[labels.length - 1]);
    await page.keyboard.press('ArrowLeft');
    assert.equal(await page.textContent('.histogram + p'), labels[labels.length - 2]);
    await page.keyboard.press('Enter');
    await filtered(page, counts[counts.length - 2]);
    await page.click('#view-latency button[data-focus="back"]');
    await filtered(page, w.reqs.length);
    const band = page.locator('#view-latency td button', { hasText: '90 – 99 %' });
    const count = Number(bands[2].n);
    await band.click();
    await filtered(page, count);
    assert.equal(Number(/^dur>[\d.]+ms dur<=([\d.]+)ms$/.exec(await query(page))[1]) * 1e6, bands[2].to);
});

pageTest('the histogram is drawn: bars as high as their number, blocked in its colour', {}, async (page) => {
    await tab(page, 'latency');
    const got = await page.evaluate(() => {
        const { app, palette, model: M } = globalThis.waitscope;
        const canvas = document.querySelector('.histogram canvas');
        const ratio = devicePixelRatio;
        const px = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
        const colours = palette.LOOKS[M.BLOCKED][app.dark() ? 'dark' : 'light'].map(palette.pixel);
        return [...document.querySelectorAll('.bins button')].map((b) => {
            const x = Math.round((b.offsetLeft + b.offsetWidth / 2) * ratio);
            let high = 0;
            let strip = 0;
            for (let y = 7; y < 84; y++) if (px[y * ratio * canvas.width + x] >>> 24 === 255) high++;
            let blocked = 0;
            for (let y = 88; y < 108; y++) {
                const p = px[y * ratio * canvas.width + x];
                if (p >>> 24 === 255) strip++;
                if (colours.includes(p)) blocked++;
            }
            const label = b.getAttribute('aria-label');
            return { high, strip, blocked, n: Number(/: ([\d,]+) request/.exec(label)[1]), share: Number((/blocked [^(]*\((?:< )?([\d.]+)/.exec(label.replace(/\u00a0/g, ' ')) || ['', '0'])[1]) / 100 };
        });
    });
    const most = Math.max(...got.map((b) => b.n));
    assert.ok(got.length > 10);
    for (const b of got) {
        assert.ok(Math.abs(b.high - Math.max((b.n / most) * 78, 2)) <= 2, JSON.stringify(b));
        assert.equal(b.strip, 20);
        assert.ok(Math.abs(b.blocked - b.share * 20) <= 1.5, JSON.stringify(b));
    }
});

pageTest('waits: every figure; idle apart; the longest is a way to it; only what is in view', {}, async (page) => {
    await tab(page, 'waits');
    const states = ['', '', 'blocked', 'yielded', 'lock', 'sleep', 'fault', 'other'];
    const check = async (t0, t1) => {
        const want = new Map([...plainWaits([...w.threads.entries()], t0, t1)].filter(([key]) => key.endsWith('false')));
        const rows = await rowsOf(page, 'waits');
        assert.equal(rows.length, want.size);
        let last = Infinity;
        for (const row of rows) {
            const ns = want.get([states.indexOf(row.state), row.call.replace('–', ''), row.object.replace('–', ''), false].join('|')).map((x) => x.ns);
            const sum = ns.reduce((a, b) => a + b, 0);
            assert.deepEqual([Number(row.count), row.ns, row.mean, row.p99, row.max], [ns.length, sum, Math.round(sum / ns.length), percentile(ns, 0.99), Math.max(...ns)]);
            assert.ok(row.ns <= last);
            last = row.ns;
        }
        const all = [...want.values()].flat().reduce((a, x) => a + x.ns, 0);
        assert.ok((await page.textContent('#view-waits .above')).includes(await page.evaluate((ns) => globalThis.waitscope.format.exact(ns), all)));
    };
    await check(0, w.end);
    assert.match(await page.textContent('#view-waits h3 + div'), /accept4/);
    assert.doesNotMatch(await page.textContent('#view-waits table'), /accept4/);
    await page.click('#view-waits tbody button.link');
    await settled(page);
    const s = await page.evaluate(() => globalThis.waitscope.app.selection);
    assert.equal(s.kind, 'interval');
    const longest = Math.max(...w.threads.flatMap((t) => t.iv.filter((iv) => iv.state === 2 && !(iv.flags & 1) && w.strings[iv.call] === 'recvfrom').map((iv) => iv.dt)));
    assert.equal(w.threads[s.thread].iv[s.index].dt, longest);
    assert.match(await page.textContent('#details h2'), /blocked/);

    await page.check('#in-view');
    await page.focus('#lanes');
    for (const key of ['w', 'w', 'w']) await page.keyboard.press(key);
    await page.waitForTimeout(400);
    await settled(page);
    const view = await page.evaluate(() => globalThis.waitscope.app.view);
    assert.ok(view.t1 - view.t0 < w.end / 2);
    await check(Math.ceil(view.t0), Math.floor(view.t1));
    await page.uncheck('#in-view');
    await page.waitForTimeout(200);
    await check(0, w.end);
    await page.fill('#query', 'process:gateway');
    await filtered(page, w.reqs.filter((r) => r.process).length);
    const rows = await rowsOf(page, 'waits');
    assert.equal(rows.reduce((a, r) => a + r.ns, 0), w.reqs.reduce((a, r) => a + (r.process ? ledgerOf(r, 'blocked') : 0), 0));
});

pageTest('an area tells count, min, mean, p99 and max of its intervals and requests', { height: 1300 }, async (page) => {
    const box = await page.evaluate(() => {
        const r = document.getElementById('lanes').getBoundingClientRect();
        const lane = (kind) => globalThis.waitscope.app.lanes.lanes.find((l) => l.kind === kind);
        return { x: r.left + 184, w: document.getElementById('lanes').clientWidth - 184, y0: r.top + 26 + lane('row').y + 4, y1: r.top + 26 + lane('thread').y + 90 };
    });
    await page.mouse.move(box.x + 200, box.y0);
    await page.mouse.down();
    await page.mouse.move(box.x + 420, box.y1, { steps: 4 });
    await page.mouse.up();
    await page.waitForSelector('.top-waits td');
    const s = await page.evaluate(() => {
        const a = globalThis.waitscope.app;
        const lanes = a.lanes.lanes.filter((l) => a.selection.lanes.includes(l.key));
        return { ...a.selection, threads: lanes.filter((l) => l.thread >= 0).map((l) => l.thread), rows: lanes.filter((l) => l.row >= 0).map((l) => l.row), rowOf: [...a.model.pack.rowOf] };
    });
    assert.ok(s.threads.length > 3 && s.rows.length > 1);
    assert.deepEqual(await page.$$eval('.thread-totals tr:nth-child(2) [data-of]', (all) => all.map((e) => e.dataset.of)), ['count', 'min', 'mean', 'p99', 'max']);
    const five = (sel) => page.$$eval(sel, (all) => all.map((e) => [...e.querySelectorAll('[data-of]')].map((x) => Number(x.dataset.ns))));
    const figures = (ns) => [ns.length, Math.min(...ns), Math.round(ns.reduce((a, b) => a + b, 0) / ns.length), percentile(ns, 0.99), Math.max(...ns)];
    const names = (sel) => page.$$eval(sel, (all) => all.map((e) => e.textContent));
    const check = async (kind, want) => {
        const words = (await names(`.${kind} tbody tr:not(.each) td:first-child`)).slice(0, -1);
        const got = await five(`.${kind} .each`);
        assert.deepEqual(Object.fromEntries(words.map((word, i) => [word, got[i]])), Object.fromEntries(Object.entries(want).map(([k, ns]) => [k, figures(ns)])));
    };
    const cut = (from, dt) => Math.min(s.t1, from + dt) - Math.max(s.t0, from);
    const threads = {};
    for (const i of s.threads) {
        let at = 0;
        for (const iv of w.threads[i].iv) {
            const key = iv.flags & 1 ? 'idle' : ['running', 'runnable', 'blocked', 'yielded', 'lock', 'sleep', 'fault', 'other', 'unknown'][iv.state];
            if (cut(at, iv.dt) > 0) (threads[key] = threads[key] || []).push(cut(at, iv.dt));
            at += iv.dt;
        }
    }
    await check('thread-totals', threads);
    const requests = {};
    const inside = w.reqs.filter((r, i) => s.rows.includes(s.rowOf[i]) && cut(r.start, latencyOf(r)) > 0);
    for (const r of inside) {
        let at = r.start;
        for (const g of r.segs) {
            const key = LEDGER[g.key].replace('_', ' ');
            if (cut(at, g.dt) > 0) (requests[key] = requests[key] || []).push(cut(at, g.dt));
            at += g.dt;
        }
    }
    await check('request-totals', requests);
    assert.deepEqual(await five('.requests-in .five'), [figures(inside.map(latencyOf))]);
    const whole = inside.filter((r) => r.start >= s.t0 && r.start + latencyOf(r) <= s.t1).length;
    assert.match(await page.textContent('.requests-in'), new RegExp(`^${inside.length} requests with a part in it, ${whole} of them whole`));
});

test('a selection of everything has its sums at once, and the rest without holding up the page', async () => {
    const big = world({ requests: 15000, workers: 24, seed: 9 });
    const watch = () => {
        globalThis.long = [];
        new PerformanceObserver((l) => l.getEntries().forEach((e) => globalThis.long.push(e.duration))).observe({ entryTypes: ['longtask'] });
    };
    const { page, sins, context } = await open(browser, reportOf('big', elements(big)), { before: watch });
    assert.equal(await ready(page), 'yes');
    await page.evaluate(() => (globalThis.long.length = 0));
    await page.evaluate(() => {
        const a = globalThis.waitscope.app;
        a.select({ kind: 'area', t0: 0, t1: a.model.header.duration_ns, lanes: a.lanes.lanes.map((l) => l.key) });
    });
    await settled(page);
    assert.ok(await page.isVisible('.thread-totals .num'));
    for (const key of ['groups', 'latency', 'waits']) await tab(page, key);
    await page.waitForSelector('.top-waits td');
    assert.ok((await rowsOf(page, 'waits')).length > 5);
    const longest = await page.evaluate(() => Math.max(0, ...globalThis.long));
    assert.ok(longest < 400, `a task of ${longest} ms`);
    assert.deepEqual(sins, []);
    await context.close();
});

pageTest('hostile groups, calls and objects are text in every tab, and filter as they are', { file: reportOf('hostile', elements(world({ requests: 40, hostile: ' "><img src=x onerror=alert(1)>' }))) }, async (page) => {
    for (const key of ['groups', 'latency', 'waits']) {
        await tab(page, key);
        assert.equal(await page.$$eval('#requests img', (all) => all.length), 0);
    }
    assert.match(await page.textContent('#view-waits'), /recvfrom "><img/);
    await page.click('#tab-groups');
    await page.click('#view-groups tbody tr:nth-child(2) button');
    await page.waitForTimeout(400);
    const [row] = await rowsOf(page, 'groups');
    assert.equal(await page.textContent('#found'), `${row.n} of 80 requests`);
    assert.ok(Number(row.n) > 0 && Number(row.n) < 80);
});

pageTest('a word of the ledger that is not known stands as it is written', { file: reportOf('words', elements(w, { ledger: LEDGER.map((k) => (k === 'queued' ? 'constructor' : k)) })) }, async (page) => {
    for (const key of ['groups', 'latency', 'waits']) await tab(page, key);
    const rows = await rowsOf(page, 'groups');
    assert.equal(await page.textContent('#view-groups th[data-key="constructor"]'), 'constructor');
    const shop = w.reqs.filter((r) => w.strings[r.group] === 'GET /cart/:n');
    assert.equal(rows.find((r) => r.group === 'GET /cart/:n').constructor, Math.round(shop.reduce((a, r) => a + ledgerOf(r, 'queued'), 0) / shop.length));
    assert.match(await page.textContent('.answer'), /constructor/);
});

for (const scheme of ['light', 'dark'])
    for (const width of [1440, 360])
        pageTest(`axe finds nothing in the tabs: ${scheme}, ${width} pixels`, { scheme, width, height: width === 360 ? 740 : 900 }, async (page) => {
            for (const key of ['groups', 'latency', 'waits']) {
                await tab(page, key);
                assert.deepEqual(await violations(page), [], key);
                assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${key} scrolls sideways`);
            }
        });
