/* The page in a real browser, from file://, by real events. BUILD names the build folder. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';
import { compare } from './check-report.mjs';
import { cellNs, drop, open, readTable, ready, settled, VIEWER, violations } from './browser.mjs';
import { elements, LEDGER, page as reportPage, text, world } from './make.mjs';
import { browser, bundle, bundled, dir, pages, reportOf } from './suite.mjs';

const w = world({ requests: 150 });
const json = text(elements(w));
const report = reportOf('report', elements(w));
const pageTest = pages(report);

const view = (page) => page.evaluate(() => globalThis.waitscope.app.view);
const selection = (page) => page.evaluate(() => globalThis.waitscope.app.selection);
const latencyOf = (r) => r.segs.reduce((a, s) => a + s.dt, 0);
const near = (a, b, by) => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b} ± ${by}`);

/** The view that has the threads at its top. */
async function threadsAlone(page) {
    await page.keyboard.press('v');
    await page.keyboard.press('v');
    await settled(page);
}

/** Where a thread's lane stands on the screen, brought there if need be, and pixels to time. */
async function laneBox(page, thread) {
    return page.evaluate((t) => {
        const a = globalThis.waitscope.app;
        const lane = a.lanes.lanes.find((l) => l.thread === t);
        const box = document.getElementById('lanes');
        if (lane.y < box.scrollTop || lane.y + 80 > box.scrollTop + box.clientHeight) box.scrollTop = lane.y - 40;
        const r = box.getBoundingClientRect();
        const left = box.clientWidth < 620 ? 96 : 184;
        return { x: r.left + left, y: r.top + 26 + lane.y - box.scrollTop + lane.h / 2, w: box.clientWidth - left, h: lane.h, top: r.top, bottom: r.top + box.clientHeight };
    }, thread);
}

/* ---- figures */

pageTest('a report shows every request with the figures of its data, to the nanosecond', { height: 2000 }, async (page) => {
    const rows = await readTable(page);
    assert.equal(rows.length, w.reqs.length);
    const byId = new Map(w.reqs.map((r) => [r.id, r]));
    for (const { cells } of rows) {
        const r = byId.get(Number(cells.id.text));
        assert.equal(cells.name.text, w.strings[r.name]);
        assert.equal(cells.dur.ns, latencyOf(r));
        assert.equal(cells.start.ns, r.start);
        LEDGER.forEach((key, k) => {
            const ns = r.segs.reduce((a, s) => a + (s.key === k ? s.dt : 0), 0);
            assert.equal(cells[key].ns, ns);
            near(cellNs(cells[key].text), ns, 500);
        });
    }
});

pageTest('the table begins with the most blocked and sorts by every column, both ways', { height: 2400, width: 2600, file: reportOf('small', elements(world({ requests: 14 }))) }, async (page) => {
    let rows = await readTable(page);
    const falls = (list) => list.every((v, i) => i === 0 || list[i - 1] >= v);
    const value = (c) => (c.ns !== null ? c.ns : /^[\d,.]+( [kMG]?B)?$/.test(c.text) ? null : c.text);
    assert.ok(falls(rows.map((r) => r.cells.blocked.ns)));
    for (const key of Object.keys(rows[0].cells)) {
        if (key === 'bar') continue;
        const button = page.locator(`#grid .head [data-key="${key}"] button`);
        for (let i = 0; i < 2; i++) {
            await button.click();
            await settled(page);
            const order = await page.getAttribute(`#grid .head [data-key="${key}"]`, 'aria-sort');
            rows = await readTable(page);
            const list = rows.map((r) => value(r.cells[key]));
            if (list.some((v) => v === null)) continue;
            assert.ok(falls(order === 'descending' ? list : [...list].reverse()), `${key} ${order}`);
        }
    }
});

test('the page of the program shows what its report for machines says', async () => {
    const gen = path.join(process.env.BUILD || '', 'tests/bench/gen_timeline');
    assert.ok(process.env.BUILD && fs.existsSync(gen), `${gen} is not built: make test-viewer builds it`);
    const html = path.join(dir, 'gen.html');
    const run = spawnSync(gen, ['--intervals', '9000', '--requests', '400', '--seed', '5', '--report-json', html], { encoding: 'utf8', maxBuffer: 1 << 28 });
    assert.equal(run.status, 0, run.stderr);
    const from = run.stdout.indexOf('{"format"');
    const wrong = await compare(browser, html, JSON.parse(run.stdout.slice(from, run.stdout.lastIndexOf('}') + 1)));
    assert.deepEqual(wrong, []);
});

pageTest('the check of a page against a report finds what differs', { bare: true }, async () => {
    const gen = path.join(process.env.BUILD || '', 'tests/bench/gen_timeline');
    const html = path.join(dir, 'differs.html');
    const run = spawnSync(gen, ['--intervals', '2000', '--requests', '40', '--report-json', html], { encoding: 'utf8', maxBuffer: 1 << 28 });
    const data = JSON.parse(run.stdout.slice(run.stdout.indexOf('{"format"'), run.stdout.lastIndexOf('}') + 1));
    data.requests[7].ledger_ns.blocked += 1;
    data.requests[9].name += 'x';
    data.requests.push({ ...data.requests[0], id: 999999 });
    const wrong = (await compare(browser, html, data)).join('\n');
    for (const what of [/request 8, blocked/, /request 10, name/, /request 999999 is not in the table/, /requests: the page has/]) assert.match(wrong, what);
});

/* ---- opening */

pageTest('index.html opens as it is and takes a dropped .json', { file: path.join(VIEWER, 'index.html'), beside: true, bare: true }, async (page) => {
    assert.ok(await page.isVisible('#welcome'));
    assert.ok(await page.isHidden('#app'));
    await drop(page, 'shop.json', json);
    assert.equal(await ready(page), 'yes');
    assert.ok(await page.isHidden('#welcome'));
    assert.match(await page.textContent('#facts'), /shop\.json.*shop --workers 8.*14 threads.*300 requests/);
    assert.equal(await page.textContent('#found'), '300 requests');
});

pageTest('a file can be picked, and another dropped over it at any time', { file: bundled, bare: true }, async (page) => {
    const file = path.join(dir, 'picked.json.gz');
    fs.writeFileSync(file, zlib.gzipSync(json));
    await page.setInputFiles('#file', file);
    assert.equal(await ready(page), 'yes');
    await page.click('#grid .body .row');
    const other = world({ requests: 20, seed: 3 });
    await drop(page, 'other.json.gz', zlib.gzipSync(text(elements(other))));
    assert.equal(await ready(page), 'yes');
    assert.equal((await readTable(page)).length, other.reqs.length);
    assert.equal(await selection(page), null);
});

