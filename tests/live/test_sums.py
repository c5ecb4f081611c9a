"""Sums: the kernel's own account of each thread, and what every report of this suite added up to.

Comes last: it tells of all captures before it."""

import time

from harness import Case, Failure, free_port, ms, schedstat, test, threads_of

RELATIVE, ABSOLUTE = 0.005, 200_000


def compare(t, server, drive):
    """Running and runnable of each thread against schedstat, read just outside the recording."""
    time.sleep(0.3)  # idle at both ends
    before = schedstat(server.pid)
    recording = t.record(server.pid)
    drive()
    time.sleep(0.3)
    recording.end()
    after = schedstat(server.pid)
    report = recording.report()
    t.equal(report["capture"]["lost"]["records"], 0, "lost records")
    worst, count, total = 0, 0, 0
    for thread in threads_of(report):
        tid = thread["tid"]
        if tid not in before or tid not in after:
            continue
        count += 1
        for key, i in (("running", 0), ("runnable", 1)):
            kernel, own = after[tid][i] - before[tid][i], thread["state_ns"][key]
            off = abs(kernel - own)
            total += kernel
            worst = max(worst, off)
            t.check(off <= max(ABSOLUTE, kernel * RELATIVE),
                    f"{thread['comm']} {tid}: {key} {ms(own)}, the kernel says {ms(kernel)}")
    t.check(count, "no thread was there at both ends")
    t.note(f"{count} threads, {ms(total)} by the kernel, worst difference {ms(worst)}")


@test("schedstat: pool's threads run and wait for a CPU as long as the kernel says")
def pool(t):
    server = t.sample("pool")
    t.load(server.port, ["/db/1/%d"], 50, 8, False)
    compare(t, server, lambda: t.load(
        server.port, ["/db/1/%d", "/compute/2/%d", "/file/%d", "/lock/1/%d"], 800, 16, False))


@test("schedstat: eventloop's thread runs and waits for a CPU as long as the kernel says")
def eventloop(t):
    server = t.sample("eventloop")
    t.load(server.port, ["/db/1/%d"], 50, 8)
    compare(t, server, lambda: t.load(
        server.port, ["/db/1/%d", "/compute/1/%d", "/sleep/1/%d"], 3000, 32))


@test("schedstat: redis-server's threads run and wait for a CPU as long as the kernel says")
def redis(t):
    port = free_port()
    server = t.start(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                      "--hz", "1", "--dir", t.dir])
    wait_for_redis(t, port)

    def drive():
        bench = t.start(["redis-benchmark", "-p", port, "-t", "get", "-c", "50", "-n", "80000",
                         "-q"])
        if bench.wait(30):
            raise Failure("redis-benchmark failed")

    compare(t, server, drive)


def wait_for_redis(t, port):
    for _ in range(100):
        if t.start(["redis-cli", "-p", port, "ping"]).wait() == 0:
            return
        time.sleep(0.05)
    raise Failure("redis-server does not answer")


@test("ledger: every request of every capture adds up to its latency, every thread to its life")
def ledger(t):
    got = Case.checked
    for breach in Case.breaches[:20]:
        t.check(False, breach)
    t.check(not Case.breaches, f"{len(Case.breaches)} breaches")
    t.note(f"{got['requests']} requests and {got['threads']} threads in {got['captures']} captures")
