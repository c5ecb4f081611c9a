/*
 * Colours and hatches of the categories. Blue against vermilion carries the main contrast, which
 * every kind of colour vision tells apart; the hatch says the same again without colour. Okabe
 * and Ito's set is the base, shifted in lightness so that neighbours also differ in grey.
 */
var waitscope = waitscope || {};

waitscope.palette = waitscope.pure('palette', function () {
    'use strict';

    const SIDE = 8; /* of a hatch's tile, in pixels of the page */

    /* By category: colour and hatch line in light and in dark, the hatch, and whether text on it
     * is light. An empty colour is transparent. */
    /** @type {{light: [string, string], dark: [string, string], hatch: string, ink: [string, string]}[]} */
    const LOOKS = [
        { light: ['#005ab5', '#3d86cc'], dark: ['#2e86ec', '#6aabf5'], hatch: 'lines', ink: ['#fff', '#020f20'] },
        { light: ['#f2c733', '#c89b06'], dark: ['#f5d63f', '#b69a1e'], hatch: 'dots', ink: ['#1d1700', '#1d1700'] },
        { light: ['#d95400', '#b84500'], dark: ['#f26b1d', '#c4500c'], hatch: 'slash', ink: ['#fff', '#1f0b00'] },
        { light: ['#8fd0ba', '#6bb59c'], dark: ['#386c65', '#548d84'], hatch: 'waves', ink: ['#06281e', '#fff'] },
        { light: ['#9f508d', '#7a2c69'], dark: ['#b56cb2', '#85467f'], hatch: 'cross', ink: ['#fff', '#170415'] },
        { light: ['#aab0e3', '#8a90cb'], dark: ['#605f83', '#8281a8'], hatch: 'bars', ink: ['#14173a', '#fff'] },
        { light: ['#6b3f0f', '#a67437'], dark: ['#8a5a28', '#5f3a12'], hatch: 'checks', ink: ['#fff', '#fff'] },
        { light: ['#8d9097', '#6f727a'], dark: ['#87907c', '#646c5a'], hatch: 'rows', ink: ['#0b0c0e', '#0b0d08'] },
        { light: ['', '#c3c8cf'], dark: ['', '#454c55'], hatch: 'net', ink: ['#30353b', '#ccd2d9'] },
        { light: ['#edf0f3', '#d9dee4'], dark: ['#1e242b', '#2d353f'], hatch: 'specks', ink: ['#4b545e', '#a5afba'] },
        { light: ['', ''], dark: ['', ''], hatch: '', ink: ['', ''] },
        { light: ['#232338', '#555a70'], dark: ['#c9d2f5', '#929dca'], hatch: 'backslash', ink: ['#fff', '#0c0f18'] },
        { light: ['#c6f0d3', '#93d3aa'], dark: ['#1e5c49', '#2f7a62'], hatch: 'specks', ink: ['#0a2d1a', '#e2f5ee'] },
        { light: ['#a13650', '#c56d83'], dark: ['#ef88ab', '#b9557a'], hatch: 'posts', ink: ['#fff', '#22030f'] },
        { light: ['#d6d4de', '#aeabba'], dark: ['#393d4d', '#565c70'], hatch: 'net', ink: ['#272b31', '#e1e5ea'] },
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
     * @param {boolean} dark @param {number} scale pixels of the screen for one of the page */
    function tiles(dark, scale) {
        const s = Math.max(1, Math.round(scale));
        const side = SIDE * s;
        const data = new Uint32Array(LOOKS.length * side * side);
        LOOKS.forEach((look, cat) => {
            const [base, line] = (dark ? look.dark : look.light).map(pixel);
            for (let y = 0; y < side; y++)
                for (let x = 0; x < side; x++) {
                    const on = HATCHES[look.hatch]((x / s) | 0, (y / s) | 0);
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