pageTest('where a browser gives no worker the page reads all the same', { file: bundled, bare: true, before: () => delete globalThis.Worker }, async (page) => {
    await drop(page, 'shop.json.gz', zlib.gzipSync(json));
    assert.equal(await ready(page), 'yes');
    assert.equal(await page.textContent('#found'), '300 requests');
});

pageTest('what is no timeline leaves the one that is open', {}, async (page) => {
    await drop(page, 'notes.txt', 'nothing of the kind');
    assert.equal(await ready(page), 'refused');
    assert.match(await page.textContent('#notices'), /no waitscope timeline/);
    assert.ok(await page.isVisible('#grid .body .row'));
    await page.click('#notices button');
    assert.equal(await page.textContent('#notices'), '');
});

for (const [name, bytes, why] of [
    ['empty', '', /empty/],
    ['capture', 'waitscop\x01\x02', /capture.*waitscope convert/],
    ['newer', '[{"format":"waitscope-timeline","version":[3,1]}\n]\n', /version 3\.1/],
    ['report', '{"format":"waitscope-report","version":[1,0]}', /report --json/],
])
    pageTest(`a dropped file that is ${name} gets a sentence`, { file: bundled, bare: true }, async (page) => {
        await drop(page, 'x', bytes);
        assert.equal(await ready(page), 'refused');
        assert.match(await page.textContent('#notices'), why);
        assert.ok(await page.isVisible('#welcome'));
    });

pageTest('a file that was cut shows what could be read, and says so', { file: bundled, bare: true }, async (page) => {
    const head = json.indexOf('\n') + 1;
    for (const share of [0.02, 0.3, 0.6, 0.99]) {
        await drop(page, 'cut.json', json.slice(0, head + Math.floor((json.length - head) * share)));
        assert.equal(await ready(page), 'yes');
        assert.match(await page.textContent('#notices'), /ends early.*What could be read is shown/s);
    }
    assert.ok(await page.isVisible('#grid .body .row'));
    const packed = zlib.gzipSync(json);
    await drop(page, 'cut.json.gz', packed.subarray(0, packed.length * 0.8));
    assert.equal(await ready(page), 'yes');
    assert.match(await page.textContent('#notices'), /compressed data is damaged or cut/);
    await drop(page, 'stump.json', json.slice(0, 500));
    assert.equal(await ready(page), 'refused');
    assert.match(await page.textContent('#notices'), /cut within its first line/);
});

test('a report whose data is damaged says so', async () => {
    const good = reportPage(bundle, json);
    const at = good.indexOf('id="waitscope-data">') + 20;
    for (const [name, data] of [['cut', good.slice(at, at + 40000)], ['none', ''], ['junk', '%%%% no base64 %%%%'], ['flipped', good.slice(at, at + 30000) + 'AAAA' + good.slice(at + 30004, good.indexOf('</script>', at))]]) {
        const file = path.join(dir, `damaged-${name}.html`);
        fs.writeFileSync(file, good.slice(0, at) + data + good.slice(good.indexOf('</script>', at)));
        const { page, sins, context } = await open(browser, file);
        if (name === 'none') assert.ok(await page.isVisible('#welcome'));
        else {
            await ready(page);
            assert.match(await page.textContent('#notices'), /damaged|no waitscope timeline|empty/);
        }
        assert.deepEqual(sins, []);
        await context.close();
    }
});

/* ---- what is said */

pageTest('verdict, host and command stand at the top', {}, async (page) => {
    const said = await page.textContent('#verdict');
    for (const t of elements(w)[0].processes.flatMap((p) => p.verdict.text)) assert.ok(said.includes(t), t);
    assert.match(said, /shop 4711.*blocking.*gateway 5800.*non-blocking/s);
});

const KEPT = { recorded_ns: 7.2e12, asked_ns: 30e9, max_bytes: 8388608, full: true, forgotten: 1700 };
pageTest('a flight recorder’s window is said to be one, and that its memory was used up', { file: reportOf('window', elements(w, { window: KEPT })) }, async (page) => {
    assert.match(await page.textContent('#facts'), / · the last [\d.]+ m?s of 120 min 0 s · /);
    const said = await page.textContent('#notices');
    assert.match(said, /The last 30\.0 s were to be kept, and did not fit into 8\.39 MB of memory/);
    assert.match(said, /1,700 files and connections have no name, and requests on them may be missing: 8\.39 MB of memory held no more/);
});

pageTest('a window that holds all of its recording is a recording', { file: reportOf('all', elements(w, { window: { ...KEPT, recorded_ns: w.end, full: false, forgotten: 0 } })) }, async (page) => {
    assert.doesNotMatch(await page.textContent('#facts'), /the last/);
    assert.equal(await page.textContent('#notices'), '');
});

pageTest('losses, damage and an early end are said', {
    file: reportOf('lossy', elements(w, {
        complete: false, damage: 'the file ends in the middle of a block',
        lost: { records: 46, windows: [{ start: 5e7, end: 9e7, count: 12, kind: 'wait' }, { start: 2e8, end: 2.00001e8, count: 34, kind: 'recv' }] },
    })),
}, async (page) => {
    const said = await page.textContent('#notices');
    assert.match(said, /ends in the middle of a block/);
    assert.match(said, /46 records were lost/);
    assert.match(said, /12 wait records lost between 50.0 ms and 90.0 ms/);
    const b = await laneBox(page, 0);
    await page.mouse.move(b.x + (7e7 / w.end) * b.w, b.y);
    assert.match(await page.textContent('#tip'), /12 wait records lost/);
});

pageTest('the legend explains every word', {}, async (page) => {
    const said = await page.textContent('#legend');
    for (const word of ['running', 'runnable', 'blocked', 'yielded', 'lock', 'sleep', 'fault', 'other', 'unknown', 'idle', 'queued', 'awaiting', 'loop busy', 'unattributed', 'exact', 'inferred', 'ambiguous'])
        assert.ok(said.includes(word), word);
    assert.match(said, /waiter who takes an order/);
});

/* ---- keys */

