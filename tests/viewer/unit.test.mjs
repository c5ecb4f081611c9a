import assert from 'node:assert/strict';
import test from 'node:test';
import zlib from 'node:zlib';
import { elements, LEDGER, STATES, text, world } from './make.mjs';
import { load, modelOf, ws } from './pure.mjs';

const { format, scale, model: M, layout, filter, palette, paint } = ws;
const w = world({ requests: 200 });
const list = elements(w);
const json = text(list);

test('times are written in the unit that fits', () => {
    const cases = [
        [0, '0 ns'], [999, '999 ns'], [1000, '1.00 µs'], [12345, '12.3 µs'], [999499, '999 µs'], [999600, '1.00 ms'],
        [4.56e6, '4.56 ms'], [999.6e6, '1.00 s'], [59.99e9, '60.0 s'], [125e9, '2 min 5 s'], [-5000, '−5.00 µs'],
    ];
    for (const [ns, s] of cases) assert.equal(format.time(ns), s);
});

test('exact times keep every nanosecond', () => {
    for (const ns of [0, 1, 999999, 1000000, 1234567890, 9007199254740991]) {
        const m = /^([\d,]+)\.(\d{6}) ms$/.exec(format.exact(ns));
        assert.ok(m);
        assert.equal(BigInt(m[1].replace(/,/g, '')) * 1000000n + BigInt(m[2]), BigInt(ns));
    }
    assert.equal(format.exact(1234567890), '1,234.567890 ms');
});

test('milliseconds in columns are rounded to the microsecond', () => {
    assert.equal(format.ms(1499), '0.001');
    assert.equal(format.ms(1500), '0.002');
    assert.equal(format.ms(12345678901), '12,345.679');
    assert.equal(format.ms(999999999), '1,000.000');
});

test('shares never claim 100 % or 0 % when it is not so', () => {
    assert.equal(format.percent(0).replace(/\u00a0/g, ' '), '0 %');
    assert.equal(format.percent(0.0001).replace(/\u00a0/g, ' '), '< 0.1 %');
    assert.equal(format.percent(0.0512).replace(/\u00a0/g, ' '), '5.1 %');
    assert.equal(format.percent(0.999).replace(/\u00a0/g, ' '), '99 %');
    assert.equal(format.percent(1).replace(/\u00a0/g, ' '), '100 %');
});

test('bytes, counts and plurals', () => {
    assert.equal(format.bytes(999), '999 B');
    assert.equal(format.bytes(2960), '2.96 kB');
    assert.equal(format.bytes(999900), '1.00 MB');
    assert.equal(format.count(1234567), '1,234,567');
    assert.equal(format.plural(1, 'thread'), '1 thread');
    assert.equal(format.plural(2000, 'thread'), '2,000 threads');
});

test('axis labels have the decimals of their step', () => {
    assert.equal(format.axis(1.25e9, 5e7, 2e9), '1.25 s');
    assert.equal(format.axis(1.234567e9, 1e3, 2e9), '1.234567 s');
    assert.equal(format.axis(2e6, 5e5, 9e6), '2.0 ms');
    assert.equal(format.axis(2e6, 1e6, 9e6), '2 ms');
});

test('zooming keeps the moment under the pointer', () => {
    const v = { t0: 1e6, t1: 5e6 };
    const z = scale.zoom(v, 1e9, 0.5, 2e6);
    assert.equal((2e6 - z.t0) / (z.t1 - z.t0), (2e6 - v.t0) / (v.t1 - v.t0));
    assert.equal(z.t1 - z.t0, 2e6);
});

test('the window stays inside the recording and never below the clock', () => {
    assert.deepEqual(scale.pan({ t0: 0, t1: 10000 }, 1e6, -50), { t0: 0, t1: 10000 });
    assert.deepEqual(scale.pan({ t0: 9e5, t1: 1e6 }, 1e6, 1e9), { t0: 9e5, t1: 1e6 });
    assert.deepEqual(scale.clamp({ t0: -5, t1: 1e12 }, 1e6), { t0: 0, t1: 1e6 });
    const tiny = scale.zoom({ t0: 5000, t1: 5200 }, 1e6, 1e-9, 5100);
    assert.equal(tiny.t1 - tiny.t0, scale.MIN_SPAN);
    for (const bad of [{ t0: NaN, t1: 5 }, { t0: 5, t1: NaN }, { t0: -Infinity, t1: Infinity }])
        assert.ok(Object.values(scale.clamp(bad, 1e6)).every(Number.isFinite));
});

test('ticks are round and no closer than asked', () => {
    for (const span of [100, 12345, 1e6, 3.3e9, 1e12]) {
        const v = { t0: span / 3, t1: span / 3 + span };
        const { step, ticks } = scale.ticks(v, 1000, 100);
        assert.match(String(step / Math.pow(10, Math.floor(Math.log10(step) + 1e-9))), /^(1|2|5)(\.0*\d?)?/);
        assert.ok((step / span) * 1000 >= 99.999);
        assert.ok(ticks.every((t) => t >= v.t0 && t <= v.t1));
        assert.ok(ticks.length >= 2);
    }
});

/* ---- loading */

