/*
 * Two recordings in the tabs below the timeline: each figure of A and of B against a plain
 * recomputation, and nowhere one figure of both.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ready, settled, violations } from './browser.mjs';
import { elements, LEDGER, STATES, text, world } from './make.mjs';
import { load, modelOf, ws } from './pure.mjs';
import { pageOfTwo, pages } from './suite.mjs';

const { diff, filter, merge, model: M, stats } = ws;
const A = world({ requests: 160, seed: 1 });
const B = world({ requests: 90, workers: 5, others: 3, seed: 2 });
B.reqs[7].flags = 0; /* not answered while it was recorded */
B.reqs[40].flags = 0;
const worlds = [A, B];
const files = worlds.map((w) => text(elements(w)));

const run = (work) => {
    let r = work.next();
    while (!r.done) r = work.next();
    return r.value;
};
const sum = (list) => list.reduce((x, y) => x + y, 0);
const latencyOf = (r) => sum(r.segs.map((s) => s.dt));
const ledgerOf = (r, key) => sum(r.segs.filter((s) => LEDGER[s.key] === key).map((s) => s.dt));
const byValue = (x, y) => x - y;
const groupOf = (w, r) => w.strings[r.group];
const answered = (w, fits = () => true) => w.reqs.filter((r) => r.flags & 1 && fits(r));
const mean = (list) => Math.round(sum(list) / list.length);
/** Nearest rank, counted instead of computed. */
function percentile(values, share) {
    const sorted = [...values].sort(byValue);
    return sorted.find((v) => sorted.filter((x) => x <= v).length >= share * sorted.length - 1e-9);
}

async function merged() {
    const parts = [];
    for (const bytes of files) {
        const m = modelOf(await load(bytes));
        parts.push({ ...m, problems: [], threads: m.header.threads.map((_, i) => m.threads[i] || null) });
    }
    return run(merge.join(parts[0], parts[1]));
}

/** Every wait of a world's threads between two moments, by state, call and object. */
function waitsOf(w, t0 = 0, t1 = Infinity) {
    const out = new Map();
    for (const t of w.threads) {
        let at = t.start;
        for (const iv of t.iv) {
            const ns = Math.min(at + iv.dt, t1) - Math.max(at, t0);
            at += iv.dt;
            if (iv.state < 2 || iv.state > 7 || iv.flags & 1 || ns <= 0) continue;
            const object = iv.object ? w.strings[w.objects[iv.object - 1].name] : '';
            const key = `${STATES[iv.state]} ${w.strings[iv.call]} ${object}`;
            out.set(key, [...(out.get(key) || []), ns]);
        }
    }
    return out;
}

test('the requests of A and of B are told apart, and those without an answer left out', async () => {
    const m = await merged();
    const q = m.requests;
    const all = run(stats.sides(m, q, null, false));
    assert.deepEqual(all.map((s) => s.length), [A.reqs.length, B.reqs.length]);
    const whole = run(stats.sides(m, q, null, true));
    assert.deepEqual(whole.map((s) => [...s].map((r) => q.id[r])), worlds.map((w) => answered(w).map((r) => r.id)));
    const some = run(stats.sides(m, q, Uint32Array.of(3, A.reqs.length + 7, A.reqs.length + 8), true));
    assert.deepEqual(some.map((s) => [...s]), [[3], [A.reqs.length + 8]]);
});

test('both distributions have the same bins, and each its own requests in them', async () => {
    const m = await merged();
    const both = run(stats.latencies(m, m.requests, null, 40));
    const edges = both.map((s) => s.bins.map((b) => [b.lo, b.hi]));
    assert.deepEqual(edges[0], edges[1]);
    both.forEach((side, i) => {
        const mine = answered(worlds[i]);
        assert.equal(side.n, mine.length);
        for (const b of side.bins) {
            const inside = mine.filter((r) => latencyOf(r) >= b.lo && latencyOf(r) < b.hi);
            assert.deepEqual([b.n, b.sum], [inside.length, sum(inside.map(latencyOf))]);
            LEDGER.forEach((key) => assert.equal(b.ledger[m.header.ledger.indexOf(key)], sum(inside.map((r) => ledgerOf(r, key))), key));
        }
        assert.equal(sum(side.bins.map((b) => b.n)), mine.length);
    });
    /* one of them empty, and both */
    const ofA = Uint32Array.from(A.reqs.keys());
    const alone = run(stats.latencies(m, m.requests, ofA, 40));
    assert.deepEqual(alone.map((s) => [s.n, s.bins.length]), [[A.reqs.length, alone[0].bins.length], [0, alone[0].bins.length]]);
    assert.deepEqual(run(stats.latencies(m, m.requests, new Uint32Array(0), 40)).map((s) => s.n), [0, 0]);
});

