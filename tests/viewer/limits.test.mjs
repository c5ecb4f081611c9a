/*
 * What is very much, damaged, or changed while it is at work: nothing is lost by it, nothing is
 * drawn as no number, and the page stays quick.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ready, settled } from './browser.mjs';
import { elements, text, world } from './make.mjs';
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
