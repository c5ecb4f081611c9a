/*
 * Measures the viewer in a headless Chromium, without a GPU, against the bar that it is to reach,
 * on made-up timelines of 10 k, 1 M, 2 M and 5 M intervals. Prints a table; ends with 1 where a
 * goal is missed.
 *
 *     node bench.mjs BUILD [FILE.json.gz…]      with files: what loading and drawing those costs
 */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { execFileSync } from 'node:child_process';
import { bundleIn, launch, open, ready, scratch, settled, violations } from './browser.mjs';

const ROUNDS = 5; /* of each load; the median counts */
const SIZES = [
    ['10k', 10000, 20, 1000],
    ['1m', 1e6, 200, 100000],
    ['2m', 2e6, 200, 100000],
    ['5m', 5e6, 200, 100000],
];

/** Runs before the page: keeps the long tasks and the cost of each frame's script. */
function watch() {
    window.bench = { long: [], frames: [], from: 0, header: 0 };
    new PerformanceObserver((list) => list.getEntries().forEach((e) => e.startTime >= window.bench.from && window.bench.long.push(e.duration))).observe({ entryTypes: ['longtask'] });
    const raf = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (f) =>
        raf((t) => {
            const from = performance.now();
            f(t);
            window.bench.frames.push(performance.now() - from);
        });
}

const sorted = (list) => [...list].sort((a, b) => a - b);
const percentile = (list, p) => (list.length ? sorted(list)[Math.min(list.length - 1, Math.floor(list.length * p))] : 0);
const median = (list) => percentile(list, 0.5);
const ms = (v) => `${v.toFixed(v < 10 ? 1 : 0)} ms`;
const mb = (v) => `${(v / 1e6).toFixed(0)} MB`;

/* ---- the table */

const rows = [];
/** @param {string} what @param {string} goal @param {string} measured @param {boolean} good */
function row(what, goal, measured, good) {
    rows.push([what, goal, measured, good ? '' : 'MISSED']);
}

function print() {
    const head = ['figure', 'goal', 'measured', ''];
    const wide = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i].length)));
    for (const r of [head, ...rows]) console.log(r.map((c, i) => c.padEnd(wide[i])).join('  ').trimEnd());
}

/* ---- measuring */

/** Opens a file in the empty page as its picker does. */
async function load(browser, bundle, file, options = {}) {
    const opened = await open(browser, bundle, { width: 1920, height: 1080, before: watch, ...options });
    const { page } = opened;
    await settled(page);
    await page.evaluate(() => {
        /* The header is there, and then drawn: the frame behind the next is the first with it. */
        const seen = () => {
            if (!waitscope.app.model) return setTimeout(seen, 1);
            return requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => (window.bench.header = performance.now() - window.bench.from))));
        };
        const end = new MutationObserver(() => {
            if (document.documentElement.dataset.ready === 'yes') window.bench.all = performance.now() - window.bench.from;
        });
        end.observe(document.documentElement, { attributes: true });
        document.getElementById('file').addEventListener('change', () => {
            window.bench.from = performance.now();
            document.documentElement.dataset.ready = 'no';
            seen();
        }, true);
    });
    await page.setInputFiles('#file', file);
    if ((await ready(page)) !== 'yes') throw new Error(`${file}: ${await page.textContent('#notices')}`);
    await page.waitForTimeout(600);
    const times = await page.evaluate(() => ({ header: window.bench.header, all: window.bench.all, long: Math.max(0, ...window.bench.long) }));
    return { ...opened, ...times };
}

/** Zooms in and out again and pans, at many depths, with the lanes at the top and scrolled. */
async function frames(page) {
    return page.evaluate(async () => {
        window.bench.frames = [];
        const drawn = () => new Promise((done) => requestAnimationFrame(() => done(0)));
        const end = waitscope.app.model.header.duration_ns;
        const box = document.getElementById('lanes');
        for (const top of [0, 1 / 3]) {
            box.scrollTop = box.scrollHeight * top;
            for (let i = 0; i < 120; i++) {
                const span = end * Math.pow(0.9, i);
                waitscope.app.setView({ t0: end * 0.37 - span / 2, t1: end * 0.37 + span / 2 });
                await drawn();
                waitscope.app.pan(0.05);
                await drawn();
            }
        }
        waitscope.app.setView({ t0: 0, t1: end });
        box.scrollTop = 0;
        return window.bench.frames.filter((v) => v > 0.2);
    });
}

/** From choosing everything until its sums stand in the page. */
async function totals(page) {
    const times = [];
    for (let i = 0; i < 5; i++)
        times.push(
            await page.evaluate(async () => {
                const a = waitscope.app;
                a.select(null);
                await new Promise((done) => setTimeout(done, 60));
                const from = performance.now();
                const lanes = a.lanes.lanes.filter((l) => l.thread >= 0).map((l) => l.key);
                const old = document.querySelector('#details .thread-totals');
                a.select({ kind: 'area', t0: 0, t1: a.model.header.duration_ns, lanes });
                const sums = () => document.querySelector('#details .thread-totals');
                while (!sums() || sums() === old) await new Promise((done) => setTimeout(done, 0));
                return performance.now() - from;
            }),
        );
    await page.evaluate(() => waitscope.app.select(null));
    return median(times);
}

