"""What the zoo's Python servers share: options, and a blocking call to the backend."""

import argparse
import encodings.idna  # noqa: F401: what the first connection would load
import socket


def arguments(words=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--backend", type=int, default=0)
    parser.add_argument("--files", default=".")
    return parser.parse_args(words)


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
