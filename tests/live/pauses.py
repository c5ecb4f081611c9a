"""pauses: when a runtime stopped a server's threads for work of its own, by its own word.

Whoever is at work then has the time, and the oracle would take it for another's. Each is
(not before, not behind, how long), in ns, the moments of CLOCK_MONOTONIC.
"""

import os
import re
import select

MS = 1_000_000
NODE_LATE = 30 * MS  # V8 counts from when it was set up, in whole milliseconds


def of_node(server):
    """node --trace-gc, on its standard output; its first lines are with those of its start."""
    pipe = server.popen.stdout.fileno()
    text = server.before
    while select.select([pipe], [], [], 0)[0]:
        got = os.read(pipe, 1 << 16)
        if not got:
            break
        text += got.decode(errors="replace")
    for end, took in re.findall(r"(\d+) ms: .*? MB, ([\d.]+) /", text):
        end = server.since_ns + int(end) * MS
        yield end - int(float(took) * MS) - NODE_LATE, end + NODE_LATE, int(float(took) * MS)


def of_jvm(path):
    """java -Xlog:safepoint=info:file=PATH:timenanos: a collection of garbage is one as well."""
    with open(path, encoding="ascii") as file:
        for end, took in re.findall(r"\[(\d+)ns\] Safepoint .* Total: (\d+) ns", file.read()):
            yield int(end) - int(took), int(end), int(took)


def of_python(path):
    """What zoo/truth.py wrote of the collector."""
    with open(path, encoding="ascii") as file:
        for line in file:
            begin, end = (int(word) for word in line.split())
            yield begin, end, end - begin


def within(pauses, begin, end):
    """For how long it stood still between two moments, at the most."""
    return sum(took for first, last, took in pauses if first < end and last > begin)
