/*
 * "Go to": one box that finds threads, requests, objects and calls by what they are called. A
 * thread or request is shown itself, an object or call where it was waited for longest.
 */
var waitscope = waitscope || {};

waitscope.seek = (function () {
    'use strict';

    const { app, dom, format, model: M } = waitscope;
    const { el, get } = dom;
    const dialog = get('seek');
    const input = get('seek-text');
    const list = get('seek-list');
    const EACH = 12; /* hits of a kind */

    /** @typedef {{kind: string, text: string, note: string, go: () => void}} Found */

    /** @type {Found[]} */
    let hits = [];
    let at = 0;
    let looking = false;
    let wanted = false; /* Enter came before the hits */
    let stop = () => {};
    let stopGoing = () => {};

    /** @param {Model} m @param {string} text in lower case @returns {Generator<void, Found[]>} */
    function* find(m, text) {
        /** @type {Found[]} */
        const out = [];
        const fits = (/** @type {string | number} */ s) => String(s).toLowerCase().includes(text);
        let n = 0;
        m.header.threads.forEach((t, thread) => {
            if (n < EACH && fits(`${t.comm} ${t.tid}`) && ++n) out.push({ kind: 'thread', text: `${t.comm} ${t.tid}`, note: t.role, go: () => app.select({ kind: 'thread', thread }, true) });
        });
        yield;
        yield* named(m, fits, out);
        const q = m.requests;
        n = 0;
        for (let r = 0; q && r < q.n && n < EACH; r++) {
            if ((r & 511) === 0) yield;
            const name = m.strings[q.name[r]] || 'request';
            if (!fits(`${name} #${q.id[r]}`)) continue;
            n++;
            out.push({ kind: 'request', text: name, note: `#${q.id[r]}, ${format.time(q.latency[r])}, at ${format.time(q.start[r])}`, go: () => app.select({ kind: 'request', request: r }, true) });
        }
        return out;
    }

    /** Objects and calls: each name once.
     * @param {Model} m @param {(s: string) => boolean} fits @param {Found[]} out */
    function* named(m, fits, out) {
        const o = m.objects;
        /** @type {Set<string>} */
        const seen = new Set();
        for (let i = 0; o && i < o.n && seen.size < EACH; i++) {
            if ((i & 511) === 0) yield;
            const name = M.objectName(m, i);
            if (seen.has(name) || !fits(name)) continue;
            seen.add(name);
            const same = (/** @type {Waits} */ w, /** @type {number} */ k) => w.object[k] > 0 && M.objectName(m, w.object[k] - 1) === name;
            out.push({ kind: 'object', text: name, note: `${M.kindName(m, i)}, its longest wait`, go: () => toLongest(m, same) });
        }
        /** @type {Set<number>} */
        const calls = new Set();
        for (const track of m.threads) {
            for (let i = 0; track && i < track.waits.call.length; i++) {
                if ((i & 4095) === 0) yield;
                calls.add(track.waits.call[i]);
            }
        }
        const some = [...calls].filter((c) => m.strings[c] && fits(m.strings[c])).slice(0, EACH);
        for (const c of some) out.push({ kind: 'call', text: m.strings[c], note: 'its longest wait', go: () => toLongest(m, (w, k) => w.call[k] === c) });
    }

    /** Shows the longest wait that fits; an idle one, which is no wait, only where there is no other.
     * @param {Model} m @param {(w: Waits, k: number) => boolean} fits */
    function toLongest(m, fits) {
        stopGoing();
        stopGoing = app.slowly(longest(m, fits), (best) => {
            if (!best) app.say('Nobody waited for it');
            else app.select({ kind: 'interval', thread: best.thread, index: best.index }, true);
        });
    }

    /** @param {Model} m @param {(w: Waits, k: number) => boolean} fits */
    function* longest(m, fits) {
        /** @type {{thread: number, index: number} | null} */
        let best = null;
        let most = -Infinity;
        for (let thread = 0; thread < m.threads.length; thread++) {
            const track = m.threads[thread];
            for (let i = 0, k = 0; track && i < track.n; i++) {
                if ((i & 2047) === 0) yield;
                if (!M.isWait(track.cat[i] >> 4)) continue;
                const idle = (track.cat[i] & 15) === M.IDLE;
                const ns = track.t[i + 1] - track.t[i] - (idle ? Number.MAX_SAFE_INTEGER : 0);
                if (ns > most && fits(track.waits, k)) {
                    most = ns;
                    best = { thread, index: i };
                }
                k++;
            }
        }
        return best;
    }

    /** Whose hits these are. @type {Model | null} */
    let of = null;

    function look() {
        const m = app.model;
        of = m;
        stop();
        looking = m !== null;
        wanted = false;
        if (m) stop = app.slowly(find(m, input.value.trim().toLowerCase()), show);
    }

    /** @param {Found[]} found */
    function show(found) {
        hits = found;
        looking = false;
        list.replaceChildren(
            ...hits.map((h, i) => el('li', { role: 'option', id: `seek-${i}`, click: () => go(i) }, el('span', { class: 'kind' }, h.kind), el('span', null, h.text.slice(0, 300)), el('small', null, h.note))),
        );
        get('seek-none').textContent = hits.length ? '' : 'Nothing is called that.';
        choose(0);
        if (wanted) go(0);
    }

    /** @param {number} i */
    function choose(i) {
        at = Math.min(Math.max(i, 0), Math.max(hits.length - 1, 0));
        [...list.children].forEach((li, k) => li.setAttribute('aria-selected', String(k === at)));
        input.setAttribute('aria-expanded', String(hits.length > 0));
        if (hits.length) {
            input.setAttribute('aria-activedescendant', `seek-${at}`);
            list.children[at].scrollIntoView({ block: 'nearest' });
        } else input.removeAttribute('aria-activedescendant');
    }

    /** @param {number} i */
    function go(i) {
        if (of !== app.model) return look(); /* another recording has come meanwhile */
        const hit = hits[i];
        if (!hit) return;
        dialog.close();
        waitscope.lanes.box.focus();
        hit.go();
    }

    input.addEventListener('input', look);
    dialog.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => {
        e.stopPropagation();
        /** @type {Record<string, number>} */
        const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
        if (e.key in by) choose(at + by[e.key]);
        else if (e.key === 'Escape') dialog.close();
        else if (e.key === 'Enter' && looking) wanted = true;
        else if (e.key === 'Enter') go(at);
        else return;
        e.preventDefault();
    });
    dialog.addEventListener('click', (/** @type {MouseEvent} */ e) => e.target === dialog && dialog.close());
    get('seek-open').addEventListener('click', open);

    function open() {
        if (!app.model || dialog.open) return;
        dialog.showModal();
        input.select();
        look();
    }

    return { open };
})();
