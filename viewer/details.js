/* What is known of the thing that was chosen: an interval, a request, a thread or an area. */
var waitscope = waitscope || {};

waitscope.details = (function () {
    'use strict';

    const { app, dom, model: M, format } = waitscope;
    const { el } = dom;
    const HOLDS = 8; /* told of one by one */
    const FEW = 60; /* rows of a list before "show all" */

    /** @type {HTMLElement} */
    const panel = dom.get('details');
    const tabs = { details: dom.get('tab-details'), legend: dom.get('tab-legend') };
    const panels = { details: panel, legend: dom.get('legend') };
    let stop = () => {};
    /** @type {Choice | null | undefined} */
    let shown;

    /** @param {'details' | 'legend'} which */
    function tab(which) {
        for (const name of /** @type {const} */ (['details', 'legend'])) {
            const on = name === which;
            tabs[name].setAttribute('aria-selected', String(on));
            tabs[name].tabIndex = on ? 0 : -1;
            panels[name].hidden = !on;
        }
        app.invalidate('details');
    }

    for (const name of /** @type {const} */ (['details', 'legend'])) {
        tabs[name].addEventListener('click', () => tab(name));
        tabs[name].addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => {
            if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
            const other = name === 'details' ? 'legend' : 'details';
            tab(other);
            tabs[other].focus();
            e.preventDefault();
            e.stopPropagation();
        });
    }

    /* ---- pieces */

    /** @param {string} text @param {Choice} to @param {string} [title] */
    function link(text, to, title) {
        return el('button', { type: 'button', class: 'link', title: title || 'Show it in the picture', click: () => app.select(to, true) }, text);
    }

    /** @param {Model} m @param {number} thread */
    function threadLink(m, thread) {
        const t = m.header.threads[thread];
        return t ? link(`${t.comm} ${t.tid}`, { kind: 'thread', thread }) : '–';
    }

    /** @param {Model} m @param {number} r */
    function requestLink(m, r) {
        const q = m.requests;
        return q ? link(m.strings[q.name[r]] || `request ${q.id[r]}`, { kind: 'request', request: r }) : '–';
    }

    /** Which of two recordings it is of. @param {Model} m @param {number} process @returns {[string, string]} */
    function whose(m, process) {
        const both = m.header.recordings;
        return ['recording', both ? `${M.letterOf(m, process)} · ${both[M.recordingOf(m, process)].name}` : ''];
    }

    /** A list of names and values. @param {([string, Node | string | null] | null)[]} rows */
    function facts(rows) {
        const dl = el('dl', { class: 'facts' });
        for (const row of rows) if (row && row[1] !== null && row[1] !== '') dl.append(el('dt', null, row[0]), el('dd', null, row[1]));
        return dl;
    }

    /** @param {number} cat */
    function stateTitle(cat) {
        return el('span', { class: 'state' }, dom.swatch(cat), M.CATEGORIES[cat].word);
    }

    /** A time to the nanosecond; the exact number can be read and copied. @param {number} ns */
    function exact(ns) {
        return el('span', { class: 'num', 'data-ns': ns }, format.exact(ns));
    }

    /** @param {string[]} heads @param {(Node | string)[][]} rows @param {string} [kind] */
    function table(heads, rows, kind) {
        const tr = (/** @type {string} */ tag, /** @type {(Node | string)[]} */ cells) =>
            el('tr', null, ...cells.map((c) => el(tag, tag === 'th' ? { scope: 'col' } : null, c)));
        return el('table', { class: kind || '' }, el('thead', null, tr('th', heads)), el('tbody', null, ...rows.map((r) => tr('td', r))));
    }

    /** A table that begins with its first rows. @param {string[]} heads @param {number} n
     * @param {(i: number) => (Node | string)[]} row @param {string} [kind] */
    function longTable(heads, n, row, kind) {
        const rows = (/** @type {number} */ from, /** @type {number} */ to) => Array.from({ length: to - from }, (_, i) => row(from + i));
        const t = table(heads, rows(0, Math.min(n, FEW)), kind);
        if (n <= FEW) return t;
        const more = el(
            'button',
            {
                type: 'button',
                class: 'link',
                click: () => {
                    const most = Math.min(n, 5000);
                    for (const r of rows(FEW, most)) t.tBodies[0].append(el('tr', null, ...r.map((c) => el('td', null, c))));
                    if (most < n) more.replaceWith(`and ${format.count(n - most)} more`);
                    else more.remove();
                },
            },
            `show all ${format.count(n)}`,
        );
        return el('div', null, t, more);
    }

    /** Kind and name, with both ends of a socket. @param {Model} m @param {number} index */
    function objectWords(m, index) {
        const o = m.objects;
        if (!o || index < 0 || index >= o.n) return null;
        const name = M.objectName(m, index);
        const local = m.strings[o.local[index]];
        const remote = m.strings[o.remote[index]];
        const ends = local || remote ? [local || '?', remote].filter(Boolean).join(' → ') : '';
        return el(
            'span',
            null,
            name,
            el('small', null, `${M.kindName(m, index)}${o.deleted[index] ? ', deleted' : ''}${ends && ends !== name ? `, ${ends}` : ''}`),
        );
    }

    /* ---- a thread's interval */

    /** @param {Model} m @param {number} thread @param {number} index */
    function interval(m, thread, index) {
        const iv = M.interval(m, thread, index);
        if (!iv) return [el('p', null, 'This thread has not been read.')];
        const owners = m.requests ? M.ownersIn(m.requests, thread, iv.start, iv.end, 50) : [];
        const { process } = m.header.threads[thread];
        const idle = iv.cat === M.IDLE;
        const waker = M.threadOf(m, iv.waker, thread);
        const bystander = (iv.flags & M.FLAG.WAKER_IRQ) !== 0;
        const wakerWords =
            iv.waker === 0
                ? null
                : bystander
                  ? `an interrupt (thread ${iv.waker} happened to be on the CPU)`
                  : waker !== undefined
                    ? threadLink(m, waker)
                    : `thread ${iv.waker}, not recorded`;
        return [
            el('h2', null, M.prefix(m, process), stateTitle(iv.cat), ` ${format.time(iv.end - iv.start)}`),
            el('p', { class: 'says' }, M.CATEGORIES[iv.cat].says),
            facts([
                whose(m, process),
                ['thread', threadLink(m, thread)],
                ['role', m.header.threads[thread].role],
                idle ? ['state', `${M.CATEGORIES[iv.state].word}, waiting for work: of no request, in no ranking`] : null,
                ['call', iv.call],
                ['object', objectWords(m, iv.object)],
                iv.fd >= 0 ? ['descriptor', String(iv.fd)] : null,
                iv.arg > 0 ? ['argument', format.count(iv.arg)] : null,
                ['duration', exact(iv.end - iv.start)],
                ['start', exact(iv.start - M.shiftOf(m, process))],
                iv.wait ? ['wake-up delay', iv.delay >= 0 ? exact(iv.delay) : 'none: it ran at once'] : null,
                ['woken by', wakerWords],
                iv.flags & M.FLAG.OPEN ? ['note', 'began before the recording or went on after it'] : null,
            ]),
            ...owned(m, owners, idle),
            ...holdsOf(m, (o, i) => o.thread[i] === thread && o.start[i] < iv.end && o.start[i] + o.dur[i] > iv.start),
            el(
                'p',
                { class: 'steps' },
                el('button', { type: 'button', title: 'Interval before (,)', disabled: index === 0, click: () => app.select({ kind: 'interval', thread, index: index - 1 }, true) }, '← before'),
                el('button', { type: 'button', title: 'Interval after (.)', disabled: index + 1 >= trackLength(m, thread), click: () => app.select({ kind: 'interval', thread, index: index + 1 }, true) }, 'after →'),
            ),
        ];
    }

    /** @param {Model} m @param {number} thread */
    function trackLength(m, thread) {
        const track = m.threads[thread];
        return track ? track.n : 0;
    }

    /** @param {Model} m @param {{request: number, ns: number}[]} owners @param {boolean} idle */
    function owned(m, owners, idle) {
        if (idle || !m.requests) return [];
        if (owners.length === 0) return [el('p', { class: 'quiet' }, 'Charged to no request.')];
        return [
            el('h3', null, owners.length === 1 ? 'On behalf of' : `On behalf of ${format.plural(owners.length, 'request')}`),
            table(['request', 'of this, ms'], owners.map((o) => [requestLink(m, o.request), ms(o.ns)]), 'figures'),
        ];
    }

    /** @param {number} ns */
    function ms(ns) {
        return el('span', { class: 'num', 'data-ns': ns, title: format.exact(ns) }, format.ms(ns));
    }

    /** Loop holds that fit. @param {Model} m @param {(o: Holds, i: number) => boolean} fits */
    function holdsOf(m, fits) {
        const o = m.holds;
        if (!o) return [];
        const all = [...o.thread.keys()].filter((i) => fits(o, i));
        const out = [];
        for (const i of all.slice(0, HOLDS)) {
            const victims = o.victim.subarray(o.victimFirst[i], o.victimFirst[i + 1]);
            const lost = o.lost.subarray(o.victimFirst[i], o.victimFirst[i + 1]);
            const count = victims.length + o.more[i];
            out.push(
                el('h3', null, `The event loop was held for ${format.time(o.dur[i])}`),
                el('p', null, M.holdWords(m, i), o.request[i] ? ', by ' : '', o.request[i] ? requestLink(m, o.request[i] - 1) : ''),
                el('p', null, count ? `${format.plural(count, 'request', 'requests')} stood ready meanwhile and lost ${format.time(lost.reduce((a, b) => a + b, 0))} in all:` : 'No other request was ready meanwhile.'),
            );
            out.push(count ? longTable(['request', 'lost, ms', 'latency, ms'], victims.length, (v) => [requestLink(m, victims[v]), ms(lost[v]), ms(/** @type {Requests} */ (m.requests).latency[victims[v]])], 'figures') : '');
        }
        if (all.length > HOLDS) out.push(el('p', { class: 'quiet' }, `and ${format.plural(all.length - HOLDS, 'more hold')}`));
        return out;
    }

    /** All that held a request up, what cost it most first. @param {Model} m @param {number} r */
    function heldUp(m, r) {
        const o = m.holds;
        if (!o) return [];
        /** @type {{i: number, ns: number}[]} */
        const by = [];
        for (let i = 0; i < o.n; i++)
            for (let v = o.victimFirst[i]; v < o.victimFirst[i + 1]; v++) if (o.victim[v] === r) by.push({ i, ns: o.lost[v] });
        if (by.length === 0) return [];
        by.sort((a, b) => b.ns - a.ns);
        const all = by.reduce((a, { ns }) => a + ns, 0);
        return [
            el('h3', null, `Held up by ${format.plural(by.length, 'loop hold')}`),
            el('p', null, `It stood ready meanwhile and lost ${format.time(all)} in all.`),
            longTable(
                ['held by', 'lost, ms'],
                by.length,
                (n) => {
                    const { i, ns } = by[n];
                    const what = el('small', null, M.holdWords(m, i));
                    return [el('span', null, o.request[i] ? requestLink(m, o.request[i] - 1) : 'nobody known', what), ms(ns)];
                },
                'figures waits held-up',
            ),
        ];
    }

    /* ---- a request */

    /** What of a request is not in its recording; "" when all of it is. Of several at once nobody knows.
     * @param {Model} m @param {number} r */
    function missing(m, r) {
        const q = /** @type {Requests} */ (m.requests);
        if (q.flags[r] & M.REQUEST.COMPLETE) return '';
        if (q.flags[r] & M.REQUEST.PIPELINED) return 'not complete: it began before the recording or ended after it';
        const begun = q.start[r] - M.shiftOf(m, q.process[r]) > 0;
        const recording = m.header.recordings ? m.header.recordings[M.recordingOf(m, q.process[r])].header : m.header;
        if (begun) return 'not complete: it was not answered in the recording';
        return q.latency[r] < recording.duration_ns ? 'not complete: it began before the recording' : 'not complete: it began before the recording and was not answered in it';
    }

    /** @param {Model} m @param {number} r */
    function request(m, r) {
        const q = m.requests;
        if (!q) return [];
        const latency = q.latency[r];
        const flags = q.flags[r];
        const notes = [
            missing(m, r),
            flags & M.REQUEST.LOSS ? 'overlaps lost records: its numbers are lower bounds' : '',
            flags & M.REQUEST.PIPELINED ? 'several requests at once on the connection, reported as one' : '',
        ].filter(Boolean);
        const process = m.header.processes[q.process[r]];
        return [
            el('h2', null, M.prefix(m, q.process[r]), m.strings[q.name[r]] || `request ${q.id[r]}`),
            el('p', { class: 'big' }, format.time(latency), el('small', null, q.status[r] ? ` status ${q.status[r]}` : '')),
            ledgerBar(q, r),
            ...notes.map((n) => el('p', { class: 'note' }, n)),
            ledgerTable(m, q, r),
            el('h3', null, 'How sure this is'),
            table(
                ['grade', 'time', 'share', 'meaning'],
                m.header.grades.map((g, i) => [g, exact(q.grade[i][r]), format.percent(q.grade[i][r] / latency), Object.hasOwn(M.GRADES, g) ? M.GRADES[g] : '']).filter((_, i) => q.grade[i][r] > 0),
                'figures',
            ),
            ...waits(m, q, r),
            ...threadsOf(m, r),
            ...heldUp(m, r),
            ...holdsOf(m, (o, i) => o.request[i] === r + 1),
            el('h3', null, 'More'),
            facts([
                whose(m, q.process[r]),
                ['number', format.count(q.id[r])],
                ['group', m.strings[q.group[r]]],
                ['protocol', m.strings[q.protocol[r]]],
                ['connection', objectWords(m, q.conn[r])],
                ['process', process ? `${process.comm} ${process.pid}` : ''],
                ['start', exact(q.start[r] - M.shiftOf(m, q.process[r]))],
                ['latency', exact(latency)],
                ['bytes', `${format.bytes(q.bytesIn[r])} in, ${format.bytes(q.bytesOut[r])} out`],
                q.parallel[r] > 0 ? ['at the same time', exact(q.parallel[r])] : null,
            ]),
        ];
    }

    /** The stretches in order, as in the picture. @param {Requests} q @param {number} r */
    function ledgerBar(q, r) {
        const canvas = el('canvas', { class: 'bar', role: 'img', 'aria-label': 'The request’s time from begin to end, by what it was spent on; the table below has the numbers' });
        /** @type {{cat: number, ns: number}[]} */
        const parts = [];
        for (let s = q.segFirst[r]; s < q.segFirst[r + 1]; s++) parts.push({ cat: q.segCat[s], ns: M.segEnd(q, s) - q.segStart[s] });
        requestAnimationFrame(() => dom.bar(canvas, Math.max(panel.clientWidth - 32, 100), 22, parts, q.latency[r]));
        return canvas;
    }

    /** @param {Model} m @param {Requests} q @param {number} r */
    function ledgerTable(m, q, r) {
        const rows = m.header.ledger
            .map((key, i) => ({ key, cat: M.BY_KEY[key], ns: q.ledger[i][r] }))
            .filter((x) => x.ns > 0)
            .sort((a, b) => b.ns - a.ns)
            .map(({ key, cat, ns }) => [cat === undefined ? key : stateTitle(cat), exact(ns), format.percent(ns / q.latency[r])]);
        const sum = m.header.ledger.reduce((a, _, i) => a + q.ledger[i][r], 0);
        rows.push([el('strong', null, 'latency'), exact(q.latency[r]), sum === q.latency[r] ? '' : `the parts give ${format.exact(sum)}`]);
        return table(['where it went', 'time', 'share'], rows, 'figures sum');
    }

    /** @param {Model} m @param {Requests} q @param {number} r */
    function waits(m, q, r) {
        const segs = M.stretches(q, r, (cat) => cat !== M.RUNNING && cat !== M.RUNNABLE);
        const asks = M.asksOf(m, r);
        if (segs.length === 0) return [el('h3', null, 'Its waits'), el('p', { class: 'quiet' }, 'It never waited.')];
        return [
            el('h3', null, 'Its waits, in order'),
            longTable(
                ['after, ms', 'what', 'ms'],
                segs.length,
                (i) => {
                    const s = M.segment(m, q, segs[i]);
                    const what = s.cat === M.BY_KEY.awaiting ? M.askedIn(asks, s) : [s.call, M.objectName(m, s.object)].filter(Boolean).join(' ');
                    const on = s.thread >= 0 ? jumpTo(m, s.thread, s.start) : null;
                    return [
                        format.ms(s.start - q.start[r]),
                        el('span', null, stateTitle(s.cat), what ? el('small', null, what) : '', on ? el('small', null, on) : ''),
                        ms(s.end - s.start),
                    ];
                },
                'figures waits',
            ),
        ];
    }

    /** @param {Model} m @param {number} thread @param {number} time */
    function jumpTo(m, thread, time) {
        const track = m.threads[thread];
        const t = m.header.threads[thread];
        if (!track || !t) return null;
        const i = M.indexAt(track, time);
        return i < 0 ? null : link(`on ${t.comm} ${t.tid}`, { kind: 'interval', thread, index: i });
    }

    /** @param {Model} m @param {number} r */
    function threadsOf(m, r) {
        const held = [...M.holders(m, r)];
        if (held.length === 0) return [];
        return [
            el('h3', null, 'Threads that held it'),
            longTable(['thread', 'ms'], held.length, (i) => [threadLink(m, held[i][0]), ms(held[i][1])], 'figures'),
        ];
    }

    /* ---- a thread, and areas */

    /** @param {Model} m @param {number} i */
    function threadPage(m, i) {
        const t = m.header.threads[i];
        const process = m.header.processes[t.process];
        return [
            el('h2', null, M.prefix(m, t.process), `${t.comm} ${t.tid}`),
            facts([
                whose(m, t.process),
                ['process', process ? `${process.comm} ${process.pid}` : ''],
                ['role', t.role + (t.kernel ? ', a thread of the kernel' : '')],
                ['seen from', exact(t.start - M.shiftOf(m, t.process))],
                ['to', exact(t.end - M.shiftOf(m, t.process))],
                ['intervals', format.count(t.intervals)],
            ]),
            ...totals(m, [i], [], t.start, t.end),
        ];
    }

    /** @param {Model} m @param {Extract<Choice, {kind: 'area'}>} s */
    function area(m, s) {
        const inside = app.lanes.lanes.filter((l) => s.lanes.includes(l.key));
        const threads = [...new Set(inside.filter((l) => l.thread >= 0).map((l) => l.thread))]; /* one may stand below a request, too */
        const rows = inside.filter((l) => l.row >= 0);
        return [
            el('h2', null, `${format.time(s.t1 - s.t0)} selected`),
            facts([
                ['from', exact(s.t0)],
                ['to', exact(s.t1)],
                ['lanes', [threads.length ? format.plural(threads.length, 'thread') : '', rows.length ? format.plural(rows.length, 'row of requests', 'rows of requests') : ''].filter(Boolean).join(', ')],
            ]),
            el('p', { class: 'quiet' }, 'An interval that an edge cuts counts as one, with its part inside.'),
            ...bySide(m, threads, rows, (t, r) => totals(m, t, r, s.t0, s.t1)),
        ];
    }

    /** What is told of threads and rows, of two recordings for each by itself.
     * @param {Model} m @param {number[]} threads @param {Lane[]} rows @param {(threads: number[], rows: Lane[]) => Node[]} tell */
    function bySide(m, threads, rows, tell) {
        const both = m.header.recordings;
        if (!both) return tell(threads, rows);
        return both.flatMap((r, i) => {
            const own = threads.filter((t) => M.recordingOf(m, m.header.threads[t].process) === i);
            const ownRows = rows.filter((l) => M.recordingOf(m, l.process) === i);
            return own.length + ownRows.length ? [el('h2', { class: 'whose' }, `${'AB'[i]} · ${r.name}`), ...tell(own, ownRows)] : [];
        });
    }

    /** Time per state, exact; and what takes a moment: the single intervals, the requests, the waits.
     * @param {Model} m @param {number[]} threads @param {Lane[]} rows @param {number} t0 @param {number} t1 */
    function totals(m, threads, rows, t0, t1) {
        /** @type {Node[]} */
        const out = [];
        /** @type {{tracks: Track[], each: any[]}[]} */
        const later = [];
        const part = (/** @type {string} */ title, /** @type {(Track | null)[]} */ all, /** @type {string} */ kind) => {
            const tracks = all.filter((t) => t !== null);
            const sums = new Float64Array(M.COUNT);
            for (const track of tracks) M.addTotals(track, t0, t1, sums);
            const each = Array.from(sums, (ns) => (ns > 0 ? fiveRow() : null));
            later.push({ tracks, each });
            out.push(el('h3', null, title), sumTable(sums, each, kind));
        };
        if (threads.length) part(threads.length === 1 ? 'What the thread did' : 'What the threads did', threads.map((i) => m.threads[i]), 'thread-totals');
        const inside = el('div', { class: 'requests-in' });
        if (rows.length) {
            part('Where the requests’ time went', rows.map(waitscope.lanes.trackOf), 'request-totals');
            out.push(inside);
        }
        const place = el('div', { class: 'top-waits' }, el('p', { class: 'quiet' }, 'Adding up what was waited for …'));
        if (threads.length) out.push(el('h3', null, 'What was waited for'), place);
        function* slow() {
            for (const { tracks, each } of later) (yield* waitscope.stats.spans(tracks, t0, t1)).forEach((f, cat) => each[cat] && five(each[cat].firstChild.firstChild, f));
            const { requests, pack } = m;
            if (rows.length && requests && pack) requestsIn(inside, yield* waitscope.stats.requestsIn(requests, pack, new Set(rows.map((l) => l.row)), t0, t1));
            if (threads.length) place.replaceChildren(topWaits(m, (yield* waitscope.stats.waits(m, threads, t0, t1)).filter((w) => !w.idle)));
        }
        const before = stop;
        const mine = app.slowly(slow(), () => {});
        stop = () => {
            before();
            mine();
        };
        return out;
    }

    const FIVE = ['count', 'min', 'mean', 'p99', 'max'];

    /** The row below a state: of its single intervals, when they have been counted. */
    function fiveRow() {
        return el('tr', { class: 'each' }, el('td', { colspan: 3 }, el('div', { class: 'five' }, '…')));
    }

    /** @param {any} box @param {Figures} f */
    function five(box, f) {
        const ns = [f.count, f.min, Math.round(f.ns / f.count), f.p99, f.max];
        box.replaceChildren(
            ...FIVE.map((word, i) => el('span', { 'data-of': word, 'data-ns': ns[i], title: i ? `${word}: ${format.exact(ns[i])}` : word }, el('small', null, `${word} `), i ? format.time(ns[i]) : format.count(ns[i]))),
        );
    }

    /** @param {any} box @param {Figures & {whole: number}} f */
    function requestsIn(box, f) {
        const figures = el('div', { class: 'five' });
        if (f.count) five(figures, f);
        box.replaceChildren(
            el('p', null, `${format.plural(f.count, 'request')} with a part in it, ${format.count(f.whole)} of them whole.`, f.count ? ' Their whole latencies:' : ''),
            figures,
        );
    }

    /** @param {Float64Array} sums @param {any[]} each @param {string} kind */
    function sumTable(sums, each, kind) {
        const cats = [...sums.keys()].filter((c) => sums[c] > 0 && c !== M.EMPTY).sort((a, b) => sums[b] - sums[a]);
        const all = cats.reduce((a, c) => a + sums[c], 0);
        const rows = cats.map((c) => [stateTitle(c), exact(sums[c]), format.percent(sums[c] / all)]);
        rows.push([el('strong', null, 'together'), exact(all), '']);
        const t = table(['state', 'time', 'share'], rows, `figures sum ${kind}`);
        [...t.tBodies[0].rows].slice(0, -1).forEach((row, i) => row.after(each[cats[i]]));
        return t;
    }

    /** @param {Model} m @param {WaitSum[]} sums */
    function topWaits(m, sums) {
        if (sums.length === 0) return el('p', { class: 'quiet' }, 'Nothing: idle waiting aside, there was no wait.');
        return longTable(
            ['what', 'times', 'mean', 'longest', 'ms'],
            sums.length,
            (i) => {
                const w = sums[i];
                return [
                    el('span', null, stateTitle(w.state), el('small', null, [w.call, M.objectName(m, w.object)].filter(Boolean).join(' '))),
                    format.count(w.count),
                    format.time(w.ns / w.count),
                    format.time(w.max),
                    ms(w.ns),
                ];
            },
            'figures waits',
        );
    }

    /** With nothing chosen: the whole recording, or each of two. @param {Model} m */
    function everything(m) {
        const both = m.header.recordings;
        return [
            el('h2', null, both ? 'Both recordings' : 'The whole recording'),
            el('p', { class: 'quiet' }, 'Choose an interval, a request or a row of the table for its details, or drag over the picture for the sums of an area.'),
            ...(both ? both.flatMap((r, i) => [el('h2', { class: 'whose' }, `${'AB'[i]} · ${r.name}`), ...whole(m, r.header, i)]) : whole(m, m.header, 0)),
        ];
    }

    /** What the recording itself took of one CPU; "" where that is not known. @param {Header} h */
    function cost(h) {
        const { recorder, probes, sample } = h.cost;
        if (!recorder) return '';
        const parts = probes ? `probes ${format.percent(probes)}${sample ? ', by a sample' : ''}; recorder ${format.percent(recorder)}` : `recorder ${format.percent(recorder)}; probes not counted`;
        return `${parts}; of one CPU`;
    }

    /** @param {Model} m @param {Header} h @param {number} recording */
    function whole(m, h, recording) {
        const threads = m.header.threads.map((_, i) => i).filter((i) => m.threads[i] && M.recordingOf(m, m.header.threads[i].process) === recording);
        return [
            facts([
                ['duration', exact(h.duration_ns)],
                h.window.recorded_ns > h.duration_ns ? ['kept', format.length(h)] : null,
                ['host', h.host],
                ['kernel', h.kernel],
                ['records', format.count(h.records)],
                ['lost', h.lost.records ? format.plural(h.lost.records, 'record') : 'none'],
                ['its cost', cost(h)],
            ]),
            ...totals(m, threads, [], 0, m.header.duration_ns),
        ];
    }

    function paint() {
        const m = app.model;
        if (!m || panel.hidden) return;
        const s = app.selection;
        const key = s && s.kind === 'area' ? { ...s } : s;
        if (shown !== undefined && shown === s && panel.dataset.theme === String(app.dark())) return;
        shown = s;
        panel.dataset.theme = String(app.dark());
        stop();
        stop = () => {};
        const nodes = !key
            ? everything(m)
            : key.kind === 'interval'
              ? interval(m, key.thread, key.index)
              : key.kind === 'request'
                ? request(m, key.request)
                : key.kind === 'thread'
                  ? threadPage(m, key.thread)
                  : area(m, key);
        const focused = panel.contains(document.activeElement);
        panel.replaceChildren(...nodes);
        panel.scrollTop = 0;
        if (focused) panel.focus();
    }

    app.onPaint('details', paint);
    new ResizeObserver(() => {
        const canvas = panel.querySelector('canvas.bar');
        if (canvas && app.selection && app.selection.kind === 'request') {
            shown = undefined;
            app.invalidate('details');
        }
    }).observe(dom.get('side'));

    return {
        tab,
        /** Shows the details, and reads them anew. */
        open() {
            if (panel.hidden) tab('details');
        },
        /** What was read meanwhile changes what there is to say. */
        renew() {
            shown = undefined;
            app.invalidate('details');
        },
    };
})();
