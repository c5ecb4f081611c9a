/*
 * How each view looks, against small pictures that somebody looked at and found good. What changed
 * on purpose is taken with `LOOK=take node look.test.mjs`, and looked at again: look/*.png.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { before } from 'node:test';
import { HERE, open, ready, settled } from './browser.mjs';
import { elements, text, world } from './make.mjs';
import { browser, bundled, pageOfTwo, reportOf } from './suite.mjs';

const WIDE = 160; /* pixels of a small picture: enough for the layout, too few for letters */
const FAR = 48; /* of 255: a pixel that is another */
const MOST = 0.02; /* share of such pixels */
const MEAN = 4; /* of 255, over all */

const w = world({ requests: 150 });
const report = reportOf('report', elements(w));
const timeline = (seed) => text(elements(world({ requests: 120, seed })));
const two = pageOfTwo('two', timeline(1), timeline(2));

/** Where pictures are made small. @type {import('playwright-core').Page} */
let bench;
before(async () => {
    bench = await browser.newPage();
});

/** A picture made small, as PNG and as numbers; a browser has all that takes. */
async function small(png) {
    return bench.evaluate(
        async ([base64, wide]) => {
            const image = new Image();
            image.src = `data:image/png;base64,${base64}`;
            await image.decode();
            const canvas = document.createElement('canvas');
            canvas.width = Math.min(wide, image.width);
            canvas.height = Math.round((image.height * canvas.width) / image.width);
            const ctx = canvas.getContext('2d', { willReadFrequently: true });
            ctx.imageSmoothingQuality = 'high';
            ctx.drawImage(image, 0, 0, canvas.width, canvas.height);
            const { data } = ctx.getImageData(0, 0, canvas.width, canvas.height);
            return { png: canvas.toDataURL('image/png').split(',')[1], w: canvas.width, h: canvas.height, data: Array.from(data) };
        },
        [png.toString('base64'), WIDE],
    );
}

/** How far two small pictures are apart. */
function apart(a, b) {
    let sum = 0;
    let far = 0;
    for (let i = 0; i < a.data.length; i += 4) {
        let most = 0;
        for (let k = 0; k < 3; k++) {
            const d = Math.abs(a.data[i + k] - b.data[i + k]);
            sum += d;
            most = Math.max(most, d);
        }
        if (most > FAR) far++;
    }
    const n = a.data.length / 4;
    return { mean: sum / n / 3, far: far / n };
}

const VIEWS = {
    light: [report, {}],
    dark: [report, { scheme: 'dark' }],
    names: [report, {}, 'b'],
    threads: [report, {}, 'v', 'v'],
    narrow: [report, { width: 360, height: 1400 }],
    hold: [report, {}, (page) => page.locator('#verdict .fact', { hasText: 'Loop hold' }).click()],
    request: [report, {}, (page) => page.click('#grid .body .row'), 'e'],
    groups: [report, {}, (page) => page.click('#tab-groups')],
    latency: [report, { height: 1300 }, (page) => page.click('#tab-latency')],
    waits: [report, {}, (page) => page.click('#tab-waits')],
    two: [two, { width: 1600, height: 1100 }],
    large: [report, { width: 3840, height: 2160 }],
    empty: [bundled, {}],
};

for (const [name, [file, options, ...steps]] of Object.entries(VIEWS))
    test(`it looks as it did: ${name}`, async () => {
        const { page, context } = await open(browser, file, options);
        if (file !== bundled) await ready(page);
        if (file === two) await page.waitForSelector('#difference tbody tr');
        for (const step of steps) {
            if (typeof step === 'string') await page.keyboard.press(step);
            else await step(page);
            await settled(page);
        }
        await page.mouse.move(0, 0);
        await page.waitForTimeout(700); /* what is added up slowly is there */
        await settled(page);
        const now = await small(await page.screenshot());
        await context.close();
        const kept = path.join(HERE, 'look', `${name}.png`);
        if (process.env.LOOK === 'take') {
            fs.mkdirSync(path.dirname(kept), { recursive: true });
            fs.writeFileSync(kept, Buffer.from(now.png, 'base64'));
            return;
        }
        const was = await small(fs.readFileSync(kept));
        assert.deepEqual([now.w, now.h], [was.w, was.h]);
        const { mean, far } = apart(now, was);
        assert.ok(mean <= MEAN && far <= MOST, `${(far * 100).toFixed(1)} % of the pixels are others, ${mean.toFixed(1)} of 255 on average`);
    });

test('what looks otherwise is found', async () => {
    const { page, context } = await open(browser, report, {});
    await ready(page);
    const one = await small(await page.screenshot());
    await page.evaluate(() => (document.getElementById('overview').style.display = 'none'));
    await settled(page);
    const other = await small(await page.screenshot());
    await context.close();
    const { mean, far } = apart(one, other);
    assert.ok(mean > MEAN || far > MOST, `${far} ${mean}`);
});
