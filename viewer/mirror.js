/*
 * The lanes in words and as a table, for those who do not see them.
 */
var waitscope = waitscope || {};

waitscope.mirror = (function () {
    'use strict';

    const { app, dom, model: M, format } = waitscope;
    const { trackOf, visible } = waitscope.lanes;

    /** @param {Lane} lane @param {string} what */
    function laneName(lane, what) {
        const letter = M.letterOf(/** @type {Model} */ (app.model), lane.process);
        return (letter && `${letter}, `) + (lane.thread >= 0 ? `${what}${lane.label} ${lane.note}` : `requests, row ${lane.row + 1}`);
    }

    /** @param {Lane} lane */
    function laneWords(lane) {
        const totals = laneTotals(lane);
        const parts = [...totals.keys()].filter((c) => totals[c] > 0 && c !== M.EMPTY).sort((a, b) => totals[b] - totals[a]);
        return `${laneName(lane, 'thread ')}: ${parts.map((c) => `${M.CATEGORIES[c].word} ${format.time(totals[c])}`).join(', ')}`;
    }

    /** @param {Lane} lane */
    function laneTotals(lane) {
        const totals = new Float64Array(M.COUNT);
        const track = trackOf(lane);
        if (track) M.addTotals(track, Math.ceil(app.view.t0), Math.floor(app.view.t1), totals);
        return totals;
    }

    let mirrorTimer = 0;
    function mirror() {
        clearTimeout(mirrorTimer);
        mirrorTimer = setTimeout(fillMirror, 400);
    }

    function fillMirror() {
        const m = app.model;
        if (!m) return;
        const { from, to } = visible();
        const shown = app.lanes.lanes.slice(from, to).filter((l) => trackOf(l));
        const cats = [...M.CATEGORIES.keys()].filter((c) => c !== M.EMPTY);
        const head = dom.el('tr', null, dom.el('th', { scope: 'col' }, 'Lane'), ...cats.map((c) => dom.el('th', { scope: 'col' }, M.CATEGORIES[c].word)));
        const rows = shown.map((lane) => {
            const totals = laneTotals(lane);
            return dom.el('tr', null, dom.el('th', { scope: 'row' }, laneName(lane, '')), ...cats.map((c) => dom.el('td', null, totals[c] > 0 ? format.time(totals[c]) : '–')));
        });
        const caption = `Time per state in the lanes shown, from ${format.exact(Math.ceil(app.view.t0))} to ${format.exact(Math.floor(app.view.t1))}`;
        dom.get('mirror').replaceChildren(
            dom.el('table', null, dom.el('caption', null, caption), dom.el('thead', null, head), dom.el('tbody', null, ...rows)),
        );
    }

    app.onPaint('mirror', mirror);

    return { laneWords };
})();
