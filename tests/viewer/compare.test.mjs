/*
 * Two recordings in one page: the merged model against both worlds recomputed plainly, what moved
 * against `waitscope diff --json`, and the page by real events.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';
import { HERE, open, readTable, ready, settled, violations } from './browser.mjs';
import { elements, LEDGER, STATES, text, world } from './make.mjs';
import { load, modelOf, ws } from './pure.mjs';
import { browser, bundle, bundled, dir, pageOfTwo, pages } from './suite.mjs';

const { model: M, merge, diff, layout } = ws;
const HOSTILE = '"><img src=x onerror=pwned=1><script>pwned=1</script>\u202e</title> &lt;b&gt; </script>';

const A = world({ requests: 60, seed: 1 });
const B = world({ requests: 45, workers: 5, others: 3, seed: 2 });
const LOST = { complete: false, damage: 'the file ends in the middle of a block', lost: { records: 7, windows: [{ start: 3e7, end: 6e7, count: 7, kind: 'wait' }] } };
const files = { A: text(elements(A)), B: text(elements(B, LOST)) };

/** All steps of a generator at once. */
function run(work) {
    for (;;) {
        const r = work.next();
        if (r.done) return r.value;
    }
}

async function modelNamed(name, bytes) {
    const m = modelOf(await load(bytes));
    return { ...m, name, problems: [], threads: m.header.threads.map((_, i) => m.threads[i] || null) };
}
const merged = async (a = files.A, b = files.B) => run(merge.join(await modelNamed('a.json', a), await modelNamed('b.json', b)));
const sum = (list) => list.reduce((x, y) => x + y, 0);
const latencyOf = (r) => sum(r.segs.map((s) => s.dt));
const nameOf = (w, i) => w.strings[i];

/** Is every part of a world in the model, behind so many others and so much later? */
function holdsWorld(m, w, from, by) {
    const q = m.requests;
    const objectOf = (i) => (i < 0 ? '' : nameOf(w, w.objects[i].name));
    const nameAt = (i) => (i < 0 ? '' : M.objectName(m, i));
    w.reqs.forEach((r, i) => {
        const at = from.requests + i;
        assert.equal(q.id[at], r.id);
        assert.deepEqual([q.name, q.group, q.protocol].map((c) => m.strings[c[at]]), [r.name, r.group, r.protocol].map((s) => nameOf(w, s)));
        assert.equal(q.start[at], r.start + by);
        assert.equal(q.latency[at], latencyOf(r));
        assert.equal(q.process[at], from.processes + r.process);
        assert.equal(nameAt(q.conn[at]), objectOf(r.conn));
        LEDGER.forEach((key, k) => assert.equal(q.ledger[m.header.ledger.indexOf(key)][at], sum(r.segs.filter((s) => s.key === k).map((s) => s.dt)), key));
        assert.equal(q.segFirst[at + 1] - q.segFirst[at], r.segs.length);
        let time = r.start + by;
        const held = new Map();
        r.segs.forEach((s, k) => {
            const seg = q.segFirst[at] + k;
            assert.equal(q.segStart[seg], time);
            assert.equal(q.segRequest[seg], at);
            assert.equal(q.segThread[seg], s.thread ? from.threads + s.thread : 0);
            if (s.thread && s.key >= 1 && s.key <= 7) held.set(from.threads + s.thread - 1, (held.get(from.threads + s.thread - 1) || 0) + s.dt);
            time += s.dt;
        });
        assert.deepEqual(new Map([...M.holders(m, at)].sort()), new Map([...held].sort()));
        const asks = w.asks.filter((a) => a.request === r).map((a) => ({ name: objectOf(a.object), times: [0, a.made, a.asked, a.dur].map((t) => a.start + t + by) }));
        assert.deepEqual(M.asksOf(m, at), asks);
    });
    w.threads.forEach((t, i) => {
        const track = m.threads[from.threads + i];
        const said = m.header.threads[from.threads + i];
        assert.deepEqual([said.tid, said.comm, said.process, said.start, said.end], [t.tid, t.comm, from.processes + t.process, by, t.at + by]);
        assert.equal(track.n, t.iv.length);
        let time = t.start + by;
        t.iv.forEach((iv, k) => {
            const got = M.interval(m, from.threads + i, k);
            assert.deepEqual([got.start, got.end, STATES[got.state]], [time, time + iv.dt, STATES[iv.state]]);
            if (iv.state >= 2 && iv.state <= 7) {
                assert.deepEqual([got.call, nameAt(got.object), got.fd, got.waker], [nameOf(w, iv.call), objectOf(iv.object - 1), iv.fd, iv.waker]);
                const waker = M.threadOf(m, iv.waker, from.threads + i);
                const known = w.threads.findIndex((o) => o.tid === iv.waker);
                assert.equal(waker, known < 0 ? undefined : from.threads + known);
            }
            time += iv.dt;
        });
        /* the sums that pictures and totals rest on */
        const out = new Float64Array(M.COUNT);
        M.addTotals(track, by + 1e6, by + 9e7, out);
        let at = by;
        const want = new Float64Array(M.COUNT);
        for (const iv of t.iv) {
            const cat = iv.flags & 1 ? M.IDLE : M.BY_KEY[STATES[iv.state]];
            want[cat] += Math.max(0, Math.min(by + 9e7, at + iv.dt) - Math.max(by + 1e6, at));
            at += iv.dt;
        }
        assert.deepEqual(out, want);
        assert.deepEqual(ownersOf(m, from.threads + i), ownersOf2(w, i, from, by));
    });
    w.holds.forEach((h, i) => {
        const at = from.holds + i;
        const o = m.holds;
        assert.deepEqual(
            [o.thread[at], o.request[at], m.strings[o.call[at]], nameAt(o.object[at] - 1), o.start[at], o.dur[at], o.more[at]],
            [from.threads + w.threads.indexOf(h.thread), from.requests + h.request.id, nameOf(w, h.call), objectOf(h.object - 1), h.start + by, h.dur, h.more],
        );
        const [v0, v1] = [o.victimFirst[at], o.victimFirst[at + 1]];
        assert.deepEqual([...o.victim.subarray(v0, v1)], h.victims.map((r) => from.requests + r.id - 1));
        assert.deepEqual([...o.lost.subarray(v0, v1)], h.lost);
    });
}

