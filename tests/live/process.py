"""process: programs in the background, and waitscope among them. None outlives the suite."""

import contextlib
import ctypes
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time

from reading import Failure

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """A process in the background, with what it wrote."""

    def __init__(self, argv, cwd=None, env=None, stdin=subprocess.DEVNULL, stderr=None):
        self.argv = argv
        self.stderr_path = stderr
        with open(stderr, "wb") if stderr else contextlib.nullcontext() as errors:
            self.popen = subprocess.Popen(
                argv, cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE,
                stderr=errors or subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.pid = self.popen.pid
        self.port = 0
        self.pauses = tuple  # those of its runtime: see pauses.py

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

    def more(self):
        """What it has printed behind the last line that was read."""
        out = b""
        while select.select([self.popen.stdout], [], [], 0)[0]:
            got = os.read(self.popen.stdout.fileno(), 65536)
            if not got:
                break
            out += got
        return out.decode(errors="replace")

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
            stdout=subprocess.DEVNULL, stderr=slave, preexec_fn=die_with_parent)
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
