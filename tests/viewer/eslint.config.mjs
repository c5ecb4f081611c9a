import js from '@eslint/js';

const names = (list, how = 'readonly') => Object.fromEntries(list.split(' ').map((n) => [n, how]));

/* The pure modules see what both a page and a worker have, and nothing of a page. */
const PURE = ['ns', 'format', 'scale', 'model', 'layout', 'merge', 'diff', 'header', 'columns', 'decode', 'load', 'stats', 'filter', 'ask', 'hash', 'portion', 'vector', 'palette', 'paint'];
const EVERYWHERE = names('waitscope TextDecoder DecompressionStream Blob setTimeout atob Transferable', 'readonly');
const PAGE = names(
    'window document navigator matchMedia requestAnimationFrame performance setTimeout clearTimeout addEventListener ' +
        'innerWidth innerHeight scrollBy devicePixelRatio getComputedStyle localStorage ResizeObserver MutationObserver ImageData DOMMatrix URL Blob Worker waitscope ' +
        'cancelAnimationFrame history location XMLSerializer Image Response DecompressionStream atob',
);

const rules = {
    ...js.configs.recommended.rules,
    eqeqeq: 'error',
    'no-var': 'off',
    'no-redeclare': 'off',
    'no-shadow': ['error', { hoist: 'functions' }],
    'prefer-const': ['error', { destructuring: 'all' }],
    'no-implicit-coercion': 'error',
    'no-eval': 'error',
    'no-implied-eval': 'error',
    'no-new-func': 'error',
    /* Text from a file never becomes markup, style or an address. */
    'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'cssText', 'srcdoc'].map((property) => ({ property })),
        { object: 'document', property: 'write' },
        ...['href', 'src', 'action'].map((property) => ({ property, message: 'no addresses from data' })),
    ],
    'no-restricted-globals': ['error', 'fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource', 'importScripts', 'eval'],
    complexity: ['error', 24],
    'max-lines-per-function': ['off'],
};

export default [
    { ignores: ['**/node_modules/'] },
    {
        files: ['viewer/*.js'],
        linterOptions: { reportUnusedDisableDirectives: 'error' },
        languageOptions: { ecmaVersion: 2022, sourceType: 'script', globals: PAGE },
        rules: { ...rules, 'no-unused-vars': ['error', { varsIgnorePattern: '^waitscope$' }] },
    },
    {
        files: PURE.map((n) => `viewer/${n}.js`),
        languageOptions: { ecmaVersion: 2022, sourceType: 'script', globals: { ...Object.fromEntries(Object.keys(PAGE).map((n) => [n, 'off'])), ...EVERYWHERE } },
    },
    {
        files: ['**/*.mjs'],
        languageOptions: {
            ecmaVersion: 2024,
            sourceType: 'module',
            globals: {
                ...PAGE,
                ...names('process atob KeyboardEvent ReadableStream fetch Buffer console structuredClone DecompressionStream Event DragEvent DataTransfer File PerformanceObserver MutationObserver HTMLElement getSelection globalThis TextEncoder'),
            },
        },
        rules: js.configs.recommended.rules,
    },
];
