/* The hand: links, the way back, marks, going to things, fingers; and what is exported. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { drop, open, ready, settled, violations } from './browser.mjs';
import { elements, LEDGER, page as reportPage, STATES, text, world } from './make.mjs';
import { load, modelOf, ws } from './pure.mjs';
import { browser, bundle, dir, pages, reportOf } from './suite.mjs';

const w = world({ requests: 120 });
const json = text(elements(w));
const report = reportOf('shop report', elements(w));

/** Options beside open()'s: hash, the address to come with; both, so that both views stay. */
const pageTest = pages(report, async (page, options, sins) => {
    if (options.hash !== undefined) {
        /* Another # alone does not load a page anew: the way leads over an empty one. */
        const url = page.url() + options.hash;
        await page.goto('about:blank');
        await page.goto(url);
        sins.splice(0, sins.length, ...sins.filter((s) => !s.endsWith('about:blank')));
    }
    assert.equal(await ready(page), 'yes');
    if (!options.both) await page.evaluate(() => globalThis.waitscope.app.how.show === 'both' && globalThis.waitscope.app.setShow('threads'));
});

const view = (page) => page.evaluate(() => globalThis.waitscope.app.view);
const selection = (page) => page.evaluate(() => globalThis.waitscope.app.selection);
const fragment = async (page) => {
    await page.waitForTimeout(600);
    return page.evaluate(() => globalThis.location.hash);
};
const latencyOf = (r) => r.segs.reduce((a, s) => a + s.dt, 0);
const near = (a, b, by) => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b} ± ${by}`);
const STATE_KEYS = ['running', 'runnable', 'blocked', 'yielded', 'lock', 'sleep', 'fault', 'other', 'unknown'];

/** Where a lane stands on the screen. */
const laneBox = (page, thread) =>
    page.evaluate((t) => {
        const box = document.getElementById('lanes');
        const lane = globalThis.waitscope.app.lanes.lanes.find((l) => l.thread === t);
        const r = box.getBoundingClientRect();
        const left = box.clientWidth < 620 ? 96 : 184;
        return { x: r.left + left, y: r.top + 26 + lane.y - box.scrollTop + lane.h / 2, w: box.clientWidth - left, left: r.left, top: r.top };
    }, thread);

/** The exact time per state of a thread between two moments, as make.mjs has it. */
function truth(thread, t0, t1) {
    const out = {};
    let at = 0;
    for (const iv of w.threads[thread].iv) {
        const ns = Math.min(t1, at + iv.dt) - Math.max(t0, at);
        const key = iv.flags & 1 ? 'idle' : STATE_KEYS[iv.state];
        if (ns > 0) out[key] = (out[key] || 0) + ns;
        at += iv.dt;
    }
    return out;
}

/* ---- the address */

const PLACE = {
    of: 'k3x9', t: { t0: 12500000, t1: 80000001 }, q: 'blocked>5ms "a&b=c#d" -name:/é', sort: 'dur', v: 'threads', by: 'name', x: '9', folds: ['p0 requests', 'p,1'], y: 't3',
    r: '127', h: '', i: { thread: '4711', t: 123456789 }, a: { t0: 1, t1: 9007199254, lanes: ['t1', 'r2,3@x'] },
    marks: [{ letter: 'B', t0: 5, t1: 5, name: 'x:y,z@%&#' }, { letter: 'A', t0: 20000000, t1: 30000000, name: '' }],
};

test('a place is written and read back the same', () => {
    const s = ws.hash.text(PLACE);
    assert.deepEqual(ws.hash.parse(s), PLACE);
    assert.match(s, /^#of=k3x9&t=12\.5ms\.\.80\.000001ms&q=blocked%3E5ms/);
    assert.match(s, /^[#\w&=.:/@,~%-]*$/, 'nothing that a browser or a mail program would change');
    assert.equal(ws.hash.text(ws.hash.parse('')), '', 'nothing to say, nothing said');
    assert.equal(ws.hash.parse('#q=blocked>5ms&t=1s..2s').q, 'blocked>5ms', 'by hand');
    assert.deepEqual(ws.hash.parse('#t=1s..2s').t, { t0: 1e9, t1: 2e9 });
});

test('what is written behind the # does no harm, whatever it is', () => {
    const empty = ws.hash.parse('');
    for (const s of ['#', '#####', '#t=2ms..1ms', '#t=-1ms..5ms', '#t=NaN..NaN', '#t=1e999..2', '#t=99999999999999999999s', '#i=x@1ms', '#i=5@', '#a=@', '#a=1ms', '#m=A', '#m=aa@1ms', '#__proto__=1&constructor=2', '#q=%', '#q=%E0%A4%A', '#=1&=&&&', '#zzz=1'])
        assert.deepEqual(ws.hash.parse(s), empty, s);
    const long = ws.hash.parse(`#q=${'x'.repeat(1e5)}&folds=${'a,'.repeat(1e5)}&m=${Array.from({ length: 1e4 }, (_, i) => `A@${i}ms:${'n'.repeat(500)}`)}`);
    assert.ok(long.q.length <= 2000 && long.folds.length <= 2000 && long.marks.length <= 26 && long.marks[0].name.length <= 80);
    let z = 1;
    const pieces = ['#', '&', '=', 't', 'q', 'm', 'a', 'i', '..', 'ms', '@', ',', ':', '%', '%2', '1', '9e9', '\ud800', '\u202e', '\0', 'é', '~'];
    for (let n = 0; n < 3000; n++) {
        let s = '';
        for (let k = 0; k < 12; k++) s += pieces[(z = (z * 48271) % 2147483647) % pieces.length];
        const p = ws.hash.parse(s);
        assert.deepEqual(ws.hash.parse(ws.hash.text(p)).marks, p.marks, s);
    }
});

