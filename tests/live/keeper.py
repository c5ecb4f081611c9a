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
import socket
import time
from dataclasses import asdict, dataclass

from harness import Failure, free_port

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
    slow: bool = False  # each request reads a slow file of its own
    lanes: int = 0  # as many as there are threads to read them: see slowfiles.c
    upstream: bool = False  # waits for the backend
    disk: bool = False  # the same from a slow disk: slowfs.c
    fsync_ms: int = 0  # what that disk takes to sync a file
    also: tuple = ()  # states that stand for `state` as well
    verb: str = ""  # redis
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
        if self.kind.disk:
            self.mount_slow_disk()
        if not self.kind.slow:
            return
        for _, first, count in self.plan():
            for number in range(first, first + count):
                os.mkfifo(os.path.join(self.dir, f"{self.wait_of(first, number)}-{number}"))
        for number in range(1, WARM + 1):
            os.mkfifo(os.path.join(self.dir, f"1-{number}"))
        self.log = os.path.join(self.t.dir, f"slow-{self.kind.path}.log")
        self.slow = self.t.start([self.t.program("tests/live/slowfiles"), "--lanes",
                                  self.kind.lanes, "-o", self.log, self.dir])
        self.slow.line()

    def mount_slow_disk(self):
        """A folder whose files take as long to read as the folder they are in is called."""
        behind = os.path.join(self.t.dir, f"behind-{self.kind.path}")
        os.makedirs(behind)
        os.chmod(behind, 0o755)
        for wait in (*self.kind.waits, 1):
            os.makedirs(os.path.join(behind, self.kind.path, str(wait)), exist_ok=True)
        for _, first, count in [(1, 1, WARM), *self.plan()]:
            for number in range(first, first + count):
                wait = 1 if number <= WARM else self.wait_of(first, number)
                path = os.path.join(behind, self.kind.path, str(wait), str(number))
                with open(path, "w", encoding="ascii") as file:
                    file.write(f"slow {number}\n")
        disk = self.t.start([self.t.program("tests/live/slowfs"), "--fsync", self.kind.fsync_ms,
                             behind, self.dir])
        disk.line()

    def ask_redis(self, port):
        for width, _, count in self.plan():
            load = self.t.start(["/usr/bin/python3", "-B", zoo("redis_load.py"), "--port", port,
                                 "--verb", self.kind.verb, "--connections", width, "--requests",
                                 count, "--waits", ",".join(map(str, self.kind.waits))])
            for row in load.popen.stdout.read().decode().splitlines():
                line = json.loads(row)
                line.update(c=width, id=len(self.lines), status=0, truth=None,
                            name=line.pop("verb"))
                self.lines.append(line)
            if load.wait():
                raise Failure(f"redis_load: {load.stderr()}")

    def feed(self, port):
        """All loads; every request's line gets its concurrency and its wait."""
        for width, first, count in self.plan():
            paths = [f"/{self.kind.path}/{ms}/%d" for ms in self.kind.waits]
            lines = self.t.load(port, paths, count, width, self.kind.keepalive, start_id=first)
            for line in lines:
                line["c"] = width
                line["name"] = f"GET {line['path']}"
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
            one = {"c": line["c"], "id": line["id"], "name": line["name"], "ms": line["ms"],
                   "status": line["status"],
                   "late_ns": line["sent_ns"] - line.get("scheduled_ns", line["sent_ns"]),
                   "sent_ns": line["sent_ns"],
                   "latency_ns": line["latency_ns"], "local_port": line["local_port"],
                   "truth": line["truth"] or {}}
            if "order" in line:
                one["order"] = line["order"]
            if self.kind.disk and not self.kind.verb:
                one["object"] = self.dir + line["path"]
            if self.kind.slow:
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


def gunicorn(*options):
    def begin(t, visit):
        return wsgi(t, visit, ["gunicorn", "--chdir", zoo(""), *options, "--bind"], "wsgi_app:app")
    return begin


