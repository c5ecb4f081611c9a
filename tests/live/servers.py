"""servers: how each server of the zoo is started, and what it is asked for."""

import os
import socket
import time

import pauses
from harness import Failure, free_port
from keeper import Kind, Mix


def zoo(name):
    return os.path.join("tests", "live", "zoo", name)


def start(t, argv, seconds=30, **options):
    """A server of the zoo that says where it listens; its runtime may have something to say before."""
    server = t.start(argv, **options)
    line, server.before = server.line(seconds), ""
    while "127.0.0.1:" not in line:
        server.before += line + "\n"
        line = server.line(seconds)
    server.port = int(line.split("127.0.0.1:")[1].split(",")[0])
    server.since_ns = int(line.split("since ")[1]) if "since " in line else 0
    return server


def backend_of(t, visit):
    """The slow one behind, which speaks HTTP and lines."""
    visit.log = os.path.join(t.dir, "peer.log")
    peer = start(t, [t.program("tests/live/slowpeer"), "-o", visit.log])
    visit.backend = f"127.0.0.1:{peer.port}"
    return peer


def node(script, *options, **env):
    def begin(t, visit):
        backend = backend_of(t, visit)
        server = start(t, ["node", "--trace-gc", zoo(f"{script}.js"), "--port", 0, "--backend",
                           backend.port, "--files", visit.dir, *options],
                       env={**os.environ, **env})
        server.pauses = lambda: pauses.of_node(server)
        return server
    return begin


def python(script):
    def begin(t, visit):
        backend = backend_of(t, visit)
        log = os.path.join(t.dir, "pauses")
        server = start(t, ["/usr/bin/python3", "-B", zoo(f"{script}.py"), "--port", 0, "--backend",
                           backend.port, "--files", visit.dir, "--pauses", log])
        server.pauses = lambda: pauses.of_python(log)
        return server
    return begin


def gunicorn(*options):
    def begin(t, visit):
        return wsgi(t, visit, ["gunicorn", "--chdir", zoo(""), *options, "--bind"], "wsgi_app:app")
    return begin


def flask(t, visit):
    return wsgi(t, visit, ["/usr/bin/python3", "-B", "-m", "flask", "--app", zoo("wsgi_app.py"),
                           "run", "-p"], None)


def wsgi(t, visit, argv, app):
    backend = backend_of(t, visit)
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


def jvm(t, argv, **options):
    log = os.path.join(t.dir, "pauses")
    server = start(t, ["java", *JVM, f"-Xlog:safepoint=info:file={log}:timenanos", *argv],
                   **options)
    server.pauses = lambda: pauses.of_jvm(log)
    return server


def java(t, visit):
    backend = backend_of(t, visit)
    classes = built(t, zoo("JavaPool.java"), ["javac"])
    return jvm(t, ["-cp", classes, "JavaPool", backend.port, visit.dir])


def kotlin_built(t, source):
    """The class path of a program in Kotlin."""
    classes = built(t, source, [
        "java", *JVM, "-cp", f"{KOTLIN}/kotlin-compiler.jar:{COROUTINES[0]}",
        "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-no-reflect", "-kotlin-home",
        os.path.dirname(KOTLIN), "-cp", COROUTINES[1]])
    return [classes, *COROUTINES]


def kotlin(t, visit):
    path = kotlin_built(t, zoo("Coroutines.kt"))
    return jvm(t, ["-cp", ":".join(path), "CoroutinesKt", visit.dir])


# Small; and answers in two pieces do not wait 40 ms for an acknowledgement.
JVM = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m",
       "-Dsun.net.httpserver.nodelay=true"]


def nginx(t, visit):
    backend = backend_of(t, visit)
    port = free_port()
    with open(zoo("nginx.conf"), encoding="ascii") as file:
        text = file.read()
    for name, value in (("DIR", t.dir), ("ROOT", visit.dir), ("PORT", port),
                        ("BACKEND", backend.port)):
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
        backend = backend_of(t, visit)
        return start(t, [t.program(f"samples/{name}"), "--port", 0, "--backend", backend.port,
                         *options])
    return begin


WITH_WORKERS = "non-blocking with blocking workers"
HOLDS = {"waits": (6, 8, 7), "sizes": (20, 40, 96), "hold": True}

NODE = [
    Kind("readFile", "blocked", "awaiting", slow=True, lanes=4, workers=True, model=WITH_WORKERS),
    Kind("readFileSync", "blocked", "blocked", slow=True, **HOLDS),
    Kind("upstream", "awaiting", "awaiting", upstream=True, model="non-blocking"),
    Mix("mixed", ("readFile", "upstream"), WITH_WORKERS),
    Mix("victims", ("upstream", "readFileSync"), sizes=(12, 40, 96)),
]