/** The requests that a thread held, over all time. */
function ownersOf(m, thread) {
    const t = m.header.threads[thread];
    return sum(M.ownersIn(m.requests, thread, t.start, t.end, 1e6).map((o) => (o.request + 1) * o.ns));
}
function ownersOf2(w, i, from) {
    return sum(w.reqs.flatMap((r, at) => r.segs.filter((s) => s.thread === i + 1 && s.key >= 1 && s.key <= 7).map((s) => (from.requests + at + 1) * s.dt)));
}

const NOTHING = { requests: 0, processes: 0, threads: 0, holds: 0 };
const BEHIND = { requests: A.reqs.length, processes: 2, threads: A.threads.length, holds: A.holds.length };

/* ---- the model */

test('one model of two holds every part of both, and keeps their threads apart', async () => {
    assert.ok(A.threads.some((t) => B.threads.some((o) => o.tid === t.tid)), 'numbers of threads that both have');
    assert.ok(A.holds.length > 0 && B.holds.length > 0);
    const m = await merged();
    holdsWorld(m, A, NOTHING, 0);
    holdsWorld(m, B, BEHIND, 0);
    assert.equal(m.requests.n, A.reqs.length + B.reqs.length);
    assert.equal(m.objects.n, A.objects.length + B.objects.length);
    assert.equal(m.header.duration_ns, Math.max(A.end, B.end));
    assert.equal(new Set(m.strings).size, m.strings.length, 'each string once');
    assert.deepEqual(m.header.processes.map((p) => p.recording), [0, 0, 1, 1]);
    assert.deepEqual(m.header.lost.windows.map((w) => w.recording), [1]);
});

test('a shift moves one recording and nothing else, and back to the nanosecond', async () => {
    const m = await merged();
    const by = 123456789;
    run(merge.shift(m, [m.pack, m.pack], 1, by));
    holdsWorld(m, A, NOTHING, 0);
    holdsWorld(m, B, BEHIND, by);
    assert.equal(m.header.duration_ns, Math.max(A.end, B.end + by));
    assert.equal(m.header.lost.windows[0].start, 3e7 + by);
    /* The rows that are drawn moved as if they were packed anew. */
    assert.deepEqual(m.pack, layout.packRows(m.requests, null, 4, M.COUNT, M.EMPTY));
    run(merge.shift(m, [m.pack], 1, -by));
    run(merge.shift(m, [m.pack], 0, 77));
    holdsWorld(m, A, NOTHING, 77);
    holdsWorld(m, B, BEHIND, 0);
    assert.deepEqual(m.pack, layout.packRows(m.requests, null, 4, M.COUNT, M.EMPTY));
    const first = (w) => w.reqs.find((r) => r.flags & 1).start;
    assert.deepEqual([merge.firstRequest(m, 0), merge.firstRequest(m, 1)], [first(A), first(B)]);
});

test('indices that lead nowhere in their file do not lead into the other', async () => {
    /* one beyond the last of A is the first of B; what is far beyond in B comes round to A */
    const wrong = (w, past) => {
        const list = elements(w);
        const one = (type) => list.find((e) => e.type === type);
        const all = (e, key, v) => (e[key] = e[key].map(() => v));
        all(one('thread'), 'object', past(w.objects.length + 1));
        all(one('requests'), 'conn', past(w.objects.length));
        all(one('requests'), 'seg_thread', past(w.threads.length + 1));
        all(one('asks'), 'object', past(w.objects.length));
        all(one('asks'), 'request', w.reqs.length + 1);
        return text(list);
    };
    const blocked = (w) => w.threads[0].iv.findIndex((iv) => iv.state === 2);
    const check = (m, thread, i, request) => {
        assert.equal(M.objectName(m, M.interval(m, thread, i).object), '');
        assert.equal(M.objectName(m, m.requests.conn[request]), '');
        assert.equal(M.holders(m, request).size, 0);
        assert.ok(M.segments(m, request).every((s) => s.thread < 0));
    };
    const m = await merged(wrong(A, (n) => n));
    check(m, 0, blocked(A), 0);
    assert.equal(sum(B.reqs.map((_, r) => M.asksOf(m, A.reqs.length + r).length)), B.asks.length);
    const m2 = await merged(files.A, wrong(B, () => 0xffffffff));
    check(m2, A.threads.length, blocked(B), A.reqs.length);
    assert.equal(sum(A.reqs.map((_, r) => M.asksOf(m2, r).length)), A.asks.length);
});

