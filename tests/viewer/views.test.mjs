/* The two views of a recording, what joins them, and the story above them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { settled } from './browser.mjs';
import { elements, text, world } from './make.mjs';
import { load, modelOf, ws } from './pure.mjs';
import { pages, reportOf } from './suite.mjs';

const { layout, model: M } = ws;
const w = world({ requests: 150 });
const json = text(elements(w));
const report = reportOf('report', elements(w));
const pageTest = pages(report);

const lanes = (page) => page.evaluate(() => globalThis.waitscope.app.lanes.lanes.map((l) => ({ kind: l.kind, label: l.label, note: l.note, thread: l.thread, row: l.row, of: l.of, process: l.process, y: l.y, h: l.h })));
const selection = (page) => page.evaluate(() => globalThis.waitscope.app.selection);
const view = (page) => page.evaluate(() => globalThis.waitscope.app.view);
const choose = (page, r) => page.evaluate((n) => globalThis.waitscope.app.select({ kind: 'request', request: n }, true), r);

/** All requests by process and name, as a reader would list them. */
function byName() {
    const out = new Map();
    w.reqs.forEach((r, i) => {
        const key = `${r.process} ${w.strings[r.group]}`;
        out.set(key, [...(out.get(key) || []), i]);
    });
    return out;
}

test('rows by name hold the requests of one name each, and all of them', async () => {
    const m = modelOf(await load(json));
    const q = m.requests;
    let step;
    for (const work = layout.packing(q, null, m.header.processes.length, M.COUNT, M.EMPTY, true); !(step = work.next()).done; );
    const p = step.value;
    const want = byName();
    assert.equal(p.sections.process.length, want.size);
    p.sections.process.forEach((process, s) => {
        const ids = want.get(`${process} ${m.strings[p.sections.name[s]]}`);
        assert.equal(p.sections.count[s], ids.length);
        for (const r of ids) assert.equal(p.section[p.rowOf[r]], s);
    });
    /* Within a process those that took most time come first. */
    const ns = (s) => w.reqs.reduce((a, _, r) => a + (p.section[p.rowOf[r]] === s ? q.latency[r] : 0), 0);
    for (let s = 1; s < want.size; s++) if (p.sections.process[s] === p.sections.process[s - 1]) assert.ok(ns(s - 1) >= ns(s));
    /* No two of a row at once. */
    const ends = new Float64Array(p.rows);
    for (let r = 0; r < q.n; r++) {
        assert.ok(q.start[r] >= ends[p.rowOf[r]]);
        ends[p.rowOf[r]] = q.start[r] + q.latency[r];
    }
});

test('of very many names the rest of each process shares a section', async () => {
    const n = 300;
    const q = { n, process: new Uint32Array(n).map((_, i) => i % 2), group: new Uint32Array(n).map((_, i) => i), latency: new Float64Array(n).map((_, i) => 1000 - i), start: new Float64Array(n).map((_, i) => i * 10000), segFirst: new Uint32Array(n + 1).map((_, i) => i), segStart: new Float64Array(n).map((_, i) => i * 10000), segCat: new Uint8Array(n) };
    let step;
    for (const work = layout.packing(q, null, 2, M.COUNT, M.EMPTY, true); !(step = work.next()).done; );
    const { sections } = step.value;
    assert.ok(sections.process.length <= 60);
    assert.deepEqual([...sections.name].filter((s) => s < 0).length, 2);
    assert.equal(sections.count.reduce((a, b) => a + b, 0), n);
});

pageTest('V shows both views, requests alone, threads alone', {}, async (page) => {
    const kinds = async () => new Set((await lanes(page)).map((l) => l.kind));
    assert.ok((await kinds()).has('row') && (await kinds()).has('thread'));
    await page.keyboard.press('v');
    assert.ok((await kinds()).has('row') && !(await kinds()).has('thread'));
    assert.equal(await page.getAttribute('#show [data-show=requests]', 'aria-pressed'), 'true');
    await page.keyboard.press('v');
    assert.ok(!(await kinds()).has('row') && (await kinds()).has('thread'));
    await page.click('#show [data-show=both]');
    assert.ok((await kinds()).has('row') && (await kinds()).has('thread'));
});

