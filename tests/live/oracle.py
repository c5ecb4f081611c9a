#!/usr/bin/python3 -B
"""oracle: what a report says of each request, held against what is true of it.

    tests/live/oracle.py REPORT.json TRUTH.json [-v]

REPORT.json is `waitscope report FILE --json`, TRUTH.json what keeper.py wrote of the same
recording; -v names every request that is wrong and why, and some that are not right.

What is known of a request, and how sure it is:

  - its name, status, client's port, and when the client sent it and had the answer;
  - `told`: how long the server itself says that its operation took (X-Truth), by a clock around
    the call. That holds the call's own processor time and the way back onto a processor or back
    to the loop: no wait charged to the request may be longer;
  - when its backend was asked and answered: what came after that is no awaiting any more. A timer
    is late by 5 ms at the most, a disk that many ask at once by any time;
  - `floor`: how long it waited at the least. For a slow file the time that any thread of the server
    was blocked on this request's own file, of which there is one for each request, so that it is
    nobody else's: exact, whatever the analysis made of it. Else what it asked its backend or its
    timer for.

A request is *wrong* when it has a time in a state that it did not have, or lacks, without saying
"unknown", one that it did have:

  1. a wait in the report for an object that is not its own (nor the client's socket);
  2. its own state for longer than `told`, or than any thread waited for its file;
  3. another of blocked, sleep, awaiting: it had none; or, where workers have it only in part, a
     lock that is not the GIL;
  4. its own state and what is unattributed together shorter than `floor`: then running, queued
     or another stands where it waited. A thread that runs for it meanwhile takes precedence
     (design.md): `parallel_ns` counts as waited, and so do running, runnable, lock, fault and
     other where no file of its own says exactly how long a thread was blocked (socket() waits for
     all processors when a table of descriptors grows, say);
  5. running for longer than any handler here computes and its runtime stopped it for, where a
     thread has several requests; queued for longer than the client waited less the server's own
     total, where one thread does all of it, so that no queue can be within the total;
  6. longer than the client waited.

Each with 2 % of the figure or 200 us to spare, the greater. If it is not wrong it is *right* where
no more than that is unknown, else *ambiguous* or *unattributed*, by which there is more of.
"""

import json
import sys

import pauses
from lost import Lost
from score import HEAD, Score, misses, row

MS = 1_000_000
SPARE_NS, SPARE = 200_000, 0.02
QUEUED_SPARE_NS = 500_000
RUNNING_NS = 5 * MS
LATE_NS = 5 * MS  # by so much a timer may be late, on a machine that is busy
TIMER_NS = MS  # libuv's and the JVM's timers count in milliseconds: one may be that early
WAITS = ("blocked", "sleep", "awaiting")
# Runtimes take locks of their own (who makes a thread waits until it stands), and who has one may
# lose its CPU for a slice of 3 ms; who waits for work waits for 5 ms at least.
LOCK_NS = 4 * MS
HOLD_NS = 5 * MS  # waitscope's threshold
BESIDE = ("running", "runnable", "lock", "fault", "other")  # what a thread does around its wait


def spare(ns, least=SPARE_NS):
    return max(least, int(ns * SPARE))


def ms(ns):
    return f"{ns / MS:.3f} ms"


