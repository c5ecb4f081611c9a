/*
 * Where the window is narrow, what is known of a choice would stand far below it: there it comes up
 * over the lower edge, until it is closed, swiped down or nothing is chosen any more.
 */
var waitscope = waitscope || {};

(function () {
    'use strict';

    const { app, dom } = waitscope;
    const { AXIS, box, scrolled } = waitscope.lanes;
    const NARROW = matchMedia('(max-width: 999px), (max-height: 559px)');
    const SWIPE = 50; /* pixels that close it */
    const side = dom.get('side');
    const head = side.querySelector('[role=tablist]');

    /** Its button, which has the keyboard, goes as the window becomes wide, before that is told here. */
    let hidden = false;
    side.addEventListener('focusin', () => (hidden = true));
    side.addEventListener('focusout', (/** @type {FocusEvent} */ e) => (hidden = e.relatedTarget === null && side.classList.contains('sheet') && !NARROW.matches));

    /** @param {boolean} there */
    function put(there) {
        if (side.classList.contains('sheet') === there) return;
        const within = side.contains(document.activeElement) || hidden;
        side.classList.toggle('sheet', there);
        if (there) for (const panel of side.querySelectorAll('[role=tabpanel]')) panel.scrollTop = 0;
        else if (within) box.focus({ preventScroll: true });
        hidden = there && hidden;
    }

    /** Moves the page until what was chosen stands above the sheet, when it was in sight. */
    function keep() {
        const { cursor } = waitscope.overlay;
        const lane = app.lanes.lanes.find((l) => l.key === cursor);
        if (!lane) return;
        const y = box.getBoundingClientRect().top + AXIS + lane.y + lane.h - scrolled();
        const edge = side.getBoundingClientRect().top - 8;
        if (y > edge && y < innerHeight) scrollBy(0, y - edge);
    }

    /** @type {any} */
    let last = null;
    const before = app.painter('details');
    app.onPaint('details', () => {
        before();
        const s = app.selection;
        if (s !== last) {
            const open = s !== null && NARROW.matches;
            put(open);
            if (open) keep();
        }
        last = s;
    });
    NARROW.addEventListener('change', () => put(false));
    dom.get('sheet-close').addEventListener('click', () => {
        put(false);
        box.focus({ preventScroll: true });
    });

    /** @type {number | null} */
    let from = null;
    head.addEventListener('pointerdown', (/** @type {PointerEvent} */ e) => (from = side.classList.contains('sheet') ? e.clientY : null));
    addEventListener('pointermove', (e) => {
        if (from === null || e.clientY - from < SWIPE) return;
        from = null;
        put(false);
    });
    for (const type of ['pointerup', 'pointercancel']) addEventListener(type, () => (from = null));
})();
