"""The flight recorder: the last seconds, whole and the same as an ordinary recording has them."""

import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import time

from harness import MS, S, Unable, ms, test, threads_of
from process import die_with_parent

PATHS = ["/db/3/%d", "/file/%d", "/sleep/2/%d", "/lock/1/%d", "/compute/1/%d", "/db/12/%d"]
NEAR = 300_000  # two recordings have clocks of their own at each record


def wait_for(t, recording, text, seconds=20):
    end = time.monotonic() + seconds
    while text not in recording.message() and time.monotonic() < end:
        if not recording.alive():
            break
        time.sleep(0.02)
    t.check(text in recording.message(), f"{text!r} was not said: {recording.message()!r}")


def ask(t, recording, path):
    """SIGUSR1, and the capture that comes of it."""
    recording.popen.send_signal(signal.SIGUSR1)
    wait_for(t, recording, f"wrote {path}")
    return path


def numbered(path, number):
    return path.replace(".wsc", f"-{number}.wsc")


@test("flight: at SIGUSR1 the last seconds are written, and the recording goes on")
def signals(t):
    server = t.sample("pool")
    finish = t.load(server.port, PATHS, 100000, 8, False, seconds=6, background=True)
    html = os.path.join(t.dir, "page.html")
    recording = t.record(server.pid, "--last", "1s", "-o", html)
    hangs, _ = get(server.port, "/db/9000/1")
    time.sleep(2)
    paths = [recording.path, numbered(recording.path, 2), numbered(recording.path, 3)]
    ask(t, recording, paths[0])
    t.check(os.path.exists(html), "no page beside the first capture")
    time.sleep(1.2)
    ask(t, recording, paths[1])
    recording.end()
    finish()
    for path in paths:
        if not t.check(os.path.exists(path), f"{path} is missing: {recording.message()!r}"):
            return
        t.equal(os.stat(path).st_mode & 0o777, 0o600, f"mode of {path}")
    for html in ("page.html", "page-2.html", "page-3.html"):
        t.check(os.path.getsize(os.path.join(t.dir, html)) > 10000, f"{html} is no page")
    ends = []
    for path in paths:
        report = t.report(path)
        old = [r for r in report["requests"] if r["name"] == "GET /db/9000/1"]
        if t.equal(len(old), 1, "times that a request is there that hangs since before the window"):
            duration = report["capture"]["duration_ns"]
            t.check(not old[0]["complete"] and old[0]["start_ns"] == 0 and
                    old[0]["latency_ns"] == duration, f"it is {old[0]}")
            # its thread is still inside of the question to the backend
            t.within(old[0]["ledger_ns"]["blocked"] > 0.99 * duration, f"it is {old[0]}")
            t.check(old[0]["grade_ns"]["exact"] == 0 and
                    old[0]["waits"][0]["call"] == "recvfrom", f"it is {old[0]}")
        capture = report["capture"]
        t.check(capture["complete"], f"{path}: {capture['damage']}")
        t.within(0.99 * S < capture["duration_ns"] < 1.01 * S, f"it is {ms(capture['duration_ns'])}")
        t.equal(capture["lost"]["records"], 0, "lost records")
        t.check(len(report["requests"]) > 20, f"{len(report['requests'])} requests")
        t.check(capture["window"]["recorded_ns"] > 2 * S, f"of {capture['window']}")
        t.check(not capture["window"]["full"], "the memory was used up")
        ends.append(t.timeline(path).t0_ns + capture["duration_ns"])
        for thread in threads_of(report):
            t.equal(thread["state_ns"]["unknown"], 0, f"thread {thread['tid']}: unknown")
    t.check(ends[0] + S < ends[1] < ends[2], f"they end at {ends}")
    hangs.close()
    t.check(server.alive(), "the server ended")


