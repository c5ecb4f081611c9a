/*
 * Compares a report page with `report --json` of the same capture: every request, every column of
 * time, as a reader of the page finds them. Ends with 0 when all are equal.
 *
 *     node tests/viewer/check-report.mjs X.html X.report.json
 */
import fs from 'node:fs';
import { cellNs, launch, open, readTable, ready } from './browser.mjs';

/** @returns {Promise<string[]>} what is not equal */
export async function compare(browser, html, report) {
    const wrong = [];
    const differ = (what, page, json) => page !== json && wrong.push(`${what}: the page has ${JSON.stringify(page)}, the report ${JSON.stringify(json)}`);
    /* High, so that a large table takes few steps. */
    const { page, sins, context } = await open(browser, html, { width: 2600, height: 4000 });
    if ((await ready(page)) !== 'yes') wrong.push(`the page refuses its data: ${await page.textContent('#notices')}`);
    else {
        differ('threads', await page.evaluate(() => globalThis.waitscope.app.model.header.threads.length), report.processes.reduce((a, p) => a + p.threads.length, 0));
        await page.evaluate(() => globalThis.waitscope.app.model.header.processes.map((p) => p.verdict.text)).then((texts) =>
            report.processes.forEach((p, i) => p.verdict.text && differ(`verdict of ${p.pid}`, texts[i].join(' '), p.verdict.text.join(' '))),
        );
        const rows = report.requests.length ? await readTable(page) : [];
        differ('requests', rows.length, report.requests.length);
        const byId = new Map(rows.map((r) => [Number(r.cells.id.text.replace(/,/g, '')), r.cells]));
        for (const r of report.requests) {
            const cells = byId.get(r.id);
            if (!cells) {
                wrong.push(`request ${r.id} is not in the table`);
                continue;
            }
            const what = `request ${r.id}`;
            differ(`${what}, name`, cells.name.text.replace(/…$/, ''), r.name.replace(/…$/, '').slice(0, 1000));
            differ(`${what}, status`, cells.status.text, r.status ? String(r.status) : '–');
            for (const [key, ns] of [['dur', r.latency_ns], ['start', r.start_ns], ...Object.entries(r.ledger_ns)]) {
                if (!cells[key]) {
                    wrong.push(`${what}: no column ${key}`);
                    continue;
                }
                differ(`${what}, ${key}`, cells[key].ns, ns);
                if (Math.abs(cellNs(cells[key].text) - ns) > 500) wrong.push(`${what}, ${key}: the page says ${cells[key].text} ms for ${ns} ns`);
            }
        }
    }
    wrong.push(...sins);
    await context.close();
    return wrong;
}

if (process.argv[1] && process.argv[1].endsWith('check-report.mjs')) {
    const [html = process.env.HTML, json = process.env.REPORT] = process.argv.slice(2);
    if (!html || !json) {
        console.error('usage: node check-report.mjs X.html X.report.json');
        process.exit(2);
    }
    const browser = await launch();
    let wrong;
    try {
        wrong = await compare(browser, html, JSON.parse(fs.readFileSync(json, 'utf8')));
    } finally {
        await browser.close();
    }
    for (const w of wrong.slice(0, 20)) console.error(`check-report: ${w}`);
    if (wrong.length > 20) console.error(`check-report: and ${wrong.length - 20} more`);
    process.exit(wrong.length ? 1 : 0);
}
