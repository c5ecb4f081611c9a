/*
 * What is very much, damaged, or changed while it is at work: nothing is lost by it, nothing is
 * drawn as no number, and the page stays quick.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { ready, settled } from './browser.mjs';
import { elements, GRADES, LEDGER, text, world } from './make.mjs';
import { load, modelOf, ws } from './pure.mjs';
import { bundled, dir, pages, reportOf } from './suite.mjs';

const w = world({ requests: 60 });
const report = reportOf('limits', elements(w));
const pageTest = pages(report);

/* ---- the story */

const fact = (term) => `#verdict .fact:has-text("${term}")`;

pageTest('the story stands where it is, whatever is filtered or however it is lit', {}, async (page) => {
    await page.evaluate(() => (globalThis.first = document.querySelector('#verdict article')));
    await page.click(fact('Queued'));
    await page.waitForFunction(() => / of /.test(document.getElementById('found').textContent));
    await settled(page);
    assert.match(await page.evaluate(() => document.activeElement.textContent), /^Queued/);
    await page.keyboard.press('t');
    await page.keyboard.press('b');
    await settled(page);
    assert.match(await page.evaluate(() => document.activeElement.textContent), /^Queued/);
    assert.ok(await page.evaluate(() => globalThis.first.isConnected));
});

/** The world with a sentence in its first process. @param {string} sentence */
function saying(sentence) {
    const list = elements(w);
    list[0].processes[0].verdict.text[0] = sentence;
    return list;
}
const many = Array.from({ length: 150 }, (_, i) => `#${(i % 90) + 1}`).join(' ');
const long = `${'x'.repeat(4998)}#12 and more`;

for (const [what, sentence, links, end] of [
    ['with many numbers', many, 100, /#10…$/],
    ['that is long, cut within a number', long, 0, /x…$/],
    ['that is short, whole', 'slowest: #12, #3 and #999999.', 2, /#999999\.$/],
])
    pageTest(`a sentence ${what}, leads to its requests and says where it was cut`, { file: reportOf(`saying${links}`, saying(sentence)) }, async (page) => {
        const first = page.locator('#verdict p.first').first();
        assert.match(await first.textContent(), end);
        assert.equal(await first.locator('button').count(), links);
    });

/* ---- loop holds */

/** The world with its first hold eleven times. */
function heldOften() {
    const list = elements(w);
    const holds = list.find((e) => e.type === 'holds');
    for (const [key, column] of Object.entries(holds)) if (Array.isArray(column)) holds[key] = Array.from({ length: 11 }, () => column[0]);
    return list;
}

pageTest('of many holds in one interval eight are told, and how many more there are', { file: reportOf('held', heldOften()) }, async (page) => {
    await page.evaluate(() => {
        const { app, model } = globalThis.waitscope;
        const { thread, start } = app.model.holds;
        app.select({ kind: 'interval', thread: thread[0], index: model.indexAt(app.model.threads[thread[0]], start[0]) }, true);
    });
    await settled(page);
    assert.equal(await page.locator('#details h3:has-text("The event loop was held")').count(), 8);
    assert.match(await page.textContent('#details'), /and 3 more holds/);
});

/* ---- a second recording */

const second = world({ requests: 25, workers: 3, others: 1, seed: 7 });
const third = world({ requests: 15, workers: 2, others: 1, seed: 9 });
/** On the disk, as what a reader opens. @param {string} name @param {string} bytes */
function onDisk(name, bytes) {
    const file = path.join(dir, name);
    fs.writeFileSync(file, bytes);
    return file;
}
const B = onDisk('second.json', text(elements(second)));
const C = onDisk('third.json', text(elements(third)));
const BAD = onDisk('notes.json', 'nothing of the kind');

/** @param {string} id of the picker @returns what became of it */
async function pick(page, id, file) {
    await page.evaluate(() => (document.documentElement.dataset.ready = 'no'));
    await page.setInputFiles(id, file);
    return ready(page);
}
const requests = (page) => page.evaluate(() => globalThis.waitscope.app.model.requests.n);
/** All rows, and each request in one. */
const whole = (page) =>
    page.evaluate(() => {
        const { matches, model } = globalThis.waitscope.app;
        return matches === null && model.pack.rowOf.every((row) => row < model.pack.rows);
    });
/** Begins of threads, requests, stretches, asks and rows: what a shift moves. */
const times = (page) =>
    page.evaluate(() => {
        const { threads, requests: q, asks, holds, pack, header } = globalThis.waitscope.app.model;
        return [header.duration_ns, header.threads.map((t) => t.start), threads.map((t) => [...t.t, ...t.sums]), [...q.start, ...q.segStart], asks.map((a) => [...a.start]), [...holds.start], [...pack.t]];
    });

pageTest('a filter that is typed while two are joined takes no row from them', {}, async (page) => {
    /* As if there were very much to join. */
    await page.evaluate(() => {
        const { app } = globalThis.waitscope;
        const { slowly } = app;
        app.slowly = (work, done) => {
            function* slow() {
                for (const until = performance.now() + 1500; performance.now() < until; ) yield;
                return yield* work;
            }
            return slowly(slow(), done);
        };
    });
    await page.setInputFiles('#file-b', B);
    await page.waitForTimeout(300);
    await page.fill('#query', 'blocked>1ms');
    await page.waitForFunction(() => / of /.test(document.getElementById('found').textContent));
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings);
    await settled(page);
    assert.equal(await requests(page), w.reqs.length + second.reqs.length);
    assert.ok(await whole(page));
});

pageTest('a bad file leaves the two that are compared, a good one takes the place of B', {}, async (page) => {
    assert.equal(await pick(page, '#file-b', B), 'yes');
    assert.equal(await pick(page, '#file-b', BAD), 'refused');
    assert.match(await page.textContent('#notices'), /notes\.json was not compared/);
    assert.equal(await requests(page), w.reqs.length + second.reqs.length);
    assert.ok(await page.isVisible('#alone'));
    await page.fill('#later', '3');
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings[1].shift === 3e6);
    assert.equal(await pick(page, '#file-b', C), 'yes');
    assert.equal(await requests(page), w.reqs.length + third.reqs.length);
    assert.deepEqual(await page.evaluate(() => globalThis.waitscope.app.model.header.recordings.map((r) => [r.name, r.shift])), [['this report', 0], ['third.json', 0]]);
});