def waits(timeline, tid, begin, end, least, margin=0):
    """Its waits of `least` ns and more that end in [begin, end), and not near those: what, when."""
    found = {}
    for i in timeline.intervals(tid):
        at, ns = timeline.t0_ns + i["start"], i["ns"]
        if "call" in i and ns >= least and begin + margin <= at + ns < end - margin:
            what = i["state"], i["call"], i["object"] and i["object"]["name"]
            found.setdefault(what, []).append((max(at, begin), at + ns))
    return found


def missing(one, other, begin, end, tid):
    """Waits of 1 ms and more that one recording has, and the other not nearly the same."""
    there = waits(other, tid, begin, end, MS // 2)
    for what, spans in waits(one, tid, begin, end, MS, 2 * MS).items():
        for span in spans:
            if not any(abs(span[0] - x[0]) < NEAR and abs(span[1] - x[1]) < NEAR
                       for x in there.get(what, [])):
                yield what, span


def same_threads(t, own, ordinary, report, begin, end):
    count = 0
    for thread in threads_of(report):
        tid = thread["tid"]
        for whose, one, other in (("the flight recorder's", own, ordinary),
                                  ("the ordinary one's", ordinary, own)):
            odd = list(missing(one, other, begin, end, tid))
            t.equal(odd[:3], [], f"waits of {tid} that are {whose} alone ({len(odd)})")
        count += sum(len(spans) for spans in waits(own, tid, begin, end, MS).values())
    return count


def ledger(request):
    sums = {}
    for segment in request["segments"]:
        sums[segment["key"]] = sums.get(segment["key"], 0) + segment["ns"]
    return sums


def same_requests(t, own, ordinary, begin, end):
    def within(timeline):
        return {r["name"]: r for r in timeline.requests if r["name"].startswith("GET ")
                and begin + MS < timeline.t0_ns + r["start"]
                and timeline.t0_ns + r["start"] + r["latency"] < end - MS}
    one, two = within(own), within(ordinary)
    t.equal(sorted(one.keys() ^ two.keys()), [], "requests that only one of them has")
    odd = [name for name in one.keys() & two.keys() if not alike(one[name], two[name])]
    for name in odd[:3]:
        t.note(f"{name}: {ledger(one[name])}, by the ordinary one {ledger(two[name])}")
    # What is inferred may rest on what came before the window.
    t.check(len(odd) <= len(one) // 100, f"{len(odd)} of {len(one)} requests are not the same")
    return len(one)


def alike(a, b):
    one, two = ledger(a), ledger(b)
    return abs(a["latency"] - b["latency"]) < NEAR and a["flags"] == b["flags"] and \
        all(abs(one.get(key, 0) - two.get(key, 0)) < NEAR for key in one.keys() | two.keys())


def beside(t, server, paths, connections, keepalive):
    """The same second of the same server by both kinds of recording."""
    finish = t.load(server.port, paths, 100000, connections, keepalive, seconds=4,
                    background=True)
    ordinary = t.record(server.pid)
    flight = t.record(server.pid, "--last", "1s")
    time.sleep(1.8)
    ask(t, flight, flight.path)
    flight.end()
    ordinary.end()
    finish()
    own, whole = flight.timeline(), ordinary.timeline()
    report = flight.report()
    begin = own.t0_ns
    end = begin + report["capture"]["duration_ns"]
    count = same_threads(t, own, whole, report, begin, end)
    requests = same_requests(t, own, whole, begin, end)
    t.note(f"{count} waits and {requests} requests are the same")
    t.check(count > 50 and requests > 50, "too few to tell")
    for r in own.requests:
        if r["start"] == 0:
            t.equal(r["flags"] & 1, 0, f"{r['name']} began before the window, complete")


@test("flight: what lies in the window is what an ordinary recording has of it")
def equal(t):
    beside(t, t.sample("pool"), PATHS, 12, False)
    beside(t, t.sample("eventloop"), ["/db/3/%d", "/sleep/2/%d", "/db/12/%d"], 12, True)


def get(port, path, seconds=10):
    """One request on a connection of its own, as it is: the client's address."""
    s = socket.create_connection(("127.0.0.1", port), seconds)
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return s, "%s:%d" % s.getsockname()


@test("flight: --slow ends soon after the first request that is too slow, or hangs")
def slow(t):
    server = t.sample("pool")
    ordinary = t.load(server.port, PATHS, 100000, 4, False, seconds=5, rate=300, background=True)
    for wait, words in ((700, r"a request took 70\d ms, more than 500 ms; on"),
                        (9000, r"a request took more than 500 ms: after \d+ ms it was not answered")):
        recording = t.record(server.pid, "--last", "5s", "--slow", "500ms")
        time.sleep(0.5)
        t.check(recording.alive(), f"it ended before: {recording.message()!r}")
        begun = time.monotonic()
        s, address = get(server.port, f"/db/{wait}/4711")
        t.equal(recording.wait(), 0, "exit status")
        took = time.monotonic() - begun
        t.check(0.65 < took < 1.8, f"it ended {took:.2f} s after the request began")
        said = recording.message()
        t.check("a request was slow" in said and re.search(words, said) and address in said,
                f"said {said!r}")
        report = recording.report()
        found = [r for r in report["requests"] if r["name"] == f"GET /db/{wait}/4711"]
        if t.equal(len(found), 1, "times that the slow request is in the capture"):
            t.equal(found[0]["complete"], wait == 700, "it is complete")
        s.close()
    ordinary()


@test("flight: the memory is bounded, and the file says from when on it is whole")
def bounded(t):
    server = t.sample("threads", backend=False)
    recording = t.record(server.pid, "--last", "60s", "--max-size", "8M")
    finish = t.load(server.port, ["/compute/0/%d"], 1000000, 16, False, seconds=6, background=True)
    sizes = []
    while len(sizes) < 10:
        time.sleep(0.5)
        sizes.append(resident(recording.pid))
    lines = finish()
    ask(t, recording, recording.path)
    recording.end()
    t.note(f"{len(lines)} connections; {sizes[0] >> 20} to {max(sizes) >> 20} MB resident")
    t.check(max(sizes[5:]) < sizes[4] + (6 << 20), f"resident memory grows: {sizes}")
    t.check("did not fit into 8" in recording.message(), f"said {recording.message()!r}")
    report = recording.report()
    window = report["capture"]["window"]
    t.check(window["full"], f"not full: {window}")
    t.equal(report["capture"]["lost"]["records"], 0, "lost records")
    text = t.run("report", recording.path)[1]
    t.check("did not fit into 8" in text, f"the report's head: {text[:400]!r}")
    # Whole from its begin on: every request that was sent in it is there.
    timeline = recording.timeline()
    end = timeline.t0_ns + report["capture"]["duration_ns"]
    sent = {f"GET {l['path']}" for l in lines
            if timeline.t0_ns + MS < l["sent_ns"] < end - 50 * MS}
    found = {r["name"] for r in report["requests"]}
    t.check(len(sent) > 500, f"only {len(sent)} requests in the window")
    t.equal(sorted(sent - found)[:5], [], "requests in the window that are missing")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1)) * 1024


