"""blocking.py: Flask, the blocking way.

Each connection gets a thread (a waiter), and the thread stands and waits in every call: in
open().read() for the disk, in recv() for the database, in sleep() for the clock.

    /usr/bin/python3 samples/blocking.py --port 8080 --backend PORT
"""

import argparse
import logging
import os
import signal
import socket
import sys
import time

from flask import Flask, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from coldfile import BLOCK, ColdFile

app = Flask(__name__)


class Truth:
    """The server's own account of one request, for the response header X-Truth."""

    def __init__(self):
        self.parts = {"blocked": 0}
        self.begin = time.monotonic_ns()
        self.cpu = time.thread_time_ns()

    def timed(self, part, call, *arguments):
        begin = time.monotonic_ns()
        try:
            return call(*arguments)
        finally:
            self.parts[part] = self.parts.get(part, 0) + time.monotonic_ns() - begin

    def response(self, text, status=200):
        self.parts["running"] = time.thread_time_ns() - self.cpu
        self.parts["total"] = time.monotonic_ns() - self.begin
        header = ";".join(f"{name}={ns}" for name, ns in self.parts.items())
        return Response(text + "\n", status, {"X-Truth": header}, mimetype="text/plain")


@app.get("/file/<int:number>")
def read_file(number):
    offset = cold.chill(number)
    truth = Truth()
    file = truth.timed("blocked", open, cold.path, "rb", 0)
    with file:
        cold.calm(file)
        file.seek(offset)
        data = truth.timed("blocked", file.read, BLOCK)
    return truth.response(f"file {number}: {len(data)} bytes from offset {offset}")


@app.get("/db/<int:ms>/<int:number>")
def ask_backend(ms, number):
    truth = Truth()
    try:
        where = ("127.0.0.1", options.backend)
        backend = truth.timed("blocked", socket.create_connection, where)
        with backend:
            truth.timed("blocked", backend.sendall, f"{ms} {number}\n".encode())
            answer = truth.timed("blocked", backend.recv, 64).decode().strip()
    except OSError as error:
        return truth.response(f"cannot ask the backend: {error}", 502)
    return truth.response(f"db: {answer}", 200 if answer else 502)


@app.get("/sleep/<int:ms>/<int:number>")
def sleep(ms, number):
    truth = Truth()
    truth.timed("sleep", time.sleep, ms / 1000)
    return truth.response(f"sleep {number}: {ms} ms")


@app.get("/compute/<int:ms>/<int:number>")
def compute(ms, number):
    truth = Truth()
    until = truth.cpu + ms * 1_000_000
    total = number
    while time.thread_time_ns() < until:
        total = (total * 31 + 7) % 1_000_003
    return truth.response(f"compute {number}: {total}")


def options_parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--backend", type=int, default=0)
    parser.add_argument("--file-dir", default="/var/tmp")
    return parser.parse_args()


if __name__ == "__main__":
    options = options_parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"  # keep-alive
    cold = ColdFile("blocking.py", options.file_dir)
    try:
        server = make_server("127.0.0.1", options.port, app, threaded=True)
        print(
            f"blocking.py: listening on 127.0.0.1:{server.server_port}, pid {os.getpid()}",
            flush=True,
        )
        server.serve_forever()
    finally:
        cold.remove()
