"""Clients as they come: in the middle of a request, all at once, slow, rude, hostile."""

import os
import re
import signal
import socket
import time

from harness import MS, ms, test, thread_of
from test_requests import PATHS


@test("clients: attached and ended in the middle of the load, nothing is wrong")
def middle(t):
    for name in ("pool", "eventloop"):
        server = t.sample(name)
        load = t.load(server.port, PATHS[:4], seconds=3, rate=400, connections=64,
                      keepalive=False, background=True)
        time.sleep(0.7)
        recording = t.record(server.pid)
        time.sleep(1)
        recording.end()
        lines = {f"GET {l['path']}": l for l in load()}
        report, timeline = recording.report(), recording.timeline()
        begin, end = recording.attached_ns, timeline.t0_ns + report["capture"]["duration_ns"]
        whole = {n for n, l in lines.items() if l["sent_ns"] > begin and
                 l["sent_ns"] + l["latency_ns"] < end - 20 * MS}
        got = {r["name"]: r for r in report["requests"] if r["complete"]}
        t.check(len(whole) > 200, f"{name}: only {len(whole)} requests lie within the capture")
        t.equal(sorted(whole - got.keys())[:5], [], f"{name}: requests missing")
        t.equal(sorted(got.keys() - lines.keys())[:5], [], f"{name}: requests that nobody sent")
        for n, r in got.items():
            if n not in lines:
                continue
            line = lines[n]
            t.check(r["ledger_ns"]["blocked"] <= line["truth"]["blocked"],
                    f"{name}: {n}: blocked {r['ledger_ns']['blocked']}, truth {line['truth']}")
            t.within(r["latency_ns"] <= line["latency_ns"] + 3 * MS,
                     f"{name}: {n}: {ms(r['latency_ns'])}, the client had {ms(line['latency_ns'])}")
            t.equal(r["status"], line["status"], f"{name}: status of {n}")
        server.end()


