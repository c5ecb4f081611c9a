/*
 * Reads a timeline, line by line, and turns its columns into typed arrays. It runs in a worker;
 * the page gets the header first and then each part as soon as it is whole. Nothing in a file is
 * trusted: what does not fit is said and left out, and the rest is shown.
 */
var waitscope = waitscope || {};

waitscope.load = waitscope.pure('load', function () {
    'use strict';

    const { model, layout } = waitscope;
    const MAJOR = 1;
    const MOST_PROBLEMS = 20;
    const LONGEST_LINE = 400e6; /* bytes; a string of V8 ends at 2^29 characters */
    const MAX = Number.MAX_SAFE_INTEGER;
    const U32 = 0xffffffff;

    /** @typedef {(message: any, transfer?: Transferable[]) => void} Emit */

    /** A file that is not for this viewer at all. */
    class Refusal extends Error {}

    /** @param {any} v @param {number} [most] @returns {number} a whole number from 0 on */
    function num(v, most) {
        return typeof v === 'number' && v >= 0 ? Math.floor(Math.min(v, most || MAX)) : 0;
    }

    /** @param {any} v */
    function str(v) {
        return typeof v === 'string' ? v : '';
    }

    /** @param {any} v @returns {any[]} */
    function list(v) {
        return Array.isArray(v) ? v : [];
    }

    /** @param {any} v @returns {Record<string, any>} */
    function record(v) {
        return v !== null && typeof v === 'object' && !Array.isArray(v) ? v : {};
    }

    /** @param {any} v */
    function words(v) {
        return list(v).map(str);
    }

    /** @param {any} p */
    function process(p) {
        const v = record(record(p).verdict);
        return {
            pid: num(record(p).pid),
            comm: str(record(p).comm),
            model: str(record(p).model),
            verdict: {
                text: words(v.text),
                thread_waits: v.thread_waits === true,
                waits_on: str(v.waits_on),
                waits_on_name: str(v.waits_on_name),
                serving_threads: num(v.serving_threads),
                requests: num(v.requests),
                efficiency: typeof v.efficiency === 'number' ? v.efficiency : 0,
                capacity: typeof v.capacity === 'number' ? v.capacity : 0,
                offered: typeof v.offered === 'number' ? v.offered : 0,
                queued_requests: num(v.queued_requests),
                peak_in_flight: num(v.peak_in_flight),
                saturated: v.saturated === true,
                saturated_ns: num(v.saturated_ns),
            },
        };
    }

    /** @param {any} o @param {number} duration */
    function overview(o, duration) {
        const bucket_ns = num(record(o).bucket_ns);
        const n = bucket_ns > 0 ? Math.min(Math.ceil(duration / bucket_ns), 10000) : 0;
        const row = (/** @type {any} */ v) => Array.from({ length: n }, (_, i) => num(list(v)[i]));
        /** @type {Record<string, number[]>} */
        const states = {};
        for (const key of ['running', 'runnable', 'blocked', 'yielded', 'lock', 'other', 'idle'])
            states[key] = row(record(o)[key]);
        return { bucket_ns, n, states, in_flight: row(record(o).in_flight), queued: row(record(o).queued) };
    }

    /**
     * Checks the first element and fills what it lacks.
     * @param {any} h
     * @returns {Header}
     */
    function header(h) {
        h = record(h);
        if (h.format === 'waitscope-report')
            throw new Refusal(
                'This is a report for machines (report --json), not a timeline. “waitscope convert CAPTURE -o OUT.json” writes one.',
            );
        if (h.format !== 'waitscope-timeline')
            throw new Refusal('This JSON is no waitscope timeline: its first element does not say so.');
        const version = list(h.version).map((v) => num(v));
        if (version[0] !== MAJOR)
            throw new Refusal(
                `This timeline has version ${version.join('.') || 'unknown'}, and this viewer reads ${MAJOR}.x. The page that this version of waitscope writes (“convert -o OUT.html”) holds the viewer for it.`,
            );
        const threads = list(h.threads).map((t) => {
            t = record(t);
            return {
                tid: num(t.tid),
                pid: num(t.pid),
                process: num(t.process),
                comm: str(t.comm),
                role: str(t.role),
                kernel: t.kernel === true,
                start: num(t.start),
                end: num(t.end),
                intervals: num(t.intervals),
                state_ns: list(t.state_ns).map((v) => num(v)),
            };
        });
        const processes = list(h.processes).map(process);
        if (processes.length === 0) processes.push(process({}));
        for (const t of threads) if (t.process >= processes.length) t.process = 0;
        const lost = record(h.lost);
        const duration = Math.max(num(h.duration_ns), ...threads.map((t) => t.end), 0);
        return {
            version,
            duration_ns: duration,
            complete: h.complete === true,
            damage: str(h.damage),
            host: str(h.host),
            kernel: str(h.kernel),
            command: str(h.command),
            t0_real_ns: str(h.t0_real_ns),
            records: num(h.records),
            lost: {
                records: num(lost.records),
                windows: list(lost.windows).map((w) => ({
                    start: num(record(w).start),
                    end: num(record(w).end),
                    count: num(record(w).count),
                    kind: str(record(w).kind),
                })),
            },
            states: words(h.states),
            ledger: words(h.ledger),
            grades: words(h.grades),
            object_kinds: words(h.object_kinds),
            processes,
            threads,
            requests: num(h.requests),
            intervals: num(h.intervals),
            overview: overview(h.overview, duration),
        };
    }

    /** Columns of typed arrays that grow together.
     * @param {Record<string, any>} types name → constructor */
    function table(types) {
        /** @type {Record<string, any>} */
        const cols = {};
        for (const name in types) cols[name] = new types[name](0);
        let room = 0;
        return {
            n: 0,
            cols,
            /** @param {number} extra */
            reserve(extra) {
                if (this.n + extra <= room) return;
                room = Math.max(this.n + extra, Math.min(room * 2, room + 4e6));
                for (const name in cols) {
                    const bigger = new types[name](room);
                    bigger.set(cols[name].subarray(0, this.n));
                    cols[name] = bigger;
                }
            },
            /** @param {string} name @param {number} [n] */
            take(name, n) {
                return cols[name].slice(0, n === undefined ? this.n : n);
            },
        };
    }

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
        let strings = 0;

        /** @param {string} what */
        function problem(what) {
            if (problems.includes(what)) return;
            if (problems.length < MOST_PROBLEMS) problems.push(what);
            else unsaid++;
        }

        /** Copies n numbers of a column; what is no number of its range becomes `missing`.
         * @param {any} target @param {number} at @param {any} from @param {number} n
         * @param {number} most @param {string} what @param {number} [missing] */
        function copy(target, at, from, n, most, what, missing) {
            const values = list(from);
            if (values.length !== n) problem(`${what}: ${values.length} values where ${n} belong`);
            let bad = 0;
            for (let i = 0; i < n; i++) {
                let v = values[i];
                if (!(typeof v === 'number' && v >= 0 && v <= most)) {
                    if (i < values.length) bad++;
                    v = missing || 0;
                }
                target[at + i] = v;
            }
            if (bad) problem(`${what}: ${bad} values out of range`);
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
            const values = words(b.values);
            strings += values.length;
            emit({ type: 'strings', values });
        }

        /** @param {any} b */
        function onObjects(b) {
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
            segs.reserve(dt.length + n);
            const s = segs.cols;
            for (let r = at; r < at + n; r++) {
                const end = c.start[r] + c.latency[r];
                let time = c.start[r];
                const first = segs.n;
                for (const stop = Math.min(i + c.segCount[r], dt.length); i < stop; i++) {
                    const cat = ledgerOf[key[i]];
                    if (time > end || !(dt[i] >= 0)) break;
                    s.start[segs.n] = time;
                    s.cat[segs.n] = cat === undefined ? model.UNATTRIBUTED : cat;
                    s.grade[segs.n] = num(grade[i], 255);
                    s.thread[segs.n] = num(thread[i], U32);
                    s.request[segs.n] = r;
                    time += dt[i];
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
            const n = list(b.start).length;
            const victims = list(b.victims);
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
            };
            const requests = req ? req.n : 0;
            const most = { thread: h.threads.length - 1, request: requests, state: 255, call: strings - 1, object: U32, start: MAX, dur: MAX };
            for (const [key, limit] of Object.entries(most)) copy(/** @type {any} */ (o)[key], 0, b[key], n, limit, `holds, ${key}`);
            /** @type {number[]} */
            const all = [];
            for (let i = 0; i < n; i++) {
                o.state[i] = stateOf[o.state[i]] === undefined ? model.UNKNOWN : stateOf[o.state[i]];
                for (const v of list(victims[i])) if (num(v) === v && v < requests) all.push(v);
                o.victimFirst[i + 1] = all.length;
            }
            o.victim = Uint32Array.from(all);
            emit({ type: 'holds', holds: o }, buffers(o));
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
                const d = Math.floor(dt[i]);
                if (!(d >= 0 && time + d <= MAX)) break;
                let s = stateOf[state[i]];
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
            if (i < n) problem(`${what}: a duration that is no number; the rest of its block was left out`);
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
                    ...Object.fromEntries(Object.keys(w.cols).map((key) => [key, w.take(key)])),
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

    /** The buffers of all typed arrays of an object. @param {any} o @returns {any[]} */
    function buffers(o) {
        const out = [];
        for (const v of Object.values(o)) {
            if (ArrayBuffer.isView(v)) out.push(v.buffer);
            else if (Array.isArray(v)) for (const w of v) if (ArrayBuffer.isView(w)) out.push(w.buffer);
        }
        return out;
    }

    /** What a file of another kind is, by its first bytes. @param {Uint8Array} b */
    function foreign(b) {
        const starts = (/** @type {string} */ s) => [...s].every((ch, i) => b[i] === ch.charCodeAt(0));
        if (starts('waitscop'))
            return 'This is a capture. “waitscope convert FILE -o OUT.html” makes a page of it, “-o OUT.json.gz” a timeline.';
        if (starts('<')) return 'This is a page, not a timeline. A report of waitscope opens in the browser as it is.';
        if (starts('\x28\xb5\x2f\xfd') || starts('PK') || starts('BZh') || starts('\xfd7zXZ'))
            return 'This file is compressed in a way that browsers do not read. Only gzip (.json.gz) is.';
        return '';
    }

    /**
     * Lines of a stream of bytes to elements. A file that is JSON but not one element a line, such
     * as another program's output of the same array, is read as a whole.
     * @param {AsyncIterable<Uint8Array>} chunks
     * @param {ReturnType<typeof decoder>} d
     */
    async function lines(chunks, d) {
        /** @type {Uint8Array[]} */
        let parts = [];
        let size = 0;
        let whole = false;
        let opened = false;
        const utf8 = new TextDecoder();

        function text() {
            if (parts.length === 1) return utf8.decode(parts[0]);
            const all = new Uint8Array(size);
            let at = 0;
            for (const p of parts) {
                all.set(p, at);
                at += p.length;
            }
            return utf8.decode(all);
        }

        /** @param {string} raw @param {boolean} last */
        function line(raw, last) {
            const s = raw.trim().replace(/^,/, '').replace(/,$/, '').trim();
            if (s === '[') opened = true;
            if (s === '' || s === ']' || s === '[') return true;
            const bare = d.started() ? s : s.replace(/^\[/, '').trim();
            let value;
            try {
                value = JSON.parse(bare);
            } catch {
                if (!d.started()) return false;
                if (bare.endsWith(']') && last) return line(bare.slice(0, -1), false);
                d.problem(last ? 'the last line is cut and was left out' : 'a line that is no JSON was left out');
                return true;
            }
            d.element(value);
            return true;
        }

        let first = true;
        for await (const chunk of chunks) {
            if (first && chunk.length) {
                first = false;
                const why = foreign(chunk);
                if (why) throw new Refusal(why);
            }
            let from = 0;
            if (!whole) {
                for (let nl = chunk.indexOf(10); nl >= 0; nl = chunk.indexOf(10, from)) {
                    parts.push(chunk.subarray(from, nl));
                    size += nl - from;
                    if (!line(text(), false)) {
                        whole = true;
                        parts.push(chunk.subarray(nl, nl + 1));
                        size++;
                        from = nl + 1;
                        break;
                    }
                    parts = [];
                    size = 0;
                    from = nl + 1;
                }
            }
            if (from < chunk.length) parts.push(chunk.subarray(from));
            size += chunk.length - from;
            if (size > LONGEST_LINE)
                throw new Refusal('A line of this file is longer than a browser can read; waitscope writes shorter ones.');
        }
        if (size === 0) return;
        const rest = text();
        if (!whole && (d.started() || rest.trim() === '')) {
            line(rest, true);
            return;
        }
        /** @type {any} */
        let all;
        try {
            all = JSON.parse(opened ? `[${rest}` : rest);
        } catch {
            throw new Refusal(
                rest.includes('"waitscope-timeline"')
                    ? 'This timeline is cut within its first line, so that nothing of it can be read.'
                    : 'This is no waitscope timeline: it does not begin with a line of JSON.',
            );
        }
        for (const e of Array.isArray(all) ? all : [all]) d.element(e);
    }

    /** Unpacks gzip, and keeps what came out before a fault.
     * @param {AsyncIterable<Uint8Array>} source @param {() => void} fault */
    async function* gunzip(source, fault) {
        const stream = new DecompressionStream('gzip');
        const writer = stream.writable.getWriter();
        const reader = stream.readable.getReader();
        let got = 0;
        /* A failure drops what nobody took yet: so let it be taken before the end is checked. */
        const taken = async () => {
            for (let before = -1; before !== got; ) {
                before = got;
                await new Promise((done) => setTimeout(done, 4));
            }
        };
        const fed = (async () => {
            /** The last bytes are gzip's own sum. @type {Uint8Array} */
            let tail = new Uint8Array(0);
            for await (const chunk of source) {
                const all = new Uint8Array(tail.length + chunk.length);
                all.set(tail);
                all.set(chunk, tail.length);
                const end = Math.max(all.length - 8, 0);
                for (let i = 0; i < end; i += 65536) await writer.write(all.subarray(i, Math.min(i + 65536, end)));
                tail = all.slice(end);
            }
            await taken();
            await writer.write(/** @type {any} */ (tail));
            await taken();
            await writer.close();
        })();
        fed.catch(() => {});
        try {
            for (;;) {
                const { done, value } = await reader.read();
                if (done) return;
                got++;
                yield value;
            }
        } catch {
            fault();
        }
    }

    /** @param {string} s @param {() => void} fault */
    async function* unbase64(s, fault) {
        const native = /** @type {any} */ (Uint8Array).fromBase64;
        const step = 1 << 20;
        let rest = '';
        try {
            for (let i = 0; i < s.length; i += step) {
                let part = rest + s.slice(i, i + step).replace(/\s+/g, '');
                const cut = i + step < s.length ? part.length & ~3 : part.length;
                rest = part.slice(cut);
                part = part.slice(0, cut);
                if (native) yield native.call(Uint8Array, part);
                else {
                    const raw = atob(part);
                    const out = new Uint8Array(raw.length);
                    for (let j = 0; j < raw.length; j++) out[j] = raw.charCodeAt(j);
                    yield out;
                }
            }
        } catch {
            fault();
        }
    }

    /** @param {Blob} blob @param {(done: number) => void} progress */
    async function* bytesOf(blob, progress) {
        const reader = blob.stream().getReader();
        let at = 0;
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            at += value.length;
            progress(at);
            yield value;
        }
    }

    /** Puts the first chunk back in front. @param {Uint8Array} first
     * @param {AsyncIterator<Uint8Array>} rest @returns {AsyncGenerator<Uint8Array>} */
    async function* chain(first, rest) {
        yield first;
        for (let r = await rest.next(); !r.done; r = await rest.next()) yield r.value;
    }

    /**
     * Reads a timeline from a file or from base64 text, and emits messages of the types header,
     * strings, objects, requests, holds, thread, progress, and at last end or refused.
     * @param {{blob?: Blob, base64?: string}} input
     * @param {Emit} emit
     */
    async function read(input, emit) {
        const d = decoder(emit);
        try {
            const broken = () => d.problem('the compressed data is damaged or cut; what comes behind is lost');
            let shown = 0;
            const source = input.blob
                ? bytesOf(input.blob, (at) => {
                      const share = at / /** @type {Blob} */ (input.blob).size;
                      if (share - shown > 0.02) emit({ type: 'progress', share: (shown = share) });
                  })
                : unbase64(input.base64 || '', () => d.problem('the data in this page is damaged'));
            const first = await source.next();
            if (!first.done) {
                const chunks = chain(first.value, source);
                const gz = first.value[0] === 0x1f && first.value[1] === 0x8b;
                await lines(gz ? gunzip(chunks, broken) : chunks, d);
            }
            d.finish();
        } catch (e) {
            const known = e instanceof Refusal || !(e instanceof Error);
            emit({ type: 'refused', message: known ? String(/** @type {any} */ (e).message) : `The file could not be read: ${e}` });
        }
    }

    /** The worker's side. @param {any} scope */
    function serve(scope) {
        scope.onmessage = (/** @type {any} */ e) =>
            read(e.data, (message, transfer) => scope.postMessage(message, transfer || []));
    }

    return { header, decoder, lines, read, serve };
});
