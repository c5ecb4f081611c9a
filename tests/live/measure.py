"""What recording costs, measured: for tests/bench with the goals, for tests/live with margins."""

import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import time

import servers
from harness import S, Failure, free_port


def told(recording, what):
    """How many `what` ("events", "lost") a recording had, as it said in the end."""
    return int(re.search(r"([\d,]+) " + what, recording.message()).group(1).replace(",", ""))


def pairs(t, pid, count, once):
    """`once` untraced and traced in turn, the first of a pair changing; [(untraced, traced)].

    Also the records lost over all of them."""
    found, lost = [], 0

    def traced():
        nonlocal lost
        recording = t.record(pid)
        result = once()
        recording.end()
        lost += told(recording, "lost")
        os.unlink(recording.path)
        return result

    for i in range(count):
        if i % 2:
            with_it = traced()
            found.append((once(), with_it))
        else:
            without = once()
            found.append((without, traced()))
    return found, lost


def ratio(found):
    """Median of traced ÷ untraced, and the lowest and highest."""
    ratios = sorted(b / a for a, b in found)
    return statistics.median(ratios), ratios[0], ratios[-1]


def best_ratio(found, best):
    """Of the best traced and the best untraced (`best` is min or max): what is left of the ratio
    on a machine that does other things too."""
    return best(b for _, b in found) / best(a for a, _ in found)


def read_cost(t, count, reads, bystander=False):
    """Pairs of nanoseconds that one read() takes which does not block; `bystander`: while somebody
    else is traced."""
    traced = t.start(["sleep", "3600"]) if bystander else None
    loop = t.start([t.program("tests/live/readloop"), reads], stdin=-1)
    loop.line()

    def once():
        loop.say("go\n")
        return int(loop.line()) / reads

    once()
    return pairs(t, traced.pid if traced else loop.pid, count, once)


def storm(t, *argv):
    process = t.start([t.program("tests/live/storm"), *argv], stdin=-1)
    process.line()
    return process


def storm_once(process):
    """Waits a second, of one storm."""
    process.say("go\n")
    waits, ns = re.match(r"(\d+) waits in (\d+) ns", process.line(120)).groups()
    return int(waits) / int(ns) * S


def switch_rate(t, count, waits):
    """Pairs of waits a second of two threads that share a CPU and wake each other."""
    process = storm(t, "-n", waits)
    storm_once(process)
    return pairs(t, process.pid, count, lambda: storm_once(process))


def switch_program(t, bystander):
    """Nanoseconds of a run of sched_switch's program while such threads are traced, or others."""
    process = storm(t, "-n", 400_000)
    traced = t.start(["sleep", "3600"]) if bystander else process
    with run_statistics():
        recording = t.record(traced.pid)
        before = probe_runs()
        storm_once(process)
        after = probe_runs()
        recording.end()
    runs = ns = 0
    for number, (name, times, took) in after.items():
        if name == "on_switch" and number in before:
            runs, ns = runs + times - before[number][1], ns + took - before[number][2]
    process.end()
    return ns / runs


def wait_cost(t, rate, seconds):
    """What it takes to record `rate` waits a second on two CPUs: records, lost, bytes a record in
    the file and after gzip, the recorder's share of a CPU, and its memory in bytes."""
    process = storm(t, "-c", 2, "-r", rate, seconds)
    recording = t.record(process.pid)
    before = cpu_of_process(recording.popen.pid)
    storm_once(process)
    cpu = (cpu_of_process(recording.popen.pid) - before) / seconds
    with open(f"/proc/{recording.popen.pid}/status", encoding="ascii") as file:
        peak = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) * 1024
    recording.end()
    process.end()
    records, lost = told(recording, "events"), told(recording, "lost")
    packed = subprocess.run(["gzip", "-c", recording.path], stdout=subprocess.PIPE, check=True).stdout
    size = os.path.getsize(recording.path)
    os.unlink(recording.path)
    return {"records": records, "lost": lost, "bytes": size / records,
            "gzip": len(packed) / records, "cpu": cpu, "peak": peak}


