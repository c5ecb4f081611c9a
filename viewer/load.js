/*
 * Reads a timeline from a file or from the page: bytes, unpacked, to lines, to elements. It runs
 * in a worker; the page gets the header first and then each part as soon as it is whole.
 */
var waitscope = waitscope || {};

waitscope.load = waitscope.pure('load', function () {
    'use strict';

    const { decoder } = waitscope.decode;
    const { Refusal } = waitscope.header;
    const LONGEST_LINE = 400e6; /* bytes; a string of V8 ends at 2^29 characters */

    /** What a file of another kind is, by its first bytes. @param {Uint8Array} b */
    function foreign(b) {
        const starts = (/** @type {string} */ s) => [...s].every((ch, i) => b[i] === ch.charCodeAt(0));
        if (starts('waitscop'))
            return 'This is a capture. “waitscope convert FILE -o OUT.html” makes a page of it, “-o OUT.json.gz” a timeline.';
        if (starts('<')) return 'This is a page, not a timeline. A report of waitscope opens in the browser as it is.';
        if (starts('\x28\xb5\x2f\xfd') || starts('PK') || starts('BZh') || starts('\xfd7zXZ'))
            return 'This file is compressed in a way that browsers do not read. Only gzip (.json.gz) is.';
        return '';
    }

    /**
     * Lines of a stream of bytes to elements. A file that is JSON but not one element a line, such
     * as another program's output of the same array, is read as a whole.
     * @param {AsyncIterable<Uint8Array>} chunks
     * @param {ReturnType<typeof decoder>} d
     */
    async function lines(chunks, d) {
        /** @type {Uint8Array[]} */
        let parts = [];
        let size = 0;
        let whole = false;
        let opened = false;
        const utf8 = new TextDecoder();

        function text() {
            if (parts.length === 1) return utf8.decode(parts[0]);
            const all = new Uint8Array(size);
            let at = 0;
            for (const p of parts) {
                all.set(p, at);
                at += p.length;
            }
            return utf8.decode(all);
        }

        /** @param {string} raw @param {boolean} last */
        function line(raw, last) {
            const s = raw.trim().replace(/^,/, '').replace(/,$/, '').trim();
            if (s === '[') opened = true;
            if (s === '' || s === ']' || s === '[') return true;
            const bare = d.started() ? s : s.replace(/^\[/, '').trim();
            let value;
            try {
                value = JSON.parse(bare);
            } catch {
                if (!d.started()) return false;
                if (bare.endsWith(']') && last) return line(bare.slice(0, -1), false);
                d.problem(last ? 'the last line is cut and was left out' : 'a line that is no JSON was left out');
                return true;
            }
            d.element(value);
            return true;
        }

        let first = true;
        for await (const chunk of chunks) {
            if (first && chunk.length) {
                first = false;
                const why = foreign(chunk);
                if (why) throw new Refusal(why);
            }
            let from = 0;
            if (!whole) {
                for (let nl = chunk.indexOf(10); nl >= 0; nl = chunk.indexOf(10, from)) {
                    parts.push(chunk.subarray(from, nl));
                    size += nl - from;
                    if (!line(text(), false)) {
                        whole = true;
                        parts.push(chunk.subarray(nl, nl + 1));
                        size++;
                        from = nl + 1;
                        break;
                    }
                    parts = [];
                    size = 0;
                    from = nl + 1;
                }
            }
            if (from < chunk.length) parts.push(chunk.subarray(from));
            size += chunk.length - from;
            if (size > LONGEST_LINE)
                throw new Refusal('A line of this file is longer than a browser can read; waitscope writes shorter ones.');
        }
        if (size === 0) return;
        const rest = text();
        if (!whole && (d.started() || rest.trim() === '')) {
            line(rest, true);
            return;
        }
        /** @type {any} */
        let all;
        try {
            all = JSON.parse(opened ? `[${rest}` : rest);
        } catch {
            throw new Refusal(
                rest.includes('"waitscope-timeline"')
                    ? 'This timeline is cut within its first line, so that nothing of it can be read.'
                    : 'This is no waitscope timeline: it does not begin with a line of JSON.',
            );
        }
        for (const e of Array.isArray(all) ? all : [all]) d.element(e);
    }

    /** Unpacks gzip, and keeps what came out before a fault.
     * @param {AsyncIterable<Uint8Array>} source @param {() => void} fault */
    async function* gunzip(source, fault) {
        const stream = new DecompressionStream('gzip');
        const writer = stream.writable.getWriter();
        const reader = stream.readable.getReader();
        let got = 0;
        /* A failure drops what nobody took yet: so let it be taken before the end is checked. */
        const taken = async () => {
            for (let before = -1; before !== got; ) {
                before = got;
                await new Promise((done) => setTimeout(done, 4));
            }
        };
        const fed = (async () => {
            /** The last bytes are gzip's own sum. @type {Uint8Array} */
            let tail = new Uint8Array(0);
            for await (const chunk of source) {
                const all = new Uint8Array(tail.length + chunk.length);
                all.set(tail);
                all.set(chunk, tail.length);
                const end = Math.max(all.length - 8, 0);
                for (let i = 0; i < end; i += 65536) await writer.write(all.subarray(i, Math.min(i + 65536, end)));
                tail = all.slice(end);
            }
            await taken();
            await writer.write(/** @type {any} */ (tail));
            await taken();
            await writer.close();
        })();
        fed.catch(() => {});
        try {
            for (;;) {
                const { done, value } = await reader.read();
                if (done) return;
                got++;
                yield value;
            }
        } catch {
            fault();
        }
    }

    /** @param {string} s @param {() => void} fault */
    async function* unbase64(s, fault) {
        const native = /** @type {any} */ (Uint8Array).fromBase64;
        const step = 1 << 20;
        let rest = '';
        try {
            for (let i = 0; i < s.length; i += step) {
                let part = rest + s.slice(i, i + step).replace(/\s+/g, '');
                const cut = i + step < s.length ? part.length & ~3 : part.length;
                rest = part.slice(cut);
                part = part.slice(0, cut);
                if (native) yield native.call(Uint8Array, part);
                else {
                    const raw = atob(part);
                    const out = new Uint8Array(raw.length);
                    for (let j = 0; j < raw.length; j++) out[j] = raw.charCodeAt(j);
                    yield out;
                }
            }
        } catch {
            fault();
        }
    }

    /** @param {Blob} blob @param {(done: number) => void} progress */
    async function* bytesOf(blob, progress) {
        const reader = blob.stream().getReader();
        let at = 0;
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            at += value.length;
            progress(at);
            yield value;
        }
    }

    /** Puts the first chunk back in front. @param {Uint8Array} first
     * @param {AsyncIterator<Uint8Array>} rest @returns {AsyncGenerator<Uint8Array>} */
    async function* chain(first, rest) {
        yield first;
        for (let r = await rest.next(); !r.done; r = await rest.next()) yield r.value;
    }

    /**
     * Reads a timeline from a file or from base64 text, and emits messages of the types header,
     * strings, objects, requests, asks, holds, thread, progress, and at last end or refused.
     * @param {{blob?: Blob, base64?: string}} input
     * @param {Emit} emit
     */
    async function read(input, emit) {
        const d = decoder(emit);
        try {
            const broken = () => d.problem('the compressed data is damaged or cut; what comes behind is lost');
            let shown = 0;
            const source = input.blob
                ? bytesOf(input.blob, (at) => {
                      const share = at / /** @type {Blob} */ (input.blob).size;
                      if (share - shown > 0.02) emit({ type: 'progress', share: (shown = share) });
                  })
                : unbase64(input.base64 || '', () => d.problem('the data in this page is damaged'));
            const first = await source.next();
            if (!first.done) {
                const chunks = chain(first.value, source);
                const gz = first.value[0] === 0x1f && first.value[1] === 0x8b;
                await lines(gz ? gunzip(chunks, broken) : chunks, d);
            }
            d.finish();
        } catch (e) {
            const known = e instanceof Refusal || !(e instanceof Error);
            emit({ type: 'refused', message: known ? String(/** @type {any} */ (e).message) : `The file could not be read: ${e}` });
        }
    }

    /** The worker's side. @param {any} scope */
    function serve(scope) {
        scope.onmessage = (/** @type {any} */ e) =>
            read(e.data, (message, transfer) => scope.postMessage(message, transfer || []));
    }

    return { read, serve };
});
