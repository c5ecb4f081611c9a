"""Each kind of wait, of a known length on a known object, as tests/live/states.c makes it."""

import os
import re
import time

from harness import MS, Failure, ms, process_of, test, thread_of, threads_of

# kind → state, calls that a machine may make of it
KINDS = {
    "read_pipe": ("blocked", {"read"}),
    "readv_pipe": ("blocked", {"readv"}),
    "write_pipe": ("blocked", {"write"}),
    "splice_pipe": ("blocked", {"splice"}),
    "read_eventfd": ("blocked", {"read"}),
    "read_timerfd": ("blocked", {"read"}),
    "read_tty": ("blocked", {"read"}),
    "recv_accepted": ("blocked", {"recvfrom"}),
    "recvmsg_tcp": ("blocked", {"recvmsg"}),
    "send_tcp": ("blocked", {"sendto"}),
    "recv_unix": ("blocked", {"recvfrom"}),
    "accept": ("blocked", {"accept", "accept4"}),
    "connect_full": ("blocked", {"connect"}),
    "read_cold": ("blocked", {"read"}),
    "pread_cold": ("blocked", {"pread64"}),
    "read_brief": ("blocked", {"read"}),
    "read_unlinked": ("blocked", {"read"}),
    "sendfile_cold": ("blocked", {"sendfile"}),
    "fsync": ("blocked", {"fsync"}),
    "page_fault": ("fault", {""}),
    "flock": ("blocked", {"flock"}),
    "fcntl_lock": ("blocked", {"fcntl"}),
    "openat_fifo": ("blocked", {"openat"}),
    "poll_one": ("blocked", {"poll", "ppoll"}),
    "ppoll_one": ("blocked", {"ppoll"}),
    "poll_two": ("yielded", {"poll", "ppoll"}),
    "poll_none": ("sleep", {"poll", "ppoll"}),
    "select_one": ("blocked", {"select", "pselect6"}),
    "select_old": ("blocked", {"select", "pselect6"}),
    "select_two": ("yielded", {"select", "pselect6"}),
    "select_none": ("sleep", {"select", "pselect6"}),
    "epoll_old": ("yielded", {"epoll_wait", "epoll_pwait"}),
    "epoll_signals": ("yielded", {"epoll_pwait"}),
    "epoll_new": ("yielded", {"epoll_pwait2"}),
    "uring_enter": ("yielded", {"io_uring_enter"}),
    "futex": ("lock", {"futex"}),
    "condition": ("lock", {"futex"}),
    "sleep_old": ("sleep", {"nanosleep"}),
    "sleep_new": ("sleep", {"clock_nanosleep"}),
    "wait_pid": ("other", {"wait4"}),
    "wait_id": ("other", {"waitid"}),
    "wait_vfork": ("other", {"vfork", "clone", "clone3"}),
    "pause": ("other", {"pause", "ppoll"}),
    "suspend": ("other", {"rt_sigsuspend"}),
    "semaphore": ("other", {"semop", "semtimedop"}),
    "compute": ("running", set()),
}
# These take what the disk takes.
DISK = {"read_cold", "pread_cold", "read_brief", "read_unlinked", "sendfile_cold", "fsync",
        "page_fault"}
TOLERANCE = 200_000  # ns
BYSTANDER = 2  # an interval's flag: its waker was one
# On the loopback the receiving end of the socket runs in the sender; a file system computes.
STRAY_FAULTS = 10 * MS
TOLERANCES = {"send_tcp": 3 * MS, **{kind: 2 * MS for kind in DISK}}


def start(t, kinds, wait_ms, **options):
    process = t.start([t.program("tests/live/states"), wait_ms, *kinds], stdin=-1, **options)
    process.line()
    return process


def finish(process):
    """{kind: (tid, begin ns, end ns, object)}"""
    truths = {}
    while (line := process.line(30)) != "done":
        kind, tid, begin, end, error, name = line.split("\t")
        if int(error):
            raise Failure(f"states: {kind} failed: {os.strerror(int(error))}")
        truths[kind] = (int(tid), int(begin), int(end), name)
    return truths


def record(t, kinds, wait_ms):
    """The process, what it says of its waits, and the recording that holds all of them."""
    process = start(t, kinds, wait_ms)
    recording = t.record(process.pid)
    process.say("go\n")
    truths = finish(process)
    return process, truths, recording.end()


def clip(intervals, begin, end):
    """The intervals within [begin, end), cut to it."""
    for i in intervals:
        first, last = max(i["start"], begin), min(i["start"] + i["ns"], end)
        if last > first:
            yield i, last - first


