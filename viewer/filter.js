/*
 * The language of the search box, for requests:
 *
 *     cart blocked>5ms dur>=20ms status:500 -name:/health
 *
 * Words look in name, group, connection and status; all must fit; a minus turns one around. Of a
 * text `:` asks for a part and `=` for the whole: group="GET /cart/:n".
 */
var waitscope = waitscope || {};

waitscope.filter = waitscope.pure('filter', function () {
    'use strict';

    const TIMES = [
        'dur', 'start', 'parallel', 'queued', 'running', 'runnable', 'blocked', 'lock', 'sleep', 'fault', 'other',
        'awaiting', 'loop_busy', 'unattributed',
    ];
    const NUMBERS = ['id', 'pid', 'status', 'in', 'out', 'tid'];
    const TEXTS = ['name', 'group', 'conn', 'protocol', 'process', 'recording', 'is'];
    /** @type {Record<string, string>} */
    const ALIASES = { latency: 'dur', duration: 'dur', loop: 'loop_busy', bytes_in: 'in', bytes_out: 'out', grp: 'group' };
    /** @type {Record<string, number>} */
    const UNITS = { '': 1e6, ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9 };

    /** @typedef {{key: string, op: string, value: number | string, not: boolean}} Term */

    /** "5ms" → 5000000; without a unit milliseconds. NaN when it is no time. @param {string} s */
    function time(s) {
        const m = /^(\d+(?:\.\d*)?|\.\d+)\s*([a-zµμ]*)$/i.exec(s.trim());
        const unit = m ? UNITS[m[2].toLowerCase()] : undefined;
        return m && unit !== undefined ? Number(m[1]) * unit : NaN;
    }

    /** @param {string} text @returns {{terms: Term[], error: string}} */
    function parse(text) {
        /** @type {Term[]} */
        const terms = [];
        let error = '';
        const tokens = text.replace(/\s*(>=|<=|>|<)\s*/g, '$1').match(/(?:[^\s"]|"[^"]*"?)+/g) || [];
        for (const token of tokens) {
            const m = /^(-?)(?:([a-z_]+)(>=|<=|>|<|=|:))?(.*)$/i.exec(token) || ['', '', '', '', token];
            const word = m[4].replace(/"/g, '');
            const not = m[1] === '-';
            const named = m[2] ? m[2].toLowerCase() : '';
            const key = ALIASES[named] || named;
            const op = m[3] === ':' ? '=' : m[3];
            if (TEXTS.includes(key)) {
                if (op !== '=') error = error || `${named} is text: write ${named}:…`;
                else terms.push({ key, op: m[3] === '=' ? '==' : op, value: word.toLowerCase(), not });
            } else if (TIMES.includes(key)) {
                const value = time(word);
                if (Number.isNaN(value)) error = error || `${named}${m[3]} wants a time such as 5ms`;
                /* "blocked:5ms" is meant as "at least". */
                else terms.push({ key, op: m[3] === ':' ? '>=' : op, value, not });
            } else if (NUMBERS.includes(key)) {
                const value = Number(word);
                if (word === '' || Number.isNaN(value)) error = error || `${named}${m[3]} wants a number`;
                else terms.push({ key, op, value, not });
            } else if (named && op !== '=') {
                error = error || `“${named}” is not known; try dur, blocked, queued, status or name`;
            } else {
                const whole = (named ? m[2] + m[3] : '') + word;
                if (whole) terms.push({ key: '', op: '=', value: whole.toLowerCase(), not });
            }
        }
        return { terms, error };
    }

    /** @type {Record<string, (a: number, b: number) => boolean>} */
    const COMPARE = {
        '>': (a, b) => a > b,
        '<': (a, b) => a < b,
        '>=': (a, b) => a >= b,
        '<=': (a, b) => a <= b,
        '=': (a, b) => a === b,
    };

    /**
     * What decides for request r. `ask` answers for the data: number(key) and text(key) give
     * functions of r; texts come in lower case. An empty key asks for all texts that words look in.
     * @param {Term[]} terms
     * @param {{number: (key: string) => (r: number) => number | number[], text: (key: string) => (r: number) => string}} ask
     * @returns {(r: number) => boolean}
     */
    function compile(terms, ask) {
        const tests = terms.map((term) => {
            if (typeof term.value === 'number') {
                const value = term.value;
                const get = ask.number(term.key);
                const fits = COMPARE[term.op];
                return (/** @type {number} */ r) => {
                    const v = get(r);
                    return (Array.isArray(v) ? v.some((w) => fits(w, value)) : fits(v, value)) !== term.not;
                };
            }
            const value = term.value;
            const get = ask.text(term.key);
            if (term.op === '==') return (/** @type {number} */ r) => (get(r) === value) !== term.not;
            return (/** @type {number} */ r) => get(r).includes(value) !== term.not;
        });
        return (r) => tests.every((test) => test(r));
    }

    return { parse, compile, time };
});
