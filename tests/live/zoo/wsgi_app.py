"""A WSGI service, for Flask's own server and for gunicorn: whoever serves a request waits for it.

BACKEND is the backend's port, FILES the folder of the slow files (environment).
"""

import os
import time

from flask import Flask, Response

from truth import ask

app = Flask(__name__)
BACKEND = int(os.environ["BACKEND"])
FILES = os.environ["FILES"]


def answer(text, begin):
    took = time.monotonic_ns() - begin
    return Response(text, headers={"X-Truth": f"blocked={took};total={took}"})


@app.get("/file/<int:ms>/<int:number>")
def file(ms, number):
    begin = time.monotonic_ns()
    with open(f"{FILES}/{ms}-{number}", encoding="ascii") as slow:
        text = slow.read()
    return answer(text, begin)


@app.get("/upstream/<int:ms>/<int:number>")
def upstream(ms, number):
    begin = time.monotonic_ns()
    return answer(ask(BACKEND, ms, number), begin)