pageTest('one goes back to A though its file is another now, and its times are its own', { file: bundled, bare: true }, async (page) => {
    const file = onDisk('first.json', text(elements(w)));
    assert.equal(await pick(page, '#file', file), 'yes');
    const before = await times(page);
    await page.fill('#query', 'blocked>1ms');
    await page.waitForFunction(() => / of /.test(document.getElementById('found').textContent));
    assert.equal(await pick(page, '#file-b', B), 'yes');
    fs.writeFileSync(file, text(elements(third)));
    await page.fill('#later', '-7.5');
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings[0].shift === 7.5e6);
    await settled(page);
    assert.equal(await pick(page, '#file-b', C), 'yes');
    await page.fill('#later', '-2');
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings[0].shift === 2e6);
    await page.click('#alone');
    assert.equal(await ready(page), 'yes');
    await page.waitForFunction(() => !globalThis.waitscope.app.model.header.recordings);
    await settled(page);
    assert.equal(await page.textContent('#notices'), '');
    assert.deepEqual(await times(page), before);
    assert.ok(await whole(page));
    assert.match(await page.textContent('#facts'), /^first\.json · /);
});

/* ---- numbers that are none */

/** What the page would read of a timeline after a change.
 * @param {(list: any[], one: (type: string) => any) => void} change */
function changed(change) {
    const list = elements(w);
    change(list, (type) => list.find((e) => e.type === type));
    return list;
}

