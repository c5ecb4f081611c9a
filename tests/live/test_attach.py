"""The attach and every way in which a recording ends."""

import os
import re
import signal
import socket
import stat
import time

from harness import MS, S, ms, process_of, test, thread_of, threads_of


def names(report):
    return [r["name"] for r in report["requests"]]


@test("attach: a command from its first instruction, its exit status passed on")
def command(t):
    for words, code in ((["/bin/true"], 0), (["sh", "-c", "exit 3"], 3),
                        (["sh", "-c", "kill -KILL $$"], 137), (["sh", "-c", "kill $$"], 143)):
        recording = t.record(words, wait=False)
        t.equal(recording.wait(), code, f"exit status of {words}")
        t.equal(recording.report()["capture"]["complete"], True, f"{words}: complete")
    out = os.path.join(t.dir, "echo.wsc")
    code, said, _ = t.run("record", "-o", out, "--", "echo", "as it was")
    t.equal((code, said), (0, "as it was\n"), "a command's output")
    out = os.path.join(t.dir, "no.wsc")
    code, _, said = t.run("record", "-o", out, "--", "/nonexistent/program")
    t.check(code == 1 and "/nonexistent/program" in said, f"no such command: {code}, {said}")
    t.check(not os.path.exists(out), "a command that is not there left a capture")


@test("attach: exec, fork, and all threads of a command")
def command_life(t):
    states = t.program("tests/live/states")
    recording = t.record(["sh", "-c", f"sleep 0.05; exec {states} now 100 read_pipe wait_pid"],
                         wait=False)
    t.equal(recording.wait(), 0, "exit status")
    report = recording.report()
    comms = sorted(p["comm"] for p in report["processes"])
    t.equal(comms, ["child", "sleep", "states"], "processes")
    main = report["processes"][0]
    t.equal(main["comm"], "states", "the first process")
    first = thread_of(report, main["pid"])
    t.within(first["start_ns"] < 50 * MS, f"its first thread is there from {ms(first['start_ns'])}")
    waits = {w["call"]: w["ns"] for w in first["waits"]}
    child = waits.get("wait4", 0) + waits.get("vfork", 0)  # the shell waits in both for "sleep"
    t.within(child > 45 * MS, f"before the exec: {waits}")
    t.within(waits.get("futex", 0) > 90 * MS, f"behind the exec: {waits}")
    t.equal({x["comm"] for x in main["threads"]}, {"states", "read_pipe", "wait_pid", "helper"},
            "threads")
    for x in threads_of(report):
        t.equal(x["state_ns"]["unknown"], 0, f"unknown time of {x['comm']}")


@test("attach: ends in order by SIGINT, SIGTERM, SIGHUP, -d, --max-size and the target's death")
def ends(t):
    server = t.sample("pool")

    def recorded(how, recording, reason):
        report = recording.report()
        t.equal(report["capture"]["complete"], True, f"{how}: complete")
        t.equal(report["capture"]["damage"], "", f"{how}: damage")
        t.check(reason in recording.message(), f"{how}: said {recording.message()!r}")
        t.equal(stat.S_IMODE(os.stat(recording.path).st_mode), 0o600, f"{how}: mode")
        return report

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        recording = t.record(server.pid)
        t.load(server.port, ["/db/2/%d"], 20, 4)
        recording.end(number)
        report = recorded(number.name, recording, "ended by a signal")
        t.equal(len(report["requests"]), 20, f"{number.name}: requests")
    recording = t.record(server.pid, "-d", "400ms")
    t.equal(recording.wait(), 0, "-d: exit code")
    report = recorded("-d", recording, "the time was over")
    took = report["capture"]["duration_ns"]
    t.within(400 * MS <= took < 500 * MS, f"-d 400ms recorded {ms(took)}")

    recording = t.record(server.pid, "--max-size", "300K")
    load = t.load(server.port, ["/db/0/%d"], seconds=10, connections=8, background=True)
    t.equal(recording.wait(12), 0, "--max-size: exit code")
    t.processes[-1].end()
    del load
    recorded("--max-size", recording, "as large as it may be")
    size = os.path.getsize(recording.path)
    t.check(300 << 10 <= size < 1500 << 10, f"--max-size 300K gave {size} bytes")
    t.check(server.alive(), "the server ended")

    recording = t.record(server.pid)
    t.load(server.port, ["/db/2/%d"], 20, 4)
    server.end(signal.SIGKILL)
    begun = time.monotonic()
    t.equal(recording.wait(), 0, "the target's death: exit code")
    t.check(time.monotonic() - begun < 1, "the target's death was seen late")
    report = recorded("the target's death", recording, "the target ended")
    t.equal(len(report["requests"]), 20, "the target's death: requests")


@test("attach: several processes by a list; the last one's death ends it")
def several(t):
    one, two = t.sample("threads"), t.sample("eventloop")
    recording = t.record(f"{one.pid},{two.pid}")
    t.load(one.port, ["/db/2/%d"], 10, 2)
    t.load(two.port, ["/db/2/%d"], 10, 2, start_id=100)
    one.end(signal.SIGKILL)
    time.sleep(0.2)
    t.check(recording.alive(), "ended with the first process")
    two.end(signal.SIGKILL)
    t.equal(recording.wait(), 0, "exit code")
    report = recording.report()
    for server, ids in ((one, range(1, 11)), (two, range(100, 110))):
        process_of(report, server.pid)
        got = sorted(r["name"] for r in report["requests"] if r["pid"] == server.pid)
        t.equal(got, sorted(f"GET /db/2/{i}" for i in ids), f"requests of {server.pid}")


