/*
 * What pointer, fingers and keys do with the picture.
 */
var waitscope = waitscope || {};

waitscope.hand = (function () {
    'use strict';

    const { app, model: M, tip } = waitscope;
    const { AXIS, box, gutter, plot, trackOf, visible, hitAt, segmentAt, near } = waitscope.lanes;
    const state = waitscope.overlay;

    /** @param {Hit} hit @returns {Choice | null} */
    function selectionOf(hit) {
        const q = app.model && app.model.requests;
        if (hit.lane.thread >= 0 && hit.i >= 0) return { kind: 'interval', thread: hit.lane.thread, index: hit.i };
        const s = segmentAt(hit.lane, near(hit));
        return s >= 0 && q ? { kind: 'request', request: q.segRequest[s] } : null;
    }

    /** @type {{how: 'area' | 'pan' | 'none', x: number, y: number, view: View, top: number, moved: boolean} | null} */
    let drag = null;
    /** Fingers on the picture, for pinching. @type {Map<number, {x: number, y: number}>} */
    const fingers = new Map();
    let pinch = 0;

    /** @param {PointerEvent | WheelEvent | MouseEvent} e */
    function spot(e) {
        const r = box.getBoundingClientRect();
        return { x: e.clientX - r.left, y: e.clientY - r.top };
    }

    /** @param {number} x @param {number} y */
    function areaTo(x, y) {
        if (!drag) return null;
        const { left, w, per } = plot();
        const clampX = (/** @type {number} */ v) => Math.min(Math.max(v, left), left + w);
        const t = (/** @type {number} */ v) => Math.round(app.view.t0 + (clampX(v) - left) * per);
        const top = Math.min(drag.y, y) - AXIS + box.scrollTop;
        const bottom = Math.max(drag.y, y) - AXIS + box.scrollTop;
        const lanes = app.lanes.lanes.filter((l) => (l.thread >= 0 || l.row >= 0) && l.y < bottom && l.y + l.h > top).map((l) => l.key);
        const [t0, t1] = [t(Math.min(drag.x, x)), t(Math.max(drag.x, x))];
        const end = /** @type {Model} */ (app.model).header.duration_ns;
        return { kind: /** @type {'area'} */ ('area'), t0: Math.max(t0, 0), t1: Math.min(t1, end), lanes };
    }

    box.addEventListener('pointerdown', (e) => {
        const p = spot(e);
        if (!app.model || p.x > box.clientWidth || (e.button !== 0 && e.button !== 1)) return;
        if (e.pointerType === 'touch') {
            fingers.set(e.pointerId, p);
            if (fingers.size === 2) pinch = spread();
        }
        if (p.x < gutter() && p.y > AXIS) return; /* a click, see below */
        box.setPointerCapture(e.pointerId);
        const pans = e.shiftKey || e.button === 1 || e.pointerType === 'touch';
        if (e.button === 1) e.preventDefault();
        drag = { how: pans ? 'pan' : 'area', ...p, view: app.view, top: box.scrollTop, moved: false };
        state.dragging = true;
        tip.hide();
    });

    function letGo() {
        drag = null;
        state.area = null;
        state.dragging = false;
    }

    function spread() {
        const [a, b] = [...fingers.values()];
        return Math.hypot(a.x - b.x, a.y - b.y);
    }

    box.addEventListener('pointermove', (e) => {
        const p = spot(e);
        state.mouse = e.pointerType === 'touch' ? null : p;
        if (fingers.has(e.pointerId)) fingers.set(e.pointerId, p);
        if (fingers.size === 2 && app.model) {
            const now = spread();
            const { left, per } = plot();
            const [a, b] = [...fingers.values()];
            if (now > 10) app.zoom(pinch / now, app.view.t0 + ((a.x + b.x) / 2 - left) * per);
            pinch = now;
            if (drag) drag.how = 'none';
            return;
        }
        if (!drag) tip.show(e.clientX, e.clientY);
        else {
            if (Math.hypot(p.x - drag.x, p.y - drag.y) > 4) drag.moved = true;
            if (drag.moved && drag.how === 'pan') {
                const { w } = plot();
                const v = drag.view;
                app.setView({ t0: v.t0 - ((p.x - drag.x) / w) * (v.t1 - v.t0), t1: v.t1 - ((p.x - drag.x) / w) * (v.t1 - v.t0) });
                box.scrollTop = drag.top - (p.y - drag.y);
            } else if (drag.moved && drag.how === 'area') state.area = areaTo(p.x, p.y);
        }
        app.invalidate('overlay');
    });

    box.addEventListener('pointerup', (e) => {
        fingers.delete(e.pointerId);
        const d = drag;
        const { area } = state;
        letGo();
        const p = spot(e);
        if (!app.model || p.x > box.clientWidth) return;
        if (d && d.moved) {
            if (area && area.t1 > area.t0 && area.lanes.length) app.select(area);
        } else if (d === null || d.how !== 'none') click(p.x, p.y);
        app.invalidate('overlay');
    });
    box.addEventListener('pointercancel', (e) => {
        fingers.delete(e.pointerId);
        letGo();
    });
    box.addEventListener('pointerleave', () => {
        state.mouse = null;
        tip.hide();
        app.invalidate('overlay');
    });

    /** @param {number} x @param {number} y */
    function click(x, y) {
        const hit = hitAt(x, y);
        if (!hit) return;
        const { lane } = hit;
        state.cursor = lane.key;
        if (lane.kind === 'recording' || lane.kind === 'process' || lane.kind === 'group' || lane.kind === 'more') {
            if (x < gutter() || lane.kind !== 'group') app.toggle(lane.key);
        } else if (x < gutter()) {
            if (lane.thread >= 0) app.select({ kind: 'thread', thread: lane.thread });
        } else app.select(selectionOf(hit));
    }

    box.addEventListener('dblclick', () => app.selection && app.focus(app.selection));

    box.addEventListener(
        'wheel',
        (e) => {
            if (!app.model) return;
            const { left, per, w } = plot();
            if (e.ctrlKey || e.metaKey) {
                /* A trackpad's pinch comes as many small steps. */
                const by = e.deltaY * (Math.abs(e.deltaY) < 40 ? 0.01 : 0.0025);
                app.zoom(Math.exp(by), app.view.t0 + (spot(e).x - left) * per);
            } else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
                const by = e.deltaX || e.deltaY;
                app.pan((e.deltaMode === 1 ? by * 30 : by) / w);
            } else return; /* the box scrolls */
            e.preventDefault();
            tip.show(e.clientX, e.clientY);
        },
        { passive: false },
    );
    box.addEventListener('scroll', () => app.invalidate('lanes', 'overlay', 'mirror'));
    box.addEventListener('focus', () => app.invalidate('overlay'));
    box.addEventListener('blur', () => app.invalidate('overlay'));

    /* ---- by keyboard */

    /** @param {Lane} lane */
    function scrollTo(lane) {
        const room = box.clientHeight - AXIS;
        if (lane.y < box.scrollTop) box.scrollTop = lane.y;
        else if (lane.y + lane.h > box.scrollTop + room) box.scrollTop = lane.y + lane.h - room + 8;
        state.cursor = lane.key;
    }

    /** The next lane up or down. @param {number} by */
    function moveLane(by) {
        const all = app.lanes.lanes;
        if (all.length === 0) return;
        const now = all.findIndex((l) => l.key === state.cursor);
        const next = now < 0 ? visible().from : Math.min(Math.max(now + by, 0), all.length - 1);
        scrollTo(all[next]);
        const lane = all[next];
        const track = trackOf(lane);
        app.say(track ? waitscope.mirror.laneWords(lane) : `${lane.label} ${lane.note}, ${lane.open ? 'open' : 'folded'}`);
        app.invalidate('overlay', 'lanes');
    }

    /** Opens what stands in the keyboard's lane. */
    function enter() {
        const lane = app.lanes.lanes.find((l) => l.key === state.cursor);
        if (!lane) return;
        const track = trackOf(lane);
        if (!track) return app.toggle(lane.key);
        const s = app.selection;
        if (s && s.kind === 'interval' && s.thread === lane.thread) return app.focus(s);
        stepFrom(lane, track, (app.view.t0 + app.view.t1) / 2, 0);
    }

    /** Selects the next interval or request of the keyboard's lane. @param {number} by */
    function stepBy(by) {
        const s = app.selection;
        const lane = app.lanes.lanes.find((l) => l.key === state.cursor) || app.lanes.lanes.find((l) => trackOf(l) !== null);
        const track = lane ? trackOf(lane) : null;
        if (!lane || !track) return;
        const span = s && s.kind !== 'area' && s.kind !== 'thread' ? app.spanOf(s) : null;
        const on = s && (s.kind === 'interval' ? s.thread === lane.thread : s.kind === 'request' && lane.row >= 0);
        const from = on && span ? (by > 0 ? span.t1 : span.t0 - 1) : (app.view.t0 + app.view.t1) / 2;
        stepFrom(lane, track, from, by);
    }

    /** @param {Lane} lane @param {Track} track @param {number} time @param {number} by */
    function stepFrom(lane, track, time, by) {
        let i = Math.min(Math.max(M.indexAt(track, time), 0), track.n - 1);
        if (lane.row >= 0) while (i >= 0 && i < track.n - 1 && segmentAt(lane, i) < 0) i += by < 0 ? -1 : 1;
        const q = app.model && app.model.requests;
        const seg = segmentAt(lane, i);
        /** @type {Choice | null} */
        let s = null;
        if (lane.thread >= 0) s = { kind: 'interval', thread: lane.thread, index: i };
        else if (seg >= 0 && q) s = { kind: 'request', request: q.segRequest[seg] };
        if (s) app.select(s, true);
    }

    return { scrollTo, moveLane, enter, step: stepBy };
})();