test('a timeline loads whole, however the bytes are cut into chunks', async () => {
    for (const piece of [0, 1000, 7, 65536]) {
        const r = await load(piece === 7 ? text(elements(world({ requests: 6, others: 0 }))) : json, piece);
        assert.deepEqual(r.problems, []);
        assert.equal(r.refused, null);
    }
});

test('intervals are those of the file, with states adding up to the nanosecond', async () => {
    const r = await load(json);
    for (const [i, t] of w.threads.entries()) {
        const track = r.threads[i];
        assert.equal(track.n, t.iv.length);
        let at = t.start;
        t.iv.forEach((iv, j) => {
            assert.equal(track.t[j], at);
            assert.equal(track.cat[j] >> 4, iv.state);
            assert.equal(track.cat[j] & 15, iv.flags & 1 ? M.IDLE : iv.state);
            at += iv.dt;
        });
        assert.equal(track.t[track.n], at);
        const sums = new Float64Array(M.COUNT);
        M.addTotals(track, 0, at, sums);
        STATES.forEach((_, s) => {
            const want = t.iv.filter((iv) => iv.state === s && !(iv.flags & 1)).reduce((a, iv) => a + iv.dt, 0);
            assert.equal(sums[s], want);
        });
        assert.equal(sums.reduce((a, b) => a + b), at - t.start);
    }
});

test('each wait has its own call, object, descriptor, waker and flags', async () => {
    const r = await load(json);
    const m = modelOf(r);
    for (const [i, t] of w.threads.entries())
        t.iv.forEach((iv, j) => {
            const got = M.interval(m, i, j);
            const waits = iv.state >= 2 && iv.state <= 7;
            assert.equal(got.wait, waits);
            if (!waits) return;
            assert.equal(got.call, w.strings[iv.call]);
            assert.equal(got.object, iv.object - 1);
            assert.equal(got.fd, iv.fd);
            assert.equal(got.waker, iv.waker);
            assert.equal(got.flags, iv.flags);
            const next = t.iv[j + 1];
            assert.equal(got.delay, next && next.state === 1 ? next.dt : -1);
        });
});

test('requests keep ledger, grades and segments', async () => {
    const { requests: q } = await load(json);
    assert.equal(q.n, w.reqs.length);
    w.reqs.forEach((r, i) => {
        const latency = r.segs.reduce((a, s) => a + s.dt, 0);
        assert.equal(q.latency[i], latency);
        assert.equal(LEDGER.reduce((a, _, k) => a + q.ledger[k][i], 0), latency);
        assert.equal(q.grade.reduce((a, g) => a + g[i], 0), latency);
        assert.equal(q.segFirst[i + 1] - q.segFirst[i], r.segs.length);
        let at = r.start;
        r.segs.forEach((s, k) => {
            const seg = q.segFirst[i] + k;
            assert.equal(q.segStart[seg], at);
            assert.equal(M.CATEGORIES[q.segCat[seg]].key, LEDGER[s.key]);
            at += s.dt;
            assert.equal(M.segEnd(q, seg), at);
        });
    });
});

test('a thread knows on whose behalf it worked at any moment', async () => {
    const { requests: q } = await load(json);
    const held = w.reqs.flatMap((r, i) => {
        let at = r.start;
        return r.segs.map((s) => ({ r: i, t0: at, t1: (at += s.dt), thread: s.thread - 1, key: s.key })).filter((s) => s.thread >= 0 && s.key >= 1 && s.key <= 7);
    });
    for (const s of held) {
        const owners = M.ownersIn(q, s.thread, s.t0, s.t1, 10);
        assert.deepEqual(owners, [{ request: s.r, ns: s.t1 - s.t0 }]);
    }
    assert.ok(held.length > 500);
});

test('a request lists its waits with call and object, and its threads', async () => {
    const r = await load(json);
    const m = modelOf(r);
    const i = w.reqs.findIndex((x) => x.process === 0 && x.segs.some((s) => s.key === 3));
    const waits = M.segments(m, i).filter((s) => s.cat === M.BLOCKED);
    assert.equal(waits[0].call, 'recvfrom');
    assert.equal(M.objectName(m, waits[0].object), '10.0.0.9:5432');
    const held = [...M.holders(m, i)];
    assert.equal(held.length, 1);
    assert.equal(held[0][1], w.reqs[i].segs.filter((s) => s.key >= 1 && s.key <= 7).reduce((a, s) => a + s.dt, 0));
});

test('what a request awaits is named by the servers that it had asked for most of the time', async () => {
    const r = await load(json);
    const m = modelOf(r);
    const said = { '10.0.0.8:9200': 0, '10.0.0.9:5432': 0, '10.0.0.9:5432, 10.0.0.8:9200': 0 };
    w.reqs.forEach((x, i) => {
        const asks = M.asksOf(m, i);
        const mine = w.asks.filter((a) => a.request === x);
        assert.deepEqual(asks.map((a) => a.times), mine.map((a) => [a.start, a.start + a.made, a.start + a.asked, a.start + a.dur]));
        for (const s of M.segments(m, i).filter((y) => y.cat === M.BY_KEY.awaiting)) {
            const name = M.askedIn(asks, s);
            assert.ok(name in said, name);
            said[name]++;
        }
    });
    for (const name in said) assert.ok(said[name] > 20, `${name} ${said[name]}`);
    const out = (...times) => M.askedIn([{ name: 'x', times }], { start: 0, end: 100 });
    assert.equal(out(0, 0, 0, 60), 'x');
    assert.equal(out(0, 0, 0, 40), '', 'something else was waited for');
    assert.equal(out(0, 20, 60, 120), 'x');
    assert.equal(out(0, 20, 80, 120), '', 'the connection was there, and not used');
    assert.deepEqual(M.asksOf(m, 1e9), []);
});