pageTest('W, S, A, D, the arrows, plus, minus and 0 move the window', {}, async (page) => {
    const span = (v) => v.t1 - v.t0;
    const full = await view(page);
    const press = async (key) => {
        const a = await view(page);
        await page.keyboard.press(key);
        await settled(page);
        return [a, await view(page)];
    };
    let [a, b] = await press('w');
    assert.ok(span(b) < span(a));
    near(a.t0 + a.t1, b.t0 + b.t1, 2);
    [a, b] = await press('+');
    near(span(b), span(a) / 2, 1);
    for (const [key, sign] of [['d', 1], ['ArrowRight', 1], ['a', -1], ['ArrowLeft', -1]]) {
        [a, b] = await press(key);
        near((b.t0 - a.t0) * sign, span(a) * 0.15, 2);
        near(span(a), span(b), 1);
    }
    [a, b] = await press('s');
    near(span(b), span(a) / 0.7, 1);
    [a, b] = await press('-');
    assert.ok(span(b) > span(a));
    await press('w');
    [a, b] = await press('0');
    assert.deepEqual(b, full);
    [a, b] = await press('a');
    assert.deepEqual(b, full);
});

pageTest('WASD go by the place of the key, not by its letter', {}, async (page) => {
    const a = await view(page);
    await page.evaluate(() => document.body.dispatchEvent(new KeyboardEvent('keydown', { code: 'KeyW', key: 'ц', bubbles: true })));
    const b = await view(page);
    assert.ok(b.t1 - b.t0 < a.t1 - a.t0);
    await page.keyboard.press('Control+s');
    assert.deepEqual(await view(page), b);
});

pageTest('up and down go through the lanes, comma and full stop through one, Enter and F open it', {}, async (page) => {
    await page.focus('#lanes');
    await threadsAlone(page);
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
    assert.match(await page.textContent('#live'), /thread shop-worker 4711.*blocked/);
    await page.keyboard.press('Enter');
    const one = await selection(page);
    assert.equal(one.kind, 'interval');
    assert.equal(one.thread, 0);
    await page.keyboard.press('.');
    assert.equal((await selection(page)).index, one.index + 1);
    await page.keyboard.press(',');
    await page.keyboard.press(',');
    assert.equal((await selection(page)).index, one.index - 1);
    await page.keyboard.press('f');
    const v = await view(page);
    const t = w.threads[0];
    const at = t.iv.slice(0, one.index - 1).reduce((a, iv) => a + iv.dt, 0);
    assert.ok(v.t0 <= at && v.t1 >= at + t.iv[one.index - 1].dt);
    assert.ok(v.t1 - v.t0 < 2 * t.iv[one.index - 1].dt + 1000);
    assert.ok(await page.isVisible('#details'));
    await page.keyboard.press('Escape');
    assert.equal(await selection(page), null);
    /* a group folds and unfolds */
    for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowUp');
    const lanes = () => page.evaluate(() => globalThis.waitscope.app.lanes.lanes.length);
    const n = await lanes();
    await page.keyboard.press('Enter');
    assert.ok((await lanes()) < n);
    await page.keyboard.press('Enter');
    assert.equal(await lanes(), n);
});

pageTest('a request is stepped through by keyboard too', {}, async (page) => {
    await page.focus('#lanes');
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
    const lane = await page.textContent('#live');
    assert.match(lane, /requests, row 1/);
    await page.keyboard.press('Enter');
    const a = await selection(page);
    assert.equal(a.kind, 'request');
    await page.keyboard.press('.');
    const b = await selection(page);
    assert.equal(b.kind, 'request');
    assert.ok(w.reqs[b.request].start >= w.reqs[a.request].start + latencyOf(w.reqs[a.request]));
    await page.keyboard.press(',');
    assert.deepEqual(await selection(page), a);
});

pageTest('? lists the keys, Esc and the button close the list', {}, async (page) => {
    await page.keyboard.press('?');
    assert.ok(await page.isVisible('#keys'));
    const said = await page.textContent('#keys');
    for (const k of ['W', 'Ctrl + wheel', 'Esc', 'blocked>5ms']) assert.ok(said.includes(k), k);
    const a = await view(page);
    await page.keyboard.press('w');
    assert.deepEqual(await view(page), a);
    await page.keyboard.press('Escape');
    assert.ok(await page.isHidden('#keys'));
    await page.click('#help');
    await page.click('#keys-close');
    assert.ok(await page.isHidden('#keys'));
});

pageTest('/ leads to the search box; typing filters table and picture; Esc clears and leaves', {}, async (page) => {
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'query');
    await page.keyboard.type('wsad0', { delay: 5 });
    assert.equal(await page.inputValue('#query'), 'wsad0');
    const want = {
        'blocked>5ms': (r) => r.segs.reduce((a, s) => a + (s.key === 3 ? s.dt : 0), 0) > 5e6,
        'dur>20ms': (r) => latencyOf(r) > 20e6,
        'name:/cart': (r) => w.strings[r.name].includes('/cart'),
        '/cart blocked>1ms': (r) => w.strings[r.name].includes('/cart') && r.segs.reduce((a, s) => a + (s.key === 3 ? s.dt : 0), 0) > 1e6,
        'status:500': (r) => r.status === 500,
        '-process:shop': (r) => r.process === 1,
        'tid:5800 dur>0': () => false,
        'pid:5800': (r) => r.process === 1,
        'nosuchthing': () => false,
    };
    for (const [query, fits] of Object.entries(want)) {
        await page.fill('#query', query);
        await page.waitForTimeout(200);
        await settled(page);
        const ids = query.startsWith('tid') ? null : w.reqs.filter(fits).map((r) => r.id);
        if (!ids) continue;
        assert.equal(await page.textContent('#found'), `${ids.length} of ${w.reqs.length} requests`, query);
        if (ids.length === 0) assert.match(await page.textContent('#requests .empty'), /No request fits/);
        else assert.deepEqual((await readTable(page)).map((r) => Number(r.cells.id.text)).sort((a, b) => a - b), ids);
        const drawn = await page.evaluate(() => Array.from(globalThis.waitscope.app.model.pack.rowOf).filter((r) => r !== 0xffffffff).length);
        assert.equal(drawn, ids.length);
    }
    await page.fill('#query', 'blocked>soon');
    await page.waitForTimeout(200);
    assert.match(await page.textContent('#found'), /wants a time/);
    assert.equal(await page.getAttribute('#query', 'aria-invalid'), 'true');
    await page.focus('#query');
    await page.keyboard.press('Escape');
    await page.waitForTimeout(200);
    assert.equal(await page.inputValue('#query'), '');
    assert.equal(await page.textContent('#found'), `${w.reqs.length} requests`);
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'lanes');
});

