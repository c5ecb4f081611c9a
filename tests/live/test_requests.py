"""The oracle: each request's time against the account that the server itself gave (X-Truth)."""

import re

from harness import MS, ms, process_of, test, threads_of

# Each with its own length, so that a wait that went to the wrong request is seen by its length.
PATHS = ["/db/3/%d", "/file/%d", "/sleep/2/%d", "/db/7/%d", "/lock/1/%d", "/compute/1/%d",
         "/db/12/%d", "/file/%d"]
SHARE, TOLERANCE, RELATIVE = 0.99, 200_000, 0.01


class Score:
    """How one server's requests compare with its truth."""

    def __init__(self, t):
        self.t = t
        self.requests = self.near = self.wrong = 0
        self.worst = (0, "")

    def add(self, near, distance, name):
        self.requests += 1
        self.near += near
        self.worst = max(self.worst, (distance, name))

    def result(self):
        share = self.near / self.requests if self.requests else 0
        self.t.within(share >= SHARE, f"{share:.2%} of {self.requests} requests are within 1 % or "
                      f"200 us of their truth, {SHARE:.0%} should be")
        self.t.equal(self.wrong, 0, "waits charged to a wrong request")
        self.t.note(f"{self.requests} requests, {share:.2%} within 1 % or 200 us, worst "
                    f"{ms(self.worst[0])} ({self.worst[1]}), {self.wrong} wrong owners")


def behind(segments, key):
    """The time in `key` and the runnable time right behind it; and all runnable time."""
    own = after = runnable = 0
    before = None
    for s in segments:
        if s["key"] == key:
            own += s["ns"]
        elif s["key"] == "runnable":
            runnable += s["ns"]
            if before == key:
                after += s["ns"]
        before = s["key"]
    return own, after, runnable


def compare(score, line, request, segments):
    """One request's ledger against its truth, for each kind of wait that the truth has.

    The server's clock runs around each call, so the truth is the wait and the way back onto a
    CPU, the call's own CPU time, and what the thread was preempted in it. So
        wait ≤ truth, and wait + runnable behind it ≤ truth + tolerance,
    and with all the runnable time, in the calls or elsewhere, the truth is reached.
    """
    t, truth = score.t, line["truth"]
    worst = (0, "", True)
    for key in ("blocked", "sleep", "lock"):
        told = truth.get(key, 0)
        own, after, runnable = behind(segments, key)
        t.check(own <= told, f"{request['name']}: {key} {own}, more than the truth's {told}: "
                f"{request['waits']}")
        allowed = max(TOLERANCE, int(told * RELATIVE))
        distance = max(own + after - told, told - own - runnable, 0)
        worst = max(worst, (distance, key, distance <= allowed))
    score.add(worst[2], worst[0], f"{request['name']} {worst[1]}")


def owned(score, server, line, request):
    """Are its waits such as this request alone can have made?"""
    route = line["path"].split("/")[1]
    backend = f"127.0.0.1:{server.backend.port}"
    objects = {"file": r"/var/tmp/waitscope-.*", "db": re.escape(backend)}
    asked = int(line["path"].split("/")[2]) * MS if route != "file" else 0
    lengths = []
    for w in request["waits"]:
        answer = w["object"].startswith("client ")  # the answer's own sending
        good = {"blocked": answer or route in objects and re.fullmatch(objects[route], w["object"]),
                "sleep": route in ("sleep", "lock"), "lock": route == "lock",
                "fault": True}.get(w["state"], False)
        if not good:
            score.wrong += 1
            score.t.check(False, f"{request['name']} waited: {w}")
        if w["state"] in ("blocked", "sleep"):
            lengths.append(w["ns"])
    if route in ("db", "sleep", "lock"):
        # What is asked for begins before the wait for it: the thread may have lost its CPU between.
        late = request["ledger_ns"]["running"] + request["ledger_ns"]["runnable"]
        long = sum(ns > 0.9 * asked for ns in lengths)
        if long > 1 or max(lengths, default=0) + late <= 0.9 * asked:
            score.wrong += 1
            score.t.check(False, f"{request['name']}: {long} waits of {ms(asked)}, not one: "
                          f"{request['waits']}, {ms(late)} on a CPU or ready for one")
    if request["grade_ns"]["exact"] != request["latency_ns"]:
        score.t.check(False, f"{request['name']}: not exact: {request['grade_ns']}")


def apart(score, requests):
    """No thread waits for two requests at a time."""
    waits = sorted((w["tid"], w["start_ns"], w["ns"], r["name"]) for r in requests
                   for w in r["waits"])
    for one, two in zip(waits, waits[1:]):
        if one[0] == two[0] and one[1] + one[2] > two[1]:
            score.wrong += 1
            score.t.check(False, f"thread {one[0]} waited for {one[3]} and {two[3]} at once")