test('sums between any two moments equal adding the intervals one by one', async () => {
    const { threads } = await load(json);
    let seed = 7;
    const rnd = (n) => (seed = (seed * 16807) % 2147483647) % n;
    for (const track of threads)
        for (let k = 0; k < 60; k++) {
            const [a, b] = [rnd(w.end), rnd(w.end)].sort((x, y) => x - y);
            const got = new Float64Array(M.COUNT);
            M.addTotals(track, a, b, got);
            const want = new Float64Array(M.COUNT);
            for (let i = 0; i < track.n; i++) want[track.cat[i] & 15] += Math.max(0, Math.min(b, track.t[i + 1]) - Math.max(a, track.t[i]));
            assert.deepEqual(got, want);
        }
});

test('top waits leave idle waiting out and add up to the nanosecond', async () => {
    const m = modelOf(await load(json));
    const run = (g) => {
        let r = g.next();
        while (!r.done) r = g.next();
        return r.value;
    };
    const [t0, t1] = [Math.floor(w.end * 0.2), Math.floor(w.end * 0.6)];
    const sums = run(ws.stats.waits(m, w.threads.map((_, i) => i), t0, t1)).filter((s) => !s.idle);
    let want = 0;
    for (const t of w.threads) {
        let at = t.start;
        for (const iv of t.iv) {
            if (iv.state >= 2 && iv.state <= 7 && !(iv.flags & 1)) want += Math.max(0, Math.min(t1, at + iv.dt) - Math.max(t0, at));
            at += iv.dt;
        }
    }
    assert.equal(sums.reduce((a, s) => a + s.ns, 0), want);
    assert.ok(sums.every((s) => s.call !== 'accept4'));
});

/* ---- input that is not as it should be */

test('a file cut anywhere gives each whole line, and says what is missing', async () => {
    const small = text(elements(world({ requests: 40, others: 2 })));
    const lines = small.split('\n');
    for (let k = 1; k < 60; k++) {
        const at = Math.floor((small.length * k) / 60);
        const r = await load(small.slice(0, at));
        const whole = small.slice(0, at).split('\n').length - 1;
        if (whole < 1) {
            assert.ok(r.refused, `cut at ${at}`);
            continue;
        }
        assert.equal(r.refused, null);
        assert.match(r.problems.join('; '), /ends early/);
        const threads = lines.slice(0, whole).filter((l) => l.startsWith(',{"type":"thread"')).length;
        assert.equal(r.threads.filter(Boolean).length, threads);
    }
});

test('gzip that is cut or damaged gives what came out before', async () => {
    const packed = zlib.gzipSync(json);
    assert.deepEqual((await load(packed)).problems, []);
    for (const share of [0.3, 0.6, 0.9, 0.999]) {
        const r = await load(packed.subarray(0, Math.floor(packed.length * share)));
        assert.ok(r.header, `cut at ${share}`);
        assert.match(r.problems.join('; '), /compressed data is damaged or cut/);
    }
    const crc = Buffer.from(packed);
    crc[crc.length - 6] ^= 1;
    const r = await load(crc);
    assert.equal(r.threads.filter(Boolean).length, w.threads.length);
    assert.match(r.problems.join('; '), /damaged/);
});

test('any flipped byte is survived', async () => {
    const bytes = Buffer.from(text(elements(world({ requests: 12, others: 1 }))));
    for (let k = 0; k < 300; k++) {
        const copy = Buffer.from(bytes);
        copy[Math.floor((k / 300) * copy.length)] ^= 1 << (k % 7);
        const r = await load(copy);
        assert.ok(r.refused || r.problems, `byte ${k}`);
    }
});

test('what is no timeline is refused with a sentence', async () => {
    const cases = [
        ['', /empty/],
        ['   \n', /empty/],
        ['hello', /no waitscope timeline/],
        ['{"traceEvents":[]}', /no waitscope timeline/],
        ['[1,2,3]', /no waitscope timeline/],
        ['null', /no waitscope timeline/],
        ['waitscop\x01\x00\x00', /This is a capture/],
        ['<!doctype html>', /This is a page/],
        ['PK\x03\x04', /compressed/],
        ['{"format":"waitscope-report","version":[1,0]}', /report --json/],
        ['[{"format":"waitscope-timeline","version":[2,0]}\n]', /version 2.0.*reads 1.x/],
        ['[{"format":"waitscope-timeline"}\n]', /version unknown/],
    ];
    for (const [bytes, why] of cases) assert.match((await load(bytes)).refused, why, bytes);
});

