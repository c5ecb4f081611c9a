/*
 * Columns of typed arrays: they grow together, take no more room than their numbers need, and change
 * hands between worker and page without being copied.
 */
var waitscope = waitscope || {};

waitscope.columns = waitscope.pure('columns', function () {
    'use strict';

    /** Columns of typed arrays that grow together.
     * @param {Record<string, any>} types name → constructor */
    function table(types) {
        /** @type {Record<string, any>} */
        const cols = {};
        for (const name in types) cols[name] = new types[name](0);
        let room = 0;
        return {
            n: 0,
            cols,
            /** @param {number} extra */
            reserve(extra) {
                if (this.n + extra <= room) return;
                room = Math.max(this.n + extra, Math.min(room * 2, room + 4e6));
                for (const name in cols) {
                    const bigger = new types[name](room);
                    bigger.set(cols[name].subarray(0, this.n));
                    cols[name] = bigger;
                }
            },
            /** @param {string} name @param {number} [n] */
            take(name, n) {
                return cols[name].slice(0, n === undefined ? this.n : n);
            },
        };
    }

    /** The same numbers in the narrowest column that holds them: waits are most of the memory.
     * @param {Int32Array | Uint32Array} column */
    function narrow(column) {
        let most = 0;
        let least = 0;
        for (let i = 0; i < column.length; i++) {
            if (column[i] > most) most = column[i];
            else if (column[i] < least) least = column[i];
        }
        if (least < 0) return least < -0x8000 || most > 0x7fff ? column : most < 0x80 && least >= -0x80 ? Int8Array.from(column) : Int16Array.from(column);
        return most > 0xffff ? column : most < 0x100 ? Uint8Array.from(column) : Uint16Array.from(column);
    }

    /** The buffers of all typed arrays of an object. @param {any} o @returns {any[]} */
    function buffers(o) {
        const out = [];
        for (const v of Object.values(o)) {
            if (ArrayBuffer.isView(v)) out.push(v.buffer);
            else if (Array.isArray(v)) for (const w of v) if (ArrayBuffer.isView(w)) out.push(w.buffer);
        }
        return out;
    }

    return { table, narrow, buffers };
});
