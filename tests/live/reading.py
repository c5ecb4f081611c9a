"""reading: what waitscope wrote, as dicts; and what must hold in every report."""

import struct


class Failure(Exception):
    """What a test says when it cannot go on."""


class Timeline:
    """The columns of a .json timeline, made into dicts."""

    def __init__(self, elements):
        self.header = elements[0]
        self.t0_ns = int(self.header["t0_ns"])
        self.strings, self.objects, self.requests = [], [], []
        self._threads = [e for e in elements[1:] if e["type"] == "thread"]
        for e in elements[1:]:
            if e["type"] != "thread":
                getattr(self, "_" + e["type"], lambda _: None)(e)

    def _strings(self, e):
        self.strings += e["values"]

    def _objects(self, e):
        for i in range(len(e["id"])):
            self.objects.append({
                "kind": self.header["object_kinds"][e["kind"][i]],
                "name": self.strings[e["name"][i]], "local": self.strings[e["local"][i]],
                "remote": self.strings[e["remote"][i]], "deleted": bool(e["deleted"][i])})

    def _requests(self, e):
        at = 0
        ledger = self.header["ledger"]
        for i in range(len(e["id"])):
            n = e["segments"][i]
            segments = [
                {"ns": e["seg_dt"][j], "key": ledger[e["seg_key"][j]],
                 "grade": self.header["grades"][e["seg_grade"][j]], "thread": e["seg_thread"][j]}
                for j in range(at, at + n)]
            at += n
            self.requests.append({
                "id": e["id"][i], "name": self.strings[e["name"][i]], "start": e["start"][i],
                "latency": e["latency"][i], "status": e["status"][i], "flags": e["flags"][i],
                "segments": segments})

    def intervals(self, tid):
        """A thread's dicts with start, ns, state, and for waits call, object, fd and so on."""
        return [i for e in self._threads if self.header["threads"][e["thread"]]["tid"] == tid
                for i in self._line(e)]

    def _line(self, e):
        thread = self.header["threads"][e["thread"]]
        at, wait = e["start"], 0
        states = self.header["states"]
        for dt, number in zip(e["dt"], e["state"]):
            one = {"start": at, "ns": dt, "state": states[number], "comm": thread["comm"],
                   "pid": thread["pid"]}
            if 2 <= number <= 7:
                obj = e["object"][wait]
                one.update(call=self.strings[e["call"][wait]], fd=e["fd"][wait],
                           object=self.objects[obj - 1] if obj else None,
                           waker=e["waker"][wait], arg=e["arg"][wait], flags=e["flags"][wait])
                wait += 1
            yield one
            at += dt


def audit(case, report):
    """What must hold in every report whatever was recorded; the test "ledger" tells the result."""
    def breach(text):
        case.breaches.append(f"{case.title}: {text}")

    case.checked["captures"] += 1
    for r in report["requests"]:
        case.checked["requests"] += 1
        for key in ("ledger_ns", "grade_ns"):
            total = sum(r[key].values())
            if total != r["latency_ns"]:
                breach(f"{r['name']}: {key} adds up to {total}, latency is {r['latency_ns']}")
        waits = {}
        for w in r["waits"]:
            waits[w["state"]] = waits.get(w["state"], 0) + w["ns"]
            if w["start_ns"] < r["start_ns"] or \
                    w["start_ns"] + w["ns"] > r["start_ns"] + r["latency_ns"]:
                breach(f"{r['name']}: the wait in {w['call']} lies outside the request")
        if not r["parallel_ns"]:
            for state, ns in waits.items():
                if ns < r["ledger_ns"][state]:
                    breach(f"{r['name']}: {state} {r['ledger_ns'][state]}, its waits have {ns}")
    for process in report["processes"]:
        for thread in process["threads"]:
            case.checked["threads"] += 1
            life = thread["end_ns"] - thread["start_ns"]
            total = sum(thread["state_ns"].values())
            who = f"thread {thread['tid']} {thread['comm']}"
            if total != life:
                breach(f"{who}: states add up to {total}, its life is {life}")
            for state in ("blocked", "yielded", "lock", "sleep", "fault", "other"):
                ns = sum(w["ns"] for w in thread["waits"] if w["state"] == state)
                if ns != thread["state_ns"][state]:
                    breach(f"{who}: waits in {state} {ns}, its state_ns {thread['state_ns'][state]}")


def threads_of(report):
    return [t for p in report["processes"] for t in p["threads"]]


def process_of(report, pid):
    for p in report["processes"]:
        if p["pid"] == pid:
            return p
    raise Failure(f"process {pid} is not in the report")


def thread_of(report, tid):
    for t in threads_of(report):
        if t["tid"] == tid:
            return t
    raise Failure(f"thread {tid} is not in the report")


# enum event_kind of bpf/events.h
WAIT, RECV, SEND, FILE, WORK, RUNTIME, WAIT_SHORT = 1, 6, 7, 10, 13, 15, 16


def records(path):
    """What the analysis makes no text of yet, from a whole capture: dicts, in the file's order, of
    waits, receives, sends, files, work and runtimes; and the names of the probes."""
    with open(path, "rb") as file:
        data = file.read()
    found, probes = [], []
    at = struct.unpack_from("<I", data, 12)[0]
    while at < len(data):
        block, length = struct.unpack_from("<II", data, at)
        at += 16
        if block == 3:
            probes += [n.decode() for n in data[at:at + length].split(b"\0") if n]
        end = at + (length if block == 1 else 0)
        one = at
        while one < end:
            kind, size, tid, ns = struct.unpack_from("<HHIQ", data, one)
            body = one + 16
            if kind in (RECV, SEND):
                obj, _, count, _, had = struct.unpack_from("<QQIHH", data, body)
                found.append({"kind": kind, "tid": tid, "ns": ns, "obj": obj, "bytes": count,
                              "data": data[body + 24:body + 24 + had]})
            elif kind == WAIT:
                off, _, obj = struct.unpack_from("<QQQ", data, body)
                found.append({"kind": kind, "tid": tid, "ns": ns, "off": off, "obj": obj})
            elif kind == WAIT_SHORT:
                before, _, obj = struct.unpack_from("<IIQ", data, body)
                found.append({"kind": WAIT, "tid": tid, "ns": ns, "off": ns - before, "obj": obj})
            elif kind == FILE:
                obj, _, _, _, _, had = struct.unpack_from("<QQIHHI", data, body)
                found.append({"kind": kind, "tid": tid, "ns": ns, "obj": obj,
                              "path": data[body + 32:body + 32 + had]})
            elif kind == WORK:
                item, op, what = struct.unpack_from("<QBB", data, body)
                found.append({"kind": kind, "tid": tid, "ns": ns, "item": item, "op": op,
                              "what": what})
            elif kind == RUNTIME:
                runtime, _, start, stop = struct.unpack_from("<IIQQ", data, body)
                found.append({"kind": kind, "tid": tid, "ns": ns, "runtime": runtime,
                              "gil": (start, stop)})
            one += size
        at += length
    return found, probes