test('a later minor version is read, with what is not known left out', async () => {
    const more = structuredClone(list);
    more[0].version = [1, 7];
    more[0].news = { a: 1 };
    more[0].states.push('dreaming');
    more.splice(2, 0, { type: 'weather', values: [1, 2] });
    const r = await load(text(more));
    assert.equal(r.refused, null);
    assert.deepEqual(r.problems, []);
});

test('the same array written by another program is read too', async () => {
    for (const other of [JSON.stringify(list), JSON.stringify(list, null, 2)]) {
        const r = await load(other);
        assert.equal(r.refused, null);
        assert.deepEqual(r.problems, []);
        assert.equal(r.requests.n, w.reqs.length);
    }
});

test('hostile values do no harm and are said', async () => {
    const bad = [-1, Number.MAX_VALUE, 'x', null, {}, [], true, 0.5, 2 ** 60];
    const change = [
        (l, v) => (l.find((e) => e.type === 'thread').dt[3] = v),
        (l, v) => (l.find((e) => e.type === 'thread').dt = v),
        (l, v) => (l.find((e) => e.type === 'thread').state[3] = v),
        (l, v) => (l.find((e) => e.type === 'thread').state = v),
        (l, v) => (l.find((e) => e.type === 'thread').call[0] = v),
        (l, v) => (l.find((e) => e.type === 'thread').object = v),
        (l, v) => (l.find((e) => e.type === 'thread').thread = v),
        (l, v) => (l.find((e) => e.type === 'thread').start = v),
        (l, v) => (l.find((e) => e.type === 'requests').start[1] = v),
        (l, v) => (l.find((e) => e.type === 'requests').latency[1] = v),
        (l, v) => (l.find((e) => e.type === 'requests').segments[1] = v),
        (l, v) => (l.find((e) => e.type === 'requests').seg_dt[4] = v),
        (l, v) => (l.find((e) => e.type === 'requests').seg_key[4] = v),
        (l, v) => (l.find((e) => e.type === 'requests').process[1] = v),
        (l, v) => (l.find((e) => e.type === 'requests').ledger = v),
        (l, v) => (l.find((e) => e.type === 'requests').ledger[2] = v),
        (l, v) => (l.find((e) => e.type === 'asks').request = v),
        (l, v) => (l.find((e) => e.type === 'asks').request[0] = v),
        (l, v) => (l.find((e) => e.type === 'asks').start = v),
        (l, v) => (l.find((e) => e.type === 'asks').dur[0] = v),
        (l, v) => (l.find((e) => e.type === 'holds').victims = v),
        (l, v) => (l.find((e) => e.type === 'holds').lost = v),
        (l, v) => (l.find((e) => e.type === 'holds').lost[0] = v),
        (l, v) => (l.find((e) => e.type === 'holds').more_victims = v),
        (l, v) => (l.find((e) => e.type === 'holds').thread[0] = v),
        (l, v) => (l.find((e) => e.type === 'strings').values[2] = v),
        (l, v) => (l.find((e) => e.type === 'objects').name = v),
        (l, v) => (l[0].threads[0] = v),
        (l, v) => (l[0].threads = v),
        (l, v) => (l[0].processes = v),
        (l, v) => (l[0].duration_ns = v),
        (l, v) => (l[0].overview = v),
        (l, v) => (l[0].overview.blocked = v),
        (l, v) => (l[0].lost = v),
        (l, v) => (l[0].lost.windows = [v]),
        (l, v) => (l[0].states = v),
        (l, v) => (l[0].ledger = v),
        (l, v) => (l[0].grades = v),
    ];
    const base = elements(world({ requests: 20, others: 1 }));
    for (const [k, f] of change.entries())
        for (const v of bad) {
            const copy = structuredClone(base);
            f(copy, v);
            const r = await load(text(copy));
            assert.ok(r.problems, `change ${k} to ${JSON.stringify(v)}: ${r.refused}`);
            for (const track of r.threads.filter(Boolean))
                for (let i = 0; i < track.n; i++) assert.ok(track.t[i + 1] >= track.t[i] && (track.cat[i] & 15) < M.COUNT);
        }
});

test('a block of a thread that is missing becomes unknown, never a wait', async () => {
    const copy = structuredClone(list);
    const at = copy.findIndex((e) => e.type === 'thread');
    const whole = copy[at];
    const cut = (from, to) => {
        const waits = (a, b) => whole.state.slice(a, b).filter((s) => s >= 2 && s <= 7).length;
        const part = { ...whole, first: from, start: whole.start + whole.dt.slice(0, from).reduce((x, y) => x + y, 0), dt: whole.dt.slice(from, to), state: whole.state.slice(from, to) };
        for (const k of ['call', 'object', 'fd', 'waker', 'arg', 'flags']) part[k] = whole[k].slice(waits(0, from), waits(0, to));
        return part;
    };
    copy.splice(at, 1, cut(0, 20), cut(30, whole.dt.length));
    const r = await load(text(copy));
    const track = r.threads[whole.thread];
    assert.equal(track.cat[20] & 15, M.UNKNOWN);
    assert.equal(track.t[track.n], whole.dt.reduce((a, b) => a + b, 0) + whole.start);
    assert.match(r.problems.join(';'), /block is missing/);
});