pageTest('the table goes by keyboard: arrows, pages, Home, End, Enter', {}, async (page) => {
    await page.focus('#grid');
    const active = () => page.evaluate(() => Number(document.querySelector('#grid .row.active').dataset.at));
    await page.keyboard.press('ArrowDown');
    await settled(page);
    assert.equal(await active(), 1);
    await page.keyboard.press('End');
    await settled(page);
    assert.equal(await active(), w.reqs.length - 1);
    assert.ok(await page.isVisible(`#grid .row[data-at="${w.reqs.length - 1}"]`));
    await page.keyboard.press('PageUp');
    await settled(page);
    assert.ok((await active()) < w.reqs.length - 3);
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    await settled(page);
    const s = await selection(page);
    const worst = w.reqs.reduce((a, r) => Math.max(a, r.segs.reduce((x, g) => x + (g.key === 3 ? g.dt : 0), 0)), 0);
    assert.equal(s.kind, 'request');
    assert.equal(w.reqs[s.request].segs.reduce((x, g) => x + (g.key === 3 ? g.dt : 0), 0), worst);
    assert.equal(await page.getAttribute('#grid', 'aria-activedescendant'), await page.getAttribute('#grid .row.active', 'id'));
});

pageTest('everything can be reached with Tab, and the focus is seen', {}, async (page) => {
    const seen = new Set();
    for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Tab');
        const f = await page.evaluate(() => {
            const e = document.activeElement;
            const s = getComputedStyle(e);
            return { id: e.id || e.textContent.slice(0, 20), outline: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2, body: e === document.body };
        });
        if (f.body) break;
        assert.ok(f.outline, `no focus ring on ${f.id}`);
        seen.add(f.id);
    }
    for (const id of ['open', 'theme', 'help', 'verdict', 'zoom-in', 'zoom-out', 'zoom-all', 'query', 'lanes', 'split', 'grid', 'tab-legend', 'legend']) assert.ok(seen.has(id), `${id} is not reached`);
});

/* ---- pointer */

pageTest('ctrl+wheel zooms at the pointer', {}, async (page) => {
    const b = await laneBox(page, 2);
    const x = Math.round(b.x + b.w * 0.3);
    await page.mouse.move(x, b.y);
    const timeAt = async () => {
        const v = await view(page);
        return v.t0 + ((x - b.x) / b.w) * (v.t1 - v.t0);
    };
    const before2 = await timeAt();
    await page.keyboard.down('Control');
    for (let i = 0; i < 6; i++) await page.mouse.wheel(0, -120);
    await page.keyboard.up('Control');
    await settled(page);
    const v = await view(page);
    assert.ok(v.t1 - v.t0 < w.end / 4);
    near(await timeAt(), before2, (v.t1 - v.t0) / b.w);
});

pageTest('the wheel scrolls the lanes, shift+wheel pans', { height: 700 }, async (page) => {
    const b = await laneBox(page, 1);
    await page.keyboard.press('+');
    await page.mouse.move(b.x + 300, b.y);
    const a = await view(page);
    await page.mouse.wheel(0, 100);
    await page.waitForTimeout(150);
    assert.ok((await page.evaluate(() => document.getElementById('lanes').scrollTop)) > 20);
    assert.deepEqual(await view(page), a);
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, 200);
    await page.keyboard.up('Shift');
    await settled(page);
    const c = await view(page);
    assert.ok(c.t0 > a.t0);
    near(c.t1 - c.t0, a.t1 - a.t0, 1);
});

pageTest('dragging selects an area, with the exact time per state of what is in it', {}, async (page) => {
    const [p, q] = [await laneBox(page, 1), await laneBox(page, 3)];
    await page.mouse.move(p.x + 200, p.y);
    await page.mouse.down();
    await page.mouse.move(p.x + 350, q.y - 4, { steps: 3 });
    await page.mouse.move(p.x + 400, q.y, { steps: 3 });
    await page.mouse.up();
    await settled(page);
    const s = await selection(page);
    assert.equal(s.kind, 'area');
    assert.deepEqual(s.lanes, ['t1', 't2', 't3']);
    near(s.t0, (200 / p.w) * w.end, w.end / p.w);
    near(s.t1, (400 / p.w) * w.end, w.end / p.w);
    const want = {};
    for (const i of [1, 2, 3]) {
        let at = 0;
        for (const iv of w.threads[i].iv) {
            const ns = Math.min(s.t1, at + iv.dt) - Math.max(s.t0, at);
            const key = iv.flags & 1 ? 'idle' : ['running', 'runnable', 'blocked', 'yielded', 'lock', 'sleep', 'fault', 'other', 'unknown'][iv.state];
            if (ns > 0) want[key] = (want[key] || 0) + ns;
            at += iv.dt;
        }
    }
    const got = await page.evaluate(() => Object.fromEntries([...document.querySelectorAll('.thread-totals tbody tr:not(.each)')].map((tr) => [tr.cells[0].textContent, Number(tr.querySelector('.num').dataset.ns)])));
    const sum = got.together;
    delete got.together;
    assert.deepEqual(got, want);
    assert.equal(sum, 3 * (s.t1 - s.t0));
    await page.waitForSelector('.top-waits td');
    assert.match(await page.textContent('.top-waits'), /recvfrom 10\.0\.0\.9:5432/);
    await page.keyboard.press('Escape');
    assert.equal(await selection(page), null);
});