test('words in another order, or that one file lacks, are told apart', async () => {
    const list = elements(B);
    const h = list[0];
    h.ledger = ['new_key', ...LEDGER].reverse();
    h.object_kinds = [...h.object_kinds].reverse();
    h.states = [...STATES].reverse();
    for (const t of h.threads) t.state_ns.reverse();
    for (const e of list) {
        if (e.type === 'requests') {
            e.ledger = [e.start.map(() => 0), ...e.ledger].reverse();
            e.seg_key = e.seg_key.map((k) => LEDGER.length - 1 - k);
        }
        if (e.type === 'objects') e.kind = e.kind.map((k) => h.object_kinds.length - 1 - k);
        if (e.type === 'thread') e.state = e.state.map((s) => STATES.length - 1 - s);
        if (e.type === 'holds') e.state = e.state.map((s) => STATES.length - 1 - s);
    }
    const m = await merged(files.A, text(list));
    holdsWorld(m, B, BEHIND, 0);
    assert.deepEqual(m.header.ledger, [...LEDGER, 'new_key']);
    assert.equal(M.kindName(m, A.objects.length), 'connected');
    assert.deepEqual(m.header.threads[A.threads.length].state_ns, elements(B)[0].threads[0].state_ns);
});

test('files that were cut anywhere are merged as far as they were read', async () => {
    for (const share of [0.3, 0.6, 0.97])
        for (const side of [0, 1]) {
            const cut = [files.A, files.B].map((s, i) => (i === side ? s.slice(0, s.indexOf('\n') + Math.floor((s.length - s.indexOf('\n')) * share)) : s));
            const m = await merged(...cut);
            const ok = side ? [A, NOTHING] : [B, { ...BEHIND, requests: m.header.recordings[0].parts.requests, holds: m.header.recordings[0].parts.holds }];
            holdsWorld(m, ok[0], ok[1], 0);
            for (let r = 0; r < m.requests.n; r++) M.segments(m, r);
        }
});

/* ---- what moved */

const captures = fs.existsSync(path.join(process.env.BUILD || '', 'tests/golden/mkcapture'));

/** A capture of one thread that reads for some µs for each request, kind by kind in turn: enough of
 * them for differences that are more than chance, and for some that are not. */
function scenario(kinds, n, seed) {
    const head = fs.readFileSync(path.join(HERE, '../golden/blocking.scenario'), 'utf8').split('\n').filter((l) => !l.startsWith('#'));
    const out = head.slice(0, head.findIndex((l) => l.startsWith('recv tid=101')));
    let z = seed;
    let off = 1060;
    let at = 2000;
    for (let i = 0; i < n; i++) {
        const [name, mean, spread] = kinds[i % kinds.length];
        z = (z * 1103515245 + 12345) % 2147483648;
        const read = mean - spread + Math.floor((z / 2147483648) * 2 * spread);
        out.push(
            `wait tid=101 at=${at + 5} off=${off} wake=${at + 1} call=recvfrom fd=4 obj=socket:2 why=sleep flags=irq`,
            `recv tid=101 at=${at + 10} obj=socket:2 ready=${at} bytes=80 flags=turn data="GET /${name}/${i} HTTP/1.1\\r\\nHost: box\\r\\n"`,
            ...(i === 0 ? [`file tid=101 at=${at + 20} obj=file:1 ino=11 dev=8 mode=file path=/var/lib/shop/7.json`] : []),
            `wait tid=101 at=${at + 110 + read} off=${at + 100} wake=${at + 100 + read} call=pread64 fd=5 obj=file:1 why=disk flags=irq`,
            `send tid=101 at=${at + 150 + read} obj=socket:2 bytes=120 flags=turn data="HTTP/1.1 200 OK\\r\\n"`,
        );
        off = at + 160 + read;
        at = off + 500;
    }
    return [...out, `end at=${at + 1000}`, ''].join('\n');
}

test('what moved has the figures of waitscope diff --json', { skip: captures ? false : 'BUILD has no mkcapture' }, async () => {
    const golden = path.join(HERE, '../golden');
    const build = (name) => path.join(process.env.BUILD, name);
    fs.writeFileSync(path.join(dir, 'before.scenario'), scenario([['file', 2000, 300], ['same', 1500, 900], ['gone', 900, 10]], 120, 1));
    fs.writeFileSync(path.join(dir, 'after.scenario'), scenario([['file', 1000, 300], ['same', 1600, 900], ['new', 50, 10]], 150, 2).replaceAll('comm=threads', 'comm=threads-b')); /* another name, and one of each kind: the same server */
    const names = ['blocking', 'loop', 'pool', 'keepalive', 'hostile', 'before', 'after'];
    for (const name of names) {
        const from = fs.existsSync(path.join(dir, `${name}.scenario`)) ? dir : golden;
        execFileSync(build('tests/golden/mkcapture'), [path.join(from, `${name}.scenario`), path.join(dir, `${name}.wsc`)]);
        execFileSync(build('waitscope'), ['convert', path.join(dir, `${name}.wsc`), '-o', path.join(dir, `${name}.json`)]);
    }
    const of = async (name) => modelNamed(name, fs.readFileSync(path.join(dir, `${name}.json`), 'utf8'));
    let compared = 0;
    for (const by of ['group', 'name'])
        for (const [a, b] of [['blocking', 'loop'], ['pool', 'blocking'], ['keepalive', 'pool'], ['hostile', 'loop'], ['pool', 'pool'], ['before', 'after']]) {
            const r = spawnSync(build('waitscope'), ['diff', '--json', '--by', by, path.join(dir, `${a}.wsc`), path.join(dir, `${b}.wsc`)], { encoding: 'utf8' });
            const wanted = JSON.parse(r.stdout).requests;
            const m = run(merge.join(await of(a), await of(b)));
            const pairs = run(diff.pairs(m, by));
            const key = (p) => `${p.name}\n${p.a ? p.a.comm : ''}\n${p.b ? p.b.comm : ''}`;
            compared += comparePairs(pairs, wanted, m.header.ledger, key);
            if (a !== 'before' || by !== 'group') continue;
            const clear = Object.fromEntries(pairs.map((p) => [p.name, p.change && [p.change.mean.clear, p.change.p50.clear, p.change.ledger[LEDGER.indexOf('blocked')].clear]]));
            assert.deepEqual(clear, { 'GET /file/:n': [true, true, true], 'GET /same/:n': [false, false, false], 'GET /gone/:n': null, 'GET /new/:n': null });
            assert.deepEqual(pairs.map((p) => p.name).slice(0, 2), wanted.map((p) => p.name).slice(0, 2), 'what moved most first');
        }
    assert.ok(compared >= 20, String(compared));
});

