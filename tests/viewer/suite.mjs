/* What the tests of the page share: its bundle, a Chromium, and pages that must not have sinned. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';
import zlib from 'node:zlib';
import { bundleIn, launch, open, ready, scratch } from './browser.mjs';
import { page as reportPage, text } from './make.mjs';

export const dir = scratch();
export const bundled = bundleIn(dir);
export const bundle = fs.readFileSync(bundled, 'utf8');

export const browser = await launch();
after(async () => {
    await browser.close();
    fs.rmSync(dir, { recursive: true });
});

/** The report page of elements. @param {string} name @param {any[]} list */
export function reportOf(name, list) {
    const file = path.join(dir, `${name}.html`);
    fs.writeFileSync(file, reportPage(bundle, text(list)));
    return file;
}

/** The page of `waitscope diff -o`. @param {string} name @param {string} a a timeline @param {string} b */
export function pageOfTwo(name, a, b, names = ['before.wsc', 'after.wsc']) {
    const file = path.join(dir, `${name}.html`);
    const escaped = names.map((s) => s.replace(/&/g, '&amp;').replace(/"/g, '&quot;'));
    const data = [a, b].map((s, i) => `<script type="application/x-waitscope" id="waitscope-data${i ? '-b' : ''}" data-name="${escaped[i]}">${zlib.gzipSync(s).toString('base64')}</script>`);
    fs.writeFileSync(file, bundle.replace('<!--waitscope-data-->', () => data.join('')));
    return file;
}

/**
 * Tests with a page each, which must not have sinned at the end.
 * @param {string} usual the file that is opened where the options name none
 * @param {(page: import('playwright-core').Page, options: any, sins: string[]) => Promise<void>} [prepare]
 *     until it may be used
 */
export function pages(usual, prepare = read) {
    /** @param {string} name @param {any} options of open(), and file
     * @param {(page: import('playwright-core').Page) => Promise<void>} body */
    return (name, options, body) =>
        test(name, async () => {
            const { page, sins, context } = await open(browser, options.file || usual, options);
            try {
                await prepare(page, options, sins);
                await body(page);
                assert.deepEqual(sins, []);
            } finally {
                await context.close();
            }
        });
}

/** Its timeline was read, unless it is to be opened bare. */
async function read(page, options) {
    if (!options.bare) assert.equal(await ready(page), 'yes');
}