def redis_rate(t, count, requests):
    """Pairs of requests a second that redis-benchmark reaches."""
    server = t.redis()

    def once():
        bench = t.start(["redis-benchmark", "-p", server.port, "-t", "get", "-c", "50", "-n", requests,
                         "-q", "--csv"])
        if bench.wait(60):
            raise Failure("redis-benchmark failed")
        out = bench.popen.stdout.read().decode()
        return float(re.search(r'^"GET","([\d.]+)"', out, re.M).group(1))

    once()
    return pairs(t, server.pid, count, once)


def in_turn(port, ask, count, ends):
    """`count` requests on one connection, each when the one before was answered."""
    with socket.create_connection(("127.0.0.1", port), 5) as conn:
        for _ in range(count):
            conn.sendall(ask)
            got = b""
            while not ends(got):
                more = conn.recv(4096)
                if not more:
                    raise Failure("the server closed the connection")
                got += more


def probe_runs():
    """{id: (name, runs, nanoseconds)} of every BPF program, while statistics are on."""
    out = subprocess.run(["bpftool", "prog", "show", "-j"], stdout=subprocess.PIPE, check=True).stdout
    return {p["id"]: (p.get("name", ""), p.get("run_cnt", 0), p.get("run_time_ns", 0))
            for p in json.loads(out)}


@contextlib.contextmanager
def run_statistics():
    """The kernel counts how often each program runs, and for how long (some 30 ns dearer)."""
    path = "/proc/sys/kernel/bpf_stats_enabled"
    with open(path, encoding="ascii") as file:
        was = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write("1")
    try:
        yield
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(was)


def exact_cost(t, pid, work, count):
    """What `count` requests cost, each: records, bytes of capture, and {program: (runs, ns a run)}.

    Not noisy as times are: one connection asks, one request behind the other."""
    with run_statistics():
        recording = t.record(pid)
        before = probe_runs()
        work(count)
        after = probe_runs()
        recording.end()
    runs = {}
    for number, (name, times, ns) in after.items():
        _, old, old_ns = before.get(number, (name, 0, 0))
        if number in before and times > old:
            runs[name] = (times - old) / count, (ns - old_ns) / (times - old)
    return told(recording, "events") / count, os.path.getsize(recording.path) / count, runs


FASTAPI = """
import aiofiles, asyncio, fastapi
app = fastapi.FastAPI()
@app.get("/hello")
async def hello():
    return "hello"
@app.get("/sleep")
async def sleep():
    await asyncio.sleep(0.001)
@app.get("/aiofiles")
async def aio():
    async with aiofiles.open(__file__) as file:
        return len(await file.read())
"""


def connect(server, port):
    """Once it answers: eight connections."""
    for _ in range(200):
        try:
            server.conns = [socket.create_connection(("127.0.0.1", port), 5)]
            break
        except OSError:
            time.sleep(0.05)
    else:
        raise Failure(f"{server.argv[0]} does not answer: {server.stderr()}")
    server.conns += [socket.create_connection(("127.0.0.1", port), 5) for _ in range(7)]
    return server


def fastapi(t, loop):
    with open(os.path.join(t.dir, "costly.py"), "w", encoding="ascii") as file:
        file.write(FASTAPI)
    port = free_port()
    server = t.start(["/usr/bin/python3", "-m", "uvicorn", "costly:app", "--port", port,
                      "--log-level", "warning", "--loop", loop], cwd=t.dir)
    return connect(server, port)


def kotlin(t):
    """As it is run: by default the JVM compiles twice, and collects beside what runs."""
    with open(os.path.join(t.dir, "1-1"), "w", encoding="ascii") as file:
        file.write("x\n")
    path = servers.kotlin_built(t, servers.zoo("Coroutines.kt"))
    server = servers.start(t, ["java", "-Xmx512m", "-Dsun.net.httpserver.nodelay=true",
                               "-cp", ":".join(path), "CoroutinesKt", t.dir])
    return connect(server, server.port)


