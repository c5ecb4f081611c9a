"""FastAPI on uvicorn and uvloop: one event loop, and two pools of threads behind it.

    /usr/bin/python3 fastapi_app.py --port 0 --backend PORT --files DIR
"""

import asyncio
import os
import time

import aiofiles
import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from truth import arguments

app = FastAPI()
options = arguments()


def answer(text, part, begin):
    took = time.monotonic_ns() - begin
    return PlainTextResponse(
        text, headers={"X-Truth": f"{part}={took};total={took};begin={begin}"}
    )


@app.get("/aiofiles/{ms}/{number}")
async def by_aiofiles(ms: int, number: int):
    begin = time.monotonic_ns()
    async with aiofiles.open(f"{options.files}/{ms}-{number}", encoding="ascii") as file:
        text = await file.read()
    return answer(text, "awaiting", begin)


@app.get("/def/{ms}/{number}")
def in_a_pool_thread(ms: int, number: int):
    begin = time.monotonic_ns()
    with open(f"{options.files}/{ms}-{number}", encoding="ascii") as file:
        text = file.read()
    return answer(text, "blocked", begin)


@app.get("/sync/{ms}/{number}")
async def the_mistake(ms: int, number: int):
    begin = time.monotonic_ns()
    with open(f"{options.files}/{ms}-{number}", encoding="ascii") as file:
        text = file.read()
    return answer(text, "blocked", begin)


@app.get("/sleep/{ms}/{number}")
async def sleep(ms: int, number: int):
    begin = time.monotonic_ns()
    await asyncio.sleep(ms / 1000)
    return answer(f"slept {number}\n", "awaiting", begin)


@app.get("/upstream/{ms}/{number}")
async def upstream(ms: int, number: int):
    begin = time.monotonic_ns()
    reader, writer = await asyncio.open_connection("127.0.0.1", options.backend)
    writer.write(f"{ms} {number}\n".encode())
    text = (await reader.readline()).decode()
    writer.close()
    return answer(text, "awaiting", begin)


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"fastapi: listening on 127.0.0.1:{port}, pid {os.getpid()}", flush=True)


if __name__ == "__main__":
    Server(uvicorn.Config(app, host="127.0.0.1", port=options.port, log_level="error")).run()
