/* Where things stand: requests packed into rows, and the order of the lanes. */
var waitscope = waitscope || {};

waitscope.layout = waitscope.pure('layout', function () {
    'use strict';

    const { model } = waitscope;
    const NONE = 0xffffffff;

    /** 0, 1, 2 … @param {number} n */
    function range(n) {
        const out = new Uint32Array(n);
        for (let i = 0; i < n; i++) out[i] = i;
        return out;
    }

    /** A binary heap of row numbers, the one with the least key on top.
     * @param {(row: number) => number} key */
    function heap(key) {
        /** @type {number[]} */
        const a = [];
        return {
            size: () => a.length,
            top: () => a[0],
            /** @param {number} row */
            push(row) {
                let i = a.length;
                a.push(row);
                for (let up = (i - 1) >> 1; i > 0 && key(a[up]) > key(row); up = (i - 1) >> 1) {
                    a[i] = a[up];
                    i = up;
                }
                a[i] = row;
            },
            pop() {
                const top = a[0];
                const last = /** @type {number} */ (a.pop());
                if (a.length === 0) return top;
                let i = 0;
                for (;;) {
                    let down = 2 * i + 1;
                    if (down >= a.length) break;
                    if (down + 1 < a.length && key(a[down + 1]) < key(a[down])) down++;
                    if (key(a[down]) >= key(last)) break;
                    a[i] = a[down];
                    i = down;
                }
                a[i] = last;
                return top;
            },
        };
    }

    const NAMES = 24; /* sections of a process */

    /** Sections by name. @param {Requests} q @param {ArrayLike<number>} ids
     * @returns {Generator<void, Sections>} gives way now and then */
    function* byName(q, ids) {
        /** @type {Map<number, {process: number, name: number, ns: number, count: number}>} */
        const found = new Map();
        const key = (/** @type {number} */ r) => q.process[r] * 2 ** 32 + q.group[r];
        for (let j = 0; j < ids.length; j++) {
            if ((j & 4095) === 0) yield;
            const r = ids[j];
            let s = found.get(key(r));
            if (!s) found.set(key(r), (s = { process: q.process[r], name: q.group[r], ns: 0, count: 0 }));
            s.ns += q.latency[r];
            s.count++;
        }
        const all = [...found.entries()].sort(([, a], [, b]) => a.process - b.process || b.ns - a.ns || a.name - b.name);
        /** @type {Map<number, number>} */
        const place = new Map();
        /** @type {{process: number, name: number, count: number}[]} */
        const out = [];
        let nth = 0;
        all.forEach(([k, s], i) => {
            nth = i > 0 && all[i - 1][1].process === s.process ? nth + 1 : 0;
            if (nth > NAMES) Object.assign(out[out.length - 1], { name: -1, count: out[out.length - 1].count + s.count });
            else out.push({ process: s.process, name: s.name, count: s.count });
            place.set(k, out.length - 1);
        });
        const of = new Uint32Array(q.n);
        for (let j = 0; j < ids.length; j++) {
            if ((j & 4095) === 0) yield;
            of[ids[j]] = /** @type {number} */ (place.get(key(ids[j])));
        }
        return {
            of,
            process: Uint32Array.from(out, (s) => s.process),
            name: Int32Array.from(out, (s) => s.name),
            count: Uint32Array.from(out, (s) => s.count),
        };
    }

    /** Gives each request the first row of its section that is free when it starts.
     * @param {Requests} q sorted by start @param {ArrayLike<number>} ids ascending
     * @param {Uint32Array} of the section of each request @param {number} sections */
    function assign(q, ids, of, sections) {
        const rowOf = new Uint32Array(q.n).fill(NONE);
        /** @type {number[]} end of the last request of each row */
        const ends = [];
        /** @type {number[]} */
        const section = [];
        const busy = [];
        const free = [];
        for (let p = 0; p < sections; p++) {
            busy.push(heap((row) => ends[row]));
            free.push(heap((row) => row));
        }
        for (let j = 0; j < ids.length; j++) {
            const r = ids[j];
            const p = of[r];
            while (busy[p].size() && ends[busy[p].top()] <= q.start[r]) free[p].push(busy[p].pop());
            let row = ends.length;
            if (free[p].size()) row = free[p].pop();
            else {
                ends.push(0);
                section.push(p);
            }
            ends[row] = q.start[r] + q.latency[r];
            busy[p].push(row);
            rowOf[r] = row;
        }
        return { rowOf, section };
    }

    /**
     * Packs requests into rows of segments, process by process, or name by name.
     * @param {Requests} q sorted by start
     * @param {ArrayLike<number> | null} ids those to show, ascending; null: all
     * @param {number} processes
     * @param {number} k categories
     * @param {number} empty the category of a gap
     * @param {boolean} [named] by name
     * @returns {Generator<void, Pack>} gives way now and then
     */
    function* packing(q, ids, processes, k, empty, named) {
        if (!ids) ids = range(q.n);
        const sections = named ? yield* byName(q, ids) : null;
        const { rowOf, section } = assign(q, ids, sections ? sections.of : q.process, sections ? sections.process.length : processes);

        /* Rows stand by process, in the order they were opened. */
        const order = section.map((_, row) => row).sort((a, b) => section[a] - section[b] || a - b);
        const place = new Uint32Array(order.length);
        order.forEach((row, at) => (place[row] = at));
        const rows = order.length;
        const off = new Uint32Array(rows + 1);
        for (let j = 0; j < ids.length; j++) {
            const r = ids[j];
            rowOf[r] = place[rowOf[r]];
            off[rowOf[r] + 1] += q.segFirst[r + 1] - q.segFirst[r] + 1; /* and a gap before it */
        }
        const sumOff = new Uint32Array(rows + 1);
        for (let row = 0; row < rows; row++) {
            sumOff[row + 1] = sumOff[row] + ((off[row + 1] >> 6) + 1) * (k + 1);
            off[row + 1] += off[row];
        }

        const total = off[rows];
        const t = new Float64Array(total + rows);
        const cat = new Uint8Array(total);
        const ref = new Int32Array(total);
        const at = off.slice(0, rows);
        const end = new Float64Array(rows).fill(-1);
        for (let j = 0; j < ids.length; j++) {
            if ((j & 255) === 0) yield;
            const r = ids[j];
            const row = rowOf[r];
            let i = at[row];
            t[i + row] = end[row] < 0 ? q.start[r] : end[row];
            cat[i] = empty | (empty << 4);
            ref[i++] = -1;
            for (let s = q.segFirst[r]; s < q.segFirst[r + 1]; s++, i++) {
                t[i + row] = q.segStart[s];
                cat[i] = q.segCat[s] | (q.segCat[s] << 4);
                ref[i] = s;
            }
            at[row] = i;
            end[row] = t[i + row] = q.start[r] + q.latency[r];
        }

        const sums = new Float64Array(sumOff[rows]);
        for (let row = 0; row < rows; row++) {
            yield;
            const n = off[row + 1] - off[row];
            const from = off[row] + row;
            addSums(
                t.subarray(from, from + n + 1),
                cat.subarray(off[row], off[row + 1]),
                n,
                k,
                sums.subarray(sumOff[row], sumOff[row + 1]),
            );
        }
        const sectionOf = Uint32Array.from(order, (row) => section[row]);
        const process = sectionOf.map((s) => (sections ? sections.process[s] : s));
        return { rows, process, section: sectionOf, sections, off, sumOff, t, cat, ref, sums, rowOf };
    }

    /** The same at once. @param {Requests} q @param {ArrayLike<number> | null} ids
     * @param {number} processes @param {number} k @param {number} empty @returns {Pack} */
    function packRows(q, ids, processes, k, empty) {
        const work = packing(q, ids, processes, k, empty);
        for (;;) {
            const r = work.next();
            if (r.done) return r.value;
        }
    }

    /** Fills a track's sums: before every 64th interval the time per category, and the moment.
     * @param {Float64Array} t @param {Uint8Array} cat @param {number} n @param {number} k
     * @param {Float64Array} sums ((n >> 6) + 1) × (k + 1) numbers */
    function addSums(t, cat, n, k, sums) {
        const acc = new Float64Array(16);
        const put = (/** @type {number} */ i) => {
            const at = (i >> 6) * (k + 1);
            for (let j = 0; j < k; j++) sums[at + j] = acc[j];
            sums[at + k] = t[i];
        };
        for (let i = 0; i < n; i++) {
            if ((i & 63) === 0) put(i);
            acc[cat[i] & 15] += t[i + 1] - t[i];
        }
        if ((n & 63) === 0) put(n);
    }

    /* Threads that serve come first; `fold` is the order of the rest. */
    const ROLES = ['loop', 'acceptor', 'worker', 'helper']; /* who takes requests in stands first */
    const SERVING = { loop: 'event loops', worker: 'workers', acceptor: 'acceptors', helper: 'helpers' };
    const MOST = 40; /* lanes of a group before it folds */

    /**
     * @typedef {object} How what of a recording is shown
     * @property {'both' | 'requests' | 'threads'} show
     * @property {number} rows of requests, of all sections of a process together, before they fold
     * @property {number} [threads] of a role, before they fold
     * @property {number} opened the request below which its threads stand once more; -1: none
     */

    /**
     * The lanes from top to bottom.
     * @param {Model} m
     * @param {Set<string>} toggled keys of what the reader folded or unfolded
     * @param {{row: number, thread: number, head: number, group: number}} size heights
     * @param {How} [how]
     * @returns {{lanes: Lane[], height: number}}
     */
    function lanes(m, toggled, size, how = { show: 'both', rows: MOST, opened: -1 }) {
        /** @type {Lane[]} */
        const out = [];
        let y = 0;
        /** @param {Partial<Lane> & {kind: Lane['kind'], h: number}} lane */
        const add = (lane) => {
            const base = { key: '', label: '', note: '', process: -1, thread: -1, row: -1, of: -1, open: true };
            out.push({ ...base, ...lane, y });
            y += lane.h;
        };

        let recording = -1;
        let folded = false;
        const { pack } = m;
        const threadsOf = lists(m.header.threads.length, (i) => m.header.threads[i].process);
        const rowsOf = lists(pack ? pack.rows : 0, (row) => /** @type {Pack} */ (pack).process[row]);
        /* Those that serve come first: a server's first process is often its workers' keeper. */
        const { processes } = m.header;
        const order = processes.map((_, p) => p).sort((a, b) => (processes[a].recording || 0) - (processes[b].recording || 0) || processes[b].verdict.requests - processes[a].verdict.requests);
        order.forEach((p) => {
            const process = processes[p];
            const both = m.header.recordings;
            if (both && process.recording !== recording) {
                recording = process.recording || 0;
                folded = toggled.has(`rec${recording}`);
                const note = both[recording].header.command;
                add({ kind: 'recording', h: size.head, key: `rec${recording}`, label: `${'AB'[recording]} · ${both[recording].name}`, note, process: p, open: !folded });
            }
            if (folded) return;
            const key = `p${p}`;
            const open = !toggled.has(key);
            const threads = threadsOf.get(p) || [];
            const rows = rowsOf.get(p) || [];
            if (threads.length === 0 && rows.length === 0) return;
            const label = `${process.comm || 'process'} ${process.pid}`;
            add({ kind: 'process', h: size.head, key, label, note: process.model, process: p, open });
            if (!open) return;

            if (how.show !== 'threads') requests(rows, key, p);
            if (how.show === 'requests') return;
            for (const role of ROLES) {
                const some = threads.filter((i) => roleOf(m, i) === role);
                group(some, `${key} ${role}`, SERVING[/** @type {keyof SERVING} */ (role)], true, p);
            }
            const rest = threads.filter((i) => roleOf(m, i) === 'other');
            /* Alone in its process, a thread is what one came to see. */
            group(rest, `${key} other`, 'other threads', rest.length === threads.length, p);
        });

        /** @param {number[]} some @param {string} key @param {string} label @param {boolean} shown
         * @param {number} p */
        function group(some, key, label, shown, p) {
            if (some.length === 0) return;
            const open = shown !== toggled.has(key);
            add({ kind: 'group', h: size.group, key, label, note: String(some.length), process: p, open });
            if (!open) return;
            const all = toggled.has(`${key} all`);
            const most = how.threads || MOST;
            const some2 = all ? some : busiest(m, some, most);
            for (const i of some2) {
                const thread = m.header.threads[i];
                const h = size.thread;
                add({ kind: 'thread', h, key: `t${i}`, label: thread.comm, note: String(thread.tid), process: p, thread: i });
            }
            more(some.length, `${key} all`, 'threads', all, p, most);
        }

        /** The rows of a process: one group, or one for each name.
         * @param {number[]} rows @param {string} key @param {number} p */
        function requests(rows, key, p) {
            const sections = pack && pack.sections;
            if (!sections) return rowGroup(rows, `${key} requests`, 'requests', '', p, how.rows);
            const named = lists(rows.length, (i) => pack.section[rows[i]]);
            const most = Math.max(3, Math.floor(how.rows / Math.max(named.size, 1)));
            named.forEach((places, s) => {
                const some = places.map((i) => rows[i]);
                const name = sections.name[s] < 0 ? 'other names' : m.strings[sections.name[s]] || 'no name';
                rowGroup(some, `${key} name ${name}`, name, `${sections.count[s]}, `, p, most);
            });
        }

        /** @param {number[]} rows @param {string} key @param {string} label @param {string} count
         * @param {number} p @param {number} most */
        function rowGroup(rows, key, label, count, p, most) {
            if (rows.length === 0) return;
            const open = !toggled.has(key);
            const note = count + (rows.length === 1 ? 'one at a time' : `up to ${rows.length} at once`);
            add({ kind: 'group', h: size.group, key, label, note, process: p, open });
            if (!open) return;
            const all = toggled.has(`${key} all`);
            const own = how.opened >= 0 && m.pack ? m.pack.rowOf[how.opened] : NONE;
            rows.slice(0, all ? rows.length : most).forEach((row) => {
                add({ kind: 'row', h: size.row, key: `r${row}`, process: p, row });
                if (row === own) parts(how.opened, p);
            });
            more(rows.length, `${key} all`, 'rows', all, p, most);
        }

        /** The threads that held a request. @param {number} r @param {number} p */
        function parts(r, p) {
            const held = [...model.holders(m, r).keys()];
            for (const i of held.slice(0, MOST)) {
                const { comm, tid } = m.header.threads[i];
                add({ kind: 'part', h: size.thread, key: `x${i}`, label: comm, note: String(tid), process: p, thread: i, of: r });
            }
        }

        /** @param {number} n @param {string} key @param {string} what @param {boolean} all
         * @param {number} p @param {number} [most] */
        function more(n, key, what, all, p, most = MOST) {
            if (n <= most) return;
            const label = all ? `show ${most} ${what} only` : `${n - most} more ${what}`;
            add({ kind: 'more', h: size.group, key, label, process: p, open: all });
        }

        return { lanes: out, height: y };
    }

    /** The lanes, where room that is left goes to rows and threads that were left out, and then to the
     * height of the rows. @param {Model} m @param {Set<string>} toggled folded or unfolded by hand
     * @param {{row: number, thread: number, head: number, group: number}} size @param {How} how @param {number} room pixels */
    function fitted(m, toggled, size, how, room) {
        const lay = (/** @type {number} */ more, /** @type {number} */ row) =>
            lanes(m, toggled, { ...size, row }, { ...how, rows: how.rows + more, threads: how.threads && how.threads + more });
        const cut = (/** @type {ReturnType<typeof lanes>} */ l) => l.lanes.filter((x) => x.kind === 'more' && !x.open).length;
        let out = lay(0, size.row);
        const short = cut(out);
        const more = short ? Math.max(Math.floor((room - out.height) / (short * (how.threads ? size.thread : size.row))), 0) : 0;
        if (more) out = lay(more, size.row);
        const rows = out.lanes.filter((l) => l.row >= 0).length;
        const high = [17, 14].find((h) => h > size.row && room - out.height >= rows * (h - size.row));
        return high && rows && !cut(out) ? lay(more, high) : out;
    }

    /** 0, 1, 2 … by what each belongs to: one way through all of them, however many there are of both.
     * @param {number} n @param {(i: number) => number} of @returns {Map<number, number[]>} */
    function lists(n, of) {
        /** @type {Map<number, number[]>} */
        const out = new Map();
        for (let i = 0; i < n; i++) {
            const list = out.get(of(i));
            if (list) list.push(i);
            else out.set(of(i), [i]);
        }
        return out;
    }

    /** @param {Model} m @param {number} i */
    function roleOf(m, i) {
        const role = m.header.threads[i].role;
        return ROLES.includes(role) ? role : 'other';
    }

    /** The threads with the most time on a CPU, in their first order.
     * @param {Model} m @param {number[]} some @param {number} most */
    function busiest(m, some, most) {
        if (some.length <= most) return some;
        const busy = (/** @type {number} */ i) => m.header.threads[i].state_ns[0] || 0;
        const kept = new Set([...some].sort((a, b) => busy(b) - busy(a)).slice(0, most));
        return some.filter((i) => kept.has(i));
    }

    /**
     * Sorts ids in place, stably; a generator, which gives way now and then.
     * @param {Uint32Array} ids @param {(a: number, b: number) => number} compare
     */
    function* sort(ids, compare) {
        const n = ids.length;
        const RUN = 512;
        for (let i = 0; i < n; i += RUN) {
            ids.subarray(i, i + RUN).sort(compare);
            yield;
        }
        /** @type {Uint32Array} */
        let from = ids;
        /** @type {Uint32Array} */
        let to = new Uint32Array(n);
        for (let run = RUN; run < n; run *= 2) {
            for (let i = 0; i < n; i += 2 * run) {
                const mid = Math.min(i + run, n);
                const end = Math.min(i + 2 * run, n);
                for (let a = i, b = mid, at = i; at < end; at++) {
                    if ((at & 2047) === 0) yield;
                    to[at] = a < mid && (b >= end || compare(from[a], from[b]) <= 0) ? from[a++] : from[b++];
                }
            }
            [from, to] = [to, from];
        }
        if (from !== ids) ids.set(from);
        return ids;
    }

    /** The lane at a height, -1 when there is none. @param {Lane[]} list @param {number} y */
    function laneAt(list, y) {
        let lo = 0;
        let hi = list.length - 1;
        while (lo <= hi) {
            const mid = (lo + hi) >> 1;
            if (y < list[mid].y) hi = mid - 1;
            else if (y >= list[mid].y + list[mid].h) lo = mid + 1;
            else return mid;
        }
        return -1;
    }

    return { NONE, packing, packRows, addSums, lanes, fitted, laneAt, sort, range };
});
