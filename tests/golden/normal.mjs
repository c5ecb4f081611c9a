// Prints a report or a timeline so that people can read it and its diffs: one short thing a line,
// long rows of the same number as "0*25". What sentences the verdict is put into is left out; that
// is for the outputs' own tests. Usage: node normal.mjs FILE.json
import { readFileSync } from "node:fs";

function runs(row) {
    const out = [];
    for (let i = 0, j; i < row.length; i = j) {
        for (j = i; j < row.length && row[j] === row[i]; ) j++;
        out.push(j - i > 2 ? `${row[i]}*${j - i}` : row.slice(i, j).join(" "));
    }
    return out.join(" ");
}

const isShort = (v) => JSON.stringify(v).length < 90;
const isRow = (v) => Array.isArray(v) && v.length > 30 && v.every((x) => typeof x === "number");

function print(value, indent) {
    if (isRow(value)) return JSON.stringify(runs(value));
    if (value === null || typeof value !== "object" || isShort(value)) return JSON.stringify(value);
    const inner = `${indent} `;
    const lines = Array.isArray(value)
        ? value.map((v) => inner + print(v, inner))
        : Object.entries(value)
              .filter(([key]) => key !== "text")
              .map(([key, v]) => `${inner}${JSON.stringify(key)}: ${print(v, inner)}`);
    const [open, close] = Array.isArray(value) ? "[]" : "{}";
    return `${open}\n${lines.join(",\n")}\n${indent}${close}`;
}

console.log(print(JSON.parse(readFileSync(process.argv[2], "utf8")), ""));