pageTest('shift+drag pans and selects nothing', {}, async (page) => {
    await page.keyboard.press('+');
    await page.keyboard.press('+');
    const b = await laneBox(page, 1);
    const a = await view(page);
    await page.keyboard.down('Shift');
    await page.mouse.move(b.x + 400, b.y);
    await page.mouse.down();
    await page.mouse.move(b.x + 250, b.y, { steps: 4 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await settled(page);
    const c = await view(page);
    near(c.t0 - a.t0, (150 / b.w) * (a.t1 - a.t0), ((a.t1 - a.t0) / b.w) * 2);
    assert.equal(await selection(page), null);
});

pageTest('hovering tells state, call, object and request; a narrow place its shares', {}, async (page) => {
    const i = w.threads[2].iv.findIndex((iv) => iv.state === 2 && !(iv.flags & 1) && iv.dt > 12e6);
    const at = w.threads[2].iv.slice(0, i).reduce((a, iv) => a + iv.dt, 0) + w.threads[2].iv[i].dt / 2;
    const b = await laneBox(page, 2);
    await page.mouse.move(b.x + (at / w.end) * b.w, b.y);
    const said = await page.textContent('#tip');
    assert.match(said, /blocked for/);
    assert.match(said, /recvfrom · 10\.0\.0\.9:5432/);
    assert.match(said, /for GET \//);
    assert.match(said, /shop-worker/);
    let mixed = '';
    for (let x = 5; x < b.w && !/within/.test(mixed); x += 7) {
        await page.mouse.move(b.x + x, b.y);
        mixed = await page.textContent('#tip');
    }
    assert.match(mixed, /within .* here:.*%/s);
    await page.mouse.move(5, 5);
    assert.ok(await page.isHidden('#tip'));
});

pageTest('a click opens the interval: state, call, object, descriptor, times, waker, request', {}, async (page) => {
    const thread = 3;
    const iv = w.threads[thread].iv.map((x, i) => ({ ...x, i })).find((x) => x.state === 2 && !(x.flags & 1) && x.flags === 0 && x.dt > 14e6 && x.call === w.calls.recvfrom);
    const at = w.threads[thread].iv.slice(0, iv.i).reduce((a, x) => a + x.dt, 0);
    const b = await laneBox(page, thread);
    await page.mouse.click(b.x + ((at + iv.dt / 2) / w.end) * b.w, b.y);
    await settled(page);
    assert.deepEqual(await selection(page), { kind: 'interval', thread, index: iv.i });
    const fact = (name) => page.locator('#details .facts').first().locator(`dt:text-is("${name}") + dd`);
    assert.equal(await fact('call').textContent(), 'recvfrom');
    assert.match(await fact('object').textContent(), /10\.0\.0\.9:5432.*connected.*10\.0\.0\.5:51234/);
    assert.equal(await fact('descriptor').textContent(), '7');
    assert.equal(await fact('duration').locator('.num').getAttribute('data-ns'), String(iv.dt));
    assert.equal(await fact('wake-up delay').locator('.num').getAttribute('data-ns'), String(w.threads[thread].iv[iv.i + 1].dt));
    assert.match(await fact('woken by').textContent(), /thread 99, not recorded/);
    const owner = w.reqs.find((r) => r.process === 0 && r.start <= at && r.start + latencyOf(r) >= at + iv.dt && r.segs.some((s) => s.thread === thread + 1));
    assert.match(await page.textContent('#details'), /On behalf of/);
    await page.click(`#details button.link:text-is("${w.strings[owner.name]}")`);
    await settled(page);
    assert.deepEqual(await selection(page), { kind: 'request', request: owner.id - 1 });
});

pageTest('a row of the table opens the request: ledger, grades, waits, threads, each a way on', {}, async (page) => {
    await page.click('#grid .body .row[data-at="0"]');
    await settled(page);
    const s = await selection(page);
    const r = w.reqs[s.request];
    const tables = await page.evaluate(() => [...document.querySelectorAll('#details table')].map((t) => [...t.tBodies[0].rows].map((tr) => [tr.cells[0].textContent, ...[...tr.querySelectorAll('[data-ns]')].map((e) => Number(e.dataset.ns))])));
    const ledger = Object.fromEntries(tables[0]);
    assert.equal(ledger.latency, latencyOf(r));
    LEDGER.forEach((key, k) => {
        const ns = r.segs.reduce((a, x) => a + (x.key === k ? x.dt : 0), 0);
        assert.equal(ledger[key === 'loop_busy' ? 'loop busy' : key] || 0, ns);
    });
    assert.equal(tables[1].reduce((a, g) => a + g[1], 0), latencyOf(r), 'grades');
    const waits = r.segs.filter((x) => x.key !== 1 && x.key !== 2).map((x) => x.dt);
    assert.deepEqual(tables[2].map((x) => x[1]), waits, 'waits in order');
    assert.equal(tables[3].reduce((a, x) => a + x[1], 0), r.segs.filter((x) => x.key >= 1 && x.key <= 7).reduce((a, x) => a + x.dt, 0), 'threads');
    assert.equal(await page.getAttribute('#grid .body .row[data-at="0"]', 'aria-selected'), 'true');
    const v = await view(page);
    assert.ok(v.t0 <= r.start && v.t1 >= r.start + latencyOf(r), 'it is in the picture');
    await page.click('#details .waits button.link');
    await settled(page);
    assert.equal((await selection(page)).kind, 'interval');
    await page.click('#details .facts button.link');
    await settled(page);
    assert.equal((await selection(page)).kind, 'thread');
});

pageTest('a request’s awaiting says whom it asked', {}, async (page) => {
    const r = w.asks[0].request;
    await page.evaluate((i) => globalThis.waitscope.app.select({ kind: 'request', request: i }, true), r.id - 1);
    await settled(page);
    const rows = await page.$$eval('#details table.waits tr', (all) => all.map((e) => e.textContent).filter((s) => s.includes('awaiting')));
    assert.equal(rows.length, 2);
    assert.match(rows[0], /awaiting10\.0\.0\.8:9200/);
    assert.match(rows[1], /awaiting10\.0\.0\.9:5432/);
});

pageTest('what held the event loop names those who waited', {}, async (page) => {
    const h = w.holds.find((x) => x.victims.length > 0);
    assert.ok(h);
    await page.evaluate((r) => globalThis.waitscope.app.select({ kind: 'request', request: r }, true), h.request.id - 1);
    await settled(page);
    const said = await page.textContent('#details');
    assert.match(said, /The event loop was held for/);
    assert.match(said, /blocked read \/var\/lib\/shop/);
    for (const v of h.victims) assert.ok(said.includes(w.strings[v.name]), w.strings[v.name]);
    assert.ok(said.includes(`${h.victims.length + h.more} requests stood ready meanwhile`), said);
    const cells = await page.$$eval('#details td [data-ns]', (all) => all.map((e) => Number(e.dataset.ns)));
    assert.deepEqual(h.lost.filter((ns) => !cells.includes(ns)), [], 'what each lost');
    await page.evaluate((r) => globalThis.waitscope.app.select({ kind: 'request', request: r }, true), h.victims[0].id - 1);
    await settled(page);
    /* All that held it up, not only the first. */
    const by = w.holds.flatMap((x) => x.victims.flatMap((v, k) => (v === h.victims[0] ? [x.lost[k]] : []))).sort((a, b) => b - a);
    const lost = await page.$$eval('#details .held-up [data-ns]', (all) => all.map((e) => Number(e.dataset.ns)));
    assert.deepEqual(lost, by);
    const sum = await page.evaluate((ns) => globalThis.waitscope.format.time(ns), by.reduce((a, b) => a + b, 0));
    assert.ok((await page.textContent('#details')).includes(`lost ${sum} in all`));
});

pageTest('the overview’s window can be dragged, resized and drawn anew; a click brings it there', {}, async (page) => {
    const r = await page.locator('#overview-canvas').boundingBox();
    const y = r.y + r.height / 2;
    const drag = async (from, to) => {
        await page.mouse.move(r.x + from * r.width, y);
        await page.mouse.down();
        await page.mouse.move(r.x + ((from + to) / 2) * r.width, y);
        await page.mouse.move(r.x + to * r.width, y);
        await page.mouse.up();
        await settled(page);
        const v = await view(page);
        return [v.t0 / w.end, v.t1 / w.end];
    };
    let v = await drag(0.2, 0.4);
    near(v[0], 0.2, 0.003);
    near(v[1], 0.4, 0.003);
    v = await drag(0.3, 0.5);
    near(v[0], 0.4, 0.006);
    near(v[1], 0.6, 0.006);
    v = await drag(0.6, 0.8);
    near(v[0], 0.4, 0.006);
    near(v[1], 0.8, 0.006);
    await page.mouse.click(r.x + 0.1 * r.width, y);
    v = await drag(0.9, 0.9);
    near((v[0] + v[1]) / 2, 0.8, 0.01);
});

pageTest('names fold and unfold; others are folded at first', { height: 1200 }, async (page) => {
    const lanes = () => page.evaluate(() => globalThis.waitscope.app.lanes.lanes.map((l) => ({ kind: l.kind, label: l.label, y: l.y, open: l.open })));
    const first = await lanes();
    const others = first.find((l) => l.label === 'other threads');
    assert.equal(others.open, false);
    const r = await page.locator('#lanes').boundingBox();
    await page.evaluate((y) => (document.getElementById('lanes').scrollTop = y - 60), others.y);
    await settled(page);
    const top = await page.evaluate(() => document.getElementById('lanes').scrollTop);
    await page.mouse.click(r.x + 40, r.y + 26 + others.y - top + 8);
    await settled(page);
    assert.ok((await lanes()).length > first.length);
});

pageTest('the height of the table can be changed, by pointer and by keyboard', {}, async (page) => {
    const height = async () => (await page.locator('#requests').boundingBox()).height;
    const a = await height();
    await page.focus('#split');
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowDown');
    const b = await height();
    assert.ok(b < a - 50);
    const s = await page.locator('#split').boundingBox();
    await page.mouse.move(s.x + 300, s.y + 3);
    await page.mouse.down();
    await page.mouse.move(s.x + 300, s.y - 120, { steps: 4 });
    await page.mouse.up();
    assert.ok((await height()) > b + 80);
});

pageTest('fingers pan', { touch: true, width: 800 }, async (page) => {
    await threadsAlone(page);
    await page.keyboard.press('+');
    await page.keyboard.press('+');
    const b = await laneBox(page, 1);
    const a = await view(page);
    const client = await page.context().newCDPSession(page);
    const at = (x) => [{ x: b.x + x, y: b.y }];
    await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(300) });
    for (const x of [280, 240, 200]) await client.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(x) });
    await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await settled(page);
    assert.ok((await view(page)).t0 > a.t0);
    await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [...at(200), { x: b.x + 400, y: b.y }] });
    const c = await view(page);
    for (const d of [20, 60, 100]) await client.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [{ x: b.x + 200 - d, y: b.y }, { x: b.x + 400 + d, y: b.y }] });
    await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await settled(page);
    const e = await view(page);
    assert.ok(e.t1 - e.t0 < (c.t1 - c.t0) * 0.8, 'two fingers zoom');
});