test('all of A against all of B, with the rules of what is chance', async () => {
    const m = await merged();
    const p = run(diff.total(m, null));
    [p.a, p.b].forEach((k, i) => {
        const lat = answered(worlds[i]).map(latencyOf);
        assert.deepEqual([k.complete, k.open, k.sum], [lat.length, worlds[i].reqs.length - lat.length, sum(lat)]);
        assert.deepEqual([...k.sorted], lat.sort(byValue));
        assert.equal(p.change.mean[i ? 'b' : 'a'], mean(lat));
        assert.equal(p.change.p99[i ? 'b' : 'a'], percentile(lat, 0.99));
    });
    assert.deepEqual(run(diff.total(m, Uint32Array.of(0))).b, null);
    /* of the same against itself nothing is clear; of a multiple everything is */
    const like = (by) => ({ ...p.a, sum: p.a.sum * by, sorted: p.a.sorted.map((v) => v * by), ledger: p.a.ledger.map((v) => v * by), squares: p.a.squares.map((v) => v * by * by) });
    for (const percent of [50, 90]) assert.deepEqual([diff.ofRank(p.a, like(1), percent).clear, diff.ofRank(p.a, like(100), percent).clear], [false, true]);
    assert.deepEqual([diff.ofMean(p.a, like(1), LEDGER.length).clear, diff.ofMean(p.a, like(100), LEDGER.length).clear], [false, true]);
});

test('waits of A stand beside those of B of the same name', async () => {
    const m = await merged();
    const both = [0, 1].map((i) => run(stats.waits(m, [...m.threads.keys()].filter((t) => M.recordingOf(m, m.header.threads[t].process) === i), 0, m.header.duration_ns, null)));
    const pairs = stats.beside(m, both).filter((p) => !(p.a || p.b).idle);
    const want = worlds.map((w) => waitsOf(w));
    assert.equal(pairs.length, new Set(want.flatMap((x) => [...x.keys()])).size);
    for (const p of pairs) {
        const one = p.a || p.b;
        const key = `${M.CATEGORIES[one.state].key} ${one.call} ${M.objectName(m, one.object)}`;
        [p.a, p.b].forEach((w, i) => assert.deepEqual(w && [w.count, w.ns, w.p99, w.max], want[i].has(key) ? figuresOf(want[i].get(key)) : null, key));
    }
    assert.ok(pairs.some((p) => p.a && p.b));
});

function figuresOf(list) {
    return [list.length, sum(list), percentile(list, 0.99), Math.max(...list)];
}

/* ---- the page */

const two = pageOfTwo('two', files[0], files[1]);
const pageTest = pages(two, async (page) => {
    assert.equal(await ready(page), 'yes');
    await page.waitForSelector('#difference tbody tr', { state: 'attached' });
    await settled(page);
});

async function tab(page, key) {
    await page.click(`#tab-${key}`);
    await page.waitForSelector(`#view-${key} table`);
    await settled(page);
}
const found = async (page, of) => {
    await page.waitForFunction((s) => document.getElementById('found').textContent === s, of === A.reqs.length + B.reqs.length ? `${of} requests` : `${of} of ${A.reqs.length + B.reqs.length} requests`);
    await page.waitForTimeout(200);
    await settled(page);
};

/** The lines of a table by their first cell and recording: cells by column, exact times where there are. */
async function linesOf(page, key, nth = 0) {
    const rows = await page.$$eval(
        `#view-${key} table`,
        (all, n) => {
            const t = all[n];
            const keys = [...t.tHead.rows[0].cells].map((c) => c.dataset.key);
            const spans = [];
            return [...t.tBodies[0].rows].map((tr) => {
                const cells = [...tr.cells];
                const row = {};
                keys.forEach((k, i) => {
                    if (spans[i] && spans[i].left > 0) {
                        spans[i].left--;
                        row[k] = spans[i].value;
                        return;
                    }
                    const c = cells.shift();
                    row[k] = c.dataset.ns === undefined ? c.textContent : Number(c.dataset.ns);
                    if (c.dataset.clear) row[`${k} clear`] = c.dataset.clear;
                    spans[i] = { left: c.rowSpan - 1, value: row[k] };
                });
                return row;
            });
        },
        nth,
    );
    return rows;
}