def blocking(path, pool=0, **more):
    """A thread or process waits for each request, for its file or the backend."""
    return Kind(path, "blocked", "blocked", slow=path == "file", upstream=path != "file", pool=pool,
                model="blocking", **more)


ZOO = {
    "java": (java, [blocking("file", 8), blocking("upstream", 8),
                    Mix("mixed", ("file", "upstream"), "blocking")]),
    "flask": (flask, [blocking("file"), blocking("upstream")]),
    "gunicorn-sync": (gunicorn("-w", "4"), [blocking("file", 4), blocking("upstream", 4)]),
    "gunicorn-gthread": (gunicorn("-k", "gthread", "--threads", "8"),
                         [blocking("file", 8), blocking("upstream", 8)]),
    "express": (node("express"), NODE),
    "fastify": (node("fastify"), NODE),
    # Files by the kernel's ring. That of libuv has 64 places; what finds none goes to its pool, and
    # then workers block.
    "express-ring": (node("express", "--folders", UV_USE_IO_URING="1"), [
        Kind("readFile", "awaiting", "awaiting", disk=True, ring=True),
        Kind("upstream", "awaiting", "awaiting", upstream=True, model="non-blocking"),
        Mix("mixed", ("readFile", "upstream")),
    ]),
    "kotlin": (kotlin, [
        Kind("io", "blocked", "awaiting", slow=True, workers=True, model=WITH_WORKERS),
        Kind("delay", "awaiting", "awaiting", workers=True, model="non-blocking"),
        Mix("mixed", ("io", "delay"), WITH_WORKERS),
    ]),
    "fastapi": (python("fastapi_app"), [
        Kind("aiofiles", "blocked", "awaiting", slow=True, lanes=6, workers=True,
             model=WITH_WORKERS),
        Kind("def", "blocked", "blocked", slow=True, workers=True, model=WITH_WORKERS),
        Kind("sync", "blocked", "blocked", slow=True, **HOLDS),
        Kind("sleep", "awaiting", "awaiting", model="non-blocking"),
        Kind("upstream", "awaiting", "awaiting", upstream=True, model="non-blocking"),
        Mix("mixed", ("aiofiles", "upstream", "def", "sleep"), WITH_WORKERS),
        Mix("victims", ("upstream", "sync", "sleep"), sizes=(12, 40, 96)),
    ]),
    "nginx": (nginx, [
        Kind("cold", "blocked", "", disk=True, **HOLDS),
        Kind("aio", "blocked", "", disk=True, workers=True, model=WITH_WORKERS),
        Kind("upstream", "awaiting", "", upstream=True, model="non-blocking"),
        Mix("mixed", ("aio", "upstream"), WITH_WORKERS),
        Mix("victims", ("upstream", "cold"), sizes=(12, 40, 96)),
    ]),
    "redis": (redis, [
        Kind("GET", "running", "", verb="GET", waits=(0,), model="non-blocking"),
        # Its time begins when it is sent, and so has what it queued for.
        Kind("BLPOP", "awaiting", "", verb="BLPOP", also=("queued",), model="non-blocking"),
    ]),
    "redis-fsync": (redis_fsync, [
        # One sync for all that were read before it: it is the last one's, the others' loop is busy.
        Kind("SET", "blocked", "", verb="SET", disk=True, fsync_ms=8, waits=(8,),
             also=("loop_busy",), sizes=(16, 64, 192), hold=True),
    ]),
    "threads": (sample("threads"), [blocking("db")]),
    "pool": (sample("pool"), [blocking("db", 8, keepalive=False)]),
    "prefork": (sample("prefork", "--workers", "4"), [blocking("db", 4, keepalive=False)]),
    "eventloop": (sample("eventloop"), [
        Kind("db", "awaiting", "awaiting", upstream=True, model="non-blocking"),
        Kind("sleep", "awaiting", "awaiting", model="non-blocking"),
        Mix("mixed", ("db", "sleep"), "non-blocking"),
    ]),
    "eventloop-blocked": (sample("eventloop-blocked"), [
        Kind("db", "blocked", "blocked", upstream=True, **HOLDS),
    ]),
    "eventloop-offload": (sample("eventloop-offload", "--workers", "8"), [
        Kind("db", "blocked", "blocked", upstream=True, workers=True, model=WITH_WORKERS),
    ]),
}