def crowd(t):
    """The server of crowd.c, and the name of its unix socket."""
    name = f"waitscope-crowd-{os.getpid()}-{os.path.basename(t.dir)}"
    server = t.start([t.program("tests/live/crowd"), name, t.dir])
    server.port = int(re.search(r":(\d+)", server.line()).group(1))
    return server, "\0" + name


def unix_connections(name, count):
    for _ in range(count):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(name)
            s.sendall(b"x")
            s.recv(1)


def asked(connection, path):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection.recv(4096)


@test("flight: a connection that is there is not forgotten for thousands that are gone")
def crowded(t):
    server, name = crowd(t)
    client = socket.create_connection(("127.0.0.1", server.port))
    waits = socket.create_connection(("127.0.0.1", server.port))
    recording = t.record(server.pid, "--last", "2s", "--max-size", "8M")
    asked(client, "/sleep/1")
    before = resident(recording.pid)
    for _ in range(3):
        unix_connections(name, 10000)
        time.sleep(2.2)
    asked(client, "/sleep/300")
    ask(t, recording, recording.path)
    t.note(f"{before >> 20} to {resident(recording.pid) >> 20} MB resident")
    recording.end()
    report = recording.report()
    found = [r for r in report["requests"] if r["name"] == "GET /sleep/300"]
    if t.equal(len(found), 1, "times that the request is there"):
        t.check(found[0]["complete"] and found[0]["latency_ns"] > 300 * MS, f"it is {found[0]}")
    t.equal(report["capture"]["window"]["forgotten"], 0, "names that are missing")
    names = {i["object"]["name"] for thread in threads_of(report)
             for i in recording.timeline().intervals(thread["tid"])
             if i.get("call") == "read" and i["object"]}
    t.check(names and not names & {"socket", "file"}, f"what is read from: {names}")
    client.close()
    waits.close()


