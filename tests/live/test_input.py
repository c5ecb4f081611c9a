"""What bad input gets: a message that says what and why, its exit code, and no file left."""

import filecmp
import glob
import os
import random
import shutil
import subprocess
import time

from harness import Failure, Unable, memory_of, test


def refused(t, code, says, *arguments, prefix=(), leaves=(), waitscope=None):
    """Runs record (or another verb) in an empty folder; checks code, message and what it left."""
    t.count = getattr(t, "count", 0) + 1
    folder = os.path.join(t.dir, f"empty-{t.count}")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    if waitscope:
        t.waitscope, before = waitscope, t.waitscope
    got, _, said = t.run(*arguments, prefix=prefix, cwd=folder)
    if waitscope:
        t.waitscope = before
    what = " ".join(str(a) for a in arguments)
    t.equal(got, code, f"exit code of {what!r} ({said.strip()})")
    t.check(said.startswith("waitscope: ") and all(s in said for s in says),
            f"{what!r} said {said.strip()!r}")
    t.equal(sorted(os.listdir(folder)), sorted(leaves), f"what {what!r} left")


@test("input: processes that cannot be recorded")
def processes(t):
    gone = t.start(["/bin/true"])
    gone.wait()
    refused(t, 1, [str(gone.pid), "no such process"], "record", "-p", gone.pid, "-o", "x.wsc")
    server = t.sample("pool", backend=False)
    t.load(server.port, ["/sleep/1/%d"], 8, 8, keepalive=False)  # its threads are there by now
    tids = [n for n in os.listdir(f"/proc/{server.pid}/task") if int(n) != server.pid]
    refused(t, 1, [tids[0], f"thread of process {server.pid}"], "record", "-p", tids[0], "-o",
            "x.wsc")
    refused(t, 1, [tids[0]], "record", "-p", f"{server.pid},{tids[0]}", "-o", "x.wsc")
    kernel = kernel_thread()
    refused(t, 1, [kernel, "kernel thread"], "record", "-p", kernel, "-o", "x.wsc")
    for word in ("0", "-1", "1x", "99999999999", "", "1,", "a"):
        refused(t, 2, ["process number"], "record", "-p", word, "-o", "x.wsc")
    t.check(server.alive(), "the server ended")


def kernel_thread():
    for path in glob.glob("/proc/[0-9]*/stat"):
        with open(path, encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        if int(fields[6]) & 0x200000:  # PF_KTHREAD
            return path.split("/")[2]
    raise Unable("no kernel thread is visible in this PID namespace")


@test("input: a process that ends during the attach")
def race(t):
    early = late = 0
    for i in range(12):
        path = os.path.join(t.dir, f"race-{i}.wsc")
        target = t.start(["/bin/sleep", f"{random.uniform(0.0, 0.25):.3f}"])
        recording = t.record(target.pid, wait=False, path=path)
        code = recording.wait()
        if code == 0:
            late += 1
            t.equal(recording.report()["capture"]["complete"], True, "complete")
        else:
            early += 1
            t.check(code == 1 and str(target.pid) in recording.message(),
                    f"code {code}: {recording.message()}")
            t.check(not os.path.exists(path), "left a capture")
    t.note(f"{early} ended before the attach was done, {late} after it")


@test("input: without root, without BTF")
def permission(t):
    os.chmod(t.dir, 0o755)
    program = os.path.join(t.dir, "waitscope")
    shutil.copy(t.waitscope, program)
    server = t.sample("pool", backend=False)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
              "--bounding-set=-all", "--no-new-privs"]
    refused(t, 3, ["not permitted"], "record", "-p", server.pid, "-o", "x.wsc", prefix=nobody,
            waitscope=program)
    refused(t, 3, ["not permitted"], "record", "-o", "x.wsc", "--", "sleep", "1", prefix=nobody,
            waitscope=program)
    hidden = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"",
              "sh"]
    refused(t, 4, ["BTF"], "record", "-p", server.pid, "-o", "x.wsc", prefix=hidden)
    refused(t, 4, ["BTF"], "record", "-o", "x.wsc", "--", "sleep", "1", prefix=hidden)
    theirs = os.path.join(t.dir, "theirs.wsc")
    with open(theirs, "w", encoding="ascii") as file:
        file.write("mine")
    code, _, said = t.run("record", "-p", server.pid, "--last", "5s", "-o", theirs,
                          prefix=[*hidden, "env", "SUDO_UID=65534", "SUDO_GID=65534"])
    t.check(code == 4 and "theirs" not in said, f"with somebody else's file there: {said!r}")
    t.equal(os.stat(theirs).st_uid, 0, "whose it is")
    t.check(server.alive(), "the server ended")


