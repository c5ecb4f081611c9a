/*
 * Measures the viewer in Chromium: node bench.mjs FILE.json.gz|FILE.html…
 * Each line: what, and how long. tests/README.md says what is to be reached.
 */
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { launch, open, ready, scratch, VIEWER } from './browser.mjs';

/** Runs before the page: keeps the long tasks and the cost of each frame's script. */
function watch() {
    window.bench = { long: [], frames: [], header: 0 };
    new PerformanceObserver((list) => list.getEntries().forEach((e) => window.bench.long.push(e.duration))).observe({ entryTypes: ['longtask'] });
    const raf = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (f) =>
        raf((t) => {
            const from = performance.now();
            f(t);
            window.bench.frames.push(performance.now() - from);
        });
}

function percentile(list, p) {
    const s = [...list].sort((a, b) => a - b);
    return s.length ? s[Math.min(s.length - 1, Math.floor(s.length * p))] : 0;
}

const ms = (v) => `${v.toFixed(v < 10 ? 1 : 0)} ms`;

async function bench(browser, bundle, file) {
    const report = file.endsWith('.html');
    const { page, sins, context } = await open(browser, report ? file : bundle, { width: 1920, height: 1080, before: watch });
    const from = Date.now();
    if (!report) {
        await page.evaluate(() => {
            const seen = () => (waitscope.app.model ? (window.bench.header = performance.now() - window.bench.from) : setTimeout(seen, 1));
            document.getElementById('file').addEventListener('change', () => {
                window.bench.from = performance.now();
                window.bench.long = []; /* what comes before is the empty page's */
                document.documentElement.dataset.ready = 'no';
                seen();
            }, true);
        });
        await page.setInputFiles('#file', file);
    }
    await ready(page);
    const out = await page.evaluate(() => {
        const m = waitscope.app.model;
        return {
            intervals: m.header.intervals, requests: m.header.requests, header: window.bench.header,
            all: performance.now() - (window.bench.from || 0), long: Math.max(0, ...window.bench.long),
        };
    });
    console.log(`${path.basename(file)}: ${out.intervals} intervals, ${out.requests} requests, ${fs.statSync(file).size} bytes`);
    console.log(`  overview ${report ? '–' : ms(out.header)}, all ${ms(out.all)} (seen from outside ${Date.now() - from} ms), longest task ${ms(out.long)}`);

    /* Zoom in and out again and pan, at many depths. */
    await page.waitForTimeout(800);
    const move = () =>
        page.evaluate(async () => {
            window.bench.frames = [];
            const frame = () => new Promise((done) => setTimeout(done, 0));
            const end = waitscope.app.model.header.duration_ns;
            const box = document.getElementById('lanes');
            box.scrollTop = 0;
            for (let i = 0; i < 120; i++) {
                const span = end * Math.pow(0.9, i);
                waitscope.app.setView({ t0: end * 0.37 - span / 2, t1: end * 0.37 + span / 2 });
                await new Promise((done) => requestAnimationFrame(() => done(0)));
                waitscope.app.pan(0.05);
                await new Promise((done) => requestAnimationFrame(() => done(0)));
            }
            await frame();
            waitscope.app.setView({ t0: 0, t1: end });
            return window.bench.frames.filter((v) => v > 0.2);
        });
    const frames = await move();
    console.log(`  frame while zooming and panning: median ${ms(percentile(frames, 0.5))}, p95 ${ms(percentile(frames, 0.95))}, worst ${ms(Math.max(...frames))} (${frames.length})`);

    const select = await page.evaluate(() => {
        const a = waitscope.app;
        const from = performance.now();
        const lanes = a.lanes.lanes.filter((l) => l.thread >= 0).map((l) => l.key);
        a.select({ kind: 'area', t0: 0, t1: a.model.header.duration_ns, lanes });
        return new Promise((done) => requestAnimationFrame(() => done(performance.now() - from)));
    });
    console.log(`  totals of everything: ${ms(select)}`);
    const sort = await page.evaluate(() => {
        const from = performance.now();
        waitscope.table.sortBy('name');
        return performance.now() - from;
    });
    const click = await page.evaluate(() => {
        const times = [];
        const q = waitscope.app.model.requests;
        for (let i = 0; i < 40; i++) {
            const from = performance.now();
            waitscope.app.select({ kind: 'request', request: Math.floor((q.n - 1) * (i / 40)) }, true);
            times.push(performance.now() - from);
        }
        return Math.max(...times);
    });
    console.log(`  sort by name: ${ms(sort)}; choose a request, worst of 40: ${ms(click)}`);
    const filter = await page.evaluate(() => {
        window.bench.long = [];
        const from = performance.now();
        waitscope.app.setFilter('blocked>1ms');
        return new Promise((done) => {
            const look = () => (waitscope.app.matches ? done(performance.now() - from) : setTimeout(look, 1));
            look();
        });
    });
    await page.waitForTimeout(300);
    console.log(`  filter: ${ms(filter)}, longest task ${ms(await page.evaluate(() => Math.max(0, ...window.bench.long)))}`);
    const client = await context.newCDPSession(page);
    await client.send('HeapProfiler.enable');
    await client.send('HeapProfiler.collectGarbage');
    const heap = await page.evaluate(() => {
        let bytes = 0;
        const m = waitscope.app.model;
        const count = (o) => Object.values(o || {}).forEach((v) => ArrayBuffer.isView(v) ? (bytes += v.byteLength) : v && typeof v === 'object' && !Array.isArray(v) && count(v));
        for (const t of m.threads) count(t);
        count(m.requests);
        for (const l of [...m.requests.ledger, ...m.requests.grade]) bytes += l.byteLength;
        count(m.pack);
        return { bytes, js: performance.memory ? performance.memory.usedJSHeapSize : 0 };
    });
    console.log(`  memory: ${(heap.bytes / 1e6).toFixed(0)} MB in columns, heap ${(heap.js / 1e6).toFixed(0)} MB`);
    if (sins.length) console.log('  but:', sins);
    await context.close();
}

const dir = scratch();
const bundle = path.join(dir, 'page.html');
execFileSync(path.join(VIEWER, 'bundle.sh'), [bundle]);
const browser = await launch();
try {
    for (const file of process.argv.slice(2)) await bench(browser, bundle, file);
} finally {
    await browser.close();
    fs.rmSync(dir, { recursive: true });
}