/** The figures that a line shows of requests. */
function figures(of) {
    const lat = of.map(latencyOf);
    const made = Object.fromEntries(LEDGER.map((key) => [key, mean(of.map((r) => ledgerOf(r, key)))]));
    return { n: String(of.length), mean: mean(lat), min: Math.min(...lat), p500: percentile(lat, 0.5), p900: percentile(lat, 0.9), p990: percentile(lat, 0.99), max: Math.max(...lat), sum: sum(lat), ...made };
}

/** Is a line what it is to be, and the change below it the one less the other? */
function compareLines(lines, want, keys) {
    want.forEach((f, i) => {
        for (const k of keys) if (lines[i][k] !== undefined) assert.equal(lines[i][k], f[k], `${'AB'[i]} ${k}`);
        assert.equal(lines[i].recording, 'AB'[i]);
    });
    if (want.length < 2) return;
    assert.equal(lines[2].recording, 'change');
    for (const k of keys) if (typeof lines[0][k] === 'number') assert.ok(Math.abs(lines[2][k] - (want[1][k] - want[0][k])) <= 1, `change of ${k}`); /* both are rounded */
}

const KEYS = ['n', 'mean', 'min', 'p500', 'p900', 'p990', 'max', ...LEDGER];

pageTest('groups: each has a line of A, one of B and the change; so has what the filter leaves', { width: 2600 }, async (page) => {
    await tab(page, 'groups');
    const check = async (fits) => {
        const lines = await linesOf(page, 'groups');
        const names = new Set(worlds.flatMap((w) => w.reqs.filter((r) => fits(w, r)).map((r) => groupOf(w, r))));
        assert.deepEqual(new Set(lines.map((l) => l.group.replace(/(shop|gateway).*$/, ''))), names);
        for (const name of names) {
            const mine = lines.filter((l) => l.group.replace(/(shop|gateway).*$/, '') === name);
            const of = worlds.map((w) => answered(w, (r) => groupOf(w, r) === name && fits(w, r)));
            const there = of.map((list, i) => [list, i]).filter(([list]) => list.length);
            if (there.length === 2) compareLines(mine, of.map(figures), [...KEYS, 'sum']);
            else {
                assert.deepEqual(mine.map((l) => l.recording), ['AB'[there[0][1]]]);
                for (const k of KEYS) if (mine[0][k] !== undefined) assert.equal(mine[0][k], figures(there[0][0])[k], k);
            }
        }
        return lines;
    };
    const lines = await check(() => true);
    /* what is clear is what the tab of differences calls clear */
    await page.click('#tab-difference');
    const clear = await page.$$eval('#difference tbody tr', (rows) => rows.map((tr) => [tr.querySelector('th button').textContent, [...tr.querySelectorAll('.change')].map((c) => c.dataset.clear)]));
    await tab(page, 'groups');
    for (const [name, said] of clear) {
        const change = lines.find((l) => l.recording === 'change' && l.group.startsWith(name));
        assert.deepEqual([change['mean clear'], change['p500 clear'], change['p990 clear']], said, name);
    }
    assert.deepEqual([...new Set(lines.map((l) => l.group.replace(/(shop|gateway).*$/, '')))], clear.map(([name]) => name), 'what moved most first');
    assert.ok(lines.some((l) => l['min clear'] === 'null'), 'what was not tested is not called clear');
    /* sorted by how much changed */
    await page.click('#view-groups th[data-key=p990] button');
    await settled(page);
    const changes = (await linesOf(page, 'groups')).filter((l) => l.recording === 'change').map((l) => Math.abs(l.p990));
    assert.deepEqual(changes, [...changes].sort((x, y) => y - x));
    /* the badge finds that recording's requests of the group, and all again */
    const first = (await linesOf(page, 'groups'))[0].group.replace(/(shop|gateway).*$/, '');
    await page.click('#view-groups tbody tr:nth-child(2) td button:has-text("B")');
    const term = `group=${filter.quote(first)}`;
    assert.equal(await page.inputValue('#query'), `${term} recording:B`);
    await found(page, B.reqs.filter((r) => groupOf(B, r) === first).length);
    await check((w, r) => w === B && groupOf(w, r) === first);
    await page.click('#view-groups tbody tr td button:has-text("B")');
    assert.equal(await page.inputValue('#query'), '');
    await found(page, A.reqs.length + B.reqs.length);
    await page.fill('#query', 'blocked>5ms');
    const slow = (w, r) => ledgerOf(r, 'blocked') > 5e6;
    await found(page, sum(worlds.map((w) => w.reqs.filter((r) => slow(w, r)).length)));
    await check(slow);
});

