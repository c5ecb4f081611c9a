/*
 * What is very much, damaged, or changed while it is at work: nothing is lost by it, nothing is
 * drawn as no number, and the page stays quick.
 */
import assert from 'node:assert/strict';
import { settled } from './browser.mjs';
import { elements, world } from './make.mjs';
import { pages, reportOf } from './suite.mjs';

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