/* ---- packing and lanes */

test('requests in one row never overlap, and no row is wasted', async () => {
    const { requests: q, pack: p } = await load(json);
    const rows = Array.from({ length: p.rows }, () => []);
    for (let r = 0; r < q.n; r++) rows[p.rowOf[r]].push(r);
    for (const [row, list2] of rows.entries()) {
        assert.ok(list2.length > 0);
        for (const r of list2) assert.equal(q.process[r], p.process[row]);
        for (let i = 1; i < list2.length; i++) assert.ok(q.start[list2[i]] >= q.start[list2[i - 1]] + q.latency[list2[i - 1]]);
    }
    for (const process of [0, 1]) {
        const events = [];
        for (let r = 0; r < q.n; r++) if (q.process[r] === process) events.push([q.start[r], 1], [q.start[r] + q.latency[r], -1]);
        events.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        let now = 0;
        let most = 0;
        for (const [, by] of events) most = Math.max(most, (now += by));
        assert.equal(Array.from(p.process).filter((x) => x === process).length, most);
    }
});

test('a row is a track whose sums are the ledgers of its requests', async () => {
    const { requests: q, pack: p } = await load(json);
    const want = new Float64Array(M.COUNT);
    for (let r = 0; r < q.n; r++) LEDGER.forEach((key, k) => (want[M.BY_KEY[key]] += q.ledger[k][r]));
    const got = new Float64Array(M.COUNT);
    for (let row = 0; row < p.rows; row++) {
        const track = M.rowTrack(p, row);
        M.addTotals(track, 0, w.end, got);
        for (let i = 0; i < track.n; i++) {
            const s = p.ref[p.off[row] + i];
            assert.equal(s < 0, (track.cat[i] & 15) === M.EMPTY);
            if (s >= 0) assert.equal(p.rowOf[q.segRequest[s]], row);
        }
    }
    got[M.EMPTY] = 0;
    assert.deepEqual(got, want);
});

test('packing a part shows that part only', async () => {
    const { requests: q } = await load(json);
    const ids = Uint32Array.from([3, 8, 9, 50]);
    const p = layout.packRows(q, ids, 2, M.COUNT, M.EMPTY);
    assert.equal(Array.from(p.rowOf).filter((r) => r !== layout.NONE).length, 4);
});

test('lanes: requests, then serving threads, others folded, every pixel of height owned once', async () => {
    const m = modelOf(await load(json));
    const size = { row: 10, thread: 20, head: 28, group: 20 };
    const { lanes, height } = layout.lanes(m, new Set(), size);
    let y = 0;
    for (const lane of lanes) {
        assert.equal(lane.y, y);
        y += lane.h;
    }
    assert.equal(y, height);
    for (let i = 0; i < height; i++) {
        const l = lanes[layout.laneAt(lanes, i)];
        assert.ok(i >= l.y && i < l.y + l.h);
    }
    assert.equal(layout.laneAt(lanes, height), -1);
    assert.equal(layout.laneAt(lanes, -1), -1);
    const shown = lanes.filter((l) => l.kind === 'thread').map((l) => m.header.threads[l.thread].role);
    assert.ok(!shown.includes('other'));
    const others = lanes.find((l) => l.label === 'other threads');
    assert.equal(others.open, false);
    const unfolded = layout.lanes(m, new Set([others.key]), size).lanes;
    assert.equal(unfolded.filter((l) => l.kind === 'thread').length, m.header.threads.length);
    const kinds = lanes.map((l) => l.kind + l.label);
    /* who takes requests in stands beside the loops */
    const roles = ['worker', 'acceptor', 'helper', 'loop'];
    const mixed = { ...m, header: { ...m.header, threads: m.header.threads.map((t, i) => (t.process === 0 ? { ...t, role: roles[i % 4] } : t)) } };
    const labels = layout.lanes(mixed, new Set(), size).lanes.filter((l) => l.kind === 'group' && l.process === 0).map((l) => l.label);
    assert.deepEqual(labels.slice(1), ['event loops', 'acceptors', 'workers', 'helpers']);
    assert.ok(kinds.indexOf('grouprequests') >= 0 && kinds.indexOf('groupworkers') > kinds.indexOf('grouprequests'));
});

test('sorting in slices is a stable sort', () => {
    const run = (g) => {
        let r = g.next();
        while (!r.done) r = g.next();
        return r.value;
    };
    for (const n of [0, 1, 2, 511, 512, 513, 5000]) {
        const keys = Array.from({ length: n }, (_, i) => (i * 7919) % 101);
        const want = Array.from({ length: n }, (_, i) => i).sort((a, b) => keys[a] - keys[b]);
        const got = run(layout.sort(layout.range(n), (a, b) => keys[a] - keys[b]));
        assert.deepEqual(Array.from(got), want);
    }
});

/* ---- the search box */

