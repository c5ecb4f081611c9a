// The zoo's Node servers: what express and fastify share. Nothing here knows of waitscope.
"use strict";
const fs = require("node:fs");
const http = require("node:http");

const option = (name) => process.argv[process.argv.indexOf(`--${name}`) + 1];
const port = Number(option("port"));
const backend = Number(option("backend"));
const files = option("files");

const now = () => process.hrtime.bigint();
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

// "5" and "17" → files/5-17, which the kernel lets nobody read for 5 ms; --folders, which is for
// readFile alone: files/readFile/5/17, of which each read takes as long.
const folders = process.argv.includes("--folders");
const file = (ms, id) =>
  folders
    ? `${files}/readFile/${Number(ms)}/${Number(id)}`
    : `${files}/${Number(ms)}-${Number(id)}`;

// Asks the backend over a kept connection; the answer's text.
function ask(ms, id) {
  return new Promise((resolve, reject) => {
    const path = `/sleep/${Number(ms)}/${Number(id)}`;
    http
      .get({ host: "127.0.0.1", port: backend, path, agent }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part) => (text += part));
        answer.on("end", () => resolve(text));
        answer.on("error", reject);
      })
      .on("error", reject);
  });
}

// Runs `operation` and says when it began and how long it took, as the header X-Truth has it.
async function timed(part, operation) {
  const begin = now();
  const text = await operation();
  const took = now() - begin;
  return { text, header: `${part}=${took};total=${took};begin=${begin}` };
}

// The same without an await: the loop stands still meanwhile.
function timedSync(part, operation) {
  const begin = now();
  const text = operation();
  const took = now() - begin;
  return { text, header: `${part}=${took};total=${took};begin=${begin}` };
}

// When V8 was set up, in ns: --trace-gc counts from there.
function since() {
  const up = performance.now() - performance.nodeTiming.v8Start;
  return now() - BigInt(Math.round(up * 1e6));
}

module.exports = {
  port,
  file,
  ask,
  timed,
  timedSync,
  readFile: (ms, id) => fs.promises.readFile(file(ms, id), "utf8"),
  readFileCallback: (ms, id) =>
    new Promise((resolve, reject) =>
      fs.readFile(file(ms, id), "utf8", (error, text) => (error ? reject(error) : resolve(text))),
    ),
  readFileSync: (ms, id) => fs.readFileSync(file(ms, id), "utf8"),
  listening: (name, at) =>
    console.log(
      `${name}: listening on 127.0.0.1:${at}, pid ${process.pid}, since ${since()}`,
    ),
};
