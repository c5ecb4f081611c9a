"""Servers on io_uring: what they submit is awaited, and the kernel's threads serve nobody."""

import os
import re

from harness import MS, free_port, ms, process_of, test, thread_of
from test_loops import answered

PATHS = ["/db/20/%d", "/sleep/10/%d", "/file/%d"]
HELD = ["blocked", "lock", "sleep", "other"]
# A read may have to wait for room in the disk's queue or for the file's own blocks as it is handed
# over: then the thread does block.
SUBMITS = ("blocked", "io_uring_enter")


def kernel_threads(t, report, pid, name):
    """Threads of the kernel in the process: there, told apart, and serving nobody."""
    p = process_of(report, pid)
    mine = [x for x in p["threads"] if x["kernel"]]
    t.check(any(x["comm"].startswith(name) for x in mine),
            f"no {name} among {[x['comm'] for x in p['threads']]}")
    for x in mine:
        t.check(x["role"] not in ("loop", "worker", "acceptor"), f"{x['comm']} is a {x['role']}")
    tids = {x["tid"] for x in mine}
    for r in report["requests"]:
        t.equal(tids & set(r["tids"]), set(), f"{r['name']}: held by threads of the kernel")
    return mine


def known(requests):
    """Which part of the requests' time is charged to them."""
    grades = [r["grade_ns"] for r in requests]
    return sum(g["exact"] + g["inferred"] for g in grades) / sum(sum(g.values()) for g in grades)


def judge(t, lines, requests, least):
    """Each request against what it asked for and its server's own account."""
    share = known([requests[f"GET {l['path']}"] for l in lines])
    t.within(share >= least, f"{share:.1%} is charged, {least:.0%} should be")
    known_wait = known_awaited = 0
    for line in lines:
        r, truth = requests[f"GET {line['path']}"], line["truth"]
        asked = int(line["path"].split("/")[2]) * MS if "/file/" not in line["path"] else 0
        # What is under way goes on while the loop, at this request's work, has no CPU.
        preempted = truth["total"] - truth["blocked"] - truth["running"] - truth["awaiting"]
        held = [w for w in r["waits"] if w["state"] in HELD and
                ((w["state"], w["call"]) != SUBMITS or asked)]
        t.equal(held, [], f"{r['name']}: waits of a thread")
        awaited, slack = r["ledger_ns"]["awaiting"], MS // 5
        # What ended while the loop had been woken and had no CPU yet ended some time in between.
        at_most = awaited + r["ledger_ns"]["unattributed"]
        known_wait += asked
        known_awaited += min(awaited, asked)
        t.within(min(asked * 0.95, truth["awaiting"] - slack) <= at_most and
                 awaited <= truth["awaiting"] + preempted + slack,
                 f"{r['name']}: awaiting {ms(awaited)}, asked for {ms(asked)}, the truth is "
                 f"{truth}; { {k: v for k, v in r['ledger_ns'].items() if v} }")
        t.within(r["ledger_ns"]["running"] <= truth["running"] + MS // 2,
                 f"{r['name']}: running {ms(r['ledger_ns']['running'])}, the truth is "
                 f"{ms(truth['running'])}")
    t.within(known_awaited >= known_wait * 0.95,
             f"awaiting {ms(known_awaited)} of {ms(known_wait)} that were asked for")
    return share