@test("input: outputs that cannot be written")
def outputs(t):
    server = t.sample("pool", backend=False)
    record = ("record", "-p", server.pid, "-d", "100ms", "-o")
    refused(t, 1, ["/nonexistent"], *record, "/nonexistent/x.wsc")
    refused(t, 1, ["/proc/x.wsc"], *record, "/proc/x.wsc")
    refused(t, 1, ["/proc/x.html"], *record, "x.wsc", "-o", "/proc/x.html",
            leaves=["x.wsc"])  # known only after the recording, which is kept
    there = os.path.join(t.dir, "there.wsc")
    with open(there, "w", encoding="ascii") as file:
        file.write("mine")
    refused(t, 1, ["there.wsc", "exists"], *record, there)
    link = os.path.join(t.dir, "link.wsc")
    os.symlink("/var/tmp/nothing-there", link)
    refused(t, 1, ["link.wsc", "exists"], *record, link)
    refused(t, 1, [], *record, "x.wsc", "-o", t.dir + "/there.html/x.html")
    with open(there, encoding="ascii") as file:
        t.equal(file.read(), "mine", "the file that was there")
    # What runs as root may write everywhere: a folder that others may not write to.
    os.chmod(t.dir, 0o755)
    program = os.path.join(t.dir, "waitscope")
    shutil.copy(t.waitscope, program)
    refused(t, 1, [t.dir], *record, t.dir + "/x.wsc", waitscope=program,
            prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])


@test("input: words of the command line that mean nothing")
def words(t):
    server = t.sample("pool", backend=False)
    pid = str(server.pid)
    for arguments, says in (
            (["-p", pid, "-o", "x.txt"], [".wsc"]), (["-p", pid, "-o", "x"], [".wsc"]),
            (["-p", pid, "--colour"], ["--colour"]), (["-p", pid, "-x"], ["x"]),
            (["-p", pid, "-d", "soon"], ["soon"]), (["-p", pid, "-d", "-1s"], ["-1s"]),
            (["-p", pid, "-d", "10parsecs"], ["10parsecs"]), (["-p", pid, "-d"], ["-d"]),
            (["-p", pid, "--last", "never"], ["never"]),
            (["-p", pid, "--last", "99999999h"], ["too long", "99999999h"]), (["-p", pid, "--slow", "0"], ["0"]),
            (["-p", pid, "--last", "1s", "--slow", "1s"], ["--slow", "--last"]),
            (["-p", pid, "--last", "1s", "--max-size", "1M"], ["8M"]),
            (["-p", pid, "--max-size", "big"], ["big"]), (["-p", pid, "extra"], ["extra"]),
            (["-p", pid, "--", "true"], []), ([], ["-p PID"]), (["--"], ["no command"]),
            (["-p", pid, "-o", "a.wsc", "-o", "b.wsc"], ["b.wsc"]),
            (["-p", pid, "-o", "a.html", "-o", "a.html"], ["a.html"])):
        refused(t, 2, says, "record", *arguments)
    refused(t, 2, ["rekord"], "rekord", "-p", pid)


# Runs in a mount namespace of its own: a disk of 400 KiB that fills up.
FULL = """
mount -t tmpfs -o size=400k none "$1" || exit 99
"$2" record -p "$3" -d 20s -o "$1/full.wsc" $4 2>"$5/said"
code=$?
ls "$1" >"$5/left"
cp "$1/full.wsc" "$5/full.wsc"
exit $code
"""


