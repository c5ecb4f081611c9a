// Checks what a scenario says about itself. Usage: node expect.mjs SCENARIO REPORT.json TEXT.txt
// TIMELINE.json
//
// Each line "#= EXPRESSION" of the scenario is JavaScript that must be true: figures that a
// person worked out, which no `run --update` rewrites. Known in it are the names below.
import { readFileSync } from "node:fs";

const [scenario, reportFile, textFile, timelineFile] = process.argv.slice(2);
const raw = readFileSync(reportFile, "utf8");
const t = readFileSync(textFile, "utf8"); // the page of text
const lines = JSON.parse(readFileSync(timelineFile, "utf8")); // the timeline: header, blocks
const r = JSON.parse(raw); // report --json
const q = r.requests;
const v = r.processes[0]?.verdict;
const us = 1000;

const sum = (o) => Object.values(o).reduce((a, b) => a + b, 0);
const within = (x, least, most) => x >= least && x <= most;
const near = (a, b) => Math.abs(a - b) <= 1e-3 * Math.abs(b);
const thread = (tid) => r.processes.flatMap((p) => p.threads).find((x) => x.tid === tid);
const role = (tid) => thread(tid).role;
const state = (tid, name) => thread(tid).state_ns[name];

// True when `named` holds exactly `wanted` (in µs): what is not named is 0.
const only = (named, wanted) =>
    Object.keys(wanted).every((key) => key in named) &&
    Object.entries(named).every(([key, ns]) => ns === (wanted[key] ?? 0) * us);
const states = (tid, wanted) => only(thread(tid).state_ns, wanted);
const ledger = (request, wanted) =>
    only(request.ledger_ns, wanted) && sum(request.ledger_ns) === request.latency_ns;

// A thread's waits that are flagged as idle, from the timeline's columns.
function idle(tid) {
    const [header, ...blocks] = lines;
    const waits = ["blocked", "yielded", "lock", "sleep", "fault", "other"];
    let total = 0;
    for (const b of blocks) {
        if (b.type !== "thread" || header.threads[b.thread].tid !== tid) continue;
        let wait = 0;
        b.dt.forEach((dt, i) => {
            if (waits.includes(header.states[b.state[i]]) && b.flags[wait++] & 1) total += dt;
        });
    }
    return total;
}

const names = { r, q, v, t, raw, us, lines, sum, near, within, thread, role, state, states, ledger, idle };
let failed = 0;
let passed = 0;
readFileSync(scenario, "utf8")
    .split("\n")
    .forEach((line, i) => {
        if (!line.startsWith("#= ")) return;
        let result;
        try {
            result = new Function(...Object.keys(names), `return ${line.slice(3)};`)(
                ...Object.values(names),
            );
        } catch (error) {
            result = error.message;
        }
        if (result === true) {
            passed++;
            return;
        }
        failed++;
        console.log(`${scenario}:${i + 1}: ${line.slice(3)}${result ? ` (${result})` : ""}`);
    });
if (failed) {
    for (const x of q ?? [])
        console.log(`  request ${x.id} ${x.name} start ${x.start_ns / us} latency ${x.latency_ns / us}`,
            JSON.stringify(Object.fromEntries(Object.entries(x.ledger_ns).filter((e) => e[1])
                .map(([k, ns]) => [k, ns / us]))));
    for (const x of r.processes?.flatMap((p) => p.threads) ?? [])
        console.log(`  thread ${x.tid} ${x.role} idle ${idle(x.tid) / us}`,
            JSON.stringify(Object.fromEntries(Object.entries(x.state_ns).filter((e) => e[1])
                .map(([k, ns]) => [k, ns / us]))));
}
process.exit(failed || !passed ? 1 : 0);
