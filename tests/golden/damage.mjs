// Writes 40 cut and 160 flipped copies of DIR/whole.wsc beside it, the same ones for the same NAME,
// so that a failure can be played again. Usage: node damage.mjs DIR NAME
import { readFileSync, writeFileSync } from "node:fs";

const [dir, name] = process.argv.slice(2);
const HEADER = 456; // what of the header is damaged is the unit tests' matter
const whole = readFileSync(`${dir}/whole.wsc`);

let x = [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0, 2166136261);
function below(n) {
    x = (Math.imul(x ^ (x >>> 15), 2246822519) + 0x9e3779b9) >>> 0;
    return x % n;
}

for (let i = 0; i < 40; i++) writeFileSync(`${dir}/cut${i}`, whole.subarray(0, below(whole.length)));
for (let i = 0; i < 160; i++) {
    const bytes = Buffer.from(whole);
    for (let n = 1 + below(4); n; n--) bytes[HEADER + below(bytes.length - HEADER)] = below(256);
    writeFileSync(`${dir}/flip${i}`, bytes);
}
