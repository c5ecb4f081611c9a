"""What the zoo's Python servers share: options, and a blocking call to the backend."""

import argparse
import encodings.idna  # noqa: F401: what the first connection would load
import gc
import os
import socket
import time


def arguments(words=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--backend", type=int, default=0)
    parser.add_argument("--files", default=".")
    parser.add_argument("--pauses", help="where to write when the collector was at work")
    options = parser.parse_args(words)
    if options.pauses:
        tell_pauses(options.pauses)
    return options


def tell_pauses(path):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    begin = 0

    def collected(phase, _info):
        nonlocal begin
        now = time.monotonic_ns()
        if phase == "stop" and now - begin > 1_000_000:
            os.write(file, f"{begin} {now}\n".encode())
        begin = now

    gc.callbacks.append(collected)


def ask(backend, ms, number):
    """The backend's answer, MS milliseconds later; the thread waits in recv."""
    with socket.create_connection(("127.0.0.1", backend)) as s:
        s.sendall(f"{ms} {number}\n".encode())
        text = b""
        while not text.endswith(b"\n"):
            got = s.recv(256)
            if not got:
                raise OSError("the backend hung up")
            text += got
        return text.decode()
