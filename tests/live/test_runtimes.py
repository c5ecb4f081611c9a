"""Runtimes that are known by their files, and their own word on their work, by uprobes."""

import os
import shutil
import socket
import threading
import time

from harness import Failure, Unable, free_port, test
from reading import FILE, RECV, RUNTIME, SEND, WAIT, WORK, records
from test_servers import fetch

SUBMIT, BEGIN, END, RESUME = 1, 2, 3, 4  # enum work_op
LIBUV, TASK, FUTURE, NGINX, TIMER = 1, 2, 3, 4, 5  # enum work_kind
NODE, PYTHON, JVM, NGINX_SERVER, REDIS = 1, 2, 3, 4, 5  # enum runtime

NODE_APP = """
const http = require('http'), fs = require('fs'), zlib = require('zlib');
const work = {
  read: (path, done) => fs.readFile(path, done),
  zip: (path, done) => zlib.gzip(Buffer.alloc(20000), done),
};
http.createServer((question, answer) => {
  work[question.url.split('/')[1]](process.argv[2], (error) => answer.end(error ? 'no' : 'yes'));
}).listen(+process.argv[3], '127.0.0.1', () => console.log('up'));
"""


def program(name):
    path = shutil.which(name)
    if not path:
        raise Unable(f"{name} is missing")
    return path


def node(t):
    app = os.path.join(t.dir, "app.js")
    with open(app, "w", encoding="ascii") as file:
        file.write(NODE_APP)
    port = free_port()
    server = t.start([program("node"), app, app, port])
    server.line()
    server.port = port
    return server


def of_requests(t, all_records, ticks=False):
    """The work between each request's receive and its answer: {path: [work]}; `ticks`: the server
    has tasks of its own, which take steps between requests. A worker may come to the end of its
    work after the answer."""
    work, now, begun = {}, None, {}
    own = (TASK, TIMER) if ticks else ()
    for r in sorted((r for r in all_records if r["kind"] in (RECV, SEND, WORK)),
                    key=lambda r: r["ns"]):
        if r["kind"] == RECV and r["data"].startswith(b"GET "):
            now = r["data"].split()[1].decode()
            work[now] = []
        elif r["kind"] == SEND and r["data"].startswith(b"HTTP/"):
            now = None
        elif r["kind"] == WORK and r["op"] == END and r["tid"] in begun:
            work[begun.pop(r["tid"])].append(r)
        elif r["kind"] == WORK:
            if r["op"] == BEGIN and r["what"] == FUTURE:
                begun[r["tid"]] = now
            t.check(now or r["what"] in own, f"work outside every request: {r}")
            if now:
                work[now].append(r)
    return work


@test("runtimes: node: each piece of libuv's work is handed over, begun and taken up again")
def libuv(t):
    server = node(t)
    recording = t.record(server.pid)
    for i in range(20):
        for kind in ("read", "zip"):
            t.equal(fetch(server.port, f"/{kind}/{i}")[0], 200, "status")
    recording.end()
    found, probes = records(recording.path)
    t.check("uprobe:uv__work_submit" in probes, f"the capture's probes: {probes}")
    t.equal([(r["tid"], r["runtime"]) for r in found if r["kind"] == RUNTIME],
            [(server.pid, NODE)], "runtimes")
    work = of_requests(t, found)
    t.equal(len(work), 40, "requests")
    for path, steps in work.items():
        rounds = [steps[i:i + 3] for i in range(0, len(steps), 3)]
        # readFile: open, stat, read, close; gzip: once, or once more to end the stream
        t.check(len(rounds) == 4 if "read" in path else 1 <= len(rounds) <= 2,
                f"{path}: {len(rounds)} pieces of work")
        for one in rounds:
            t.equal([(r["op"], r["what"]) for r in one],
                    [(SUBMIT, LIBUV), (BEGIN, LIBUV), (RESUME, LIBUV)], f"{path}: steps")
            t.equal(len({r["item"] for r in one}), 1, f"{path}: items of one piece of work")
            t.equal([r["tid"] == server.pid for r in one], [True, False, True],
                    f"{path}: on the loop's thread")
    t.check(server.alive(), "node ended")
    t.equal(fetch(server.port, "/read/last")[0], 200, "status after the recording")


