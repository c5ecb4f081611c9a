"""The zoo: real servers, each request with a path and a known wait of its own, scored."""

import keeper
import oracle
import score
import servers
import spoil
from harness import test

# The others are no tests yet, for their figures are not what they shall be; the table names them.
ASKED = {
    "java": ("file", "upstream", "mixed"), "flask": ("file", "upstream"),
    "gunicorn-sync": ("file", "upstream"), "gunicorn-gthread": ("file", "upstream"),
    "express": ("readFileSync",), "fastify": ("readFileSync",), "nginx": ("cold",),
    "threads": ("db",), "pool": ("db",), "prefork": ("db",), "eventloop-blocked": ("db",),
}

ROWS = []
SPOILED = []


def visited(name, path, options=()):
    """Records, scores, and holds the score against the goals."""
    def run(t):
        recording, truth = keeper.visit(t, servers.ZOO, name, path, *options)
        report = recording.report()
        t.equal(report["capture"]["lost"]["records"], 0, "lost records")
        judge = oracle.Oracle(report, truth)
        scores = judge.judge()
        precise = "--precise" in options
        for one in scores:
            ROWS.append(score.row(one, precise))
            why = score.misses(one, precise)
            t.check(not why, f"c={one.c}: {', '.join(why)}: " + "\n".join(one.said[:3]))
        t.equal(judge.story(), None, "what the verdict says wrong")
        SPOILED.append(spoil.awake(t, report, truth))
    return run


def table():
    """After all tests."""
    if not ROWS:
        return
    print("\nEach request against the oracle (tests/live/oracle.py):\n" + score.HEAD)
    print("\n".join(ROWS))
    print(f"The oracle was tried with {sum(SPOILED)} reports that were spoiled on purpose.")
    rest = [f"{server} {one.path}" for server, (_, visits) in servers.ZOO.items() for one in visits
            if one.path not in ASKED.get(server, ())]
    print("NOT YET: " + ", ".join(rest) + "\n" if rest else "")


for server, (_, visits) in servers.ZOO.items():
    for one in visits:
        if one.path in ASKED.get(server, ()):
            test(f"zoo: {server} {one.path}")(visited(server, one.path))
