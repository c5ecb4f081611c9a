/* Windows of all sizes: nothing is cut without a word, and what belongs together stands together. */
import assert from 'node:assert/strict';
import { settled } from './browser.mjs';
import { elements, text, world } from './make.mjs';
import { pageOfTwo, pages, reportOf } from './suite.mjs';

const w = world({ requests: 80 });
const report = reportOf('report', elements(w));
const two = pageOfTwo('two', text(elements(world({ requests: 60, seed: 1 }))), text(elements(world({ requests: 45, seed: 2 }))));
const pageTest = pages(report);

/** How much of the verdict's text is out of sight, and whether that is said. */
const cut = (page) =>
    page.evaluate(() => {
        const box = document.getElementById('verdict');
        const more = document.getElementById('verdict-more');
        return { below: box.scrollHeight - box.clientHeight - box.scrollTop, said: !more.hidden, share: box.clientHeight / innerHeight };
    });

for (const [name, file] of [['one', report], ['two', two]])
    pageTest(`the verdict of ${name} is whole, or says that there is more`, { file, width: 1280, height: 720 }, async (page) => {
        for (const [width, height] of [[1280, 720], [1000, 600], [1280, 560], [1600, 1200], [3840, 2160], [700, 900], [360, 740]]) {
            await page.setViewportSize({ width, height });
            await settled(page);
            const { below, said, share } = await cut(page);
            assert.equal(said, below > 2, `${width} × ${height}: ${below} below`);
            if (width >= 1000) assert.ok(share <= 0.37, `${share} of ${height}`);
            if (height >= 1200) assert.ok(below === 0 || share > 0.35, `${width} × ${height}: where there is room it is whole, ${share}`);
        }
        await page.setViewportSize({ width: 1000, height: 570 });
        for (const details of await page.$$('#verdict summary')) await details.click();
        await settled(page);
        assert.ok((await cut(page)).said, 'unfolded it is longer than its place');
        /* by keyboard, to its end */
        await page.focus('#verdict');
        let steps = 0;
        do await page.keyboard.press('Tab');
        while (++steps < 60 && !(await page.evaluate(() => document.activeElement.closest('#verdict-more'))));
        assert.ok(steps < 60, 'Tab leads to it');
        for (steps = 0; steps < 30 && (await cut(page)).said; steps++) {
            await page.focus('#verdict-more button');
            await page.keyboard.press('Enter');
            await settled(page);
        }
        assert.ok((await cut(page)).below <= 2);
        await page.waitForFunction(() => document.activeElement.id === 'verdict');
        await page.keyboard.press('ArrowUp');
        await page.waitForFunction(() => !document.getElementById('verdict-more').hidden);
    });

for (const [name, file] of [['one', report], ['two', two]])
    pageTest(`the strip above and the lanes of ${name} share their time axis`, { file }, async (page) => {
        for (const [width, height] of [[360, 740], [620, 800], [1000, 700], [1280, 720], [1920, 1080], [3840, 2160]]) {
            await page.setViewportSize({ width, height });
            await settled(page);
            const [strip, lanes] = await page.evaluate(() => {
                const canvas = document.getElementById('overview-canvas').getBoundingClientRect();
                const box = document.getElementById('lanes').getBoundingClientRect();
                const { left, w: wide } = globalThis.waitscope.lanes.plot();
                return [[canvas.left, canvas.right], [box.left + left, box.left + left + wide]];
            });
            assert.deepEqual(strip, lanes, `${width} × ${height}`);
            const labels = await page.$$eval('#overview-scale span', (all) => all.map((e) => [e.textContent, e.getBoundingClientRect().right, e.getBoundingClientRect().bottom]));
            assert.equal(labels.length, file === two ? 4 : 2);
            for (const [text, right] of labels) assert.ok(right <= strip[0], `“${text}” stands before the strip`);
        }
    });
