/*
 * The picture: lanes of threads and requests under a time axis, and all that the hand does with
 * it. The box scrolls as any other; the canvases stay in its window, and what is drawn follows.
 */
var waitscope = waitscope || {};

waitscope.lanes = (function () {
    'use strict';

    const { app, dom, model: M, format, scale, layout, paint, palette } = waitscope;
    const { css } = app;
    const AXIS = 26;
    const WIDE = 40; /* pixels from which on an interval carries text */
    const FONT = '11px system-ui, sans-serif';

    /** @type {HTMLElement} */
    const box = dom.get('lanes');
    /** @type {HTMLCanvasElement} */
    const picture = dom.get('picture');
    /** @type {HTMLCanvasElement} */
    const overlay = dom.get('overlay');
    const space = dom.get('lanes-space');
    const tip = dom.get('tip');

    let tiles = { key: '', side: 8, data: new Uint32Array(0) };
    let image = new ImageData(1, 1);
    let px = new Uint32Array(image.data.buffer);
    /** @type {Map<number, Track>} */
    let rowTracks = new Map();
    let cursor = ''; /* key of the lane that the keyboard is in */

    /** Drops what was kept of the rows of requests. */
    function forget() {
        rowTracks = new Map();
    }

    function gutter() {
        return box.clientWidth < 620 ? 96 : 184;
    }

    /** Pixels that a lane's picture has, and the time of one. */
    function plot() {
        const left = gutter();
        const w = Math.max(box.clientWidth - left, 1);
        return { left, w, h: Math.max(box.clientHeight - AXIS, 1), per: (app.view.t1 - app.view.t0) / w };
    }

    /** @param {Lane} lane @returns {Track | null} */
    function trackOf(lane) {
        const m = /** @type {Model} */ (app.model);
        if (lane.thread >= 0) return m.threads[lane.thread];
        if (lane.row < 0 || !m.pack || lane.row >= m.pack.rows) return null;
        let track = rowTracks.get(lane.row);
        if (!track) rowTracks.set(lane.row, (track = M.rowTrack(m.pack, lane.row)));
        return track;
    }

    /** The first and last lane in the window. */
    function visible() {
        const all = app.lanes.lanes;
        const top = box.scrollTop;
        let from = layout.laneAt(all, top);
        if (from < 0) from = all.length && top > 0 ? all.length - 1 : 0;
        let to = from;
        while (to < all.length && all[to].y < top + box.clientHeight - AXIS) to++;
        return { from, to, top };
    }

    /* ---- drawing */

    function draw() {
        const m = app.model;
        if (!m || box.clientWidth < 20) return;
        space.style.height = `${app.lanes.height + AXIS + 8}px`;
        const { ctx, ratio, pw, ph } = dom.fit(picture, box.clientWidth, box.clientHeight);
        const { left, w, per } = plot();
        const { from, to, top } = visible();
        const dark = app.dark();
        const key = `${dark} ${Math.round(ratio)}`;
        if (tiles.key !== key) tiles = { key, ...palette.tiles(dark, ratio) };

        const x0 = Math.round(left * ratio);
        const y0 = Math.round(AXIS * ratio);
        const iw = Math.max(pw - x0, 1);
        const ih = Math.max(ph - y0, 1);
        if (image.width !== iw || image.height !== ih) {
            image = new ImageData(iw, ih);
            px = new Uint32Array(image.data.buffer);
        } else px.fill(0);

        const perPx = (per * w) / iw;
        const phase = Math.round(app.view.t0 / perPx) % 4096;
        /** @type {{lane: Lane, i: number, x0: number, x1: number}[]} */
        const wide = [];
        for (let l = from; l < to; l++) {
            const lane = app.lanes.lanes[l];
            const track = trackOf(lane);
            if (!track) continue;
            const pad = lane.h > 12 ? 2 : 1;
            const y = Math.round((lane.y - top) * ratio);
            const h = Math.max(Math.round((lane.h - pad) * ratio), 1);
            const target = { px, stride: iw, rows: ih, x: 0, y, w: iw, h };
            const min = lane.h < 14 ? Infinity : WIDE * ratio;
            paint.track(target, track, app.view.t0, perPx, tiles, phase, min, (i, a, b) => {
                if (wide.length < 4000) wide.push({ lane, i, x0: a / ratio, x1: b / ratio });
            });
        }
        ctx.clearRect(0, 0, box.clientWidth, box.clientHeight);
        ctx.putImageData(image, x0, y0);
        words(ctx, m, wide, left, top, dark);
        losses(ctx, m, ratio);
        holds(ctx, m, from, to, top);
        labels(ctx, from, to, top);
        axis(ctx, m);
    }

    /** What an interval wide enough says of itself; a request says its name once.
     * @param {Model} m @param {Lane} lane @param {number} i @param {number} named the request that
     * the last words were of */
    function wordsOf(m, lane, i, named) {
        if (lane.thread >= 0) {
            const iv = M.interval(m, lane.thread, i);
            if (!iv) return '';
            const word = M.CATEGORIES[iv.cat].word;
            if (iv.wait) {
                if (iv.cat === M.IDLE) return iv.call ? `idle · ${iv.call}` : 'idle';
                return [iv.call || word, M.objectName(m, iv.object)].filter(Boolean).join(' ');
            }
            const owner = m.requests ? M.ownersIn(m.requests, lane.thread, iv.start, iv.end, 1)[0] : undefined;
            return owner && m.requests ? m.strings[m.requests.name[owner.request]] || word : word;
        }
        const p = /** @type {Pack} */ (m.pack);
        const s = p.ref[p.off[lane.row] + i];
        const q = m.requests;
        if (s < 0 || !q) return '';
        const r = q.segRequest[s];
        const word = M.CATEGORIES[q.segCat[s]].word;
        return r === named ? word : `${m.strings[q.name[r]]} · ${word}`;
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Model} m
     * @param {{lane: Lane, i: number, x0: number, x1: number}[]} wide
     * @param {number} left @param {number} top @param {boolean} dark */
    function words(ctx, m, wide, left, top, dark) {
        ctx.font = FONT;
        ctx.textBaseline = 'middle';
        let named = -1;
        for (const { lane, i, x0, x1 } of wide) {
            const track = trackOf(lane);
            if (!track) continue;
            const cat = track.cat[i] & 15;
            if (cat === M.EMPTY || cat === M.UNKNOWN) continue;
            let text = wordsOf(m, lane, i, named);
            const s = segmentAt(lane, i);
            if (s >= 0 && m.requests) named = m.requests.segRequest[s];
            const room = x1 - x0 - 8;
            if (text.length * 3.2 > room) text = text.slice(0, Math.max(Math.floor(room / 3.2), 1));
            let width = ctx.measureText(text).width;
            if (width > room) {
                const keep = Math.floor((text.length * room) / width) - 1;
                if (keep < 2) continue;
                text = text.slice(0, keep) + '…';
                width = Math.min(ctx.measureText(text).width, room);
            }
            const y = AXIS + lane.y - top + (lane.h - 2) / 2;
            ctx.fillStyle = palette.colour(cat, dark);
            ctx.fillRect(left + x0 + 2, y - 6.5, width + 5, 13);
            ctx.fillStyle = palette.ink(cat, dark);
            ctx.fillText(text, left + x0 + 4, y + 0.5);
        }
    }

    /** Lost records are gaps with a name. @param {CanvasRenderingContext2D} ctx @param {Model} m
     * @param {number} ratio */
    function losses(ctx, m, ratio) {
        const { left, w, h, per } = plot();
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, 0, w, h + AXIS);
        ctx.clip();
        for (const loss of m.header.lost.windows) {
            const x0 = left + (loss.start - app.view.t0) / per;
            const x1 = Math.max(left + (loss.end - app.view.t0) / per, x0 + 2);
            if (x1 < left || x0 > left + w) continue;
            ctx.globalAlpha = 0.85;
            ctx.fillStyle = css('--panel');
            ctx.fillRect(x0, AXIS, x1 - x0, h);
            ctx.fillStyle = dom.fill(ctx, M.UNKNOWN, app.dark(), ratio);
            ctx.fillRect(x0, AXIS, x1 - x0, h);
            ctx.globalAlpha = 1;
            ctx.fillStyle = css('--ink');
            ctx.font = FONT;
            ctx.textBaseline = 'middle';
            const text = lossName(loss);
            if (x1 - x0 > 30) {
                ctx.fillStyle = css('--panel');
                const tw = Math.min(ctx.measureText(text).width + 8, x1 - x0);
                ctx.fillRect(Math.max(x0, left), AXIS + 3, tw, 15);
                ctx.fillStyle = css('--ink');
                ctx.fillText(text, Math.max(x0, left) + 4, AXIS + 11, x1 - x0 - 8);
            }
        }
        ctx.restore();
    }

    /** @param {{count: number, kind: string}} loss */
    function lossName(loss) {
        return `${format.plural(loss.count, `${loss.kind || 'unnamed'} record`)} lost`;
    }

    /** A bar over a loop's lane where something held the loop.
     * @param {CanvasRenderingContext2D} ctx @param {Model} m @param {number} from @param {number} to @param {number} top */
    function holds(ctx, m, from, to, top) {
        const o = m.holds;
        if (!o || o.n === 0) return;
        const { left, w, per } = plot();
        /** @type {Map<number, Lane>} */
        const lanes = new Map();
        for (let l = from; l < to; l++) if (app.lanes.lanes[l].thread >= 0) lanes.set(app.lanes.lanes[l].thread, app.lanes.lanes[l]);
        ctx.fillStyle = css('--ink');
        for (let i = 0; i < o.n; i++) {
            const lane = lanes.get(o.thread[i]);
            if (!lane) continue;
            const x0 = Math.max(left + (o.start[i] - app.view.t0) / per, left);
            const x1 = Math.min(left + (o.start[i] + o.dur[i] - app.view.t0) / per, left + w);
            if (x1 < left || x0 > left + w) continue;
            const y = AXIS + lane.y - top - 1.5;
            ctx.fillRect(x0, y, Math.max(x1 - x0, 2), 2);
            ctx.fillRect(x0, y, 1.5, 6);
            ctx.fillRect(Math.max(x1 - 1.5, x0), y, 1.5, 6);
        }
    }

    /** The names at the left. @param {CanvasRenderingContext2D} ctx @param {number} from
     * @param {number} to @param {number} top */
    function labels(ctx, from, to, top) {
        const width = box.clientWidth;
        const left = gutter();
        const ink = css('--ink');
        const muted = css('--muted');
        const line = css('--line');
        ctx.textBaseline = 'middle';
        for (let l = from; l < to; l++) {
            const lane = app.lanes.lanes[l];
            const y = AXIS + lane.y - top;
            const mid = y + (lane.kind === 'thread' ? lane.h - 2 : lane.h) / 2 + 0.5;
            if (lane.kind === 'row') continue;
            if (lane.kind === 'thread') {
                ctx.font = FONT;
                const note = left > 120 ? ctx.measureText(lane.note).width : -8;
                clipped(ctx, lane.label, 22, mid, left - 38 - note, ink, FONT);
                if (note < 0) continue;
                ctx.fillStyle = muted;
                ctx.textAlign = 'right';
                ctx.fillText(lane.note, left - 8, mid);
                ctx.textAlign = 'left';
                continue;
            }
            if (lane.kind === 'process') {
                ctx.fillStyle = css('--head');
                ctx.fillRect(0, y, width, lane.h);
                ctx.fillStyle = line;
                ctx.fillRect(0, y, width, 1);
            }
            const indent = lane.kind === 'process' ? 6 : 12;
            triangle(ctx, indent + 4, mid, lane.open, muted);
            const font = lane.kind === 'process' ? '600 12px system-ui, sans-serif' : FONT;
            const at = indent + 12;
            const room = lane.kind === 'process' ? width - at - 8 : left - at - 6;
            const used = clipped(ctx, lane.label, at, mid, room, lane.kind === 'more' ? css('--accent') : ink, font);
            if (lane.note && room - used > 48) clipped(ctx, lane.note, at + used + 8, mid, room - used - 8, muted, FONT);
        }
    }

    /** @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} x @param {number} y
     * @param {number} room @param {string} fill @param {string} font @returns {number} its width */
    function clipped(ctx, text, x, y, room, fill, font) {
        if (room < 8) return 0;
        ctx.font = font;
        ctx.fillStyle = fill;
        let s = text.length > 200 ? text.slice(0, 200) : text;
        let width = ctx.measureText(s).width;
        while (width > room && s.length > 1) {
            s = s.slice(0, Math.max(1, Math.min(s.length - 1, Math.floor((s.length * room) / width) - 1)));
            width = ctx.measureText(s + '…').width;
        }
        ctx.fillText(s.length < text.length ? s + '…' : s, x, y);
        return width;
    }

    /** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {boolean} open @param {string} fill */
    function triangle(ctx, x, y, open, fill) {
        ctx.fillStyle = fill;
        ctx.beginPath();
        if (open) ctx.moveTo(x - 4, y - 2.5), ctx.lineTo(x + 4, y - 2.5), ctx.lineTo(x, y + 3);
        else ctx.moveTo(x - 2.5, y - 4), ctx.lineTo(x - 2.5, y + 4), ctx.lineTo(x + 3, y);
        ctx.fill();
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Model} m */
    function axis(ctx, m) {
        const { left, w, h } = plot();
        ctx.textBaseline = 'middle';
        ctx.fillStyle = css('--panel');
        ctx.fillRect(0, 0, box.clientWidth, AXIS);
        ctx.fillStyle = css('--line');
        ctx.fillRect(0, AXIS - 1, box.clientWidth, 1);
        ctx.fillRect(left - 1, 0, 1, h + AXIS);
        /* Whose lanes these are, when their name has scrolled away. */
        const { from } = visible();
        const all = app.lanes.lanes;
        let over = from;
        while (over > 0 && all[over].kind !== 'group' && all[over].kind !== 'process') over--;
        if (over < from) clipped(ctx, all[over].label, 12, AXIS / 2, left - 20, css('--muted'), FONT);
        const { step, ticks } = scale.ticks(app.view, w, 110);
        ctx.font = FONT;
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, 0, w, h + AXIS);
        ctx.clip();
        for (const t of ticks) {
            const x = Math.round(left + ((t - app.view.t0) / (app.view.t1 - app.view.t0)) * w);
            ctx.fillStyle = css('--tick');
            ctx.fillRect(x, AXIS - 7, 1, 6);
            ctx.globalCompositeOperation = 'destination-over'; /* behind the lanes */
            ctx.fillRect(x, AXIS, 1, h);
            ctx.globalCompositeOperation = 'source-over';
            ctx.fillStyle = css('--muted');
            ctx.fillText(format.axis(t, step, m.header.duration_ns), x + 4, AXIS / 2);
        }
        ctx.restore();
    }

    /* ---- what lies over it: hover, selection, the keyboard's lane */

    /** @type {{x: number, y: number} | null} */
    let mouse = null;

    /** @param {CanvasRenderingContext2D} ctx @param {Lane} lane @param {number} t0 @param {number} t1 @param {number} wide */
    function outline(ctx, lane, t0, t1, wide) {
        const { left, w, per } = plot();
        const x0 = left + (t0 - app.view.t0) / per;
        const x1 = left + (t1 - app.view.t0) / per;
        if (x1 < left || x0 > left + w) return;
        const y = AXIS + lane.y - box.scrollTop;
        const width = Math.max(x1 - x0, 2);
        ctx.strokeStyle = css('--panel');
        ctx.lineWidth = wide + 2;
        ctx.strokeRect(x0, y - 0.5, width, lane.h - 1);
        ctx.strokeStyle = css('--ink');
        ctx.lineWidth = wide;
        ctx.strokeRect(x0, y - 0.5, width, lane.h - 1);
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Model} m @param {Choice} s */
    function drawSelection(ctx, m, s) {
        const { left, h, per } = plot();
        const span = app.spanOf(s);
        if (!span) return;
        const x0 = left + (span.t0 - app.view.t0) / per;
        const x1 = Math.max(left + (span.t1 - app.view.t0) / per, x0 + 1);
        const at = (/** @type {(l: Lane) => boolean} */ f) => app.lanes.lanes.find(f);
        if (s.kind === 'area') return area(ctx, s, x0, x1);
        if (s.kind === 'thread') {
            const lane = at((l) => l.thread === s.thread);
            if (lane) outline(ctx, lane, app.view.t0 + 2 * per, app.view.t1 - 2 * per, 1.5);
            return;
        }
        ctx.fillStyle = css('--beam');
        ctx.fillRect(x0, AXIS, x1 - x0, h);
        if (s.kind === 'interval') {
            const lane = at((l) => l.thread === s.thread);
            if (lane) outline(ctx, lane, span.t0, span.t1, 2);
            return;
        }
        const q = m.requests;
        const row = m.pack ? m.pack.rowOf[s.request] : layout.NONE;
        const lane = at((l) => l.row === row);
        if (lane) outline(ctx, lane, span.t0, span.t1, 2);
        if (!q) return;
        /* The threads that held it, while they did. */
        for (let i = q.segFirst[s.request]; i < q.segFirst[s.request + 1]; i++) {
            if (!q.segThread[i] || !M.isHeld(q.segCat[i])) continue;
            let end = i;
            while (end + 1 < q.segFirst[s.request + 1] && q.segThread[end + 1] === q.segThread[i] && M.isHeld(q.segCat[end + 1])) end++;
            const on = at((l) => l.thread === q.segThread[i] - 1);
            if (on) outline(ctx, on, q.segStart[i], M.segEnd(q, end), 1.5);
            i = end;
        }
    }

    /** @param {CanvasRenderingContext2D} ctx @param {Extract<Choice, {kind: 'area'}>} s @param {number} x0 @param {number} x1 */
    function area(ctx, s, x0, x1) {
        const inside = app.lanes.lanes.filter((l) => s.lanes.includes(l.key));
        if (inside.length === 0) return;
        const y0 = Math.max(AXIS + inside[0].y - box.scrollTop, AXIS);
        const last = inside[inside.length - 1];
        const y1 = AXIS + last.y + last.h - box.scrollTop;
        ctx.fillStyle = css('--beam');
        ctx.fillRect(x0, y0, x1 - x0, y1 - y0);
        ctx.strokeStyle = css('--accent');
        ctx.lineWidth = 1.5;
        ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
        const text = format.time(s.t1 - s.t0);
        ctx.font = FONT;
        const w = ctx.measureText(text).width + 10;
        const x = Math.min(Math.max((x0 + x1 - w) / 2, gutter()), box.clientWidth - w);
        ctx.fillStyle = css('--accent');
        ctx.fillRect(x, AXIS - 18, w, 16);
        ctx.fillStyle = css('--panel');
        ctx.textBaseline = 'middle';
        ctx.fillText(text, x + 5, AXIS - 10);
    }

    function drawOverlay() {
        const m = app.model;
        if (!m || box.clientWidth < 20) return;
        const { ctx } = dom.fit(overlay, box.clientWidth, box.clientHeight);
        const { left, w, h, per } = plot();
        ctx.clearRect(0, 0, box.clientWidth, box.clientHeight);
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, 0, w, h + AXIS);
        ctx.clip();
        const shown = drag && drag.how === 'area' ? drag.area : app.selection;
        if (shown) drawSelection(ctx, m, shown);
        if (mouse && mouse.x >= left) {
            const hit = hitAt(mouse.x, mouse.y);
            if (hit && hit.track && hit.i >= 0 && hit.i < hit.track.n && !drag) {
                const span = hoverSpan(hit);
                if (span && (span.t1 - span.t0) / per > 3) outline(ctx, hit.lane, span.t0, span.t1, 1);
            }
            ctx.fillStyle = css('--cross');
            ctx.fillRect(Math.round(mouse.x), 0, 1, h + AXIS);
        }
        ctx.restore();
        const lane = app.lanes.lanes.find((l) => l.key === cursor);
        if (lane && document.activeElement === box) {
            const y = AXIS + lane.y - box.scrollTop;
            ctx.fillStyle = css('--accent');
            if (y >= AXIS - lane.h) ctx.fillRect(0, Math.max(y, AXIS), 4, lane.h - 1);
        }
    }

    /* ---- what stands under the pointer */

    /** @param {number} x @param {number} y in the box's window */
    function hitAt(x, y) {
        if (y < AXIS) return null;
        const l = layout.laneAt(app.lanes.lanes, y - AXIS + box.scrollTop);
        if (l < 0) return null;
        const lane = app.lanes.lanes[l];
        const { left, per } = plot();
        const time = app.view.t0 + (x - left) * per;
        const track = trackOf(lane);
        const inside = track !== null && track.n > 0 && time >= track.t[0] && time < track.t[track.n];
        return { lane, time, track, per, i: inside && track ? M.indexAt(track, time) : -1 };
    }

    /** @typedef {NonNullable<ReturnType<typeof hitAt>>} Hit */

    /** The request of a place in a row of requests, -1 in a gap. @param {Lane} lane @param {number} i */
    function segmentAt(lane, i) {
        const p = app.model && app.model.pack;
        return p && lane.row >= 0 && i >= 0 ? p.ref[p.off[lane.row] + i] : -1;
    }

    /** Where something narrow is meant, the nearest that a pixel or two can be meant for.
     * @param {Hit} hit */
    function near(hit) {
        const { track, lane, per } = hit;
        if (!track || lane.row < 0) return hit.i;
        if (segmentAt(lane, hit.i) >= 0) return hit.i;
        for (const by of [-2, 2]) {
            const time = hit.time + by * per;
            const i = track.n && time >= track.t[0] && time < track.t[track.n] ? M.indexAt(track, time) : -1;
            if (segmentAt(lane, i) >= 0) return i;
        }
        return -1;
    }

    /** @param {Hit} hit */
    function hoverSpan(hit) {
        const { track, lane, i } = hit;
        const q = app.model && app.model.requests;
        if (!track || i < 0) return null;
        if (lane.row < 0) return { t0: track.t[i], t1: track.t[i + 1] };
        const s = segmentAt(lane, i);
        if (s < 0 || !q) return null;
        const r = q.segRequest[s];
        return { t0: q.start[r], t1: q.start[r] + q.latency[r] };
    }

    /** @param {Hit} hit @returns {Choice | null} */
    function selectionOf(hit) {
        const q = app.model && app.model.requests;
        if (hit.lane.thread >= 0 && hit.i >= 0) return { kind: 'interval', thread: hit.lane.thread, index: hit.i };
        const s = segmentAt(hit.lane, near(hit));
        return s >= 0 && q ? { kind: 'request', request: q.segRequest[s] } : null;
    }

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
                `${m.strings[q.name[r]]}${q.status[r] ? ` → ${q.status[r]}` : ''}`,
                `${format.time(q.latency[r])} in all, blocked ${format.time(blocked < 0 ? 0 : q.ledger[blocked][r])}`,
                `here: ${seg}`,
            ];
        }
        if (hit.i < 0) return [];
        const iv = M.interval(m, lane.thread, hit.i);
        if (!iv) return [];
        const who = `${lane.label} ${lane.note}`;
        if ((iv.end - iv.start) / hit.per < 1) return mixture(hit, who);
        const out = [`${M.CATEGORIES[iv.cat].word} for ${format.time(iv.end - iv.start)}`];
        if (iv.wait) {
            const what = [iv.call, M.objectName(m, iv.object)].filter(Boolean).join(' · ');
            if (what) out.push(what);
            if (iv.delay >= 0) out.push(`then ${format.time(iv.delay)} until it ran`);
        }
        const owner = m.requests ? M.ownersIn(m.requests, lane.thread, iv.start, iv.end, 1)[0] : undefined;
        if (owner && m.requests) out.push(`for ${m.strings[m.requests.name[owner.request]]}`);
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

    /** @param {number} x @param {number} y of the page */
    function showTip(x, y) {
        const r = box.getBoundingClientRect();
        const hit = app.model && !drag && x - r.left >= gutter() ? hitAt(x - r.left, y - r.top) : null;
        let lines = hit ? tipLines(hit) : [];
        const loss = app.model && hit ? app.model.header.lost.windows.find((l) => hit.time >= l.start && hit.time < l.end) : undefined;
        if (loss) lines = [...lines, lossName(loss)];
        tip.hidden = lines.length === 0;
        if (tip.hidden || !hit) return;
        const at = format.exact(Math.max(Math.round(hit.time), 0));
        tip.replaceChildren(...lines.map((s) => dom.el('div', null, s)), dom.el('div', { class: 'at' }, `at ${at}`));
        const w = tip.offsetWidth;
        const h = tip.offsetHeight;
        tip.style.left = `${Math.max(4, x + 14 + w > innerWidth ? x - w - 10 : x + 14)}px`;
        tip.style.top = `${Math.max(4, y + 18 + h > innerHeight ? y - h - 10 : y + 18)}px`;
    }

    /* ---- the hand */

    /** @type {{how: 'area' | 'pan' | 'none', x: number, y: number, view: View, top: number, moved: boolean,
     *     area: Extract<Choice, {kind: 'area'}> | null} | null} */
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
        drag = { how: pans ? 'pan' : 'area', ...p, view: app.view, top: box.scrollTop, moved: false, area: null };
        tip.hidden = true;
    });

    function spread() {
        const [a, b] = [...fingers.values()];
        return Math.hypot(a.x - b.x, a.y - b.y);
    }

    box.addEventListener('pointermove', (e) => {
        const p = spot(e);
        mouse = e.pointerType === 'touch' ? null : p;
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
        if (!drag) showTip(e.clientX, e.clientY);
        else {
            if (Math.hypot(p.x - drag.x, p.y - drag.y) > 4) drag.moved = true;
            if (drag.moved && drag.how === 'pan') {
                const { w } = plot();
                const v = drag.view;
                app.setView({ t0: v.t0 - ((p.x - drag.x) / w) * (v.t1 - v.t0), t1: v.t1 - ((p.x - drag.x) / w) * (v.t1 - v.t0) });
                box.scrollTop = drag.top - (p.y - drag.y);
            } else if (drag.moved && drag.how === 'area') drag.area = areaTo(p.x, p.y);
        }
        app.invalidate('overlay');
    });

    box.addEventListener('pointerup', (e) => {
        fingers.delete(e.pointerId);
        const d = drag;
        drag = null;
        const p = spot(e);
        if (!app.model || p.x > box.clientWidth) return;
        if (d && d.moved) {
            if (d.area && d.area.t1 > d.area.t0 && d.area.lanes.length) app.select(d.area);
        } else if (d === null || d.how !== 'none') click(p.x, p.y);
        app.invalidate('overlay');
    });
    box.addEventListener('pointercancel', (e) => {
        fingers.delete(e.pointerId);
        drag = null;
    });
    box.addEventListener('pointerleave', () => {
        mouse = null;
        tip.hidden = true;
        app.invalidate('overlay');
    });

    /** @param {number} x @param {number} y */
    function click(x, y) {
        const hit = hitAt(x, y);
        if (!hit) return;
        const { lane } = hit;
        cursor = lane.key;
        if (lane.kind === 'process' || lane.kind === 'group' || lane.kind === 'more') {
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
            showTip(e.clientX, e.clientY);
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
        cursor = lane.key;
    }

    /** The next lane up or down. @param {number} by */
    function moveLane(by) {
        const all = app.lanes.lanes;
        if (all.length === 0) return;
        const now = all.findIndex((l) => l.key === cursor);
        const next = now < 0 ? visible().from : Math.min(Math.max(now + by, 0), all.length - 1);
        scrollTo(all[next]);
        const lane = all[next];
        const track = trackOf(lane);
        app.say(track ? laneWords(lane) : `${lane.label} ${lane.note}, ${lane.open ? 'open' : 'folded'}`);
        app.invalidate('overlay', 'lanes');
    }

    /** @param {Lane} lane */
    function laneWords(lane) {
        const totals = laneTotals(lane);
        const parts = [...totals.keys()].filter((c) => totals[c] > 0 && c !== M.EMPTY).sort((a, b) => totals[b] - totals[a]);
        const name = lane.thread >= 0 ? `thread ${lane.label} ${lane.note}` : `requests, row ${lane.row + 1}`;
        return `${name}: ${parts.map((c) => `${M.CATEGORIES[c].word} ${format.time(totals[c])}`).join(', ')}`;
    }

    /** @param {Lane} lane */
    function laneTotals(lane) {
        const totals = new Float64Array(M.COUNT);
        const track = trackOf(lane);
        if (track) M.addTotals(track, Math.ceil(app.view.t0), Math.floor(app.view.t1), totals);
        return totals;
    }

    /** Opens what stands in the keyboard's lane. */
    function enter() {
        const lane = app.lanes.lanes.find((l) => l.key === cursor);
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
        const lane = app.lanes.lanes.find((l) => l.key === cursor) || app.lanes.lanes.find((l) => trackOf(l) !== null);
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

    /* ---- the same as a table, for those who do not see it */

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
            const name = lane.thread >= 0 ? `${lane.label} ${lane.note}` : `requests, row ${lane.row + 1}`;
            return dom.el('tr', null, dom.el('th', { scope: 'row' }, name), ...cats.map((c) => dom.el('td', null, totals[c] > 0 ? format.time(totals[c]) : '–')));
        });
        const caption = `Time per state in the lanes shown, from ${format.exact(Math.ceil(app.view.t0))} to ${format.exact(Math.floor(app.view.t1))}`;
        dom.get('mirror').replaceChildren(
            dom.el('table', null, dom.el('caption', null, caption), dom.el('thead', null, head), dom.el('tbody', null, ...rows)),
        );
    }

    app.onPaint('lanes', draw);
    app.onPaint('overlay', drawOverlay);
    app.onPaint('mirror', mirror);
    new ResizeObserver(() => app.invalidate('lanes', 'overlay')).observe(box);

    return { forget, scrollTo, moveLane, enter, step: stepBy, trackOf, lossName };
})();