/* ---- the picture itself */

pageTest('the picture is drawn: blocked in its colour, idle never', {}, async (page) => {
    await threadsAlone(page);
    const shares = await page.evaluate(() => {
        const { app, model: M, palette } = globalThis.waitscope;
        const canvas = document.getElementById('picture');
        const ctx = canvas.getContext('2d');
        const lane = app.lanes.lanes.find((l) => l.thread === 0);
        const rows = ctx.getImageData(184, 26 + lane.y + 2, canvas.width - 184, lane.h - 6);
        const px = new Uint32Array(rows.data.buffer);
        const colours = (cat) => new Set(Array.from(palette.tiles(false, 1).data.slice(cat * 64, cat * 64 + 64)));
        const count = (cat) => {
            const set = colours(cat);
            return px.reduce((a, p) => a + (set.has(p) ? 1 : 0), 0) / px.length;
        };
        return { blocked: count(M.BLOCKED), idle: count(M.IDLE), running: count(M.RUNNING) };
    });
    const t = w.threads[0];
    const share = (f) => t.iv.filter(f).reduce((a, iv) => a + iv.dt, 0) / w.end;
    const blocked = share((iv) => iv.state === 2 && !(iv.flags & 1));
    near(shares.blocked, blocked, 0.08);
    near(shares.idle, share((iv) => iv.flags & 1), 0.08);
});

