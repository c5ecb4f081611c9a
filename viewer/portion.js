/*
 * What is chosen, as JSON for other programs: README.md describes the form. Whole nanoseconds, sums
 * exact; long lists end with a count of what was left out.
 */
var waitscope = waitscope || {};

/**
 * @typedef {object} Portion
 * @property {'area' | 'request' | 'interval' | 'thread'} kind
 * @property {number} t0
 * @property {number} t1
 * @property {number[]} threads
 * @property {(r: number) => boolean} fits requests, of those that lie in the stretch
 */

waitscope.portion = waitscope.pure('portion', function () {
    'use strict';

    const { model: M, hash } = waitscope;
    const MOST = { intervals: 20000, requests: 2000, segments: 100000 };

    /** The categories that are there. @param {Float64Array} sums */
    function named(sums) {
        /** @type {Record<string, number>} */
        const out = {};
        M.CATEGORIES.forEach((c, i) => {
            if (c.key && sums[i] > 0) out[c.key] = sums[i];
        });
        return out;
    }

    /** @param {Model} m @param {number} thread @param {number} i */
    function interval(m, thread, i) {
        const iv = /** @type {NonNullable<ReturnType<typeof M.interval>>} */ (M.interval(m, thread, i));
        const q = m.requests;
        return {
            start_ns: iv.start,
            ns: iv.end - iv.start,
            state: M.CATEGORIES[iv.state].key,
            idle: iv.cat === M.IDLE || undefined,
            call: iv.call || undefined,
            object: M.objectName(m, iv.object) || undefined,
            fd: iv.fd >= 0 ? iv.fd : undefined,
            waker_tid: iv.waker || undefined,
            wakeup_ns: iv.delay >= 0 ? iv.delay : undefined,
            requests: q && iv.cat !== M.IDLE ? M.ownersIn(q, thread, iv.start, iv.end, 50).map((o) => q.id[o.request]) : undefined,
        };
    }

    /** @param {Model} m @param {Requests} q @param {number} r */
    function request(m, q, r) {
        const h = m.header;
        const object = (/** @type {string[]} */ keys, /** @type {Float64Array[]} */ columns) => Object.fromEntries(keys.map((key, i) => [key, columns[i][r]]));
        return {
            id: q.id[r],
            pid: h.processes[q.process[r]].pid,
            conn: M.objectName(m, q.conn[r]),
            protocol: m.strings[q.protocol[r]],
            name: m.strings[q.name[r]],
            group: m.strings[q.group[r]],
            status: q.status[r],
            start_ns: q.start[r],
            latency_ns: q.latency[r],
            bytes_in: q.bytesIn[r],
            bytes_out: q.bytesOut[r],
            complete: (q.flags[r] & M.REQUEST.COMPLETE) !== 0,
            ledger_ns: object(h.ledger, q.ledger),
            parallel_ns: q.parallel[r],
            grade_ns: object(h.grades, q.grade),
            segments: M.segments(m, r).map((s) => ({
                start_ns: s.start,
                ns: s.end - s.start,
                state: M.CATEGORIES[s.cat].key,
                grade: h.grades[s.grade],
                tid: s.thread >= 0 ? h.threads[s.thread].tid : undefined,
                call: s.call || undefined,
                object: M.objectName(m, s.object) || undefined,
            })),
        };
    }

    /** The pieces of the text, one behind the other.
     * @param {Model} m @param {Portion} s @returns {Generator<void, string[]>} */
    function* json(m, s) {
        const { name, header: h, requests: q } = m;
        const head = {
            format: 'waitscope-selection',
            version: [1, 0],
            unit: 'ns',
            recording: { name, fingerprint: hash.fingerprint(h), host: h.host, command: h.command, t0_real_ns: h.t0_real_ns, duration_ns: h.duration_ns },
            kind: s.kind,
            start_ns: s.t0,
            end_ns: s.t1,
        };
        const out = [`${JSON.stringify(head).slice(0, -1)},\n"threads":[`];
        const cut = { intervals: 0, requests: 0 };
        const threadSums = new Float64Array(M.COUNT);
        let n = 0;
        let comma = '';
        for (const i of s.threads) {
            const track = m.threads[i];
            if (!track) continue;
            const sums = new Float64Array(M.COUNT);
            M.addTotals(track, s.t0, s.t1, sums);
            sums.forEach((ns, c) => (threadSums[c] += ns));
            const { tid, pid, comm, role } = h.threads[i];
            out.push(`${comma}\n${JSON.stringify({ tid, pid, comm, role, state_ns: named(sums) }).slice(0, -1)},"intervals":[`);
            comma = '';
            for (let k = Math.max(M.indexAt(track, s.t0), 0); k < track.n && track.t[k] < s.t1; k++) {
                if ((k & 63) === 0) yield;
                if (track.t[k + 1] <= s.t0) continue;
                if (n++ >= MOST.intervals) cut.intervals++;
                else {
                    out.push(`${comma}\n${JSON.stringify(interval(m, i, k))}`);
                    comma = ',';
                }
            }
            out.push(']}');
            comma = ',';
        }
        out.push('],\n"requests":[');
        const requestSums = new Float64Array(M.COUNT);
        n = 0;
        comma = '';
        let segments = 0;
        for (let r = 0; q && r < q.n; r++) {
            if ((r & 63) === 0) yield;
            if (!s.fits(r) || (s.kind !== 'request' && (q.start[r] >= s.t1 || q.start[r] + q.latency[r] <= s.t0))) continue;
            for (let k = q.segFirst[r]; k < q.segFirst[r + 1]; k++) requestSums[q.segCat[k]] += Math.max(Math.min(M.segEnd(q, k), s.t1) - Math.max(q.segStart[k], s.t0), 0);
            segments += q.segFirst[r + 1] - q.segFirst[r];
            if (n > 0 && (n >= MOST.requests || segments > MOST.segments)) cut.requests++;
            else {
                n++;
                out.push(`${comma}\n${JSON.stringify(request(m, q, r))}`);
                comma = ',';
                yield;
            }
        }
        const tail = { thread_ns: named(threadSums), request_ns: named(requestSums), cut };
        out.push(`],\n${JSON.stringify(tail).slice(1)}\n`);
        return out;
    }

    return { json, MOST };
});
