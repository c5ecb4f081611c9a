"""Sums: the kernel's own account of each thread, and what every report of this suite added up to.

Comes last: it tells of all captures before it."""

import time

from harness import Case, Failure, ms, schedstat, test, threads_of

# A share of the time, so much in all, or so much a wait, whose ends are by two clocks that are read
# one after the other: what is most.
RELATIVE, ABSOLUTE, EACH = 0.005, 200_000, 100


def once(t, server, drive):
    """One recording: how far each thread is off, in words, for those that are too far; and all
    of it in a line."""
    time.sleep(0.3)  # idle at both ends
    before = schedstat(server.pid)
    recording = t.record(server.pid)
    drive()
    time.sleep(0.3)
    recording.end()
    after = schedstat(server.pid)
    report = recording.report()
    t.equal(report["capture"]["lost"]["records"], 0, "lost records")
    worst, total, far, count = 0, 0, [], 0
    for thread in threads_of(report):
        tid = thread["tid"]
        if tid not in before or tid not in after:
            continue
        count += 1
        waits = sum(w["count"] for w in thread["waits"])
        for key, i in (("running", 0), ("runnable", 1)):
            kernel, own = after[tid][i] - before[tid][i], thread["state_ns"][key]
            total += kernel
            worst = max(worst, abs(kernel - own))
            if abs(kernel - own) > max(ABSOLUTE, kernel * RELATIVE, waits * EACH):
                far.append(f"{thread['comm']} {tid}: {key} {ms(own)}, the kernel says "
                           f"{ms(kernel)}; {waits} waits")
    t.check(count, "no thread was there at both ends")
    return far, f"{count} threads, {ms(total)} by the kernel, worst difference {ms(worst)}"


def compare(t, server, drive):
    """Running and runnable of each thread against schedstat, read just outside the recording.

    A virtual machine may stand still for a moment between the kernel's look at the clock and
    ours."""
    far, summary = once(t, server, drive)
    t.note(summary)
    for line in far:
        t.within(False, line)


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
    server = t.redis("--hz", "1")

    def drive():
        bench = t.start(["redis-benchmark", "-p", server.port, "-t", "get", "-c", "50", "-n", "80000",
                         "-q"])
        if bench.wait(30):
            raise Failure("redis-benchmark failed")

    compare(t, server, drive)


@test("ledger: every request of every capture adds up to its latency, every thread to its life",
      most=1)
def ledger(t):
    got = Case.checked
    for breach in Case.breaches[:20]:
        t.check(False, breach)
    t.check(not Case.breaches, f"{len(Case.breaches)} breaches")
    t.note(f"{got['requests']} requests and {got['threads']} threads in {got['captures']} captures")
