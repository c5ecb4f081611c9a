"""What recording costs, briefly and with wide margins; `make bench` measures it in peace."""

import os
import time

from harness import test
from measure import (attach_times, best_ratio, end_time, exact_cost, in_turn, read_cost,
                     probe_runs as program_runs, redis_rate, run_statistics)


@test("cost: a read() that does not block costs the same with waitscope attached")
def read(t):
    found, _ = read_cost(t, 3, 1_000_000)
    best = best_ratio(found, min)
    t.note(f"ratio of the fastest {best:.3f}")
    t.check(best <= 1.15, f"a read costs {best:.2f} times as much")


@test("cost: redis-server serves nearly as much with waitscope attached, and nothing is lost")
def redis(t):
    found, lost = redis_rate(t, 3, 60000)
    best = best_ratio(found, max)
    t.note(f"ratio of the fastest {best:.3f}")
    t.check(best >= 0.8, f"throughput is {best:.2f} of untraced")
    t.equal(lost, 0, "records lost")


@test("cost: attached soon on 100 threads, and ended soon with many records")
def times(t):
    outside, own = attach_times(t, 3)
    t.note(f"attached in {min(outside):.3f} s at best, by its own account {min(own):.3f} s")
    t.check(min(outside) < 0.6, f"attached in {outside} s")
    took, records, lost, _ = end_time(t, 200_000, ["wsc"])
    t.note(f"ended in {took:.3f} s with {records} records, {lost} lost")
    t.check(took < 2, f"ended in {took:.2f} s")


def cpu_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test("cost: what a recording says of its own cost is what the kernel counted meanwhile")
def own(t):
    server = t.sample("threads")
    finish = t.load(server.port, ["/db/1/%d"], 1000000, 8, True, rate=2000, seconds=6,
                    background=True)
    old = set(program_runs())
    recording = t.record(server.pid)
    begun, cpu = time.monotonic(), cpu_of(recording.pid)
    time.sleep(2)
    with run_statistics():
        at, before = time.monotonic(), program_runs()
        time.sleep(1.5)
        after, took = program_runs(), time.monotonic() - at
    time.sleep(0.5)
    cpu, lasted = cpu_of(recording.pid) - cpu, time.monotonic() - begun
    recording.end()
    finish()
    counted = [(after[i][1] - before[i][1], after[i][2] - before[i][2])
               for i in before.keys() & after.keys() - old]
    runs, ns = (sum(column) / took for column in zip(*counted))
    cost = recording.report()["capture"]["cost"]
    probes, recorder = cost["probes"], cost["recorder"]
    t.note(f"{probes['runs_per_s']} runs/s, {probes['share']:.3%} of a CPU by {probes['windows']} "
           f"windows; counted {runs:.0f}, {ns / 1e9:.3%}; recorder {recorder['share']:.3%}, "
           f"{cpu / lasted:.3%} by its stat")
    t.check(probes["sample"] and probes["windows"] >= 2, f"no sample: {probes}")
    t.check(0.6 * runs < probes["runs_per_s"] < 1.6 * runs, "another number of runs")
    t.check(0.5 * ns < probes["share"] * 1e9 < 2 * ns, "another time of runs")
    t.check(abs(recorder["share"] - cpu / lasted) < 0.01, "another CPU time of the recorder")
    text = t.run("report", recording.path)[1]
    t.check("The recording took " in text and "by a sample of" in text, "the text does not say it")


@test("cost: with kernel.bpf_stats_enabled on all runs are counted")
def counted(t):
    server = t.redis()
    with run_statistics():
        recording = t.record(server.pid)
        in_turn(server.port, b"PING\r\n", 2000, lambda got: got.endswith(b"\r\n"))
        recording.end()
    probes = recording.report()["capture"]["cost"]["probes"]
    t.check(not probes["sample"], f"a sample: {probes}")
    runs = {p["name"]: p["runs"] for p in probes["programs"]}
    t.check(4000 <= runs["on_recv"] <= 4200, f"{runs} for 2,000 receives at each end")
    t.check("All runs were counted" in t.run("report", recording.path)[1], "the text does not say")


@test("cost: who may not have the probes counted is told so")
def uncounted(t):
    server = t.redis()
    path = os.path.join(t.dir, "uncounted.wsc")
    code, _, said = t.run("record", "-p", server.pid, "-d", "300ms", "-o", path,
                          prefix=["setpriv", "--bounding-set", "-all,+bpf,+perfmon,+dac_override"])
    if not t.equal(code, 0, f"exit code ({said})"):
        return
    cost = t.report(path)["capture"]["cost"]
    t.equal(cost["probes"], None, "what the probes took")
    t.check(cost["recorder"]["of_ns"] > 0, f"the recorder's: {cost['recorder']}")
    t.check("what the probes took was not counted" in t.run("report", path)[1], "not said")


def heads_end(got):
    return b"\r\n\r\n" in got and not got.endswith(b"\r\n\r\n")


# Requests one behind the other: the most records, bytes of capture and runs of probes for each.
# These are exact, but that probes run for every thread of the machine: the least of three counts.
EXACT = [
    ("redis", 1500, 3.1, 141, 9.8),        # 3.02 records, 138 bytes, 9.1 runs
    ("threads", 600, 12.2, 610, 37.5),     # 11.2 to 11.6, 569 to 584, 35.2
    ("eventloop", 600, 12.2, 610, 42.0),   # 11.2 to 11.4, 570 to 577, 37.0
]


@test("cost: so many records, bytes and runs of probes a request, and no more")
def exact(t):
    for name, count, records, size, runs in EXACT:
        if name == "redis":
            server = t.redis()
            ask, ends = b"PING\r\n", lambda got: got.endswith(b"\r\n")
        else:
            server = t.sample(name)
            ask, ends = b"GET /db/0/1 HTTP/1.1\r\nHost: x\r\n\r\n", heads_end
        every = [exact_cost(t, server.pid, lambda n: in_turn(server.port, ask, n, ends), count)
                 for _ in range(3)]
        found = min(every, key=lambda one: sum(times for times, _ in one[2].values()))
        ran = sum(times for times, _ in found[2].values())
        t.note(f"{name}: {found[0]:.2f} records, {found[1]:.0f} bytes, {ran:.1f} runs a request; "
               + ", ".join(f"{program} {times:.2f} x {ns:.0f} ns"
                           for program, (times, ns) in sorted(found[2].items()) if times > 0.5))
        t.check(found[0] <= records, f"{name}: {found[0]:.2f} records a request, at most {records}")
        t.check(found[1] <= size, f"{name}: {found[1]:.1f} bytes a request, at most {size}")
        t.check(ran <= runs, f"{name}: {ran:.1f} runs of probes a request, at most {runs}")
        t.check(found[0] >= 3, f"{name}: {found[0]:.2f} records cannot be all")
        server.end()
