/* Loads the viewer's pure modules into node, as the scripts they are. */
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { fileURLToPath } from 'node:url';

const VIEWER = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../viewer');
for (const name of ['ns', 'format', 'scale', 'model', 'layout', 'merge', 'diff', 'header', 'columns', 'decode', 'load', 'stats', 'filter', 'ask', 'hash', 'portion', 'vector', 'palette', 'paint'])
    vm.runInThisContext(fs.readFileSync(path.join(VIEWER, `${name}.js`), 'utf8'), { filename: `viewer/${name}.js` });

export const ws = globalThis.waitscope;

/** Reads bytes or text as the worker does, and gives all that it said.
 * @param {string | Uint8Array} bytes @param {number} [piece] bytes a chunk */
export async function load(bytes, piece) {
    const out = { header: null, strings: [], objects: null, requests: null, pack: null, holds: null, asks: [], threads: [], problems: null, refused: null };
    const take = (msg) => {
        if (msg.type === 'strings') out.strings.push(...msg.values);
        else if (msg.type === 'thread') out.threads[msg.thread] = msg.track;
        else if (msg.type === 'requests') Object.assign(out, { requests: msg.requests, pack: msg.pack });
        else if (msg.type === 'asks') out.asks.push(msg.asks);
        else if (msg.type === 'end') out.problems = msg.problems;
        else if (msg.type === 'refused') out.refused = msg.message;
        else if (msg.type !== 'progress') out[msg.type] = msg[msg.type];
    };
    let blob = new Blob([bytes]);
    if (piece) {
        const all = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
        blob = {
            size: all.length,
            stream: () =>
                new ReadableStream({
                    start(c) {
                        for (let i = 0; i < all.length; i += piece) c.enqueue(all.subarray(i, i + piece));
                        c.close();
                    },
                }),
        };
    }
    await ws.load.read({ blob }, take);
    return out;
}

/** A model as the page builds it. */
export function modelOf(r) {
    return { ...r, name: 'test', tids: new Map(r.header.threads.map((t, i) => [t.tid, i])) };
}
