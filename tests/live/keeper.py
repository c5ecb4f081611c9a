"""keeper: feeds the servers of the zoo, and writes down what is true of each request.

One visit is one recording of one server with requests of one kind, or several kinds in turn, at
concurrency 1, 8 and 64. What comes of it is a capture and a truth, a dict that oracle.py holds a
report against:

    {"server": "express", "visit": "readFile", "model": …, "backend": "127.0.0.1:4711",
     "kinds": {"readFile": {"state": "blocked", "told": "awaiting", …}},
     "requests": [{"c": 8, "id": 17, "kind": "readFile", "name": "GET /readFile/5/17", "ms": 5,
                   "status": 200, "sent_ns": …, "latency_ns": …, "local_port": …,
                   "truth": {"awaiting": …}, "object": "/…/5-17"}],
     "pauses": [[not before, not behind, ns], …]}
"""

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass

from harness import Failure

WIDTHS = (1, 8, 64)
WARM = 16  # requests before the recording, so that what is compiled on first use is


@dataclass
class Kind:
    """One kind of request to one server."""

    path: str  # first part of the path, and the kind's name
    state: str  # what the request waits in: a key of the ledger
    told: str  # the key of X-Truth that has it; "" for a server that cannot tell
    waits: tuple = (5, 9, 14, 22)  # ms, in turn
    sizes: tuple = (24, 96, 192)  # requests for each of WIDTHS
    slow: bool = False  # each request reads a slow file of its own: slowfiles.c
    lanes: int = 0  # as many as there are threads to read them; 0: no limit
    disk: bool = False  # the same from a slow disk: slowfs.c
    ring: bool = False  # the kernel reads it, by io_uring, or a thread while the ring is full
    fsync_ms: int = 0  # what that disk takes to sync a file
    upstream: bool = False  # waits for the backend
    also: tuple = ()  # states that stand for `state` as well
    verb: str = ""  # redis
    hold: bool = False  # stops the loop, and so others
    pool: int = 0  # threads or processes that serve; 0: as many as there are connections, or a loop
    workers: bool = False  # other threads than the one that answers do the waiting
    model: str = ""  # of the process
    keepalive: bool = True


@dataclass
class Mix:
    """Several kinds at once, in turn."""

    path: str
    of: tuple
    model: str = ""
    sizes: tuple = (24, 96, 192)