@test("runtimes: node: a command's program, its children and theirs are listened to in time")
def children(t):
    port = free_port()
    cluster = os.path.join(t.dir, "cluster.js")
    app = os.path.join(t.dir, "app.js")
    with open(app, "w", encoding="ascii") as file:
        file.write(NODE_APP)
    with open(cluster, "w", encoding="ascii") as file:
        file.write("const c = require('cluster');"
                   f"c.setupPrimary({{ exec: {app!r}, args: [{app!r}, '{port}'] }});"
                   "c.fork(); c.fork();")
    recording = t.record([program("node"), cluster])
    wait_for(port)
    time.sleep(0.5)
    for i in range(10):
        t.equal(fetch(port, f"/read/{i}")[0], 200, "status")
    recording.end(code=130)
    found, _ = records(recording.path)
    nodes = {r["tid"] for r in found if r["kind"] == RUNTIME and r["runtime"] == NODE}
    t.equal(len(nodes), 3, "processes known as node")
    submitted = [r for r in found if r["kind"] == WORK and r["op"] == SUBMIT]
    answered = {r["tid"] for r in found if r["kind"] == SEND and r["data"].startswith(b"HTTP/")}
    t.equal(len(answered), 2, "workers that answered")
    for tid in answered:
        t.check(tid in nodes and sum(r["tid"] == tid for r in submitted) >= 16,
                f"worker {tid} handed over too little")


PYTHON_APP = """
import asyncio, concurrent.futures, aiofiles, fastapi
app = fastapi.FastAPI()
@app.get("/aio/{i}")
async def aio(i: int):
    async with aiofiles.open(__file__) as file:
        return len(await file.read())
@app.get("/plain/{i}")
def plain(i: int):
    with open(__file__) as file:
        return len(file.read())
@app.get("/thread/{i}")
async def thread(i: int):
    return await asyncio.to_thread(plain, i)
@app.get("/sleep/{i}")
async def sleep(i: int):
    await asyncio.sleep(0.002)
    return i
"""


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Failure(f"nobody listens on port {port}")


def uvicorn(t, *arguments):
    with open(os.path.join(t.dir, "app.py"), "w", encoding="ascii") as file:
        file.write(PYTHON_APP)
    port = free_port()
    server = t.start(["/usr/bin/python3", "-m", "uvicorn", "app:app", "--port", port,
                      "--log-level", "warning", *arguments], cwd=t.dir)
    server.port = port
    wait_for(port)
    return server


def pair(t, work, loop):
    """The pieces of work as (submitted, begun, ended); how many were begun by nobody's word, and
    never begun."""
    submitted, open_by, pieces, unknown = {}, {}, [], 0
    for r in sorted(work, key=lambda r: r["ns"]):
        if r["op"] == SUBMIT:
            t.equal(r["tid"], loop, "who hands over")
            submitted[r["item"]] = r
        elif r["op"] == BEGIN:
            t.check(r["tid"] != loop and r["tid"] not in open_by, f"begun in between: {r}")
            open_by[r["tid"]] = (submitted.pop(r["item"], None), r)
        else:
            first, begun = open_by.pop(r["tid"], (None, None))
            t.check(begun and begun["item"] == r["item"], f"ended, not begun: {r}")
            if first:
                pieces.append((first, begun, r))
            else:
                unknown += 1
    t.check(not open_by, f"never ended: {open_by}")
    return pieces, unknown, len(submitted)


def check_work(t, path, steps, loop, want):
    """Of one request alone: `want` pieces of work, each submitted by the loop's thread within the
    step of one and the same task, begun and ended by another thread; steps before and after."""
    own = [r for r in steps if r["what"] == TASK]
    t.check(all(r["tid"] == loop for r in own), f"{path}: steps {own}")
    t.equal({r["what"] for r in steps} - {TASK, TIMER, FUTURE}, set(), f"{path}: kinds of work")
    tasks = [r for r in own if r["op"] == RESUME]
    futures = [r for r in steps if r["what"] == FUTURE]
    pieces, unknown, unbegun = pair(t, futures, loop)
    t.equal((len(pieces), unknown, unbegun), (want, 0, 0), f"{path}: pieces of work")
    if pieces:
        t.check(tasks and tasks[0]["ns"] < futures[0]["ns"], f"{path}: handed over in no step")
        t.check(tasks and tasks[-1]["ns"] > pieces[-1][1]["ns"], f"{path}: nobody took it up")


