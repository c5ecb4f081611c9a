"""harness: starts and ends processes, records them, reads reports, and counts tests.

A test is a function with one argument, a Case:

    @test("what must hold")
    def name(t):
        server = t.sample("pool")
        recording = t.record(server.pid)
        ...
        report = recording.end().report()
        t.check(report["requests"], "no request was found")

Every process that a Case starts is ended with it, by its PID, and dies with the suite should that
be killed. Nothing leaves the machine.
"""

import contextlib
import ctypes
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

MS = 1_000_000
S = 1_000_000_000

BUILD = ""
TESTS = []
_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What a test says when it cannot go on."""


class Unable(Exception):
    """This machine cannot run the test: said loudly, and a failure where CI is set."""


def test(title):
    def add(function):
        TESTS.append((title, function))
        return function

    return add


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def ms(ns):
    return f"{ns / MS:.3f} ms"


def schedstat(pid):
    """{tid: (running ns, runnable ns)} as the kernel counts them."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as file:
                found[int(tid)] = tuple(int(n) for n in file.read().split()[:2])
    return found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A process in the background, with what it wrote."""

    def __init__(self, argv, cwd=None, env=None, stdin=subprocess.DEVNULL, stderr=None):
        self.argv = argv
        self.stderr_path = stderr
        with open(stderr, "wb") if stderr else contextlib.nullcontext() as errors:
            self.popen = subprocess.Popen(
                argv, cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE,
                stderr=errors or subprocess.DEVNULL, preexec_fn=_die_with_parent)
        self.pid = self.popen.pid
        self.port = 0

    def line(self, seconds=20):
        """The next line it prints."""
        end = time.monotonic() + seconds
        out = b""
        while not out.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.popen.stdout], [], [], left)[0]:
                raise Failure(f"{self.argv[0]} said nothing for {seconds} s")
            byte = os.read(self.popen.stdout.fileno(), 1)
            if not byte:
                raise Failure(f"{self.argv[0]} ended: {self.stderr() or 'without a word'}")
            out += byte
        return out.decode(errors="replace").rstrip("\n")

    def say(self, text):
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def stderr(self):
        if not self.stderr_path:
            return ""
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def alive(self):
        return self.popen.poll() is None

    def wait(self, seconds=20):
        """Its exit status; -N when signal N ended it."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(self.argv[:3])} … did not end in {seconds} s") from None

    def end(self, number=signal.SIGTERM, seconds=10):
        if self.alive():
            self.popen.send_signal(number)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        return self.popen.returncode


class Recording:
    """waitscope record on a terminal of its own; it says there when it is attached."""

    def __init__(self, case, arguments, path, wait=True):
        self.case, self.path = case, path
        self.said = ""
        self.begin_ns = time.monotonic_ns()
        self.attached_ns = 0
        self._terminal, slave = pty.openpty()
        self.popen = subprocess.Popen(
            [case.waitscope, "record", *arguments], cwd=case.dir, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=slave, preexec_fn=_die_with_parent)
        os.close(slave)
        self.pid = self.popen.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            self.wait_attached()

    def _read(self):
        while True:
            try:
                got = os.read(self._terminal, 4096)
            except OSError:
                break
            if not got:
                break
            self.said += got.decode(errors="replace")
            if not self.attached_ns and ", attached in " in self.said:
                self.attached_ns = time.monotonic_ns()
        os.close(self._terminal)

    def wait_attached(self, seconds=20):
        end = time.monotonic() + seconds
        while not self.attached_ns:
            if self.popen.poll() is not None:
                self._reader.join(2)
                raise Failure(f"record ended with {self.popen.returncode}: {self.message()}")
            if time.monotonic() > end:
                raise Failure(f"record was not attached in {seconds} s: {self.message()}")
            time.sleep(0.005)

    def message(self):
        """What it said, without the progress line."""
        lines = re.sub(r"[^\n]*\r(?!\n)", "", self.said).replace("\r", "").split("\n")
        return "\n".join(l for l in lines if l and " events  " not in l)

    def alive(self):
        return self.popen.poll() is None

    def wait(self, seconds=30):
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"record did not end in {seconds} s") from None
        self._reader.join(5)
        return code

    def end(self, number=signal.SIGINT, code=0):
        """Ends it in order; the test fails when that went wrong."""
        if self.alive():
            self.popen.send_signal(number)
        got = self.wait()
        if got != code:
            raise Failure(f"record ended with {got}, not {code}: {self.message()}")
        return self

    def kill(self):
        if self.alive():
            self.popen.kill()
        self.popen.wait()

    def report(self, code=0):
        return self.case.report(self.path, code)

    def timeline(self):
        return self.case.timeline(self.path)


