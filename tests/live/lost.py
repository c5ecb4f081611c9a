"""lost: what each request lost to a hold of its loop, held against what is true of it.

A request stands ready from an event on, which is known from outside, until its loop has a look: its
client sent it, or its backend answered it. So of a hold that was planted it loses

  - from the event to the hold's end, where the event lies inside the hold: then it is a victim for
    sure, for a loop has but one thread;
  - all of the hold, where it stood before: its handler had not begun yet, or its backend had
    answered, or there is nothing else that it could have waited for.

Whether it stood at all in the other cases is not known from outside: it had asked, or set a timer,
a worker had it, or its connection to the backend was on the way.
"""

SPARE_NS = 200_000


class Lost:
    """Of one recording, of which `judge` is the oracle."""

    def __init__(self, judge):
        self.judge = judge
        self.truths = {r["id"]: one for one in judge.truth["requests"] for r in judge.find(one)}

    def compare(self, score, hold):
        start = self.judge.t0_ns + hold["start_ns"]
        end = start + hold["ns"]
        listed = dict(zip(hold["victims"], hold["lost_ns"], strict=True))
        for number, one in self.truths.items():
            if number == hold["request"]:
                continue
            want = self._inside(one, start, end) or self._whole(one, start, end)
            if not want:
                continue
            if number in listed:
                self._judge(score, hold, number, listed[number], want)
            elif want > SPARE_NS and not self._excused(number, hold, want):
                self._judge(score, hold, number, 0, want)

    def _events(self, one):
        return [one[key] for key in ("sent_ns", "answered_ns") if key in one]

    def _inside(self, one, start, end):
        return next((end - at for at in self._events(one) if start <= at < end), None)

    def _whole(self, one, start, end):
        if one["sent_ns"] >= end:
            return None
        kind = self.judge.kind(one)
        begun = one["truth"].get("begin") or (kind["hold"] and one.get("asked_ns"))
        waits = kind["upstream"] or kind["workers"] or kind["state"] in ("sleep", "awaiting")
        known = one.get("answered_ns", end) < start or (begun >= end if begun else not waits)
        return end - start if known else None

    def _excused(self, number, hold, ns):
        """It was answered before the hold, or is not said to be known."""
        r = self.judge.by_id[number]
        return r["start_ns"] + r["latency_ns"] <= hold["start_ns"] or \
            r["ledger_ns"]["unattributed"] >= ns - SPARE_NS

    def _judge(self, score, hold, number, got, want):
        score.lost_of += 1
        if abs(got - want) <= SPARE_NS:
            score.lost += 1
        else:
            score.said.append(f"request {number} lost {want / 1e6:.3f} ms to the hold at "
                              f"{hold['start_ns'] / 1e6:.3f} ms, not {got / 1e6:.3f}")
