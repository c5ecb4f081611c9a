"""The zoo: real servers, each request with a path and a known wait of its own, scored."""

import keeper
import oracle
import score
import servers
import spoil
from harness import Case, test

# Those that are recorded precisely as well: that tells what their loop's tasks wait for, and which
# coroutine each thread turns to.
PRECISE = {
    "fastapi": ("--precise", ("aiofiles", "def", "mixed", "sleep", "upstream", "victims")),
    "kotlin": ("--precise=agent", ("io", "delay", "mixed")),
}
# One request in thousands may be told wrong by what else the machine does, and so may a figure near
# its goal: a visit is made again, and what was missed is said. What each attempt misses is missed.
ATTEMPTS = 3

ROWS = []
SPOILED = []


def judged(t, name, path, options):
    """Records and scores; returns the rows for the table, and what was missed where."""
    recording, truth = keeper.visit(t, servers.ZOO, name, path, *options)
    report = recording.report()
    judge = oracle.Oracle(report, truth)
    rows, missed = [], {}
    if report["capture"]["lost"]["records"]:
        missed["lost"] = f"{report['capture']['lost']['records']} lost records"
    for one in judge.judge():
        one.visit = path
        precise = bool(options)
        rows.append(score.row(one, precise))
        why = score.misses(one, precise)
        if why:
            missed[f"{one.kind} {one.c}"] = (f"c={one.c}: {', '.join(why)}: " +
                                             "\n".join(one.said[:3]))
    story = judge.story()
    if story:
        missed["story"] = f"what the verdict says wrong: {story}"
    if not missed:
        SPOILED.append(spoil.awake(t, report, truth))
    return rows, missed


def visited(name, path, options=()):
    """Holds the score against the goals."""
    def run(t):
        left = {}
        for attempt in range(ATTEMPTS):
            case = Case(t.title)
            try:
                rows, missed = judged(case, name, path, options)
            finally:
                case.close()
            t.failures += case.failures
            left = {where: why for where, why in missed.items() if not attempt or where in left}
            if not left or t.failures:
                break
            if attempt + 1 < ATTEMPTS:
                t.note(f"again: {'; '.join(missed.values())}"[:400])
        ROWS.extend(rows)
        for why in left.values():
            t.check(False, why)
    return run


def table():
    """After all tests."""
    if not ROWS:
        return
    print("\nEach request against the oracle (tests/live/oracle.py):\n" + score.HEAD)
    print("\n".join(ROWS))
    print(f"The oracle was tried with {sum(SPOILED)} reports that were spoiled on purpose.")


for server, (_, visits) in servers.ZOO.items():
    for one in visits:
        test(f"zoo: {server} {one.path}", most=1)(visited(server, one.path))
        option, paths = PRECISE.get(server, ("", ()))
        if one.path in paths:
            test(f"zoo: {server} {one.path}, precisely", most=1)(
                visited(server, one.path, (option,)))
