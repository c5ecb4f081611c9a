"""nonblocking.py: FastAPI on uvicorn, the non-blocking way.

One thread runs all requests. At every `await` it leaves the request to the kitchen and serves
another one; it waits in epoll only. aiofiles is not what it seems: a regular file cannot be waited
for in epoll, so a pool of threads blocks in its place. And /mistake/ID shows how one plain
open().read() inside `async def` stops everybody.

    /usr/bin/python3 samples/nonblocking.py --port 8080 --backend PORT
"""

import argparse
import asyncio
import os
import time

import aiofiles
import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from coldfile import BLOCK, ColdFile

app = FastAPI()


class Truth:
    """The server's own account of one request, for the response header X-Truth."""

    def __init__(self):
        self.parts = {"blocked": 0}
        self.begin = time.monotonic_ns()

    def timed(self, part, begin):
        self.parts[part] = self.parts.get(part, 0) + time.monotonic_ns() - begin

    async def awaited(self, operation):
        begin = time.monotonic_ns()
        try:
            return await operation
        finally:
            self.timed("awaiting", begin)

    def response(self, text, status=200):
        self.parts["total"] = time.monotonic_ns() - self.begin
        header = ";".join(f"{name}={ns}" for name, ns in self.parts.items())
        return PlainTextResponse(text + "\n", status, {"X-Truth": header})


@app.get("/file/{number}")
async def read_file(number: int):
    offset = cold.chill(number)
    truth = Truth()
    file = await truth.awaited(aiofiles.open(cold.path, "rb", buffering=0))
    cold.calm(file)
    await truth.awaited(file.seek(offset))
    data = await truth.awaited(file.read(BLOCK))
    await truth.awaited(file.close())
    return truth.response(f"file {number}: {len(data)} bytes from offset {offset}")


@app.get("/mistake/{number}")
async def mistake(number: int):
    offset = cold.chill(number)
    truth = Truth()
    begin = time.monotonic_ns()
    with open(cold.path, "rb", buffering=0) as file:  # blocks the loop
        cold.calm(file)
        file.seek(offset)
        data = file.read(BLOCK)
    truth.timed("blocked", begin)
    return truth.response(f"mistake {number}: {len(data)} bytes from offset {offset}")


@app.get("/db/{ms}/{number}")
async def ask_backend(ms: int, number: int):
    truth = Truth()
    try:
        reader, writer = await truth.awaited(asyncio.open_connection("127.0.0.1", options.backend))
        writer.write(f"{ms} {number}\n".encode())
        answer = (await truth.awaited(reader.readline())).decode().strip()
        writer.close()
    except OSError as error:
        return truth.response(f"cannot ask the backend: {error}", 502)
    return truth.response(f"db: {answer}", 200 if answer else 502)


@app.get("/sleep/{ms}/{number}")
async def sleep(ms: int, number: int):
    truth = Truth()
    await truth.awaited(asyncio.sleep(ms / 1000))
    return truth.response(f"sleep {number}: {ms} ms")


@app.get("/compute/{ms}/{number}")
async def compute(ms: int, number: int):
    truth = Truth()
    begin = time.thread_time_ns()
    total = number
    while time.thread_time_ns() < begin + ms * 1_000_000:
        total = (total * 31 + 7) % 1_000_003
    truth.parts["running"] = time.thread_time_ns() - begin
    return truth.response(f"compute {number}: {total}")


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"nonblocking.py: listening on 127.0.0.1:{port}, pid {os.getpid()}", flush=True)


def options_parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--backend", type=int, default=0)
    parser.add_argument("--file-dir", default="/var/tmp")
    return parser.parse_args()


if __name__ == "__main__":
    options = options_parse()
    cold = ColdFile("nonblocking.py", options.file_dir)
    try:
        Server(
            uvicorn.Config(app, host="127.0.0.1", port=options.port, log_level="error")
        ).run()
    finally:
        cold.remove()
