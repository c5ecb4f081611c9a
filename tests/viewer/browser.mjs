/*
 * A real Chromium, opened from file://, that reports all that a page must not do: an error, or a
 * request for anything but the page itself.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

export const HERE = path.dirname(new URL(import.meta.url).pathname);
export const VIEWER = path.join(HERE, '../../viewer');

/** Started once; each page gets a context of its own. */
export async function launch() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
        args: [
            '--no-sandbox',
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
        ],
    });
}

/**
 * Opens a page and watches it. `sins` fills with what it should not have done.
 * @param {import('playwright-core').Browser} browser
 * @param {string} file
 */
export async function open(browser, file, options = {}) {
    const { width = 1440, height = 900, scheme = 'light', touch = false, before } = options;
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, hasTouch: touch, locale: 'en-GB' });
    const page = await context.newPage();
    const sins = [];
    const own = pathToFileURL(path.resolve(file)).href;
    const folder = own.slice(0, own.lastIndexOf('/') + 1);
    page.on('console', (m) => ['error', 'warning'].includes(m.type()) && sins.push(`console ${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => sins.push(`page error: ${e.message}`));
    await context.route('**', (route) => {
        const url = route.request().url().split('#')[0];
        /* index.html has its scripts and its style beside it; a report has nothing. */
        const beside = options.beside && url.startsWith(folder) && /^[a-z.]+$/.test(url.slice(folder.length));
        if (url === own || beside) return route.continue();
        sins.push(`request for ${url}`);
        return route.abort();
    });
    page.on('request', (r) => {
        if (!/^(file|blob|data):/.test(r.url())) sins.push(`request for ${r.url()}`);
    });
    if (before) await page.addInitScript(before);
    await page.goto(own);
    await started(page);
    return { page, sins, context };
}

/** The page's scripts have run: they are unpacked behind its load. @param {import('playwright-core').Page} page */
export async function started(page) {
    await page.waitForFunction(() => document.body && document.body.dataset.up);
}

/** Waits until a timeline was read, or refused. @param {import('playwright-core').Page} page */
export async function ready(page) {
    await page.waitForFunction(() => ['yes', 'refused'].includes(document.documentElement.dataset.ready || ''), null, { timeout: 30000 });
    await settled(page);
    return page.evaluate(() => document.documentElement.dataset.ready);
}

/** Two frames later, or as many as it takes until all is drawn. @param {import('playwright-core').Page} page */
export async function settled(page) {
    await page.evaluate(
        () =>
            new Promise((done) => {
                const look = () => (!globalThis.waitscope || globalThis.waitscope.app.idle ? done(0) : requestAnimationFrame(look));
                requestAnimationFrame(() => requestAnimationFrame(look));
            }),
    );
}

/** Drops a file on the page as a hand would. @param {import('playwright-core').Page} page
 * @param {string} name @param {Buffer | string} bytes */
export async function drop(page, name, bytes) {
    const base64 = Buffer.from(bytes).toString('base64');
    await page.evaluate(
        ([n, b]) => {
            document.documentElement.dataset.ready = 'no';
            const raw = Uint8Array.from(atob(b), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([raw], n));
            for (const type of ['dragenter', 'dragover', 'drop'])
                document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
        },
        [name, base64],
    );
}

/** The page in one file, as the program carries it. @param {string} dir */
export function bundleIn(dir) {
    const file = path.join(dir, 'page.html');
    execFileSync(path.join(VIEWER, 'bundle.sh'), [file]);
    return file;
}

/** What axe finds wrong; it comes in through the debugger, past the page's policy.
 * @param {import('playwright-core').Page} page */
export async function violations(page) {
    const client = await page.context().newCDPSession(page);
    await client.send('Runtime.evaluate', { expression: fs.readFileSync(path.join(HERE, 'node_modules/axe-core/axe.min.js'), 'utf8') });
    const r = await client.send('Runtime.evaluate', { expression: 'axe.run(document, { resultTypes: ["violations"] }).then((r) => JSON.stringify(r.violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 160) + " " + n.failureSummary)])))', awaitPromise: true, returnByValue: true });
    if (!r.result.value) throw new Error(JSON.stringify(r));
    return JSON.parse(r.result.value);
}

/** A folder for what a run makes. */
export function scratch() {
    return fs.mkdtempSync(path.join(os.tmpdir(), 'waitscope-viewer-'));
}

/**
 * All rows of the table of requests, read from the page as a reader would by scrolling.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<{request: number, cells: Record<string, {text: string, ns: number | null}>}[]>}
 */
export async function readTable(page) {
    return page.evaluate(async () => {
        const grid = document.getElementById('grid');
        const rows = new Map();
        const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))));
        for (let top = 0; ; top += Math.max(grid.clientHeight - 90, 60)) {
            grid.scrollTop = top;
            await frame();
            for (const row of grid.querySelectorAll('.body .row:not([hidden])')) {
                const cells = {};
                for (const cell of row.children)
                    cells[cell.dataset.key] = { text: cell.textContent, ns: cell.dataset.ns === undefined ? null : Number(cell.dataset.ns) };
                rows.set(Number(row.dataset.at), { request: Number(row.dataset.request), cells });
            }
            if (top + grid.clientHeight >= grid.scrollHeight) break;
        }
        grid.scrollTop = 0;
        await frame();
        return [...rows.keys()].sort((a, b) => a - b).map((k) => rows.get(k));
    });
}

/** What the text of a cell says, in nanoseconds rounded to the microsecond. @param {string} s */
export function cellNs(s) {
    return Math.round(Number(s.replace(/,/g, '')) * 1000) * 1000;
}