def compare(t, kind, truth, timeline):
    state, calls = KINDS[kind]
    tid, begin, end, name = truth
    took, seen = end - begin, {}
    waits = []
    for i, ns in clip(timeline.intervals(tid), begin - timeline.t0_ns, end - timeline.t0_ns):
        seen[i["state"]] = seen.get(i["state"], 0) + ns
        if "call" in i:
            waits.append(i)
    told = ", ".join(f"{s} {ms(ns)}" for s, ns in seen.items())
    if not t.check(sum(seen.values()) == took, f"{kind}: {ms(took)} by the clock, {told} seen"):
        return
    if kind not in DISK and kind != "compute":
        t.check(took >= 90 * MS, f"states: {kind} took {ms(took)} only")
    # Dozens of threads map and touch memory at once: a short fault of any of them is true, too.
    strays = [w for w in waits if w["state"] == "fault" != state]
    stray_ns = seen["fault"] if strays else 0
    t.check(stray_ns <= STRAY_FAULTS, f"{kind}: {ms(stray_ns)} in page faults")
    waits = [w for w in waits if w not in strays]
    rest = took - seen.get(state, 0) - seen.get("runnable", 0) - stray_ns
    t.check(rest <= TOLERANCES.get(kind, TOLERANCE), f"{kind}: {ms(took)} by the clock, of it {told}")
    for w in waits:
        t.equal(w["state"], state, f"{kind}: state of the wait in {w['call'] or 'no call'}")
        t.check(w["call"] in calls, f"{kind}: call {w['call']!r}, not one of {sorted(calls)}")
        got = w["object"]["name"] if w["object"] else ""
        t.equal(got, name, f"{kind}: object")
    t.check(waits or state == "running", f"{kind}: no wait was seen, {told}")
    t.equal({i["comm"] for i in timeline.intervals(tid)}, {kind}, f"{kind}: the thread's name")


# Dozens of waits, each to 200 us.
@test("states: every kind of wait has its state, call, object and length", most=3)
def every_kind(t):
    process, truths, recording = record(t, KINDS, 100)
    report, timeline = recording.report(), recording.timeline()
    t.equal(report["capture"]["lost"]["records"], 0, "lost records")
    for kind, truth in truths.items():
        compare(t, kind, truth, timeline)
    objects(t, truths, timeline)
    children(t, truths, report, process.pid)
    threads(t, truths, report)


def object_of(truths, timeline, kind):
    for i in timeline.intervals(truths[kind][0]):
        if i.get("object") and i["call"] in KINDS[kind][1] and i["object"]["name"] == \
                truths[kind][3]:
            return i["object"]
    return {"kind": None, "local": None, "remote": None, "deleted": None}


def objects(t, truths, timeline):
    kinds = {"read_pipe": "pipe", "read_eventfd": "eventfd", "read_timerfd": "timer",
             "read_tty": "tty", "recv_accepted": "accepted", "recvmsg_tcp": "connected",
             "accept": "listener", "connect_full": "connected", "recv_unix": "socket",
             "read_cold": "file", "epoll_old": "epoll", "uring_enter": "io_uring",
             "futex": "futex", "openat_fifo": "path", "page_fault": None}
    for kind, want in kinds.items():
        t.equal(object_of(truths, timeline, kind)["kind"], want, f"{kind}: kind of the object")
    address = re.compile(r"127\.0\.0\.1:\d+")
    for kind in ("recv_accepted", "recvmsg_tcp", "send_tcp"):
        got = object_of(truths, timeline, kind)
        for end in ("local", "remote"):
            t.check(got[end] and address.fullmatch(got[end]), f"{kind}: {end} is {got[end]!r}")
        t.check(got["local"] != got["remote"], f"{kind}: both ends are {got['local']}")
    t.equal(object_of(truths, timeline, "read_unlinked")["deleted"], True,
            "read_unlinked: deleted")
    t.equal(object_of(truths, timeline, "read_cold")["deleted"], False, "read_cold: deleted")


def children(t, truths, report, pid):
    """wait_pid and wait_id forked one child each, which slept."""
    found = [p for p in report["processes"] if p["comm"] == "child"]
    t.equal(len(found), 2, "children found")
    for p in found:
        t.equal(p["parent"], pid, "a child's parent")
        slept = sum(w["ns"] for w in p["threads"][0]["waits"] if w["call"] == "clock_nanosleep")
        t.within(99 * MS < slept < 130 * MS, f"a child slept {ms(slept)}")


def threads(t, truths, report):
    """They were made and ended within the capture, and are shown as long as they lived."""
    for kind, (tid, begin, end, _) in truths.items():
        thread = thread_of(report, tid)
        life = thread["end_ns"] - thread["start_ns"]
        t.check(life >= end - begin, f"{kind}: lived {ms(life)}, its call took {ms(end - begin)}")
        t.check(thread["end_ns"] < report["capture"]["duration_ns"], f"{kind}: did not end")
        t.equal(thread["state_ns"]["unknown"], 0, f"{kind}: unknown")