def sample(t, least, *arguments):
    server = t.sample("uring", *arguments)
    recording = t.record(server.pid)
    loads, start = [], 1
    for connections, count in ((1, 9), (8, 60), (64, 240)):
        loads.append((connections, t.load(server.port, PATHS, count, connections, start_id=start)))
        start += count
    recording.end()
    report = recording.report()
    answered(t, report, [l for _, lines in loads for l in lines])
    requests = {r["name"]: r for r in report["requests"]}
    shares = []
    for connections, lines in loads:
        share = judge(t, lines, requests, least[connections])
        shares.append(f"{share:.1%} at {connections}")
    t.note(f"charged: {', '.join(shares)}")
    loop = thread_of(report, server.pid)
    t.equal(loop["role"], "loop", "role of the one thread")
    t.equal([w for w in loop["waits"] if w["state"] == "blocked" and (w["state"], w["call"]) !=
             SUBMITS], [], "blocked waits")
    p = process_of(report, server.pid)
    t.equal(p["model"], "non-blocking", "model")
    t.equal(p["verdict"]["serving_threads"], 1, "serving threads")
    t.equal(p["verdict"]["thread_waits"], False, "a thread waits for each request")
    waiting = [h for h in report["loop_holds"] if h["state"] != "running"]  # the machine is shared
    t.equal(waiting, [], "loop holds")
    return server, report


@test("uring: each request by its name, in flight as awaiting")
def uring(t):
    sample(t, {1: 0.95, 8: 0.85, 64: 0.75})


@test("uring: with SQPOLL the kernel's thread serves nobody, what is in flight is awaited")
def sqpoll(t):
    server, report = sample(t, {1: 0.6, 8: 0.75, 64: 0.75}, "--sqpoll")
    kernel_threads(t, report, server.pid, "iou-sqp-")


NODE = """
const http = require('http'), fs = require('fs');
http.createServer((request, response) => {
  const done = (error) => { response.end(error ? String(error) : 'ok\\n'); };
  if (request.url.startsWith('/file/')) fs.readFile(process.argv[2], done);
  else fs.open(process.argv[2], 'r+', (error, fd) => fs.fsync(fd, () => fs.close(fd, done)));
}).listen(Number(process.argv[3]), '127.0.0.1', () => console.log('listening'));
"""


@test("uring: Node with UV_USE_IO_URING: files are awaited, workers of the kernel told apart")
def node(t):
    path, port = os.path.join(t.dir, "file"), free_port()
    with open(path, "wb") as file:
        file.write(b"x" * 300_000)
    server = t.start(["node", "-e", NODE, path, path, str(port)],
                     env={**os.environ, "UV_USE_IO_URING": "1"})
    t.check(server.line(20), "node does not start")
    t.load(port, ["/warm/%d"], 2, 1)
    recording = t.record(server.pid)
    lines = t.load(port, ["/file/%d", "/sync/%d"], 20, 1, start_id=10)
    recording.end()
    report = recording.report()
    answered(t, report, lines)
    kernel_threads(t, report, server.pid, "iou-sqp-")
    kernel_threads(t, report, server.pid, "iou-wrk-")
    # libuv has its own threads for what the ring cannot do; of the kernel none serves
    kernel = [x for x in process_of(report, server.pid)["threads"] if x["kernel"]]
    t.equal([x["comm"] for x in kernel if x["role"] != "other"], [], "serving threads of the kernel")
    for r in report["requests"]:
        t.equal(r["ledger_ns"]["blocked"], 0, f"{r['name']}: blocked")
    # The ring's own thread may be done before the loop has come to wait.
    at_once = [r["name"] for r in report["requests"] if not r["ledger_ns"]["awaiting"]]
    t.check(len(at_once) <= len(report["requests"]) / 5, f"nothing awaited: {at_once}")
    t.note(f"charged: {known(report['requests']):.1%}")


@test("uring: names from buffers that the kernel chose, connections without a descriptor")
def multishot(t):
    for arguments in ([], ["sqpoll"]):
        server = t.start([t.program("tests/live/multishot"), *arguments])
        line = server.line(20)
        t.check(line, f"multishot {arguments} does not start: {server.stderr()}")
        port = int(re.search(r":(\d+)", line).group(1))
        recording = t.record(server.pid)
        lines = t.load(port, ["/a/%d"], 120, 16)
        recording.end()
        report = recording.report()
        answered(t, report, lines)
        t.equal(thread_of(report, server.pid)["role"], "loop", "role of the one thread")
        if arguments:
            kernel_threads(t, report, server.pid, "iou-sqp-")