/** From the pointer's event until the frame that shows the answer is done. */
async function pointer(page) {
    await page.evaluate(() => {
        window.bench.hand = [];
        for (const type of ['pointermove', 'pointerup'])
            addEventListener(type, (e) => requestAnimationFrame(() => setTimeout(() => window.bench.hand.push(performance.now() - e.timeStamp), 0)), true);
    });
    const box = await page.locator('#lanes').boundingBox();
    for (let i = 0; i < 60; i++) {
        /* A walk that comes everywhere and is the same each time. */
        const x = box.x + 200 + ((i * 397) % Math.floor(box.width - 240));
        const y = box.y + 60 + ((i * 83) % Math.floor(box.height - 80));
        await page.mouse.move(x, y);
        await settled(page);
        await page.mouse.down();
        await page.mouse.up();
        await settled(page);
        await page.waitForTimeout(15);
    }
    const hand = await page.evaluate(() => window.bench.hand);
    await page.keyboard.press('Escape');
    return percentile(hand, 0.95);
}

/** What the page holds after the garbage was collected: its heap and its arrays. */
async function memory(page, context) {
    const client = await context.newCDPSession(page);
    await client.send('HeapProfiler.enable');
    for (let i = 0; i < 3; i++) await client.send('HeapProfiler.collectGarbage');
    await page.waitForTimeout(300);
    const heap = await client.send('Runtime.getHeapUsage');
    return { heap: heap.usedSize, arrays: heap.backingStorageSize || 0, workers: page.workers().length };
}

/** Is every figure that the page shows for all its threads the file's? Differences in ns. */
async function shown(page) {
    return page.evaluate(() => {
        const { app, model: M } = waitscope;
        const said = new Map();
        for (const t of app.model.header.threads) t.state_ns.forEach((ns, s) => said.set(app.model.header.states[s], (said.get(app.model.header.states[s]) || 0) + ns));
        app.select(null);
        waitscope.details.tab('details');
        app.painter('details')();
        const lines = [...document.querySelectorAll('#details .thread-totals tbody tr')].filter((tr) => tr.cells[1] && tr.cells[1].querySelector('[data-ns]'));
        const cells = lines.map((tr) => [tr.cells[0].textContent, Number(tr.cells[1].querySelector('[data-ns]').dataset.ns)]);
        const word = (key) => (M.BY_KEY[key] === undefined ? key : M.CATEGORIES[M.BY_KEY[key]].word);
        const page_ = new Map(cells);
        /* Idle waiting is drawn apart: it is part of the waits in the file. */
        const whole = [...said.values()].reduce((a, b) => a + b, 0);
        let off = Math.abs(whole - (page_.get('together') || 0));
        let idle = page_.get('idle') || 0;
        for (const [key, ns] of said) {
            const diff = ns - (page_.get(word(key)) || 0);
            if (['running', 'runnable', 'unknown'].includes(key)) off += Math.abs(diff);
            else if (diff < 0) off -= diff;
            else idle -= diff;
        }
        return off + Math.abs(idle);
    });
}

/** Bytes an interval of what every interval has: the begin, the durations and the states. */
function bytes(file) {
    const lines = zlib.gunzipSync(fs.readFileSync(file)).toString().split('\n');
    let n = 0;
    const own = [];
    for (const line of lines) {
        if (!line.startsWith(',{"type":"thread"')) continue;
        const b = JSON.parse(line.slice(1));
        n += b.dt.length;
        own.push(JSON.stringify({ type: b.type, thread: b.thread, start: b.start, dt: b.dt, state: b.state }));
    }
    const text = own.join('\n');
    return { raw: text.length / n, gzip: zlib.gzipSync(text, { level: 6 }).length / n };
}

/** How much axe finds, in one theme. */
async function faults(browser, bundle, file, scheme) {
    const { page, context } = await load(browser, bundle, file, { scheme });
    const found = await violations(page);
    await context.close();
    return found.length;
}

/** Cuts and bit flips of a file: how many show what is wrong, or nothing was wrong with them. */
async function damaged(browser, bundle, file, dir) {
    const whole = fs.readFileSync(file);
    const { page, context, sins } = await open(browser, bundle, { width: 1280, height: 800 });
    let silent = 0;
    const tries = 40;
    for (let i = 0; i < tries; i++) {
        const bad = i % 2 ? Buffer.from(whole) : whole.subarray(0, 1 + Math.floor((whole.length * i) / tries));
        if (i % 2) bad[Math.floor((whole.length * i) / tries)] ^= 1 << i % 8;
        const name = path.join(dir, `bad${i}.json.gz`);
        fs.writeFileSync(name, bad);
        await page.evaluate(() => (document.documentElement.dataset.ready = 'no'));
        await page.setInputFiles('#file', name);
        await ready(page);
        fs.rmSync(name);
        if (!(await page.textContent('#notices')).trim()) silent++;
    }
    await context.close();
    return { tries, silent, sins };
}

