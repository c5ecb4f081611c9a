"""workloads: what the tools are attached to. Each has the PID to trace and a `once()` that does a
bounded piece of work, or a share of it, and returns (how much, seconds); what is measured of it is a
rate."""

import os
import re
import resource
import socket
import time

from harness import Failure, free_port
from measure import cpu_of_process


class Workload:
    unit, each = "requests", "request"

    def __init__(self, t):
        self.t = t
        self.pid = 0      # of the server
        self.traced = 0   # whom the tools trace, if somebody else

    def once(self, share):
        raise NotImplementedError

    def close(self):
        """What is not a process of the case's."""

    def measure(self, share=1.0):
        """Rate and CPU seconds of the server for each."""
        cpu = cpu_of_process(self.pid)
        done, seconds = self.once(share)
        return {"rate": done / seconds, "cpu": (cpu_of_process(self.pid) - cpu) / done, "done": done}


class Redis(Workload):
    """redis-server under redis-benchmark: one loop, 50 connections."""
    name, count = "redis", 80_000

    def __init__(self, t):
        super().__init__(t)
        self.server = t.redis()
        self.pid = self.server.pid

    def once(self, share):
        count = int(self.count * share)
        bench = self.t.start(["redis-benchmark", "-p", self.server.port, "-t", "get", "-c", "50",
                              "-n", count, "-q", "--csv"])
        if bench.wait(120):
            raise Failure("redis-benchmark failed")
        rate = float(re.search(r'^"GET","([\d.]+)"', bench.popen.stdout.read().decode(), re.M).group(1))
        bench.end()
        return count, count / rate


class Nginx(Workload):
    """nginx, one process, a small file, under wrk with 50 connections."""
    name = "nginx"

    def __init__(self, t):
        super().__init__(t)
        self.port = free_port()
        os.makedirs(f"{t.dir}/html", exist_ok=True)
        os.chmod(t.dir, 0o755)
        with open(f"{t.dir}/html/index.html", "w", encoding="ascii") as file:
            file.write("hello\n")
        with open(f"{t.dir}/nginx.conf", "w", encoding="ascii") as file:
            file.write(f"daemon off; master_process off; pid {t.dir}/nginx.pid; error_log stderr;\n"
                       "events { worker_connections 12000; }\n"
                       f"http {{ access_log off; keepalive_requests 1000000; server {{ listen 127.0.0.1:{self.port};"
                       f" root {t.dir}/html; }} }}\n")
        self.pid = t.start(["nginx", "-p", t.dir, "-c", f"{t.dir}/nginx.conf"]).pid
        time.sleep(0.5)

    def once(self, share):
        wrk = self.t.start(["wrk", "-t", "1", "-c", "50", "-d", "1s",
                            f"http://127.0.0.1:{self.port}/index.html"])
        if wrk.wait(60):
            raise Failure("wrk failed")
        text = wrk.popen.stdout.read().decode()
        wrk.end()
        done, seconds = re.search(r"(\d+) requests in ([\d.]+)s", text).groups()
        return int(done), float(seconds)


class Connections(Nginx):
    """nginx with 10,000 connections, a request on each, 500 at a time."""
    name, count, at_once = "10,000 connections", 10_000, 500
    request = b"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n"

    def __init__(self, t):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        super().__init__(t)
        self.conns = [socket.create_connection(("127.0.0.1", self.port), 10)
                      for _ in range(self.count)]

    def close(self):
        for conn in self.conns:
            conn.close()

    def once(self, share):
        begin, count = time.monotonic(), int(self.count * share)
        for i in range(0, count, self.at_once):
            some = self.conns[i:i + self.at_once]
            for conn in some:
                conn.sendall(self.request)
            for conn in some:
                if not conn.recv(4096).startswith(b"HTTP/1.1 200 "):
                    raise Failure("the server did not answer")
        return count, time.monotonic() - begin


class Sample(Workload):
    """A sample server that asks a backend, under the project's own load with 32 connections."""

    def __init__(self, t):
        super().__init__(t)
        self.server = t.sample(self.sample)
        self.pid = self.server.pid

    def once(self, share):
        """Two loads: with the same work, where the kernel puts a load's process changes from one to
        the next, and with it the rate by a third."""
        begin = time.monotonic()
        lines = [len(self.t.load(self.server.port, ["/db/1/%d"], requests=int(self.count * share / 2),
                                 connections=32)) for _ in range(2)]
        return sum(lines), time.monotonic() - begin


class Threads(Sample):
    name, sample, count = "threads", "threads", 12000


class Pool(Sample):
    name, sample, count = "pool", "pool", 6000


class Spoken(Workload):
    """A program of ours that does a piece of work at each line and prints how long that took."""
    pieces = 10

    def __init__(self, t):
        super().__init__(t)
        self.program = t.start([t.program(self.argv[0]), *self.argv[1:]], stdin=-1)
        self.program.line()
        self.pid = self.program.pid

    def once(self, share):
        ns = 0
        for _ in range(int(self.pieces * share)):
            self.program.say("go\n")
            ns += int(re.search(r"(\d+)(?: ns)?$", self.program.line(30)).group(1))
        return int(self.pieces * share) * self.count, ns / 1e9


class PingPong(Spoken):
    """Two threads on one CPU that do nothing but wake each other."""
    name, unit, each, count = "ping-pong", "switches", "switch", 40_000
    argv = ["tests/live/storm", "-n", 40_000]


class Herd(Spoken):
    """1,000 threads that block and are woken one behind the other."""
    name, unit, each, count = "1,000 threads", "wake-ups", "wake-up", 4_000
    argv = ["tests/bench/herd", 1000, 4_000]


class Reads(Spoken):
    """read() of one byte that never blocks, in the process that is traced."""
    name, unit, each, count = "read()", "calls", "call", 200_000
    argv = ["tests/live/readloop", 200_000]


class BystanderReads(Reads):
    """The same in a process that nobody traces, while another one is."""
    name = "read(), bystander"

    def __init__(self, t):
        super().__init__(t)
        self.traced = t.start(["sleep", "3600"]).pid


ALL = [Redis, Nginx, Threads, Pool, PingPong, Herd, Reads, BystanderReads, Connections]
