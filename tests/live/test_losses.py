"""A ring that overflows: counted, shown with its time, and no number is wrong."""

import signal
import time

from harness import MS, S, ms, process_of, test
from test_requests import PATHS, Score, compare


@test("losses: records that found no room are counted, windowed and marked")
def overflow(t):
    server = t.sample("pool")
    storm = t.start([t.program("tests/live/storm"), "4"], stdin=-1)
    storm.line()
    recording = t.record(f"{server.pid},{storm.pid}")
    lines = t.load(server.port, PATHS, 80, 4, False)
    load = t.load(server.port, PATHS, 100000, 4, False, start_id=1000, seconds=5,
                  background=True)
    storm.say("go\n")
    time.sleep(0.3)
    recording.popen.send_signal(signal.SIGSTOP)
    stopped = time.monotonic_ns()
    time.sleep(1.5)
    recording.popen.send_signal(signal.SIGCONT)
    went_on = time.monotonic_ns()
    lines += load()
    storm.line()
    time.sleep(0.2)
    lines += t.load(server.port, PATHS, 80, 4, False, start_id=900000)
    t.check(server.alive(), "the server ended")
    recording.end()
    report, timeline = recording.report(), recording.timeline()

    lost = report["capture"]["lost"]
    if not t.check(lost["records"] > 0, "nothing was lost in 1.5 s without the recorder"):
        return
    t.check("lost" in recording.message() and " 0 lost" not in recording.message(),
            f"record said {recording.message()!r}")
    text = t.run("report", recording.path)[1]
    t.check("lost" in text and "none lost" not in text, "report does not speak of the loss")
    t.equal(sum(w["count"] for w in lost["windows"]), lost["records"], "counts of the windows")
    begin, end = stopped - timeline.t0_ns, went_on - timeline.t0_ns
    for w in lost["windows"]:
        t.within(begin - 100 * MS <= w["start_ns"] <= w["end_ns"] <= end + 200 * MS,
                 f"a window from {ms(w['start_ns'])} to {ms(w['end_ns'])}; the recorder stood "
                 f"still from {ms(begin)} to {ms(end)}")
    windows = [(w["start_ns"], w["end_ns"]) for w in lost["windows"]]
    requests(t, report, timeline, lines, windows)
    unknown = max(thread["state_ns"]["unknown"] for thread in process_of(report, storm.pid)["threads"])
    t.check(unknown > 0, "no time of the storm is unknown")
    t.check(unknown < 6 * S, f"unknown: {ms(unknown)}")


def requests(t, report, timeline, lines, windows):
    score = Score(t)
    found = {}
    for r, column in zip(report["requests"], timeline.requests):
        found.setdefault(r["name"], []).append((r, column))
    sent = {f"GET {l['path']}": l for l in lines}
    named = {n for n in found if n.startswith("GET /")}
    t.equal(sorted(named - sent.keys()), [], "requests that nobody sent")
    marked = missing = 0
    first, last = min(w[0] for w in windows), max(w[1] for w in windows)
    for name, line in sent.items():
        at = line["sent_ns"] - timeline.t0_ns
        clear = at + line["latency_ns"] + 20 * MS < first or at > last + 20 * MS
        got = found.get(name, [])
        if clear and not t.equal(len(got), 1, f"times that {name}, away from the loss, was found"):
            continue
        missing += not got
        for r, column in got:
            marked += r["overlaps_loss"]
            over = any(r["start_ns"] < w[1] and r["start_ns"] + r["latency_ns"] > w[0]
                       for w in windows)
            t.check(r["overlaps_loss"] or not over, f"{name}: not marked")
            if not r["overlaps_loss"] and r["complete"]:
                compare(score, line, r, column["segments"])
            elif r["complete"]:
                t.within(r["ledger_ns"]["blocked"] <= line["truth"]["blocked"] + MS // 10,
                         f"{name}: blocked {ms(r['ledger_ns']['blocked'])}, the truth is "
                         f"{ms(line['truth']['blocked'])}")
    t.note(f"{report['capture']['lost']['records']} records lost in {len(windows)} windows; of "
           f"{len(sent)} requests {marked} are marked, {missing} missing")
    score.result()
    t.check(marked + missing > 0, "no request was hit")
