"""record --precise=agent: which coroutine each thread of a JVM turns to, and what it waits for."""

import glob
import http.client
import os
import re
import signal
import subprocess
import threading
import time

import pauses
import servers
from harness import MS, Failure, free_port, ms, test
from test_runtimes import wait_for

# What Connections.kt does for so many milliseconds, in parts of them: (holds a thread, holds none).
# A thread that sleeps waits in futex, as for a lock.
KINDS = {
    "delay": (0, 1), "seq": (0, 1), "actor": (0, 1), "timeout": (0, 1), "yield": (0, 1),
    "plain": (0, 1), "timer": (0, 1), "future": (0, 1), "flow": (0, 1), "mutex": (0, 1),
    "unconfined": (0, 1), "children": (0, 1),
    "io": (1, 0), "default": (1, 0), "run": (1, 0),
    "both": (1, 1),
    "spin": (0, 0),
}


def class_path(t):
    return [os.path.realpath(p) for p in servers.kotlin_built(t, servers.zoo("Connections.kt"))]


def connections(t, *options):
    return servers.jvm(t, [*options, "-cp", ":".join(class_path(t)), "ConnectionsKt"])


def ask(conn, path):
    """Of one request: its path, and in ns what is true of it."""
    begin = time.monotonic_ns()
    conn.request("GET", path)
    answer = conn.getresponse()
    body = answer.read().decode()
    if (answer.status, body) != (200, path):
        raise Failure(f"{path}: answer {answer.status} {body!r}")
    truth = dict(word.split("=") for word in answer.headers["X-Truth"].split(";"))
    return {"begin": begin, "end": time.monotonic_ns(),
            **{name: int(ns) for name, ns in truth.items()}}