pageTest('the mirror for screen readers has the same numbers as the picture', {}, async (page) => {
    await threadsAlone(page);
    await page.keyboard.press('+');
    await page.waitForTimeout(600);
    const rows = await page.evaluate(() => [...document.querySelectorAll('#mirror tbody tr')].map((tr) => [...tr.children].map((c) => c.textContent)));
    assert.ok(rows.length > 3);
    assert.match(rows[0][0], /shop-worker 4711/);
    const head = await page.evaluate(() => [...document.querySelectorAll('#mirror thead th')].map((c) => c.textContent));
    const v = await view(page);
    const at = head.indexOf('blocked');
    let want = 0;
    let t = 0;
    for (const iv of w.threads[0].iv) {
        if (iv.state === 2 && !(iv.flags & 1)) want += Math.max(0, Math.min(Math.floor(v.t1), t + iv.dt) - Math.max(Math.ceil(v.t0), t));
        t += iv.dt;
    }
    const time = await page.evaluate((ns) => globalThis.waitscope.format.time(ns), want);
    assert.equal(rows[0][at], time);
    await page.click('#grid .body .row');
    await page.waitForTimeout(100);
    assert.match(await page.textContent('#live'), /^Request GET \//);
});

/* ---- safety */

const HOSTILE = '"><img src=x onerror=pwned=1><script>pwned=1</script><!--</title>\u202e\u0000${pwned}javascript:alert(1) &lt;b&gt; </script><style>*{display:none}</style>';

test('hostile names are text wherever they stand', async () => {
    const bad = world({ requests: 30, hostile: HOSTILE });
    const file = path.join(dir, 'hostile.html');
    fs.writeFileSync(file, reportPage(bundle, text(elements(bad, { damage: HOSTILE, lost: { records: 3, windows: [{ start: 1e6, end: 9e7, count: 3, kind: HOSTILE }] } }))));
    const { page, sins, context } = await open(browser, file);
    page.on('dialog', () => sins.push('a dialog'));
    assert.equal(await ready(page), 'yes');
    const count = () => page.evaluate(() => ({ img: document.images.length, script: document.scripts.length, style: document.querySelectorAll('style').length, pwned: 'pwned' in globalThis, links: document.links.length }));
    const clean = await count();
    assert.equal(clean.img, 0);
    assert.equal(clean.pwned, false);
    assert.equal(clean.style, 1);
    for (let i = 0; i < 14; i++) {
        await page.evaluate((r) => globalThis.waitscope.app.select({ kind: 'request', request: r }, true), i);
        await settled(page);
    }
    for (const thread of [0, 8]) {
        await page.evaluate((t) => globalThis.waitscope.app.select({ kind: 'thread', thread: t }, true), thread);
        await settled(page);
        for (let i = 0; i < 12; i++) {
            await page.evaluate(([t, k]) => globalThis.waitscope.app.select({ kind: 'interval', thread: t, index: k }, true), [thread, i]);
            await settled(page);
        }
    }
    const b = await laneBox(page, 0);
    for (let x = 10; x < b.w; x += 60) await page.mouse.move(b.x + x, b.y);
    await page.fill('#query', HOSTILE);
    await page.waitForTimeout(200);
    await page.fill('#query', '');
    await page.waitForTimeout(200);
    assert.deepEqual(await count(), clean);
    assert.ok((await page.textContent('#verdict')).includes('<img src=x onerror'));
    assert.ok((await page.textContent('#grid')).includes('<script>pwned=1'));
    assert.deepEqual(sins, []);
    await context.close();
});

test('the page forbids itself all but what it brought', async () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(bundle)[1];
    assert.match(policy, /^default-src 'none'; script-src( 'sha256-[\w+/=]+')+; style-src 'sha256-[\w+/=]+'; worker-src blob:; img-src data: blob:; /);
    assert.ok(!/unsafe|https?:|connect|\*/.test(policy));
    /* A server of our own sees whether anything comes. */
    let came = 0;
    const server = http.createServer((_, res) => (came++, res.end())).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const url = `http://127.0.0.1:${server.address().port}/`;
    const evil = path.join(dir, 'evil.html');
    fs.writeFileSync(evil, bundle.replace('</body>', () => `<script>globalThis.pwned = 1</script><img src="${url}"><link rel="stylesheet" href="${url}"></body>`));
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`file://${evil}`);
    assert.equal(await page.evaluate(() => 'pwned' in globalThis), false);
    const went = await page.evaluate((u) => fetch(u, { mode: 'no-cors' }).then(() => 'went out', () => 'held'), url);
    const inWorker = await page.evaluate(
        (u) => new Promise((done) => {
            const code = `fetch(${JSON.stringify(u)}, { mode: 'no-cors' }).then(() => postMessage('went out'), () => postMessage('held'))`;
            new Worker(URL.createObjectURL(new Blob([code]))).onmessage = (e) => done(e.data);
        }),
        url,
    );
    assert.deepEqual([went, inWorker, came], ['held', 'held', 0]);
    await context.close();
    server.close();
});