test('what is no whole number is damage, in every column, and said', async () => {
    const BEYOND = 2 ** 53;
    for (const v of [0.1 + 0.2, 7.5, BEYOND]) {
        for (const [where, change, read] of [
            ['requests, start', (_, one) => (one('requests').start[2] = v), (r) => [r.requests.start[2]]],
            ['requests, ledger running', (_, one) => (one('requests').ledger[1][2] = v), (r) => [r.requests.ledger[1][2]]],
            ['requests, grade exact', (_, one) => (one('requests').grade[0][2] = v), (r) => [r.requests.grade[0][2]]],
            ['asks, dur', (_, one) => (one('asks').dur[0] = v), (r) => [r.asks[0].dur[0]]],
            ['holds, dur', (_, one) => (one('holds').dur[0] = v), (r) => [r.holds.dur[0]]],
            ['holds, lost', (_, one) => (one('holds').lost.find((l) => l.length)[0] = v), (r) => [...r.holds.lost]],
            ['a duration', (_, one) => (one('thread').dt[5] = v), (r) => [...r.threads[0].t, r.threads[0].n - 5]],
            ['a block whose begin', (_, one) => (one('thread').start = v), (r) => [...r.threads[0].t]],
            ['do not add up', (_, one) => (one('requests').seg_dt[1] = v), (r) => [...r.requests.segStart]],
            ['header: 1 times', (list) => (list[0].duration_ns = v), (r) => [r.header.duration_ns]],
            ['header: 1 times', (list) => (list[0].threads[0].end = v), (r) => [r.header.threads[0].end]],
        ]) {
            const r = await load(text(changed(change)));
            assert.ok(r.problems.some((p) => p.includes(where)), `${where} ${v}: ${r.problems}`);
            assert.ok(read(r).every(Number.isSafeInteger), `${where} ${v}: ${read(r)}`);
        }
    }
    const r = await load(text(changed((_, one) => Object.assign(one('requests').latency, { 2: BEYOND - 1 }))));
    assert.match(r.problems.join(), /1 that end beyond what a number can tell/);
    assert.equal(r.requests.start[2] + r.requests.latency[2], Number.MAX_SAFE_INTEGER);
    const endless = await load(text(changed((list) => (list[0].processes[0].verdict.capacity = 'x'))).replace('"capacity":"x"', '"capacity":1e999'));
    assert.equal(endless.header.processes[0].verdict.capacity, 0);
});

/* A sum of halves is what a hand-made file has. */
const halves = reportOf('halves', changed((_, one) => {
    const q = one('requests');
    q.latency[3] = 0;
    q.ledger[1][4] = 0.1 + 0.2;
}));

pageTest('a share of nothing is a dash', { file: halves }, async (page) => {
    await page.evaluate(() => globalThis.waitscope.app.select({ kind: 'request', request: 3 }, true));
    await settled(page);
    const said = await page.textContent('#details');
    assert.match(said, /0\.000000 ms/);
    assert.doesNotMatch(said, /NaN|Infinity|∞/);
    assert.ok((await page.locator('#details .figures.sum td').allTextContents()).includes('–'));
    assert.match(await page.textContent('#notices'), /ledger running: 1 values out of range, or no whole numbers/);
    await page.evaluate(() => globalThis.waitscope.app.select({ kind: 'request', request: 4 }, true));
    await settled(page);
    assert.doesNotMatch(await page.textContent('#details'), /NaN|Infinity|∞/);
});

const nothing = [{ ...elements(w)[0], duration_ns: 0, threads: [], requests: 0, intervals: 0, lost: { records: 1, windows: [{ start: 0, end: 0, count: 1, kind: 'wait' }] } }, { type: 'end', threads: 0, requests: 0, intervals: 0 }];

pageTest('a drawing of a recording without any time has numbers alone', { file: reportOf('nothing', nothing) }, async (page) => {
    await page.keyboard.press('m');
    await page.evaluate(() => (document.getElementById('export').open = true));
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save-svg')]);
    const svg = fs.readFileSync(await download.path(), 'utf8');
    assert.ok(svg.startsWith('<svg') && svg.length > 1000);
    assert.doesNotMatch(svg, /NaN|Infinity/);
});

/* ---- very much */

const bursts = Array.from({ length: 490 }, (_, i) => ({ start: 1e6 + i * 2000, end: 1e6 + i * 2000 + 900, count: 1, kind: i % 2 ? 'wait' : 'recv' }));
const losses = reportOf('losses', [{ ...elements(w)[0], lost: { records: 497, windows: [...bursts, { start: w.end / 2, end: w.end * 0.75, count: 7, kind: 'wait' }].reverse() } }, ...elements(w).slice(1)]);

/** What the lanes fill with hatches in one drawing. */
const hatched = (page) =>
    page.evaluate(async () => {
        const { app } = globalThis.waitscope;
        const proto = globalThis.CanvasRenderingContext2D.prototype;
        const { createPattern, fillRect } = proto;
        const out = { patterns: 0, rects: [] };
        proto.createPattern = function (...a) {
            if (this.canvas.id === 'picture') out.patterns++;
            return createPattern.apply(this, a);
        };
        proto.fillRect = function (...a) {
            if (this.fillStyle instanceof globalThis.CanvasPattern && this.canvas.id === 'picture') out.rects.push(a);
            return fillRect.apply(this, a);
        };
        app.invalidate('lanes');
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        Object.assign(proto, { createPattern, fillRect });
        const { t0, t1 } = app.view;
        return { ...out, per: (t1 - t0) / (document.getElementById('lanes').clientWidth - 184), t0 };
    });