function comparePairs(pairs, wanted, ledger, key) {
    const clean = (p) => ({ ...p, name: p.name });
    assert.deepEqual(pairs.map(key).sort(), wanted.map(key).sort());
    for (const want of wanted) {
        const p = clean(pairs.find((o) => key(o) === key(want)));
        for (const side of ['a', 'b']) {
            if (!want[side]) {
                assert.equal(p[side], null);
                continue;
            }
            assert.deepEqual([p[side].complete, p[side].open], [want[side].requests, want[side].open]);
            if (!p.change) continue;
            assert.deepEqual([p.change.mean[side], p.change.p50[side], p.change.p99[side]], [want[side].mean_ns, want[side].p50_ns, want[side].p99_ns]);
            ledger.forEach((k, i) => assert.equal(p.change.ledger[i][side], want[side].ledger_mean_ns[k], k));
        }
        assert.equal(p.change === null, want.change === null);
        if (!want.change) continue;
        const plain = ({ ns, clear }) => ({ ns: ns + 0, clear });
        assert.deepEqual(['mean', 'p50', 'p99'].map((k) => plain(p.change[k])), ['mean', 'p50', 'p99'].map((k) => want.change[k]));
        ledger.forEach((k, i) => assert.deepEqual(plain(p.change.ledger[i]), want.change.ledger[k], k));
    }
    return wanted.length;
}

test('what moved, recomputed plainly; and in words', async () => {
    const m = await merged();
    const pairs = run(diff.pairs(m, 'group'));
    const groups = new Set([...A.reqs.map((r) => nameOf(A, r.group)), ...B.reqs.map((r) => nameOf(B, r.group))]);
    assert.deepEqual(new Set(pairs.map((p) => p.name)), groups);
    for (const p of pairs)
        for (const [g, w, side] of [[p.a, A, 'a'], [p.b, B, 'b']]) {
            const all = w.reqs.filter((r) => nameOf(w, r.group) === p.name).map(latencyOf).sort((x, y) => x - y);
            assert.equal(g.complete, all.length);
            assert.equal(p.change.mean[side], Math.round(sum(all) / all.length));
            assert.equal(p.change.p50[side], all[Math.ceil(all.length * 0.5) - 1]);
            assert.equal(p.change.p99[side], all[Math.ceil(all.length * 0.99) - 1]);
        }
    const change = (a, b, clear = true) => ({ a, b, ns: b - a, clear });
    const ledger = ['queued', 'blocked', 'awaiting', 'loop_busy'];
    const pair = (mean, ...keys) => ({ name: 'GET /db/:n', a: {}, b: {}, moved: 1, change: { mean, p50: mean, p99: mean, ledger: keys } });
    const none = change(0, 0, false);
    const p = pair(change(221e6, 24.1e6), change(190e6, 0), change(21.3e6, 0), change(0, 20.9e6), none);
    assert.equal(diff.movement(p, ledger, 2), 'queued −190 ms, blocked −21.3 ms');
    assert.equal(diff.sentence(p, ledger), 'B answers GET /db/:n in 24.1 ms instead of 221 ms on average: 190 ms less queued, 21.3 ms less blocked, 20.9 ms more awaiting.');
    const same = pair(change(20e6, 20e6, false), none, change(19e6, 0), change(0, 19e6), none);
    assert.match(diff.sentence(same, ledger), /20\.0 ms in A and 20\.0 ms in B on average, which may be chance; .*19\.0 ms less blocked, 19\.0 ms more awaiting/);
    assert.equal(diff.headline([same, p], ledger), diff.sentence(p, ledger), 'what is clearly faster or slower comes first');
    assert.equal(diff.headline([same], ledger), diff.sentence(same, ledger));
    assert.match(diff.headline([pair(none, none, none, none, none)], ledger), /Nothing moved clearly/);
    assert.match(diff.headline([{ name: 'x', a: {}, b: null, moved: 0, change: null }], ledger), /No kind of request is in both/);
    assert.match(diff.headline([], ledger), /nothing to compare/);
});

/* ---- the page */

const two = pageOfTwo('two', files.A, files.B);
const one = path.join(dir, 'one.html');
fs.writeFileSync(one, bundle.replace('<!--waitscope-data-->', () => `<script type="application/x-waitscope" id="waitscope-data">${zlib.gzipSync(files.A).toString('base64')}</script>`));

/** bare: not until both were read. */
const pageTest = pages(two, async (page, options) => {
    if (!options.bare) await compared(page);
});