def python_work(t, loop, arguments, want):
    server = uvicorn(t, "--loop", loop)
    # all threads of the pools are there before
    t.load(server.port, [f"/{kind}/%d" for kind in want], requests=200, connections=16)
    recording = t.record(server.pid, *arguments)
    for i in range(10):
        for kind in want:
            t.equal(fetch(server.port, f"/{kind}/{i}")[0], 200, "status")
    recording.end()
    found, probes = records(recording.path)
    for name in ["PyIter_Send", "Task.__init__"] + (["Task step end"] if arguments else []):
        t.check(f"uprobe:{name}" in probes, f"the capture's probes: {probes}")
    runtimes = [r for r in found if r["kind"] == RUNTIME]
    t.equal([(r["tid"], r["runtime"]) for r in runtimes], [(server.pid, PYTHON)], "runtimes")
    start, stop = runtimes[0]["gil"]
    t.check(0 < stop - start < 1 << 24, f"the interpreter's lock lies in {start:x}-{stop:x}")
    work = of_requests(t, [r for r in found if r["kind"] != WORK or r["what"] == FUTURE
                           or r["tid"] == server.pid], ticks=True)
    t.equal(len(work), 10 * len(want), "requests")
    for path, steps in work.items():
        check_work(t, path, steps, server.pid, want[path.split("/")[1]])
    t.equal(fetch(server.port, "/aio/1")[0], 200, "status after the recording")


@test("runtimes: FastAPI on uvloop: steps of tasks, and what executors and def handlers are given")
def python_default(t):
    python_work(t, "uvloop", [], {"aio": 3, "plain": 1, "thread": 1, "sleep": 0})


@test("runtimes: FastAPI on asyncio's own loop: the same")
def python_asyncio_default(t):
    python_work(t, "asyncio", [], {"aio": 3, "plain": 1, "thread": 1, "sleep": 0})


@test("runtimes: FastAPI on uvloop with --precise: the same, with the ends of steps")
def python_precise(t):
    python_work(t, "uvloop", ["--precise"], {"aio": 3, "plain": 1, "thread": 1, "sleep": 0})


@test("runtimes: FastAPI on asyncio's own loop with --precise: the same")
def python_asyncio(t):
    python_work(t, "asyncio", ["--precise"], {"aio": 3, "plain": 1, "thread": 1, "sleep": 0})


@test("runtimes: FastAPI at 16 at once: each piece of work begins once, after it was handed over")
def python_crowd(t):
    server = uvicorn(t)
    recording = t.record(server.pid)
    lines = t.load(server.port, ["/aio/%d", "/plain/%d", "/thread/%d"], requests=600,
                   connections=16)
    want = sum({"aio": 3, "plain": 1, "thread": 1}[l["path"].split("/")[1]] for l in lines)
    recording.end()
    found, _ = records(recording.path)
    work = [r for r in found if r["kind"] == WORK and r["what"] == FUTURE]
    pieces, unknown, unbegun = pair(t, work, server.pid)
    t.note(f"{want} pieces of work: {len(pieces)} handed over, begun and ended, "
           f"{unknown} begun by nobody's word, {unbegun} never begun")
    t.equal((len(pieces), unknown, unbegun), (want, 0, 0), "pieces of work")


PIPES_APP = """
import asyncio, os, fastapi
app = fastapi.FastAPI()
def slow(i):
    with open(os.path.join(os.environ["PIPES"], str(i))) as file:
        return file.read()
@app.get("/read/{i}")
async def read(i: int):
    return slow(i)
@app.get("/sleep/{i}")
async def sleep(i: int):
    await asyncio.sleep(0.02)
    return slow(i)
"""


def feed_pipes(paths):
    """Whoever reads one of the pipes has to wait for it, each for another."""
    def feed(path):
        with open(path, "w", encoding="ascii") as file:
            time.sleep(0.003)
            file.write("ok")

    for path in paths:
        os.mkfifo(path)
        threading.Thread(target=feed, args=(path,), daemon=True).start()


def tasks_of(t, found, loop):
    """What the loop's thread was in: (from, to, task), each step lasting until the next, and the
    coroutine standing for its task; and {path: tasks made between its receive and the next}."""
    spans, made, now, since = [], {}, None, None
    for r in sorted(found, key=lambda r: r["ns"]):
        if r["tid"] != loop:
            continue
        if r["kind"] == RECV and r["data"].startswith(b"GET "):
            now = made.setdefault(r["data"].split()[1].decode(), [])
        elif r["kind"] == WORK and r["what"] == TASK and r["op"] == SUBMIT and now is not None:
            now.append((r["ns"], r["item"]))
        elif r["kind"] == WORK and r["what"] == TASK and r["op"] == RESUME:
            if since:
                spans.append((since["ns"], r["ns"], (since["item"],)))
            since = r
    spans.append((since["ns"], since["ns"] + 10 ** 9, (since["item"],)))
    t.check(len(spans) > 100, f"{len(spans)} steps")
    # FastAPI makes one task for each request, uvicorn none
    t.equal({len(m) for m in made.values()}, {1}, "tasks made behind a receive")
    return spans, made


