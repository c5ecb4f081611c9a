/*
 * The elements of a timeline, one by one, to typed arrays; each part is told as soon as it is
 * whole. What does not fit is said and left out, and the rest is shown.
 */
var waitscope = waitscope || {};

/** @typedef {(message: any, transfer?: Transferable[]) => void} Emit */

waitscope.decode = waitscope.pure('decode', function () {
    'use strict';

    const { model, layout } = waitscope;
    const { table, narrow, buffers } = waitscope.columns;
    const { num, list, record, words, header, Refusal } = waitscope.header;
    const MOST_PROBLEMS = 20;
    const LONGEST = 5000; /* characters of a name; a path has 4,096 at most */
    const MAX = Number.MAX_SAFE_INTEGER;
    const U32 = 0xffffffff;

    /**
     * Takes the elements of a timeline one by one.
     * @param {Emit} emit
     */
    function decoder(emit) {
        /** @type {Header | null} */
        let head = null;
        /** @type {string[]} */
        const problems = [];
        let unsaid = 0;
        let ended = false;
        let hasObjects = false;
        let strings = 0;

        /** @param {string} what */
        function problem(what) {
            if (problems.includes(what)) return;
            if (problems.length < MOST_PROBLEMS) problems.push(what);
            else unsaid++;
        }

        /** Copies n numbers of a column; what is no whole number of its range becomes `missing`.
         * @param {any} target @param {number} at @param {any} from @param {number} n
         * @param {number} most @param {string} what @param {number} [missing] */
        function copy(target, at, from, n, most, what, missing) {
            const values = list(from);
            if (values.length !== n) problem(`${what}: ${values.length} values where ${n} belong`);
            let bad = 0;
            for (let i = 0; i < n; i++) {
                let v = values[i];
                if (!(Number.isInteger(v) && v >= 0 && v <= most)) {
                    if (i < values.length) bad++;
                    v = missing || 0;
                }
                target[at + i] = v;
            }
            if (bad) problem(`${what}: ${bad} values out of range, or no whole numbers`);
        }

        /** @type {any} */
        let req = null;
        /** @type {any} */
        let segs = null;
        /** @type {Set<number>} */
        const seen = new Set();
        /** @type {any} */
        let cur = null;
        const totals = { threads: 0, requests: 0, intervals: 0 };

        /* Categories by the header's own order of words. */
        /** @type {number[]} */
        let stateOf = [];
        /** @type {number[]} */
        let ledgerOf = [];

        /** @param {any} b */
        function begin(b) {
            head = header(b);
            const times = [b.duration_ns, ...list(b.threads).flatMap((t) => [record(t).start, record(t).end])];
            const odd = times.filter((v) => v !== undefined && num(v) !== v).length;
            if (odd) problem(`header: ${odd} times that are no whole numbers`);
            stateOf = head.states.map((s) => {
                const c = model.BY_KEY[s];
                return c !== undefined && c <= model.UNKNOWN ? c : model.UNKNOWN;
            });
            ledgerOf = head.ledger.map((s) => {
                const c = model.BY_KEY[s];
                return c === undefined ? model.UNATTRIBUTED : c;
            });
            emit({ type: 'header', header: head });
        }

        /** @param {any} b */
        function onStrings(b) {
            const values = words(b.values).map((s) => (s.length > LONGEST ? `${s.slice(0, LONGEST)}…` : s));
            strings += values.length;
            emit({ type: 'strings', values });
        }

        /** @param {any} b */
        function onObjects(b) {
            if (hasObjects) return problem('a second block of objects was left out');
            hasObjects = true;
            const n = Math.max(list(b.kind).length, list(b.name).length);
            const o = {
                n,
                kind: new Uint8Array(n),
                name: new Uint32Array(n),
                local: new Uint32Array(n),
                remote: new Uint32Array(n),
                deleted: new Uint8Array(n),
            };
            copy(o.kind, 0, b.kind, n, 255, 'objects, kind');
            for (const key of /** @type {const} */ (['name', 'local', 'remote'])) copy(o[key], 0, b[key], n, strings - 1, `objects, ${key}`);
            copy(o.deleted, 0, b.deleted, n, 1, 'objects, deleted');
            emit({ type: 'objects', objects: o }, buffers(o));
        }

        /** @param {Header} h */
        function newRequests(h) {
            /** @type {Record<string, any>} */
            const types = {
                id: Float64Array,
                process: Uint32Array,
                conn: Uint32Array,
                protocol: Uint32Array,
                name: Uint32Array,
                group: Uint32Array,
                status: Int32Array,
                start: Float64Array,
                latency: Float64Array,
                bytesIn: Float64Array,
                bytesOut: Float64Array,
                flags: Uint8Array,
                parallel: Float64Array,
                segCount: Uint32Array,
            };
            h.ledger.forEach((_, i) => (types['ledger' + i] = Float64Array));
            h.grades.forEach((_, i) => (types['grade' + i] = Float64Array));
            req = table(types);
            segs = table({ start: Float64Array, cat: Uint8Array, grade: Uint8Array, thread: Uint32Array, request: Uint32Array });
        }

        /** @param {any} b @param {Header} h */
        function onRequests(b, h) {
            if (totals.requests < 0) return problem('a block of requests behind the threads was left out');
            if (!req) newRequests(h);
            const n = list(b.start).length;
            const at = req.n;
            if (b.first !== undefined && b.first !== at) problem(`requests: a block begins at ${b.first} where ${at} belongs`);
            req.reserve(n);
            const c = req.cols;
            /** Most that a column may hold; those not named hold up to MAX. @type {Record<string, number>} */
            const most = { process: h.processes.length - 1, conn: U32, status: 0x7fffffff, flags: 255, segCount: U32 };
            for (const key of ['protocol', 'name', 'group']) most[key] = strings - 1;
            /** Where the file has another name. @type {Record<string, string>} */
            const named = { bytesIn: 'bytes_in', bytesOut: 'bytes_out', segCount: 'segments' };
            for (const key in c) {
                if (/\d$/.test(key)) continue;
                const from = named[key] || key;
                copy(c[key], at, b[from], n, key in most ? most[key] : MAX, `requests, ${from}`);
            }
            h.ledger.forEach((k, i) => copy(c['ledger' + i], at, list(b.ledger)[i], n, MAX, `requests, ledger ${k}`));
            h.grades.forEach((k, i) => copy(c['grade' + i], at, list(b.grade)[i], n, MAX, `requests, grade ${k}`));
            /* Beyond that no moment can be told from the next. */
            let late = 0;
            for (let r = at; r < at + n; r++) {
                if (c.start[r] + c.latency[r] <= MAX) continue;
                c.latency[r] = MAX - c.start[r];
                late++;
            }
            if (late) problem(`requests: ${late} that end beyond what a number can tell`);
            req.n += n;
            onSegments(b, at, n);
        }

        /** @param {any} b @param {number} at @param {number} n */
        function onSegments(b, at, n) {
            const c = req.cols;
            const dt = list(b.seg_dt);
            const key = list(b.seg_key);
            const grade = list(b.seg_grade);
            const thread = list(b.seg_thread);
            let i = 0;
            let broken = 0;
            let strange = 0;
            const threads = /** @type {Header} */ (head).threads.length;
            segs.reserve(dt.length + n);
            const s = segs.cols;
            for (let r = at; r < at + n; r++) {
                const end = c.start[r] + c.latency[r];
                let time = c.start[r];
                const first = segs.n;
                for (const stop = Math.min(i + c.segCount[r], dt.length); i < stop; i++) {
                    const d = dt[i];
                    if (time > end || !(Number.isSafeInteger(d) && d >= 0)) break;
                    const cat = typeof key[i] === 'number' ? ledgerOf[key[i]] : undefined;
                    const by = num(thread[i], U32);
                    if (by > threads) strange++;
                    s.start[segs.n] = time;
                    s.cat[segs.n] = cat === undefined ? model.UNATTRIBUTED : cat;
                    s.grade[segs.n] = num(grade[i], 255);
                    s.thread[segs.n] = by > threads ? 0 : by;
                    s.request[segs.n] = r;
                    time += d;
                    segs.n++;
                }
                if (time !== end) broken++;
                /* Without stretches a request still has a bar: of what nobody knows. */
                if (segs.n === first) {
                    s.start[segs.n] = c.start[r];
                    s.cat[segs.n] = model.UNATTRIBUTED;
                    s.grade[segs.n] = 255;
                    s.thread[segs.n] = 0;
                    s.request[segs.n++] = r;
                }
                c.segCount[r] = segs.n - first;
            }
            if (strange) problem(`requests: ${strange} stretches of threads that the header does not name`);
            if (broken) problem(`requests: the stretches of ${broken} do not add up to their latency`);
        }

        /** Sends the requests when the last block of them was read. @param {Header} h */
        function endRequests(h) {
            if (!req) {
                if (totals.requests < 0) return;
                newRequests(h);
            }
            if (totals.requests < 0) return;
            const n = req.n;
            totals.requests = -1; /* sent */
            const segFirst = new Uint32Array(n + 1);
            for (let r = 0; r < n; r++) segFirst[r + 1] = segFirst[r] + req.cols.segCount[r];
            /** @type {any} */
            const q = { n, segFirst, ledger: [], grade: [] };
            for (const name in req.cols) {
                const kind = /^(ledger|grade)\d/.exec(name);
                if (kind) q[kind[1]].push(req.take(name));
                else if (name !== 'segCount') q[name] = req.take(name);
            }
            q.ledgerSum = Float64Array.from(q.ledger, (/** @type {Float64Array} */ c) => c.reduce((a, b) => a + b, 0));
            q.segStart = segs.take('start');
            q.segCat = segs.take('cat');
            q.segGrade = segs.take('grade');
            q.segThread = segs.take('thread');
            q.segRequest = segs.take('request');
            held(q, h.threads.length);
            req = { n }; /* the rest can go */
            segs = null;
            const pack = layout.packRows(q, null, h.processes.length, model.COUNT, model.EMPTY);
            emit({ type: 'requests', requests: q, pack }, buffers(q).concat(buffers(pack)));
        }

        /** Lists the segments that each thread held, by time. @param {any} q @param {number} threads */
        function held(q, threads) {
            const total = q.segStart.length;
            const first = new Uint32Array(threads + 1);
            const holds = (/** @type {number} */ s) =>
                q.segThread[s] > 0 && q.segThread[s] <= threads && model.isHeld(q.segCat[s]);
            for (let s = 0; s < total; s++) if (holds(s)) first[q.segThread[s]]++;
            for (let i = 0; i < threads; i++) first[i + 1] += first[i];
            const at = first.slice();
            const out = new Uint32Array(first[threads]);
            for (let s = 0; s < total; s++) if (holds(s)) out[at[q.segThread[s] - 1]++] = s;
            for (let i = 0; i < threads; i++) {
                let sorted = true;
                for (let j = first[i] + 1; sorted && j < first[i + 1]; j++)
                    sorted = q.segStart[out[j - 1]] <= q.segStart[out[j]];
                if (!sorted)
                    out.subarray(first[i], first[i + 1]).sort((a, b) => q.segStart[a] - q.segStart[b] || a - b);
            }
            q.heldFirst = first;
            q.heldSeg = out;
        }

        /** @param {any} b @param {Header} h */
        function onHolds(b, h) {
            const n = h.threads.length ? list(b.start).length : 0; /* a hold is of a thread */
            const victims = list(b.victims);
            const lost = list(b.lost);
            const o = {
                n,
                thread: new Uint32Array(n),
                request: new Uint32Array(n),
                state: new Uint8Array(n),
                call: new Uint32Array(n),
                object: new Uint32Array(n),
                start: new Float64Array(n),
                dur: new Float64Array(n),
                victimFirst: new Uint32Array(n + 1),
                victim: /** @type {any} */ (null),
                lost: /** @type {any} */ (null),
                more: new Uint32Array(n),
            };
            const requests = req ? req.n : 0;
            const most = { thread: h.threads.length - 1, request: requests, state: 255, call: strings - 1, object: U32, start: MAX, dur: MAX };
            for (const [key, limit] of Object.entries(most)) copy(/** @type {any} */ (o)[key], 0, b[key], n, limit, `holds, ${key}`);
            /** @type {number[]} */
            const all = [];
            /** @type {number[]} */
            const ns = [];
            let odd = 0;
            if (b.more_victims) copy(o.more, 0, b.more_victims, n, U32, 'holds, more_victims');
            for (let i = 0; i < n; i++) {
                const times = list(lost[i]);
                o.state[i] = stateOf[o.state[i]] === undefined ? model.UNKNOWN : stateOf[o.state[i]];
                list(victims[i]).forEach((v, k) => {
                    if (num(v) !== v || v >= requests) return;
                    if (times[k] !== undefined && num(times[k]) !== times[k]) odd++;
                    all.push(v);
                    ns.push(Math.min(num(times[k]), o.dur[i]));
                });
                o.victimFirst[i + 1] = all.length;
            }
            if (odd) problem(`holds, lost: ${odd} values out of range, or no whole numbers`);
            o.victim = Uint32Array.from(all);
            o.lost = Float64Array.from(ns);
            emit({ type: 'holds', holds: o }, buffers(o));
        }

        /** @param {any} b */
        function onAsks(b) {
            const n = list(b.start).length;
            /** @type {any} */
            const o = {};
            for (const key of ['request', 'object', 'start', 'made', 'asked', 'dur']) {
                o[key] = new Float64Array(n);
                copy(o[key], 0, b[key], n, MAX, `asks, ${key}`, key === 'object' ? U32 : 0);
            }
            emit({ type: 'asks', asks: o }, buffers(o));
        }

        /** @param {number} thread */
        function newThread(thread) {
            return {
                thread,
                state_ns: new Float64Array(16),
                iv: table({ t: Float64Array, cat: Uint8Array }),
                w: table({
                    call: Uint32Array,
                    object: Uint32Array,
                    fd: Int32Array,
                    waker: Uint32Array,
                    arg: Uint32Array,
                    flags: Uint8Array,
                }),
                end: 0,
            };
        }

        /** @param {any} b @param {Header} h */
        function onThread(b, h) {
            const i = b.thread;
            if (!(num(i) === i && i < h.threads.length)) return problem('a block of a thread that the header does not name');
            const what = `thread ${h.threads[i].tid}`;
            if (!cur || cur.thread !== i) {
                endThread(h);
                if (seen.has(i)) return problem(`${what}: a block out of order was left out`);
                seen.add(i);
                cur = newThread(i);
            }
            const dt = list(b.dt);
            const state = list(b.state);
            if (dt.length !== state.length) problem(`${what}: ${dt.length} durations and ${state.length} states`);
            const n = Math.min(dt.length, state.length);
            const start = num(b.start);
            if (b.start !== undefined && b.start !== start) problem(`${what}: a block whose begin is no whole number`);
            const iv = cur.iv;
            iv.reserve(n + 2);
            if (iv.n === 0) iv.cols.t[0] = cur.end = start;
            if (start < cur.end) return problem(`${what}: a block that begins before the last one ended was left out`);
            if (start > cur.end) {
                problem(`${what}: a block is missing`);
                iv.cols.cat[iv.n] = model.UNKNOWN * 17;
                iv.cols.t[++iv.n] = cur.end = start;
            }
            intervals(b, dt, state, n, what);
        }

        /** @param {any} b @param {any[]} dt @param {any[]} state @param {number} n @param {string} what */
        function intervals(b, dt, state, n, what) {
            const { t, cat } = cur.iv.cols;
            const from = cur.iv.n;
            const flags = list(b.flags);
            let time = cur.end;
            let w = 0;
            let i = 0;
            for (; i < n; i++) {
                const d = dt[i];
                if (!(Number.isInteger(d) && d >= 0 && time + d <= MAX)) break;
                let s = typeof state[i] === 'number' ? stateOf[state[i]] : undefined;
                if (s === undefined) {
                    problem(`${what}: a state that the header does not name`);
                    s = model.UNKNOWN;
                }
                let c = s;
                if (model.isWait(s)) if (flags[w++] & model.FLAG.IDLE) c = model.IDLE;
                cat[from + i] = c | (s << 4);
                cur.state_ns[s] += d;
                time += d;
                t[from + i + 1] = time;
            }
            if (i < n) problem(`${what}: a duration that is no whole number; the rest of its block was left out`);
            cur.iv.n += i;
            cur.end = time;

            const at = cur.w.n;
            cur.w.reserve(w);
            const c = cur.w.cols;
            const cut = i < n; /* then the columns are rightly longer */
            /** @param {string} name @param {number} most @param {number} [missing] */
            const column = (name, most, missing) =>
                copy(c[name], at, cut ? list(b[name]).slice(0, w) : b[name], w, most, `${what}, ${name}`, missing);
            column('call', strings - 1);
            column('object', U32);
            column('waker', U32);
            column('arg', U32);
            column('flags', 255);
            const fds = list(b.fd);
            for (let j = 0; j < w; j++) c.fd[at + j] = fds[j] >= 0 ? num(fds[j], 0x7fffffff) : -1;
            cur.w.n += w;
        }

        /** @param {Header} h */
        function endThread(h) {
            if (!cur) return;
            const { thread, iv, w } = cur;
            const n = iv.n;
            const t = iv.take('t', n + 1);
            const cat = iv.take('cat');
            const sums = new Float64Array(((n >> 6) + 1) * (model.THREAD_COUNT + 1));
            layout.addSums(t, cat, n, model.THREAD_COUNT, sums);
            const base = new Uint32Array((n >> 6) + 1);
            let waits = 0;
            for (let i = 0; i < n; i++) {
                if ((i & 63) === 0) base[i >> 6] = waits;
                if (model.isWait(cat[i] >> 4)) waits++;
            }
            const track = {
                n,
                k: model.THREAD_COUNT,
                t,
                cat,
                sums,
                waits: {
                    base,
                    ...Object.fromEntries(Object.keys(w.cols).map((key) => [key, narrow(w.take(key))])),
                },
            };
            const said = h.threads[thread];
            totals.threads++;
            totals.intervals += n;
            if (n === said.intervals && said.state_ns.some((ns, s) => ns !== (stateSum(cur, s) || 0)))
                problem(`thread ${said.tid}: its intervals do not add up to the header's figures`);
            emit({ type: 'thread', thread, track }, buffers(track).concat(buffers(track.waits)));
            cur = null;
        }

        /** @param {any} c @param {number} s a number of the file */
        function stateSum(c, s) {
            return stateOf[s] === undefined ? 0 : c.state_ns[stateOf[s]];
        }

        /** @param {any} b */
        function onEnd(b) {
            ended = true;
            if (num(b.threads) !== totals.threads) problem(`${totals.threads} threads where the end counts ${num(b.threads)}`);
            if (num(b.intervals) !== totals.intervals)
                problem(`${totals.intervals} intervals where the end counts ${num(b.intervals)}`);
            if (num(b.requests) !== (req ? req.n : 0))
                problem(`${req ? req.n : 0} requests where the end counts ${num(b.requests)}`);
        }

        return {
            problem,
            /** @param {any} b one element of the array */
            element(b) {
                if (!head) return begin(b);
                const kind = record(b).type;
                if (strings === 0 && (kind === 'requests' || kind === 'thread')) onStrings({ values: [''] });
                if (kind === 'strings') return onStrings(b);
                if (kind === 'objects') return onObjects(b);
                if (kind === 'requests') return onRequests(b, head);
                if (kind === 'holds') {
                    endRequests(head);
                    return onHolds(b, head);
                }
                if (kind === 'asks') {
                    endRequests(head);
                    return onAsks(b);
                }
                if (kind === 'thread') {
                    endRequests(head);
                    return onThread(b, head);
                }
                if (kind === 'end') {
                    endRequests(head);
                    endThread(head);
                    return onEnd(b);
                }
                return undefined; /* of a later minor version */
            },
            started: () => head !== null,
            /** All that could be read was read. */
            finish() {
                if (!head) throw new Refusal('The file is empty.');
                endRequests(head);
                endThread(head);
                if (!ended) {
                    const said = head.threads.length;
                    problems.unshift(
                        `it ends early: ${totals.threads} of ${said} threads, ${req ? req.n : 0} of ${head.requests} requests and ${totals.intervals} of ${head.intervals} intervals could be read`,
                    );
                }
                if (unsaid) problems.push(`and ${unsaid} more`);
                emit({ type: 'end', problems });
            },
        };
    }

    return { decoder };
});