pageTest('B groups the requests by name, in the picture too, and the filter stays', {}, async (page) => {
    await page.keyboard.press('b');
    await page.waitForFunction(() => globalThis.waitscope.app.model.pack.sections);
    await settled(page);
    const groups = (await lanes(page)).filter((l) => l.kind === 'group').map((l) => l.label);
    for (const key of byName().keys()) assert.ok(groups.includes(key.slice(2)), key);
    await page.keyboard.press('/');
    await page.keyboard.type('status:200');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => globalThis.waitscope.app.matches);
    const n = await page.evaluate(() => [...globalThis.waitscope.app.model.pack.sections.count].reduce((a, b) => a + b, 0));
    assert.equal(n, w.reqs.filter((r) => r.status === 200).length);
    await page.click('#by-name');
    await page.waitForFunction(() => !globalThis.waitscope.app.model.pack.sections);
    assert.equal(await page.evaluate(() => globalThis.waitscope.app.matches.length), n);
});

pageTest('E puts the threads that held a request below it, and they lead to their intervals', {}, async (page) => {
    const r = w.reqs.findIndex((x) => new Set(x.segs.map((s) => s.thread)).size > 1 || x.segs.some((s) => s.thread > 0));
    await choose(page, r);
    const before2 = (await lanes(page)).length;
    await page.keyboard.press('e');
    const list = await lanes(page);
    const parts = list.filter((l) => l.kind === 'part');
    const held = await page.evaluate((n) => [...globalThis.waitscope.model.holders(globalThis.waitscope.app.model, n).keys()], r);
    assert.ok(held.length > 0);
    assert.deepEqual(parts.map((l) => l.thread), held);
    assert.ok(parts.every((l) => l.of === r));
    const own = await page.evaluate((n) => globalThis.waitscope.app.model.pack.rowOf[n], r);
    assert.equal(list[list.indexOf(parts[0]) - 1].row, own);
    const box = await page.evaluate(() => {
        const b = document.getElementById('lanes');
        const at = b.getBoundingClientRect();
        return { x: at.left + 184, y: at.top + 26 - b.scrollTop, w: b.clientWidth - 184 };
    });
    const v = await view(page);
    const x = w.reqs[r];
    const first = x.segs.findIndex((s) => s.thread === held[0] + 1 && s.key >= 1 && s.key <= 7);
    const t = x.start + x.segs.slice(0, first).reduce((a, s) => a + s.dt, 0) + x.segs[first].dt / 2;
    await page.mouse.click(box.x + ((t - v.t0) / (v.t1 - v.t0)) * box.w, box.y + parts[0].y + parts[0].h / 2);
    const s = await selection(page);
    assert.equal(s.kind, 'interval');
    assert.equal(s.thread, held[0]);
    await choose(page, r);
    await page.keyboard.press('e');
    assert.equal((await lanes(page)).length, before2);
    /* Only the key turns it round: who asks for it twice, as a link may, has it. */
    const open = (n) => page.evaluate((k) => globalThis.waitscope.app.setOpened(k), n);
    await open(r);
    await open(r);
    assert.equal((await lanes(page)).filter((l) => l.kind === 'part').length, held.length);
    await page.keyboard.press('Escape');
    assert.equal((await lanes(page)).length, before2);
    await open(-1);
    assert.equal((await lanes(page)).length, before2);
});

pageTest('a hold is joined to its request and its victims', {}, async (page) => {
    const of = await page.evaluate(() => {
        const { app, arrows, model: Mo } = globalThis.waitscope;
        const o = app.model.holds;
        let i = 0;
        for (let k = 0; k < o.n; k++) if (o.victimFirst[k + 1] - o.victimFirst[k] > o.victimFirst[i + 1] - o.victimFirst[i]) i = k;
        const index = Mo.indexAt(app.model.threads[o.thread[i]], o.start[i]);
        const choices = [{ kind: 'interval', thread: o.thread[i], index }, { kind: 'request', request: o.request[i] - 1 }, { kind: 'request', request: o.victim[o.victimFirst[i]] }];
        return { i, span: [o.start[i], o.dur[i]], choices, found: choices.map((c) => arrows.holdsOf(app.model, c).includes(i)), none: arrows.holdsOf(app.model, { kind: 'thread', thread: 0 }).length };
    });
    assert.deepEqual(of.found, [true, true, true]);
    assert.equal(of.none, 0);
    await page.evaluate((c) => globalThis.waitscope.app.select(c, true), of.choices[0]);
    await page.evaluate(([start, dur]) => globalThis.waitscope.app.setView({ t0: start - dur * 2, t1: start + dur * 4 }), of.span);
    /* Each line is drawn twice, light below and dark above: one to the request that held the loop,
     * one to each victim whose row is there. */
    const { lines, want } = await page.evaluate(async (i) => {
        const { app } = globalThis.waitscope;
        const { holds: o, pack } = app.model;
        let n = 0;
        const own = globalThis.CanvasRenderingContext2D.prototype;
        const curve = own.bezierCurveTo;
        own.bezierCurveTo = function (...to) {
            n++;
            return curve.apply(this, to);
        };
        app.painter('overlay')();
        own.bezierCurveTo = curve;
        const rows = new Set(app.lanes.lanes.map((l) => l.row));
        const ends = [...o.victim.subarray(o.victimFirst[i], o.victimFirst[i + 1]), o.request[i] - 1];
        return { lines: n, want: 2 * ends.filter((r) => rows.has(pack.rowOf[r])).length };
    }, of.i);
    assert.ok(want >= 4);
    assert.equal(lines, want);
});

