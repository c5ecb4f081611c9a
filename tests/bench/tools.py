"""tools: the tracers that are measured side by side, each attached as its users do.

A tool that cannot run on a machine says why, by what it printed itself.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time

from process import die_with_parent

SETTLE_S = 1.0  # of a tool that does not say when it is on

SYSCALLS = """
tracepoint:raw_syscalls:sys_enter /pid == %d/ { @at[tid] = nsecs; @call[tid] = args->id; }
tracepoint:raw_syscalls:sys_exit /@at[tid]/ {
    @us[@call[tid]] = hist((nsecs - @at[tid]) / 1000); delete(@at[tid]); delete(@call[tid]); }
BEGIN { printf("on\\n"); }
"""

OFF_CPU = """
tracepoint:sched:sched_switch {
    if (pid == %d) { @at[args->prev_pid] = nsecs; }
    if (@at[args->next_pid]) {
        @us = hist((nsecs - @at[args->next_pid]) / 1000); delete(@at[args->next_pid]); } }
BEGIN { printf("on\\n"); }
"""


def descendants(pid):
    """`pid` and every process below it."""
    found, parents = [pid], {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_s(pids):
    """CPU seconds that processes used so far."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += time.clock_gettime((~pid << 3) | 2)
    return total


def peak_kib(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                match = re.search(r"VmHWM:\s+(\d+)", file.read())
        except OSError:
            continue
        total += int(match.group(1)) if match else 0
    return total


class Tool:
    """`argv(pid, out)` is the command that traces `pid` until SIGINT and may write files that begin
    with `out`; `on` is what it prints when it is attached, if it says so. Where a tool makes the work
    many times as long, a `share` of it is done."""

    def __init__(self, name, argv, on=None, lost=None, needs=None, share=1.0):
        self.name, self.argv, self.on, self.lost, self.share = name, argv, on, lost, share
        self.needs = needs or name.split()[0]
        self.error = None

    def missing(self):
        return None if shutil.which(self.needs) else f"{self.needs}: not installed"

    def attach(self, pid, folder):
        return Attached(self, pid, folder)


class Attached:
    """A tool that traces; end() tells what it cost by itself."""

    def __init__(self, tool, pid, folder):
        self.tool, self.folder = tool, folder
        os.makedirs(folder)
        out = os.path.join(folder, "out")
        self.said = os.path.join(folder, "said")
        with open(self.said, "wb") as said:
            self.popen = subprocess.Popen([str(a) for a in tool.argv(pid, out)], cwd=folder,
                                          stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                          preexec_fn=die_with_parent)
        self.at_first = 0.0
        self._wait()
        self.at_first = cpu_s(descendants(self.popen.pid))  # what it takes to attach is no cost of the load

    def text(self):
        with open(self.said, encoding="utf-8", errors="replace") as file:
            return file.read()

    def why(self):
        lines = [l.strip() for l in self.text().splitlines() if l.strip()]
        return lines[-1][:160] if lines else "ended without a word"

    def _wait(self):
        begin = time.monotonic()
        while time.monotonic() - begin < (20 if self.tool.on else SETTLE_S):
            if self.popen.poll() is not None:
                raise OSError(self.why())
            if self.tool.on and re.search(self.tool.on, self.text()):
                return
            time.sleep(0.01)
        if self.tool.on:
            self.end()
            raise OSError(f"not attached in 20 s: {self.why()}")

    def _reap(self, seconds):
        """What the tool and its own children used, and nobody else's."""
        end = time.monotonic() + seconds
        while self.popen.returncode is None:
            pid, status, used = os.wait4(self.popen.pid, os.WNOHANG)
            if pid:
                self.popen.returncode = os.waitstatus_to_exitcode(status)
                return used
            if time.monotonic() > end:
                self.popen.kill()
            time.sleep(0.01)
        raise OSError(f"ended by itself: {self.why()}")

    def end(self):
        """CPU seconds of the tool, its peak memory in KiB, bytes it wrote, events it lost or None."""
        pids = descendants(self.popen.pid)
        peak = peak_kib(pids)
        self.popen.send_signal(signal.SIGINT)
        used = self._reap(60)
        cpu = used.ru_utime + used.ru_stime
        text = self.text()
        size = sum(os.path.getsize(os.path.join(self.folder, f)) for f in os.listdir(self.folder))
        lost = None
        if self.tool.lost:
            found = re.findall(self.tool.lost, text)
            lost = sum(int(n.replace(",", "")) for n in found) if found else 0
        shutil.rmtree(self.folder)
        return {"cpu_s": max(cpu - self.at_first, 0), "peak_kib": peak, "bytes": size, "lost": lost}


def all_tools(waitscope):
    """In the order of the table. What --precise adds concerns runtimes, which no workload here has:
    `run` measures that."""
    return [
        Tool("waitscope", lambda pid, out: [waitscope, "record", "-p", pid, "-o", out + ".wsc"],
             on=r"attached in ", lost=r"([\d,]+) lost", needs=waitscope),
        Tool("perf sched record", lambda pid, out: ["perf", "sched", "record", "-o", out],
             lost=r"LOST (\d+)"),
        Tool("perf trace", lambda pid, out: ["perf", "trace", "-p", pid, "-o", out],
             lost=r"LOST (\d+)", share=0.1),
        Tool("perf trace -s", lambda pid, out: ["perf", "trace", "-s", "-p", pid, "-o", out],
             lost=r"LOST (\d+)", share=0.1),
        Tool("strace -f -T", lambda pid, out: ["strace", "-f", "-T", "-p", pid, "-o", out],
             on=r"attached", share=0.1),
        Tool("bpftrace, syscalls", lambda pid, out: ["bpftrace", "-e", SYSCALLS % pid],
             on=r"(?m)^on$", lost=r"[Ll]ost (\d+) events", needs="bpftrace"),
        Tool("bpftrace, off-CPU", lambda pid, out: ["bpftrace", "-e", OFF_CPU % pid],
             on=r"(?m)^on$", lost=r"[Ll]ost (\d+) events", needs="bpftrace"),
        Tool("offcputime (bcc)", lambda pid, out: ["offcputime-bpfcc", "-f", "-p", pid],
             needs="offcputime-bpfcc"),
        Tool("sysdig", lambda pid, out: ["sysdig", "-w", out, f"proc.pid={pid}"]),
        Tool("trace-cmd", lambda pid, out: ["trace-cmd", "record", "-e", "sched_switch", "-e",
                                            "sched_waking", "-P", pid, "-o", out]),
    ]
