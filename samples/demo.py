"""demo.py: the demo's table and page, from what its servers' reports and its users' answers say.

    demo.py FOLDER --users N --workers N --db-ms N --backend-port N

FOLDER holds, for each server, NAME.json (waitscope report --json) and NAME.load.jsonl (load's
lines). The table goes to standard output, the page to FOLDER/index.html. Every figure is measured:
what the users saw comes from load, what happened in the server from waitscope, and where the two
disagree both are told.
"""

import argparse
import json
import os
import pathlib
import sys
import textwrap

import demo_page
from demo_page import LEDGER, duration, percent, three_digits

SERVERS = {  # what each is, in the picture of the waiter and the kitchen
    "pool": "a fixed crew of waiters; each stands at the kitchen until the food is ready",
    "eventloop": "one waiter for everybody, who never stands at the kitchen",
    "eventloop-blocked": "the same one waiter, who does stand at the kitchen: the classic mistake",
    "eventloop-offload": "one waiter for everybody, and runners who stand at the kitchen",
}

KINDS = {  # what a thread waits on, by the kind of the object
    "file": "a file",
    "connected": "another server",
    "accepted": "its own client",
    "futex": "a lock",
    "timer": "a timer",
}

# With more than this share of the latency unattributed, what follows from it is "?".
UNKNOWN_AT_MOST = 0.1
# The two sides measure from slightly different moments: less than this is no disagreement.
AGREE_PERCENT, AGREE_NS = 5, 2_000_000


def wrap(text):
    return textwrap.fill(text, 100, subsequent_indent="  ", break_long_words=False)


def percentile(values, share):
    """The least of `values` that `share` of them do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else 0


class Seen:
    """What the users of one server saw, by load."""

    def __init__(self, path):
        with open(path, encoding="ascii") as lines:
            rows = [json.loads(line) for line in lines]
        self.failed = sum(1 for row in rows if row["error"] or row["status"] != 200)
        answered = [row for row in rows if not row["error"]]
        self.requests = len(answered)
        latencies = [row["latency_ns"] for row in answered]
        begin = min((row["scheduled_ns"] for row in answered), default=0)
        end = max((row["scheduled_ns"] + row["latency_ns"] for row in answered), default=1)
        self.seconds = (end - begin) / 1e9
        self.rate = self.requests / self.seconds
        self.p50, self.p99 = percentile(latencies, 50), percentile(latencies, 99)


class Told:
    """What waitscope's report tells of one server."""

    def __init__(self, path, backend_port):
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        self.capture = report["capture"]
        self.requests = [r for r in report["requests"] if r["complete"]]
        if not self.requests:
            sys.exit(f"demo: waitscope saw no request: {path}")
        served = max(report["processes"], key=lambda p: p["verdict"]["requests"])
        self.model, self.verdict = served["model"], served["verdict"]
        self.threads = [t for t in served["threads"] if not t["kernel"]]
        self.holds = report["loop_holds"]
        self.p50 = percentile([r["latency_ns"] for r in self.requests], 50)
        self.p99 = percentile([r["latency_ns"] for r in self.requests], 99)
        count = len(self.requests)
        self.mean = sum(r["latency_ns"] for r in self.requests) / count
        self.ledger = {k: sum(r["ledger_ns"][k] for r in self.requests) / count for k in LEDGER}
        self.backend = f"127.0.0.1:{backend_port}"

    def share(self, key):
        return self.ledger[key] / self.mean if self.mean else 0

    def waits(self):
        """Does a thread wait for a request, and on what."""
        if not self.verdict["thread_waits"]:
            return "no"
        who = "workers" if "workers" in self.model else "yes"
        return f"{who}: " + self.words(self.verdict["waits_on"], self.verdict["waits_on_name"])

    def words(self, kind, name):
        return "the database" if name == self.backend else KINDS.get(kind, name)

    def disagreement(self, seen):
        """Where users and waitscope differ, or None."""
        if len(self.requests) != seen.requests:
            return f"the users had {seen.requests:,} answers, waitscope saw {len(self.requests):,}"
        for name, theirs, ours in (("p50", seen.p50, self.p50), ("p99", seen.p99, self.p99)):
            if abs(theirs - ours) > max(AGREE_NS, theirs * AGREE_PERCENT / 100):
                return (f"{name} was {duration(theirs)} for the users, {duration(ours)} by waitscope "
                        "(load counts from before the connect, and its own wait for a CPU too)")
        return None

    def known(self):
        """Whether enough of the latency is attributed to tell what follows from it."""
        return self.share("unattributed") < UNKNOWN_AT_MOST

    def queued(self):
        return percent(self.share("queued")) if self.known() else "?"

    def efficiency(self):
        return percent(self.verdict["efficiency"]) if self.known() else "?"

    def capacity(self):
        return f"{three_digits(self.verdict['capacity'])}/s" if self.known() else "?"


# ---- the table

COLUMNS = ("server", "thread waits? on what", "threads", "requests/s", "p50", "p99", "queued",
           "efficiency", "capacity")
# Which of them who measured: the users' come from load, all others from waitscope.
GROUPS = (("server", 3), ("users", 3), ("server", 3))


def row(name, seen, told):
    return (name, told.waits(), str(len(told.threads)), three_digits(seen.rate), duration(seen.p50),
            duration(seen.p99), told.queued(), told.efficiency(), told.capacity())