pageTest('the story says what the header says, and leads there', {}, async (page) => {
    const said = await page.textContent('#verdict');
    const shop = await page.evaluate(() => globalThis.waitscope.app.model.header.processes[0].verdict);
    assert.ok(said.includes(shop.text[0]));
    assert.ok(said.includes(`${Math.round(shop.offered).toLocaleString('en')} requests/s`));
    /* the worst hold by what its victims lost */
    const worst = await page.evaluate(() => {
        const o = globalThis.waitscope.app.model.holds;
        let best = null;
        for (let i = 0; i < o.n; i++) {
            let lost = 0;
            for (let k = o.victimFirst[i]; k < o.victimFirst[i + 1]; k++) lost += o.lost[k];
            if (!best || lost > best.lost || (lost === best.lost && o.dur[i] > best.dur)) best = { i, lost, dur: o.dur[i], start: o.start[i], thread: o.thread[i] };
        }
        return best;
    });
    await page.locator('#verdict .fact', { hasText: 'Loop hold' }).click();
    const s = await selection(page);
    assert.equal(s.kind, 'interval');
    assert.equal(s.thread, worst.thread);
    const v = await view(page);
    assert.ok(v.t0 <= worst.start && v.t1 >= worst.start + worst.dur);
    await page.locator('#verdict .fact', { hasText: 'Most blocked' }).first().click();
    const r = (await selection(page)).request;
    const blocked = (x) => x.segs.reduce((a, g) => a + (g.key === 3 ? g.dt : 0), 0);
    assert.equal(blocked(w.reqs[r]), Math.max(...w.reqs.filter((x) => x.process === w.reqs[r].process).map(blocked)));
});

pageTest('lines to what has scrolled away stay below the times', { height: 700 }, async (page) => {
    await page.locator('#verdict .fact', { hasText: 'Loop hold' }).click();
    await settled(page);
    /* The rows of its victims are above the loop: out of sight, their lines are not. */
    await page.evaluate(() => {
        const { app } = globalThis.waitscope;
        const lane = app.lanes.lanes.find((l) => l.thread === app.selection.thread);
        document.getElementById('lanes').scrollTop = lane.y - 4;
    });
    await settled(page);
    const dark = await page.evaluate(() => {
        const canvas = document.getElementById('overlay');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const count = (y0, y1) => data.subarray(y0 * canvas.width * 4, y1 * canvas.width * 4).reduce((n, v, i) => n + (i % 4 === 3 && v > 200 ? 1 : 0), 0);
        return [count(0, 25), count(26, canvas.height)];
    });
    assert.equal(dark[0], 0);
    assert.ok(dark[1] > 20, String(dark));
});