pageTest('latency: two distributions on one scale, percentiles and bands of each', { width: 2600 }, async (page) => {
    await tab(page, 'latency');
    compareLines(await linesOf(page, 'latency'), worlds.map((w) => figures(answered(w))), KEYS);
    const bins = await page.$$eval('#view-latency .bins', (all) => all.map((box) => [box.getAttribute('aria-label'), [...box.children].map((b) => [b.getAttribute('aria-label'), b.style.left, b.style.top])]));
    assert.deepEqual(bins.map(([label]) => label.slice(0, 25)), ['Histogram of latency of A', 'Histogram of latency of B']);
    worlds.forEach((w, i) => {
        const counts = bins[i][1].map(([label]) => Number(label.match(/: ([\d,]+) request/)[1].replace(/,/g, '')));
        assert.equal(sum(counts), answered(w).length);
        for (const [label] of bins[i][1]) assert.ok(label.startsWith(`${'AB'[i]} · `), label);
    });
    const place = (i, start) => bins[i][1].find(([label]) => label.slice(4).startsWith(start));
    const shared = bins[0][1].map(([label]) => label.slice(4).split(':')[0]).find((s) => place(1, s));
    assert.equal(place(0, shared)[1], place(1, shared)[1], 'the same latency stands in the same column');
    assert.notEqual(place(0, shared)[2], place(1, shared)[2]);
    /* each one's bands hold its own requests */
    const bands = await linesOf(page, 'latency', 1);
    worlds.forEach((w, i) => {
        const mine = bands.filter((l) => l.recording === 'AB'[i]);
        const lat = answered(w).map(latencyOf).sort(byValue);
        assert.equal(sum(mine.map((l) => Number(l.n))), lat.length);
        assert.deepEqual([mine[0].from, mine[0].to], [lat[0], percentile(lat, 0.5)]);
        assert.equal(mine[mine.length - 1].to, lat[lat.length - 1]);
    });
    const said = await page.$$eval('#view-latency .answer', (all) => all.map((p) => p.textContent));
    worlds.forEach((w, i) => {
        const lat = answered(w).map(latencyOf);
        const above = percentile(lat, lat.length >= 100 ? 0.9 : 0.5);
        assert.match(said[i], new RegExp(`^${'AB'[i]}The slow.* \\(${lat.filter((v) => v > above).length} above`));
    });
    /* a bar finds its requests, by key as by hand, and all come back */
    await page.focus('#view-latency .bins:nth-of-type(2) button');
    const label = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    await page.keyboard.press('Enter');
    assert.match(await page.inputValue('#query'), /^dur>=\S+ dur<\S+ recording:B$/);
    await found(page, B.reqs.filter((r) => inBin(r, label)).length);
    assert.deepEqual((await linesOf(page, 'latency')).map((l) => l.recording), ['B']);
    await page.click('#view-latency button:has-text("← all of both")');
    assert.equal(await page.inputValue('#query'), '');
});

/** Is the latency of a request as a bin's label says it? Edges have three digits, as the label has. */
function inBin(r, label) {
    const [, lo, u0, hi, u1] = label.match(/([\d.]+) (ns|µs|ms|s) to ([\d.]+) (ns|µs|ms|s)/);
    const unit = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 };
    return latencyOf(r) >= Math.round(lo * unit[u0]) && latencyOf(r) < Math.round(hi * unit[u1]);
}