/** One file: a line of what it costs. */
async function one(browser, bundle, file) {
    const { page, context, header, all, long } = await load(browser, bundle, file);
    const list = await frames(page);
    const m = await memory(page, context);
    console.log(`${path.basename(file)}: overview ${ms(header)}, all ${ms(all)}, longest task ${ms(long)}, frame p95 ${ms(percentile(list, 0.95))}, heap ${mb(m.heap)} and arrays ${mb(m.arrays)}`);
    await context.close();
}

async function bar(browser, bundle, build, dir) {
    const gen = path.join(build, 'tests/bench/gen_timeline');
    const files = {};
    for (const [name, intervals, threads, requests] of SIZES) {
        files[name] = path.join(dir, `${name}.json.gz`);
        execFileSync(gen, ['--intervals', String(intervals), '--threads', String(threads), '--requests', String(requests), files[name]]);
    }
    const got = {};
    const sins = [];
    for (let round = 0; round < ROUNDS; round++)
        for (const name of ['1m', '2m', '5m']) {
            const r = await load(browser, bundle, files[name]);
            (got[name] ||= []).push({ header: r.header, all: r.all, long: r.long });
            sins.push(...r.sins);
            await r.context.close();
        }
    const mid = (name, key) => median(got[name].map((g) => g[key]));
    row('1 M intervals, .json.gz: overview', '<= 300 ms', ms(mid('1m', 'header')), mid('1m', 'header') <= 300);
    row('1 M intervals: full detail', '<= 1000 ms', ms(mid('1m', 'all')), mid('1m', 'all') <= 1000);
    row('5 M intervals: full detail', '<= 4000 ms', ms(mid('5m', 'all')), mid('5m', 'all') <= 4000);
    const long = Math.max(...['1m', '2m', '5m'].map((name) => mid(name, 'long')));
    row('longest task of the page while loading', '<= 50 ms', `${['1m', '2m', '5m'].map((name) => ms(mid(name, 'long'))).join(', ')}`, long <= 50);

    const { page, context, sins: more } = await load(browser, bundle, files['2m']);
    const list = await frames(page);
    row('frame while zooming and panning, 2 M, p95', '<= 8 ms', `${ms(percentile(list, 0.95))} (median ${ms(median(list))}, worst ${ms(Math.max(...list))})`, percentile(list, 0.95) <= 8);
    const sum = await totals(page);
    row('sums of a selection of everything, 2 M', '<= 100 ms', ms(sum), sum <= 100);
    const hand = await pointer(page);
    row('hover or click to its details, 2 M, p95', '<= 50 ms', ms(hand), hand <= 50);
    const off = await shown(page);
    row('time shown against true, by state', '0 ns', `${off} ns`, off === 0);
    const m = await memory(page, context);
    row('memory after GC, 2 M', '<= 150 MB', `${mb(m.heap + m.arrays)} (heap ${mb(m.heap)}, arrays ${mb(m.arrays)}${m.workers ? `, and ${m.workers} worker` : ''})`, m.heap + m.arrays <= 150e6 && !m.workers);
    await context.close();
    sins.push(...more);

    const b = bytes(files['2m']);
    row('bytes an interval, call columns aside', '<= 17, gzip <= 4', `${b.raw.toFixed(1)}, gzip ${b.gzip.toFixed(1)}`, b.raw <= 17 && b.gzip <= 4);
    const size = fs.statSync(bundle).size;
    row('the viewer itself', '<= 150 KB', `${(size / 1e3).toFixed(1)} KB`, size <= 150e3);
    const found = [await faults(browser, bundle, files['10k'], 'light'), await faults(browser, bundle, files['10k'], 'dark')];
    row('axe, light and dark', '0', found.join(', '), found.every((n) => n === 0));
    const bad = await damaged(browser, bundle, files['10k'], dir);
    row('damaged or cut files without a message', `0 of ${bad.tries}`, String(bad.silent), bad.silent === 0);
    sins.push(...bad.sins);
    row('requests that leave the page, errors', '0', String(sins.length), sins.length === 0);
    if (sins.length) console.log(sins.slice(0, 5));
}

const [build, ...files] = process.argv.slice(2);
if (!build) {
    console.error('usage: node bench.mjs BUILD [FILE.json.gz…]');
    process.exit(2);
}
const dir = scratch();
const bundle = bundleIn(dir);
const browser = await launch();
try {
    if (files.length) for (const file of files) await one(browser, bundle, file);
    else await bar(browser, bundle, path.resolve(build), dir);
} finally {
    await browser.close();
    fs.rmSync(dir, { recursive: true });
}
print();
process.exit(rows.some((r) => r[3]) ? 1 : 0);