/** Until both were read and what moved is said. */
async function compared(page) {
    assert.equal(await ready(page), 'yes');
    await page.waitForSelector('#difference tbody tr', { state: 'attached' });
    await settled(page);
}
const app = (page, f, arg) => page.evaluate(`(${f})(globalThis.waitscope.app, ${JSON.stringify(arg === undefined ? null : arg)})`);
const pick = (page, which) => page.click(`#tab-${which}`);

/** Drops files at a place, as a hand would. */
async function dropAt(page, list, share) {
    const packed = list.map(([name, s]) => [name, Buffer.from(s).toString('base64')]);
    await page.evaluate(
        ([all, x]) => {
            document.documentElement.dataset.ready = 'no';
            const data = new DataTransfer();
            for (const [n, b] of all) data.items.add(new File([Uint8Array.from(atob(b), (c) => c.charCodeAt(0))], n));
            for (const type of ['dragenter', 'dragover', 'drop'])
                document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data, clientX: innerWidth * x, clientY: 300 }));
        },
        [packed, share],
    );
}

pageTest('a page of two shows both: verdicts, lanes, table, losses, each by its letter', {}, async (page) => {
    const sides = await page.$$eval('#verdict .side', (all) => all.map((e) => e.textContent));
    assert.match(sides[0], /^Abefore\.wsc.*shop 4711/s);
    assert.match(sides[1], /^Bafter\.wsc.*shop 4711/s);
    assert.match(await page.textContent('#notices'), /B · after\.wsc: The recording is damaged: the file ends in the middle.*B · after\.wsc: 7 records were lost/s);
    assert.doesNotMatch(await page.textContent('#notices'), /A · /);
    const lanes = await app(page, (a) => a.lanes.lanes.map((l) => [l.kind, l.label]));
    assert.deepEqual(lanes.filter(([kind]) => kind === 'recording').map(([, label]) => label), ['A · before.wsc', 'B · after.wsc']);
    await pick(page, 'requests');
    const rows = await readTable(page);
    assert.equal(rows.length, A.reqs.length + B.reqs.length);
    for (const { cells, request } of rows) {
        const [w, letter] = request < A.reqs.length ? [A, 'A'] : [B, 'B'];
        const r = w.reqs[Number(cells.id.text) - 1];
        assert.equal(cells.recording.text, letter);
        assert.equal(cells.name.text, nameOf(w, r.name));
        assert.equal(cells.dur.ns, latencyOf(r));
        assert.equal(cells.start.ns, r.start);
    }
    await page.fill('#query', 'recording:b');
    await page.waitForFunction((n) => document.getElementById('found').textContent.startsWith(`${n} of `), B.reqs.length);
});

pageTest('a choice in B leads to what B has', {}, async (page) => {
    const h = B.holds.find((x) => x.victims.length);
    await app(page, (a, r) => a.select({ kind: 'request', request: r }, true), A.reqs.length + h.request.id - 1);
    await settled(page);
    const said = await page.textContent('#details');
    assert.match(said, /B · after\.wsc/);
    for (const v of h.victims) assert.ok(said.includes(nameOf(B, v.name)), nameOf(B, v.name));
    assert.ok(await page.evaluate(() => globalThis.waitscope.app.lanes.lanes.some((l) => l.kind === 'row')), 'its folded rows were opened');
    /* who woke a thread is of the same recording, though both have that number */
    const t = B.threads.findIndex((o) => o.iv.some((iv) => iv.call === B.calls.futex && iv.waker));
    const i = B.threads[t].iv.findIndex((iv) => iv.call === B.calls.futex && iv.waker);
    await app(page, (a, s) => a.select(s, true), { kind: 'interval', thread: A.threads.length + t, index: i });
    await settled(page);
    const waker = B.threads.findIndex((o) => o.tid === B.threads[t].iv[i].waker);
    await page.click('#details dd button:has-text("shop-worker") >> nth=1');
    assert.deepEqual(await app(page, (a) => a.selection), { kind: 'thread', thread: A.threads.length + waker });
    await page.click('#details .facts + *', { trial: true }).catch(() => {});
    assert.match(await page.textContent('#details'), /B · after\.wsc/);
    /* with nothing chosen both have sums of their own */
    await app(page, (a) => a.select(null));
    await settled(page);
    const all = await page.textContent('#details');
    assert.match(all, /Both recordings.*A · before\.wsc.*B · after\.wsc/s);
    const blocked = (w) => sum(w.threads.flatMap((o) => o.iv.filter((iv) => iv.state === 2 && !(iv.flags & 1)).map((iv) => iv.dt)));
    const cells = await page.$$eval('#details .thread-totals', (tables) => tables.map((x) => Number([...x.rows].find((r) => /blocked/.test(r.textContent)).querySelector('[data-ns]').dataset.ns)));
    assert.deepEqual(cells, [blocked(A), blocked(B)]);
    /* and so has an area over both */
    await page.evaluate(() => {
        const { app: a } = globalThis.waitscope;
        for (const l of a.lanes.lanes.filter((o) => o.kind === 'more' && !o.open)) a.toggle(l.key);
        a.select({ kind: 'area', t0: 0, t1: a.model.header.duration_ns, lanes: a.lanes.lanes.filter((l) => l.thread >= 0).map((l) => l.key) });
    });
    await settled(page);
    assert.deepEqual(await page.$$eval('#details .whose', (h) => h.map((e) => e.textContent)), ['A · before.wsc', 'B · after.wsc']);
    const shown = (w) => sum(w.threads.filter((o) => o.role !== 'other').flatMap((o) => o.iv.filter((iv) => iv.state === 2 && !(iv.flags & 1)).map((iv) => iv.dt)));
    const sums = await page.$$eval('#details .thread-totals', (tables) => tables.map((x) => Number([...x.rows].find((r) => /blocked/.test(r.textContent)).querySelector('[data-ns]').dataset.ns)));
    assert.deepEqual(sums, [shown(A), shown(B)]);
});