def cpu_of_process(pid):
    """Seconds that its threads ran: the clock that clock_getcpuclockid(3) tells of."""
    return time.clock_gettime((~pid << 3) | 2)


def fastapi_cost(t, loop, path, count, requests):
    return server_cost(t, fastapi(t, loop), path, "--precise", count, requests)


def kotlin_cost(t, path, count, requests):
    return server_cost(t, kotlin(t), path, "--precise=agent", count, requests, 20_000)


def server_cost(t, server, path, precise, count, requests, warm=80):
    """Of each round the server's CPU seconds a request: untraced, by default, with `precise`; in
    another order each time. Eight connections ask at once, again and again. What is compiled while
    it runs is, behind `warm` requests before each."""
    ask = f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()

    def once(n=requests):
        begin = cpu_of_process(server.pid)
        for _ in range(n // len(server.conns)):
            for conn in server.conns:
                conn.sendall(ask)
            for conn in server.conns:
                got = b""
                while b"\r\n\r\n" not in got or got.endswith(b"\r\n\r\n"):
                    got += conn.recv(4096)
                if not got.startswith(b"HTTP/1.1 200 "):
                    raise Failure(f"it answered {got[:80]!r}")
        return (cpu_of_process(server.pid) - begin) / n

    def recorded(*options):
        recording = t.record(server.pid, *options)
        once(warm)
        took = once()
        recording.end()
        os.unlink(recording.path)
        return took

    def untraced():
        once(warm)
        return once()

    ways = [untraced, recorded, lambda: recorded(precise)]
    once()
    found = []
    for i in range(count):
        order = [(i + k) % 3 for k in range(3)]
        took = {way: ways[way]() for way in order}
        found.append([took[way] for way in range(3)])
    server.end()
    return found


def attach_times(t, count, others=100):
    """On a process of so many threads and one, seconds of each attach: from the start of waitscope
    until it says that the probes are on and every thread is known; and what it says that took."""
    process = t.start([t.program("tests/bench/herd"), others, 1], stdin=-1)
    process.line()
    for _ in range(200):
        threads = len(os.listdir(f"/proc/{process.pid}/task"))
        if threads == others + 1:
            break
        time.sleep(0.05)
    else:
        raise Failure(f"{threads} threads, not {others + 1}")
    outside, own = [], []
    for _ in range(count):
        recording = t.record(process.pid)
        outside.append((recording.attached_ns - recording.begin_ns) / S)
        said = re.search(rf"{others + 1} threads, attached in ([\d.]+) (ms|s|us)", recording.said)
        if not said:
            raise Failure(f"it said {recording.said!r}")
        own.append(float(said.group(1)) * {"s": 1, "ms": 1e-3, "us": 1e-6}[said.group(2)])
        recording.end()
    return outside, own


def end_time(t, waits, suffixes):
    """Seconds from SIGINT to the end of waitscope, records, lost, and bytes of each file."""
    process = storm(t, "-n", waits)
    outputs = [f"{t.dir}/storm-{time.monotonic_ns()}.{s}" for s in suffixes]
    more = [word for o in outputs[1:] for word in ("-o", o)]
    recording = t.record(process.pid, *more, path=outputs[0])
    storm_once(process)
    begun = time.monotonic_ns()
    recording.popen.send_signal(signal.SIGINT)
    if recording.wait(120):
        raise Failure(f"record failed: {recording.message()}")
    took = (time.monotonic_ns() - begun) / S
    records, lost = told(recording, "events"), told(recording, "lost")
    sizes = [os.path.getsize(o) for o in outputs]
    for o in outputs:
        os.unlink(o)
    return took, records, lost, sizes