pageTest('five hundred losses in a few pixels are as quick as one, and none is gone', { file: losses }, async (page) => {
    const far = await hatched(page);
    assert.equal(far.patterns, 1);
    assert.equal(far.rects.length, 2);
    const x = (d, t) => 184 + (t - d.t0) / d.per;
    const [[x0, , wide], [x1]] = far.rects;
    assert.ok(Math.abs(x0 - x(far, 1e6)) < 1 && Math.abs(x0 + wide - x(far, 1e6 + 489 * 2000)) < 3, far.rects.join(' '));
    assert.ok(Math.abs(x1 - x(far, w.end / 2)) < 1);
    /* From near each stands where it is. */
    await page.evaluate(() => globalThis.waitscope.app.setView({ t0: 1e6, t1: 1e6 + 20000 }));
    await settled(page);
    const near = await hatched(page);
    assert.equal(near.patterns, 1);
    assert.deepEqual(near.rects.map(([at, , long]) => [Math.round(at), Math.round(long)]), bursts.slice(0, 11).map((l) => [Math.round(x(near, l.start)), Math.max(Math.round(900 / near.per), 2)]));
});

/** Very many processes, with two threads and two requests each; process i served as many as `busy` says.
 * @param {number} n @param {(i: number) => number} busy */
function crowd(n, busy) {
    const [head] = elements(w);
    const [first] = head.processes;
    const each = (/** @type {number} */ count, /** @type {(i: number) => any} */ f) => Array.from({ length: count }, (_, i) => f(i));
    const of = (/** @type {number} */ r) => (r * 31) % n;
    const parts = { blocked: 4e7, running: 1e7 };
    return [
        {
            ...head, duration_ns: 1e9, requests: 2 * n, intervals: 6 * n,
            processes: each(n, (i) => ({ ...first, pid: 100 + i, comm: 'p', verdict: { ...first.verdict, requests: busy(i), saturated: false, text: [`It served ${busy(i)}.`] } })),
            threads: each(2 * n, (i) => ({ tid: 10000 + i, pid: 100 + (i >> 1), process: i >> 1, comm: 't', role: i & 1 ? 'other' : 'worker', start: 0, end: 1e9, intervals: 3, state_ns: [6e8, 0, 4e8, 0, 0, 0, 0, 0, 0] })),
        },
        { type: 'strings', values: ['', 'GET /'] },
        {
            type: 'requests', first: 0, id: each(2 * n, (i) => i + 1), process: each(2 * n, of), start: each(2 * n, (i) => i * 1000), latency: each(2 * n, () => 5e7),
            ...Object.fromEntries(['name', 'group', 'flags'].map((key) => [key, each(2 * n, () => 1)])),
            ...Object.fromEntries(['conn', 'protocol', 'status', 'bytes_in', 'bytes_out', 'parallel'].map((key) => [key, each(2 * n, () => 0)])),
            ledger: LEDGER.map((key) => each(2 * n, () => parts[key] || 0)), grade: GRADES.map((_, k) => each(2 * n, () => (k ? 0 : 5e7))),
            segments: each(2 * n, () => 2), seg_dt: each(4 * n, (i) => (i & 1 ? 4e7 : 1e7)), seg_key: each(4 * n, (i) => LEDGER.indexOf(i & 1 ? 'blocked' : 'running')),
            seg_grade: each(4 * n, () => 0), seg_thread: each(4 * n, (i) => 2 * of(i >> 1) + 1),
        },
        ...each(2 * n, (i) => ({ type: 'thread', thread: i, first: 0, start: 0, dt: [3e8, 4e8, 3e8], state: [0, 2, 0], call: [0], object: [0], fd: [3], waker: [0], arg: [0], flags: [0] })),
        { type: 'end', threads: 2 * n, requests: 2 * n, intervals: 6 * n },
    ];
}

/** The same list, which counts how often it is asked. @template {object} T @param {T} list @param {{n: number}} asked @returns {T} */
const counted = (list, asked) =>
    new Proxy(list, {
        get(of, key) {
            asked.n++;
            const v = Reflect.get(of, key);
            return typeof v === 'function' ? v.bind(of) : v;
        },
    });