test('the search tells a whole text from a part of it, and A from B', async () => {
    const m = await merged();
    const fits = (query, text) => ws.filter.compile(ws.filter.parse(query).terms, { text: () => () => text, number: () => () => 0 })(0);
    assert.equal(ws.filter.parse('group="GET /db" recording:b').error, '');
    assert.ok(fits('group="GET /db"', 'get /db') && !fits('group="GET /db"', 'get /db/:n'));
    assert.ok(fits('group:"GET /db"', 'get /db/:n') && !fits('-group="GET /db"', 'get /db') && fits('-group="GET /db"', 'get /db/:n'));
    assert.deepEqual([0, 1, 2, 3].map((p) => M.letterOf(m, p)), ['A', 'A', 'B', 'B']);
});

pageTest('what moved stands in a table, a row filters both to its requests', {}, async (page) => {
    const m = await merged();
    const pairs = run(diff.pairs(m, 'group'));
    assert.equal(await page.textContent('#verdict .moved'), diff.headline(pairs, LEDGER));
    const rows = await page.$$eval('#difference tbody tr', (all) => all.map((r) => [r.querySelector('button').textContent, ...[...r.querySelectorAll('[data-ns]')].map((c) => Number(c.dataset.ns))]));
    assert.deepEqual(rows, pairs.map((p) => [p.name, ...[p.change.mean, p.change.p50, p.change.p99].flatMap((c) => [c.a, c.b, c.ns])]));
    const { name } = pairs[1];
    await page.click('#difference tbody tr:nth-child(2) button');
    await settled(page);
    assert.equal(await page.inputValue('#query'), `group="${name}"`);
    const n = [A, B].map((w) => w.reqs.filter((r) => nameOf(w, r.group) === name).length);
    await page.waitForFunction((k) => document.getElementById('found').textContent.startsWith(`${k} of `), n[0] + n[1]);
    const keys = await page.$$eval('#difference .sub', (all) => all.map((r) => [r.dataset.key, ...[...r.querySelectorAll('[data-ns]')].map((c) => Number(c.dataset.ns))]));
    const used = pairs[1].change.ledger.map((c, i) => [LEDGER[i], c.a, c.b, c.ns]).filter((k) => k[1] || k[2]);
    assert.deepEqual([...keys].sort(), used.sort());
    assert.ok(keys.every((k, i) => i === 0 || Math.abs(keys[i - 1][3]) >= Math.abs(k[3])), 'what moved most first');
    /* by keyboard, back to all */
    await page.keyboard.press('Enter');
    await page.waitForFunction((k) => document.getElementById('found').textContent === `${k} requests`, A.reqs.length + B.reqs.length);
    assert.equal(await page.inputValue('#query'), '');
    await page.check('#difference input');
    await page.waitForFunction((k) => document.querySelectorAll('#difference tbody tr').length >= k, 60);
    assert.match(await page.textContent('#difference tbody'), /GET \/cart\/0/);
});

pageTest('one scale of time, shifted by hand and set at the first requests', {}, async (page) => {
    const first = (w) => w.reqs.find((r) => r.flags & 1).start;
    const starts = () => app(page, (a, n) => [a.model.requests.start[0], a.model.requests.start[n], a.model.header.duration_ns, a.view.t1], A.reqs.length);
    assert.deepEqual((await starts()).slice(0, 2), [A.reqs[0].start, B.reqs[0].start]);
    await page.fill('#query', 'blocked>1us');
    await page.waitForFunction(() => / of /.test(document.getElementById('found').textContent));
    await page.click('#firsts');
    await page.waitForFunction(() => document.getElementById('firsts').getAttribute('aria-pressed') === 'true');
    const by = first(A) - first(B);
    const [a0, b0] = await starts();
    assert.equal(a0, A.reqs[0].start + Math.max(-by, 0));
    assert.equal(b0, B.reqs[0].start + Math.max(by, 0));
    assert.equal(await page.inputValue('#later'), String(by / 1e6));
    await page.fill('#later', '12.345678');
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings[1].shift === 12345678);
    await settled(page);
    let s = await starts();
    assert.deepEqual(s.slice(0, 2), [A.reqs[0].start, B.reqs[0].start + 12345678]);
    assert.equal(s[2], Math.max(A.end, B.end + 12345678));
    assert.equal(s[3], s[2], 'all is still shown');
    await page.focus('#later');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings[1].shift === 13345678 || globalThis.waitscope.app.model.header.recordings[1].shift === 13000000);
    /* what is told of a request is its own time, shifted or not */
    await page.fill('#query', '');
    await pick(page, 'requests');
    await page.waitForFunction((k) => document.getElementById('found').textContent === `${k} requests`, A.reqs.length + B.reqs.length);
    for (const { cells, request } of await readTable(page)) assert.equal(cells.start.ns, (request < A.reqs.length ? A : B).reqs[Number(cells.id.text) - 1].start);
    await page.fill('#later', '0');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings[1].shift === 0);
    s = await starts();
    assert.deepEqual(s.slice(0, 2), [A.reqs[0].start, B.reqs[0].start]);
    /* a filter that was at work meanwhile is not lost */
    await page.evaluate(() => {
        const { app: o } = globalThis.waitscope;
        o.setFilter('blocked>1us');
        o.shift(5e6, () => {});
    });
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings[1].shift === 5e6 && globalThis.waitscope.app.matches);
});