@test("flight: the memory is bounded, however many things are met")
def many(t):
    """--max-size and what the recorder takes without a flight: of the world alone it says nothing."""
    server, name = crowd(t)
    recording = t.record(server.pid, "--last", "2s", "--max-size", "8M")
    before = resident(recording.pid)

    def connections():
        for _ in range(4000):
            with socket.create_connection(("127.0.0.1", server.port)) as s:
                asked(s, "/sleep/0")

    def files():
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            asked(s, "/files/4000")

    for what, meet in (("unix connections", lambda: unix_connections(name, 20000)),
                       ("connections", connections), ("files", files)):
        sizes = []
        for _ in range(3):
            meet()
            sizes.append(resident(recording.pid))
        t.note(f"{what}: {before >> 20} to {', '.join(str(s >> 20) for s in sizes)} MB resident")
        t.check(max(sizes) < before + (16 << 20), f"{what}: {sizes}, before {before}")
    ask(t, recording, recording.path)
    t.check(resident(recording.pid) < before + (16 << 20), "when it wrote")
    recording.end()


@test("flight: a request whose answer began before the window is there when it goes on")
def drips(t):
    server, _ = crowd(t)
    client = socket.create_connection(("127.0.0.1", server.port))
    idle = socket.create_connection(("127.0.0.1", server.port))
    recording = t.record(server.pid, "--last", "1s")
    asked(idle, "/sleep/1")
    asked(client, "/drip/2500")  # the header is there
    client.recv(4096)
    time.sleep(0.2)
    recording.end()
    report = recording.report()
    if t.equal([r["name"] for r in report["requests"]], ["GET /drip/2500"], "requests"):
        r = report["requests"][0]
        t.check(not r["complete"] and r["start_ns"] == 0 and
                700 * MS < r["latency_ns"] < report["capture"]["duration_ns"] - 150 * MS,
                f"it is {r}")
    client.close()
    idle.close()


@test("flight: what ended while records were lost is in no window that lost none")
def after_loss(t):
    server = t.sample("threads", backend=False)
    recording = t.record(server.pid, "--last", "1s")
    finish = t.load(server.port, ["/compute/0/%d"], 1000000, 30, False, seconds=5, background=True)
    time.sleep(0.5)
    recording.popen.send_signal(signal.SIGSTOP)
    time.sleep(4)
    recording.popen.send_signal(signal.SIGCONT)
    ask(t, recording, recording.path)
    finish()
    time.sleep(1.5)
    busy = t.load(server.port, ["/compute/0/%d"], 300, 4, False)
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        asked(s, "/compute/0/1")
        time.sleep(0.2)
        ask(t, recording, numbered(recording.path, 2))
    time.sleep(1.5)
    recording.end()
    lost = t.report(recording.path)["capture"]["lost"]["records"]
    t.note(f"{lost} lost")
    if not lost:
        raise Unable("nothing was lost")
    alive = set(os.listdir(f"/proc/{server.pid}/task"))
    for path, requests in ((numbered(recording.path, 2), len(busy) + 1),
                           (numbered(recording.path, 3), 0)):
        report = t.report(path)
        t.equal(report["capture"]["lost"]["records"], 0, "lost records")
        t.equal(len(report["requests"]), requests, "requests")
        threads = threads_of(report)
        t.equal([x["tid"] for x in threads if x["state_ns"]["unknown"]], [], "threads unknown")
        running = sum(x["state_ns"]["running"] for x in threads)
        t.check(running < os.cpu_count() * report["capture"]["duration_ns"], f"{ms(running)} running")
    t.check(len(threads) <= len(alive), f"{len(threads)} threads of {len(alive)}")
    t.check(report["capture"]["records"] < 100, f"{report['capture']['records']} records")