def judge(t, server, recording, lines, tree=True):
    report, timeline = recording.report(), recording.timeline()
    t.equal(report["capture"]["lost"]["records"], 0, "lost records")
    score = Score(t)
    by_name = {}
    for r, column in zip(report["requests"], timeline.requests):
        t.equal(r["id"], column["id"], "the same request in both outputs")
        by_name.setdefault(r["name"], []).append((r, column))
    sent = {f"GET {l['path']}" for l in lines}
    t.equal(sorted(by_name.keys() - sent), [], "requests that nobody sent")
    for line in lines:
        found = by_name.get(f"GET {line['path']}", [])
        if not t.equal(len(found), 1, f"times that GET {line['path']} was found"):
            continue
        r, column = found[0]
        t.equal((r["status"], r["complete"]), (line["status"], True), f"{r['name']}: answered")
        t.check(not r["overlaps_loss"], f"{r['name']}: {r}")
        # The answer before it may have stood in its send for longer than SEND_NS of the analysis.
        t.within(not r["pipelined"], f"{r['name']}: pipelined: {r}")
        t.equal(f"127.0.0.1:{line['local_port']}", r["conn"]["remote"], f"{r['name']}: client")
        # The client's view holds the server's, but that it sends an answer before the end.
        begin = timeline.t0_ns + r["start_ns"]
        t.check(begin >= line["sent_ns"], f"{r['name']}: begins "
                f"{ms(line['sent_ns'] - begin)} before it was sent")
        over = begin + r["latency_ns"] - line["scheduled_ns"] - line["latency_ns"]
        t.within(over <= 3 * MS, f"{r['name']}: ends {ms(over)} after the client had the answer")
        t.check(r["latency_ns"] - r["ledger_ns"]["queued"] >= line["truth"]["total"],
                f"{r['name']}: {ms(r['latency_ns'])}, {ms(line['truth']['total'])} in the server")
        compare(score, line, r, column["segments"])
        owned(score, server, line, r)
    apart(score, report["requests"])
    score.result()
    return report


def drive(t, server, keepalive, widths):
    lines = []
    for width in widths:
        for alive in keepalive:
            lines += t.load(server.port, PATHS, max(48, 2 * width), width, alive,
                            start_id=len(lines) + 1)
    return lines


def blocking_model(t, report, pid, threads):
    p = process_of(report, pid)
    t.equal(p["model"], "blocking", "model")
    t.equal(p["verdict"]["thread_waits"], True, "a thread waits for each request")
    if threads:
        t.check(0 < p["verdict"]["serving_threads"] <= threads,
                f"serving threads: {p['verdict']['serving_threads']}, at most {threads}")


@test("requests: threads, one for each connection, against its truth", most=1)
def threads(t):
    server = t.sample("threads")
    recording = t.record(server.pid)
    lines = drive(t, server, (True, False), (1, 8, 32))
    recording.end()
    blocking_model(t, judge(t, server, recording, lines), server.pid, 0)


@test("requests: pool of 8 threads against its truth", most=1)
def pool(t):
    server = t.sample("pool")
    recording = t.record(server.pid)
    lines = drive(t, server, (True, False), (1, 8))
    lines += t.load(server.port, PATHS, 96, 32, False, start_id=len(lines) + 1)
    recording.end()
    report = judge(t, server, recording, lines)
    blocking_model(t, report, server.pid, 8)
    v = process_of(report, server.pid)["verdict"]
    t.check(v["queued_requests"] > 0, "32 clients, 8 threads, and nobody queued")


@test("requests: prefork, 4 processes, against its truth", most=1)
def prefork(t):
    server = t.sample("prefork", "--workers", "4")
    recording = t.record(server.pid)
    lines = drive(t, server, (True, False), (1, 4))
    lines += t.load(server.port, PATHS, 64, 32, False, start_id=len(lines) + 1)
    recording.end()
    report = judge(t, server, recording, lines)
    workers = [p for p in report["processes"] if p["parent"] == server.pid]
    t.equal(len(workers), 4, "workers")
    served = {r["pid"] for r in report["requests"]}
    t.check(served <= {p["pid"] for p in workers}, f"served by {served}")
    for pid in served:
        blocking_model(t, report, pid, 1)


@test("requests: blocking, one thread for all, against its truth", most=1)
def blocking(t):
    server = t.sample("blocking")
    recording = t.record(server.pid)
    lines = drive(t, server, (True, False), (1,))
    lines += t.load(server.port, PATHS, 48, 8, False, start_id=len(lines) + 1)
    lines += t.load(server.port, PATHS, 48, 32, False, start_id=len(lines) + 1)
    recording.end()
    report = judge(t, server, recording, lines)
    blocking_model(t, report, server.pid, 1)
    queued = [r["ledger_ns"]["queued"] for r in report["requests"]]
    t.check(max(queued) > 50 * MS, f"32 clients, one thread, longest queue {ms(max(queued))}")
    t.equal(len(threads_of(report)), 1, "threads")
