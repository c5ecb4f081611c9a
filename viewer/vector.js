/* Pixels that hold numbers into rectangles: the largest that are wide first and tall then. */
var waitscope = waitscope || {};

waitscope.vector = waitscope.pure('vector', function () {
    'use strict';

    const FLIGHT = 99; /* the number of what is no category: requests in flight */

    /**
     * The rectangles of each number but 0, as one path a number. Runs of a row that stand below one
     * another become one rectangle.
     * @param {Uint32Array} px @param {number} w @param {number} h
     * @returns {Generator<void, {paths: Map<number, string>, count: number}>}
     */
    function* regions(px, w, h) {
        /** @type {Map<number, string[]>} */
        const paths = new Map();
        let count = 0;
        /** @typedef {{x: number, w: number, y: number, v: number}} Run */
        /** @type {Run[]} */
        let above = [];
        const close = (/** @type {Run} */ r, /** @type {number} */ y) => {
            let path = paths.get(r.v);
            if (!path) paths.set(r.v, (path = []));
            path.push(`M${r.x} ${r.y}h${r.w}v${y - r.y}h${-r.w}z`);
            count++;
        };
        for (let y = 0; y < h; y++) {
            if ((y & 15) === 0) yield;
            /** @type {Run[]} */
            const row = [];
            let a = 0;
            for (let x = 0, end; x < w; x = end) {
                const v = px[y * w + x];
                end = x + 1;
                while (end < w && px[y * w + end] === v) end++;
                if (!v) continue;
                while (a < above.length && above[a].x < x) close(above[a++], y);
                const over = above[a];
                if (over && over.x === x && over.w === end - x && over.v === v) row.push(above[a++]);
                else row.push({ x, w: end - x, y, v });
            }
            while (a < above.length) close(above[a++], y);
            above = row;
        }
        for (const r of above) close(r, h);
        return { paths: new Map([...paths].map(([v, path]) => [v, path.join('')])), count };
    }

    return { regions, FLIGHT };
});