pageTest('A and B have the same scale in the strip above', {}, async (page) => {
    /* Where threads ran out is marked over it. */
    await page.evaluate(() => {
        globalThis.waitscope.story.isOut = () => false;
        globalThis.waitscope.app.invalidate('overview');
    });
    await settled(page);
    /* Blocked pixels are as high as the threads that were blocked, in both. */
    const seen = await page.evaluate(() => {
        const { app: a, model: M2, palette } = globalThis.waitscope;
        const canvas = document.getElementById('overview-canvas');
        const px = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
        const colours = new Set(Array.from(palette.tiles(a.dark(), 1).data.slice(M2.BLOCKED * 64, M2.BLOCKED * 64 + 64)));
        const half = canvas.height / 2;
        const count = [0, 0];
        for (let y = 0; y < canvas.height; y++) for (let x = 0; x < canvas.width; x++) if (colours.has(px[y * canvas.width + x])) count[y < half ? 0 : 1]++;
        const [own, all] = [a.model.header.recordings[0].header.duration_ns, a.model.header.duration_ns];
        let beyond = 0; /* where A had ended */
        for (let y = 6; y < half - 6; y++) for (let x = Math.ceil((own / all) * canvas.width) + 2; x < canvas.width - 6; x++) beyond += px[y * canvas.width + x] ? 1 : 0;
        return { count, beyond, gone: 1 - own / all, w: canvas.width, end: all };
    });
    assert.ok(seen.gone > 0.05 && seen.beyond <= seen.w * seen.gone, `more than the line between: ${JSON.stringify(seen)}`);
    /* What B lost is a gap there. */
    const blocked = (w, from, to) => {
        let ns = 0;
        for (const t of w.threads) {
            let at = t.start;
            for (const iv of t.iv) {
                if (iv.state === 2 && !(iv.flags & 1)) ns += iv.dt - Math.max(0, Math.min(to, at + iv.dt) - Math.max(from, at));
                at += iv.dt;
            }
        }
        return ns;
    };
    const [a, b] = [seen.count[0] / blocked(A, 0, 0), seen.count[1] / blocked(B, 3e7, 6e7)];
    assert.ok(seen.count[0] > 500 && b / a > 0.93 && b / a < 1.07, JSON.stringify({ ...seen, ratio: b / a }));
});

pageTest('a loss in B is crossed out in the lanes of B alone', { height: 2000 }, async (page) => {
    const at = await page.evaluate(() => {
        const { app: a } = globalThis.waitscope;
        const box = document.getElementById('lanes').getBoundingClientRect();
        const lanes = a.lanes.lanes.filter((l) => l.thread >= 0);
        const y = (letter) => box.top + 26 + lanes.find((l) => a.model.header.processes[l.process].recording === letter).y + 8;
        return { x: box.left + 184 + ((4.5e7 - a.view.t0) / (a.view.t1 - a.view.t0)) * (document.getElementById('lanes').clientWidth - 184), a: y(0), b: y(1) };
    });
    await page.mouse.move(at.x, at.a);
    assert.doesNotMatch(await page.textContent('#tip'), /lost/);
    assert.match(await page.textContent('#tip'), /A · shop-worker/);
    await page.mouse.move(at.x, at.b);
    assert.match(await page.textContent('#tip'), /7 wait records lost/);
    const blocked = await page.evaluate(() => {
        const { app: a, model: M2, palette } = globalThis.waitscope;
        const canvas = document.getElementById('picture');
        const colours = new Set(Array.from(palette.tiles(false, 1).data.slice(M2.BLOCKED * 64, M2.BLOCKED * 64 + 64)));
        const px = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
        const x = (t) => Math.round(184 + ((t - a.view.t0) / (a.view.t1 - a.view.t0)) * (canvas.width - 184));
        return [0, 1].map((letter) => {
            let n = 0;
            for (const l of a.lanes.lanes.filter((o) => o.thread >= 0 && a.model.header.processes[o.process].recording === letter)) {
                for (let y = 26 + l.y + 2; y < 26 + l.y + l.h - 3; y++) for (let at = x(3e7) + 2; at < x(6e7) - 2; at++) if (colours.has(px[y * canvas.width + at])) n++;
            }
            return n;
        });
    });
    assert.ok(blocked[0] > 100 && blocked[1] === 0, blocked.join());
});

pageTest('a second file is picked or dropped on the right; on the left it replaces', { file: one, bare: true }, async (page) => {
    assert.equal(await ready(page), 'yes');
    assert.ok(await page.isHidden('#tab-difference'));
    await page.fill('#query', 'blocked>1ms');
    await page.waitForFunction(() => / of /.test(document.getElementById('found').textContent));
    const b = path.join(dir, 'b.json.gz');
    fs.writeFileSync(b, zlib.gzipSync(files.B));
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.click('#compare')]);
    await chooser.setFiles(b);
    await compared(page);
    assert.match(await page.textContent('#facts'), /A: this report · B: b\.json\.gz/);
    assert.ok(await app(page, (a) => a.matches === null && a.model.pack.rowOf.every((row) => row < a.model.pack.rows)), 'no filter is left');
    /* another in its place */
    const c = world({ requests: 20, seed: 5 });
    await dropAt(page, [['c.json', text(elements(c))]], 0.8);
    await compared(page);
    assert.match(await page.textContent('#facts'), /B: c\.json/);
    assert.equal(await app(page, (a) => a.model.requests.n), A.reqs.length + c.reqs.length);
    /* A alone again */
    await page.click('#alone');
    assert.equal(await ready(page), 'yes');
    assert.equal(await app(page, (a) => a.model.requests.n), A.reqs.length);
    assert.ok(await page.isHidden('#tab-difference') && await page.isVisible('#grid') && await page.isHidden('#verdict .moved'));
    await dropAt(page, [['b.json', files.B]], 0.2);
    assert.equal(await ready(page), 'yes');
    assert.equal(await app(page, (a) => a.model.requests.n), B.reqs.length);
    assert.ok(await page.isHidden('#align'));
    /* which is A from now on */
    await dropAt(page, [['a.json', files.A]], 0.8);
    await compared(page);
    await page.click('#alone');
    assert.equal(await ready(page), 'yes');
    assert.equal(await app(page, (a) => a.model.requests.n), B.reqs.length);
});