@test("flight: a file that cannot be written does not end the recording")
def full_disk(t):
    disk = os.path.join(t.dir, "disk")
    os.mkdir(disk)
    if os.system(f"mount -t tmpfs -o size=64k none {disk}"):
        raise Unable("no tmpfs can be mounted")
    try:
        server = t.sample("pool")
        path = os.path.join(disk, "x.wsc")
        recording = t.record(server.pid, "--last", "10s", path=path)
        t.load(server.port, PATHS, 1000, 8, False)
        recording.popen.send_signal(signal.SIGUSR1)
        wait_for(t, recording, "No space left")
        t.equal(os.listdir(disk), [], "what is left of it")
        t.check(recording.alive(), "the recording ended")
        os.system(f"mount -o remount,size=16m {disk}")
        ask(t, recording, os.path.join(disk, "x-2.wsc"))
        recording.end()
        report = t.report(os.path.join(disk, "x-2.wsc"))
        t.equal(len([r for r in report["requests"] if r["name"].startswith("GET ")]), 1000,
                "requests in the next file")
        full_at_the_end(t, server, disk)
    finally:
        os.system(f"umount {disk}")


def full_at_the_end(t, server, disk):
    path = os.path.join(disk, "end.wsc")
    recording = t.record(server.pid, "--last", "10s", path=path)
    t.load(server.port, PATHS, 3000, 8, False)
    taken = sum(os.path.getsize(os.path.join(disk, name)) for name in os.listdir(disk))
    os.system(f"mount -o remount,size={(taken >> 10) + 400}k {disk}")
    recording.end(code=1)
    said = recording.message()
    t.check("No space left" in said and f"a part of the window is in {path}" in said, f"said {said!r}")
    head = t.run("report", path)[1]
    t.check("A part of what was kept, which was at most the last 10.0 s" in head and
            "INCOMPLETE" in head, f"the report's head: {head[:600]!r}")


@test("flight: at the target's end and by -d the last seconds are written too")
def ends(t):
    server = t.sample("pool")
    recordings = [t.record(server.pid, "--last", "1s", "-d", "2s"),
                  t.record(server.pid, "--last", "1s"),
                  t.record(server.pid, "--slow", "1s")]
    finish = t.load(server.port, PATHS, 100000, 8, False, seconds=2, rate=300, background=True)
    t.equal(recordings[0].wait(), 0, "exit status with -d")
    s, _ = get(server.port, "/db/1200/1")
    t.equal(recordings[2].wait(), 0, "exit status with --slow alone")
    finish()
    s.close()
    server.end(signal.SIGKILL)
    t.equal(recordings[1].wait(), 0, "exit status at the target's end")
    for recording, why, length in zip(recordings, ("the time was over", "the target ended",
                                                   "a request was slow"), (1, 1, 2)):
        t.check(why in recording.message(), f"said {recording.message()!r}")
        report = recording.report()
        t.check(report["capture"]["complete"], report["capture"]["damage"])
        t.within(0.9 * length * S < report["capture"]["duration_ns"],
                 f"it is {ms(report['capture']['duration_ns'])}")
        t.equal(report["capture"]["window"] is None, length == 2, "it is no window")


