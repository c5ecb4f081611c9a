/* The words, each with its look and a sentence, in the picture that everybody knows. */
var waitscope = waitscope || {};

waitscope.legend = (function () {
    'use strict';

    const { dom, model: M } = waitscope;

    /** @param {string} title @param {number[]} cats */
    function group(title, cats) {
        return [
            dom.el('h3', null, title),
            dom.el(
                'dl',
                { class: 'words' },
                ...cats.flatMap((cat) => {
                    const c = M.CATEGORIES[cat];
                    return [
                        dom.el('dt', null, dom.swatch(cat), c.word),
                        dom.el('dd', null, c.says, dom.el('em', null, c.waiter)),
                    ];
                }),
            ),
        ];
    }

    function build() {
        const cats = [...M.CATEGORIES.keys()];
        const of = (/** @type {string[]} */ ...kinds) => cats.filter((c) => kinds.includes(M.CATEGORIES[c].of));
        dom.get('legend').replaceChildren(
            dom.el('h2', null, 'What the words mean'),
            dom.el(
                'p',
                null,
                'A blocking server is a waiter who takes an order and stands at the kitchen until the food is ready. A non-blocking server hands the order over and serves other tables. A hundred guests and eight standing waiters: the ninth guest waits for a waiter, not for the kitchen.',
            ),
            ...group('What a thread does', of('both', 'thread')),
            dom.el('h3', null, 'Where a request’s time went'),
            dom.el('p', null, 'A request has the words above for the time that a thread held it, and four of its own. They add up to its latency exactly.'),
            ...group('Only of requests', of('request')),
            dom.el('h3', null, 'How sure a charge is'),
            dom.el('dl', { class: 'words grades' }, ...Object.entries(M.GRADES).flatMap(([k, v]) => [dom.el('dt', null, k), dom.el('dd', null, v)])),
            dom.el('h3', null, 'How the picture is drawn'),
            dom.el(
                'p',
                null,
                'Where a pixel holds more than one state, it is split by their exact shares, blocked at the bottom. A bracket over an event loop marks what held it while other requests were ready; choose it, and lines lead to the request that it was for and to each one that it held up. A stretch of a request that is dotted below is inferred. Crossed gaps are stretches in which records were lost.',
            ),
        );
    }

    return { build };
})();