def flask(t, visit):
    return wsgi(t, visit, ["/usr/bin/python3", "-B", "-m", "flask", "--app", zoo("wsgi_app.py"),
                           "run", "-p"], None)


def wsgi(t, visit, argv, app):
    backend = backend_of(t, False)
    visit.backend = f"127.0.0.1:{backend.port}"
    port = free_port()
    env = {**os.environ, "BACKEND": str(backend.port), "FILES": visit.dir,
           "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [*argv, f"127.0.0.1:{port}", app] if app else [*argv, port]
    return answering(t.start(argv, env=env), port)


def answering(server, port):
    """Waits until somebody listens."""
    server.port = port
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.05)
    raise Failure(f"{server.argv[0]} does not answer: {server.stderr()}")


KOTLIN = zoo("node_modules/kotlin-compiler/lib")
COROUTINES = [f"{KOTLIN}/kotlin-stdlib.jar", f"{KOTLIN}/kotlinx-coroutines-core-jvm.jar"]


def built(t, source, argv):
    """The folder with the classes of a source; it is compiled when that is newer."""
    into = t.program("tests/live") + "/" + os.path.basename(source) + ".classes"
    stamp = os.path.join(into, "made")
    if os.path.exists(stamp) and os.path.getmtime(stamp) > os.path.getmtime(source):
        return into
    compiler = t.start([*argv, "-d", into, source])
    if compiler.wait(120):
        raise Failure(f"{source} does not compile: {compiler.stderr()}")
    with open(stamp, "w", encoding="ascii"):
        return into


def java(t, visit):
    backend = backend_of(t, False)
    visit.backend = f"127.0.0.1:{backend.port}"
    classes = built(t, zoo("JavaPool.java"), ["javac"])
    return start(t, ["java", *JVM, "-cp", classes, "JavaPool", backend.port, visit.dir])


def kotlin(t, visit):
    classes = built(t, zoo("Coroutines.kt"), [
        "java", *JVM, "-cp", f"{KOTLIN}/kotlin-compiler.jar:{COROUTINES[0]}",
        "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-no-reflect", "-kotlin-home",
        os.path.dirname(KOTLIN), "-cp", COROUTINES[1]])
    return start(t, ["java", *JVM, "-cp", ":".join([classes, *COROUTINES]), "CoroutinesKt",
                     visit.dir])


# Without the delayed acknowledgements of JDK-7068416's kin, and small.
JVM = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-Dsun.net.httpserver.nodelay=true"]