def p99(lines):
    return sorted(l["latency_ns"] for l in lines)[-len(lines) // 100]


def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@test("clients: recordings one after another disturb no request more than any program does")
def again(t):
    """Loading probes takes a CPU for a tenth of a second or two, and so does the comparison."""
    server = t.sample("pool")

    def drive(disturb):
        load = t.load(server.port, ["/db/5/%d"], seconds=2, rate=200, keepalive=False,
                      background=True)
        for _ in range(4):
            disturb()
        lines = load()
        t.equal({l["status"] for l in lines}, {200}, "statuses")
        return p99(lines)

    alone = drive(lambda: busy(0.2))
    traced = drive(lambda: t.record(server.pid).end())
    t.note(f"p99 {ms(traced)} while waitscope came and went, {ms(alone)} beside a program that "
           f"computes")
    t.within(traced < max(20 * MS, 2 * alone), f"p99 {ms(traced)}")


def talk(port, *pieces, pause=0.0, read=True):
    """Sends the pieces; returns all that comes back until the other side is done or silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
        for piece in pieces:
            s.sendall(piece)
            time.sleep(pause)
        got = b""
        try:
            while read and (some := s.recv(65536)):
                got += some
        except TimeoutError:
            pass
        return got


def get(path, close=True):
    return (f"GET {path} HTTP/1.1\r\nHost: x\r\n" +
            ("Connection: close\r\n" if close else "") + "\r\n").encode()


@test("clients: slow, cut off, pipelined, and of no protocol")
def rude(t):
    server = t.sample("threads")
    recording = t.record(server.pid)
    request = get("/sleep/3/1")
    t.check(b"200" in talk(server.port, *[request[i:i + 7] for i in range(0, len(request), 7)],
                           pause=0.01), "the slow request was not answered")
    talk(server.port, get("/sleep/30/2"), read=False)
    talk(server.port, get("/sleep/2/3", False) + get("/sleep/2/4"))
    talk(server.port, b"\x00\x01\x02 no protocol\r\n\r\n")
    talk(server.port, b"")
    t.check(b"404" in talk(server.port, get("/nothing")), "no 404")
    time.sleep(0.1)
    recording.end()
    report = recording.report()
    by = {}
    for r in report["requests"]:
        by.setdefault(r["name"], []).append(r)
    # In pieces, only the first of which is copied: then the name must say that it is cut.
    slow = [r for n, l in by.items() for r in l
            if n == "GET /sleep/3/1" or (n.startswith("GET /sl") and n.endswith("…"))]
    if t.equal(len(slow), 1, "times the slow request was found"):
        t.equal((slow[0]["status"], slow[0]["bytes_in"]), (200, len(request)), "slow: seen")
        ledger = slow[0]["ledger_ns"]
        t.within(2.9 * MS < ledger["sleep"] < 4 * MS, f"slow: {ledger}")
        # It stood in recv for the rest of the request, which is the request's own time.
        sent = (len(request) // 7) * 10 * MS
        t.check(ledger["blocked"] > sent * 0.8, f"slow: {ledger}, its pieces took {ms(sent)}")
    t.equal([r["status"] for r in by.get("GET /nothing", [])], [404], "status of the 404")
    cut = by.get("GET /sleep/30/2", [])
    t.equal(len(cut), 1, "times the request was found whose client left")
    piped = [r for n, l in by.items() for r in l if n in ("GET /sleep/2/3", "GET /sleep/2/4")]
    t.check(len(piped) == 2 or (piped and all(r["pipelined"] for r in piped)),
            f"two requests at once: {[(r['name'], r['pipelined']) for r in piped]}")
    for r in piped:
        t.within(r["ledger_ns"]["sleep"] < 6 * MS, f"pipelined: {r['ledger_ns']}")
    garbage = [r for r in report["requests"] if r["protocol"] != "http"]
    t.equal(len(garbage), 1, f"requests of no protocol: {[r['name'] for r in garbage]}")
    t.check(server.alive(), "the server ended")


@test("clients: bytes from strangers reach terminal, JSON and page as text only")
def hostile(t):
    server = t.sample("threads")
    recording = t.record(server.pid)
    for path in ("/\x1b[31mred\x07", "/<script>alert(1)</script>", "/\"quote\\back",
                 "/%1b%5b?secret=hunter2", "/" + "x" * 3000, "/</script><b>"):
        talk(server.port, get(path))
    talk(server.port, b"GET /\xff\xfe\xc3 HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\n\r\n")
    recording.end()
    report = recording.report()
    t.equal(len(report["requests"]), 7, "requests")
    page = os.path.join(t.dir, "page.html")
    outs = {"text": t.run("report", recording.path)[1],
            "json": t.run("report", recording.path, "--json")[1]}
    t.equal(t.run("convert", recording.path, "-o", page)[0], 0, "convert's exit code")
    for what, out in outs.items():
        bad = re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out)
        t.equal(bad, [], f"control characters in {what}")
    with open(page, encoding="utf-8") as file:
        t.check("alert(1)" not in file.read(), "the page has the path as it came")
    with open(recording.path, "rb") as file:
        raw = file.read()
    for secret in (b"hunter2", b"c2VjcmV0"):
        t.check(secret not in raw, f"the capture has {secret}")


@test("clients: a process with a strange name, which then becomes another program")
def strange(t):
    words = ("import ctypes,os,sys,time\n"
             "ctypes.CDLL(None).prctl(15, b'a/b\\x1b[1m\\xff\\n', 0, 0, 0)\n"
             "print('ready', flush=True)\nsys.stdin.readline()\n"
             "os.execv('/bin/sleep', ['sleep', '0.3'])\n")
    process = t.start(["/usr/bin/python3", "-c", words], stdin=-1)
    process.line()
    code, _, said = t.run("record", "-p", process.pid, "-d", "100ms")
    t.equal(code, 0, f"exit code ({said})")
    t.check("\x1b" not in said, f"said {said!r}")
    names = [n for n in os.listdir(t.dir) if n.startswith("waitscope-")]
    t.equal(len(names), 2, f"files: {names}")
    t.check(all(re.fullmatch(r"waitscope-[A-Za-z0-9._+-]+", n) for n in names), f"files: {names}")
    recording = t.record(process.pid)
    process.say("go\n")
    t.equal(recording.wait(), 0, "exit code")
    report = recording.report()
    t.equal(report["processes"][0]["comm"], "sleep", "name behind the exec")
    waits = {w["call"]: w["ns"] for w in thread_of(report, process.pid)["waits"]}
    t.check(waits.get("clock_nanosleep", 0) > 290 * MS, f"waits: {waits}")


@test("clients: a child that outlives its parent is recorded to its end")
def orphan(t):
    process = t.start(["sh", "-c", "read x; (sleep 0.4; sleep 0.2) & exit 0"], stdin=-1)
    recording = t.record(process.pid)
    process.say("go\n")
    t.equal(recording.wait(10), 0, "exit code")
    report = recording.report()
    slept = sorted(w["ns"] // (100 * MS) for p in report["processes"] for x in p["threads"]
                   for w in x["waits"] if w["call"] == "clock_nanosleep")
    t.equal(slept, [2, 4], "tenths of a second slept")
    t.check(report["capture"]["duration_ns"] > 600 * MS, "ended with the parent")


@test("clients: a command that waitscope must end")
def command_ended(t):
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        recording = t.record(["sleep", "30"])
        time.sleep(0.2)
        recording.popen.send_signal(number)
        t.equal(recording.wait(10), code, f"{number.name}: exit code")
        t.equal(recording.report()["capture"]["complete"], True, f"{number.name}: complete")
    recording = t.record(["sleep", "30"], "-d", "300ms")
    t.equal(recording.wait(10), 143, "-d: exit code")
