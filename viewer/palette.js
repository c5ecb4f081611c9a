/*
 * Colours and hatches of the categories. Blue against vermilion carries the main contrast, which
 * every kind of colour vision tells apart; the hatch says the same again without colour. Okabe
 * and Ito's set is the base, shifted in lightness until all that matter differ in grey as well, from
 * step to step: in light queued, lock, running, loop busy, blocked, yielded, runnable, awaiting.
 */
var waitscope = waitscope || {};

waitscope.palette = waitscope.pure('palette', function () {
    'use strict';

    const SIDE = 8; /* of a hatch's tile, in pixels of the page; a power of two, for masks */

    /* By category: colour and hatch line in light and in dark, the hatch, and whether text on it
     * is light. An empty colour is transparent. */
    /** @type {{light: [string, string], dark: [string, string], hatch: string, ink: [string, string]}[]} */
    const LOOKS = [
        { light: ['#0058bd', '#5b9be6'], dark: ['#238bf5', '#156bc2'], hatch: 'lines', ink: ['#fff', '#020f20'] },
        { light: ['#f8c922', '#b98f00'], dark: ['#fde976', '#b9a22a'], hatch: 'dots', ink: ['#1d1700', '#1d1700'] },
        { light: ['#e25f02', '#ff9c52'], dark: ['#f9781b', '#bf4f08'], hatch: 'slash', ink: ['#1f0b00', '#1f0b00'] },
        { light: ['#73c0bb', '#4a9691'], dark: ['#39675e', '#5f978c'], hatch: 'waves', ink: ['#06281e', '#fff'] },
        { light: ['#601f6d', '#9a5aa8'], dark: ['#905aa2', '#ad7cbe'], hatch: 'cross', ink: ['#fff', '#fff'] },
        { light: ['#aab0e3', '#7d84c4'], dark: ['#605f83', '#8786b0'], hatch: 'bars', ink: ['#14173a', '#fff'] },
        { light: ['#6b3f0f', '#a67437'], dark: ['#8a5a28', '#5f3a12'], hatch: 'checks', ink: ['#fff', '#fff'] },
        { light: ['#8d9097', '#62656d'], dark: ['#87907c', '#5c6452'], hatch: 'rows', ink: ['#0b0c0e', '#0b0d08'] },
        { light: ['', '#c3c8cf'], dark: ['', '#454c55'], hatch: 'net', ink: ['#30353b', '#ccd2d9'] },
        { light: ['#edf0f3', '#d9dee4'], dark: ['#1e242b', '#2d353f'], hatch: 'specks', ink: ['#4b545e', '#a5afba'] },
        { light: ['', ''], dark: ['', ''], hatch: '', ink: ['', ''] },
        { light: ['#211c28', '#5d5a75'], dark: ['#bdcdfd', '#7f90cc'], hatch: 'backslash', ink: ['#fff', '#0c0f18'] },
        { light: ['#b4eec9', '#6fc291'], dark: ['#175643', '#35876c'], hatch: 'dashes', ink: ['#0a2d1a', '#e2f5ee'] },
        { light: ['#b24b6a', '#d07890'], dark: ['#f29dae', '#cf768b'], hatch: 'posts', ink: ['#fff', '#22030f'] },
        { light: ['#d6d4de', '#a39fb2'], dark: ['#393d4d', '#61677d'], hatch: 'net', ink: ['#272b31', '#e1e5ea'] },
    ];

    /* True where a hatch's line runs; x and y from 0 to 7. */
    /** @type {Record<string, (x: number, y: number) => boolean>} */
    const HATCHES = {
        lines: (_x, y) => y === 3,
        rows: (_x, y) => y % 3 === 1,
        bars: (x) => x === 3,
        posts: (x) => x % 4 < 2,
        slash: (x, y) => (x + y) % 8 < 2,
        backslash: (x, y) => (x - y + 8) % 8 < 2,
        cross: (x, y) => (x + y) % 8 === 0 || (x - y + 8) % 8 === 0,
        net: (x, y) => (x + y) % 8 === 0,
        dots: (x, y) => (x % 4 === 1 && y % 4 === 1) || (x % 4 === 3 && y % 4 === 3),
        checks: (x, y) => (x >> 1) % 2 === (y >> 1) % 2,
        waves: (x, y) => y === [5, 5, 4, 3, 2, 2, 3, 4][x],
        specks: (x, y) => x === 2 && y === 2,
        dashes: (x, y) => (y === 2 && x < 4) || (y === 6 && x > 3),
        '': () => false,
    };

    /* The same within 4 pixels, for rows and stretches so small that little of the others shows. */
    /** @type {Record<string, (x: number, y: number) => boolean>} */
    const FINE = {
        lines: (_x, y) => y === 1,
        rows: (_x, y) => y % 2 === 1,
        bars: (x) => x === 1,
        posts: (x) => x % 2 === 0,
        slash: (x, y) => (x + y) % 4 === 0,
        backslash: (x, y) => (x - y + 4) % 4 === 0,
        cross: (x, y) => (x + y) % 4 === 0 || (x - y + 4) % 4 === 0,
        net: (x, y) => x === y && x % 2 === 0,
        dots: (x, y) => x % 2 === 1 && y % 2 === 1,
        checks: (x, y) => (x >> 1) % 2 === (y >> 1) % 2,
        waves: (x, y) => y === [2, 1, 2, 3][x],
        specks: (x, y) => x === 1 && y === 1,
        dashes: (x, y) => (y === 0 && x < 2) || (y === 2 && x > 1),
        '': () => false,
    };

    /* What stands at the bottom of a lane when a pixel holds several: waits first. */
    const STACK = [2, 6, 4, 5, 7, 11, 13, 1, 0, 3, 12, 14, 8, 9];

    /** @param {string} hex #rgb or #rrggbb @returns {number} a pixel as ImageData has it; 0: none */
    function pixel(hex) {
        if (!hex) return 0;
        const h = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, '$&$&') : hex;
        const n = parseInt(h.slice(1), 16);
        return (0xff000000 | ((n & 255) << 16) | (n & 0xff00) | (n >> 16)) >>> 0;
    }

    /** The tiles of all categories, one behind the other.
     * @param {boolean} dark @param {number} scale pixels of the screen for one of the page
     * @param {boolean} [fine] for small rows */
    function tiles(dark, scale, fine) {
        const s = Math.max(1, 2 ** Math.round(Math.log2(scale)));
        const side = (fine ? SIDE / 2 : SIDE) * s;
        const hatches = fine ? FINE : HATCHES;
        const data = new Uint32Array(LOOKS.length * side * side);
        LOOKS.forEach((look, cat) => {
            const [base, line] = (dark ? look.dark : look.light).map(pixel);
            for (let y = 0; y < side; y++)
                for (let x = 0; x < side; x++) {
                    const on = hatches[look.hatch]((x / s) | 0, (y / s) | 0);
                    data[(cat * side + y) * side + x] = on ? line : base;
                }
        });
        return { side, data };
    }

    /** @param {number} cat @param {boolean} dark */
    function colour(cat, dark) {
        const look = LOOKS[cat];
        return (dark ? look.dark : look.light)[0] || (dark ? look.dark : look.light)[1];
    }

    /** What to write in on a category. @param {number} cat @param {boolean} dark */
    function ink(cat, dark) {
        return LOOKS[cat].ink[dark ? 1 : 0];
    }

    return { LOOKS, STACK, pixel, tiles, colour, ink };
});
