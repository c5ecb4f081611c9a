/*
 * A few lines on what stands under the pointer.
 */
var waitscope = waitscope || {};

waitscope.tip = (function () {
    'use strict';

    const { app, dom, model: M, format } = waitscope;
    const { box, gutter, hitAt, segmentAt, near, lossName } = waitscope.lanes;
    const tip = dom.get('tip');

    /** The lines of the tooltip. @param {Hit} hit @returns {string[]} */
    function tipLines(hit) {
        const m = /** @type {Model} */ (app.model);
        const { lane, track } = hit;
        if (!track) return [];
        if (lane.row >= 0) {
            const i = near(hit);
            const s = segmentAt(lane, i);
            const q = m.requests;
            if (s < 0 || !q) return [];
            const r = q.segRequest[s];
            const seg = `${M.CATEGORIES[q.segCat[s]].word} for ${format.time(M.segEnd(q, s) - q.segStart[s])}`;
            const blocked = m.header.ledger.indexOf('blocked');
            return [
                `${M.prefix(m, lane.process)}${m.strings[q.name[r]]}${q.status[r] ? ` → ${q.status[r]}` : ''}`,
                `${format.time(q.latency[r])} in all, blocked ${format.time(blocked < 0 ? 0 : q.ledger[blocked][r])}`,
                `here: ${seg}`,
            ];
        }
        if (hit.i < 0) return [];
        const iv = M.interval(m, lane.thread, hit.i);
        if (!iv) return [];
        const who = `${M.prefix(m, lane.process)}${lane.label} ${lane.note}`;
        if ((iv.end - iv.start) / hit.per < 1) return mixture(hit, who);
        const out = [`${M.CATEGORIES[iv.cat].word} for ${format.time(iv.end - iv.start)}`];
        if (iv.wait) {
            const what = [iv.call, M.objectName(m, iv.object)].filter(Boolean).join(' · ');
            if (what) out.push(what);
            if (iv.delay >= 0) out.push(`then ${format.time(iv.delay)} until it ran`);
        }
        const owners = m.requests ? M.ownersIn(m.requests, lane.thread, iv.start, iv.end, 2) : [];
        if (owners[0] && m.requests) out.push(`for ${m.strings[m.requests.name[owners[0].request]]}${owners[1] ? ' and others' : ''}`);
        out.push(who);
        return out;
    }

    /** A pixel with more than one interval: their shares. @param {Hit} hit @param {string} who */
    function mixture(hit, who) {
        const totals = new Float64Array(M.COUNT);
        M.addTotals(/** @type {Track} */ (hit.track), hit.time - hit.per, hit.time + hit.per, totals);
        const parts = [...totals.keys()].filter((c) => totals[c] > 0).sort((a, b) => totals[b] - totals[a]);
        return [
            `within ${format.time(2 * hit.per)} here:`,
            ...parts.map((c) => `${format.percent(totals[c] / (2 * hit.per))} ${M.CATEGORIES[c].word}`),
            who,
        ];
    }

    /** @param {Model} m @param {Hit} hit */
    function lossAt(m, hit) {
        const recording = m.header.recordings && M.recordingOf(m, hit.lane.process);
        return m.header.lost.windows.find((l) => l.recording === recording && hit.time >= l.start && hit.time < l.end);
    }

    /** @param {number} x @param {number} y of the page @param {boolean} [finger] which hides what is below it */
    function showTip(x, y, finger) {
        const r = box.getBoundingClientRect();
        const hit = app.model && !waitscope.overlay.dragging && x - r.left >= gutter() ? hitAt(x - r.left, y - r.top) : null;
        let lines = hit ? tipLines(hit) : [];
        const loss = app.model && hit ? lossAt(app.model, hit) : undefined;
        if (loss) lines = [...lines, lossName(loss)];
        tip.hidden = lines.length === 0;
        if (tip.hidden || !hit) return;
        const at = format.exact(Math.max(Math.round(hit.time), 0));
        tip.replaceChildren(...lines.map((s) => dom.el('div', null, s)), dom.el('div', { class: 'at' }, `at ${at}`));
        const w = tip.offsetWidth;
        const h = tip.offsetHeight;
        tip.style.left = `${Math.max(4, x + 14 + w > innerWidth ? x - w - 10 : x + 14)}px`;
        tip.style.top = `${Math.max(4, finger ? y - h - 40 : y + 18 + h > innerHeight ? y - h - 10 : y + 18)}px`;
    }

    return {
        show: showTip,
        hide() {
            tip.hidden = true;
        },
    };
})();