test('the filter understands words, times, numbers and minus', () => {
    const parse = (s) => filter.parse(s);
    assert.deepEqual(parse('cart').terms, [{ key: '', op: '=', value: 'cart', not: false }]);
    assert.deepEqual(parse('blocked>5ms').terms, [{ key: 'blocked', op: '>', value: 5e6, not: false }]);
    assert.deepEqual(parse('blocked > 5 ').terms, [{ key: 'blocked', op: '>', value: 5e6, not: false }]);
    assert.deepEqual(parse('dur>=1.5s').terms, [{ key: 'dur', op: '>=', value: 1.5e9, not: false }]);
    assert.deepEqual(parse('latency<20us').terms, [{ key: 'dur', op: '<', value: 20000, not: false }]);
    assert.deepEqual(parse('-name:"/db 1"').terms, [{ key: 'name', op: '=', value: '/db 1', not: true }]);
    assert.deepEqual(parse('status:500').terms, [{ key: 'status', op: '=', value: 500, not: false }]);
    assert.deepEqual(parse('10.0.0.9:5432').terms, [{ key: '', op: '=', value: '10.0.0.9:5432', not: false }]);
    assert.deepEqual(parse('host:x').terms, [{ key: '', op: '=', value: 'host:x', not: false }]);
    for (const s of ['', '   ', '-']) assert.equal(parse(s).error, '');
    for (const s of ['blocked>', 'blocked>soon', 'status>x', 'foo>5', 'name>x', 'dur>5parsecs']) assert.notEqual(parse(s).error, '', s);
});

test('the filter decides as written', () => {
    const rows = [
        { dur: 1e6, blocked: 0, status: 200, name: 'get /a' },
        { dur: 9e6, blocked: 6e6, status: 500, name: 'get /b' },
        { dur: 30e6, blocked: 29e6, status: 200, name: 'put /a' },
    ];
    const ask = { number: (k) => (r) => rows[r][k], text: (k) => (r) => (k ? rows[r][k] : rows[r].name) };
    const hits = (s) => [0, 1, 2].filter(filter.compile(filter.parse(s).terms, ask));
    assert.deepEqual(hits(''), [0, 1, 2]);
    assert.deepEqual(hits('/a'), [0, 2]);
    assert.deepEqual(hits('/a blocked>5ms'), [2]);
    assert.deepEqual(hits('-/a'), [1]);
    assert.deepEqual(hits('status:200 dur<2ms'), [0]);
    assert.deepEqual(hits('-status:200'), [1]);
    assert.deepEqual(hits('blocked:6ms'), [1, 2]);
});

/* ---- colours and pixels */

const lab = ([r, g, b]) => {
    const lin = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : Math.pow((v / 255 + 0.055) / 1.055, 2.4)));
    return toLab(lin);
};
const toLab = ([r, g, b]) => {
    const xyz = [
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
    ].map((v) => (v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116));
    return [116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])];
};
/* Machado, Oliveira and Fernandes 2009, severity 1, on linear light. */
const SIGHT = {
    normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const seen = (hex, kind) => {
    const lin = rgb(hex).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : Math.pow((v / 255 + 0.055) / 1.055, 2.4)));
    return toLab(SIGHT[kind].map((row) => Math.min(1, Math.max(0, row[0] * lin[0] + row[1] * lin[1] + row[2] * lin[2]))));
};

test('the colours that matter differ for every kind of colour vision, in both themes', () => {
    assert.ok(Math.abs(lab([255, 255, 255])[0] - 100) < 0.01);
    const main = ['running', 'runnable', 'blocked', 'yielded', 'lock', 'queued', 'loop_busy'].map((k) => M.BY_KEY[k]);
    for (const dark of [false, true])
        for (const kind of Object.keys(SIGHT))
            for (const a of main)
                for (const b of main) {
                    if (a >= b) continue;
                    const [p, q] = [seen(palette.colour(a, dark), kind), seen(palette.colour(b, dark), kind)];
                    const d = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
                    assert.ok(d > 26, `${M.CATEGORIES[a].key} and ${M.CATEGORIES[b].key}, ${kind}, ${dark ? 'dark' : 'light'}: ${d.toFixed(1)}`);
                }
});

test('in grey, too, what matters differs from step to step, and hatches from their ground', () => {
    const main = ['running', 'runnable', 'blocked', 'yielded', 'lock', 'queued', 'loop_busy', 'awaiting'];
    for (const dark of [false, true]) {
        const grey = main.map((k) => [lab(rgb(palette.colour(M.BY_KEY[k], dark)))[0], k]).sort((a, b) => a[0] - b[0]);
        for (let i = 1; i < grey.length; i++) assert.ok(grey[i][0] - grey[i - 1][0] > 6, `${grey[i - 1]} and ${grey[i]}, ${dark ? 'dark' : 'light'}`);
        M.CATEGORIES.forEach((c, i) => {
            const [base, line] = palette.LOOKS[i][dark ? 'dark' : 'light'];
            if (base && c.key !== 'idle') assert.ok(Math.abs(lab(rgb(base))[0] - lab(rgb(line))[0]) > 12, `the hatch of ${c.key}, ${dark ? 'dark' : 'light'}`);
        });
    }
});