def ask_all(port, lists):
    """Each list of paths over a connection of its own, all at once; {name: truth}."""
    found, failures = {}, []

    def run(paths):
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            for path in paths:
                found["GET " + path] = ask(conn, path)
        except (OSError, http.client.HTTPException, Failure) as e:
            failures.append(f"{path}: {e!r}")
        conn.close()

    threads = [threading.Thread(target=run, args=(paths,)) for paths in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failure(f"{len(failures)} connections failed: {failures[:3]}")
    return found


def turns(kinds, waits, width, rounds, since):
    """Paths for `width` connections, each with all kinds in turn, from another one on."""
    kinds = list(kinds)
    return [[f"/{kinds[(i + c) % len(kinds)]}/{waits[(i + c) % len(waits)]}/{since + c}-{i}"
             for i in range(len(kinds) * rounds)] for c in range(width)]


# A timer may be late, and a thread wait for another's lock, or for one that it starts.
SPARE = 2 * MS
ATTEMPTS = 3


def wrong(r, truth, stops):
    """What a request's ledger says that is not so; None."""
    _, kind, wait, _ = r["name"].split("/")
    ledger, asked = r["ledger_ns"], int(wait) * MS
    holds, awaits = KINDS[kind]
    lock, awaiting, lost = (ledger[name] for name in ("lock", "awaiting", "unattributed"))
    # Who is to wait may have to wait for a CPU before that, and the time runs already.
    late = ledger["queued"] + ledger["running"] + ledger["runnable"]
    least = asked - max(asked // 50, min(late, asked // 2))
    # All threads wait while the JVM stops them.
    stopped = pauses.within(stops, truth["begin"], truth["end"])
    spare = SPARE + stopped
    good = lost <= r["latency_ns"] // 20 and \
        holds * least <= lock <= holds * truth["held"] + spare and \
        awaits * least <= awaiting <= awaits * (truth["total"] - holds * least) + spare
    if good:
        return None
    return f"{r['name']}: lock {ms(lock)}, awaiting {ms(awaiting)}, unattributed {ms(lost)} " \
           f"of {ms(r['latency_ns'])}; held {ms(truth['held'])} of {ms(truth['total'])}, " \
           f"stopped {ms(stopped)}"


def misses(server, report, truth):
    """What is said wrong of the requests that were asked for; those that are not there, too."""
    stops = list(server.pauses())
    found = {r["name"]: r for r in report["requests"]}
    said = [wrong(found[name], one, stops) for name, one in truth.items() if name in found]
    return [f"{name} is missing" for name in truth if name not in found] + [w for w in said if w]


def told(t, attempt):
    """What attempt() asked for while it recorded is told right, but for one in 50: a machine that
    does other things too makes threads wait for each other, so that it is tried again."""
    for _ in range(ATTEMPTS):
        server, recording, report, truth = attempt()
        said = misses(server, report, truth)
        good = len(said) <= max(1, len(truth) // 50)
        if good:
            break
        t.note(f"again: {len(said)} of {len(truth)} requests are told wrong: {said[0]}")
    if good and said:
        t.note(f"{len(said)} of {len(truth)} requests are told wrong: {said[0]}")
    t.check(good, "\n".join(said[:20]))
    t.check("agent" not in recording.message(), f"said {recording.message()!r}")


SOME = ("delay", "io", "run", "actor", "default")


def recorded(t, server, *phases, end=lambda recording: recording.end().report()):
    """An attempt: each of the phases is for ask_all()."""
    def attempt():
        recording = t.record(server.pid, "--precise=agent")
        truth = {}
        for lists in phases:
            truth.update(ask_all(server.port, lists))
        return server, recording, end(recording), truth
    return attempt


def warm(server):
    ask_all(server.port, turns(KINDS, (2,), 2, 2, 0))


@test("agent: what each coroutine waits for, at four connections at once")
def stories(t):
    server = connections(t)
    warm(server)
    told(t, recorded(t, server, turns(KINDS, (11, 17), 4, 3, 100)))


@test("agent: the same, of one kind at a time")
def kinds_alone(t):
    server = connections(t)
    warm(server)
    told(t, recorded(t, server, *[turns([kind], (8, 13), 4, 4, 100) for kind in KINDS]))


@test("agent: the same, where more threads are wanted than a dispatcher has")
def queues(t):
    server = connections(t)
    warm(server)
    told(t, recorded(t, server, turns(["default"], (11, 17), 2 * (os.cpu_count() or 1), 12, 100)))


def redefined(path):
    """{class: how often}"""
    with open(path, encoding="utf-8") as file:
        return {name: int(count) for name, count in
                re.findall(r"redefined name=([\w.$]+), count=(\d+)", file.read())}


def left_behind(pid):
    return glob.glob("/tmp/libwaitscope-agent-*") + glob.glob(f"/tmp/.attach_pid{pid}")


@test("agent: a JVM's classes are what they were when each recording ends, and nothing is left")
def leaves(t):
    log = os.path.join(t.dir, "classes")
    server = connections(t, f"-Xlog:redefine+class+load=info:file={log}")
    warm(server)
    stop = threading.Event()
    failures = []

    def always():
        for i in range(10 ** 6):
            if stop.is_set():
                break
            try:
                ask_all(server.port, [[f"/{kind}/1/{i}" for kind in SOME]] * 2)
            except Failure as e:
                failures.append(str(e))

    load = threading.Thread(target=always)
    load.start()
    try:
        for count in (1, 2, 3):
            recording = t.record(server.pid, "--precise=agent")
            time.sleep(0.3)
            times = redefined(log)
            t.equal(set(times.values()), {2 * count - 1}, f"in recording {count}: {times}")
            recording.end()
            times = redefined(log)
            t.check(len(times) >= 3, f"classes that were changed: {times}")
            t.equal(set(times.values()), {2 * count}, f"behind recording {count}: {times}")
            t.equal(left_behind(server.pid), [], "files that were left")
    finally:
        stop.set()
        load.join()
    t.equal(failures, [], "requests that failed")
    told(t, recorded(t, server, turns(SOME, (7, 12), 3, 3, 1000)))
    t.equal(server.stderr(), "", "what the JVM says")
    t.check(server.alive(), "the JVM ended")


@test("agent: kill -9 of waitscope leaves a JVM that answers, and can be recorded again")
def killed(t):
    server = connections(t)
    warm(server)

    def kill(recording):
        time.sleep(1)  # what was drained is in the file by then
        load = threading.Timer(0.1, recording.kill)
        load.start()
        ask_all(server.port, turns(SOME, (7, 12), 3, 3, 600))
        load.join()
        return recording.report(code=5)

    told(t, recorded(t, server, turns(SOME, (7, 12), 3, 3, 500), end=kill))
    ask_all(server.port, turns(KINDS, (2,), 2, 1, 700))
    told(t, recorded(t, server, turns(SOME, (7, 12), 3, 3, 1000)))
    ask_all(server.port, turns(KINDS, (2,), 2, 1, 2000))
    t.equal(server.stderr(), "", "what the JVM says")
    t.equal(left_behind(server.pid), [], "files that were left")


@test("agent: without a JVM, or with one that does not listen, it is recorded all the same")
def refused(t):
    for options, says in ((("-Xrs", "-XX:+DisableAttachMechanism"), "it has -XX:+DisableAttach"),
                          (("-XX:+DisableAttachMechanism",), "it has -XX:+DisableAttach"),
                          (("-Xrs",), "")):
        server = connections(t, *options)
        warm(server)
        recording = t.record(server.pid, "--precise=agent")
        truth = ask_all(server.port, turns(("io",), (5,), 2, 4, 100))
        recording.end()
        said = recording.message()
        t.check(f"without an agent in the JVM: {says}" in said if says else "agent" not in said,
                f"of a JVM with {options} it said {said!r}")
        t.equal({r["name"] for r in recording.report()["requests"]}, set(truth), "requests")
        t.check(server.alive(), "the JVM ended")
        t.equal(server.more(), "", "threads it printed")
        t.equal(left_behind(server.pid), [], "files that were left")

    sleeper = t.start(["sleep", "60"])
    recording = t.record(sleeper.pid, "--precise=agent").end()
    t.check("no agent was loaded: no JVM was found" in recording.message(),
            f"of sleep it said {recording.message()!r}")
    t.check(sleeper.alive(), "sleep ended")
    out = os.path.join(t.dir, "x.wsc")
    for word in ("x", "", "agents"):
        code, _, said = t.run("record", f"--precise={word}", "-p", sleeper.pid, "-o", out)
        t.check(code == 2 and f"no --precise={word}:" in said, f"--precise={word}: {code}, {said}")
        t.check(not os.path.exists(out), "a capture was left")


def contained(t):
    """As in a container: another user, PID 1 of its own, and a /tmp that nobody else sees."""
    classes, *jars = class_path(t)
    script = """
        mount -t tmpfs -o mode=755 none /mnt && mkdir /mnt/classes /mnt/lib &&
        mount --bind "$1" /mnt/classes && mount --bind "$2" /mnt/lib &&
        mount -t tmpfs -o mode=1777 none /tmp && shift 2 && exec "$@"
    """
    path = ":".join(["/mnt/classes", *(f"/mnt/lib/{os.path.basename(jar)}" for jar in jars)])
    server = servers.start(t, [
        "unshare", "-m", "-p", "-f", "--mount-proc", "sh", "-c", script, "sh", classes,
        os.path.dirname(jars[0]), "setpriv", "--reuid", "65534", "--regid",
        "65534", "--clear-groups", "--pdeathsig", "SIGKILL", "java", *servers.JVM,
        "-Xlog:safepoint=info:file=/tmp/pauses:timenanos", "-cp", path, "ConnectionsKt"])
    with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
        server.pid = int(file.read())
    server.pauses = lambda: pauses.of_jvm(f"/proc/{server.pid}/root/tmp/pauses")
    return server


@test("agent: a JVM of another user with a PID namespace and a /tmp of its own")
def namespaces(t):
    server = contained(t)
    try:
        with open(f"/proc/{server.pid}/status", encoding="ascii") as file:
            status = file.read()
        t.check(re.search(r"Uid:\t65534\t", status) and re.search(r"NSpid:\t\d+\t1\n", status),
                f"its user and number: {status}")
        warm(server)
        for since in (1000, 2000):
            told(t, recorded(t, server, turns(SOME, (7, 12), 3, 3, since)))
        left = os.listdir(f"/proc/{server.pid}/root/tmp")
        t.check(not [name for name in left if "agent" in name or name.startswith(".attach")],
                f"in its /tmp: {left}")
        t.equal(left_behind(server.pid), [], "files that were left")
    finally:
        os.kill(server.pid, signal.SIGKILL)


def agent_at_work(pid, seconds=20):
    """Waits until the agent's library is loaded, and removed again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            if re.search(r"libwaitscope-agent\S* \(deleted\)", file.read()):
                return
        time.sleep(0.05)
    raise Failure(f"no agent came to process {pid}")


def child(pid, name, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        for one in children:
            with open(f"/proc/{one}/comm", encoding="utf-8") as file:
                if file.read().strip() == name:
                    return int(one)
        time.sleep(0.02)
    raise Failure(f"process {pid} has no child {name}")


@test("agent: a JVM from its first instruction, as soon as it listens")
def command(t):
    log = os.path.join(t.dir, "pauses")

    def attempt():
        port = free_port()
        recording = t.record(["java", *servers.JVM, f"-Xlog:safepoint=info:file={log}:timenanos",
                              "-cp", ":".join(class_path(t)), "ConnectionsKt", port],
                             "--precise=agent")
        recording.port, recording.pauses = port, lambda: pauses.of_jvm(log)
        wait_for(port)
        agent_at_work(child(recording.pid, "java"))
        warm(recording)
        truth = ask_all(port, turns(KINDS, (7, 12), 3, 1, 1000))
        return recording, recording, recording.end(code=130).report(), truth

    told(t, attempt)


def invents(r, truth, stops):
    """What is not told may be unattributed, or its thread's idleness be taken for its own, as it is
    without an agent; but who holds a thread awaits nothing, and nothing is longer than it was."""
    kind, ledger = r["name"].split("/")[1], r["ledger_ns"]
    spare = SPARE + pauses.within(stops, truth["begin"], truth["end"])
    if ledger["lock"] + ledger["awaiting"] > truth["total"] + spare or \
            ledger["awaiting"] > spare and not KINDS[kind][1]:
        return f"{r['name']}: {ledger}, truth {truth}"
    return None


def nothing_invented(t, server, report, truth):
    stops = list(server.pauses())
    found = {r["name"]: r for r in report["requests"]}
    said = [invents(found[name], one, stops) for name, one in truth.items()]
    said = [text for text in said if text]
    t.check(len(said) <= 1, "of the other: " + "\n".join(said))
    t.note(f"of the other {len(misses(server, report, truth))} of {len(truth)} are not told right")


@test("agent: Kotlin in two class loaders: all is told of one, and nothing invented of the other")
def loaders(t):
    classes = servers.built(t, servers.zoo("Loaders.java"), ["javac"])
    log = os.path.join(t.dir, "classes")
    server = servers.jvm(t, [f"-Xlog:redefine+class+load=info:file={log}", "-cp", classes,
                             "Loaders", "ConnectionsKt", ":".join(class_path(t))],
                         stdin=subprocess.PIPE)
    server.say("\n")
    ports = server.port, int(server.line().rpartition(":")[2])
    truths = [{}, {}]

    def ask_both(since, kinds=SOME, rounds=3):
        """Both at once: their threads and coroutines bear the same names."""
        def ask_one(i):
            lists = turns(kinds, (7, 12), 2, rounds, since + 10 * i)
            truths[i].update(ask_all(ports[i], lists))

        threads = [threading.Thread(target=ask_one, args=(i,)) for i in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def attempt():
        recording = t.record(server.pid, "--precise=agent")
        for truth in truths:
            truth.clear()
        ask_both(100)
        report = recording.end().report()
        t.equal([len(truth) for truth in truths], [2 * 3 * len(SOME)] * 2, "requests answered")
        one, other = sorted(truths, key=lambda truth: len(misses(server, report, truth)))
        nothing_invented(t, server, report, other)
        return server, recording, report, one

    ask_both(0, KINDS)
    told(t, attempt)
    ask_both(200)
    t.equal([len(truth) for truth in truths], [4 * 3 * len(SOME)] * 2, "requests answered after")
    t.equal({count % 2 for count in redefined(log).values()}, {0}, "how often classes were changed")
    t.equal(server.stderr(), "", "what the JVM says")
