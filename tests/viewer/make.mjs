/*
 * Makes timelines for the tests: a small world whose truth is known. "shop" is a pool of blocking
 * workers that ask a database and read a file; "gateway" is one event loop that awaits its own
 * operations, and once blocks in a read. As a program: node make.mjs OUT.json [requests] [seed]
 */
import fs from 'node:fs';
import zlib from 'node:zlib';
import { pathToFileURL } from 'node:url';

export const STATES = ['running', 'runnable', 'blocked', 'yielded', 'lock', 'sleep', 'fault', 'other', 'unknown'];
export const LEDGER = [
    'queued', 'running', 'runnable', 'blocked', 'lock', 'sleep', 'fault', 'other', 'awaiting', 'loop_busy',
    'unattributed',
];
export const GRADES = ['exact', 'inferred', 'ambiguous', 'unattributed'];
const KINDS = [
    'unknown', 'file', 'directory', 'device', 'tty', 'pipe', 'socket', 'listener', 'accepted', 'connected', 'eventfd',
    'epoll', 'timer', 'uring', 'futex', 'path', 'anon',
];
const S = Object.fromEntries(STATES.map((s, i) => [s, i]));
const L = Object.fromEntries(LEDGER.map((s, i) => [s, i]));

function random(seed) {
    let z = seed >>> 0;
    return () => {
        z = (z + 0x6d2b79f5) >>> 0;
        let t = Math.imul(z ^ (z >>> 15), 1 | z);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

/**
 * @param {{requests?: number, workers?: number, others?: number, seed?: number,
 *     hostile?: string}} options hostile: put behind every name
 */
export function world(options = {}) {
    const { requests = 300, workers = 8, others = 5, seed = 1, hostile = '' } = options;
    const rnd = random(seed);
    const expo = (mean) => 1 + Math.floor(-Math.log(1 - rnd()) * mean);
    const strings = [''];
    const index = new Map([['', 0]]);
    const str = (s) => {
        if (s === '') return 0;
        s += hostile;
        if (!index.has(s)) index.set(s, strings.push(s) - 1);
        return index.get(s);
    };
    const objects = [];
    const object = (kind, name, local = '', remote = '', deleted = 0) =>
        objects.push({ kind: KINDS.indexOf(kind), name: str(name), local: str(local), remote: str(remote), deleted }) - 1;
    const db = object('connected', '10.0.0.9:5432', '10.0.0.5:51234', '10.0.0.9:5432');
    const search = object('connected', '10.0.0.8:9200', '10.0.0.5:51235', '10.0.0.8:9200');
    const listener = object('listener', '0.0.0.0:8080', '0.0.0.0:8080');
    const epoll = object('epoll', 'epoll');
    const files = Array.from({ length: 12 }, (_, i) =>
        object('file', `/var/lib/shop/items/${1000 + i * 37}.dat`, '', '', i === 3 ? 1 : 0),
    );
    const conns = Array.from({ length: 20 }, (_, i) =>
        object('accepted', `10.0.0.${20 + i}:4${1000 + i}`, '10.0.0.5:8080', `10.0.0.${20 + i}:4${1000 + i}`),
    );
    const calls = Object.fromEntries(['read', 'recvfrom', 'accept4', 'epoll_wait', 'futex', 'nanosleep', 'fsync'].map((c) => [c, str(c)]));

    const threads = [];
    const thread = (process, pid, comm, role) => {
        const t = { tid: pid + threads.length, pid, process, comm: comm + hostile, role, start: 0, at: 0, iv: [] };
        threads.push(t);
        return t;
    };
    /* Appends an interval; zero-length ones are left out. */
    const put = (t, state, dur, w) => {
        if (dur <= 0) return;
        t.iv.push({ state: S[state], dt: dur, ...(w || {}) });
        t.at += dur;
    };
    const wait = (call, obj, more = {}) => ({ call: calls[call], object: obj + 1, fd: 7, waker: 0, arg: 0, flags: 0, ...more });
    const reqs = [];
    const newRequest = (process, start, name, group, conn, protocol = 'http') => ({
        process, start, name: str(name), group: str(group), conn, protocol: str(protocol),
        status: 200, flags: 1, bytes_in: 90 + Math.floor(rnd() * 40), bytes_out: 400 + Math.floor(rnd() * 4000), segs: [],
    });
    const seg = (r, key, dur, t, grade = 0) => {
        if (dur > 0) r.segs.push({ key: L[key], dt: dur, thread: t ? threads.indexOf(t) + 1 : 0, grade });
    };

    /* The pool. */
    const pool = Array.from({ length: workers }, () => thread(0, 4711, 'shop-worker', 'worker'));
    pool[0].tid = 4711;
    let now = 2e6;
    for (let i = 0; i < requests; i++) {
        now += expo(2.2e6);
        const w = pool.reduce((a, b) => (b.at < a.at ? b : a));
        const begin = Math.max(now, w.at);
        const slow = i % 37 === 5;
        const kind = slow ? 'report' : i % 3 ? 'item' : 'cart';
        const r = newRequest(0, now, `GET /${kind}/${i}`, `GET /${kind}/:n`, conns[i % conns.length]);
        if (i % 41 === 7) r.status = 500;
        put(w, 'blocked', begin - w.at, wait('accept4', listener, { flags: 1, fd: 3 }));
        seg(r, 'queued', begin - now, null);
        const step = (state, dur, extra, grade = 0) => {
            put(w, state, dur, extra);
            seg(r, state, dur, w, grade);
        };
        step('runnable', expo(2e4));
        step('running', expo(3e5));
        step('blocked', expo(slow ? 6e7 : 9e6), wait('recvfrom', db, { waker: 99, flags: slow ? 2 : 0 }));
        step('runnable', expo(3e4));
        step('running', expo(2e5));
        if (i % 2) {
            step('blocked', expo(2e6), wait('read', files[i % files.length], { fd: 12 }));
            step('runnable', expo(1e4));
            step('running', expo(1e5));
        }
        if (i % 5 === 0) {
            step('lock', expo(8e5), wait('futex', -1, { fd: -1, waker: pool[(i + 1) % workers].tid }));
            step('running', expo(1e5), undefined, 1);
        }
        if (i % 50 === 9) step('fault', expo(4e5), wait('read', -1, { call: 0, fd: -1 }));
        reqs.push(r);
    }

    /* The event loop: each request reads, awaits, answers; the loop serves one event at a time. */
    const loop = thread(1, 5800, 'gateway', 'loop');
    const events = [];
    now = 1e6;
    for (let i = 0; i < requests; i++) {
        now += expo(2.2e6);
        const r = newRequest(1, now, `GET /api/user/${i}`, 'GET /api/user/:n', conns[(i * 7) % conns.length]);
        r.ready = now;
        r.step = 0;
        events.push(r);
    }
    const holds = [];
    const asks = [];
    const ready = [];
    let arrived = 0;
    while (arrived < events.length || ready.length) {
        /* whoever is ready first: of those that come back, or the next that comes */
        let first = ready.reduce((best, r, i) => (best < 0 || r.ready < ready[best].ready ? i : best), -1);
        if (arrived < events.length && (first < 0 || events[arrived].ready < ready[first].ready)) first = ready.push(events[arrived++]) - 1;
        const [r] = ready.splice(first, 1);
        if (r.ready > loop.at) put(loop, 'yielded', r.ready - loop.at, wait('epoll_wait', epoll, { fd: 5, arg: 20, flags: rnd() < 0.3 ? 1 : 0 }));
        seg(r, r.step ? 'loop_busy' : 'queued', loop.at - r.ready, r.step ? loop : null);
        const run = expo(1.2e5);
        put(loop, 'running', run);
        seg(r, 'running', run, loop);
        if (r.step === 0 && arrived % 30 === 11) {
            const from = loop.at;
            const held = 12e6 + expo(9e6);
            put(loop, 'blocked', held, wait('read', files[4], { fd: 31 }));
            seg(r, 'blocked', held, loop);
            put(loop, 'running', 5e4);
            seg(r, 'running', 5e4, loop);
            const victims = [...ready, ...events.slice(arrived, arrived + 50)]
                .filter((o) => o.ready < from + held)
                .sort((a, b) => a.ready - b.ready);
            const lost = victims.map((o) => from + held - Math.max(o.ready, from));
            holds.push({ thread: loop, request: r, state: S.blocked, call: calls.read, object: files[4] + 1, start: from, dur: held, victims, lost, more: holds.length % 3 });
        }
        if (r.step < 2) {
            const away = expo(7e6);
            seg(r, 'awaiting', away, null, 1);
            /* First it asks one server, then both; the second of these replies halfway, late or never. */
            const ask = (object, dur) => asks.push({ request: r, object, thread: loop, start: loop.at, made: 0, asked: 0, dur, reply: arrived % 3 ? dur : -1 });
            if (r.step === 0) ask(search, away);
            else [db, search].forEach((o, i) => ask(o, i ? Math.floor(away * (arrived % 2 ? 0.9 : 0.3)) : away));
            r.ready = loop.at + away;
            r.step++;
            ready.push(r);
        } else {
            reqs.push(r);
            if (reqs.length % 70 === 3) seg(r, 'unattributed', 40000, null, 3);
        }
    }

    /* Threads that serve nobody, and one that holds a lock. */
    for (let i = 0; i < others; i++) {
        const t = thread(0, 4711, i ? `housekeeper-${i}` : 'gc', i === 0 ? 'helper' : 'other');
        const stopAt = Math.max(...threads.slice(0, workers + 1).map((x) => x.at));
        while (t.at < stopAt - 2e8) {
            put(t, 'sleep', 5e7 + expo(1e8), wait('nanosleep', -1, { fd: -1, flags: i ? 1 : 0 }));
            put(t, 'running', expo(4e5));
        }
    }

    const end = Math.max(...threads.map((t) => t.at), ...reqs.map((r) => r.start + sum(r.segs))) + 1e6;
    for (const t of threads) {
        const left = end - t.at;
        if (t.role === 'loop') put(t, 'yielded', left, wait('epoll_wait', epoll, { fd: 5, flags: 5 }));
        else if (t.role === 'worker') put(t, 'blocked', left, wait('accept4', listener, { fd: 3, flags: 5 }));
        else put(t, 'unknown', left);
    }
    reqs.sort((a, b) => a.start - b.start);
    reqs.forEach((r, i) => (r.id = i + 1));
    asks.sort((a, b) => a.request.id - b.request.id || a.start - b.start);
    return { strings, objects, threads, reqs, asks, holds, end, calls, hostile };
}

function sum(segs) {
    return segs.reduce((a, s) => a + s.dt, 0);
}

function overview(w) {
    const bucket_ns = Math.ceil(w.end / 1000);
    const n = Math.ceil(w.end / bucket_ns);
    const rows = Object.fromEntries(
        ['running', 'runnable', 'blocked', 'yielded', 'lock', 'other', 'idle', 'in_flight', 'queued'].map((k) => [k, new Float64Array(n)]),
    );
    const span = (row, a, b) => {
        for (let i = Math.floor(a / bucket_ns); a < b && i < n; i++) {
            const stop = Math.min(b, (i + 1) * bucket_ns);
            rows[row][i] += stop - a;
            a = stop;
        }
    };
    for (const t of w.threads) {
        let at = t.start;
        for (const iv of t.iv) {
            const name = STATES[iv.state];
            const row = iv.flags & 1 ? 'idle' : rows[name] ? name : name === 'unknown' ? null : 'other';
            if (row) span(row, at, at + iv.dt);
            at += iv.dt;
        }
    }
    for (const r of w.reqs) {
        span('in_flight', r.start, r.start + sum(r.segs));
        let at = r.start;
        for (const s of r.segs) {
            if (s.key === 0) span('queued', at, at + s.dt);
            at += s.dt;
        }
    }
    for (const k in rows) rows[k] = Array.from(rows[k], (v) => Math.round((v * 1000) / bucket_ns));
    return { bucket_ns, ...rows };
}

/** The elements of the timeline, the header first. */
export function elements(w, change = {}) {
    const verdict = (process, more) => ({
        thread_waits: process === 0, waits_on: 'connected', waits_on_name: '10.0.0.9:5432', serving_threads: process ? 1 : 8,
        requests: w.reqs.filter((r) => r.process === process).length, efficiency: process ? 0.93 : 0.06, held_ns: 1e7,
        capacity: process ? 3000 : 640.2, offered: 455.1, limit: process ? 'loops' : 'threads', cpu_ns: 3e5, window_ns: 2e7,
        loops: { threads: process, requests: 9, held_ns: 1e6, share: 0.25, busiest: process ? 0.8 : 0, busiest_ns: 50e6 },
        workers: { threads: process ? 0 : 8, requests: 9, held_ns: 1e7, share: 0.71, busiest: 0.97, busiest_ns: 200e6 }, queued_ns: 1e9, queued_requests: 17, peak_in_flight: 31,
        saturated: process === 0, saturated_ns: 210e6, ...more,
    });
    const stateNs = (t) => {
        const out = new Array(9).fill(0);
        for (const iv of t.iv) out[iv.state] += iv.dt;
        return out;
    };
    const header = {
        format: 'waitscope-timeline', version: [1, 3], $schema: 'timeline.schema.json', unit: 'ns', clock: 'CLOCK_MONOTONIC',
        t0_ns: '12345678901234567', t0_real_ns: '1763000000000000000', duration_ns: w.end, complete: true, damage: '',
        host: 'bench' + w.hostile, kernel: '6.1.0', command: 'shop --workers 8' + w.hostile, probes: ['sched_switch'], records: 12345,
        lost: { records: 0, windows: [] },
        states: STATES, ledger: LEDGER, grades: GRADES, object_kinds: KINDS,
        processes: [
            {
                pid: 4711, parent: 1, comm: 'shop' + w.hostile, model: 'blocking',
                verdict: verdict(0, {
                    text: [
                        'A thread waits for each request: 92 % of the time that a thread is held it stands blocked, most of all on 10.0.0.9:5432.' + w.hostile,
                        '8 threads can serve 640 requests a second; 455 came. All were held at once for the first time after 210 ms, and 17 requests then stood in a queue.' + w.hostile,
                        'More threads would help as long as the database keeps up; not waiting would help more.' + w.hostile,
                    ],
                }),
            },
            {
                pid: 5800, parent: 1, comm: 'gateway' + w.hostile, model: 'non-blocking',
                verdict: verdict(1, {
                    text: ['No thread waits: one event loop served all requests.' + w.hostile, 'It was held up by a blocking read of 14 ms, and other requests had to wait for it.' + w.hostile],
                }),
            },
        ],
        threads: w.threads.map((t) => ({
            tid: t.tid, pid: t.pid, process: t.process, comm: t.comm, role: t.role, kernel: false, start: t.start, end: t.at,
            intervals: t.iv.length, state_ns: stateNs(t),
        })),
        requests: w.reqs.length,
        intervals: w.threads.reduce((a, t) => a + t.iv.length, 0),
        overview: overview(w),
        ...change,
    };
    const out = [header];
    for (let i = 0; i < w.strings.length; i += 10000) out.push({ type: 'strings', values: w.strings.slice(i, i + 10000) });
    const column = (list, key) => list.map((x) => x[key]);
    out.push({
        type: 'objects', id: w.objects.map((_, i) => i.toString(16).padStart(16, '0')),
        ...Object.fromEntries(['kind', 'name', 'local', 'remote', 'deleted'].map((k) => [k, column(w.objects, k)])),
    });
    for (let i = 0; i < w.reqs.length; i += 5000) {
        const some = w.reqs.slice(i, i + 5000);
        const by = (key, value) => (r) => r.segs.reduce((a, s) => a + (s[key] === value ? s.dt : 0), 0);
        const segs = some.flatMap((r) => r.segs);
        out.push({
            type: 'requests', first: i,
            ...Object.fromEntries(['id', 'process', 'conn', 'protocol', 'name', 'group', 'status', 'start'].map((k) => [k, column(some, k)])),
            latency: some.map((r) => sum(r.segs)), bytes_in: column(some, 'bytes_in'), bytes_out: column(some, 'bytes_out'),
            flags: column(some, 'flags'), parallel: some.map(() => 0),
            ledger: LEDGER.map((_, k) => some.map(by('key', k))),
            grade: GRADES.map((_, k) => some.map(by('grade', k))),
            segments: some.map((r) => r.segs.length),
            seg_dt: column(segs, 'dt'), seg_key: column(segs, 'key'), seg_grade: column(segs, 'grade'), seg_thread: column(segs, 'thread'),
        });
    }
    for (let i = 0; i < w.asks.length; i += 20000) {
        const some = w.asks.slice(i, i + 20000);
        out.push({
            type: 'asks', request: some.map((a) => a.request.id), object: column(some, 'object'), thread: some.map((a) => w.threads.indexOf(a.thread)),
            grade: some.map((_, k) => k % 2), start: column(some, 'start'), made: column(some, 'made'), asked: column(some, 'asked'), reply: column(some, 'reply'), dur: column(some, 'dur'),
        });
    }
    const hold = (f) => w.holds.map(f);
    out.push({
        type: 'holds', thread: hold((h) => w.threads.indexOf(h.thread)), request: hold((h) => h.request.id), state: hold((h) => h.state),
        call: hold((h) => h.call), object: hold((h) => h.object), start: hold((h) => h.start), dur: hold((h) => h.dur),
        more_victims: hold((h) => h.more), victims: hold((h) => h.victims.map((r) => r.id - 1)), lost: hold((h) => h.lost),
    });
    w.threads.forEach((t, i) => {
        let at = t.start;
        for (let from = 0; from < t.iv.length; from += 100000) {
            const some = t.iv.slice(from, from + 100000);
            const waits = some.filter((iv) => iv.state >= 2 && iv.state <= 7);
            out.push({
                type: 'thread', thread: i, first: from, start: at, dt: column(some, 'dt'), state: column(some, 'state'),
                ...Object.fromEntries(['call', 'object', 'fd', 'waker', 'arg', 'flags'].map((k) => [k, column(waits, k)])),
            });
            at += some.reduce((a, iv) => a + iv.dt, 0);
        }
    });
    out.push({ type: 'end', threads: w.threads.length, requests: w.reqs.length, intervals: header.intervals });
    return out;
}

/** The file: one element a line. */
export function text(list) {
    return list.map((e, i) => (i ? ',' : '[') + JSON.stringify(e) + '\n').join('') + ']\n';
}

/** A report page, as the program makes one of the bundled viewer. */
export function page(bundle, json) {
    const data = zlib.gzipSync(json).toString('base64');
    return bundle.replace(
        '<!--waitscope-data-->',
        () => `<script type="application/x-waitscope" id="waitscope-data">${data}</script>`,
    );
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
    const [out, requests = '300', seed = '1'] = process.argv.slice(2);
    const json = text(elements(world({ requests: Number(requests), seed: Number(seed) })));
    fs.writeFileSync(out, out.endsWith('.gz') ? zlib.gzipSync(json) : json);
}