for (const fine of [false, true])
    test(`what is painted keeps its step in grey, hatch and all${fine ? ', in small rows too' : ''}`, () => {
        const main = ['running', 'runnable', 'blocked', 'yielded', 'lock', 'queued', 'loop_busy', 'awaiting'];
        for (const dark of [false, true]) {
            const { side, data } = palette.tiles(dark, 1, fine);
            const grey = main.map((k) => {
                const tile = data.slice(M.BY_KEY[k] * side * side, (M.BY_KEY[k] + 1) * side * side);
                const sum = tile.reduce((a, v) => a + lab([v & 255, (v >> 8) & 255, (v >> 16) & 255])[0], 0);
                return [sum / tile.length, k];
            });
            grey.sort((a, b) => a[0] - b[0]);
            for (let i = 1; i < grey.length; i++) assert.ok(grey[i][0] - grey[i - 1][0] > 3, `${grey[i - 1]} and ${grey[i]}, ${dark ? 'dark' : 'light'}`);
        }
    });

test('text on a category can be read', () => {
    const luminance = (hex) => {
        const h = hex.length === 4 ? '#' + [...hex.slice(1)].map((c) => c + c).join('') : hex;
        const [r, g, b] = rgb(h).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : Math.pow((v / 255 + 0.055) / 1.055, 2.4)));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (const dark of [false, true])
        M.CATEGORIES.forEach((c, i) => {
            if (!c.key || c.key === 'unknown') return;
            const [x, y] = [luminance(palette.colour(i, dark)), luminance(palette.ink(i, dark))].sort((p, q) => q - p);
            assert.ok((x + 0.05) / (y + 0.05) >= 4.5, `${c.key} ${dark}: ${((x + 0.05) / (y + 0.05)).toFixed(2)}`);
        });
});

for (const fine of [false, true]) test(`each category has a hatch of its own${fine ? ', in small rows too' : ''}`, () => {
    const { side, data } = palette.tiles(false, 1, fine);
    assert.equal(side, fine ? 4 : 8);
    const shapes = new Map();
    M.CATEGORIES.forEach((c, i) => {
        if (!c.key) return;
        const tile = data.slice(i * side * side, (i + 1) * side * side);
        const line = tile.findIndex((v) => v !== tile[0]);
        assert.ok(line >= 0, `${c.key} has no hatch`);
        const base = palette.pixel(palette.LOOKS[i].light[0]);
        const shape = Array.from(tile, (v) => (v === base ? 0 : 1)).join('');
        shapes.set(shape, [...(shapes.get(shape) || []), c.key]);
    });
    /* One pair shares one: they never stand in the same lane. */
    for (const keys of shapes.values()) assert.ok(keys.length === 1 || keys.join() === 'unknown,unattributed', keys.join());
});

test('tiles are of a side that masks fit, on every screen', () => {
    for (const scale of [0.5, 0.8, 1, 1.25, 1.5, 1.75, 2, 2.625, 3, 4])
        for (const fine of [false, true]) {
            const { side, data } = palette.tiles(false, scale, fine);
            assert.equal(side & (side - 1), 0, `${side} at ${scale}`);
            assert.equal(data.length, side * side * palette.LOOKS.length);
        }
});

/** Draws a track and counts the pixels of each category. */
function draw(track, t0, per, width, height) {
    const tiles = { side: 8, data: new Uint32Array(16 * 64) };
    for (let c = 0; c < 16; c++) tiles.data.fill(c + 1, c * 64, (c + 1) * 64);
    const px = new Uint32Array(width * height);
    const wide = [];
    paint.track({ px, stride: width, rows: height, x: 0, y: 0, w: width, h: height }, track, t0, per, tiles, 0, 40, (i, a, b) => wide.push([i, a, b]));
    return { px, wide };
}

test('each pixel column shows the exact shares of its time', async () => {
    const { threads } = await load(json);
    const height = 40;
    for (const track of threads)
        for (const [t0, per, width] of [[0, w.end / 300, 300], [w.end / 3, w.end / 40000, 300], [w.end / 7, w.end / 25, 25]]) {
            const { px } = draw(track, t0, per, width, height);
            for (let x = 0; x < width; x++) {
                const want = new Float64Array(M.COUNT);
                const [a, b] = [t0 + x * per, t0 + (x + 1) * per];
                for (let i = 0; i < track.n; i++) want[track.cat[i] & 15] += Math.max(0, Math.min(b, track.t[i + 1]) - Math.max(a, track.t[i]));
                const got = new Float64Array(M.COUNT + 1);
                for (let y = 0; y < height; y++) if (px[y * width + x]) got[px[y * width + x] - 1]++;
                for (let c = 0; c < M.COUNT; c++) {
                    const rows = (want[c] / per) * height;
                    assert.ok(Math.abs(got[c] - rows) <= 1.6, `column ${x}: ${M.CATEGORIES[c].key} ${got[c]} rows for ${rows}`);
                }
                if (want[M.BLOCKED] > 1) assert.ok(got[M.BLOCKED] >= 1, 'blocked time shows, however short');
                if (want[M.BLOCKED] === 0) assert.equal(got[M.BLOCKED], 0);
            }
        }
});