@test("attach: without -o the files have names of their own, and sudo's caller owns them")
def default_outputs(t):
    server = t.sample("pool", backend=False)
    env = dict(os.environ, SUDO_UID="65534", SUDO_GID="65534")
    code, _, said = t.run("record", "-p", server.pid, "-d", "200ms", env=env)
    t.equal(code, 0, f"exit code ({said})")
    for suffix in ("wsc", "html"):
        path = os.path.join(t.dir, f"waitscope-pool-{server.pid}.{suffix}")
        if t.check(os.path.exists(path), f"{path} is missing: {os.listdir(t.dir)}"):
            t.equal(os.stat(path).st_uid, 65534, f"owner of the {suffix}")
    code, _, said = t.run("record", "-p", server.pid, "-d", "200ms")
    t.check(code == 1 and "exists" in said, f"a second time: {code}, {said}")


@test("attach: a server that hangs already, by who waits for it")
def hangs(t):
    server = t.sample("pool")
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.sendall(b"GET /sleep/1/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        t.check(silent.recv(4096).startswith(b"HTTP/1.1 200"), "the first request")
        ends = []
        for path, count in (("/lock/2500/%d", 1), ("/lock/1/%d", 6)):
            ends.append(t.load(server.port, [path], count, connections=count, background=True))
            time.sleep(0.2)
        time.sleep(0.6)
        began = time.monotonic()
        recording = t.record(server.pid, "-d", 0.5)
        attached = time.monotonic() - began
        recording.wait()
        for end in ends:
            end()
    _, said, _ = t.run("report", recording.path)
    words = " ".join(said.split())
    found = re.search(r"(\d+) clients had spoken last .* the first of them for ([\d.]+) (m?)s then",
                      words)
    t.check(found is not None, f"said {said}")
    t.equal(int(found[1]), 7, "clients that wait")
    waited = float(found[2]) / (1000 if found[3] else 1)
    t.check(0.9 <= waited <= 1.4 + attached, f"the first for {waited} s")
    owed = process_of(recording.report(), server.pid)["owed"]
    t.equal((owed["waiting"], owed["answered"]), (7, 0), "clients that wait, by --json")
    t.check(abs(waited * S - owed["longest_ns"]) <= 10 * MS, f"{waited} s, by --json {owed}")
    for place in ("stood longest: 6 in futex (lock)", "1 in clock_nanosleep (sleep)",
                  "1 in recvfrom on client 127.0.0.1:"):
        t.check(place in words, f"{place!r} is not in {said}")


@test("attach: two recordings of one process at once")
def twice(t):
    server = t.sample("pool")
    first, second = t.record(server.pid), t.record(server.pid)
    t.load(server.port, ["/db/2/%d"], 20, 4)
    for recording in (first, second):
        recording.end()
        t.equal(len(recording.report()["requests"]), 20, "requests")


def p99(lines):
    return sorted(l["latency_ns"] for l in lines)[len(lines) * 99 // 100 - 1]


def kill_under_load(t, server):
    """Kills a recording in the middle of a load. The recording, when it died, what was sent, and
    the p99 of an untraced load just before."""
    path = ["/db/5/%d"]
    alone = p99(t.load(server.port, path, rate=300, seconds=1, keepalive=False))
    recording = t.record(server.pid)
    load = t.load(server.port, path, rate=300, seconds=3, start_id=10000, keepalive=False,
                  background=True)
    time.sleep(2)
    recording.kill()
    died = time.monotonic_ns()
    lines = load()
    t.equal({l["status"] for l in lines}, {200}, "statuses")
    t.check(server.alive(), "the server ended")
    return recording, died, lines, alone


@test("attach: kill -9 of waitscope under load leaves the target alone and the capture readable")
def killed(t):
    server = t.sample("pool")
    recording, died, lines, alone = kill_under_load(t, server)
    after = p99([l for l in lines if l["sent_ns"] > died])
    t.note(f"p99 {ms(alone)} untraced, {ms(after)} after the kill")
    t.within(after < alone + 20 * MS, "slow after the kill")
    report = recording.report(code=5)
    t.equal(report["capture"]["complete"], False, "complete")
    t.check(report["capture"]["damage"], "nothing is said of the damage")
    got = set(names(report))
    due = [l for l in lines if l["sent_ns"] + l["latency_ns"] < died - 700 * MS]
    missing = [l["path"] for l in due if f"GET {l['path']}" not in got]
    t.check(len(due) > 200, f"only {len(due)} requests were due")
    t.equal(missing, [], "requests that were over 0.7 s before the kill and are not there")
    done = [r for r in report["requests"] if r["complete"]]
    t.note(f"{len(lines)} sent, {len(done)} complete in the cut capture")
    with open(f"/proc/{server.pid}/status", encoding="ascii") as file:
        t.check("TracerPid:\t0" in file.read(), "the server has a tracer")
    t.check(report["capture"]["duration_ns"] < 3 * S, "duration")