class Visit:
    """One server under one kind of request, or a mix."""

    def __init__(self, t, name, visit, known):
        self.t, self.name, self.visit = t, name, visit
        known = {k.path: k for k in known}
        self.kinds = [known[p] for p in visit.of] if isinstance(visit, Mix) else [visit]
        self.dir = os.path.join(t.dir, "files")
        self.lines = []
        self.backend = ""  # the object of a wait for it
        self.log = None  # when it answered whom
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(t.dir, 0o755)

    def any(self, what):
        return next((getattr(k, what) for k in self.kinds if getattr(k, what)), 0)

    def plan(self):
        """(width, first id, number) of each load; the first is to warm up."""
        return [(2, 1, WARM)] + [(w, 1000 * w, n) for w, n in zip(WIDTHS, self.visit.sizes)]

    def turns(self, first):
        """What load takes in turn, by the number of the request: (kind, ms)."""
        return [(k, 1 if first < WARM else k.waits[i % len(k.waits)])
                for i in range(max(len(k.waits) for k in self.kinds)) for k in self.kinds]

    def requests(self):
        """(kind, ms, number) of all."""
        for _, first, count in self.plan():
            turns = self.turns(first)
            for i in range(count):
                yield (*turns[i % len(turns)], first + i)

    def make_files(self):
        """Every file is there before the first request."""
        if self.any("disk"):
            self.mount_slow_disk()
        if not self.any("slow"):
            return
        for kind, wait, number in self.requests():
            if kind.slow:
                os.mkfifo(os.path.join(self.dir, f"{wait}-{number}"))
        lanes = self.kinds[0].lanes if len(self.kinds) == 1 else 0
        self.t.start([self.t.program("tests/live/slowfiles"), "--lanes", lanes, self.dir]).line()

    def mount_slow_disk(self):
        """A folder whose files take as long to read as the folder they are in is called."""
        behind = os.path.join(self.t.dir, "behind")
        os.makedirs(behind)
        os.chmod(behind, 0o755)
        for kind, wait, number in self.requests():
            folder = os.path.join(behind, kind.path, str(wait))
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, str(number)), "w", encoding="ascii") as file:
                file.write(f"slow {number}\n")
        self.t.start([self.t.program("tests/live/slowfs"), "--fsync", self.any("fsync_ms"), behind,
                      self.dir]).line()

    def ask_redis(self, port):
        kind = self.kinds[0]
        for width, _, count in self.plan()[1:]:
            load = self.t.start(["/usr/bin/python3", "-B", "tests/live/zoo/redis_load.py",
                                 "--port", port, "--verb", kind.verb, "--connections", width,
                                 "--requests", count, "--waits", ",".join(map(str, kind.waits))])
            for row in load.popen.stdout.read().decode().splitlines():
                line = json.loads(row)
                line.update(c=width, id=len(self.lines), status=0, truth=None,
                            name=line.pop("verb"), kind=kind)
                self.lines.append(line)
            if load.wait():
                raise Failure(f"redis_load: {load.stderr()}")

    def feed(self, port, loads):
        """Sends them; every request's line gets its concurrency, its kind and its wait."""
        for width, first, count in loads:
            turns = self.turns(first)
            lines = self.t.load(port, [f"/{k.path}/{wait}/%d" for k, wait in turns], count, width,
                                self.kinds[0].keepalive, start_id=first)
            for i, line in enumerate(lines):
                kind, wait = turns[i % len(turns)]
                line.update(c=width, name=f"GET {line['path']}", ms=wait, kind=kind)
            self.lines += lines

    def warm_up(self, port):
        self.feed(port, self.plan()[:1])
        bad = [line for line in self.lines if line["status"] != 200]
        if bad:
            raise Failure(f"{self.name} answers {bad[0]['status']} to {bad[0]['path']}")
        self.lines = []

    def answers(self):
        """{id: when the backend was asked, when it answered, and when the answer was gone}"""
        if not self.log:
            return {}
        with open(self.log, encoding="ascii") as file:
            rows = [[int(n) for n in row.split()] for row in file]
        return {row[0]: row[1:] for row in rows if len(row) == 4}

    def truth(self):
        requests, answers = [], self.answers()
        for line in self.lines:
            kind = line["kind"]
            one = {"c": line["c"], "id": line["id"], "kind": kind.path, "name": line["name"],
                   "ms": line["ms"], "status": line["status"], "sent_ns": line["sent_ns"],
                   "latency_ns": line["latency_ns"], "local_port": line["local_port"],
                   "truth": line["truth"] or {}}
            if "order" in line:
                one["order"] = line["order"]
            if kind.disk and not kind.verb:
                one["object"] = self.dir + line["path"]
            if kind.slow:
                one["object"] = os.path.join(self.dir, f"{line['ms']}-{line['id']}")
            if kind.upstream and line["id"] in answers:
                one["asked_ns"], one["answered_ns"], one["gone_ns"] = answers[line["id"]]
            requests.append(one)
        return {"server": self.name, "visit": self.visit.path, "model": self.visit.model,
                "backend": self.backend, "kinds": {k.path: asdict(k) for k in self.kinds},
                "requests": requests}


def visit(t, zoo, name, path, *options):
    """Records a server of the zoo under such requests; the recording and the truth."""
    begin, visits = zoo[name]
    one = Visit(t, name, next(v for v in visits if v.path == path), visits)
    one.make_files()
    server = begin(t, one)
    if one.any("verb"):
        recording = t.record(server.pid, *options)
        one.ask_redis(server.port)
    else:
        one.warm_up(server.port)
        time.sleep(0.1)
        recording = t.record(server.pid, *options)
        one.feed(server.port, one.plan()[1:])
    recording.end()
    truth = one.truth()
    truth["pauses"] = list(server.pauses())
    server.end()
    keep(truth, recording.path, options)
    return recording, truth


def keep(truth, path, options):
    """ZOO_KEEP=DIR: the capture and its truth, for oracle.py."""
    into = os.environ.get("ZOO_KEEP")
    if not into:
        return
    os.makedirs(into, exist_ok=True)
    words = [truth["server"], truth["visit"], *[o.strip("-") for o in options]]
    stem = os.path.join(into, "-".join(words))
    shutil.copy(path, stem + ".wsc")
    with open(stem + ".truth.json", "w", encoding="utf-8") as file:
        json.dump(truth, file)