test('a hundred thousand intervals cost no more pixels than ten', () => {
    const n = 100000;
    const t = new Float64Array(n + 1);
    const cat = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
        t[i + 1] = t[i] + 10 + (i % 7);
        cat[i] = (i & 1 ? M.RUNNING : M.BLOCKED) * 17;
    }
    const sums = new Float64Array(((n >> 6) + 1) * (M.THREAD_COUNT + 1));
    layout.addSums(t, cat, n, M.THREAD_COUNT, sums);
    const track = { n, k: M.THREAD_COUNT, t, cat, sums };
    const { px } = draw(track, 0, t[n] / 100, 100, 100);
    const blocked = px.filter((p) => p === M.BLOCKED + 1).length;
    assert.ok(Math.abs(blocked - 5000) < 120, String(blocked));
});

test('what reaches beyond the picture is cut off at its edge', async () => {
    const { threads } = await load(json);
    const px = new Uint32Array(50 * 10);
    const tiles = { side: 8, data: new Uint32Array(16 * 64).fill(1) };
    for (const y of [-8, -100, 6, 9, 10, 100]) paint.track({ px, stride: 50, rows: 10, x: 0, y, w: 50, h: 18 }, threads[0], 0, w.end / 50, tiles, 0, 1, () => {});
    paint.track({ px, stride: 50, rows: 10, x: 0, y: 0, w: 50, h: 10 }, threads[0], w.end * 2, 1000, tiles, 0, 1, () => {});
    assert.equal(px.length, 500);
});

test('every word of the design is in the legend', () => {
    for (const key of [...STATES, ...LEDGER, 'idle']) {
        const c = M.CATEGORIES[M.BY_KEY[key]];
        assert.ok(c && c.says.length > 15 && c.waiter.length > 5, key);
    }
});

/* ---- values that lead nowhere */

const loadOf = (change) => {
    const list = elements(world({ requests: 30 }));
    change(list, (type) => list.find((e) => e.type === type));
    return load(text(list));
};

test('a stretch of a thread that there is not belongs to none, and that is said', async () => {
    const r = await loadOf((_, one) => (one('requests').seg_thread = one('requests').seg_thread.map((v, i) => (i < 3 ? 9999 : v))));
    assert.match(r.problems.join(), /3 stretches of threads that the header does not name/);
    assert.ok(r.requests.segThread.every((t) => t <= r.header.threads.length));
    assert.doesNotThrow(() => r.requests.id.forEach((_, k) => M.segments(modelOf(r), k)));
});

test('texts are no numbers: neither of categories nor of times', async () => {
    const r = await loadOf((list, one) => {
        list[0].ledger.push('a', 'b', 'c', 'd', 'e');
        const q = one('requests');
        q.seg_key[0] = 'length';
        q.seg_dt[q.segments[0]] = ' ';
        q.seg_dt[q.segments[0] + q.segments[1]] = '7';
        const t = one('thread');
        t.state[2] = 'length';
        t.dt[4] = { toString: 1, valueOf: 1 };
    });
    assert.equal(r.refused, null);
    assert.ok(r.requests.segCat.every((c) => c < M.COUNT));
    assert.ok(r.requests.segStart.every((v) => v >= 0));
    assert.ok(r.threads.every((t) => t.cat.every((c) => (c & 15) < M.COUNT)));
    assert.match(r.problems.join(), /do not add up|duration that is no whole number/);
});

test('blocks out of their order are left out, and the rest is read', async () => {
    const late = await loadOf((list) => {
        const at = list.findIndex((e) => e.type === 'requests');
        list.splice(list.length - 1, 0, list.splice(at, 1)[0]);
    });
    assert.equal(late.refused, null);
    assert.match(late.problems.join(), /requests behind the threads was left out/);
    assert.ok(late.threads.every((t) => t.n > 0));
    const twice = await loadOf((list, one) => list.splice(list.length - 1, 0, { ...one('objects'), kind: [1], name: [0], local: [0], remote: [0], deleted: [0] }));
    assert.match(twice.problems.join(), /second block of objects/);
    assert.ok(twice.objects.n > 1);
});

test('a header may have any number of threads, losses and letters', async () => {
    const header = { ...elements(world({ requests: 3 }))[0] };
    header.threads = Array.from({ length: 200000 }, (_, i) => ({ tid: i, pid: 1, process: 0, comm: 'x', role: 'worker', start: 0, end: 5, intervals: 0, state_ns: [] }));
    header.lost = { records: 20000, windows: Array.from({ length: 20000 }, (_, i) => ({ start: i * 10, end: i * 10 + 5, count: 1, kind: i % 2 ? 'wait' : 'recv' })) };
    const r = await load(text([header, { type: 'strings', values: ['', 'x'.repeat(1e6)] }]));
    assert.equal(r.header.threads.length, 200000);
    assert.ok(r.header.lost.windows.length <= 500);
    assert.equal(r.header.lost.windows.reduce((a, w) => a + w.count, 0), 20000);
    assert.equal(Math.max(...r.header.lost.windows.map((w) => w.end)), 199995);
    assert.ok(r.strings[1].length < 6000);
});

test('a hold without a thread is none', async () => {
    const r = await loadOf((list, one) => {
        list[0].threads = [];
        one('holds').thread = one('holds').thread.map(() => 0);
    });
    assert.ok(!r.holds || r.holds.n === 0);
});
