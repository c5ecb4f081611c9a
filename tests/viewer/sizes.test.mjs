/* Windows of all sizes: nothing is cut without a word, and what belongs together stands together. */
import assert from 'node:assert/strict';
import { settled, violations } from './browser.mjs';
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
        assert.deepEqual(await violations(page), []);
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

/** Where the details stand, in the window. */
const side = (page) =>
    page.evaluate(() => {
        const r = document.getElementById('side').getBoundingClientRect();
        return { top: r.top, bottom: r.bottom, high: innerHeight, over: getComputedStyle(document.getElementById('side')).position === 'fixed' };
    });
/** The middle of the first blocked interval of a worker, on the screen. */
const spot = async (page) => {
    await page.evaluate(() => document.getElementById('lanes').scrollIntoView({ block: 'center' }));
    await settled(page);
    return page.evaluate(() => {
        const { app, lanes, model: M } = globalThis.waitscope;
        const lane = app.lanes.lanes.find((l) => l.thread >= 0);
        const box = document.getElementById('lanes');
        box.scrollTop = Math.max(lane.y - 40, 0);
        const track = app.model.threads[lane.thread];
        let best = 0;
        for (let i = 0; i < track.n; i++) if ((track.cat[i] & 15) === M.BLOCKED && track.t[i + 1] - track.t[i] > track.t[best + 1] - track.t[best]) best = i;
        const { left, per } = lanes.plot();
        const r = box.getBoundingClientRect();
        return { x: r.left + left + ((track.t[best] + track.t[best + 1]) / 2 - app.view.t0) / per, y: r.top + lanes.AXIS + lane.y - box.scrollTop + lane.h / 2 };
    });
};

for (const touch of [false, true])
    pageTest(`in a narrow window a choice is told where it was made, ${touch ? 'by finger' : 'by mouse and keys'}`, { width: 360, height: 740, touch }, async (page) => {
        assert.ok(!(await side(page)).over);
        const press = async () => {
            const { x, y } = await spot(page);
            if (touch) await page.touchscreen.tap(x, y);
            else await page.mouse.click(x, y);
            await settled(page);
        };
        const open = async () => {
            const s = await side(page);
            assert.ok(s.over && s.top > s.high * 0.3 && s.bottom === s.high, JSON.stringify(s));
            assert.ok(await page.isVisible('#details h2'));
        };
        await press();
        await open();
        /* what was chosen stands above it */
        const lane = await page.evaluate(() => {
            const { app, lanes } = globalThis.waitscope;
            const l = app.lanes.lanes.find((o) => o.thread === app.selection.thread);
            return document.getElementById('lanes').getBoundingClientRect().top + lanes.AXIS + l.y + l.h - document.getElementById('lanes').scrollTop;
        });
        assert.ok(lane <= (await side(page)).top, `${lane}`);
        /* closed, it is where it was, and the hand is back at the picture */
        if (touch) await page.touchscreen.tap(340, (await side(page)).top + 20);
        else await page.click('#sheet-close');
        await settled(page);
        assert.ok(!(await side(page)).over);
        assert.equal(await page.evaluate(() => document.activeElement.id), 'lanes');
        assert.notEqual(await page.evaluate(() => globalThis.waitscope.app.selection), null);
        await press();
        await open();
        if (touch) {
            const client = await page.context().newCDPSession(page);
            const send = (type, points) => client.send('Input.dispatchTouchEvent', { type, touchPoints: points });
            const at = (await side(page)).top + 20;
            await send('touchStart', [{ x: 100, y: at }]);
            for (let i = 1; i <= 6; i++) await send('touchMove', [{ x: 100, y: at + i * 15 }]);
            await send('touchEnd', []);
        } else {
            await page.focus('#details');
            await page.keyboard.press('Escape');
        }
        await settled(page);
        assert.ok(!(await side(page)).over);
        if (touch) return;
        assert.equal(await page.evaluate(() => document.activeElement.id), 'lanes');
        await page.keyboard.press('.');
        await settled(page);
        await open();
        assert.deepEqual(await violations(page), []);
        await page.setViewportSize({ width: 1280, height: 720 });
        await settled(page);
        assert.ok(!(await side(page)).over, 'where there is room it stands beside');
    });

pageTest('no row is left out where there is room for it', {}, async (page) => {
    const look = () =>
        page.evaluate(() => {
            const { app, lanes } = globalThis.waitscope;
            return { out: app.lanes.lanes.filter((l) => l.kind === 'more').length, rows: app.lanes.lanes.filter((l) => l.row >= 0).map((l) => l.h), high: app.lanes.height, room: lanes.box.clientHeight - lanes.AXIS, of: app.model.pack.rows };
        });
    for (const [width, height] of [[1280, 720], [1600, 1000], [1920, 1400], [3840, 2160]]) {
        await page.setViewportSize({ width, height });
        await settled(page);
        const { out, rows, high, room } = await look();
        assert.ok(out === 0 || room - high < out * rows[0] + 8, `${width} × ${height}: ${room - high} of ${room} are free, and ${out} lists are cut`);
        if (out === 0) assert.ok(rows[0] === 17 || room - high < rows.length * 9, `${room - high} are free for rows of ${rows[0]}`);
    }
    const { rows, of } = await look();
    assert.equal(rows.length, of, 'all in the largest');
});

pageTest('requests and threads are both in sight at first', {}, async (page) => {
    for (const [width, height] of [[1440, 900], [1600, 1000], [1920, 1080]]) {
        await page.setViewportSize({ width, height });
        await settled(page);
        const seen = await page.evaluate(() => {
            const { app, lanes } = globalThis.waitscope;
            const all = app.lanes.lanes.filter((l) => l.y + l.h <= lanes.box.clientHeight - lanes.AXIS);
            return [all.filter((l) => l.row >= 0).length, all.filter((l) => l.thread >= 0).length];
        });
        assert.ok(seen[0] >= 5 && seen[1] >= 1, `${width} × ${height}: ${seen[0]} rows, ${seen[1]} threads`);
    }
});
