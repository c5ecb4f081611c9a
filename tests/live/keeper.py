"""keeper: starts the zoo's servers, feeds them, and writes down what is true of each request.

One visit is one recording of one server with requests of one kind, at concurrency 1, 8 and 64 in
turn. What comes of it is a capture and a truth, a dict that oracle.py holds a report against:

    {"server": "express", "kind": "readFile", "state": "blocked", "told": "awaiting", …,
     "requests": [{"c": 8, "id": 17, "name": "GET /readFile/5/17", "ms": 5, "status": 200,
                   "sent_ns": …, "latency_ns": …, "local_port": …, "truth": {"awaiting": …},
                   "object": "/…/5-17", "file": {"opened_ns", "begun_ns", "written_ns"}}]}
"""

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass

from harness import Failure

WIDTHS = (1, 8, 64)


@dataclass
class Kind:
    """One kind of request to one server."""

    path: str  # first part of the path, and the kind's name
    state: str  # what the request waits in: a key of the ledger
    told: str  # the key of X-Truth that has it; "" for a server that cannot tell
    waits: tuple = (5, 9, 14, 22)  # ms, in turn
    sizes: tuple = (24, 96, 192)  # requests for each of WIDTHS
    files: bool = False  # each request reads a slow file of its own
    lanes: int = 0  # as many as there are threads to read them: see slowfiles.c
    upstream: bool = False  # waits for the backend
    hold: bool = False  # stops the loop, and so others
    pool: int = 0  # threads or processes that serve; 0: as many as there are connections, or a loop
    workers: bool = False  # other threads than the one that answers do the waiting
    model: str = ""  # of the process
    keepalive: bool = True
    shared: tuple = ()  # objects that any request may wait for
    client_is_peer: bool = True  # the load generator's connections are the server's own
    kind_name: str = ""

    def __post_init__(self):
        self.kind_name = self.kind_name or self.path


class Visit:
    """One server under one kind of request."""

    def __init__(self, t, name, kind):
        self.t, self.name, self.kind = t, name, kind
        self.dir = os.path.join(t.dir, f"files-{kind.path}")
        self.lines = []
        self.slow = None
        self.backend = ""  # the object of a wait for it
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(t.dir, 0o755)

    def plan(self):
        """(width, first id, number) of each load."""
        return [(w, 1000 * w, n) for w, n in zip(WIDTHS, self.kind.sizes) if n]

    def wait_of(self, first, number):
        """load takes its paths in turn, by the number of the request."""
        waits = self.kind.waits
        return waits[(number - first) % len(waits)]

    def make_files(self):
        """Every pipe is there, and has its writer, before the first request."""
        if not self.kind.files:
            return
        for _, first, count in self.plan():
            for number in range(first, first + count):
                os.mkfifo(os.path.join(self.dir, f"{self.wait_of(first, number)}-{number}"))
        os.mkfifo(os.path.join(self.dir, "1-1"))  # to warm up
        self.log = os.path.join(self.t.dir, f"slow-{self.kind.path}.log")
        self.slow = self.t.start([self.t.program("tests/live/slowfiles"), "--lanes",
                                  self.kind.lanes, "-o", self.log, self.dir])
        self.slow.line()

    def feed(self, port):
        """All loads; every request's line gets its concurrency and its wait."""
        for width, first, count in self.plan():
            paths = [f"/{self.kind.path}/{ms}/%d" for ms in self.kind.waits]
            lines = self.t.load(port, paths, count, width, self.kind.keepalive, start_id=first)
            for line in lines:
                line["c"] = width
                line["ms"] = int(line["path"].split("/")[-2])
            self.lines += lines

    def truth(self):
        files = {}
        if self.slow:
            self.slow.end()
            with open(self.log, encoding="ascii") as file:
                for row in file:
                    name, *times = row.split()
                    files[name] = dict(zip(("opened_ns", "begun_ns", "written_ns"),
                                           map(int, times)))
        requests = []
        for line in self.lines:
            one = {"c": line["c"], "id": line["id"], "name": f"GET {line['path']}",
                   "ms": line["ms"], "status": line["status"], "sent_ns": line["sent_ns"],
                   "latency_ns": line["latency_ns"], "local_port": line["local_port"],
                   "truth": line["truth"] or {}}
            if self.kind.files:
                slow = f"{line['ms']}-{line['id']}"
                one["object"] = os.path.join(self.dir, slow)
                one["file"] = files.get(slow)
            requests.append(one)
        return {"server": self.name, **asdict(self.kind), "backend": self.backend,
                "requests": requests}