@test("flight: files that are there are not written over, the number goes on")
def there(t):
    server = t.sample("pool", backend=False)
    path = os.path.join(t.dir, "there.wsc")
    for name in (path, numbered(path, 2)):
        with open(name, "w", encoding="ascii") as file:
            file.write("mine")
    recording = t.record(server.pid, "--last", "1s", path=path).end()
    with open(path, encoding="ascii") as file:
        t.equal(file.read(), "mine", "what was there")
    t.check(t.report(numbered(path, 3))["capture"]["complete"], f"said {recording.message()!r}")


def plain(t, server, *arguments, prefix=(), **options):
    """record as a shell starts it, and not on a terminal; returns when it is attached."""
    path = os.path.join(t.dir, "plain.wsc")
    recorder = t.start([*prefix, t.waitscope, "record", "-p", server.pid, "--last", "5s", *arguments,
                        "-o", path], **options)
    if recorder.stderr_path:
        t.check(until(lambda: "attached in" in recorder.stderr()), "it does not attach")
    return recorder, path


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return what()


@test("flight: under nohup the end of the session is no end, nor Ctrl-C in a script's background")
def nohup(t):
    server = t.sample("pool", backend=False)
    recorder, path = plain(t, server, prefix=["nohup"])
    recorder.popen.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    if t.check(recorder.alive(), f"SIGHUP ended it: {recorder.stderr()!r}"):
        t.equal(recorder.end(), 0, "exit status")
    t.check(os.path.exists(path), "no file")
    os.unlink(path)
    # Of a terminal of its own: what is typed there reaches the recorder by the kernel alone.
    script = f'trap "" INT; {t.waitscope} record -p {server.pid} --last 5s -o {path} & echo $!; wait'
    pid, terminal = pty.fork()
    if not pid:
        os.execv("/bin/sh", ["sh", "-c", script])
    said = b""
    try:
        while b"attached in" not in said:
            said += os.read(terminal, 4096)
        recorder = int(said.split()[0])
        os.write(terminal, b"\x03")
        time.sleep(0.5)
        t.check(not os.path.exists(path), "Ctrl-C ended what ignores it")
        os.kill(recorder, signal.SIGINT)
        t.check(until(lambda: os.path.exists(path)), "kill -INT did not end it")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(pid, 0)


@test("flight: nobody reads its messages any more, and it goes on; its command knows nothing of it")
def no_reader(t):
    server = t.sample("pool", backend=False)
    reader, writer = os.pipe()
    path = os.path.join(t.dir, "unread.wsc")
    recorder = subprocess.Popen([t.waitscope, "record", "-p", str(server.pid), "--last", "5s", "-o",
                                 path], stderr=writer, preexec_fn=die_with_parent)
    os.close(writer)
    try:
        while b"attached in" not in os.read(reader, 4096):
            pass
        os.close(reader)
        recorder.send_signal(signal.SIGUSR1)
        t.check(until(lambda: os.path.exists(path)), "no file at SIGUSR1")
        time.sleep(0.2)
        recorder.send_signal(signal.SIGTERM)
        t.equal(recorder.wait(20), 0, "exit status")
        t.check(os.path.exists(numbered(path, 2)), "no file at its end")
    finally:
        recorder.kill()
        recorder.wait()
    t.equal(t.run("record", "-o", os.path.join(t.dir, "c.wsc"), "--", "sh", "-c", "kill -PIPE $$")[0],
            128 + signal.SIGPIPE, "exit status of a command that dies of SIGPIPE")


@test("flight: a signal that comes before it is attached is one of its own, too")
def early(t):
    server = t.sample("pool", backend=False)
    path = os.path.join(t.dir, "early.wsc")
    # It looks at each process that it is given, and holds a descriptor of each.
    recorder = t.start([t.waitscope, "record", "-p", ",".join([str(server.pid)] * 900), "--last",
                        "5s", "-o", path])
    blocked = False
    while not blocked and recorder.alive():
        held = len(os.listdir(f"/proc/{recorder.pid}/fd"))
        blocked = blocks(recorder.pid, signal.SIGUSR1)
        t.check(blocked or held < 100, "it does its work with signals that would end it")
    recorder.popen.send_signal(signal.SIGUSR1)
    recorder.popen.send_signal(signal.SIGTERM)
    t.equal(recorder.wait(), 0, "exit status")
    t.check(os.path.exists(path), "no file")