test('file names are clean', () => {
    assert.equal(ws.hash.fileName('../../etc/pass wd\0', null, 'png'), 'etc-pass-wd.png');
    assert.equal(ws.hash.fileName('', { t0: 12.5e6, t1: 8e7 }, 'svg'), 'waitscope-12.5ms-80ms.svg');
    assert.equal(ws.hash.fileName('größe'.repeat(40), null, 'json').length, 85);
});

pageTest('window, choice, filter, sort, folds and marks live in the address, and a reload shows them again', { height: 1200, both: true }, async (page) => {
    assert.equal(await fragment(page), '', 'nothing was changed');
    await page.keyboard.press('+');
    await page.keyboard.press('d');
    await page.fill('#query', 'blocked>1ms');
    await page.click('#grid .head [data-key="dur"] button');
    await page.waitForTimeout(200);
    await page.click('#grid .body .row[data-at="2"]');
    await page.focus('#lanes');
    await page.keyboard.press('m');
    await page.keyboard.press('m');
    await page.keyboard.type('the, slow & <b>one</b>');
    await page.keyboard.press('Enter');
    for (let i = 0; i < 2; i++) await page.keyboard.press('ArrowDown');
    await page.evaluate(() => globalThis.waitscope.app.toggle('p0 worker'));
    const now = () =>
        page.evaluate(() => {
            const { app, table, marks } = globalThis.waitscope;
            return { view: [Math.round(app.view.t0), Math.round(app.view.t1)], s: app.selection, q: app.query, box: document.getElementById('query').value, found: document.getElementById('found').textContent, sort: table.sort, folds: [...app.toggled], marks: marks.list(), first: document.querySelector('#grid .row[data-at="0"]').dataset.request };
        });
    const hash = await fragment(page);
    const a = await now();
    assert.match(hash, /^#of=\w+&t=[\d.]+ms\.\.[\d.]+ms&q=blocked%3E1ms&sort=-dur&folds=p0%20worker&/);
    assert.match(hash, new RegExp(`&r=${w.reqs[a.s.request].id}&`));
    await page.reload();
    await ready(page);
    await page.waitForTimeout(300);
    assert.deepEqual(await now(), a);
    assert.equal(await fragment(page), hash);
    await page.keyboard.press('Escape');
    assert.ok(!/&r=/.test(await fragment(page)), 'what is let go of leaves the address');
});

pageTest('an interval, a thread and an area come back too', {}, async (page) => {
    const choices = [
        { kind: 'interval', thread: 2, index: 17 },
        { kind: 'thread', thread: 4 },
        { kind: 'area', t0: 30000000, t1: 95000000, lanes: ['t1', 't2', 'r0'] },
    ];
    for (const c of choices) {
        await page.evaluate((s) => globalThis.waitscope.app.select(s, s.kind !== 'area'), c);
        await fragment(page);
        const v = await view(page);
        await page.reload();
        await ready(page);
        assert.deepEqual(await selection(page), c);
        near((await view(page)).t0, v.t0, 1);
    }
    assert.match(await page.textContent('#details'), /65\.000000 ms|65\.0 ms selected/);
});

pageTest('lanes that were scrolled to are there again', { height: 700 }, async (page) => {
    const top = () => page.evaluate(() => document.getElementById('lanes').scrollTop);
    await page.evaluate(() => (document.getElementById('lanes').scrollTop = 130));
    assert.match(await fragment(page), /&y=t\d/);
    await page.reload();
    await ready(page);
    near(await top(), 130, 20);
    assert.ok((await top()) > 0);
});

pageTest('a link written by hand leads to a request and brings it into the picture', { hash: '#r=100' }, async (page) => {
    assert.deepEqual(await selection(page), { kind: 'request', request: 99 });
    const r = w.reqs[99];
    const v = await view(page);
    assert.ok(v.t0 <= r.start && v.t1 >= r.start + latencyOf(r) && v.t1 - v.t0 < w.end / 2);
});

pageTest('numbers out of range are clamped, what does not exist is nothing', { hash: '#t=1ms..99999s&r=987654&i=4711@99s&h=~1.5&sort=nosuch&folds=nosuch&y=nosuch&m=A@88s&x=1' }, async (page) => {
    const v = await view(page);
    near(v.t1, w.end, 1);
    assert.ok(v.t0 >= 0);
    assert.equal((await page.evaluate(() => globalThis.waitscope.marks.list()))[0].t0, w.end);
    assert.equal(await page.getAttribute('#grid .head [data-key="blocked"]', 'aria-sort'), 'descending');
    assert.equal(await page.textContent('#notices'), '');
    assert.equal(await selection(page), null);
});

pageTest('the view, the names and a request’s threads come back too', { both: true }, async (page) => {
    await page.evaluate(() => globalThis.waitscope.app.select({ kind: 'request', request: 40 }, true));
    for (const key of ['v', 'b', 'e']) await page.keyboard.press(key);
    await page.waitForFunction(() => globalThis.waitscope.app.model.pack.sections);
    const said = await fragment(page);
    assert.match(said, /&v=requests&by=name&x=\d+/);
    await page.reload();
    await ready(page);
    await page.waitForFunction(() => globalThis.waitscope.app.model.pack.sections);
    await settled(page);
    assert.deepEqual(await page.evaluate(() => globalThis.waitscope.app.how), { show: 'requests', named: true, opened: 40 });
    assert.ok(await page.evaluate(() => globalThis.waitscope.app.lanes.lanes.some((l) => l.of === 40)));
    assert.equal(await fragment(page), said);
});

pageTest('a changed address is followed', {}, async (page) => {
    await page.evaluate(() => (globalThis.location.hash = '#t=50ms..60ms&q=status:500'));
    await page.waitForTimeout(400);
    assert.deepEqual(await view(page), { t0: 50e6, t1: 60e6 });
    const want = w.reqs.filter((r) => r.status === 500).length;
    assert.equal(await page.textContent('#found'), `${want} of ${w.reqs.length} requests`);
    await page.keyboard.press('Backspace');
    assert.deepEqual(await view(page), { t0: 0, t1: w.end }, 'and can be undone');
});

pageTest('a link into another recording is not applied, and that is said', { hash: '#of=zzz9&t=50ms..60ms&r=5', both: true }, async (page) => {
    assert.deepEqual(await view(page), { t0: 0, t1: w.end });
    assert.equal(await selection(page), null);
    assert.match(await page.textContent('#notices'), /another recording/);
    assert.equal(await fragment(page), '#of=zzz9&t=50ms..60ms&r=5', 'it stays until the reader moves');
    await page.keyboard.press('+');
    assert.match(await fragment(page), /^#of=(?!zzz9)\w+&t=/);
});

pageTest('a file that is dropped over another does not take its place in the address', { both: true }, async (page) => {
    await page.keyboard.press('+');
    await fragment(page);
    const other = world({ requests: 20, seed: 3 });
    await drop(page, 'other.json', text(elements(other)));
    await ready(page);
    assert.deepEqual(await view(page), { t0: 0, t1: other.end });
    assert.equal(await page.textContent('#notices'), '');
    assert.equal(await fragment(page), '');
});

/* ---- the way back */

pageTest('Z and Backspace go back through the windows, Shift+Z forth; a gesture is one step', {}, async (page) => {
    const full = await view(page);
    assert.ok(await page.isDisabled('#undo'));
    await page.keyboard.press('+');
    const one = await view(page);
    await page.keyboard.press('d');
    const two = await view(page);
    const b = await laneBox(page, 1);
    await page.mouse.move(b.x + 300, b.y);
    await page.waitForTimeout(400);
    await page.keyboard.down('Control');
    for (let i = 0; i < 5; i++) await page.mouse.wheel(0, -100);
    await page.keyboard.up('Control');
    await settled(page);
    await page.waitForTimeout(450);
    const three = await view(page);
    assert.ok(three.t1 - three.t0 < two.t1 - two.t0);
    await page.keyboard.down('Shift');
    await page.mouse.down();
    for (const x of [280, 220, 150]) {
        await page.mouse.move(b.x + x, b.y);
        await page.waitForTimeout(420); /* a slow hand is one hand */
    }
    await page.mouse.up();
    await page.keyboard.up('Shift');
    const four = await view(page);
    assert.ok(four.t0 > three.t0);
    await page.keyboard.press('Backspace');
    assert.deepEqual(await view(page), three);
    await page.keyboard.press('z');
    assert.deepEqual(await view(page), two);
    await page.click('#undo');
    assert.deepEqual(await view(page), one);
    await page.keyboard.press('z');
    assert.deepEqual(await view(page), full);
    await page.keyboard.press('z');
    assert.deepEqual(await view(page), full);
    assert.match(await page.textContent('#live'), /No window before/);
    for (const v of [one, two, three, four]) {
        await page.keyboard.press('Shift+Z');
        assert.deepEqual(await view(page), v);
    }
    await page.keyboard.press('z');
    await page.keyboard.press('-');
    assert.ok(await page.isDisabled('#redo'), 'a new way forgets the old one');
});

pageTest('N and Shift+N go through the requests that fit, in time order', {}, async (page) => {
    await page.fill('#query', 'status:500');
    await page.waitForTimeout(250);
    await page.focus('#lanes');
    const want = w.reqs.filter((r) => r.status === 500).map((r) => r.id - 1);
    assert.ok(want.length >= 2);
    for (const request of want) {
        await page.keyboard.press('n');
        assert.deepEqual(await selection(page), { kind: 'request', request });
    }
    await settled(page);
    await page.keyboard.press('n');
    assert.match(await page.textContent('#live'), /No later request fits/);
    await page.keyboard.press('Shift+N');
    assert.equal((await selection(page)).request, want[want.length - 2]);
});

/* ---- marks */

pageTest('M marks; [ and ] lead there; the list tells the time between; names are text', {}, async (page) => {
    const b = await laneBox(page, 1);
    await page.mouse.move(b.x + b.w / 4, b.y);
    await page.keyboard.press('m');
    await page.mouse.move(b.x + b.w / 2, b.y);
    await page.keyboard.press('m');
    await page.click('#grid .body .row[data-at="0"]');
    await settled(page);
    const r = w.reqs[(await selection(page)).request];
    await page.focus('#lanes');
    await page.keyboard.press('m');
    const marks = await page.evaluate(() => globalThis.waitscope.marks.list());
    assert.deepEqual(marks.map((m) => m.letter).sort(), ['A', 'B', 'C']);
    const [A, B, C] = ['A', 'B', 'C'].map((l) => marks.find((m) => m.letter === l));
    near(A.t0, w.end / 4, w.end / b.w);
    assert.deepEqual([C.t0, C.t1], [r.start, r.start + latencyOf(r)]);
    const time = (ns) => page.evaluate((v) => globalThis.waitscope.format.time(v), ns);
    const item = (l) => page.textContent(`#marks [data-letter="${l}"]`);
    assert.ok((await item('B')).includes(`+${await time(B.t0 - A.t0)} from A`), await item('B'));
    assert.ok((await item('C')).includes(`${await time(latencyOf(r))} long`));
    /* From another one: any pair can be told. */
    await page.click('#marks [data-letter="B"] button');
    assert.ok((await item('A')).includes(`${await time(A.t0 - B.t0)} from B`), await item('A'));
    const order = marks.map((m) => m.letter);
    await page.focus('#lanes');
    await page.keyboard.press(']');
    assert.match(await page.textContent('#live'), new RegExp(`^Mark ${order[(order.indexOf('B') + 1) % 3]}`));
    await page.keyboard.press('[');
    assert.match(await page.textContent('#live'), /^Mark B/);
    const v = await view(page);
    assert.ok(v.t0 <= B.t0 && v.t1 >= B.t0);
    const name = '<img src=x onerror=alert(1)>';
    await page.fill('#marks [data-letter="B"] input', name);
    await page.focus('#marks [data-letter="B"] input');
    const still = await view(page);
    await page.keyboard.type('wsd');
    assert.deepEqual(await view(page), still, 'letters are letters in a name');
    assert.equal(await page.evaluate(() => document.images.length), 0);
    await page.keyboard.press('Enter');
    await page.click('#marks [data-letter="A"] button:last-child');
    assert.equal((await page.evaluate(() => globalThis.waitscope.marks.list())).length, 2);
    assert.equal(await page.locator('#marks li').count(), 2);
});

pageTest('a mark is drawn through ruler and lanes', {}, async (page) => {
    const b = await laneBox(page, 1);
    const column = () =>
        page.evaluate((x) => {
            const c = document.getElementById('overlay');
            const px = c.getContext('2d').getImageData(x, 0, 41, c.height).data;
            const share = (at) => {
                let n = 0;
                for (let i = 4 * at + 3; i < px.length; i += 4 * 41) if (px[i] > 250) n++;
                return n / c.height;
            };
            return [share(0), share(40)];
        }, 184 + Math.round(b.w / 2));
    await page.mouse.move(5, 5);
    await page.keyboard.press('m');
    await settled(page);
    assert.deepEqual(await column(), [1, 0]);
});

/* ---- going to things */

pageTest('G finds threads, requests, objects and calls, and goes there', {}, async (page) => {
    const seek = async (what) => {
        await page.keyboard.press('g');
        assert.ok(await page.isVisible('#seek-text'));
        await page.fill('#seek-text', what);
        await settled(page);
        const on = await page.getAttribute('#seek-text', 'aria-activedescendant');
        assert.equal(await page.getAttribute(`#${on}`, 'aria-selected'), 'true');
        await page.keyboard.press('Enter');
        assert.ok(await page.isHidden('#seek'));
        return selection(page);
    };
    const v = await view(page);
    assert.deepEqual(await seek('gateway 5808'), { kind: 'thread', thread: 8 });
    assert.deepEqual(await view(page), v, 'its letters were no keys');
    const r = w.reqs[77];
    assert.deepEqual(await seek(`${w.strings[r.name].toUpperCase()} #${r.id}`), { kind: 'request', request: 77 });
    /* An object or call: its longest wait, idle ones aside. */
    const longest = (fits) => {
        let best = { ns: 0 };
        w.threads.forEach((t, thread) => t.iv.forEach((iv, index) => iv.dt > best.ns && !(iv.flags & 1) && fits(iv) && (best = { ns: iv.dt, thread, index })));
        return { kind: 'interval', thread: best.thread, index: best.index };
    };
    assert.deepEqual(await seek('10.0.0.9:5432'), longest((iv) => iv.state === 2 && iv.object > 0 && w.strings[w.objects[iv.object - 1].name] === '10.0.0.9:5432'));
    assert.deepEqual(await seek('recvfr'), longest((iv) => iv.call === w.calls.recvfrom && iv.state >= 2));
    assert.deepEqual(await seek('epoll_wait'), longest((iv) => iv.call === w.calls.epoll_wait && iv.state >= 2));
    await page.keyboard.press('g');
    await page.fill('#seek-text', 'no such thing at all');
    await settled(page);
    assert.match(await page.textContent('#seek-none'), /Nothing is called that/);
    await page.keyboard.press('Escape');
    assert.ok(await page.isHidden('#seek'));
});

/* ---- pointer and fingers */

pageTest('the middle button pans, a tilted wheel too; a double click zooms to what is there', {}, async (page) => {
    await page.keyboard.press('+');
    await page.keyboard.press('+');
    const b = await laneBox(page, 2);
    const a = await view(page);
    await page.mouse.move(b.x + 400, b.y);
    await page.mouse.down({ button: 'middle' });
    await page.mouse.move(b.x + 300, b.y, { steps: 3 });
    await page.mouse.up({ button: 'middle' });
    const c = await view(page);
    near(c.t0 - a.t0, (100 / b.w) * (a.t1 - a.t0), ((a.t1 - a.t0) / b.w) * 2);
    await page.mouse.click(b.x + 300, b.y, { button: 'middle' });
    assert.equal(await selection(page), null);
    await page.mouse.wheel(60, 0);
    await settled(page);
    assert.ok((await view(page)).t0 > c.t0);
    await page.mouse.dblclick(b.x + 200, b.y);
    const s = await selection(page);
    assert.equal(s.kind, 'interval');
    const from = w.threads[2].iv.slice(0, s.index).reduce((x, iv) => x + iv.dt, 0);
    const v = await view(page);
    assert.ok(v.t0 <= from && v.t1 >= from + w.threads[2].iv[s.index].dt && v.t1 - v.t0 < 1.5 * w.threads[2].iv[s.index].dt + 1000);
    const before2 = await view(page);
    await page.mouse.dblclick(b.left + 40, b.y);
    assert.deepEqual(await view(page), before2, 'a name is no place in time');
});

const touch = async (page) => {
    const client = await page.context().newCDPSession(page);
    return (type, points) => client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
};

pageTest('two fingers hold the moment between them, wherever they go', { touch: true, width: 800 }, async (page) => {
    await page.keyboard.press('+');
    const b = await laneBox(page, 1);
    const t = await touch(page);
    const timeAt = async (x) => {
        const v = await view(page);
        return v.t0 + ((x - b.x) / b.w) * (v.t1 - v.t0);
    };
    await t('touchStart', [[b.x + 200, b.y], [b.x + 300, b.y]]);
    const a = await view(page);
    const held = await timeAt(b.x + 250);
    await t('touchMove', [[b.x + 190, b.y], [b.x + 330, b.y]]);
    await t('touchMove', [[b.x + 220, b.y], [b.x + 420, b.y]]);
    const v = await view(page);
    near(v.t1 - v.t0, (a.t1 - a.t0) / 2, (a.t1 - a.t0) / 100);
    near(await timeAt(b.x + 320), held, (v.t1 - v.t0) / b.w);
    await t('touchMove', [[b.x + 220, b.y]]); /* the other one is lifted */
    await t('touchMove', [[b.x + 180, b.y]]);
    await t('touchEnd', []);
    assert.ok((await view(page)).t0 > v.t0, 'the finger that stays pans');
    assert.equal(await selection(page), null);
});

pageTest('one finger scrolls up and down as everywhere, and what is flung runs on', { touch: true, width: 1100, height: 1000 }, async (page) => {
    await page.keyboard.press('+');
    await page.keyboard.press('+');
    const b = await laneBox(page, 1);
    const t = await touch(page);
    const v = await view(page);
    const scrolled = () => page.evaluate(() => document.getElementById('lanes').scrollTop);
    const top = await scrolled();
    const y = b.y + 40;
    await t('touchStart', [[b.x + 200, y]]);
    for (let i = 1; i <= 8; i++) await t('touchMove', [[b.x + 200, y - i * 12]]);
    await t('touchEnd', []);
    await page.waitForTimeout(300);
    assert.ok((await scrolled()) > top + 20);
    assert.deepEqual(await view(page), v);
    const c = await laneBox(page, 3);
    const level = c.top + 90;
    await t('touchStart', [[c.x + 400, level]]);
    for (let i = 1; i <= 6; i++) {
        await t('touchMove', [[c.x + 400 - i * 30, level]]);
        await page.waitForTimeout(12);
    }
    await t('touchEnd', []);
    const left = await view(page);
    assert.ok(left.t0 > v.t0);
    await page.waitForTimeout(200);
    assert.ok((await view(page)).t0 > left.t0, 'it runs on');
});

pageTest('a long press tells what is there, and chooses nothing', { touch: true, width: 800 }, async (page) => {
    const b = await laneBox(page, 2);
    const t = await touch(page);
    await t('touchStart', [[b.x + 200, b.y]]);
    await page.waitForTimeout(700);
    assert.match(await page.textContent('#tip'), /shop-worker/);
    await t('touchEnd', []);
    await settled(page);
    assert.ok(await page.isVisible('#tip'), 'it can be read when the finger is away');
    assert.equal(await selection(page), null);
    await t('touchStart', [[b.x + 220, b.y]]);
    await t('touchEnd', []);
    assert.ok(await page.isHidden('#tip'));
    assert.notEqual(await selection(page), null);
});

/* ---- what leaves the page */

/** Clicks in the menu and gives the name and bytes of the download. */
async function saved(page, id) {
    await page.focus('#lanes');
    await page.keyboard.press('x');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${id}`)]);
    const bytes = fs.readFileSync(await download.path());
    await page.waitForFunction(() => /^Saved/.test(document.getElementById('saved').textContent));
    await page.keyboard.press('Escape');
    assert.equal(await page.getAttribute('#export', 'open'), null, 'Esc closes the menu');
    return { name: download.suggestedFilename(), bytes };
}

for (const scheme of ['light', 'dark'])
    pageTest(`the PNG is the picture, at twice its size: ${scheme}`, { scheme, width: 1300 }, async (page) => {
        const { name, bytes } = await saved(page, 'save-png');
        assert.equal(name, 'shop-report.png');
        const screen = await page.evaluate(() => document.getElementById('picture').width);
        const got = await page.evaluate(
            async ([base64, thread]) => {
                const raw = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
                const bitmap = await globalThis.createImageBitmap(new Blob([raw], { type: 'image/png' }));
                const c = document.createElement('canvas');
                [c.width, c.height] = [bitmap.width, bitmap.height];
                const ctx = c.getContext('2d');
                ctx.drawImage(bitmap, 0, 0);
                const { app, palette, model: M } = globalThis.waitscope;
                const tile = palette.tiles(app.dark(), 2).data;
                const of = (cat) => new Set(tile.slice(cat * 256, cat * 256 + 256));
                const box = document.getElementById('lanes');
                /* The lanes are the last but for the legend: the lane is found by the blocked in it. */
                const px = new Uint32Array(ctx.getImageData(0, 0, c.width, c.height).data.buffer);
                const count = (cat, x0, x1, y) => {
                    const set = of(cat);
                    let n = 0;
                    for (let x = x0; x < x1; x++) if (set.has(px[y * c.width + x])) n++;
                    return n / (x1 - x0);
                };
                const lane = app.lanes.lanes.find((l) => l.thread === thread);
                const legend = 20 + 12 + 10;
                const y = c.height - 2 * (legend + app.lanes.height - lane.y) + 2 * lane.h - 12;
                const x0 = 2 * (12 + 184);
                const x1 = 2 * (12 + box.clientWidth);
                return { w: bitmap.width, h: bitmap.height, blocked: count(M.BLOCKED, x0, x1, y), idle: count(M.IDLE, x0, x1, y), corner: px[0], panel: palette.pixel(app.css('--panel').trim()), occur: [M.BLOCKED, M.IDLE, M.BY_KEY.lock].map((cat) => count(cat, 24, c.width, c.height - 2 * 12 - 2 * 12)) };
            },
            [bytes.toString('base64'), 0],
        );
        assert.ok(got.w >= 2 * screen && got.h > 700, JSON.stringify(got));
        assert.equal(got.corner, got.panel);
        const all = truth(0, 0, w.end);
        near(got.blocked, all.blocked / w.end, 0.1);
        near(got.idle, all.idle / w.end, 0.1);
        assert.ok(got.occur.every((v) => v > 0), `legend ${got.occur}`);
    });

pageTest('a picture has the lanes that the window does not show, or says how many it lacks', { width: 1300, height: 600 }, async (page) => {
    const lanes = () => page.evaluate(() => ({ high: globalThis.waitscope.app.lanes.height, box: document.getElementById('lanes').clientHeight, top: document.getElementById('lanes').scrollTop, names: globalThis.waitscope.app.lanes.lanes.filter((l) => l.thread >= 0).map((l) => l.note) }));
    await page.evaluate(() => (document.getElementById('lanes').scrollTop = 30));
    const { high, box, top, names } = await lanes();
    assert.ok(high > box + 50, 'more than the window shows');
    const read = async (id) => {
        const { bytes } = await saved(page, id);
        return id === 'save-svg' ? bytes.toString('utf8') : { w: bytes.readUInt32BE(16), h: bytes.readUInt32BE(20) };
    };
    const svg = await read('save-svg');
    for (const tid of names) assert.ok(svg.includes(`>${tid}<`), `thread ${tid} is in it`);
    assert.doesNotMatch(svg, /more rows? (above|below)/);
    assert.ok((await read('save-png')).h >= 2 * high);
    assert.deepEqual([(await lanes()).top, (await lanes()).box], [top, box], 'the window shows what it did');
    /* far more of them than any picture takes */
    await page.evaluate(() => {
        const { app } = globalThis.waitscope;
        const { lanes: all } = app.lanes;
        const last = all[all.length - 1];
        const one = all.find((l) => l.thread >= 0);
        for (let i = 0, y = last.y + last.h; i < 3000; i++, y += 20) all.push({ ...one, key: `more ${i}`, y, h: 20 });
        app.lanes.height = all[all.length - 1].y + 20;
    });
    const png = await read('save-png');
    assert.ok(png.h < 16384 && png.h > 7000, `${png.h}`);
    const said = (await read('save-svg')).match(/>([\d,]+) more rows below</);
    assert.ok(said && Number(said[1].replace(',', '')) > 2000, String(said));
});

const HOSTILE = ']]>"><script>pwned=1</script>&amp;&\u0000\u0008\ud800\ufffe\u202e</svg>';

test('the SVG is XML whatever the names, and its blocked rectangles add up', async () => {
    const bad = world({ requests: 120, hostile: HOSTILE });
    const file = path.join(dir, 'hostile.html');
    fs.writeFileSync(file, reportPage(bundle, text(elements(bad))));
    const { page, sins, context } = await open(browser, file);
    assert.equal(await ready(page), 'yes');
    await page.evaluate(() => globalThis.waitscope.app.setShow('threads'));
    await page.keyboard.press('m');
    await page.keyboard.press('m');
    await page.keyboard.type('"><x>&');
    const { bytes } = await saved(page, 'save-svg');
    const got = await page.evaluate((s) => {
        const doc = new globalThis.DOMParser().parseFromString(s, 'image/svg+xml');
        const { app } = globalThis.waitscope;
        const lane = app.lanes.lanes.find((l) => l.thread === 0);
        const box = document.getElementById('lanes');
        /* Pixels come twice: the overview's, then the lanes'. */
        const g = doc.querySelectorAll('g[transform]')[1];
        const sums = {};
        for (const p of g.querySelectorAll('path[data-state]')) {
            let sum = 0;
            for (const [, x, y, w2, h] of p.getAttribute('d').matchAll(/M(\d+) (\d+)h(\d+)v(\d+)h-\d+z/g)) {
                const y0 = Math.max(Number(y), 2 * lane.y);
                const y1 = Math.min(Number(y) + Number(h), 2 * (lane.y + lane.h - 2));
                if (x >= 0 && y1 > y0) sum += Number(w2) * (y1 - y0);
            }
            sums[p.dataset ? p.getAttribute('data-state') : ''] = sum / (2 * (box.clientWidth - 184) * 2 * (lane.h - 2));
        }
        const ids = new Set([...doc.querySelectorAll('[id]')].map((e) => e.id));
        const used = [...s.matchAll(/url\(#([^)]+)\)/g)].map((m) => m[1]);
        return {
            error: doc.querySelector('parsererror') && doc.querySelector('parsererror').textContent, root: doc.documentElement.tagName, scripts: doc.querySelectorAll('script, foreignObject, image, a').length, sums,
            missing: used.filter((id) => !ids.has(id)), used: used.length, words: doc.documentElement.textContent, on: [...doc.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => /^on|href|^style$/.test(a.name)).length,
        };
    }, bytes.toString('utf8'));
    assert.equal(got.error, null);
    assert.deepEqual([got.root, got.scripts, got.on], ['svg', 0, 0]);
    assert.deepEqual(got.missing, []);
    assert.ok(got.used > 5);
    assert.ok(got.words.includes('<script>pwned=1</script>'), 'names stand there as text');
    assert.ok(got.words.includes('A "><x>&'), 'a mark too');
    const all = truth(0, 0, w.end);
    near(got.sums.blocked, all.blocked / w.end, 0.01);
    near(got.sums.idle, all.idle / w.end, 0.01);
    near(Object.values(got.sums).reduce((a, b) => a + b, 0), 1, 0.001);
    assert.deepEqual(sins, []);
    await context.close();
});

test('rectangles cover each pixel once, and no other', () => {
    let z = 7;
    const rnd = () => (z = (z * 48271) % 2147483647);
    for (let n = 0; n < 60; n++) {
        const [wide, high] = [1 + (rnd() % 40), 1 + (rnd() % 30)];
        const px = Uint32Array.from({ length: wide * high }, () => (rnd() % 5 < 2 ? 0 : 1 + (rnd() % 3)));
        for (let k = 0; k < 20; k++) {
            const [x, y] = [rnd() % wide, rnd() % high];
            for (let yy = y; yy < Math.min(y + 5, high); yy++) px.fill(2, yy * wide + x, yy * wide + Math.min(x + 9, wide));
        }
        const work = ws.vector.regions(px, wide, high);
        let r = work.next();
        while (!r.done) r = work.next();
        const back = new Uint32Array(px.length);
        let count = 0;
        for (const [v, d] of r.value.paths)
            for (const [, x, y, w2, h] of d.matchAll(/M(\d+) (\d+)h(\d+)v(\d+)h-\d+z/g)) {
                count++;
                for (let yy = 0; yy < h; yy++) for (let xx = 0; xx < w2; xx++) back[(+y + yy) * wide + +x + xx] += v;
            }
        assert.deepEqual(back, px);
        assert.equal(count, r.value.count);
    }
});

/** The text of a generator of JSON, read. */
function run(work) {
    for (;;) {
        const r = work.next();
        if (r.done) return JSON.parse(r.value.join(''));
    }
}

/** What JSON of the request must say. */
function requestTruth(r) {
    return {
        id: r.id, name: w.strings[r.name], start_ns: r.start, latency_ns: latencyOf(r), status: r.status,
        ledger_ns: Object.fromEntries(LEDGER.map((key, k) => [key, r.segs.reduce((a, s) => a + (s.key === k ? s.dt : 0), 0)])),
        segments: r.segs.map((s) => ({ ns: s.dt, state: LEDGER[s.key], tid: s.thread ? w.threads[s.thread - 1].tid : undefined })),
    };
}
const pick = (o, like) => Object.fromEntries(Object.keys(like).map((k) => [k, o[k]]));

pageTest('JSON of an area: lanes, exact sums, intervals and requests inside', { both: true }, async (page) => {
    const area = { kind: 'area', t0: 31000001, t1: 97000003, lanes: ['t1', 't3', 'r0'] };
    await page.evaluate((s) => globalThis.waitscope.app.select(s), area);
    const { name, bytes } = await saved(page, 'save-json');
    assert.equal(name, 'shop-report.json');
    const got = JSON.parse(bytes.toString('utf8'));
    assert.deepEqual([got.format, got.version, got.unit, got.kind, got.start_ns, got.end_ns], ['waitscope-selection', [1, 0], 'ns', 'area', area.t0, area.t1]);
    assert.deepEqual(got.cut, { intervals: 0, requests: 0 });
    const sums = {};
    for (const [k, i] of [1, 3].entries()) {
        assert.equal(got.threads[k].tid, w.threads[i].tid);
        const want = truth(i, area.t0, area.t1);
        assert.deepEqual(got.threads[k].state_ns, pick(got.threads[k].state_ns, want));
        assert.deepEqual(got.threads[k].state_ns, want);
        for (const key of Object.keys(want)) sums[key] = (sums[key] || 0) + want[key];
        let at = 0;
        const inside = w.threads[i].iv.flatMap((iv) => ((at += iv.dt) > area.t0 && at - iv.dt < area.t1 ? [[at - iv.dt, iv.dt, STATES[iv.state], iv.call ? w.strings[iv.call] : undefined, iv.flags & 1 ? true : undefined]] : []));
        assert.deepEqual(got.threads[k].intervals.map((v) => [v.start_ns, v.ns, v.state, v.call, v.idle]), inside);
    }
    assert.deepEqual(got.thread_ns, sums);
    const rowOf = await page.evaluate(() => Array.from(globalThis.waitscope.app.model.pack.rowOf));
    const inside = w.reqs.filter((r, i) => rowOf[i] === 0 && r.start < area.t1 && r.start + latencyOf(r) > area.t0);
    assert.ok(inside.length > 0);
    assert.deepEqual(got.requests.map((r) => r.id), inside.map((r) => r.id));
    const in_ns = {};
    for (const r of inside) {
        let at = r.start;
        for (const s of r.segs) {
            const ns = Math.min(at + s.dt, area.t1) - Math.max(at, area.t0);
            if (ns > 0) in_ns[LEDGER[s.key]] = (in_ns[LEDGER[s.key]] || 0) + ns;
            at += s.dt;
        }
    }
    assert.deepEqual(got.request_ns, in_ns);
});

test('JSON of a request, an interval, a thread; and what is left out is counted', async () => {
    const m = modelOf(await load(json));
    for (const i of [0, 41, 120]) {
        const want = requestTruth(w.reqs[i]);
        const got = run(ws.portion.json(m, { kind: 'request', t0: want.start_ns, t1: want.start_ns + want.latency_ns, threads: [], fits: (r) => r === i }));
        assert.equal(got.requests.length, 1);
        const r = pick(got.requests[0], want);
        assert.deepEqual({ ...r, segments: r.segments.map((s) => ({ ns: s.ns, state: s.state, tid: s.tid })) }, want);
        assert.equal(Object.values(got.request_ns).reduce((a, b) => a + b, 0), want.latency_ns);
    }
    const t = m.threads[2].t;
    const one = run(ws.portion.json(m, { kind: 'interval', t0: t[9], t1: t[10], threads: [2], fits: () => false }));
    assert.deepEqual(one.threads[0].intervals.map((v) => [v.start_ns, v.ns]), [[t[9], t[10] - t[9]]]);
    const all = run(ws.portion.json(m, { kind: 'thread', t0: 0, t1: w.end, threads: [2], fits: () => false }));
    assert.equal(all.threads[0].intervals.length, w.threads[2].iv.length);
    assert.deepEqual(all.thread_ns, truth(2, 0, w.end));
    const kept = { ...ws.portion.MOST };
    Object.assign(ws.portion.MOST, { intervals: 10, requests: 3 });
    const few = run(ws.portion.json(m, { kind: 'area', t0: 0, t1: w.end, threads: [2, 3], fits: () => true }));
    Object.assign(ws.portion.MOST, kept);
    assert.equal(few.cut.intervals, w.threads[2].iv.length + w.threads[3].iv.length - 10);
    assert.equal(few.cut.requests, w.reqs.length - 3);
    assert.deepEqual(few.threads[1].state_ns, truth(3, 0, w.end), 'sums leave nothing out');
});

pageTest('a link and the details can be copied', {}, async (page) => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.keyboard.press('+');
    await page.click('#grid .body .row[data-at="0"]');
    await page.focus('#lanes');
    await page.keyboard.press('x');
    await page.click('#copy-link');
    await page.waitForFunction(() => /^Copied/.test(document.getElementById('saved').textContent));
    const link = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(link, /^file:\/\/.*shop%20report\.html#of=\w+&t=.*&r=\d+$/);
    await page.click('#copy-text');
    await page.waitForFunction(async () => (await navigator.clipboard.readText()).includes('Its waits, in order'));
    const words = await page.evaluate(() => navigator.clipboard.readText());
    const r = w.reqs[(await selection(page)).request];
    assert.ok(words.includes(await page.evaluate((ns) => globalThis.waitscope.format.exact(ns), latencyOf(r))));
});

/* ---- for everybody */

for (const scheme of ['light', 'dark'])
    for (const width of [1440, 360])
        pageTest(`axe finds nothing in marks, menu and “go to”, and nothing is too wide: ${scheme}, ${width}`, { scheme, width, height: 780, hash: '#m=A@12ms:first,B@50ms..90ms:a%20longer%20name' }, async (page) => {
            await page.focus('#lanes');
            await page.keyboard.press('x');
            assert.deepEqual(await violations(page), []);
            const inside = await page.evaluate(() => {
                const r = document.querySelector('#export > div').getBoundingClientRect();
                return r.left >= 0 && r.right <= innerWidth && document.documentElement.scrollWidth <= innerWidth;
            });
            assert.ok(inside);
            await page.keyboard.press('Escape');
            await page.focus('#lanes');
            await page.keyboard.press('g');
            await page.fill('#seek-text', 'shop');
            await settled(page);
            assert.deepEqual(await violations(page), []);
            await page.keyboard.press('Escape');
            await page.keyboard.press('?');
            assert.deepEqual(await violations(page), []);
        });

pageTest('every key stands in the list, in a group; every button of the page names its key', {}, async (page) => {
    await page.keyboard.press('?');
    const keys = await page.$$eval('#keys kbd', (all) => all.map((e) => e.textContent));
    for (const k of ['W', 'Z ⌫', 'Shift + Z', 'N', 'Shift + N', 'M', '[', ']', 'G', 'X', '/', 'O', 'T', 'L', '?', 'Esc', 'Enter', 'long press', 'two fingers']) assert.ok(keys.includes(k), k);
    assert.equal(new Set(keys).size, keys.length, 'each once');
    await page.keyboard.press('Escape');
    const bare = await page.$$eval('header > div > button, #bar > button, #bar > .group button, header summary, #bar summary', (all) => all.filter((e) => !e.getAttribute('aria-keyshortcuts') || !/\(.+\)/.test(e.title)).map((e) => e.id));
    assert.deepEqual(bare, []);
    const theme = await page.textContent('#theme');
    await page.keyboard.press('t');
    assert.notEqual(await page.textContent('#theme'), theme);
});