def fill(t, server, more):
    folder = os.path.join(t.dir, "disk")
    os.makedirs(folder, exist_ok=True)
    load = t.load(server.port, ["/db/0/%d"], seconds=8, connections=8, background=True)
    done = subprocess.run(["unshare", "-m", "sh", "-c", FULL, "sh", folder, t.waitscope,
                           str(server.pid), more, t.dir], timeout=30, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    t.processes[-1].end()
    del load
    if done.returncode == 99:
        raise Unable("no tmpfs can be mounted")
    with open(os.path.join(t.dir, "said"), encoding="utf-8") as file:
        said = file.read()
    with open(os.path.join(t.dir, "left"), encoding="utf-8") as file:
        return done.returncode, said, file.read().split()


@test("input: the disk is full in the middle of a recording")
def disk_full(t):
    server = t.sample("pool")
    code, said, left = fill(t, server, f"-o {t.dir}/x.html")
    t.equal(code, 1, f"exit code ({said.strip()})")
    t.check("No space left" in said and "full.wsc" in said, f"said {said.strip()!r}")
    t.equal(left, ["full.wsc"], "on the full disk")
    report = t.report(os.path.join(t.dir, "full.wsc"), 5)
    t.check(report["requests"], "the capture up to then has no requests")
    t.check(not os.path.exists(f"{t.dir}/x.html"), "a page was written")
    t.check(server.alive(), "the server ended")
    answered = t.load(server.port, ["/db/1/%d"], 5, 1)
    t.equal({l["status"] for l in answered}, {200}, "the server's answers afterwards")


@test("input: a capture cut, with flipped bytes, empty, or none at all")
def captures(t):
    server = t.sample("pool")
    recording = t.record(server.pid)
    t.load(server.port, ["/db/1/%d"], 200, 8)
    time.sleep(0.6)
    t.load(server.port, ["/db/1/%d"], 200, 8, start_id=1000)
    recording.end()
    with open(recording.path, "rb") as file:
        whole = file.read()
    full = len(recording.report()["requests"])
    t.equal(full, 400, "requests")

    def variant(name, content, code):
        path = os.path.join(t.dir, name)
        with open(path, "wb") as file:
            file.write(content)
        got, out, said = t.run("report", path, "--json")
        t.equal(got, code, f"{name}: exit code ({said.strip()})")
        t.check(said.startswith("waitscope: "), f"{name}: said {said!r}")
        page = os.path.join(t.dir, name + ".html")
        t.equal(t.run("convert", path, "-o", page)[0], code, f"{name}: convert's exit code")
        t.equal(os.path.exists(page), bool(out), f"{name}: a page")
        return t.report(path, code)["requests"] if out else None

    cut = variant("cut.wsc", whole[:len(whole) * 6 // 10], 5)
    t.check(cut and len(cut) < full, f"cut: {cut and len(cut)} requests")
    flipped = bytearray(whole)
    flipped[len(whole) * 9 // 10] ^= 0x40
    got = variant("flipped.wsc", bytes(flipped), 5)
    t.check(got is not None, "flipped: nothing was shown")
    t.equal(variant("empty.wsc", b"", 5), None, "empty: shown")
    t.equal(variant("none.wsc", b"#!/bin/sh\necho no capture\n" * 100, 5), None, "none: shown")
    try:
        t.report(os.path.join(t.dir, "missing.wsc"), 1)
        t.check(False, "a missing capture was reported")
    except (Failure, ValueError):
        pass


@test("input: a capture whose analysis takes more memory than there is")
def memory(t):
    capture = os.path.join(t.dir, "large.wsc")
    subprocess.run([t.program("tests/bench/linear"), "-o", capture, "dense", "600000"],
                   stdout=subprocess.DEVNULL, check=True, timeout=60)

    def convert(name, prefix=()):
        out = os.path.join(t.dir, name)
        code, _, said = t.run("convert", capture, "-o", out, prefix=prefix, seconds=120)
        t.equal(code, 0, f"exit code ({said.strip()})")
        t.equal("memory is short" in said, bool(prefix), f"{name}: said {said!r}")
        return out

    for suffix in ("json", "html"):
        plenty = convert("plenty." + suffix)
        with memory_of(64 << 20) as within:
            scarce = convert("scarce." + suffix, within)
        t.check(filecmp.cmp(plenty, scarce, shallow=False), f"{suffix}: not the same")
