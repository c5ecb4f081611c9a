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

    /** @type {{how: 'area' | 'pan' | 'tip' | 'none', x: number, y: number, view: View, top: number, moved: boolean} | null} */
    let drag = null;
    const { fingers, pinch, fling, press } = waitscope.fingers;

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
        fling.stop();
        if (e.pointerType === 'touch') {
            fingers.set(e.pointerId, p);
            press.begin(() => {
                if (!drag || drag.moved || fingers.size > 1) return;
                drag.how = 'tip';
                state.dragging = false;
                tip.show(e.clientX, e.clientY, true);
            });
            if (fingers.size === 2) pinch.begin();
        }
        if (p.x < gutter() && p.y > AXIS) return; /* a click, see below */
        box.setPointerCapture(e.pointerId);
        const pans = e.shiftKey || e.button === 1 || e.pointerType === 'touch';
        if (e.button === 1) e.preventDefault();
        drag = { how: pans ? 'pan' : 'area', ...p, view: app.view, top: box.scrollTop, moved: false };
        state.dragging = true;
    });
    addEventListener('pointerdown', () => tip.hide(), true);
    /* A middle button elsewhere starts to scroll by itself. */
    box.addEventListener('mousedown', (e) => e.button === 1 && e.preventDefault());
    /* A long press asks for the tip here, not for the browser's menu. */
    box.addEventListener('contextmenu', (e) => fingers.size > 0 && e.preventDefault());

    function letGo() {
        drag = null;
        state.area = null;
        state.dragging = false;
    }

    box.addEventListener('pointermove', (e) => {
        const p = spot(e);
        state.mouse = e.pointerType === 'touch' ? null : p;
        if (fingers.has(e.pointerId)) fingers.set(e.pointerId, p);
        if (fingers.size === 2 && app.model) {
            pinch.move();
            if (drag) drag.how = 'none';
            return;
        }
        if (!drag) tip.show(e.clientX, e.clientY);
        else if (drag.how === 'tip') tip.show(e.clientX, e.clientY, true);
        else {
            if (Math.hypot(p.x - drag.x, p.y - drag.y) > (e.pointerType === 'touch' ? 10 : 4)) drag.moved = true;
            if (drag.moved && drag.how === 'pan') {
                const { w } = plot();
                const v = drag.view;
                app.setView({ t0: v.t0 - ((p.x - drag.x) / w) * (v.t1 - v.t0), t1: v.t1 - ((p.x - drag.x) / w) * (v.t1 - v.t0) });
                if (e.pointerType === 'touch') fling.saw(p.x); /* up and down is the browser's own */
                else box.scrollTop = drag.top - (p.y - drag.y);
            } else if (drag.moved && drag.how === 'area') state.area = areaTo(p.x, p.y);
        }
        app.invalidate('overlay');
    });

    box.addEventListener('pointerup', (e) => {
        lift(e);
        const d = drag;
        const { area } = state;
        letGo();
        const p = spot(e);
        if (!app.model || p.x > box.clientWidth) return;
        const [left] = [...fingers.values()];
        if (left) {
            /* The finger that stays goes on to pan. */
            drag = { how: 'pan', ...left, view: app.view, top: box.scrollTop, moved: true };
            state.dragging = true;
        } else if (d && d.moved) {
            if (d.how === 'pan' && e.pointerType === 'touch') fling.go();
            if (area && area.t1 > area.t0 && area.lanes.length) app.select(area);
        } else if (e.button === 0 && (d === null || d.how === 'area' || d.how === 'pan')) click(p.x, p.y);
        app.invalidate('overlay');
    });
    box.addEventListener('pointercancel', (e) => {
        lift(e);
        letGo();
    });

    /** @param {PointerEvent} e */
    function lift(e) {
        fingers.delete(e.pointerId);
        press.end();
        if (fingers.size === 2) pinch.begin();
    }

    box.addEventListener('pointerleave', (e) => {
        if (e.pointerType === 'touch') return; /* what a long press told can be read */
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
            const s = app.selection;
            if (lane.row >= 0 && s && s.kind === 'request') open();
            if (lane.thread >= 0) app.select({ kind: 'thread', thread: lane.thread });
        } else app.select(selectionOf(hit));
    }

    box.addEventListener('dblclick', (e) => {
        const p = spot(e);
        const hit = app.model && p.x >= gutter() ? hitAt(p.x, p.y) : null;
        const s = hit && hit.track ? selectionOf(hit) : null;
        if (s) app.focus(s);
    });

    box.addEventListener(
        'wheel',
        (e) => {
            if (!app.model) return;
            const { left, per, w } = plot();
            if (e.ctrlKey || e.metaKey) {
                /* A trackpad's pinch comes as many small steps, some wheels count lines. */
                const y = e.deltaY * (e.deltaMode === 1 ? 40 : 1);
                app.zoom(Math.exp(y * (Math.abs(y) < 40 ? 0.01 : 0.0025)), app.view.t0 + (spot(e).x - left) * per);
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

    /** The threads of the chosen request, below it, or no more. */
    function open() {
        const s = app.selection;
        if (s && s.kind === 'request') app.setOpened(s.request === app.how.opened ? -1 : s.request);
    }

    /** Opens what stands in the keyboard's lane. */
    function enter() {
        const m = app.model;
        const lane = app.lanes.lanes.find((l) => l.key === state.cursor);
        if (!lane || !m) return;
        const track = trackOf(lane);
        if (!track) return app.toggle(lane.key);
        const s = app.selection;
        if (s && s.kind === 'interval' && s.thread === lane.thread) return app.focus(s);
        if (s && s.kind === 'request' && m.pack && m.pack.rowOf[s.request] === lane.row) return open();
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
        if (lane.thread >= 0 && i >= 0) s = { kind: 'interval', thread: lane.thread, index: i };
        else if (seg >= 0 && q) s = { kind: 'request', request: q.segRequest[seg] };
        if (s) app.select(s, true);
    }

    return { scrollTo, moveLane, enter, open, step: stepBy };
})();
