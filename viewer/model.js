/*
 * The words of a timeline and the questions one asks it: which interval stands at a moment, how
 * much of what lies between two moments, what a thread waited for and on whose behalf.
 */
var waitscope = waitscope || {};

waitscope.model = waitscope.pure('model', function () {
    'use strict';

    /* The numbers of the categories: nine thread states as in the design, idle waiting apart, the
     * space where nothing is, and the ledger's keys that are no thread state. */
    const RUNNING = 0,
        RUNNABLE = 1,
        BLOCKED = 2,
        OTHER = 7,
        UNKNOWN = 8,
        IDLE = 9,
        EMPTY = 10,
        UNATTRIBUTED = 14,
        COUNT = 15,
        THREAD_COUNT = 10; /* those that a thread's track can hold */

    /** key: as files write it; word: as people read it; says: what it means; waiter: the same in
     * the picture that everybody knows; of: what can be in it. */
    const CATEGORIES = [
        {
            key: 'running',
            word: 'running',
            of: 'both',
            says: 'On a CPU, at work.',
            waiter: 'The waiter is serving a table.',
        },
        {
            key: 'runnable',
            word: 'runnable',
            of: 'both',
            says: 'Able to run and not running: pushed off its CPU, or woken and not yet back on one.',
            waiter: 'The waiter is on the way and cannot get through the door.',
        },
        {
            key: 'blocked',
            word: 'blocked',
            of: 'both',
            says: 'Off the CPU inside an I/O call on one object: a read, a connect, an fsync. The thread can do nothing else until it is ready.',
            waiter: 'The waiter took one order and stands at the kitchen until the food is ready. The next guest waits for a waiter, not for the kitchen.',
        },
        {
            key: 'yielded',
            word: 'yielded',
            of: 'thread',
            says: 'Off the CPU in a wait for many at once: epoll, poll over several descriptors, io_uring. Whichever is ready first gets the thread.',
            waiter: 'The waiter handed the orders over and goes to whichever table or dish calls first.',
        },
        {
            key: 'lock',
            word: 'lock',
            of: 'both',
            says: 'Off the CPU in a futex: another thread has what this one needs.',
            waiter: 'There is one card reader, and a colleague is using it.',
        },
        {
            key: 'sleep',
            word: 'sleep',
            of: 'both',
            says: 'Off the CPU because it asked to be, for a time: nanosleep, or a poll over nothing.',
            waiter: 'The waiter takes a break by the clock.',
        },
        {
            key: 'fault',
            word: 'fault',
            of: 'both',
            says: 'Off the CPU in a page fault: I/O that no call shows.',
            waiter: 'The plate is still in the cellar.',
        },
        {
            key: 'other',
            word: 'other',
            of: 'both',
            says: 'Off the CPU anywhere else: waiting for a child process, paused, stopped.',
            waiter: 'The waiter was called away.',
        },
        {
            key: 'unknown',
            word: 'unknown',
            of: 'thread',
            says: 'Not known: before the first record, or where records were lost. Never counted as a wait.',
            waiter: 'Nobody was looking.',
        },
        {
            key: 'idle',
            word: 'idle',
            of: 'thread',
            says: 'Waiting for work: no request wanted this thread. Kept apart from real waits and out of every ranking.',
            waiter: 'No guest is in.',
        },
        { key: '', word: '', of: '', says: '', waiter: '' },
        {
            key: 'queued',
            word: 'queued',
            of: 'request',
            says: 'Nobody had picked the request up: it stood in the accept queue or the receive buffer, or waited for a pool thread.',
            waiter: 'The guest is seated and no waiter has come.',
        },
        {
            key: 'awaiting',
            word: 'awaiting',
            of: 'request',
            says: 'A reply, a timer or another request that its own handler waits for was outstanding, with no thread held.',
            waiter: 'The order is with the kitchen, and no waiter stands there for it.',
        },
        {
            key: 'loop_busy',
            word: 'loop busy',
            of: 'request',
            says: 'Its next event was ready, and its event loop was busy with something else.',
            waiter: 'The dish is ready, and the waiter is held up at another table.',
        },
        {
            key: 'unattributed',
            word: 'unattributed',
            of: 'request',
            says: 'Not known. Said, never guessed away.',
            waiter: 'Nobody can tell who kept this guest waiting.',
        },
    ];

    /** @type {Record<string, number>} a file may write "constructor" */
    const BY_KEY = Object.create(null);
    CATEGORIES.forEach((c, i) => {
        if (c.key) BY_KEY[c.key] = i;
    });

    /** How sure a charge is. @type {Record<string, string>} */
    const GRADES = {
        exact: 'one owner, by construction',
        inferred: 'one candidate, by evidence',
        ambiguous: 'several candidates: charged to none',
        unattributed: 'no candidate',
    };

    const FLAG = { IDLE: 1, WAKER_IRQ: 2, OPEN: 4 };
    const REQUEST = { COMPLETE: 1, LOSS: 2, PIPELINED: 4 };

    /** @param {number} state @returns {boolean} the states that carry a call */
    function isWait(state) {
        return state >= BLOCKED && state <= OTHER;
    }

    /** The interval that holds `time`, -1 before the first, n - 1 from the last on.
     * @param {Track} track @param {number} time */
    function indexAt(track, time) {
        const { t, n } = track;
        if (n === 0 || time < t[0]) return -1;
        let lo = 0;
        let hi = n - 1;
        while (lo < hi) {
            const mid = (lo + hi + 1) >> 1;
            if (t[mid] <= time) lo = mid;
            else hi = mid - 1;
        }
        return lo;
    }

    /** Adds sign × the time per category from the track's begin to `time`.
     * @param {Track} track @param {number} time @param {number} sign @param {Float64Array} out */
    function addUpTo(track, time, sign, out) {
        const { t, cat, sums, k, n } = track;
        if (n === 0 || time <= t[0]) return;
        const i = time >= t[n] ? n : indexAt(track, time);
        const c = i >> 6;
        for (let j = 0; j < k; j++) out[j] += sign * sums[c * (k + 1) + j];
        for (let j = c << 6; j < i; j++) out[cat[j] & 15] += sign * (t[j + 1] - t[j]);
        if (i < n) out[cat[i] & 15] += sign * (time - t[i]);
    }

    /** Adds the exact time per category between two moments, whole numbers as they come from a file.
     * @param {Track} track @param {number} t0 @param {number} t1 @param {Float64Array} out COUNT numbers */
    function addTotals(track, t0, t1, out) {
        if (!(t1 > t0)) return;
        addUpTo(track, t1, 1, out);
        addUpTo(track, t0, -1, out);
    }

    /** @param {Pack} p @param {number} row @returns {Track} views, nothing copied */
    function rowTrack(p, row) {
        const from = p.off[row];
        const n = p.off[row + 1] - from;
        return {
            n,
            k: COUNT,
            t: p.t.subarray(from + row, from + row + n + 1),
            cat: p.cat.subarray(from, from + n),
            sums: p.sums.subarray(p.sumOff[row], p.sumOff[row + 1]),
        };
    }

    /** The entry of a wait in the thread's columns, -1 when interval i is none.
     * @param {Track & {waits: Waits}} track @param {number} i */
    function waitIndex(track, i) {
        if (!isWait(track.cat[i] >> 4)) return -1;
        let w = track.waits.base[i >> 6];
        for (let j = (i >> 6) << 6; j < i; j++) if (isWait(track.cat[j] >> 4)) w++;
        return w;
    }

    /** Where a segment ends. @param {Requests} q @param {number} s */
    function segEnd(q, s) {
        const r = q.segRequest[s];
        return s + 1 < q.segFirst[r + 1] ? q.segStart[s + 1] : q.start[r] + q.latency[r];
    }

    /** The requests that a thread held between two moments, with the time each; in order.
     * @param {Requests} q @param {number} thread @param {number} t0 @param {number} t1
     * @param {number} most */
    function ownersIn(q, thread, t0, t1, most) {
        /** @type {{request: number, ns: number}[]} */
        const out = [];
        let lo = q.heldFirst[thread];
        let hi = q.heldFirst[thread + 1];
        const stop = hi;
        while (lo < hi) {
            const mid = (lo + hi) >> 1;
            if (segEnd(q, q.heldSeg[mid]) <= t0) lo = mid + 1;
            else hi = mid;
        }
        for (; lo < stop && out.length < most; lo++) {
            const s = q.heldSeg[lo];
            if (q.segStart[s] >= t1) break;
            const ns = Math.min(segEnd(q, s), t1) - Math.max(q.segStart[s], t0);
            if (ns <= 0) continue;
            const last = out[out.length - 1];
            if (last && last.request === q.segRequest[s]) last.ns += ns;
            else out.push({ request: q.segRequest[s], ns });
        }
        return out;
    }

    /** All of an interval that one may ask for.
     * @param {Model} m @param {number} thread @param {number} i */
    function interval(m, thread, i) {
        const track = m.threads[thread];
        if (!track || i < 0 || i >= track.n) return null;
        const w = waitIndex(track, i);
        const state = track.cat[i] >> 4;
        const next = i + 1 < track.n ? track.cat[i + 1] >> 4 : -1;
        const flags = w < 0 ? 0 : track.waits.flags[w];
        return {
            thread,
            index: i,
            cat: track.cat[i] & 15,
            state,
            start: track.t[i],
            end: track.t[i + 1],
            wait: w >= 0,
            call: w < 0 ? '' : m.strings[track.waits.call[w]] || '',
            object: w < 0 ? -1 : track.waits.object[w] - 1,
            fd: w < 0 ? -1 : track.waits.fd[w],
            waker: w < 0 ? 0 : track.waits.waker[w],
            arg: w < 0 ? 0 : track.waits.arg[w],
            flags,
            /* from the wake-up until the thread was back on a CPU */
            delay: w >= 0 && next === RUNNABLE ? track.t[i + 2] - track.t[i + 1] : -1,
        };
    }

    /* Of two recordings in one model (merge.js) each process says which it is of. */

    /** Apart by so much lie the thread numbers of two recordings in model.tids. */
    const TIDS = 2 ** 32;

    /** @param {Model} m @param {number} process @returns {number} 0 or 1 */
    function recordingOf(m, process) {
        const p = m.header.processes[process];
        return (p && p.recording) || 0;
    }

    /** "A" or "B", and nothing when there is but one. @param {Model} m @param {number} process */
    function letterOf(m, process) {
        return m.header.recordings ? 'AB'[recordingOf(m, process)] : '';
    }

    /** The same in front of a name: "B · ". @param {Model} m @param {number} process */
    function prefix(m, process) {
        const letter = letterOf(m, process);
        return letter && `${letter} · `;
    }

    /** How much later than its own begin the picture shows it. @param {Model} m @param {number} process */
    function shiftOf(m, process) {
        return m.header.recordings ? m.header.recordings[recordingOf(m, process)].shift : 0;
    }

    /** The thread of a number in the recording of another thread. @param {Model} m
     * @param {number} tid @param {number} beside @returns {number | undefined} */
    function threadOf(m, tid, beside) {
        return m.tids.get(tid + TIDS * recordingOf(m, m.header.threads[beside].process));
    }

    /** The request of a number in one of two recordings, -1: there is none.
     * @param {Model} m @param {number} id @param {number} recording 0, also where there is but one; or 1 */
    function requestOf(m, id, recording) {
        const q = m.requests;
        let r = q ? q.id.indexOf(id) : -1;
        while (q && r >= 0 && recordingOf(m, q.process[r]) !== recording) r = q.id.indexOf(id, r + 1);
        return r;
    }

    /** What people call an object. @param {Model} m @param {number} index -1: none */
    function objectName(m, index) {
        const o = m.objects;
        if (!o || index < 0 || index >= o.n) return '';
        return m.strings[o.name[index]] || m.strings[o.remote[index]] || kindName(m, index);
    }

    /** @param {Model} m @param {number} index */
    function kindName(m, index) {
        const o = m.objects;
        return o && index >= 0 && index < o.n ? m.header.object_kinds[o.kind[index]] || 'unknown' : '';
    }

    /** A stretch of a request, with the call and object of the thread's wait below it.
     * @param {Model} m @param {Requests} q @param {number} s */
    function segment(m, q, s) {
        const thread = q.segThread[s] - 1;
        const track = thread >= 0 ? m.threads[thread] : null;
        const i = track ? indexAt(track, q.segStart[s]) : -1;
        const iv = i >= 0 ? interval(m, thread, i) : null;
        const fits = iv !== null && iv.wait && iv.state === q.segCat[s];
        return {
            cat: q.segCat[s],
            grade: q.segGrade[s],
            thread,
            start: q.segStart[s],
            end: segEnd(q, s),
            call: fits ? iv.call : '',
            object: fits ? iv.object : -1,
        };
    }

    /** The stretches of a request that are of one kind or another, in order: numbers, of which there
     * may be very many. @param {Requests} q @param {number} r @param {(cat: number) => boolean} fits */
    function stretches(q, r, fits) {
        const out = [];
        for (let s = q.segFirst[r]; s < q.segFirst[r + 1]; s++) if (fits(q.segCat[s])) out.push(s);
        return out;
    }

    /** All of them, to be listed. @param {Model} m @param {number} r */
    function segments(m, r) {
        const q = m.requests;
        return q ? stretches(q, r, () => true).map((s) => segment(m, q, s)) : [];
    }

    /** What a request asked of other servers: whom, when a question was out, and again from when to
     * when on a new connection, after a pause. @param {Model} m @param {number} r */
    function asksOf(m, r) {
        const out = [];
        for (const o of m.asks)
            for (let i = o.request.indexOf(r + 1); i >= 0 && o.request[i] === r + 1; i++) {
                const at = o.start[i];
                out.push({ name: objectName(m, o.object[i]), times: [at, at + o.made[i], at + o.asked[i], at + o.dur[i]] });
            }
        return out;
    }

    /** Those of them that it waited for in a stretch: they were out for most of it.
     * @param {{name: string, times: number[]}[]} asks @param {{start: number, end: number}} s */
    function askedIn(asks, s) {
        /** @param {number} from @param {number} to */
        const within = (from, to) => Math.max(Math.min(to, s.end) - Math.max(from, s.start), 0);
        const out = asks.filter(({ times: [a, b, c, d] }) => 2 * (within(a, b) + within(c, d)) > s.end - s.start);
        return [...new Set(out.map((a) => a.name))].join(', ');
    }

    /** The threads that held a request, in the order they came, with the time each.
     * @param {Model} m @param {number} r */
    function holders(m, r) {
        const q = m.requests;
        /** @type {Map<number, number>} */
        const ns = new Map();
        if (!q) return ns;
        for (let s = q.segFirst[r]; s < q.segFirst[r + 1]; s++) {
            const thread = q.segThread[s] - 1;
            if (thread >= 0 && isHeld(q.segCat[s]))
                ns.set(thread, (ns.get(thread) || 0) + segEnd(q, s) - q.segStart[s]);
        }
        return ns;
    }

    /** True for the ledger's keys in which a thread held the request. @param {number} cat */
    function isHeld(cat) {
        return cat <= OTHER;
    }

    /** What held a loop: "blocked read /srv/x". @param {Model} m @param {number} i */
    function holdWords(m, i) {
        const o = /** @type {Holds} */ (m.holds);
        /* a futex's call and object have one name */
        return [...new Set([CATEGORIES[o.state[i]].word, m.strings[o.call[i]], objectName(m, o.object[i] - 1)])].filter(Boolean).join(' ');
    }

    return {
        holdWords,
        RUNNING,
        RUNNABLE,
        BLOCKED,
        UNKNOWN,
        IDLE,
        EMPTY,
        UNATTRIBUTED,
        COUNT,
        THREAD_COUNT,
        CATEGORIES,
        BY_KEY,
        GRADES,
        FLAG,
        REQUEST,
        isWait,
        isHeld,
        indexAt,
        addTotals,
        rowTrack,
        waitIndex,
        segEnd,
        ownersIn,
        interval,
        TIDS,
        recordingOf,
        letterOf,
        prefix,
        shiftOf,
        threadOf,
        requestOf,
        objectName,
        kindName,
        segment,
        stretches,
        segments,
        asksOf,
        askedIn,
        holders,
    };
});
