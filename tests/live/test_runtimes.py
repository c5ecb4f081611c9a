"""Runtimes that are known by their files, and their own word on their work, by uprobes."""

import os
import shutil

from harness import Unable, free_port, test
from reading import RECV, RUNTIME, SEND, WORK, records
from test_servers import fetch

SUBMIT, BEGIN, END, RESUME = 1, 2, 3, 4  # enum work_op
LIBUV, TASK, FUTURE, NGINX = 1, 2, 3, 4  # enum work_kind
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


def of_requests(t, all_records):
    """The work between each request's receive and its answer: {path: [work]}."""
    work, now = {}, None
    for r in sorted((r for r in all_records if r["kind"] in (RECV, SEND, WORK)),
                    key=lambda r: r["ns"]):
        if r["kind"] == RECV and r["data"].startswith(b"GET "):
            now = r["data"].split()[1].decode()
            work[now] = []
        elif r["kind"] == SEND and r["data"].startswith(b"HTTP/"):
            now = None
        elif r["kind"] == WORK:
            t.check(now, f"work outside every request: {r}")
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
