"""Clients of redis: GET, SET, and BLPOP that another client answers after a known time.

    redis_load.py --port N --verb VERB --connections C --requests N --waits 5,9

Prints what samples/load prints, one JSON object a line, and `order`, the request's place on its
connection: a report names a redis request by its verb alone.
"""

import argparse
import heapq
import json
import socket
import sys
import threading
import time


def wire(*words):
    return b"".join([b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w) for w in words])


def reply(s):
    """Reads one whole reply: a status, a bulk string, or an array of bulk strings."""
    text = b""
    while not complete(text):
        got = s.recv(65536)
        if not got:
            raise OSError("redis hung up")
        text += got
    return text


def complete(text):
    lines = text.split(b"\r\n")
    if len(lines) < 2:
        return False
    kind, number = lines[0][:1], lines[0][1:]
    if kind in b"+-:":
        return True
    bulks = 1 if kind == b"$" else int(number)
    return number == b"-1" or len(lines) > (2 * bulks if kind == b"*" else 1) + 1


class Pusher(threading.Thread):
    """Answers each BLPOP when its time has come, on one connection."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.due, self.changed = [], threading.Condition()
        self.lines = []

    def later(self, at_ns, key):
        with self.changed:
            heapq.heappush(self.due, (at_ns, key))
            self.changed.notify()

    def run(self):
        while True:
            with self.changed:
                while not self.due or self.due[0][0] > time.monotonic_ns():
                    left = (self.due[0][0] - time.monotonic_ns()) / 1e9 if self.due else None
                    self.changed.wait(left)
                _, key = heapq.heappop(self.due)
            sent = time.monotonic_ns()
            self.socket.sendall(wire(b"LPUSH", key, b"x"))
            reply(self.socket)
            self.lines.append({"verb": "LPUSH", "sent_ns": sent, "ms": 0,
                               "latency_ns": time.monotonic_ns() - sent,
                               "order": len(self.lines),
                               "local_port": self.socket.getsockname()[1]})


def client(options, first, count, lines, pusher):
    s = socket.create_connection(("127.0.0.1", options.port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waits = [int(w) for w in options.waits.split(",")]
    for i in range(count):
        key, wait = b"key:%d" % (first + i), waits[(first + i) % len(waits)]
        words = {"GET": (b"GET", b"key:1"), "SET": (b"SET", key, b"v" * 100),
                 "BLPOP": (b"BLPOP", key, b"0")}[options.verb]
        sent = time.monotonic_ns()
        s.sendall(wire(*words))
        if options.verb == "BLPOP":
            pusher.later(time.monotonic_ns() + wait * 1_000_000, key)
        reply(s)
        lines.append({"verb": options.verb, "sent_ns": sent, "ms": wait,
                      "latency_ns": time.monotonic_ns() - sent, "order": i,
                      "local_port": s.getsockname()[1]})
    s.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--verb")
    parser.add_argument("--connections", type=int)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--waits")
    options = parser.parse_args()
    lines = []
    pusher = None
    if options.verb == "BLPOP":
        pusher = Pusher(options.port)
        pusher.start()
    each = options.requests // options.connections
    threads = [threading.Thread(target=client, args=(options, i * each, each, lines, pusher))
               for i in range(options.connections)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if pusher:
        while len(pusher.lines) < len(lines):  # its last reply comes after the client's
            time.sleep(0.001)
        lines += pusher.lines
    for line in lines:
        json.dump(line, sys.stdout)
        print()


if __name__ == "__main__":
    main()
