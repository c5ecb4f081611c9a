"""The zoo: real servers, each request with a path and a known wait of its own, scored."""

import keeper
import oracle
from harness import test

# The others are no tests yet, for their figures are not what they shall be; the table names them.
ASKED = {
    "java": ("file", "upstream"), "flask": ("file", "upstream"),
    "gunicorn-sync": ("file", "upstream"), "gunicorn-gthread": ("file", "upstream"),
    "express": ("readFileSync",), "fastify": ("readFileSync",), "nginx": ("cold",),
    "threads": ("db",), "pool": ("db",), "prefork": ("db",), "eventloop-blocked": ("db",),
}

ROWS = []


def visited(name, path, options=()):
    """Records, scores, and holds the score against the goals."""
    def run(t):
        recording, truth = keeper.visit(t, name, path, *options)
        report = recording.report()
        t.equal(report["capture"]["lost"]["records"], 0, "lost records")
        judge = oracle.Oracle(report, truth)
        scores = judge.judge()
        precise = "--precise" in options
        for score in scores:
            ROWS.append(oracle.row(score, precise))
            why = oracle.misses(score, precise)
            t.check(not why, f"c={score.c}: {', '.join(why)}: " + "\n".join(score.said[:3]))
        if truth["model"]:
            t.equal(judge.models(), {truth["model"]}, "model")
        awake(t, report, truth)
    return run


def awake(t, report, truth):
    """The oracle sees it when two requests have each other's time."""
    before = {s.c: s.wrong for s in oracle.Oracle(report, truth).judge()}
    for c in before:
        pair = different(report, [one for one in truth["requests"] if one["c"] == c], truth)
        if not pair:
            continue
        after = next(s for s in oracle.Oracle(oracle.swapped(report, *pair), truth).judge()
                     if s.c == c)
        t.check(after.wrong > before[c], f"c={c}: the times of {pair} are exchanged, and the "
                f"oracle finds {after.wrong} wrong, as before")


def different(report, requests, truth):
    """Ids of two requests that are right and waited for different times."""
    judge = oracle.Oracle(report, truth)
    known = [(one, r) for one in requests for r in judge.find(one)
             if truth["state"] in oracle.WAITS and r["ledger_ns"][truth["state"]] > oracle.MS
             and not judge.wrong(one, r)]
    if not known:
        return None
    least = min(known, key=lambda k: k[1]["ledger_ns"][truth["state"]])
    most = max(known, key=lambda k: k[1]["ledger_ns"][truth["state"]])
    far = most[1]["ledger_ns"][truth["state"]] - least[1]["ledger_ns"][truth["state"]]
    return (least[1]["id"], most[1]["id"]) if far > oracle.MS else None


def table():
    """After all tests."""
    if ROWS:
        print("\nEach request against the oracle (tests/live/oracle.py):\n" + oracle.HEAD)
        print("\n".join(ROWS))
        print("NOT YET: " + ", ".join(f"{s} {k.path}" for s, (_, kinds) in keeper.ZOO.items()
                                      for k in kinds if k.path not in ASKED.get(s, ())) + "\n")


for server, (_, kinds) in keeper.ZOO.items():
    for kind in kinds:
        if kind.path in ASKED.get(server, ()):
            test(f"zoo: {server} {kind.path}")(visited(server, kind.path))
