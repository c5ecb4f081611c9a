/*
 * The picture: lanes of threads and requests under a time axis. The box scrolls as any other; the
 * canvases stay in its window, and what is drawn follows.
 */
var waitscope = waitscope || {};

waitscope.lanes = (function () {
    'use strict';

    const { app, dom, model: M, format, scale, layout, paint, palette } = waitscope;
    const { css } = app;
    const { rect } = dom;
    const AXIS = 26;
    const WIDE = 40; /* pixels from which on an interval carries text */
    const QUIET = 90; /* the same of idle ones, of which there are many that nobody asks for */
    const FONT = '11px system-ui, sans-serif';

    /** @type {HTMLElement} */
    const box = dom.get('lanes');
    /** @type {HTMLCanvasElement} */
    const picture = dom.get('picture');
    const space = dom.get('lanes-space');

    const NONE = { side: 8, data: new Uint32Array(0) };
    const SMALL = 12; /* pixels of a lane, below which its hatches are fine */
    /** @typedef {{side: number, data: Uint32Array}} Tiles */
    /** @type {{key: string, usual: Tiles, fine: Tiles}} */
    let tiles = { key: '', usual: NONE, fine: NONE };
    let image = new ImageData(1, 1);
    let px = new Uint32Array(image.data.buffer);
    /** @type {Map<number, Track>} */
    let rowTracks = new Map();

    /** The lanes are others: what scrolls is as high as they are, at once, so that one may scroll. */
    function laidOut() {
        space.style.height = `${app.lanes.height + AXIS + 8}px`;
    }

    /** Drops what was kept of the rows of requests. */
    function forget() {
        rowTracks = new Map();
    }

    /** What an export shows instead of what the screen does. @type {{top: number, high: number} | null} */
    let other = null;

    /** How far down the picture begins. */
    function scrolled() {
        return other ? other.top : box.scrollTop;
    }

    /** How high it is, with its axis. */
    function height() {
        return other ? other.high : box.clientHeight;
    }

    /** Does something as if the picture began there and were so high.
     * @template T @param {{top: number, high: number}} part @param {() => T} what @returns {T} */
    function as(part, what) {
        other = part;
        try {
            return what();
        } finally {
            other = null;
        }
    }

    function gutter() {
        return box.clientWidth < 620 ? 96 : 184;
    }

    /** Pixels that a lane's picture has, and the time of one. */
    function plot() {
        const left = gutter();
        const w = Math.max(box.clientWidth - left, 1);
        return { left, w, h: Math.max(height() - AXIS, 1), per: (app.view.t1 - app.view.t0) / w };
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
        const top = scrolled();
        let from = layout.laneAt(all, top);
        if (from < 0) from = all.length && top > 0 ? all.length - 1 : 0;
        let to = from;
        while (to < all.length && all[to].y < top + height() - AXIS) to++;
        return { from, to, top };
    }

    /* ---- drawing */

    function draw() {
        const m = app.model;
        if (!m || box.clientWidth < 20) return;
        const { ctx, ratio, pw, ph, codes } = dom.fit(picture, box.clientWidth, height());
        const { left, w, per } = plot();
        const { from, to, top } = visible();
        const dark = app.dark();
        const key = codes ? 'codes' : `${dark} ${Math.round(ratio)}`;
        if (tiles.key !== key) tiles = { key, usual: codes || palette.tiles(dark, ratio), fine: codes || palette.tiles(dark, ratio, true) };

        const x0 = Math.round(left * ratio);
        const y0 = Math.round(AXIS * ratio);
        const iw = Math.max(pw - x0, 1);
        const ih = Math.max(ph - y0, 1);
        /* As high as the box may get: a new one each time that it grows costs more than the space. */
        const most = Math.max(ih, Math.round(innerHeight * ratio * 0.6));
        if (image.width !== iw || image.height < ih || image.height > 4 * most) {
            image = new ImageData(iw, most);
            px = new Uint32Array(image.data.buffer);
        } else px.fill(0);

        const perPx = (per * w) / iw;
        const phase = Math.round(app.view.t0 / perPx) % 4096;
        /** @type {{lane: Lane, i: number, x0: number, x1: number}[]} */
        const wide = [];
        /* The first time is the slowest: what does not fit into a frame then comes with the next. */
        const until = app.loading ? performance.now() + 8 : Infinity;
        let late = false;
        for (let l = from; l < to; l++) {
            const lane = app.lanes.lanes[l];
            const track = trackOf(lane);
            if (!track) continue;
            if (performance.now() > until) {
                late = true;
                break;
            }
            const pad = lane.h > 12 ? 2 : 1;
            const y = Math.round((lane.y - top) * ratio);
            const h = Math.max(Math.round((lane.h - pad) * ratio), 1);
            const target = { px, stride: iw, rows: ih, x: 0, y, w: iw, h };
            const min = lane.h < 14 ? Infinity : WIDE * ratio;
            paint.track(target, track, app.view.t0, perPx, lane.h < SMALL ? tiles.fine : tiles.usual, phase, min, (i, a, b) => {
                if (wide.length < 4000) wide.push({ lane, i, x0: a / ratio, x1: b / ratio });
            });
        }
        ctx.clearRect(0, 0, box.clientWidth, height());
        ctx.putImageData(image, x0, y0, 0, 0, iw, ih);
        fade(ctx, m, from, to, top);
        ctx.font = FONT;
        ctx.textBaseline = 'middle';
        if (!late) {
            words(ctx, m, wide, left, top, dark);
            holds(ctx, m, from, to, top);
        }
        rect(ctx, '--line', plot().left - 1, AXIS, 1, plot().h); /* below the heads, which have words there */
        labels(ctx, from, to, top);
        ctx.font = FONT;
        losses(ctx, m, ratio);
        axis(ctx, m);
        if (late) app.invalidate('lanes');
    }

    /** Of a request's threads, what they did for others steps back.
     * @param {CanvasRenderingContext2D} ctx @param {Model} m @param {number} from @param {number} to @param {number} top */
    function fade(ctx, m, from, to, top) {
        const { left, w, per } = plot();
        const q = m.requests;
        ctx.globalAlpha = 0.78;
        for (let l = from; l < to; l++) {
            const lane = app.lanes.lanes[l];
            if (lane.of < 0 || !q) continue;
            let x = left;
            const y = AXIS + lane.y - top;
            for (let s = q.segFirst[lane.of]; s < q.segFirst[lane.of + 1]; s++) {
                if (q.segThread[s] !== lane.thread + 1 || !M.isHeld(q.segCat[s])) continue;
                const x0 = Math.min(Math.max(left + (q.segStart[s] - app.view.t0) / per, left), left + w);
                const x1 = Math.min(Math.max(left + (M.segEnd(q, s) - app.view.t0) / per, left), left + w);
                if (x0 > x) rect(ctx, '--panel', x, y, x0 - x, lane.h - 1);
                x = Math.max(x, x1);
            }
            if (x < left + w) rect(ctx, '--panel', x, y, left + w - x, lane.h - 1);
        }
        ctx.globalAlpha = 1;
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
            const owners = m.requests ? M.ownersIn(m.requests, lane.thread, iv.start, iv.end, 2) : [];
            if (!m.requests || owners.length === 0) return word;
            return owners.length > 1 ? `${word} for several requests` : m.strings[m.requests.name[owners[0].request]] || word;
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
        let named = -1;
        for (const { lane, i, x0, x1 } of wide) {
            const track = trackOf(lane);
            if (!track) continue;
            const cat = track.cat[i] & 15;
            if (cat === M.EMPTY || cat === M.UNKNOWN || (cat === M.IDLE && x1 - x0 < QUIET)) continue;
            let text = wordsOf(m, lane, i, named);
            const s = segmentAt(lane, i);
            if (s >= 0 && m.requests) named = m.requests.segRequest[s];
            if (s >= 0) grade(ctx, m, s, lane, left + x0, left + x1, top);
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

    /** What is charged by evidence, and not by construction, is dotted below.
     * @param {CanvasRenderingContext2D} ctx @param {Model} m @param {number} s @param {Lane} lane
     * @param {number} x0 @param {number} x1 @param {number} top */
    function grade(ctx, m, s, lane, x0, x1, top) {
        const q = /** @type {Requests} */ (m.requests);
        if (m.header.grades[q.segGrade[s]] !== 'inferred') return;
        ctx.fillStyle = palette.ink(q.segCat[s], app.dark());
        for (let x = x0 + 2; x < x1 - 2; x += 4) ctx.fillRect(x, AXIS + lane.y - top + lane.h - 4, 1.5, 1.5);
    }

    /** The losses in the window, in pixels. Of those too short to be told apart many that lie side by
     * side are one: each that is drawn costs a fill of the whole height.
     * @param {Model} m */
    function lost(m) {
        const { left, w, per } = plot();
        /** @type {{x0: number, x1: number, short: boolean, count: number, kind: string, recording?: number}[]} */
        const out = [];
        for (const { start, end, count, kind, recording } of m.header.lost.windows) {
            const x0 = left + (start - app.view.t0) / per;
            const short = (end - start) / per < 2;
            const x1 = short ? x0 + 2 : left + (end - app.view.t0) / per;
            if (x1 < left || x0 > left + w) continue;
            const last = out[out.length - 1];
            if (last && last.short && short && last.recording === recording && x0 >= last.x0 && x0 < last.x1 + 1)
                Object.assign(last, { x1: Math.max(last.x1, x1), count: last.count + count, kind: last.kind === kind ? kind : 'several kinds of' });
            else out.push({ x0, x1, short, count, kind, recording });
        }
        return out;
    }

    /** Lost records are gaps with a name. @param {CanvasRenderingContext2D} ctx @param {Model} m
     * @param {number} ratio */
    function losses(ctx, m, ratio) {
        const all = lost(m);
        if (all.length === 0) return;
        const { left, w, h } = plot();
        const extents = (m.header.recordings || [undefined]).map((r, i) => extent(m, r && i, h));
        const hatch = dom.fill(ctx, M.UNKNOWN, app.dark(), ratio);
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, 0, w, h + AXIS);
        ctx.clip();
        for (const loss of all) {
            const [y0, y1] = extents[loss.recording || 0];
            if (y1 <= y0) continue;
            const { x0, x1 } = loss;
            ctx.globalAlpha = 0.85;
            rect(ctx, '--panel', x0, y0, x1 - x0, y1 - y0);
            ctx.fillStyle = hatch;
            ctx.fillRect(x0, y0, x1 - x0, y1 - y0);
            ctx.globalAlpha = 1;
            const text = lossName(loss);
            if (x1 - x0 > 30) {
                ctx.fillStyle = css('--panel');
                const tw = ctx.measureText(text).width + 8;
                ctx.fillRect(Math.max(x0, left), y0 + 3, tw, 15);
                ctx.fillStyle = css('--ink');
                ctx.fillText(text, Math.max(x0, left) + 4, y0 + 11);
            }
        }
        ctx.restore();
    }

    /** From where to where the lanes of a recording stand in the window; all, when there is but one.
     * @param {Model} m @param {number | undefined} recording @param {number} h @returns {[number, number]} */
    function extent(m, recording, h) {
        const heads = app.lanes.lanes.filter((l) => l.kind === 'recording');
        if (!m.header.recordings || recording === undefined) return [AXIS, AXIS + h];
        const { y, h: head } = heads[recording];
        const end = recording + 1 < heads.length ? heads[recording + 1].y : app.lanes.height;
        return [Math.max(AXIS + y + head - scrolled(), AXIS), Math.min(AXIS + end - scrolled(), AXIS + h)];
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
        const s = app.selection;
        const chosen = s && s.kind === 'request' && app.model && app.model.pack ? app.model.pack.rowOf[s.request] : -1;
        for (let l = from; l < to; l++) {
            const lane = app.lanes.lanes[l];
            const y = AXIS + lane.y - top;
            const mid = y + (lane.thread >= 0 ? lane.h - 2 : lane.h) / 2 + 0.5;
            if (lane.kind === 'row') {
                if (lane.row === chosen) rowName(ctx, lane, mid, left);
                continue;
            }
            if (lane.thread >= 0) {
                ctx.font = FONT;
                const note = left > 120 ? ctx.measureText(lane.note).width : -8;
                const at = lane.of < 0 ? 22 : 34;
                if (lane.of >= 0) rect(ctx, '--accent', 26, y, 2, lane.h - 2);
                clipped(ctx, lane.label, at, mid, left - 16 - at - note, ink, FONT);
                if (note < 0) continue;
                ctx.fillStyle = muted;
                ctx.textAlign = 'right';
                ctx.fillText(lane.note, left - 8, mid);
                ctx.textAlign = 'left';
                continue;
            }
            if (lane.kind === 'process') {
                rect(ctx, '--head', 0, y, width, lane.h);
                rect(ctx, '--line', 0, y, width, 1);
            }
            const wide = lane.kind === 'process' || lane.kind === 'recording';
            if (lane.kind === 'recording') {
                rect(ctx, '--chosen', 0, y, width, lane.h);
                rect(ctx, '--accent', 0, y, width, 2);
            }
            const indent = wide ? 6 : 12;
            triangle(ctx, indent + 4, mid, lane.open, muted);
            const font = lane.kind === 'recording' ? '700 13px system-ui, sans-serif' : wide ? '600 12px system-ui, sans-serif' : FONT;
            const at = indent + 12;
            const room = width - at - 8; /* nothing else stands in its line */
            const used = clipped(ctx, lane.label, at, mid, room, lane.kind === 'more' ? css('--accent') : ink, font);
            if (lane.note && room - used > 48) clipped(ctx, lane.note, at + used + 8, mid, room - used - 8, muted, FONT);
        }
    }

    /** Beside the row of the chosen request its name, to be opened.
     * @param {CanvasRenderingContext2D} ctx @param {Lane} lane @param {number} mid @param {number} left */
    function rowName(ctx, lane, mid, left) {
        const m = /** @type {Model} */ (app.model);
        const q = m.requests;
        const s = app.selection;
        if (!q || !s || s.kind !== 'request') return;
        if (lane.h >= 12) triangle(ctx, 16, mid, app.how.opened === s.request, css('--accent'));
        const font = lane.h >= 12 ? FONT : '9px system-ui, sans-serif';
        clipped(ctx, m.strings[q.name[s.request]] || `request ${q.id[s.request]}`, 26, mid, left - 32, css('--accent'), font);
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
        rect(ctx, '--panel', 0, 0, box.clientWidth, AXIS);
        rect(ctx, '--line', 0, AXIS - 1, box.clientWidth, 1);
        ctx.fillRect(left - 1, 0, 1, AXIS);
        /* Whose lanes these are, when their name has scrolled away. */
        const { from } = visible();
        const all = app.lanes.lanes;
        let over = from;
        while (over > 0 && !['group', 'process', 'recording'].includes(all[over].kind)) over--;
        if (over < from) clipped(ctx, (all[over].kind === 'recording' ? '' : M.prefix(m, all[over].process)) + all[over].label, 12, AXIS / 2, left - 20, css('--muted'), FONT);
        const { step, ticks } = scale.ticks(app.view, w, 110);
        ctx.font = FONT;
        ctx.save();
        ctx.beginPath();
        ctx.rect(left, 0, w, h + AXIS);
        ctx.clip();
        for (const t of ticks) {
            const x = Math.round(left + ((t - app.view.t0) / (app.view.t1 - app.view.t0)) * w);
            rect(ctx, '--tick', x, AXIS - 7, 1, 6);
            ctx.globalCompositeOperation = 'destination-over'; /* behind the lanes */
            ctx.fillRect(x, AXIS, 1, h);
            ctx.globalCompositeOperation = 'source-over';
            ctx.fillStyle = css('--muted');
            ctx.fillText(format.axis(t, step, m.header.duration_ns), x + 4, AXIS / 2);
        }
        ctx.restore();
    }

    /* ---- what stands under the pointer */

    /** @param {number} x @param {number} y in the box's window @returns {Hit | null} */
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

    app.onPaint('lanes', draw);
    new ResizeObserver(() => {
        /* where the lanes begin and end, for what stands above them */
        const { style } = dom.get('app');
        style.setProperty('--gutter', `${gutter()}px`);
        style.setProperty('--beside', `${box.offsetWidth - box.clientWidth}px`);
        /* Rows may be of another height now: what stood at the top stays there. */
        const all = app.lanes.lanes;
        const top = box.scrollTop > 0 ? all[layout.laneAt(all, box.scrollTop)] : undefined;
        app.relayout();
        const now = top && app.lanes.lanes.find((l) => l.key === top.key);
        if (top && now && now.y !== top.y) box.scrollTop += now.y - top.y;
    }).observe(box);

    return { AXIS, FONT, box, scrolled, height, as, laidOut, forget, gutter, plot, trackOf, visible, lossName, hitAt, segmentAt, near };
})();