pageTest('the busiest window is said, and the way to it', {}, async (page) => {
    const facts = await page.$$eval('#verdict .fact', (all) => all.map((e) => e.textContent));
    assert.ok(facts.some((t) => /^8 threads.*taken for 71.% of the time; for 97.% in the busiest 20(\.0)?.ms$/.test(t)), facts.join('\n'));
    assert.ok(facts.some((t) => /^Event loop.*taken for 25.% of the time; for 80.% in the busiest/.test(t)), facts.join('\n'));
    assert.equal(facts.filter((t) => /^Threads?\b.*taken for/.test(t)).length, 0, 'of none nothing is said');
    await page.locator('#verdict .fact', { hasText: '8 threads' }).click();
    const v = await view(page);
    assert.ok(v.t0 <= 200e6 && v.t0 > 100e6 && v.t1 >= 220e6 && v.t1 < 320e6, JSON.stringify(v));
    const s = await selection(page);
    assert.deepEqual([s.kind, s.t0, s.t1], ['area', 200e6, 220e6]);
    const chosen = (await lanes(page)).filter((l) => s.lanes.includes(`t${l.thread}`));
    assert.ok(chosen.length > 0 && chosen.every((l) => l.process === 0), JSON.stringify(s.lanes));
});

pageTest('advice stands at first sight, and once', {}, async (page) => {
    await page.evaluate(() => {
        const { app } = globalThis.waitscope;
        app.model.header.processes[0].verdict.text.push('What would change it: more of #17 <b>.', 'Something else.');
        app.invalidate('story');
    });
    await settled(page);
    assert.deepEqual(await page.$$eval('#verdict .advice', (all) => all.map((e) => e.textContent)), ['What would change it: more of #17 <b>.']);
    assert.equal(await page.isVisible('#verdict .advice'), true);
    assert.doesNotMatch(await page.textContent('#verdict details'), /What would change/);
    assert.match(await page.textContent('#verdict details'), /Something else/);
});

pageTest('who waits since before the recording is told of at first sight', {}, async (page) => {
    const said = '1,200 clients had spoken last when the recording began, and more.';
    await page.evaluate((text) => {
        const { app } = globalThis.waitscope;
        app.model.header.processes[0].verdict.text.push(text);
        app.invalidate('story');
    }, said);
    await settled(page);
    assert.deepEqual(await page.$$eval('#verdict .advice', (all) => all.map((e) => e.textContent)), [said]);
    assert.equal(await page.isVisible('#verdict .advice'), true);
});

pageTest('where nobody was answered every sentence stands at first sight', {}, async (page) => {
    await page.evaluate(() => {
        const { app } = globalThis.waitscope;
        app.model.header.processes.splice(0, Infinity, ...app.model.header.processes.map((p) => ({ ...p, verdict: { ...p.verdict, requests: 0, text: ['No request was seen.', '8 clients wait.', 'Where they stand.'] } })));
        app.invalidate('story');
    });
    await settled(page);
    const first = page.locator('#verdict article').first();
    assert.deepEqual(await first.locator('p').allTextContents(), ['No request was seen.', '8 clients wait.', 'Where they stand.']);
    for (const p of await first.locator('p').all()) assert.equal(await p.isVisible(), true);
    assert.equal(await first.locator('details').count(), 0);
});

pageTest('a number of a request in the story leads to it', {}, async (page) => {
    await page.evaluate(() => {
        const { app } = globalThis.waitscope;
        app.model.header.processes[0].verdict.text.push('The longest was in request #17 <b>GET</b>, not #999999999.');
        app.invalidate('story');
    });
    await settled(page);
    await page.click('#verdict summary');
    const button = page.locator('#verdict details button', { hasText: '#17' });
    await button.click();
    assert.equal(w.reqs[(await selection(page)).request].id, 17);
    assert.equal(await page.locator('#verdict details button', { hasText: '#999999999' }).count(), 0);
    assert.match(await page.textContent('#verdict details'), /<b>GET<\/b>, not #999999999/);
});

pageTest('a request whose row is folded away is unfolded and brought into the picture', { height: 800 }, async (page) => {
    const far = await page.evaluate(() => {
        const { pack, requests } = globalThis.waitscope.app.model;
        let best = 0;
        for (let r = 0; r < requests.n; r++) if (pack.rowOf[r] > pack.rowOf[best]) best = r;
        return best;
    });
    const place = () =>
        page.evaluate((r) => {
            const { app } = globalThis.waitscope;
            const box = document.getElementById('lanes');
            const lane = app.lanes.lanes.find((l) => l.row === app.model.pack.rowOf[r]);
            return lane ? [lane.y - box.scrollTop, box.scrollTop + box.clientHeight - 26 - lane.y - lane.h] : null;
        }, far);
    assert.equal(await place(), null, 'folded');
    await choose(page, far);
    const [above, below] = await place();
    assert.ok(above >= 0 && below >= 0, `${above} px above, ${below} below`);
});