class Oracle:
    """One recording and its truth."""

    def __init__(self, report, truth):
        self.report, self.truth = report, truth
        self.scores = {}
        self.by_name, self.by_id = {}, {}
        for r in report["requests"]:
            self.by_name.setdefault(r["name"], []).append(r)
            self.by_id[r["id"]] = r
        self.by_order = {}
        for r in sorted(report["requests"], key=lambda r: r["start_ns"]):
            self.by_order.setdefault(r["conn"]["remote"], []).append(r)
        self.own_objects = {one.get("object") for one in truth["requests"]} | {truth["backend"]}
        self.t0_ns = self._begin()
        self.lost = Lost(self)
        # Waits for one request's own file, by any thread.
        self.on_object = {}
        for p in report["processes"]:
            for t in p["threads"]:
                for w in t["waits"]:
                    if w["state"] == "blocked":
                        self.on_object[w["object"]] = self.on_object.get(w["object"], 0) + w["ns"]

    def _begin(self):
        """When the recording began. No request begins before it was sent; many do at once."""
        return max((one["sent_ns"] - r["start_ns"] for one in self.truth["requests"]
                    for r in self.find(one)), default=0)

    def judge(self):
        names = set()
        for one in self.truth["requests"]:
            names.add(one["name"])
            self._judge_one(self._score(one["c"]), one)
        self._unsent(names)
        self._judge_holds()
        return list(self.scores.values())

    def _score(self, c):
        t = self.truth
        workers = any(k["workers"] for k in t["kinds"].values())
        return self.scores.setdefault(c, Score(t["server"], t["visit"], c, workers))

    def kind(self, one):
        return self.truth["kinds"][one["kind"]]

    # ---- requests

    def _judge_one(self, score, one):
        score.requests += 1
        found = self.find(one)
        if len(found) != 1:
            score.missing += 1
            score.said.append(f"{one['name']}: found {len(found)} times")
            return
        r = found[0]
        score.latency_ns += r["latency_ns"]
        score.known_ns += r["grade_ns"]["exact"] + r["grade_ns"]["inferred"]
        why = self.wrong(one, r)
        unknown = r["grade_ns"]["ambiguous"] + r["grade_ns"]["unattributed"]
        if why:
            verdict = "wrong"
        elif unknown <= spare(r["latency_ns"]):
            verdict = "right"
        elif r["grade_ns"]["ambiguous"] > r["grade_ns"]["unattributed"]:
            verdict = "ambiguous"
        else:
            verdict = "unattributed"
        setattr(score, verdict, getattr(score, verdict) + 1)
        ledger = {k: ms(v) for k, v in r["ledger_ns"].items() if v}
        if verdict != "right":
            score.said.append(f"{one['name']} (c={one['c']}, request {r['id']}): {verdict}: "
                              f"{'; '.join(why)} {ledger}; truth {one['truth']}, "
                              f"floor {ms(self._floor(one))}")
        if unknown <= spare(r["latency_ns"]):
            score.charged += 1
            near = self._near(one, r)
            score.near += not near
            if near:
                score.said.append(f"{one['name']} (c={one['c']}, request {r['id']}): {near} "
                                  f"{ledger}")
        self._queue(score, one, r)

    def find(self, one):
        """By its path; where names are verbs alone by its place on its connection."""
        if "order" not in one:
            return self.by_name.get(one["name"], [])
        on_connection = self.by_order.get(f"127.0.0.1:{one['local_port']}", [])
        found = on_connection[one["order"] : one["order"] + 1]
        return [r for r in found if r["name"] == one["name"]]

    def _own_object(self, one):
        known = one.get("object") and not self.kind(one).get("ring")
        return self.on_object.get(one["object"], 0) if known else None

    def _pooled(self, one):
        """For how long a thread was blocked on what the ring had no place for."""
        return self.on_object.get(one["object"], 0) if self.kind(one).get("ring") else 0

    def _by_worker(self, one, r):
        """Did a thread do a part of it, for which it may have queued?"""
        return self.kind(one).get("ring") and (self._pooled(one) or len(r["tids"]) > 1)

    def _paused(self, one):
        begin = one["sent_ns"]
        return pauses.within(self.truth.get("pauses", ()), begin, begin + one["latency_ns"])

    def _floor(self, one, asked=False):
        """What it waited at the least; or what it asked for."""
        own = self._own_object(one)
        if own is not None and not asked:
            return own
        if "answered_ns" in one and not asked:
            return one["answered_ns"] - one["asked_ns"]
        floor = one["ms"] * MS * (self.kind(one)["state"] in ("blocked", "sleep", "awaiting"))
        if self.kind(one)["state"] == "awaiting" and not self.kind(one)["upstream"] and \
                not self.kind(one)["disk"]:
            floor -= TIMER_NS
        return floor

    def _ceiling(self, one):
        """What it waited at the most."""
        own = self._own_object(one)
        told = one["truth"].get(self.kind(one)["told"])
        until = None
        if self.kind(one)["state"] == "awaiting" and "answered_ns" in one:
            gone = one.get("gone_ns", one["answered_ns"])
            until = gone - one["truth"].get("begin", one["sent_ns"])
        elif self.kind(one)["state"] == "awaiting" and told and not self.kind(one)["disk"]:
            until = one["ms"] * MS + LATE_NS
        return min(ns for ns in (own, told, until, one["latency_ns"]) if ns is not None)

    def wrong(self, one, r):
        state, ledger = self.kind(one)["state"], r["ledger_ns"]
        floor, ceiling = self._floor(one), self._ceiling(one)
        why = []
        if (r["status"], r["complete"]) != (one["status"], True):
            why.append(f"status {r['status']}, complete {r['complete']}")
        client = f"127.0.0.1:{one['local_port']}"
        if r["conn"]["remote"] != client:
            why.append(f"connection of {r['conn']['remote']}, not {client}")
        why += self._strange_waits(one, r)
        if ledger.get(state, 0) > ceiling + spare(ceiling):
            why.append(f"{state} {ms(ledger[state])}, at most {ms(ceiling)}")
        for key in WAITS:
            told = one["truth"].get(key, 0) if key != "awaiting" else 0
            if key == "blocked":
                told = max(told, self._pooled(one))
            if key != state and ledger[key] > told + spare(r["latency_ns"]):
                why.append(f"{key} {ms(ledger[key])}, it had {ms(told)}")
        waited = ledger.get(state, 0) + ledger["unattributed"] + r["parallel_ns"]
        waited += sum(ledger[k] for k in self.kind(one)["also"]) + self._pooled(one)
        if self._own_object(one) is None:
            waited += sum(ledger[k] for k in BESIDE)
        elif self.kind(one)["workers"]:  # the handler had not returned yet when a worker began
            waited += min(ledger["running"], MS) + ledger["runnable"]
        if waited < floor - spare(floor):
            why.append(f"{state} and unknown {ms(waited)}, it waited {ms(floor)}")
        computed = RUNNING_NS + one["truth"].get("running", 0) + self._paused(one)
        if self.kind(one)["told"] == "blocked":  # its thread's own clock has all but that
            computed += max(0, one["truth"].get("total", 0) - floor)
        if self.truth["model"] != "blocking" and ledger["running"] > computed:
            why.append(f"running {ms(ledger['running'])}")
        total = one["truth"].get("total")
        if total and not self.kind(one)["workers"] and not self._by_worker(one, r):
            most = one["latency_ns"] - total
            if ledger["queued"] > most + spare(most, QUEUED_SPARE_NS):
                why.append(f"queued {ms(ledger['queued'])}, at most {ms(most)}")
        if r["latency_ns"] > one["latency_ns"] + 3 * MS:  # a client that got no processor
            why.append(f"latency {ms(r['latency_ns'])}, the client waited {ms(one['latency_ns'])}")
        return why

    def _strange_waits(self, one, r):
        """Waits for what it never asked for."""
        own = {one.get("object") or self.truth["backend"]}
        for w in r["waits"]:
            peer = r["conn"]["remote"]
            if w["state"] == "blocked" and w["object"] not in own and peer not in w["object"]:
                yield f"a wait for {w['object']} in {w['call']}, {ms(w['ns'])}"
            told = one["truth"].get("lock", 0) + self._paused(one)
            # A thread that has one request all along may lock what it likes, and so may the main
            # thread, which collects garbage; a worker that waits for long waits for work.
            strange = self.kind(one)["workers"] and w["tid"] != r["pid"] and w["object"] != "GIL"
            if strange and w["state"] == "lock" and w["ns"] > told + LOCK_NS:
                yield f"a lock it never took, {w['object']}, {ms(w['ns'])}"

    def _near(self, one, r):
        """Is its wait told to 2 % or 200 us? None, or what is not.

        With the time of processor and GIL that it took to come back the truth is reached; without
        it, it is not passed."""
        state, ledger = self.kind(one)["state"], r["ledger_ns"]
        told = one["truth"].get(self.kind(one)["told"])
        own = self._own_object(one)
        told = own if told is None or own is not None and self.kind(one)["workers"] else told
        if state not in WAITS or told is None:
            return None
        got = ledger[state]
        pooled = self._pooled(one)
        got += pooled
        back = sum(ledger[k] for k in (*BESIDE, "loop_busy", "unattributed"))
        # What a coroutine awaited is there, and it stands in line for a thread.
        resumes = self.kind(one)["workers"] and state == "awaiting"
        back += ledger["queued"] if resumes or self._by_worker(one, r) else 0
        if got > told + spare(told):
            return f"{state} {ms(got)}, more than {ms(told)}"
        if got + back + r["parallel_ns"] < told - spare(told):
            return f"{state} {ms(got)} and its way back, less than {ms(told)}"
        return None

    def _queue(self, score, one, r):
        """Of a pool with fewer threads than clients."""
        total = one["truth"].get("total")
        if not self.kind(one)["pool"] or score.c <= self.kind(one)["pool"] or not total:
            return
        # From when the client sent it to the answer: when the client got it is its own affair, as
        # it shares its processors with the server.
        want = self.t0_ns + r["start_ns"] + r["latency_ns"] - one["sent_ns"] - total
        score.queued_of += 1
        # What the thread did for it before and after the handler is neither queue nor in `total`.
        most = r["ledger_ns"]["queued"] + sum(r["ledger_ns"][k] for k in BESIDE)
        allowed = spare(want, QUEUED_SPARE_NS)
        if r["ledger_ns"]["queued"] <= want + allowed and most >= want - allowed:
            score.queued += 1
        else:
            score.said.append(f"{one['name']} (c={one['c']}): queued {ms(r['ledger_ns']['queued'])}"
                              f", the client waited {ms(want)} more than it was served")

    def _unsent(self, names):
        for name, found in self.by_name.items():
            if name in names:
                continue
            score = next(iter(self.scores.values()))
            score.wrong += len(found)
            score.said.append(f"{name}: {len(found)} requests that nobody sent")

    # ---- loop holds

    def _judge_holds(self):
        truth = {one["name"]: one for one in self.truth["requests"]}
        seen = set()
        for hold in self.report["loop_holds"]:
            r = self.by_id.get(hold["request"])
            one = truth.get(r["name"]) if r else None
            if hold["state"] not in ("blocked", "sleep"):
                continue  # it did compute, or stop: a collection of garbage, say
            if not one and str(hold["call"]).startswith("accept"):
                continue  # the kernel makes room for more descriptors: expand_fdtable(), fs/file.c
            own = (one.get("object") or self.truth["backend"]) if one else None
            if hold["object"] in self.own_objects and not one:
                if hold["object"] == self.truth["backend"]:
                    self._victims(next(iter(self.scores.values())), hold)
                continue  # one that was made, but whose it is was not found
            score = self._score(one["c"]) if one else next(iter(self.scores.values()))
            if own != hold["object"]:
                score.invented += 1
                score.said.append(f"a hold that nobody made: {hold}")
                continue
            self._victims(score, hold)
            if min(self._floor(one), self._floor(one, True)) - spare(hold["ns"]) <= hold["ns"] <= \
                    self._ceiling(one) + spare(hold["ns"]):
                seen.add(one["name"])
        for one in self.truth["requests"]:
            if not self.kind(one)["hold"]:
                continue
            if self.kind(one)["verb"]:
                self._log_holds()
                break
            if self._floor(one) < HOLD_NS + SPARE_NS:
                continue  # it came late to its file, which was ready by then
            score = self._score(one["c"])
            score.planted += 1
            score.found += one["name"] in seen
            if one["name"] not in seen:
                score.said.append(f"{one['name']}: its hold was not found")

    def story(self):
        """Does the verdict tell the server's story? None, or what it should say."""
        model = self.truth["model"]
        served = {r["pid"] for r in self.report["requests"]}
        for p in self.report["processes"]:
            if not model or p["pid"] not in served:
                continue
            if p["model"] != model:
                return f"{p['pid']} is {p['model']}, it should be {model}"
            if p["verdict"]["thread_waits"] != (model != "non-blocking"):  # a worker is one, too
                return f"{p['pid']}: thread_waits is {p['verdict']['thread_waits']}"
        return None

    def _log_holds(self):
        """Several requests share one sync, so that only their number can be compared."""
        score = next(iter(self.scores.values()))
        score.planted = sum(w["count"] for p in self.report["processes"] for t in p["threads"]
                            for w in t["waits"] if w["call"] in ("fsync", "fdatasync")
                            and w["object"] == self.truth["backend"])
        # Whose it is only the one can tell that was alone.
        score.found = sum(h["object"] == self.truth["backend"] for h in self.report["loop_holds"])

    def _victims(self, score, hold):
        victims = hold["victims"]
        ready = [r["id"] for r in self.report["requests"] if r["id"] != hold["request"]
                 and r["start_ns"] < hold["start_ns"] + hold["ns"]
                 and r["start_ns"] + r["latency_ns"] > hold["start_ns"] + hold["ns"]]
        for victim in victims:
            if victim not in ready:
                score.wrong += 1
                score.said.append(f"request {victim} was not there when {hold['request']} held "
                                  f"the loop")
        self.lost.compare(score, hold)
        # Of a sync that many share the others are owners as well.
        shared = any(k["verb"] for k in self.truth["kinds"].values())
        score.unhurt += bool(ready) and not victims and not shared


def main(argv):
    verbose = "-v" in argv
    precise = "--precise" in argv
    files = [a for a in argv if not a.startswith("-")]
    if len(files) != 2:
        print("usage: oracle.py REPORT.json TRUTH.json [-v] [--precise]", file=sys.stderr)
        return 2
    with open(files[0], encoding="utf-8") as file:
        report = json.load(file)
    with open(files[1], encoding="utf-8") as file:
        truth = json.load(file)
    oracle = Oracle(report, truth)
    scores = oracle.judge()
    print(HEAD)
    for score in scores:
        print(row(score, precise))
        for text in score.said if verbose else []:
            print("    " + text)
    story = oracle.story()
    if story:
        print(f"verdict: {story}")
    return 1 if any(misses(s, precise) for s in scores) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
