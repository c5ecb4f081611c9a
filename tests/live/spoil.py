"""spoil: reports made wrong on purpose. An oracle that is content with one of them is blind."""

import oracle

MS = 1_000_000


def replaced(report, changed):
    """The report with some requests in place of those with the same id; None takes one away."""
    requests = [changed.get(r["id"], r) for r in report["requests"]]
    return {**report, "requests": [r for r in requests if r]}


def pair(judge, requests):
    """Two requests that are right, of one kind, and waited for the least and the most of it."""
    known = {}
    for one in requests:
        state = judge.kind(one)["state"]
        for r in judge.find(one):
            told = r["grade_ns"]["exact"] + r["grade_ns"]["inferred"]
            told_all = r["latency_ns"] - told <= oracle.spare(r["latency_ns"])
            if state in oracle.WAITS and r["ledger_ns"][state] > MS and told_all and \
                    not judge.wrong(one, r):
                known.setdefault(one["kind"], []).append((r["ledger_ns"][state], r["id"], state, r))
    for found in known.values():
        least, most = min(found), max(found)
        if most[0] - least[0] > 2 * MS:
            return least[3], most[3], least[2]
    return None


def spoiled(report, truth, c):
    """(what was done, the report) for requests of concurrency c."""
    judge = oracle.Oracle(report, truth)
    requests = [one for one in truth["requests"] if one["c"] == c]
    found = [r for one in requests for r in judge.find(one)]
    some = found[len(found) // 2]
    yield "a request is taken away", replaced(report, {some["id"]: None})
    other = {**some, "status": (some["status"] or 0) + 1}
    yield "a status is another", replaced(report, {some["id"]: other})
    if "order" not in requests[0]:
        more = {**some, "id": 1 << 30, "name": "GET /nobody"}
        yield "a request is made up", {**report, "requests": [*report["requests"], more]}
    two = pair(judge, requests)
    if not two:
        return
    one, other, state = two
    times = ("ledger_ns", "grade_ns", "parallel_ns", "waits", "tids", "latency_ns")
    yield "two requests' times are exchanged", replaced(report, {
        one["id"]: {**one, **{k: other[k] for k in times}},
        other["id"]: {**other, **{k: one[k] for k in times}}})
    strange = "blocked" if state != "blocked" else "awaiting"
    ledger = {**other["ledger_ns"], state: other["ledger_ns"][strange],
              strange: other["ledger_ns"][state]}
    yield f"{state} is called {strange}", replaced(report, {other["id"]: {**other,
                                                                          "ledger_ns": ledger}})
    own = [w for w in other["waits"] if w["state"] == "blocked" and
           w["object"] in judge.own_objects and w["object"] != truth["backend"]]
    if own:
        lent = {**one, "waits": one["waits"] + own}
        yield "a wait is in a second request too", replaced(report, {one["id"]: lent})


def spoiled_holds(report, truth):
    """The same for loop holds."""
    judge = oracle.Oracle(report, truth)
    judge.judge()
    if any(s.found for s in judge.scores.values()):
        gone = [h for h in report["loop_holds"] if h["state"] != "blocked"]
        yield "no hold was found", {**report, "loop_holds": gone}
    r = report["requests"][0]
    hold = {"tid": 1, "request": r["id"], "state": "blocked", "call": "read", "object": "/etc/motd",
            "start_ns": r["start_ns"], "ns": 6 * MS, "victims": [], "lost_ns": []}
    yield "a hold is made up", {**report, "loop_holds": [*report["loop_holds"], hold]}


def spoiled_losses(report, truth):
    """The same for what victims lost."""
    judge = oracle.Oracle(report, truth)
    if not any(s.lost for s in judge.judge()):
        return
    less = [{**h, "lost_ns": [ns - MS for ns in h["lost_ns"]]} for h in report["loop_holds"]]
    yield "what was lost is less", {**report, "loop_holds": less}
    if len({one["c"] for one in truth["requests"]}) > 1:
        nobody = [{**h, "victims": [], "lost_ns": []} for h in report["loop_holds"]]
        yield "nobody lost anything", {**report, "loop_holds": nobody}


def faults(scores):
    """How much is wrong with a report."""
    return sum(s.wrong + s.missing + s.invented + s.planted - s.found + s.lost_of - s.lost
               for s in scores)


def awake(t, report, truth):
    """Each spoiled report must be worse than the report."""
    before = faults(oracle.Oracle(report, truth).judge())
    tried = [*spoiled_holds(report, truth), *spoiled_losses(report, truth)]
    for c in {one["c"] for one in truth["requests"]}:
        tried += spoiled(report, truth, c)
    for what, bad in tried:
        after = faults(oracle.Oracle(bad, truth).judge())
        t.check(after > before, f"{what}, and the oracle says nothing")
    return len(tried)