def blocks(pid, number):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"SigBlk:\s*(\w+)", file.read()).group(1), 16) >> (number - 1) & 1


@test("flight: recorders with one name take one number each")
def same_name(t):
    server = t.sample("pool", backend=False)
    path = os.path.join(t.dir, "same.wsc")
    recordings = [t.record(server.pid, "--last", "5s", path=path) for _ in range(4)]
    server.end(signal.SIGKILL)
    for recording in recordings:
        t.equal(recording.wait(), 0, f"exit status ({recording.message()!r})")
    t.equal(sorted(n for n in os.listdir(t.dir) if n.startswith("same")),
            ["same-2.wsc", "same-3.wsc", "same-4.wsc", "same.wsc"], "the files")


@test("flight: a name that no file can have is said at the start")
def impossible(t):
    server = t.sample("pool", backend=False)
    link = os.path.join(t.dir, "link.wsc")
    os.symlink(os.path.join(t.dir, "nothing", "there.wsc"), link)
    code, _, said = t.run("record", "-p", server.pid, "--last", "5s", "-d", "1s", "-o", link)
    t.check(code == 1 and "link to a file that is not there" in said and "attached" not in said,
            f"a link to nothing: {code}, said {said!r}")
    folder = os.path.join(t.dir, "folder")
    os.mkdir(folder)
    recording = t.record(server.pid, "--last", "5s", path=os.path.join(folder, "x.wsc"))
    os.rename(folder, folder + "-away")
    with open(folder, "w", encoding="ascii"):
        pass
    recording.popen.send_signal(signal.SIGUSR1)
    wait_for(t, recording, "x.wsc: Not a directory")
    os.unlink(folder)
    os.rename(folder + "-away", folder)
    recording.end()


def replicates(replica):
    return subprocess.run(["redis-cli", "-p", str(replica.port), "info", "replication"], text=True,
                          capture_output=True, check=True).stdout