pageTest('waits: sums of A and of B, never of both; in view, and of the filtered', { width: 2000 }, async (page) => {
    await tab(page, 'waits');
    const check = async (want) => {
        const lines = await linesOf(page, 'waits');
        for (const [i, w] of want.entries()) {
            const mine = lines.filter((l) => l.recording === 'AB'[i]);
            assert.deepEqual(new Set(mine.map((l) => `${l.state} ${l.call.replace(/^–$/, '')} ${l.object.replace(/^–$/, '')}`)), new Set(w.keys()));
            for (const l of mine) {
                const [count, ns, p99] = figuresOf(w.get(`${l.state} ${l.call.replace(/^–$/, '')} ${l.object.replace(/^–$/, '')}`));
                assert.deepEqual([l.count, l.ns, l.p99], [String(count), ns, p99]);
            }
        }
        for (const l of lines.filter((x) => x.recording === 'change')) {
            const key = `${l.state} ${l.call.replace(/^–$/, '')} ${l.object.replace(/^–$/, '')}`;
            assert.equal(l.ns, sum(want[1].get(key)) - sum(want[0].get(key)));
        }
        return lines;
    };
    const lines = await check(worlds.map((w) => waitsOf(w)));
    for (const l of lines.filter((x) => x.recording !== 'change')) assert.equal(l.each, Math.round(l.ns / worlds['AB'.indexOf(l.recording)].reqs.length));
    const all = worlds.map((w) => sum([...waitsOf(w).values()].flat()));
    const exact = await page.evaluate((list) => list.map((ns) => globalThis.waitscope.format.exact(ns)), all);
    assert.match(await page.textContent('#view-waits .above'), new RegExp(`A ${exact[0]}, B ${exact[1]} in all`));
    /* the longest is where its link leads: in B, a thread of B */
    const row = await page.$$eval('#view-waits tbody tr', (rows) => rows.findIndex((tr) => tr.querySelector('.badge') && tr.querySelector('.badge').textContent === 'B'));
    await page.click(`#view-waits tbody tr:nth-child(${row + 1}) td:last-child button`);
    assert.ok((await page.evaluate(() => globalThis.waitscope.app.selection.thread)) >= A.threads.length);
    await page.keyboard.press('Escape');
    /* in view; B moved on moves out of it */
    await page.check('#in-view');
    await page.evaluate(() => globalThis.waitscope.app.setView({ t0: 1e7, t1: 6e7 }));
    await page.waitForTimeout(300);
    await settled(page);
    assert.equal((await check(worlds.map((w) => waitsOf(w, 1e7, 6e7))))[0].each, undefined);
    await page.fill('#later', '20');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => globalThis.waitscope.app.model.header.recordings[1].shift === 2e7);
    await page.evaluate(() => globalThis.waitscope.app.setView({ t0: 1e7, t1: 6e7 }));
    await page.waitForTimeout(400);
    await settled(page);
    await check([waitsOf(A, 1e7, 6e7), waitsOf(B, -1e7, 4e7)]);
});

pageTest('in a low window both distributions are still in sight', {}, async (page) => {
    for (const [width, height] of [[1440, 900], [1280, 720], [1920, 1200]]) {
        await page.setViewportSize({ width, height });
        await tab(page, 'latency');
        await page.waitForTimeout(200);
        await settled(page);
        const [box, buttons] = await page.evaluate(() => {
            const r = (e) => e.getBoundingClientRect();
            return [r(document.getElementById('view-latency')).bottom, [...document.querySelectorAll('#view-latency .bins')].map((b) => r(b.firstElementChild).bottom)];
        });
        assert.equal(buttons.length, 2);
        assert.ok(buttons[1] <= box, `${width} × ${height}: B ends ${buttons[1] - box} below the panel`);
        const { high, sides } = await page.evaluate(() => ({ high: document.querySelector('#view-latency canvas').clientHeight, sides: 2 * document.querySelector('#view-latency .bins button').clientHeight }));
        assert.ok(high >= sides, 'a button for each bar, no higher than its picture');
    }
});

for (const scheme of ['light', 'dark'])
    pageTest(`the tabs of two break no rule of accessibility, ${scheme}`, { scheme }, async (page) => {
        for (const key of ['groups', 'latency', 'waits']) {
            await tab(page, key);
            assert.deepEqual(await violations(page), [], key);
        }
    });

test('p99.9 is the nearest rank, however many there are', () => {
    for (const n of [1, 999, 1000, 1001, 41000, 82000, 164000]) {
        const sorted = Float64Array.from({ length: n }, (_, i) => i + 1);
        /* the least rank of which at least 999 of 1000 are no longer */
        assert.equal(diff.percentile({ complete: n, sorted }, 99.9), Math.max(Math.ceil(n - n / 1000), 1), String(n));
    }
});

test('two waits of one name in one recording are two lines, and neither is lost', () => {
    const m = { objects: { n: 2, kind: [1, 1], name: [0, 0] }, strings: ['/a'], header: { object_kinds: ['unknown', 'file'] } };
    const wait = (object, ns) => ({ state: 3, idle: false, call: 'read', object, ns });
    const rows = stats.beside(m, [[wait(1, 5), wait(2, 7)], [wait(1, 3)]]);
    assert.deepEqual(rows.map((r) => [r.a && r.a.ns, r.b && r.b.ns]), [[5, 3], [7, null]]);
});