def lineage(t, loop, *arguments):
    with open(os.path.join(t.dir, "app.py"), "w", encoding="ascii") as file:
        file.write(PIPES_APP)
    port = free_port()
    server = t.start(["/usr/bin/python3", "-m", "uvicorn", "app:app", "--port", port, "--loop", loop,
                      "--log-level", "warning"], cwd=t.dir, env={**os.environ, "PIPES": t.dir})
    wait_for(port)
    feed_pipes([os.path.join(t.dir, str(i)) for i in range(1, 81)])
    recording = t.record(server.pid, *arguments)
    t.load(port, ["/read/%d", "/sleep/%d"], requests=80, connections=8)
    recording.end()
    found, _ = records(recording.path)
    spans, made = tasks_of(t, found, server.pid)
    pipes = {r["obj"]: int(r["path"].split(b"\0")[0]) for r in found if r["kind"] == FILE
             and r["path"].split(b"\0")[0].isdigit()}
    waits = [r for r in found if r["kind"] == WAIT and r["tid"] == server.pid and r["off"]
             and r["obj"] in pipes]
    t.equal({pipes[r["obj"]] for r in waits}, set(range(1, 81)), "pipes that were waited for")
    for r in waits:
        number = pipes[r["obj"]]
        path = f"/{'read' if number % 2 else 'sleep'}/{number}"
        within = [stack for a, b, stack in spans if a < r["off"] and r["ns"] < b]
        t.equal(len(within), 1, f"{path}: one stretch of work around its wait")
        t.check(within[0], f"{path}: in nothing")
        # the last that was made under that address before the wait
        owner = max((ns, of) for of, all_made in made.items() for ns, item in all_made
                    if item == within[0][-1] and ns < r["off"])[1]
        t.equal(owner, path, "whose wait it is by what the thread was in")


@test("runtimes: FastAPI on uvloop at 8 at once: a task made behind each receive takes its steps")
def tasks_uvloop(t):
    lineage(t, "uvloop")


@test("runtimes: FastAPI on asyncio's own loop at 8 at once: the same")
def tasks_asyncio(t):
    lineage(t, "asyncio")


@test("runtimes: the uprobes come and go under load, and the server answers all the while")
def come_and_go(t):
    for server, paths in ((node(t), ["/read/%d"]), (uvicorn(t), ["/aio/%d", "/plain/%d"])):
        finish = t.load(server.port, paths, seconds=4, connections=8, background=True)
        for i in range(4):
            recording = t.record(server.pid, "--precise")
            time.sleep(0.3)
            if i % 2:
                recording.kill()
            else:
                recording.end()
        lines = finish()
        t.equal({l["status"] for l in lines}, {200}, "answers")
        t.check(server.alive(), "the server ended")


NGINX_THREADS = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
thread_pool default threads=2;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile off; aio threads; root {dir}/www; output_buffers 1 64k;
  client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3;
  uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
  server {{ listen 127.0.0.1:{port}; }}
}}
"""


@test("runtimes: nginx with aio threads says what it hands to its pool; redis is known")
def nginx_threads(t):
    port = free_port()
    os.chmod(t.dir, 0o755)
    os.makedirs(os.path.join(t.dir, "www"))
    with open(os.path.join(t.dir, "www", "big"), "wb") as file:
        file.write(bytes(300000))
    conf = os.path.join(t.dir, "nginx.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(NGINX_THREADS.format(dir=t.dir, port=port))
    server = t.start([program("nginx"), "-c", conf, "-p", t.dir])
    wait_for(port)
    redis = t.redis()
    recording = t.record(f"{server.pid},{redis.pid}")
    t.equal(fetch(port, "/big")[:2], (200, 300000), "answer")
    recording.end()
    found, probes = records(recording.path)
    t.check("uprobe:ngx_thread_task_post" in probes, f"the capture's probes: {probes}")
    runtimes = {(r["tid"], r["runtime"]) for r in found if r["kind"] == RUNTIME}
    t.check((server.pid, NGINX_SERVER) in runtimes and (redis.pid, REDIS) in runtimes and
            len(runtimes) == 3, f"runtimes: {runtimes}")
    posted = [r for r in found if r["kind"] == WORK]
    order = [(r["op"], r["item"]) for r in posted]
    t.check(len(posted) >= 10 and {r["what"] for r in posted} == {NGINX} and
            order == [(op, item) for _, item in order[::2] for op in (SUBMIT, BEGIN)] and
            len({r["tid"] for r in posted[::2]}) == 1 and
            not {r["tid"] for r in posted[1::2]} & {r["tid"] for r in posted[::2]},
            f"posted and taken: {posted}")
