"""Event loops: yielded while they serve, and found out when they block."""

from harness import MS, ms, process_of, test, thread_of

FAST = ["/db/20/%d", "/sleep/10/%d", "/db/5/%d"]


def by_name(report):
    return {r["name"]: r for r in report["requests"]}


def answered(t, report, lines, only=None):
    """Every request that was sent is there once, with its status."""
    got = sorted((r["name"], r["status"], r["complete"]) for r in report["requests"])
    want = sorted((f"GET {l['path']}", l["status"], True) for l in lines)
    missing = [w for w in want if w not in got]
    t.equal(missing[:5], [], f"{len(missing)} of {len(want)} requests missing")
    extra = [g for g in got if g not in want]
    t.equal(extra[:5], [], f"{len(extra)} requests that nobody sent")
    t.equal(len(got), len(want), "requests")
    t.equal(report["capture"]["lost"]["records"], 0, "lost records")


def yields(t, report, pid, share=0.5):
    """The loop's thread: its role, no blocked wait, and yielded for that share of its life."""
    loop = thread_of(report, pid)
    t.equal(loop["role"], "loop", "role of the loop's thread")
    blocked = [w for w in loop["waits"] if w["state"] == "blocked"]
    t.equal(blocked, [], "blocked waits of the loop")
    life = loop["end_ns"] - loop["start_ns"]
    t.within(loop["state_ns"]["yielded"] > life * share,
             f"yielded {ms(loop['state_ns']['yielded'])} of {ms(life)}")
    return loop


def charged(t, r, key, least, most, what):
    ns = r["ledger_ns"][key]
    t.within(least <= ns <= most, f"{r['name']}: {what} {ms(ns)}, not {ms(least)} to {ms(most)}; "
             f"{ {k: v for k, v in r['ledger_ns'].items() if v} }")


@test("loops: eventloop is yielded, never blocked, and awaits")
def eventloop(t):
    server = t.sample("eventloop")
    recording = t.record(server.pid)
    lines = t.load(server.port, FAST, 120, 30)
    lines += t.load(server.port, FAST, 60, 10, False, start_id=200)
    recording.end()
    report = recording.report()
    answered(t, report, lines)
    yields(t, report, server.pid)
    p = process_of(report, server.pid)
    t.equal(p["model"], "non-blocking", "model")
    t.equal(p["verdict"]["thread_waits"], False, "a thread waits for each request")
    t.equal(report["loop_holds"], [], "loop holds")
    truths = {f"GET {l['path']}": l["truth"] for l in lines}
    for r in report["requests"]:
        t.equal(r["ledger_ns"]["blocked"], 0, f"{r['name']}: blocked")
        if "/db/" in r["name"]:
            asked = int(r["name"].split("/")[2]) * MS
            most = truths[r["name"]]["total"] + MS
            charged(t, r, "awaiting", int(asked * 0.95), most, "awaiting its backend")


@test("loops: eventloop waits for cold files without a thread")
def eventloop_files(t):
    server = t.sample("eventloop")
    recording = t.record(server.pid)
    lines = t.load(server.port, ["/file/%d"], 40, 8)
    recording.end()
    report = recording.report()
    answered(t, report, lines)
    if {l["status"] for l in lines} == {501}:
        t.note("no io_uring on this kernel: the server answered 501")
    yields(t, report, server.pid)


@test("loops: eventloop-offload yields while its workers block")
def offload(t):
    server = t.sample("eventloop-offload", "--workers", "4")
    recording = t.record(server.pid)
    lines = t.load(server.port, FAST, 60, 12)
    recording.end()
    report = recording.report()
    answered(t, report, lines)
    yields(t, report, server.pid)
    t.equal(report["loop_holds"], [], "loop holds")
    workers = [x for x in process_of(report, server.pid)["threads"] if x["tid"] != server.pid]
    t.equal(len(workers), 4, "workers")
    backend = f"127.0.0.1:{server.backend.port}"
    blocked = sum(w["ns"] for x in workers for w in x["waits"]
                  if w["state"] == "blocked" and w["object"] == backend)
    truth = sum(l["truth"]["blocked"] for l in lines)
    said = f"workers blocked {ms(blocked)} on the backend, the truth is {ms(truth)}"
    t.check(blocked <= truth, said)
    t.within(0.9 * truth < blocked, said)
    t.equal(process_of(report, server.pid)["model"], "non-blocking with blocking workers", "model")
    for r in report["requests"]:
        wrong = [w for w in r["waits"] if w["state"] == "blocked" and w["object"] != backend]
        t.equal(wrong, [], f"{r['name']}: waits that are not its own")


@test("loops: eventloop-blocked: the blocking call, its object, its request, its victims")
def blocked(t):
    server = t.sample("eventloop-blocked")
    recording = t.record(server.pid)
    lines = t.load(server.port, ["/db/20/%d", "/file/%d", "/sleep/10/%d"], 45, 15)
    recording.end()
    report = recording.report()
    answered(t, report, lines)
    loop = thread_of(report, server.pid)
    t.equal(loop["role"], "loop", "role of the loop's thread")
    backend = f"127.0.0.1:{server.backend.port}"
    truths = {f"GET {l['path']}": l["truth"] for l in lines}
    for r in report["requests"]:
        state, name = {"db": ("blocked", backend), "file": ("blocked", "/var/tmp/waitscope-"),
                       "sleep": ("sleep", "")}[r["name"].split("/")[1]]
        own = [w for w in r["waits"] if w["state"] == state]
        t.check(own and all(w["object"].startswith(name) for w in own),
                f"{r['name']}: {r['waits']}")
        told = truths[r["name"]].get(state, 0)
        ns = r["ledger_ns"][state]
        most = ns + r["ledger_ns"]["runnable"]  # the truth has it too, when it came in the call
        said = f"{r['name']}: {state} {ms(ns)}, the truth is {ms(told)}; {r['ledger_ns']}"
        t.check(ns <= told, said)
        t.within(most >= told * 0.9 - MS / 2, said)
    holds = report["loop_holds"]
    ids = {r["id"]: r["name"] for r in report["requests"]}
    for h in holds:
        t.equal(h["tid"], server.pid, "a hold's thread")
        t.check(h["request"] in ids, f"a hold of no request: {h}")
        t.check(h["request"] not in h["victims"], f"its own victim: {h}")
    made = sorted(ids[h["request"]] for h in holds if h["request"] in ids)
    slow = sorted(f"GET {l['path']}" for l in lines if "/file/" not in l["path"])
    t.equal(sorted(set(made) - {n for n in made if "/file/" in n}), slow, "requests that held the loop")
    hurt = [h for h in holds if h["victims"]]
    t.check(len(hurt) >= 20, f"{len(hurt)} of {len(holds)} holds have victims")
    waited = [r for r in report["requests"] if r["ledger_ns"]["loop_busy"] > 0
              or r["ledger_ns"]["queued"] > 0]
    t.check(len(waited) >= 35, f"{len(waited)} of 45 requests waited for the loop")
    p = process_of(report, server.pid)
    t.check(p["verdict"]["thread_waits"], "no thread waits for each request")
    t.note(f"model: {p['model']}")