test('the viewer is no larger than 150 KB, and refers to nothing outside', () => {
    assert.ok(Buffer.byteLength(bundle) <= 150e3, `${bundle.length} bytes`);
    assert.equal(bundle.match(/https?:\/\//g), null);
    const packed = /<script type="application\/gzip" id="waitscope-code">([\w+/=]+)\s*<\/script>/.exec(bundle)[1];
    const code = zlib.gunzipSync(Buffer.from(packed, 'base64')).toString();
    assert.ok(code.length > 1e5);
    /* The names of XML's languages are no addresses. */
    assert.deepEqual((code.match(/https?:\/\/[^"'`]*/g) || []).filter((u) => !u.startsWith('http://www.w3.org/')), []);
    assert.equal(bundle.split('<!--waitscope-data-->').length, 2);
});

test('what was packed by somebody else does not run, and a damaged page says so', async () => {
    const other = zlib.gzipSync('document.body.dataset.up = globalThis.pwned = 1;').toString('base64');
    const swap = (to) => bundle.replace(/(id="waitscope-code">)[\w+/=]+/, (_, head) => head + to);
    for (const [name, bad] of [['other', other], ['cut', bundle.match(/id="waitscope-code">([\w+/=]{4000})/)[1]], ['none', '']]) {
        const file = path.join(dir, `packed-${name}.html`);
        fs.writeFileSync(file, swap(bad));
        const context = await browser.newContext();
        const page = await context.newPage();
        await page.goto(`file://${file}`);
        await page.waitForFunction(() => document.documentElement.dataset.ready === 'refused');
        assert.match(await page.textContent('#notices'), /could not unpack itself/);
        assert.ok(await page.isVisible('#notices'));
        assert.equal(await page.evaluate(() => 'pwned' in globalThis), false);
        await context.close();
    }
});

test('bundle.sh refuses what would not work', () => {
    const copy = path.join(dir, 'copy');
    const fresh = () => {
        fs.rmSync(copy, { recursive: true, force: true });
        fs.cpSync(VIEWER, copy, { recursive: true });
    };
    const run = () => spawnSync(path.join(copy, 'bundle.sh'), [path.join(dir, 'out.html')], { encoding: 'utf8' });
    fresh();
    assert.equal(run().status, 0);
    const breakages = [
        [/cannot be read/, () => fs.rmSync(path.join(copy, 'scale.js'))],
        [/would end its place/, () => fs.appendFileSync(path.join(copy, 'scale.js'), "const s = '</script>';\n")],
        [/carriage return/, () => fs.appendFileSync(path.join(copy, 'scale.js'), 'x = 1;\r\n')],
        [/esbuild failed/, () => fs.appendFileSync(path.join(copy, 'scale.js'), 'const = 1;\n')],
        [/does not end with a newline/, () => fs.appendFileSync(path.join(copy, 'scale.js'), 'x = 1;')],
        [/not understood/, () => fs.writeFileSync(path.join(copy, 'index.html'), fs.readFileSync(path.join(copy, 'index.html'), 'utf8').replace('<script src="scale.js">', '<script defer src="scale.js">'))],
        [/place for the data/, () => fs.writeFileSync(path.join(copy, 'index.html'), fs.readFileSync(path.join(copy, 'index.html'), 'utf8').replace('<!--waitscope-data-->', ''))],
        [/one policy/, () => fs.writeFileSync(path.join(copy, 'index.html'), fs.readFileSync(path.join(copy, 'index.html'), 'utf8').replace("script-src 'self'", 'script-src x'))],
    ];
    for (const [why, break_] of breakages) {
        fresh();
        fs.rmSync(path.join(dir, 'out.html'), { force: true });
        break_();
        const r = run();
        assert.notEqual(r.status, 0, String(why));
        assert.match(r.stderr, why);
        assert.ok(!fs.existsSync(path.join(dir, 'out.html')), 'no half page');
    }
});

/* ---- for everybody */

for (const scheme of ['light', 'dark']) {
    pageTest(`axe finds nothing: ${scheme}, with legend, details, search, notices`, { scheme }, async (page) => {
        assert.equal(await page.getAttribute('html', 'data-theme'), scheme);
        assert.deepEqual(await violations(page), []);
        await page.click('#grid .body .row');
        await settled(page);
        assert.deepEqual(await violations(page), []);
        await page.evaluate(() => globalThis.waitscope.app.select({ kind: 'interval', thread: 1, index: 3 }, true));
        await page.fill('#query', 'blocked>soon');
        await page.waitForTimeout(700);
        assert.deepEqual(await violations(page), []);
        await page.keyboard.press('Escape');
        await page.evaluate(() => document.activeElement.blur());
        await page.keyboard.press('?');
        assert.deepEqual(await violations(page), []);
    });
    pageTest(`axe finds nothing: ${scheme}, narrow, with losses`, { scheme, width: 360, height: 740, file: reportOf(`narrow-${scheme}`, elements(w, { complete: false, lost: { records: 3, windows: [{ start: 1e6, end: 5e6, count: 3, kind: 'wait' }] } })) }, async (page) => {
        assert.deepEqual(await violations(page), []);
    });
    pageTest(`axe finds nothing: ${scheme}, before a file`, { scheme, file: bundled, bare: true }, async (page) => {
        assert.deepEqual(await violations(page), []);
    });
}

for (const width of [360, 768, 1024, 1920, 3840])
    pageTest(`at ${width} pixels nothing scrolls sideways and lanes have room`, { width, height: width === 360 ? 740 : 1080 }, async (page) => {
        const wide = await page.evaluate(() => [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]);
        assert.ok(wide[0] <= wide[2] && wide[1] <= wide[2], wide.join());
        const b = await page.locator('#lanes').boundingBox();
        assert.ok(b.width > width * 0.6 && b.height >= 160, JSON.stringify(b));
        await page.click('#grid .body .row');
        await settled(page);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    });

pageTest('light and dark follow the system and can be chosen', { scheme: 'dark' }, async (page) => {
    const now = () => page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor, document.getElementById('theme').textContent]);
    const dark = await now();
    assert.equal(dark[0], 'dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await settled(page);
    const light = await now();
    assert.equal(light[0], 'light');
    assert.notEqual(light[1], dark[1]);
    await page.click('#theme');
    await page.click('#theme');
    assert.deepEqual((await now()).slice(0, 2), dark.slice(0, 2));
    assert.match((await now())[2], /dark/);
    await page.reload();
    await ready(page);
    assert.match((await now())[2], /dark/, 'it is remembered');
});

/* ---- size */

test('thirty thousand requests scroll to the last, and the page stays free', async () => {
    const big = world({ requests: 15000, workers: 24, seed: 9 });
    const file = path.join(dir, 'big.json.gz');
    fs.writeFileSync(file, zlib.gzipSync(text(elements(big)), { level: 1 }));
    const watch = () => {
        globalThis.long = [];
        new PerformanceObserver((l) => l.getEntries().forEach((e) => globalThis.long.push(e.duration))).observe({ entryTypes: ['longtask'] });
    };
    const { page, sins, context } = await open(browser, bundled, { before: watch });
    await page.evaluate(() => document.getElementById('file').addEventListener('change', () => (document.documentElement.dataset.ready = 'no'), true));
    await page.setInputFiles('#file', file);
    assert.equal(await ready(page), 'yes');
    assert.equal(await page.textContent('#found'), '30,000 requests');
    await page.focus('#grid');
    await page.keyboard.press('End');
    await settled(page);
    assert.ok(await page.isVisible('#grid .row[data-at="29999"]'));
    const longest = await page.evaluate(() => Math.max(0, ...globalThis.long));
    /* The goal is 50 ms on a machine of its own; tests share theirs. */
    assert.ok(longest < 400, `a task of ${longest} ms`);
    const threads = await page.evaluate(() => globalThis.waitscope.app.model.threads.every(Boolean));
    assert.ok(threads);
    assert.deepEqual(sins, []);
    await context.close();
});

pageTest('a bad file that is opened while a good one is read leaves no half of it unmarked', { file: bundled, bare: true }, async (page) => {
    const big = path.join(dir, 'half.json');
    fs.writeFileSync(big, text(elements(world({ requests: 20000, workers: 4 }))));
    await page.setInputFiles('#file', big);
    await page.waitForFunction(() => globalThis.waitscope.app.model);
    await drop(page, 'notes.txt', 'no timeline');
    assert.equal(await ready(page), 'refused');
    assert.match(await page.textContent('#notices'), /no waitscope timeline.*not read to its end/s);
    assert.equal(await page.evaluate(() => globalThis.waitscope.app.loading), false);
});
