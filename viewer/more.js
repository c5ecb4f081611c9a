/* A box that does not show all that it holds says so, with a button to the rest. */
var waitscope = waitscope || {};

(function () {
    'use strict';

    const { dom } = waitscope;
    const KEPT = 24; /* pixels of what was read that stay in sight */

    /** @param {any} box that scrolls @param {any} hint over its lower edge, with a button in it */
    function watch(box, hint) {
        const button = hint.querySelector('button');
        const look = () => {
            const left = box.hidden ? 0 : box.scrollHeight - box.clientHeight - box.scrollTop;
            const cut = left > 2 && getComputedStyle(box).overflowY !== 'visible';
            /* Who pressed it to the end goes on in the box. */
            if (!cut && document.activeElement === button) box.focus({ preventScroll: true });
            hint.hidden = !cut;
        };
        button.addEventListener('click', () => (box.scrollTop += Math.max(box.clientHeight - KEPT, KEPT)));
        box.addEventListener('scroll', look);
        box.addEventListener('toggle', look, true); /* what unfolds in it */
        new ResizeObserver(look).observe(box);
        new MutationObserver(look).observe(box, { childList: true, attributes: true });
    }

    watch(dom.get('verdict'), dom.get('verdict-more'));
})();