# Answers of 300 kB, for which the client opens its window again when it has read them.
HTTP2_SERVER = """
const server = require('http2').createServer();
server.on('stream', (s) => { s.respond({':status': 200}); s.end('x'.repeat(300000)); });
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""
HTTP2_CLIENT = """
const c = require('http2').connect('http://127.0.0.1:' + process.argv[1]);
let left = 3;
function next() {
    const r = c.request({':path': '/'});
    r.resume();
    r.on('end', () => { if (--left) next(); else console.log('done'); });
    r.end();
}
next();
"""


@test("flight: --slow passes over connections on which bytes come that ask for nothing")
def unasked(t):
    if not shutil.which("node") or not shutil.which("redis-server"):
        raise Unable("no node, or no redis-server")
    server = t.start(["node", "-e", HTTP2_SERVER])
    port = server.line()
    old = t.start(["node", "-e", HTTP2_CLIENT, port])
    t.equal(old.line(), "done", "the first client")
    recordings = [t.record(server.pid, "--last", "10s", "--slow", "500ms")]
    client = t.start(["node", "-e", HTTP2_CLIENT, port])
    t.equal(client.line(), "done", "the second client")
    master = t.redis()
    replica = t.redis("--replicaof", "127.0.0.1", master.port)
    t.check(until(lambda: "master_link_status:up" in replicates(replica)), "it does not replicate")
    recordings.append(t.record(master.pid, "--last", "10s", "--slow", "500ms"))
    time.sleep(3)
    for recording in recordings:
        t.check(recording.alive(), f"it ended: {recording.message()!r}")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(n) for n in file.read().split()]


@test("flight: pages are made one after the other, and at the end it says what it waits for")
def queue(t):
    server = t.sample("pool")
    t.load(server.port, PATHS, 100, 8, False)
    page = os.path.join(t.dir, "q.html")
    recording = t.record(server.pid, "--last", "10s", "-o", page, path=os.path.join(t.dir, "q.wsc"))
    t.load(server.port, PATHS, 6000, 16, False)  # pages take longer than to ask for six
    most = 0
    for count in range(1, 7):
        recording.popen.send_signal(signal.SIGUSR1)
        until(lambda c=count: recording.message().count(" kept: ") == c)
        most = max(most, len(children(recording.pid)))
    recording.popen.send_signal(signal.SIGTERM)
    while recording.alive():
        most = max(most, len(children(recording.pid)))
    recording.wait()
    said = recording.message()
    t.equal(most, 1, "pages that were made at the same time")
    t.check(re.search("still being made: .*(, then |then of )", said), f"said {said!r}")
    made = [int(n or 1) for n in re.findall(r"wrote \S*/q-?(\d*)\.html", said)]
    t.equal([n for n in made if n != 7], [1, 2, 3, 4, 5, 6], "the order of the pages")
    t.equal(sorted(made), [1, 2, 3, 4, 5, 6, 7], "the pages")


@test("flight: Ctrl-C while it waits for pages leaves out those not begun, not their captures")
def left_out(t):
    server = t.sample("pool")
    recording = t.record(server.pid, "--last", "10s", "-o", os.path.join(t.dir, "l.html"),
                         path=os.path.join(t.dir, "l.wsc"))
    t.load(server.port, PATHS, 6000, 16, False)
    for count in range(1, 9):
        recording.popen.send_signal(signal.SIGUSR1)
        until(lambda c=count: recording.message().count(" kept: ") == c)
    recording.popen.send_signal(signal.SIGINT)
    wait_for(t, recording, "; Ctrl-C leaves out what is not begun")
    recording.popen.send_signal(signal.SIGINT)
    t.equal(recording.wait(), 1, "exit status")
    t.check("l-8.html could not be made: left out; the capture is in" in recording.message(),
            f"said {recording.message()!r}")
    t.equal([n for n in os.listdir(t.dir) if n.startswith(".")], [], "what is left of pages")
    t.check(t.report(os.path.join(t.dir, "l-8.wsc"))["capture"]["complete"], "its capture")


@test("flight: a page that cannot be made, or dies in the making, is said and is a failure")
def no_page(t):
    server = t.sample("pool")
    folder = os.path.join(t.dir, "pages")
    os.mkdir(folder)
    recording = t.record(server.pid, "--last", "10s", "-o", os.path.join(folder, "p.html"))
    t.load(server.port, PATHS, 1000, 16, False)
    os.rename(folder, folder + "-away")
    recording.popen.send_signal(signal.SIGUSR1)
    wait_for(t, recording, "p.html could not be made; the capture is in")
    os.rename(folder + "-away", folder)
    recording.popen.send_signal(signal.SIGUSR1)
    maker = []
    end = time.monotonic() + 10
    while not maker and time.monotonic() < end:  # at once: it does not take long
        maker = children(recording.pid)
    os.kill(maker[0], signal.SIGKILL)
    wait_for(t, recording, "p-2.html could not be made: its making was ended by signal 9")
    recording.end(code=1)
    t.check(os.path.exists(os.path.join(folder, "p-3.html")), "no page at the end")


@test("flight: the cost that a file tells of is that of its own time")
def own_cost(t):
    server = t.sample("threads", backend=False)
    recording = t.record(server.pid, "--last", "1s")
    t.load(server.port, ["/compute/0/%d"], connections=8, keepalive=False, seconds=2)
    time.sleep(2.5)
    cost = t.report(ask(t, recording, recording.path))["capture"]["cost"]
    t.within(cost["recorder"]["of_ns"] < 1.2 * S, f"the recorder's: {cost['recorder']}")
    probes = cost["probes"]
    t.note(f"after the load: {probes and probes['runs_per_s']} runs/s")
    t.check(not probes or (probes["runs_per_s"] < 20000 and probes["sampled_ns"] < 0.2 * S),
            f"the probes', after the load: {probes}")
    recording.end()
