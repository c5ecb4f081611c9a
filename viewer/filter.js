/*
 * The language of the search box, for requests:
 *
 *     cart blocked>5ms dur>=20ms status:500 -name:/health group="GET /cart/:n" state:lock call:read
 *
 * Words look in name, group, connection and status; all must fit; a minus turns one around. For
 * texts a colon means "has it somewhere", = "is it, but for upper and lower case". Quotes keep
 * spaces and signs; two within them stand for one.
 */
var waitscope = waitscope || {};

waitscope.filter = waitscope.pure('filter', function () {
    'use strict';

    /** @type {string[]} */
    const LEDGER = [
        'queued', 'running', 'runnable', 'blocked', 'lock', 'sleep', 'fault', 'other', 'awaiting', 'loop_busy', 'unattributed',
    ];
    const TIMES = ['dur', 'start', 'parallel', ...LEDGER];
    const NUMBERS = ['id', 'pid', 'status', 'in', 'out', 'tid'];
    const TEXTS = ['name', 'group', 'conn', 'protocol', 'process', 'recording', 'is', 'call', 'object', 'thread'];
    /** @type {Record<string, string>} */
    const ALIASES = { latency: 'dur', duration: 'dur', loop: 'loop_busy', bytes_in: 'in', bytes_out: 'out', grp: 'group', on: 'object' };
    /** @type {Record<string, number>} */
    const UNITS = { '': 1e6, ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9 };

    /** @typedef {{key: string, op: string, value: number | string, not: boolean}} Term */

    /** "5ms" → 5000000; without a unit milliseconds. NaN when it is no time. @param {string} s */
    function time(s) {
        const m = /^(\d+(?:\.\d*)?|\.\d+)\s*([a-zµμ]*)$/i.exec(s.trim());
        const unit = m ? UNITS[m[2].toLowerCase()] : undefined;
        return m && unit !== undefined ? Number(m[1]) * unit : NaN;
    }

    /** The parts between spaces; "blocked > 5ms" is one. @param {string} text @returns {string[]} */
    function tokens(text) {
        const tight = text.replace(/("(?:[^"]|"")*"?)|\s*(>=|<=|>|<)\s*/g, (_, quoted, sign) => quoted || sign);
        return tight.match(/(?:[^\s"]|"(?:[^"]|"")*"?)+/g) || [];
    }

    /** A part in its pieces; the word without its quotes. @param {string} token */
    function split(token) {
        const m = /^(-?)(?:([a-z_]+)(>=|<=|>|<|=|:))?(.*)$/is.exec(token) || ['', '', '', '', token];
        const named = m[2] ? m[2].toLowerCase() : '';
        const word = m[4].replace(/"((?:[^"]|"")*)"?/g, (_, quoted) => quoted.replace(/""/g, '"'));
        return { not: m[1] === '-', named, key: ALIASES[named] || named, sign: m[3], word };
    }

    /** What must be written for a text to be taken as it is. @param {string} text */
    function quote(text) {
        return /^[^\s"<>=]+$/.test(text) ? text : `"${text.replace(/"/g, '""')}"`;
    }

    /** A whole number of nanoseconds as it is to be read back exactly. @param {number} ns */
    function written(ns) {
        const ms = `${ns / 1e6}ms`;
        return time(ms) === ns ? ms : `${ns}ns`;
    }

    /** The text with some terms instead of those of their keys; without them if it has them already.
     * @param {string} text @param {string[]} terms @param {string[]} [keys] others that go */
    function toggle(text, terms, keys = []) {
        const gone = new Set([...keys, ...terms.map((t) => split(t).key)]);
        const old = tokens(text);
        const rest = old.filter((t) => !gone.has(split(t).key) || split(t).not);
        return (has(text, terms) ? rest : [...rest, ...terms]).join(' ');
    }

    /** @param {string} text @param {string[]} terms */
    function has(text, terms) {
        const old = tokens(text);
        return terms.every((t) => old.includes(t));
    }

    /** state:blocked means blocked>0, and hold:yes is:holder. @param {string} key @param {string} word
     * @param {boolean} not @returns {Term | string} or what is wrong */
    function asked(key, word, not) {
        const low = word.toLowerCase().replace(' ', '_');
        if (key === 'hold')
            return low === 'yes' || low === 'no' ? { key: 'is', op: '=', value: 'holder', not: not !== (low === 'no') } : 'hold: wants yes or no';
        const state = LEDGER.includes(low) ? low : ALIASES[low];
        return LEDGER.includes(state) ? { key: state, op: '>', value: 0, not } : `state: wants one of ${LEDGER.join(', ').replace('loop_busy', 'loop')}`;
    }

    /** @param {string} text @returns {{terms: Term[], error: string}} */
    function parse(text) {
        /** @type {Term[]} */
        const terms = [];
        let error = '';
        const wrong = (/** @type {string} */ why) => (error = error || why);
        for (const token of tokens(text)) {
            const { not, named, key, sign, word } = split(token);
            const op = sign === ':' ? '=' : sign;
            if (op === '=' && (key === 'state' || key === 'hold')) {
                const term = asked(key, word, not);
                if (typeof term === 'string') wrong(term);
                else terms.push(term);
            } else if (TEXTS.includes(key)) {
                if (op !== '=') wrong(`${named} is text: write ${named}:…`);
                else terms.push({ key, op: sign === '=' ? '==' : op, value: word.toLowerCase(), not });
            } else if (TIMES.includes(key)) {
                const value = time(word);
                if (Number.isNaN(value)) wrong(`${named}${sign} wants a time such as 5ms`);
                /* "blocked:5ms" is meant as "at least". */
                else terms.push({ key, op: sign === ':' ? '>=' : op, value, not });
            } else if (NUMBERS.includes(key)) {
                const value = Number(word);
                if (word === '' || Number.isNaN(value)) wrong(`${named}${sign} wants a number`);
                else terms.push({ key, op, value, not });
            } else if (named && op !== '=') {
                wrong(`“${named}” is not known; try dur, blocked, queued, status or name`);
            } else {
                const whole = (named ? named + sign : '') + word;
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
     * functions of r; texts come in lower case, several on lines of their own. An empty key asks
     * for all texts that words look in.
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
            if (term.op === '==') return (/** @type {number} */ r) => `\n${get(r)}\n`.includes(`\n${value}\n`) !== term.not;
            return (/** @type {number} */ r) => get(r).includes(value) !== term.not;
        });
        return (r) => tests.every((test) => test(r));
    }

    return { parse, compile, time, quote, written, toggle, has };
});