test('the lanes of five thousand processes are found in one way through threads and rows', async () => {
    const r = await load(text(crowd(5000, () => 2)));
    assert.deepEqual(r.problems, []);
    const m = modelOf(r);
    const asked = { n: 0 };
    m.header.threads = counted(m.header.threads, asked);
    for (const named of [false, true]) {
        const packing = ws.layout.packing(r.requests, null, 5000, ws.model.COUNT, ws.model.EMPTY, named);
        let step = packing.next();
        while (!step.done) step = packing.next();
        m.pack = step.value;
        for (const key of ['process', 'section']) m.pack[key] = counted(m.pack[key], asked);
        if (named) m.pack.sections.process = counted(m.pack.sections.process, asked);
        asked.n = 0;
        const { lanes } = ws.layout.lanes(m, new Set(), { row: 10, thread: 20, head: 28, group: 20 });
        assert.equal(lanes.filter((l) => l.kind === 'process').length, 5000);
        assert.equal(lanes.filter((l) => l.kind === 'thread').length, 5000, 'the workers');
        assert.equal(lanes.filter((l) => l.kind === 'row').length, m.pack.rows);
        assert.ok(asked.n < 40 * m.header.threads.length, `asked ${asked.n} times`);
    }
});

pageTest('of very many processes the busiest are told of, and how many more there are', { file: reportOf('crowd', crowd(300, (i) => (i * 7) % 300)) }, async (page) => {
    const said = await page.locator('#verdict article p').allTextContents();
    assert.deepEqual(said, [...Array.from({ length: 20 }, (_, i) => `It served ${299 - i}.`), 'and 279 more processes, none with more requests than these']);
});

const STRETCHES = 100000;
/** The world, whose first request has so many stretches of a microsecond, by turns on two threads. */
const marathon = changed((_, one) => {
    const q = one('requests');
    const each = (/** @type {(i: number) => number} */ f) => Array.from({ length: STRETCHES }, (_2, i) => f(i));
    q.latency[0] = STRETCHES * 1000;
    LEDGER.forEach((key, k) => (q.ledger[k][0] = key === 'blocked' || key === 'running' ? STRETCHES * 500 : 0));
    GRADES.forEach((_2, k) => (q.grade[k][0] = k ? 0 : STRETCHES * 1000));
    const made = { seg_dt: () => 1000, seg_key: (i) => LEDGER.indexOf(i & 1 ? 'blocked' : 'running'), seg_grade: () => 0, seg_thread: (i) => (i & 2 ? 1 : 2) };
    for (const [key, f] of Object.entries(made)) q[key] = [...each(f), ...q[key].slice(q.segments[0])];
    q.segments[0] = STRETCHES;
});

pageTest('a request of a hundred thousand stretches: figures over all, a list that ends, few lines drawn', { file: reportOf('marathon', marathon) }, async (page) => {
    const work = await page.evaluate(async () => {
        const { app, model } = globalThis.waitscope;
        const { segment, segments } = model;
        const proto = globalThis.CanvasRenderingContext2D.prototype;
        const { strokeRect } = proto;
        const out = { told: 0, lines: 0 };
        model.segment = (...a) => (out.told++, segment(...a));
        model.segments = (...a) => {
            const all = segments(...a);
            out.told += all.length;
            return all;
        };
        proto.strokeRect = function (...a) {
            out.lines++;
            return strokeRect.apply(this, a);
        };
        app.select({ kind: 'request', request: 0 }, true);
        for (let i = 0; i < 20; i++) await new Promise((done) => requestAnimationFrame(done));
        const { lines } = out;
        app.painter('overlay')();
        Object.assign(proto, { strokeRect });
        return { told: out.told, lines: out.lines - lines, w: document.getElementById('lanes').clientWidth };
    });
    assert.ok(work.told <= 60, `${work.told} stretches were looked into`);
    assert.ok(work.lines > 4 && work.lines < 4 * work.w, `${work.lines} outlines`);
    const figures = await page.locator('#details .figures.sum [data-ns]').evaluateAll((all) => all.map((e) => Number(e.dataset.ns)));
    assert.deepEqual(figures, [STRETCHES * 500, STRETCHES * 500, STRETCHES * 1000]);
    assert.equal(await page.locator('#details .waits tbody tr').count(), 60);
    await page.click('#details button:has-text("show all 50,000")');
    assert.equal(await page.locator('#details .waits tbody tr').count(), 5000);
    assert.match(await page.textContent('#details'), /and 45,000 more/);
    assert.deepEqual(await page.locator('#details .waits tbody tr:nth-child(2) td').allTextContents().then((c) => [c[0], c[2]]), ['0.003', '0.001']);
});
