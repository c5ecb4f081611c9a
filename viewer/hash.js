/*
 * Where a reader stands, as the text behind the # of the address, and back:
 *
 *     #of=k3x9a1&t=12.5ms..80ms&q=blocked%3E5ms&r=127&m=A@20ms:first%20slow%20one
 *
 * Anybody may have written such a text: what does not fit is left out, and lists end somewhere.
 */
var waitscope = waitscope || {};

/**
 * @typedef {{letter: string, t0: number, t1: number, name: string}} Mark t0 = t1: a moment
 *
 * @typedef {object} Place
 * @property {string} of the recording; '': any
 * @property {View | null} t null: all
 * @property {string} q filter
 * @property {string} sort column, with a minus: largest first; '': as it comes
 * @property {string} v the view; '': both
 * @property {string} by 'name', or ''
 * @property {string} x the request whose threads stand below it, by number
 * @property {string[]} folds
 * @property {string} y lane at the top
 * @property {string} r request, by number
 * @property {string} h thread, by tid
 * @property {{thread: string, t: number} | null} i interval
 * @property {{t0: number, t1: number, lanes: string[]} | null} a area
 * @property {Mark[]} marks
 */

waitscope.hash = waitscope.pure('hash', function () {
    'use strict';

    const { filter } = waitscope;
    const MOST = 2000; /* lanes and folds */
    const LONGEST = 2000; /* characters of a text */
    const NAME = 80;

    /** A time with all its nanoseconds, as short as it goes: 12.5ms. @param {number} ns */
    function time(ns) {
        return `${Math.round(ns) / 1e6}ms`;
    }

    /** @param {string} s @returns {number} whole ns; NaN when it is none */
    function timeOf(s) {
        const ns = Math.round(filter.time(s));
        return Number.isSafeInteger(ns) ? ns : NaN;
    }

    /** @param {{t0: number, t1: number}} s */
    function span(s) {
        return Math.round(s.t0) === Math.round(s.t1) ? time(s.t0) : `${time(s.t0)}..${time(s.t1)}`;
    }

    /** @param {string} s @returns {{t0: number, t1: number} | null} */
    function spanOf(s) {
        const [a, b = a] = s.split('..');
        const [t0, t1] = [timeOf(a), timeOf(b)];
        return t1 >= t0 ? { t0, t1 } : null;
    }

    /** What an address can carry as it is stays readable. @param {string} s */
    function safe(s) {
        let out = '';
        /* Half a surrogate pair has no code in an address. */
        for (const c of s) out += /[\w/:.~=-]/.test(c) ? c : /[\ud800-\udfff]/.test(c) && c.length < 2 ? '' : encodeURIComponent(c);
        return out;
    }

    /** @param {string} s */
    function plain(s) {
        try {
            return decodeURIComponent(s).slice(0, LONGEST);
        } catch {
            return '';
        }
    }

    /** @param {string[]} list */
    function safeList(list) {
        return list.slice(0, MOST).map((s) => safe(s)).join();
    }

    /** @param {string | undefined} s */
    function plainList(s) {
        return s ? s.split(',').slice(0, MOST).map(plain).filter(Boolean) : [];
    }

    /** @param {Mark[]} marks */
    function marksText(marks) {
        return marks.map((m) => `${m.letter}@${span(m)}${m.name ? `:${safe(m.name)}` : ''}`).join();
    }

    /** @param {string} s @returns {Mark[]} one a letter */
    function marksOf(s) {
        /** @type {Map<string, Mark>} */
        const by = new Map();
        for (const part of s.split(',').slice(0, 100)) {
            const [, letter, times, name] = /^([A-Z])@([^:]*):?(.*)$/.exec(part) || [];
            const at = letter ? spanOf(times) : null;
            if (at) by.set(letter, { letter, ...at, name: plain(name).slice(0, NAME) });
        }
        return [...by.values()].sort((a, b) => a.t0 - b.t0);
    }

    /** @param {Place} p @returns {string} '' where nothing was changed */
    function text(p) {
        /** @type {[string, string][]} */
        const out = [
            ['t', p.t ? span(p.t) : ''],
            ['q', safe(p.q)],
            ['sort', safe(p.sort)],
            ['v', p.v],
            ['by', p.by],
            ['x', p.x],
            ['folds', safeList(p.folds)],
            ['y', safe(p.y)],
            ['r', p.r],
            ['h', p.h],
            ['i', p.i ? `${p.i.thread}@${time(p.i.t)}` : ''],
            ['a', p.a ? `${span(p.a)}@${safeList(p.a.lanes)}` : ''],
            ['m', marksText(p.marks)],
        ];
        const parts = out.filter(([, v]) => v).map(([k, v]) => `${k}=${v}`);
        return parts.length ? `#${[`of=${p.of}`, ...parts].join('&')}` : '';
    }

    /** @param {string} s with or without its # @returns {Place} */
    function parse(s) {
        /** @type {Map<string, string>} */
        const by = new Map();
        for (const part of s.replace(/^#/, '').split('&')) {
            const at = part.indexOf('=');
            if (at > 0) by.set(part.slice(0, at), part.slice(at + 1));
        }
        const get = (/** @type {string} */ key) => plain(by.get(key) || '');
        const [, thread, t] = /^(~?\d+)@(.*)$/.exec(get('i')) || [];
        const [, times, lanes] = /^([^@]*)@(.*)$/.exec(by.get('a') || '') || [];
        const at = times ? spanOf(times) : null;
        return {
            of: get('of'),
            t: spanOf(get('t')),
            q: get('q'),
            sort: get('sort'),
            v: ['requests', 'threads'].includes(get('v')) ? get('v') : '',
            by: get('by') === 'name' ? 'name' : '',
            x: get('x'),
            folds: plainList(by.get('folds')),
            y: get('y'),
            r: get('r'),
            h: get('h'),
            i: thread && timeOf(t) >= 0 ? { thread, t: timeOf(t) } : null,
            a: at ? { ...at, lanes: plainList(lanes) } : null,
            marks: marksOf(by.get('m') || ''),
        };
    }

    /** A few letters by which a recording is known again. @param {Header} h */
    function fingerprint(h) {
        let n = 0x811c9dc5;
        /* Of two, a shift changes how long both take: what each has of its own does not change. */
        const all = h.recordings ? h.recordings.map((r) => r.header) : [h];
        const own = all.flatMap((o) => [o.t0_real_ns.slice(0, 40), o.duration_ns, o.records, o.requests, o.intervals]);
        for (const c of own.join(' ')) n = Math.imul(n ^ c.charCodeAt(0), 0x01000193);
        return (n >>> 0).toString(36);
    }

    /** A name that every file system takes. @param {string} base @param {View | null} v @param {string} suffix */
    function fileName(base, v, suffix) {
        const name = base.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '');
        return `${name.slice(0, 80) || 'waitscope'}${v ? `-${time(v.t0)}-${time(v.t1)}` : ''}.${suffix}`;
    }

    return { text, parse, plain, fingerprint, fileName, NAME };
});
