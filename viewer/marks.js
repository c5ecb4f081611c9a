/*
 * Marks: moments and stretches that a reader wants to find again, each with a letter and a name of
 * the reader's own; thin flags in the picture, and a list that tells the time between them.
 */
var waitscope = waitscope || {};

waitscope.marks = (function () {
    'use strict';

    const { app, dom, format, hash, scale } = waitscope;
    const { AXIS, FONT, box, plot } = waitscope.lanes;
    const { el, rect } = dom;
    const list = dom.get('marks');

    /** By time. @type {Mark[]} */
    let marks = [];
    let current = ''; /* the letter of the one that the others are measured from */

    /** @param {Mark} m */
    const words = (m) => `${format.time(m.t0)}${m.t1 > m.t0 ? `, ${format.time(m.t1 - m.t0)} long` : ''}`;
    const now = () => marks.findIndex((m) => m.letter === current);

    /** What lies between a mark and the current one, from begin to begin. @param {Mark} m */
    function away(m) {
        const from = marks[now()];
        if (!from || from === m) return '';
        const ns = m.t0 - from.t0;
        return `${ns < 0 ? '' : '+'}${format.time(ns)} from ${current}`;
    }

    function changed() {
        list.hidden = marks.length === 0;
        list.replaceChildren(...marks.map(item));
        app.invalidate('overlay', 'overview');
        waitscope.place.changed();
    }

    /** @param {Mark} m */
    function item(m) {
        const name = el('input', { value: m.name, maxlength: hash.NAME, placeholder: 'name', 'aria-label': `Name of mark ${m.letter}`, autocomplete: 'off' });
        name.addEventListener('input', () => {
            m.name = name.value;
            app.invalidate('overlay');
            waitscope.place.changed();
        });
        name.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => {
            e.stopPropagation(); /* letters are letters here */
            if (e.key === 'Enter' || e.key === 'Escape') box.focus();
        });
        const exact = `from ${format.exact(m.t0)}${m.t1 > m.t0 ? ` to ${format.exact(m.t1)}` : ''}`;
        return el(
            'li',
            { 'data-letter': m.letter },
            el('button', { type: 'button', title: `Go to mark ${m.letter}, ${exact} ([ and ])`, 'aria-pressed': String(m.letter === current), click: () => go(m) }, el('b', null, m.letter), ` ${words(m)}`, el('small', null, away(m))),
            name,
            el('button', { type: 'button', 'aria-label': `Remove mark ${m.letter}`, title: `Remove mark ${m.letter}`, click: () => remove(m) }, '×'),
        );
    }

    /** @param {Mark} m */
    function remove(m) {
        marks = marks.filter((o) => o !== m);
        if (current === m.letter) current = marks.length ? marks[0].letter : '';
        changed();
        box.focus();
        app.say(`Mark ${m.letter} removed`);
    }

    /** @param {Mark} m */
    function go(m) {
        const told = [`Mark ${m.letter}`, m.name, words(m), away(m)].filter(Boolean).join(', ');
        current = m.letter;
        const { view, model } = app;
        const inside = m.t0 >= view.t0 && m.t1 <= view.t1;
        const speck = m.t1 > m.t0 && (m.t1 - m.t0) / (view.t1 - view.t0) < 0.01;
        const half = (view.t1 - view.t0) / 2;
        if (model && m.t1 > m.t0 && (!inside || speck)) app.setView(scale.around(m.t0, m.t1, model.header.duration_ns));
        else if (!inside) app.setView({ t0: m.t0 - half, t1: m.t0 + half });
        changed();
        app.say(told);
    }

    /** The mark before or after the current one, and round. @param {number} by */
    function step(by) {
        if (marks.length) go(marks[(now() + by + marks.length) % marks.length]);
        else app.say('There is no mark; M makes one');
    }

    /** Marks what is chosen, or the moment pointed at, or the middle. */
    function add() {
        const m = app.model;
        if (!m) return;
        const { left, w, per } = plot();
        const { mouse } = waitscope.overlay;
        const over = mouse && mouse.x >= left && mouse.x <= left + w ? mouse.x : left + w / 2;
        const at = Math.min(Math.max(Math.round(app.view.t0 + (over - left) * per), 0), m.header.duration_ns);
        const { t0, t1 } = (app.selection && app.spanOf(app.selection)) || { t0: at, t1: at };
        const there = marks.find((o) => o.t0 === t0 && o.t1 === t1);
        /* The same once more is meant for its name; else the keys would go on into the name. */
        if (there) return list.querySelector(`[data-letter="${there.letter}"] input`).focus();
        const letter = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].find((c) => !marks.some((o) => o.letter === c));
        if (!letter) return app.say('There are 26 marks already; remove one first');
        const mark = { letter, t0, t1, name: '' };
        marks.push(mark);
        marks.sort((x, y) => x.t0 - y.t0);
        current = current || letter;
        app.say(['Marked as', letter, words(mark), away(mark), '– M again names it'].filter(Boolean).join(' '));
        changed();
    }

    /* ---- the flags */

    function draw() {
        if (!app.model || marks.length === 0 || box.clientWidth < 20) return;
        const { ctx } = dom.fit(dom.get('overlay'), box.clientWidth, box.clientHeight);
        const { left, w, h, per } = plot();
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, 0, w, h + AXIS);
        ctx.clip();
        ctx.font = FONT;
        ctx.textBaseline = 'middle';
        const xOf = (/** @type {number} */ t) => Math.round(left + (t - app.view.t0) / per);
        for (const m of marks) {
            const x0 = xOf(m.t0);
            const x1 = xOf(m.t1);
            if (x1 < left || x0 > left + w) continue;
            rect(ctx, '--ink', x0, 0, 1, h + AXIS);
            if (x1 > x0) {
                ctx.fillRect(x1, 0, 1, h + AXIS);
                ctx.fillRect(x0, AXIS - 3, x1 - x0, 3);
            }
            const text = m.name ? `${m.letter} ${m.name.slice(0, 24)}` : m.letter;
            ctx.fillRect(x0, 0, ctx.measureText(text).width + 8, 14);
            ctx.fillStyle = app.css('--panel');
            ctx.fillText(text, x0 + 4, 7.5);
        }
        ctx.restore();
    }

    /** The same in the strip of the whole recording, as ticks. */
    function ticks() {
        const m = app.model;
        const w = dom.get('overview-box').clientWidth;
        if (!m || marks.length === 0 || w < 10) return;
        const { ctx } = dom.fit(dom.get('overview-canvas'), w, dom.get('overview-box').clientHeight);
        for (const o of marks) rect(ctx, '--ink', Math.min((o.t0 / (m.header.duration_ns || 1)) * w, w - 2), 0, 2, 8);
    }

    for (const [part, more] of /** @type {const} */ ([['overlay', draw], ['overview', ticks]])) {
        const before = app.painter(part);
        app.onPaint(part, () => {
            before();
            more();
        });
    }
    dom.get('mark').addEventListener('click', add);

    return {
        add,
        step,
        list: () => marks,
        /** Those of a link. @param {Mark[]} some what is not in the recording stands at its end */
        set(some) {
            const end = app.model ? app.model.header.duration_ns : 0;
            marks = some.map((m) => ({ ...m, t0: Math.min(m.t0, end), t1: Math.min(m.t1, end) }));
            current = marks.length ? marks[0].letter : '';
            changed();
        },
    };
})();
