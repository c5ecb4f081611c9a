"""check and diff: the recipes of README.md, with real captures."""

import json
import os

from harness import MS, test

BUDGET = ["--max-blocked", "5ms", "--no-loop-hold"]


def captured(t, name, connections, count=40):
    server = t.sample(name)
    recording = t.record(server.pid)
    t.load(server.port, ["/db/20/%d"], count, connections, False)
    recording.end()
    return recording.path


def judged(t, path, *budget):
    """The exit code, and what --json says; the text ends with the same code."""
    code, out, said = t.run("check", path, "--json", *budget)
    t.equal(said, "", "check says on stderr")
    t.equal(t.run("check", path, *budget)[0], code, "exit code of the text")
    return code, json.loads(out)


@test("budget: an event loop keeps it, and breaks it with one blocking call")
def one_call(t):
    for connections in (1, 8):
        code, found = judged(t, captured(t, "eventloop", connections), *BUDGET)
        t.equal(code, 0, f"eventloop, {connections} at once: {json.dumps(found)[:300]}")
        t.equal(found["summary"]["answered"], 40, "requests judged")

        code, found = judged(t, captured(t, "eventloop-blocked", connections), *BUDGET)
        t.equal(code, 1, f"eventloop-blocked, {connections} at once")
        over = found["limits"][0]["over"]
        t.equal(sorted(o["name"] for o in over), sorted(f"GET /db/20/{i}" for i in range(1, 41)),
                "requests over the limit")
        t.check(all(o["ns"] > 19 * MS for o in over), "each blocked for 20 ms")
        t.check(all(o["waits"][0]["call"].startswith("recv") for o in over), "in recv")
        by = [h["request"]["name"] for h in found["loop_holds"] if h["request"]]
        t.equal(len(set(by)), 40, "requests that held the loop up")
        victims = sum(len(h["victims"]) for h in found["loop_holds"])
        t.check((victims > 0) == (connections > 1), f"{victims} victims, {connections} at once")


@test("budget: record -- a test suite, whose children serve; its status is kept")
def suite(t):
    script = os.path.join(t.dir, "suite")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f"""#!/bin/sh
{t.program("samples/backend")} --port 0 >backend.log & backend=$!
until port=$(sed -n 's/.*:\\([0-9]*\\), pid.*/\\1/p' backend.log) && [ "$port" ]; do sleep 0.05; done
{t.program("samples")}/$1 --port 0 --backend $port >server.log & server=$!
until port=$(sed -n 's/.*:\\([0-9]*\\), pid.*/\\1/p' server.log) && [ "$port" ]; do sleep 0.05; done
{t.program("samples/load")} --port $port --path /db/20/%d --requests 10 --connections 1 -o load.json
kill $server $backend
rm backend.log server.log
exit 3
""")
    os.chmod(script, 0o755)
    for name, wanted in (("eventloop", 0), ("eventloop-blocked", 1)):
        recording = t.record([script, name], wait=False)
        t.equal(recording.wait(), 3, "record ends with the suite's status")
        code, found = judged(t, recording.path, *BUDGET, "--name", "GET /db/*")
        t.equal(code, wanted, f"{name}: {json.dumps(found)[:300]}")
        t.equal(found["summary"]["answered"], 10, "requests judged")


@test("budget: diff finds what one blocking call moved")
def moved(t):
    before, after = captured(t, "eventloop", 4, 60), captured(t, "eventloop-blocked", 4, 60)
    code, out, said = t.run("diff", before, after, "--json")
    t.equal((code, said), (0, ""), "exit code and stderr")
    kinds = json.loads(out)["requests"]
    t.equal([k["name"] for k in kinds], ["GET /db/:n/:n"], "kinds of requests")
    change = kinds[0]["change"]
    for key, ns in (("awaiting", -20 * MS), ("blocked", 20 * MS)):
        got = change["ledger"][key]
        t.within(got["clear"] and abs(got["ns"] - ns) < 3 * MS, f"{key}: {got}, not {ns}")
    t.within(change["mean"]["clear"] and change["mean"]["ns"] > 30 * MS, f"mean: {change['mean']}")
    same = json.loads(t.run("diff", before, before, "--json")[1])["requests"][0]["change"]
    t.check(not any(v["clear"] for v in same["ledger"].values()), f"nothing moved: {same}")
