/*
 * The story of a recording in words, above the picture: what kind of server this is, whether a
 * thread waits for each request and on what, what it can carry, when threads ran out, what held
 * its loops. Each thing said is a link to its place in the timeline.
 */
var waitscope = waitscope || {};

waitscope.story = (function () {
    'use strict';

    const { app, dom, format, model: M } = waitscope;
    const { el } = dom;
    const section = dom.get('verdict');
    const LONGEST = 5000; /* characters of a sentence */
    const MOST = 20; /* processes told of */
    const LOOP = 'Event loop';
    const WITH_WORKERS = 'non-blocking with blocking workers';
    /* What stands at first sight, not behind "In words". */
    const ADVICE = /^(What would change it|And for the worker threads): |^[\d,]+ clients? had spoken last /;
    const PIECES = 200; /* of a sentence, every other of them a number that may lead somewhere */
    /* As in the sentences: how much busier is worth a word, how busy is at all, and hardly ever free. */
    const [BUSIER, BUSY, FULL] = [0.05, 0.5, 0.9];

    /** What the reader folded or unfolded, by process; a new file begins anew.
     * @type {Map<number, boolean>} */
    const open = new Map();
    /** @type {Header | null} */
    let of = null;

    /** @param {string} term @param {string} text @param {(() => void) | null} go @param {string} [kind] */
    function fact(term, text, go, kind) {
        const words = [el('span', { class: 'term' }, term), el('span', null, text)];
        if (!go) return el('li', { class: kind || '' }, ...words);
        return el('li', { class: kind || '' }, el('button', { type: 'button', class: 'fact', click: go, title: 'Show it in the picture' }, ...words));
    }

    /** "#127" in a sentence leads to that request. @param {Model} m @param {string} text @param {number} p */
    function linked(m, text, p) {
        /* Half a number would lead to another request. */
        const pieces = (text.length > LONGEST ? text.slice(0, LONGEST).replace(/#\d*$/, '') : text).split(/(#\d+)/);
        const nodes = pieces.slice(0, PIECES).map((piece, i) => {
            const r = i % 2 ? M.requestOf(m, Number(piece.slice(1)), M.recordingOf(m, p)) : -1;
            return r < 0 ? piece : el('button', { type: 'button', class: 'link', click: () => app.select({ kind: 'request', request: r }, true) }, piece);
        });
        return text.length > LONGEST || pieces.length > PIECES ? [...nodes, '…'] : nodes;
    }

    /** The request of each process with most of something, in one way through them all.
     * @param {Requests} q @param {ArrayLike<number>} of_ */
    function most(q, of_) {
        /** @type {Map<number, number>} */
        const best = new Map();
        for (let r = 0; r < q.n; r++) {
            const now = best.get(q.process[r]);
            if (of_[r] > 0 && (now === undefined || of_[r] > of_[now])) best.set(q.process[r], r);
        }
        return best;
    }

    /** Workers that wait in their loop's place are what they are for, until they run out.
     * @param {Header['processes'][0]} process */
    function waitsElsewhere(process) {
        return process.model === WITH_WORKERS && !isOut(process);
    }

    /** Does a thread wait, and on what most of all. @param {Model} m @param {number} p */
    function waits(m, p) {
        const v = m.header.processes[p].verdict;
        const on = v.waits_on_name || v.waits_on;
        return fact('Thread waits?', v.thread_waits ? `yes${on ? `, most on ${on}` : ''}` : 'no', null, v.thread_waits && !waitsElsewhere(m.header.processes[p]) ? 'bad' : '');
    }

    /** The request that blocked longest, and in what: that may be another thing than what is waited
     * for most in all. @param {Model} m @param {number | undefined} r */
    function blocked(m, r) {
        const q = m.requests;
        const i = m.header.ledger.indexOf('blocked');
        if (!q || r === undefined) return null;
        const long = (/** @type {number} */ s) => M.segEnd(q, s) - q.segStart[s];
        const parts = M.stretches(q, r, (cat) => cat === M.BLOCKED);
        const longest = parts.length ? M.segment(m, q, parts.reduce((a, s) => (long(s) > long(a) ? s : a))) : null;
        const what = longest ? [longest.call, M.objectName(m, longest.object)].filter(Boolean).join(' ') : '';
        const text = `${format.time(q.ledger[i][r])} in #${q.id[r]}${what ? `: ${what}` : ''}`;
        return fact('Most blocked', text, () => app.select({ kind: 'request', request: r }, true));
    }

    /** @param {Model} m @param {number} p */
    function load(m, p) {
        const v = m.header.processes[p].verdict;
        if (v.limit === 'none') return fact('Load', `${format.count(v.offered)} requests/s, up to ${format.count(v.peak_in_flight)} at once; threads are made as requests come`, null);
        if (!(v.capacity > 0)) return fact('Load', `${format.count(v.offered)} requests/s, up to ${format.count(v.peak_in_flight)} at once; how many it can carry is not known`, null);
        const share = v.offered / v.capacity;
        const who = v.limit === 'loops' ? format.plural(v.loops.threads, 'event loop') : format.plural(v.serving_threads, 'thread');
        const text = `${format.count(v.offered)} requests/s, of ${format.count(v.capacity)} that ${who} can carry (${format.percent(share)})`;
        return fact('Load', text, null, share >= 0.9 ? 'bad' : '');
    }

    /** How far threads of one kind were taken, where their busiest moment says more than the mean.
     * @param {Model} m @param {number} p @param {Load} of_ @param {string} name */
    function taken(m, p, of_, name) {
        const { window_ns } = m.header.processes[p].verdict;
        if (!of_.threads || (of_.busiest < of_.share + BUSIER && of_.busiest < BUSY)) return null;
        const peak = of_.busiest < of_.share + BUSIER ? '' : `; for ${format.percent(of_.busiest)} in the busiest ${format.time(window_ns)}`;
        const text = `taken for ${format.percent(of_.share)} of the time${peak}`;
        const at = of_.busiest_ns + M.shiftOf(m, p);
        const go = () => {
            around(at, window_ns);
            const own = app.lanes.lanes.filter((l) => l.thread >= 0 && ofKind(m, p, l.thread, name));
            if (own.length) app.select({ kind: 'area', t0: at, t1: Math.min(at + window_ns, m.header.duration_ns), lanes: own.map((l) => l.key) });
        };
        return fact(of_.threads === 1 ? name : `${format.count(of_.threads)} ${name.toLowerCase()}s`, text, go, of_.busiest >= FULL ? 'bad' : '');
    }

    /** @param {Model} m @param {number} p @param {number} thread @param {string} name of the kind */
    function ofKind(m, p, thread, name) {
        const { process, role } = m.header.threads[thread];
        return process === p && (name === LOOP ? role === 'loop' : role === 'worker' || role === 'helper');
    }

    /** A stretch with what led there and what followed. @param {number} at @param {number} [long] */
    function around(at, long = 0) {
        const m = /** @type {Model} */ (app.model);
        const room = Math.max(m.header.duration_ns / 20, long);
        app.setView({ t0: at - room, t1: at + long + room });
    }

    /** Did requests queue while all its threads were taken? @param {Header['processes'][0]} process */
    function isOut(process) {
        const v = process.verdict;
        return v.saturated && v.queued_requests > 0 && process.model !== 'non-blocking';
    }

    /** @param {Model} m @param {number} p */
    function ranOut(m, p) {
        const v = m.header.processes[p].verdict;
        if (!isOut(m.header.processes[p])) return null;
        return fact(v.in_line ? 'Pool was full' : 'Threads ran out', `${format.time(v.saturated_ns)} after the begin`, () => around(v.saturated_ns + M.shiftOf(m, p)), 'bad');
    }

    /** @param {Model} m @param {number} p */
    function queued(m, p) {
        const v = m.header.processes[p].verdict;
        if (!v.queued_requests) return null;
        const find = () => waitscope.main.find(m.header.recordings ? `queued>1ms recording:${M.letterOf(m, p)}` : 'queued>1ms');
        return fact('Queued', `${format.plural(v.queued_requests, 'request')} for more than 1 ms`, find, 'bad');
    }

    /** The worst of the loop holds, by what its victims lost. @param {Model} m @param {number} p */
    function held(m, p) {
        const o = m.holds;
        if (!o) return null;
        const lost = (/** @type {number} */ i) => o.lost.subarray(o.victimFirst[i], o.victimFirst[i + 1]).reduce((a, b) => a + b, 0);
        const own = [];
        for (let i = 0; i < o.n; i++) if (m.header.threads[o.thread[i]].process === p) own.push({ i, lost: lost(i) });
        const loops = m.header.threads.some((t) => t.process === p && t.role === 'loop');
        const free = m.header.processes[p].verdict.loops.busiest < FULL;
        if (own.length === 0) return loops ? fact('Loop holds', 'none', null, free ? 'good' : '') : null;
        /* As in the sentences: those that made somebody wait, when there are any. */
        const harmful = own.filter(({ i }) => o.victimFirst[i + 1] > o.victimFirst[i] || o.more[i] > 0);
        if (harmful.length) own.splice(0, own.length, ...harmful);
        own.sort((a, b) => b.lost - a.lost || o.dur[b.i] - o.dur[a.i]);
        const { i } = own[0];
        const victims = o.victimFirst[i + 1] - o.victimFirst[i] + o.more[i];
        const harm = victims ? `, in which ${format.plural(victims, 'request')} lost ${format.time(own[0].lost)}` : '';
        const all = own.reduce((a, h) => a + h.lost, 0);
        const worst = all ? `requests lost ${format.time(all)} in all; the worst by that: ` : 'nobody is known to have waited; the longest: ';
        const sum = own.length > 1 ? `${format.count(own.length)}, ${worst}` : '';
        const text = `${sum}${format.time(o.dur[i])} ${M.holdWords(m, i)}${harm}`;
        return fact(own.length > 1 ? 'Loop holds' : 'Loop hold', text, () => showHold(i), 'bad');
    }

    /** @param {number} i */
    function showHold(i) {
        const m = /** @type {Model} */ (app.model);
        const o = /** @type {Holds} */ (m.holds);
        const track = m.threads[o.thread[i]];
        around(o.start[i], o.dur[i] * 2);
        if (track) app.select({ kind: 'interval', thread: o.thread[i], index: M.indexAt(track, o.start[i]) }, true);
    }

    /** One process. @param {Model} m @param {number} p @param {number | undefined} worst its request that
     * blocked longest */
    function article(m, p, worst) {
        const process = m.header.processes[p];
        const { text, loops, workers } = process.verdict;
        const worker = process.model === WITH_WORKERS ? 'Worker thread' : 'Thread';
        const advice = text.filter((t, i) => i && ADVICE.test(t));
        const facts = process.verdict.requests ? [waits(m, p), blocked(m, worst), load(m, p), taken(m, p, workers, worker), taken(m, p, loops, LOOP), ranOut(m, p), queued(m, p), held(m, p)].filter((f) => f !== null) : [];
        const rest = text.slice(1).filter((t) => !ADVICE.test(t));
        /* Where nobody was answered the sentences are all there is: none is behind a button. */
        const shown = process.verdict.requests ? [] : rest.splice(0);
        const more = rest.map((t) => el('li', null, ...linked(m, t, p)));
        const words = el('details', { open: open.get(p) === true }, el('summary', null, 'In words'), el('ul', null, ...more));
        words.addEventListener('toggle', () => open.set(p, words.open));
        return el(
            'article',
            null,
            el('h2', null, `${process.comm || 'process'} ${process.pid}`, process.model ? el('span', { class: 'model' }, process.model) : null),
            el('p', { class: 'first' }, ...linked(m, text[0], p)),
            ...shown.map((t) => el('p', { class: 'advice' }, ...linked(m, t, p))),
            facts.length ? el('ul', { class: 'story' }, ...facts) : null,
            ...advice.map((t) => el('p', { class: 'advice' }, ...linked(m, t, p))),
            more.length ? words : null,
        );
    }

    /** As much as was read; again when more was. */
    function build() {
        const m = app.model;
        if (!m) return;
        const { processes, recordings: both } = m.header;
        if (of !== m.header) open.clear();
        of = m.header;
        /* Of a process that serves nobody there is no story, unless there is no other. */
        const serves = processes.some((p) => p.verdict.requests > 0);
        const list = processes.map((_, p) => p).filter((p) => processes[p].verdict.text.length > 0 && (processes[p].verdict.requests > 0 || !serves));
        list.sort((a, b) => processes[b].verdict.requests - processes[a].verdict.requests);
        const column = m.header.ledger.indexOf('blocked');
        const worst = m.requests && column >= 0 ? most(m.requests, m.requests.ledger[column]) : new Map();
        const articles = (/** @type {number[]} */ some) => [
            ...some.slice(0, MOST).map((p) => article(m, p, worst.get(p))),
            ...(some.length > MOST ? [el('article', null, el('p', { class: 'quiet' }, `and ${format.plural(some.length - MOST, 'more process', 'more processes')}, none with more requests than these`))] : []),
        ];
        if (both) section.replaceChildren(...both.map((r, i) => waitscope.compare.side(r, i, articles(list.filter((p) => processes[p].recording === i)))));
        else section.replaceChildren(...articles(list));
        section.prepend(...waitscope.compare.headline());
        section.hidden = !both && list.length === 0;
    }

    app.onPaint('story', build);

    return { isOut };
})();
