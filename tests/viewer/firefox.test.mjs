/* The page once in Firefox, from file://: it reads, draws, answers the hand, and says nothing wrong. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import puppeteer from 'puppeteer-core';
import { bundleIn, scratch } from './browser.mjs';
import { elements, LEDGER, page as reportPage, text, world } from './make.mjs';

const dir = scratch();
const bundled = bundleIn(dir);
const w = world({ requests: 150 });
const report = path.join(dir, 'report.html');
fs.writeFileSync(report, reportPage(fs.readFileSync(bundled, 'utf8'), text(elements(w))));
fs.writeFileSync(path.join(dir, 'cut.json'), text(elements(w)).slice(0, -20000));

/** @type {import('puppeteer-core').Browser} */
let browser;
before(async () => {
    browser = await puppeteer.launch({ browser: 'firefox', executablePath: process.env.FIREFOX || '/usr/bin/firefox-esr', headless: true });
});
after(async () => {
    await browser.close();
    fs.rmSync(dir, { recursive: true });
});

async function open(file) {
    const page = await browser.newPage();
    const sins = [];
    page.on('console', (m) => ['error', 'warn'].includes(m.type()) && sins.push(`console: ${m.text()}`));
    page.on('pageerror', (e) => sins.push(`page error: ${e.message}`));
    page.on('request', (r) => !/^(file|blob|data):/.test(r.url()) && sins.push(`request for ${r.url()}`));
    await page.setViewport({ width: 1400, height: 900 });
    await page.goto(pathToFileURL(file).href);
    await page.waitForFunction(() => document.body.dataset.up);
    return { page, sins };
}

const ready = (page, how) => page.waitForFunction((want) => document.documentElement.dataset.ready === want, { timeout: 30000 }, how);
const frame = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0)))));

test('a report reads in Firefox, with the figures of its data', async () => {
    const { page, sins } = await open(report);
    await ready(page, 'yes');
    await frame(page);
    assert.match(await page.$eval('#found', (e) => e.textContent), new RegExp(`${w.reqs.length} requests`));
    const rows = await page.$$eval('#grid .body .row:not([hidden])', (list) => list.map((r) => ({ request: Number(r.dataset.request), cells: [...r.children].map((c) => [c.dataset.key, Number(c.dataset.ns)]) })));
    assert.ok(rows.length > 3);
    for (const { request, cells } of rows)
        for (const [key, ns] of cells) {
            const k = LEDGER.indexOf(key);
            if (k >= 0) assert.equal(ns, w.reqs[request].segs.reduce((a, s) => a + (s.key === k ? s.dt : 0), 0));
        }
    /* Drawn: not one colour alone. */
    const colours = await page.$eval('#picture', (c) => {
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return new Set(new Uint32Array(d.buffer)).size;
    });
    assert.ok(colours > 8, `${colours} colours`);
    assert.deepEqual(sins, []);
    await page.close();
});

test('the hand works in Firefox: keys, a click, the filter, a selection', async () => {
    const { page, sins } = await open(report);
    await ready(page, 'yes');
    const view = () => page.evaluate(() => window.waitscope.app.view);
    const all = await view();
    await page.keyboard.press('KeyW');
    const v = await view();
    assert.ok(v.t1 - v.t0 < all.t1 - all.t0);
    await page.keyboard.press('0');
    await page.click('#grid .body .row');
    await frame(page);
    assert.equal(await page.evaluate(() => window.waitscope.app.selection.kind), 'request');
    assert.match(await page.$eval('#details', (e) => e.textContent), /where it went/);
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('status:200');
    await page.waitForFunction(() => window.waitscope.app.matches, { timeout: 5000 });
    assert.equal(await page.evaluate(() => window.waitscope.app.matches.length), w.reqs.filter((r) => r.status === 200).length);
    assert.deepEqual(sins, []);
    await page.close();
});

test('a cut file shows in Firefox what could be read', async () => {
    const { page, sins } = await open(bundled);
    const input = await page.$('#file');
    await input.uploadFile(path.join(dir, 'cut.json'));
    await ready(page, 'yes');
    assert.match(await page.$eval('#notices', (e) => e.textContent), /ends early/);
    assert.deepEqual(sins, []);
    await page.close();
});