def table(rows):
    widths = [max(len(r[i]) for r in [COLUMNS, *rows]) for i in range(len(COLUMNS))]

    def line(cells):
        padded = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))]
        return "  ".join(padded).rstrip()

    heads, at = [], 0
    for who, count in GROUPS:
        width = sum(widths[at:at + count]) + 2 * (count - 1)
        what = {"server": " in the server: waitscope ", "users": " the users: load "}[who]
        heads.append(what.center(width, "-"))
        at += count
    return "\n".join(["  ".join(heads), *(line(cells) for cells in [COLUMNS, *rows])])


# ---- what one sees, in sentences

def say_pool(told, seen, others):
    held = told.verdict["held_ns"]
    if not told.verdict["thread_waits"] or not held or told.share("queued") < 0.5:
        return None
    return (f"{len(told.threads)} waiters, and each stands at the kitchen with the order it took, "
            f"{duration(held)} for each: {len(told.threads)} / {duration(held)} = {told.capacity()} and "
            f"not one more, though a waiter works only {told.efficiency()} of that time. The ninth "
            f"guest waits for a waiter, not for the kitchen: {percent(told.share('queued'))} of the "
            f"{duration(told.mean)} that a request takes on average.")


def say_eventloop(told, seen, others):
    pool = others["pool"][0]
    if told.verdict["thread_waits"] or seen.rate < 2 * pool.rate:
        return None
    return (f"1 waiter who hands each order over and serves other tables meanwhile: "
            f"{three_digits(seen.rate)} requests/s, {three_digits(seen.rate / pool.rate)} times as "
            f"many as pool with {len(others['pool'][1].threads)} threads, in {duration(seen.p50)} (p50).")


def say_blocked(told, seen, others):
    loop = others["eventloop"][0]
    if not told.verdict["thread_waits"] or seen.rate * 2 > loop.rate:
        return None
    held = f" ({len(told.holds):,} loop holds)" if told.holds else ""
    return (f"the same loop with one call that blocks. While its only waiter stands at the kitchen "
            f"nobody else is served{held}: {three_digits(seen.rate)} requests/s instead of "
            f"{three_digits(loop.rate)}, {duration(seen.p50)} (p50) instead of {duration(loop.p50)}.")


def say_offload(told, seen, others):
    pool = others["pool"][0]
    if len(told.threads) < 2 or not 0.5 < seen.rate / pool.rate < 2:
        return None
    return (f"the loop does not wait, {len(told.threads) - 1} workers do it in its place: "
            f"{three_digits(seen.rate)} requests/s, much like pool's {three_digits(pool.rate)}. The "
            f"waiting has not gone away, it has moved to other threads.")


SAY = {"pool": say_pool, "eventloop": say_eventloop, "eventloop-blocked": say_blocked,
       "eventloop-offload": say_offload}


def sentence(name, results):
    """What the figures of one server mean; waitscope's own words where they are not the usual."""
    seen, told = results[name]
    return SAY[name](told, seen, results) or " ".join(told.verdict["text"][:3])


# ---- what must be known to believe it

def remarks(results):
    """Losses, disagreement, and what is not attributed; one remark a line."""
    found = []
    for name, (seen, told) in results.items():
        differs = told.disagreement(seen)
        if differs:
            found.append(f"{name}: {differs}")
        if seen.failed:
            found.append(f"{name}: {seen.failed:,} requests were not answered with 200")
        if told.capture["lost"]["records"]:
            found.append(f"{name}: {told.capture['lost']['records']:,} of "
                         f"{told.capture['records']:,} records were lost while recording")
        unknown = told.share("unattributed")
        if unknown >= UNKNOWN_AT_MOST:
            found.append(f"{name}: {percent(unknown)} of its requests' time is unattributed: who "
                         f"worked for which request could not be told, so there are question marks")
    agreeing = [name for name, (seen, told) in results.items() if not told.disagreement(seen)]
    requests = sum(results[name][0].requests for name in agreeing)
    if agreeing:
        found.append(f"users and waitscope agree on {', '.join(agreeing)}: the same {requests:,} "
                     f"requests, p50 and p99 within {AGREE_PERCENT} % or "
                     f"{AGREE_NS // 1_000_000} ms")
    return found


def options():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("folder", type=pathlib.Path)
    for name in ("users", "workers", "db-ms", "seconds", "backend-port"):
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser.parse_args()


def main():
    chosen = options()
    folder = chosen.folder
    results = {}
    for name in SERVERS:
        told = Told(folder / f"{name}.json", chosen.backend_port)
        results[name] = Seen(folder / f"{name}.load.jsonl"), told
    setting = (f"{chosen.users} users at once for {chosen.seconds} s each, {chosen.workers} workers "
               f"where there are any; each request asks a database that takes {chosen.db_ms} ms; "
               f"{os.cpu_count()} CPUs for all of it")
    rows = [row(name, *both) for name, both in results.items()]
    said = {name: sentence(name, results) for name in results}
    notes = remarks(results)

    page = demo_page.build(setting, (GROUPS, COLUMNS, rows), results, (SERVERS, said, notes))
    (folder / "index.html").write_text(page, encoding="utf-8")
    print(f"\n{setting}\n\n{table(rows)}\n")
    for name in results:
        print(wrap(f"{name}: {said[name]}"))
    print()
    for note in notes:
        print(wrap(note))
    print(f"\nThe four side by side, with a report of each: {(folder / 'index.html').resolve()}"
          f"\nBlocking and non-blocking in one timeline: {(folder / 'diff.html').resolve()}")


if __name__ == "__main__":
    main()