def zoo(name):
    return os.path.join("tests", "live", "zoo", name)


def start(t, argv, seconds=30, **options):
    """A server of the zoo that says where it listens."""
    server = t.start(argv, **options)
    line = server.line(seconds)
    server.port = int(line.split("127.0.0.1:")[1].split(",")[0])
    return server


def backend_of(t, http):
    """The slow one behind: an HTTP server that sleeps, or the one that speaks lines."""
    if http:
        return t.sample("eventloop", backend=False)
    kitchen = t.start([t.program("samples/backend"), "--port", "0"])
    kitchen.port = int(kitchen.line().split(":")[-1].split(",")[0])
    return kitchen


def node(script):
    def begin(t, visit):
        backend = backend_of(t, True)
        visit.backend = f"127.0.0.1:{backend.port}"
        return start(t, ["node", zoo(f"{script}.js"), "--port", 0, "--backend", backend.port,
                         "--files", visit.dir])
    return begin


def python(script):
    def begin(t, visit):
        backend = backend_of(t, False)
        visit.backend = f"127.0.0.1:{backend.port}"
        return start(t, ["/usr/bin/python3", "-B", zoo(f"{script}.py"), "--port", 0, "--backend",
                         backend.port, "--files", visit.dir])
    return begin


WITH_WORKERS = "non-blocking with blocking workers"
HOLDS = {"waits": (6, 8, 7), "sizes": (20, 40, 96), "hold": True}

NODE = [
    Kind("readFile", "blocked", "awaiting", files=True, lanes=4, workers=True, model=WITH_WORKERS),
    Kind("readFileSync", "blocked", "blocked", files=True, **HOLDS),
    Kind("upstream", "awaiting", "awaiting", upstream=True, model="non-blocking"),
]

ZOO = {
    "express": (node("express"), NODE),
    "fastify": (node("fastify"), NODE),
    "fastapi": (python("fastapi_app"), [
        Kind("aiofiles", "blocked", "awaiting", files=True, lanes=6, workers=True,
             model=WITH_WORKERS),
        Kind("def", "blocked", "blocked", files=True, workers=True, model=WITH_WORKERS),
        Kind("sync", "blocked", "blocked", files=True, **HOLDS),
        Kind("sleep", "awaiting", "awaiting", model="non-blocking"),
        Kind("upstream", "awaiting", "awaiting", upstream=True, model="non-blocking"),
    ]),
}


def visit(t, name, kind, *options, settle=0.1):
    """Records the server under the kind's requests; the recording and the truth."""
    begin, kinds = ZOO[name]
    kind = next(k for k in kinds if k.path == kind)
    one = Visit(t, name, kind)
    one.make_files()
    server = begin(t, one)
    warm = t.load(server.port, [f"/{kind.path}/1/%d"], 1, 1, start_id=1)
    if warm[0]["status"] != 200:
        raise Failure(f"{name} answers {warm[0]['status']}: {server.stderr()}")
    time.sleep(settle)
    recording = t.record(server.pid, *options)
    one.feed(server.port)
    recording.end()
    truth = one.truth()
    server.end()
    keep(name, kind, recording.path, truth, options)
    return recording, truth


def keep(name, kind, path, truth, options):
    """ZOO_KEEP=DIR: the capture and its truth, for oracle.py."""
    into = os.environ.get("ZOO_KEEP")
    if not into:
        return
    os.makedirs(into, exist_ok=True)
    stem = os.path.join(into, "-".join([name, kind.path, *[o.strip("-") for o in options]]))
    shutil.copy(path, stem + ".wsc")
    with open(stem + ".truth.json", "w", encoding="utf-8") as file:
        json.dump(truth, file)
