/*
 * Draws a track into pixels. Each column of pixels shows the exact share of each category in its
 * stretch of time, stacked: a thousand short reads in one pixel show as what they add up to, where
 * "the longest wins" would hide them. The cost grows with the pixels, not with the intervals.
 */
var waitscope = waitscope || {};

waitscope.paint = waitscope.pure('paint', function () {
    'use strict';

    const { model, palette } = waitscope;
    const STACK = Uint8Array.from(palette.STACK);
    const NEAR = 24; /* intervals to add one by one before the sums are asked */

    const acc = new Float64Array(16);
    let from = new Float64Array(16);
    let to = new Float64Array(16);

    /** The time per category up to `time`, which lies in interval i.
     * @param {Track} track @param {number} i @param {number} time @param {Float64Array} out */
    function upTo(track, i, time, out) {
        const { t, cat, sums, k } = track;
        const c = i >> 6;
        for (let j = 0; j < k; j++) out[j] = sums[c * (k + 1) + j];
        for (let j = c << 6; j < i; j++) out[cat[j] & 15] += t[j + 1] - t[j];
        out[cat[i] & 15] += time - t[i];
    }

    /** The interval that holds `time`, and in `out` the time per category up to there; looked for
     * from the sums before interval i on. The sums lie close together, the intervals do not.
     * @param {Track} track @param {number} i @param {number} time @param {Float64Array} out */
    function seek(track, i, time, out) {
        const { t, cat, sums, k, n } = track;
        const wide = k + 1;
        const last = (n - 1) >> 6;
        let c = i >> 6;
        let step = 1;
        while (c + step <= last && sums[(c + step) * wide + k] <= time) {
            c += step;
            step *= 2;
        }
        for (; step >= 1; step /= 2) if (c + step <= last && sums[(c + step) * wide + k] <= time) c += step;
        for (let j = 0; j < k; j++) out[j] = sums[c * wide + j];
        let j = c << 6;
        for (; j < n - 1 && t[j + 1] <= time; j++) out[cat[j] & 15] += t[j + 1] - t[j];
        out[cat[j] & 15] += time - t[j];
        return j;
    }

    /**
     * @typedef {object} Box where to draw
     * @property {Uint32Array} px
     * @property {number} stride pixels a row
     * @property {number} rows of px
     * @property {number} x @property {number} y
     * @property {number} w @property {number} h
     */

    /**
     * @param {Box} box
     * @param {Track} track
     * @param {number} t0 the time at the box's left edge
     * @param {number} per ns a pixel
     * @param {{side: number, data: Uint32Array}} tiles
     * @param {number} phase pixels by which the hatches are shifted, so that they move along
     * @param {number} min width in pixels from which on an interval is told to `wide`
     * @param {(i: number, x0: number, x1: number) => void} wide
     */
    function paintTrack(box, track, t0, per, tiles, phase, min, wide) {
        const { t, cat, n, k } = track;
        if (n === 0) return;
        const x0 = Math.max(0, Math.floor((t[0] - t0) / per));
        const x1 = Math.min(box.w, Math.ceil((t[n] - t0) / per));
        if (x1 <= x0) return;
        let i = Math.max(model.indexAt(track, t0 + x0 * per), 0);
        let known = -1; /* column for whose left edge `from` stands */
        for (let x = x0; x < x1; x++) {
            const a = t0 + x * per;
            const b = a + per;
            while (i < n - 1 && t[i + 1] <= a) i++;
            if (t[i] <= a && t[i + 1] >= b) {
                const end = Math.max(x + 1, Math.min(x1, Math.floor((t[i + 1] - t0) / per)));
                solid(box, x, end, cat[i] & 15, tiles, phase);
                if (end - x >= min) wide(i, x, end);
                x = end - 1;
                continue;
            }
            const near = Math.min(i + NEAR, n - 1);
            let j = i;
            let at = Math.max(a, t[i]);
            acc.fill(0);
            for (; j < near && t[j + 1] < b; j++) {
                acc[cat[j] & 15] += t[j + 1] - at;
                at = t[j + 1];
            }
            if (j < near || j === n - 1) acc[cat[j] & 15] += Math.min(b, t[j + 1]) - at;
            else {
                if (known !== x) upTo(track, i, Math.max(a, t[i]), from);
                j = seek(track, j, Math.min(b, t[n]), to);
                for (let m = 0; m < k; m++) acc[m] = to[m] - from[m];
                const swap = from;
                from = to;
                to = swap;
                known = x + 1;
            }
            i = j;
            stack(box, x, per, tiles, phase);
        }
    }

    /** Columns x … end of one category.
     * @param {Box} box @param {number} x @param {number} end @param {number} cat
     * @param {{side: number, data: Uint32Array}} tiles @param {number} phase */
    function solid(box, x, end, cat, tiles, phase) {
        const { px, stride } = box;
        const mask = tiles.side - 1;
        const last = Math.min(box.y + box.h, box.rows);
        for (let y = Math.max(box.y, 0); y < last; y++) {
            const tile = (cat * tiles.side + (y & mask)) * tiles.side;
            const row = y * stride + box.x;
            for (let c = x; c < end; c++) px[row + c] = tiles.data[tile + ((c + phase) & mask)];
        }
    }

    /** Column x of the categories in `acc`, from the bottom up. Blocked time, however short, gets
     * its pixel: it is what one looks for.
     * @param {Box} box @param {number} x @param {number} per
     * @param {{side: number, data: Uint32Array}} tiles @param {number} phase */
    function stack(box, x, per, tiles, phase) {
        const { px, stride } = box;
        const { data, side } = tiles;
        const mask = side - 1;
        const xt = (x + phase) & mask;
        const high = box.h / per;
        const bottom = box.y + box.h;
        let y = bottom;
        let sum = 0;
        for (let m = 0; m < STACK.length && y > box.y; m++) {
            const cat = STACK[m];
            if (!(acc[cat] > 0)) continue;
            sum += acc[cat];
            let top = bottom - ((sum * high + 0.5) | 0);
            if (m === 0 && top === y) top--;
            if (top < box.y) top = box.y;
            if (top >= y) continue;
            const last = top < 0 ? 0 : top;
            y = y > box.rows ? box.rows : y;
            for (let at = (y - 1) * stride + box.x + x; y > last; y--, at -= stride)
                px[at] = data[(cat * side + ((y - 1) & mask)) * side + xt];
            y = top;
        }
    }

    return { track: paintTrack };
});