pageTest('two files dropped at once are compared', { file: bundled, bare: true }, async (page) => {
    await dropAt(page, [['x.json', files.A], ['y.json', files.B]], 0.3);
    await compared(page);
    assert.match(await page.textContent('#facts'), /A: x\.json · B: y\.json/);
    assert.equal(await app(page, (a) => a.model.requests.n), A.reqs.length + B.reqs.length);
});

pageTest('a second file that is refused leaves the first; one that was cut is compared', { file: one, bare: true }, async (page) => {
    assert.equal(await ready(page), 'yes');
    await dropAt(page, [['notes.txt', 'nothing of the kind']], 0.9);
    assert.equal(await ready(page), 'refused');
    assert.match(await page.textContent('#notices'), /notes\.txt was not compared\. .*no waitscope timeline/);
    assert.equal(await app(page, (a) => a.model.requests.n), A.reqs.length);
    assert.ok(await page.isVisible('#grid .body .row') && await page.isVisible('#compare'));
    await dropAt(page, [['cut.json', files.B.slice(0, files.B.length * 0.8)]], 0.9);
    await compared(page);
    assert.match(await page.textContent('#notices'), /B · cut\.json: The file does not read as it should: it ends early/);
});

const hostile = world({ requests: 30, seed: 4, hostile: HOSTILE });
test('hostile names in B are text wherever they stand', async () => {
    const file = pageOfTwo('hostile', files.A, text(elements(hostile, { damage: HOSTILE, lost: { records: 1, windows: [{ start: 1e6, end: 9e7, count: 1, kind: HOSTILE }] } })), ['a.wsc', HOSTILE]);
    const { page, sins, context } = await open(browser, file);
    await compared(page);
    const count = () => page.evaluate(() => [document.images.length, document.scripts.length, document.querySelectorAll('style').length, 'pwned' in globalThis]);
    assert.deepEqual(await count(), [0, 2, 1, false]); /* boot.js and what it unpacked */
    assert.ok((await page.textContent('#verdict .side:last-child h2')).includes('<img src=x'));
    const buttons = await page.$$('#difference tbody th button');
    for (let i = 0; i < buttons.length; i++) {
        await page.click(`#difference tbody tr:not(.sub) >> nth=${i} >> button`);
        await page.waitForTimeout(50);
        assert.equal(await page.getAttribute('#query', 'aria-invalid'), 'false', await page.inputValue('#query'));
        assert.notEqual(await page.textContent('#found'), '0 of 180 requests', await page.inputValue('#query'));
    }
    await page.mouse.move(700, 500);
    assert.deepEqual(await count(), [0, 2, 1, false]); /* boot.js and what it unpacked */
    assert.deepEqual(sins, []);
    await context.close();
});

for (const scheme of ['light', 'dark'])
    for (const width of [1440, 360])
        pageTest(`axe finds nothing and nothing scrolls sideways: ${scheme}, ${width}`, { scheme, width, height: 900 }, async (page) => {
            assert.deepEqual(await violations(page), []);
            await page.click('#difference tbody button');
            await settled(page);
            assert.deepEqual(await violations(page), []);
            await pick(page, 'requests');
            assert.deepEqual(await violations(page), []);
            assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
        });

pageTest('by keyboard alone: tabs, a row, the recordings fold', {}, async (page) => {
    await page.focus('#views [aria-selected=true]');
    assert.ok(await page.isVisible('#difference table') && await page.isHidden('#grid'));
    await page.keyboard.press('Home');
    assert.ok(await page.isHidden('#difference') && await page.isVisible('#grid'));
    const lanes = () => app(page, (a) => a.lanes.lanes.map((l) => l.label));
    const all = await lanes();
    await page.focus('#lanes');
    await page.keyboard.press('ArrowDown');
    assert.match(await page.textContent('#live'), /A · before\.wsc.*open/);
    await page.keyboard.press('Enter');
    assert.ok((await lanes()).length < all.length);
    assert.equal((await lanes())[1], 'B · after.wsc');
    await page.keyboard.press('Enter');
    assert.deepEqual(await lanes(), all);
});

pageTest('an address holds, though B was shifted', {}, async (page) => {
    const link = () => page.evaluate(() => /of=[^&]*/.exec(globalThis.waitscope.place.link())[0]);
    await page.evaluate(() => globalThis.waitscope.app.setView({ t0: 1e7, t1: 9e7 }));
    const was = await link();
    await app(page, (a) => new Promise((done) => a.shift(7e6, () => done(0))));
    assert.equal(await link(), was);
});