SLEEPERS = """
import hashlib, threading, time
print("ready", flush=True)
input()
sleepers = [threading.Thread(target=lambda: [time.sleep(.02) for _ in range(20)]) for _ in range(3)]
for one in sleepers:
    one.start()
while any(one.is_alive() for one in sleepers):
    hashlib.sha256(bytes(4_000_000))  # without the interpreter's lock
"""


@test("states: a timer that interrupts a computing thread is not that thread's wake-up")
def timer_wakes(t):
    """On one CPU that computes all the time, in user mode."""
    process = t.start(["taskset", "-c", min(os.sched_getaffinity(0)), "/usr/bin/python3", "-c",
                       SLEEPERS], stdin=-1)
    process.line()
    recording = t.record(process.pid)
    process.say("go\n")
    process.wait(30)
    recording.end()
    timeline, report = recording.timeline(), recording.report()
    ends = [i for thread in threads_of(report)
            for i in timeline.intervals(thread["tid"]) if i.get("call") == "clock_nanosleep"]
    t.check(len(ends) >= 50, f"{len(ends)} sleeps were seen, not 60")
    named = [i for i in ends if i["waker"] == process.pid and not i["flags"] & BYSTANDER]
    t.equal(len(named), 0, f"of {len(ends)} sleeps ended by the thread that computes")


LONG = ["read_pipe", "recv_accepted", "poll_one", "poll_two", "select_one", "futex", "sleep_new"]


@test("states: waits of more than 2^32 ns, which a short record cannot tell")
def long_waits(t):
    _, truths, recording = record(t, LONG, 4400)
    timeline = recording.timeline()
    for kind, (tid, begin, end, name) in truths.items():
        waits = [i for i, _ in clip(timeline.intervals(tid), begin - timeline.t0_ns,
                                    end - timeline.t0_ns) if "call" in i]
        if not t.check(waits, f"{kind}: no wait was seen"):
            continue
        wait = max(waits, key=lambda i: i["ns"])
        t.equal(wait["state"], KINDS[kind][0], f"{kind}: state")
        t.check(wait["call"] in KINDS[kind][1], f"{kind}: call {wait['call']!r}")
        t.equal(wait["object"]["name"] if wait["object"] else "", name, f"{kind}: object")
        said = f"{kind}: {ms(wait['ns'])}, by the clock {ms(end - begin)}"
        t.check(2**32 < wait["ns"] <= end - begin, said)
        t.within(end - begin - wait["ns"] < 20 * MS, said)


OPEN = ["read_pipe", "read_eventfd", "read_tty", "recv_accepted", "recv_unix", "accept",
        "poll_one", "poll_two", "poll_none", "select_one", "select_two", "select_none",
        "epoll_old", "futex", "sleep_new", "wait_pid", "pause", "flock", "send_tcp",
        "write_pipe"]


@test("states: waits open since before the attach and still at the end")
def open_waits(t):
    # It is ended in the middle of them, and leaves its files.
    process = start(t, OPEN, 60000, env={**os.environ, "STATES_DIR": t.dir})
    process.say("go\n")
    by_name = {}
    end = time.monotonic() + 10
    while len(by_name) < len(OPEN) and time.monotonic() < end:
        time.sleep(0.1)
        for tid in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{tid}/comm", encoding="ascii") as file:
                comm = file.read().strip()
            if comm in OPEN:
                by_name[comm] = int(tid)
    time.sleep(0.3)
    recording = t.record(process.pid)
    time.sleep(0.4)
    recording.end()
    report, timeline = recording.report(), recording.timeline()
    for kind in OPEN:
        state, calls = KINDS[kind]
        thread = thread_of(report, by_name[kind])
        life = thread["end_ns"] - thread["start_ns"]
        t.equal(thread["state_ns"][state], life, f"{kind}: {state}")
        intervals = timeline.intervals(by_name[kind])
        if not t.equal(len(intervals), 1, f"{kind}: intervals"):
            continue
        one = intervals[0]
        t.check(one["call"] in calls, f"{kind}: call {one['call']!r}")
        t.check(one["flags"] & 4, f"{kind}: not marked as open")
        if kind in ("read_pipe", "read_eventfd", "poll_one", "select_one"):
            want = "eventfd" if kind == "read_eventfd" else "pipe"
            t.equal(one["object"] and one["object"]["name"], want, f"{kind}: object")
        elif state == "blocked":
            t.check(one["object"], f"{kind}: no object")
    duration = report["capture"]["duration_ns"]
    main = thread_of(report, process.pid)
    t.within(duration - (main["end_ns"] - main["start_ns"]) < 50 * MS,
             f"the main thread is there for {ms(main['end_ns'] - main['start_ns'])} of "
             f"{ms(duration)}")
    t.equal(len(threads_of(report)), len(os.listdir(f"/proc/{process.pid}/task")) + 1,
            "threads, with wait_pid's child")
    process_of(report, process.pid)