class Case:
    """One test as it runs."""

    checked = {"requests": 0, "captures": 0, "threads": 0}  # by all tests together
    breaches = []

    def __init__(self, title):
        self.title = title
        self.failures, self.notes = [], []
        self.waitscope = os.path.join(BUILD, "waitscope")
        self.dir = tempfile.mkdtemp(prefix="waitscope-live-")
        self.processes, self.recordings = [], []
        self._count = 0

    # ---- saying

    def check(self, good, why):
        if not good:
            self.failures.append(why)
        return bool(good)

    def equal(self, got, want, what):
        return self.check(got == want, f"{what}: {got!r}, not {want!r}")

    def note(self, text):
        self.notes.append(text)

    # ---- starting

    def start(self, argv, **options):
        self._count += 1
        options.setdefault("stderr", os.path.join(self.dir, f"stderr-{self._count}"))
        process = Process([str(a) for a in argv], **options)
        self.processes.append(process)
        return process

    def program(self, name):
        path = os.path.join(BUILD, name)
        if not os.path.exists(path):
            raise Failure(f"{path} is missing: run make all tests")
        return path

    def sample(self, name, *arguments, backend=True):
        """A server of samples/, with a backend of its own."""
        if name.endswith(".py"):
            argv = ["/usr/bin/python3", os.path.join("samples", name), "--port", "0"]
        else:
            argv = [self.program(f"samples/{name}"), "--port", "0"]
        kitchen = None
        if backend:
            kitchen = self.start([self.program("samples/backend"), "--port", "0"])
            kitchen.port = int(re.search(r":(\d+)", kitchen.line()).group(1))
            argv += ["--backend", str(kitchen.port)]
        server = self.start(argv + list(arguments))
        server.backend = kitchen
        server.port = int(re.search(r":(\d+)", server.line(40)).group(1))
        return server

    def redis(self, *arguments):
        port = free_port()
        server = self.start(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                             "--dir", self.dir, *arguments])
        server.port = port
        for _ in range(100):
            if self.start(["redis-cli", "-p", port, "ping"]).wait() == 0:
                return server
            time.sleep(0.05)
        raise Failure("redis-server does not answer")

    def load(self, port, paths, requests=0, connections=64, keepalive=True, rate=0, seconds=0,
             start_id=1, background=False):
        """Runs the project's load generator; returns its lines, one dict for each request."""
        argv = [self.program("samples/load"), "--port", port, "--start-id", start_id,
                "--connections", connections, "--deadline", 30]
        for path in paths:
            argv += ["--path", path]
        if requests:
            argv += ["--requests", requests]
        if seconds:
            argv += ["--duration", seconds]
        if rate:
            argv += ["--rate", rate]
        if not keepalive:
            argv += ["--no-keepalive"]
        self._count += 1
        out = os.path.join(self.dir, f"load-{self._count}.json")
        process = self.start(argv + ["-o", out])

        def finish():
            process.wait(60)
            process.end()
            with open(out, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            bad = [l for l in lines if l["error"]]
            if bad:
                raise Failure(f"load: {len(bad)} of {len(lines)} requests failed: {bad[0]}")
            return lines

        return finish if background else finish()

    def record(self, pid, *arguments, wait=True, path=None):
        """Records a process, or with a list of words a command."""
        self._count += 1
        path = path or os.path.join(self.dir, f"capture-{self._count}.wsc")
        if isinstance(pid, list):
            argv = [*arguments, "-o", path, "--", *[str(word) for word in pid]]
        else:
            argv = ["-p", str(pid), *[str(a) for a in arguments], "-o", path]
        recording = Recording(self, argv, path, wait)
        self.recordings.append(recording)
        return recording

    def run(self, *arguments, prefix=(), cwd=None, env=None, seconds=60):
        """waitscope in the foreground: exit code, standard output, standard error."""
        done = subprocess.run([*prefix, self.waitscope, *[str(a) for a in arguments]],
                              cwd=cwd or self.dir, env=env, capture_output=True, text=True,
                              errors="replace", timeout=seconds, stdin=subprocess.DEVNULL,
                              preexec_fn=_die_with_parent, check=False)
        return done.returncode, done.stdout, done.stderr

    # ---- reading

    def report(self, path, code=0):
        got, out, said = self.run("report", path, "--json")
        if got != code:
            raise Failure(f"report {os.path.basename(path)} ended with {got}, not {code}: {said}")
        report = json.loads(out)
        audit(self, report)
        return report

    def timeline(self, path):
        """The .json timeline: the header, and every other element by its type in lists."""
        out = path + ".json"
        code, _, said = self.run("convert", path, "-o", out)
        if code:
            raise Failure(f"convert ended with {code}: {said}")
        with open(out, encoding="utf-8") as file:
            elements = json.load(file)
        os.unlink(out)
        return Timeline(elements)

    # ---- ending

    def close(self):
        for recording in self.recordings:
            recording.kill()
        for process in reversed(self.processes):
            process.end()
        if os.environ.get("KEEP"):
            self.note(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


class Timeline:
    """The columns of a .json timeline, made into dicts."""

    def __init__(self, elements):
        self.header = elements[0]
        self.t0_ns = int(self.header["t0_ns"])
        self.strings, self.objects, self.requests = [], [], []
        self._threads = [e for e in elements[1:] if e["type"] == "thread"]
        for e in elements[1:]:
            if e["type"] != "thread":
                getattr(self, "_" + e["type"], lambda _: None)(e)

    def _strings(self, e):
        self.strings += e["values"]

    def _objects(self, e):
        for i in range(len(e["id"])):
            self.objects.append({
                "kind": self.header["object_kinds"][e["kind"][i]],
                "name": self.strings[e["name"][i]], "local": self.strings[e["local"][i]],
                "remote": self.strings[e["remote"][i]], "deleted": bool(e["deleted"][i])})

    def _requests(self, e):
        at = 0
        ledger = self.header["ledger"]
        for i in range(len(e["id"])):
            n = e["segments"][i]
            segments = [
                {"ns": e["seg_dt"][j], "key": ledger[e["seg_key"][j]],
                 "grade": self.header["grades"][e["seg_grade"][j]], "thread": e["seg_thread"][j]}
                for j in range(at, at + n)]
            at += n
            self.requests.append({
                "id": e["id"][i], "name": self.strings[e["name"][i]], "start": e["start"][i],
                "latency": e["latency"][i], "status": e["status"][i], "flags": e["flags"][i],
                "segments": segments})

    def intervals(self, tid):
        """A thread's dicts with start, ns, state, and for waits call, object, fd and so on."""
        return [i for e in self._threads if self.header["threads"][e["thread"]]["tid"] == tid
                for i in self._line(e)]

    def _line(self, e):
        thread = self.header["threads"][e["thread"]]
        at, wait = e["start"], 0
        states = self.header["states"]
        for dt, number in zip(e["dt"], e["state"]):
            one = {"start": at, "ns": dt, "state": states[number], "comm": thread["comm"],
                   "pid": thread["pid"]}
            if 2 <= number <= 7:
                obj = e["object"][wait]
                one.update(call=self.strings[e["call"][wait]], fd=e["fd"][wait],
                           object=self.objects[obj - 1] if obj else None,
                           waker=e["waker"][wait], arg=e["arg"][wait], flags=e["flags"][wait])
                wait += 1
            yield one
            at += dt


def audit(case, report):
    """What must hold in every report whatever was recorded; the test "ledger" tells the result."""
    def breach(text):
        Case.breaches.append(f"{case.title}: {text}")

    Case.checked["captures"] += 1
    for r in report["requests"]:
        Case.checked["requests"] += 1
        for key in ("ledger_ns", "grade_ns"):
            total = sum(r[key].values())
            if total != r["latency_ns"]:
                breach(f"{r['name']}: {key} adds up to {total}, latency is {r['latency_ns']}")
        waits = {}
        for w in r["waits"]:
            waits[w["state"]] = waits.get(w["state"], 0) + w["ns"]
            if w["start_ns"] < r["start_ns"] or \
                    w["start_ns"] + w["ns"] > r["start_ns"] + r["latency_ns"]:
                breach(f"{r['name']}: the wait in {w['call']} lies outside the request")
        if not r["parallel_ns"]:
            for state, ns in waits.items():
                if ns < r["ledger_ns"][state]:
                    breach(f"{r['name']}: {state} {r['ledger_ns'][state]}, its waits have {ns}")
    for process in report["processes"]:
        for thread in process["threads"]:
            Case.checked["threads"] += 1
            life = thread["end_ns"] - thread["start_ns"]
            total = sum(thread["state_ns"].values())
            who = f"thread {thread['tid']} {thread['comm']}"
            if total != life:
                breach(f"{who}: states add up to {total}, its life is {life}")
            for state in ("blocked", "yielded", "lock", "sleep", "fault", "other"):
                ns = sum(w["ns"] for w in thread["waits"] if w["state"] == state)
                if ns != thread["state_ns"][state]:
                    breach(f"{who}: waits in {state} {ns}, its state_ns {thread['state_ns'][state]}")


def threads_of(report):
    return [t for p in report["processes"] for t in p["threads"]]


def process_of(report, pid):
    for p in report["processes"]:
        if p["pid"] == pid:
            return p
    raise Failure(f"process {pid} is not in the report")


def thread_of(report, tid):
    for t in threads_of(report):
        if t["tid"] == tid:
            return t
    raise Failure(f"thread {tid} is not in the report")


# ---- running

def _one(title, function):
    case = Case(title)
    begun = time.monotonic()
    unable = None
    try:
        function(case)
    except Unable as u:
        unable = str(u)
    except Failure as f:
        case.failures.append(str(f))
    except Exception:  # a test that breaks is a test that failed
        case.failures.append(traceback.format_exc(limit=4).strip())
    finally:
        case.close()
    took = time.monotonic() - begun
    if unable and not case.failures and not os.environ.get("CI"):
        print(f"UNABLE {title}: {unable}", flush=True)
        return None
    if unable:
        case.failures.append(f"cannot run here: {unable}")
    print(f"{'FAIL' if case.failures else 'ok'}   {title} ({took:.1f} s)", flush=True)
    for note in case.notes:
        print(f"       {note}")
    shown = case.failures[:12]
    for failure in shown:
        print("       ! " + failure.replace("\n", "\n         "))
    if len(case.failures) > len(shown):
        print(f"       ! and {len(case.failures) - len(shown)} more")
    sys.stdout.flush()
    return not case.failures


def able():
    """None, or why probes cannot be tried on this machine."""
    if os.geteuid() != 0:
        return "live tests need root"
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return "live tests need BTF (/sys/kernel/btf/vmlinux)"
    return None


def run(suite, build, patterns, before_sum=lambda: None):
    """Runs the tests whose title or function has one of `patterns` in it; the exit status."""
    global BUILD
    BUILD = os.path.abspath(build)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    why = able()
    if why:
        print(f"{suite}: NOT RUN: {why}")
        print(f"{suite}: 0 passed, {1 if os.environ.get('CI') else 0} failed")
        return 1 if os.environ.get("CI") else 0
    passed = failed = 0
    for title, function in TESTS:
        if patterns and not any(p in function.__name__ or p in title for p in patterns):
            continue
        good = _one(title, function)
        passed += good is True
        failed += good is False
    before_sum()
    print(f"{suite}: {passed} passed, {failed} failed")
    return 1 if failed else 0