def nginx(t, visit):
    backend = backend_of(t, True)
    visit.backend = f"127.0.0.1:{backend.port}"
    port = free_port()
    with open(zoo("nginx.conf"), encoding="ascii") as file:
        text = file.read()
    for name, value in (("DIR", t.dir), ("ROOT", visit.dir), ("PORT", port), ("BACKEND", backend.port)):
        text = text.replace(f"@{name}@", str(value))
    conf = os.path.join(t.dir, "nginx.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(text)
    return answering(t.start(["nginx", "-c", conf, "-p", t.dir]), port)


def redis(t, visit):
    return t.redis()


def redis_fsync(t, visit):
    """Its log is on the slow disk."""
    visit.backend = f"{visit.dir}/appendonlydir/appendonly.aof.1.incr.aof"
    return t.redis("--appendonly", "yes", "--appendfsync", "always", "--dir", visit.dir)


def sample(name, *options):
    def begin(t, visit):
        server = t.sample(name, *options)
        visit.backend = f"127.0.0.1:{server.backend.port}"
        return server
    return begin


WITH_WORKERS = "non-blocking with blocking workers"
HOLDS = {"waits": (6, 8, 7), "sizes": (20, 40, 96), "hold": True}

NODE = [
    Kind("readFile", "blocked", "awaiting", slow=True, lanes=4, workers=True, model=WITH_WORKERS),
    Kind("readFileSync", "blocked", "blocked", slow=True, **HOLDS),
    Kind("upstream", "awaiting", "awaiting", upstream=True, model="non-blocking"),
]


def blocking(path, pool=0, **more):
    """A thread or process waits for each request, for its file or the backend."""
    return Kind(path, "blocked", "blocked", slow=path == "file", pool=pool, model="blocking",
                **more)


ZOO = {
    "java": (java, [blocking("file", 8), blocking("upstream", 8)]),
    "flask": (flask, [blocking("file"), blocking("upstream")]),
    "gunicorn-sync": (gunicorn("-w", "4"), [blocking("file", 4), blocking("upstream", 4)]),
    "gunicorn-gthread": (gunicorn("-k", "gthread", "--threads", "8"),
                         [blocking("file", 8), blocking("upstream", 8)]),
    "express": (node("express"), NODE),
    "fastify": (node("fastify"), NODE),
    "kotlin": (kotlin, [
        Kind("io", "blocked", "awaiting", slow=True, workers=True, model=WITH_WORKERS),
        Kind("delay", "awaiting", "awaiting", workers=True, model="non-blocking"),
    ]),
    "fastapi": (python("fastapi_app"), [
        Kind("aiofiles", "blocked", "awaiting", slow=True, lanes=6, workers=True,
             model=WITH_WORKERS),
        Kind("def", "blocked", "blocked", slow=True, workers=True, model=WITH_WORKERS),
        Kind("sync", "blocked", "blocked", slow=True, **HOLDS),
        Kind("sleep", "awaiting", "awaiting", model="non-blocking"),
        Kind("upstream", "awaiting", "awaiting", upstream=True, model="non-blocking"),
    ]),
    "nginx": (nginx, [
        Kind("cold", "blocked", "", disk=True, **HOLDS),
        Kind("aio", "blocked", "", disk=True, workers=True, model=WITH_WORKERS),
        Kind("upstream", "awaiting", "", upstream=True, model="non-blocking"),
    ]),
    "redis": (redis, [
        Kind("GET", "running", "", verb="GET", waits=(0,), model="non-blocking"),
        Kind("BLPOP", "awaiting", "", verb="BLPOP", model="non-blocking"),
    ]),
    "redis-fsync": (redis_fsync, [
        # One sync for all that were read before it: it is the last one's, the others' loop is busy.
        Kind("SET", "blocked", "", verb="SET", disk=True, fsync_ms=8, waits=(8,), also=("loop_busy",),
             sizes=(16, 64, 192), hold=True),
    ]),
    "threads": (sample("threads"), [blocking("db")]),
    "pool": (sample("pool"), [blocking("db", 8, keepalive=False)]),
    "prefork": (sample("prefork", "--workers", "4"), [blocking("db", 4, keepalive=False)]),
    "eventloop": (sample("eventloop"), [
        Kind("db", "awaiting", "awaiting", upstream=True, model="non-blocking"),
        Kind("sleep", "awaiting", "awaiting", model="non-blocking"),
    ]),
    "eventloop-blocked": (sample("eventloop-blocked"), [
        Kind("db", "blocked", "blocked", **HOLDS),
    ]),
    "eventloop-offload": (sample("eventloop-offload", "--workers", "8"), [
        Kind("db", "blocked", "blocked", workers=True, model=WITH_WORKERS),
    ]),
}


def visit(t, name, kind, *options, settle=0.1):
    """Records the server under the kind's requests; the recording and the truth."""
    begin, kinds = ZOO[name]
    kind = next(k for k in kinds if k.path == kind)
    one = Visit(t, name, kind)
    one.make_files()
    server = begin(t, one)
    if not kind.verb:
        warm = t.load(server.port, [f"/{kind.path}/1/%d"], WARM, 2, start_id=1)
        if warm[0]["status"] != 200:
            raise Failure(f"{name} answers {warm[0]['status']}: {server.stderr()}")
    time.sleep(settle)
    recording = t.record(server.pid, *options)
    (one.ask_redis if kind.verb else one.feed)(server.port)
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
