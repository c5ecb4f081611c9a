/* What the filter's language asks of the data: texts and numbers of a request. */
var waitscope = waitscope || {};

waitscope.ask = waitscope.pure('ask', function () {
    'use strict';

    const { model: M } = waitscope;

    /** What was found of requests, for as long as no more of the file was read: the calls and objects of
     * their waits, the threads that held them, where in the file their asks begin.
     * @typedef {{parts: number, call: string[], object: string[], thread: string[], asks: Map<number, [Asks, number][]> | null}} Known */
    /** @type {WeakMap<Requests, Known>} */
    const kept = new WeakMap();

    /** @param {Model} m @param {Requests} q @returns {Known} */
    function known(m, q) {
        const parts = m.threads.filter(Boolean).length + m.asks.length + (m.objects ? 1 : 0) + m.strings.length;
        let k = kept.get(q);
        if (!k || k.parts !== parts) kept.set(q, (k = { parts, call: [], object: [], thread: [], asks: null }));
        return k;
    }

    /** Where the asks of each request begin; those of one stand together. @param {Model} m */
    function begins(m) {
        /** @type {Map<number, [Asks, number][]>} */
        const out = new Map();
        for (const a of m.asks)
            for (let i = 0; i < a.request.length; i++) {
                const r = a.request[i] - 1;
                if (r < 0 || (i > 0 && a.request[i - 1] === r + 1)) continue;
                const list = out.get(r);
                if (list) list.push([a, i]);
                else out.set(r, [[a, i]]);
            }
        return out;
    }

    /** The calls and objects of a request's waits, and whom it asked; a line each.
     * @param {Model} m @param {Requests} q @param {Known} k @param {number} r */
    function waitsOf(m, q, k, r) {
        /** @type {Set<string>} */
        const calls = new Set();
        /** @type {Set<string>} */
        const objects = new Set();
        k.asks = k.asks || begins(m);
        for (const [a, from] of k.asks.get(r) || []) for (let i = from; a.request[i] === r + 1; i++) objects.add(M.objectName(m, a.object[i]));
        waitscope.stats.eachWait(m, q, r, -Infinity, Infinity, (thread, _, w) => {
            const waits = /** @type {Track & {waits: Waits}} */ (m.threads[thread]).waits;
            calls.add(m.strings[waits.call[w]] || '');
            objects.add(M.objectName(m, waits.object[w] - 1));
        });
        k.call[r] = [...calls].join('\n').toLowerCase();
        k.object[r] = [...objects].join('\n').toLowerCase();
    }

    /** @param {Model} m @param {Requests} q */
    return function (m, q) {
        /** @type {Map<number, string>} */
        const lower = new Map();
        const text = (/** @type {number} */ i) => {
            let s = lower.get(i);
            if (s === undefined) lower.set(i, (s = (m.strings[i] || '').toLowerCase()));
            return s;
        };
        const k = known(m, q);
        const o = m.holds;
        const part = new Uint8Array(q.n); /* in holds: 1 held a loop, 2 was a victim */
        if (o) for (const r of o.request) if (r) part[r - 1] |= 1;
        if (o) for (const r of o.victim) part[r] |= 2;
        const waits = (/** @type {'call' | 'object'} */ what) => (/** @type {number} */ r) => {
            if (k[what][r] === undefined) waitsOf(m, q, k, r);
            return k[what][r];
        };
        const comms = (/** @type {number} */ r) => [...M.holders(m, r).keys()].map((t) => m.header.threads[t].comm.toLowerCase()).join('\n');
        /** @type {Record<string, (r: number) => string>} */
        const texts = {
            name: (r) => text(q.name[r]),
            group: (r) => text(q.group[r]),
            protocol: (r) => text(q.protocol[r]),
            conn: (r) => M.objectName(m, q.conn[r]).toLowerCase(),
            process: (r) => m.header.processes[q.process[r]].comm.toLowerCase(),
            recording: (r) => M.letterOf(m, q.process[r]).toLowerCase(),
            call: waits('call'),
            object: waits('object'),
            thread: (r) => (k.thread[r] === undefined ? (k.thread[r] = comms(r)) : k.thread[r]),
            is: (r) =>
                [
                    q.flags[r] & M.REQUEST.COMPLETE ? 'complete' : 'partial',
                    q.flags[r] & M.REQUEST.LOSS ? 'loss' : '',
                    q.flags[r] & M.REQUEST.PIPELINED ? 'pipelined' : '',
                    part[r] & 1 ? 'holder' : '',
                    part[r] & 2 ? 'victim' : '',
                ].join('\n'),
        };
        const any = (/** @type {number} */ r) => `${texts.name(r)}\n${texts.group(r)}\n${texts.conn(r)}\n${q.status[r] || ''}`;
        /** @type {Record<string, (r: number) => number | number[]>} */
        const numbers = {
            dur: (r) => q.latency[r],
            start: (r) => q.start[r] - M.shiftOf(m, q.process[r]),
            parallel: (r) => q.parallel[r],
            id: (r) => q.id[r],
            status: (r) => q.status[r],
            in: (r) => q.bytesIn[r],
            out: (r) => q.bytesOut[r],
            pid: (r) => m.header.processes[q.process[r]].pid,
            tid: (r) => [...M.holders(m, r).keys()].map((t) => m.header.threads[t].tid),
        };
        m.header.ledger.forEach((key, i) => (numbers[key] = (r) => q.ledger[i][r]));
        return {
            text: (/** @type {string} */ key) => (key ? texts[key] : any),
            number: (/** @type {string} */ key) => numbers[key] || (() => 0),
        };
    };
});
