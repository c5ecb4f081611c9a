"""Servers that nobody here wrote, attached to while they run, under load."""

import hashlib
import http.client
import os
import re
import signal
import tempfile
import time

from harness import MS, Failure, free_port, ms, process_of, test, thread_of, threads_of
from test_loops import answered, yields


def fetch(port, path):
    """Status and a digest of the body."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    c.request("GET", path)
    answer = c.getresponse()
    body = answer.read()
    c.close()
    return answer.status, len(body), hashlib.sha256(body).hexdigest()


def unchanged(t, port, paths, recording_of):
    """The same answers before, in and after the recording; returns what recording_of() does."""
    before = [fetch(port, p) for p in paths]
    result = recording_of(lambda: t.equal([fetch(port, p) for p in paths], before,
                                          "answers under trace"))
    t.equal([fetch(port, p) for p in paths], before, "answers after the recording")
    t.check(all(a[0] == 200 for a in before), f"answers: {before}")
    return result


@test("servers: redis-server under redis-benchmark")
def redis(t):
    server = t.redis()
    recording = t.record(server.pid)
    bench = t.start(["redis-benchmark", "-p", server.port, "-t", "get", "-c", "20", "-n", "20000", "-q"])
    t.equal(bench.wait(20), 0, "redis-benchmark's exit status")
    recording.end()
    report = recording.report()
    t.equal(report["capture"]["lost"]["records"], 0, "lost records")
    gets = [r for r in report["requests"] if r["name"] == "GET"]
    t.equal(len(gets), 20000, "GETs found")
    t.equal({r["protocol"] for r in gets}, {"redis"}, "protocol")
    t.equal({r["complete"] for r in gets}, {True}, "complete")
    # An answer may have stood in its send for longer than SEND_NS, as in test_requests.py.
    t.within(not any(r["pipelined"] for r in gets), "said to be pipelined")
    yields(t, report, server.pid, 0.1)
    p = process_of(report, server.pid)
    t.equal(p["model"], "non-blocking", "model")
    t.equal(p["verdict"]["thread_waits"], False, "a thread waits for each request")
    blocked = [r for r in gets if r["ledger_ns"]["blocked"]]
    t.equal(len(blocked), 0, "GETs that blocked")
    t.check(server.alive(), "redis-server ended")
    t.equal(t.start(["redis-cli", "-p", server.port, "ping"]).line(), "PONG", "redis-server's answer")


NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile {sendfile}; root {dir}/www; keepalive_requests 100000;
  client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3;
  uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
  server {{
    listen 127.0.0.1:{port};
    location /small/ {{ try_files /small.txt =404; }}
    location /big/ {{ try_files /big.bin =404; }}
    location /db/ {{ proxy_pass http://127.0.0.1:{upstream}; }}
  }}
}}
"""


def nginx(t, upstream, sendfile="on"):
    os.chmod(t.dir, 0o755)
    www = os.path.join(t.dir, "www")
    os.makedirs(www, exist_ok=True)
    with open(os.path.join(www, "small.txt"), "w", encoding="ascii") as file:
        file.write("small\n" * 50)
    with open(os.path.join(www, "big.bin"), "wb") as file:
        for i in range(64):
            file.write(bytes([i]) * 65536)
    port = free_port()
    conf = os.path.join(t.dir, "nginx.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(NGINX.format(dir=t.dir, port=port, upstream=upstream, sendfile=sendfile))
    server = t.start(["nginx", "-c", conf, "-p", t.dir])
    server.port = port
    for _ in range(100):
        try:
            fetch(port, "/small/0")
            return server
        except OSError:
            time.sleep(0.05)
    raise Failure(f"nginx does not answer: {server.stderr()}")


def chill(path):
    """Out of memory, so that the next read goes to the disk."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def worker_of(report, pid):
    workers = [p for p in report["processes"] if p["parent"] == pid]
    if len(workers) != 1:
        raise Failure(f"{len(workers)} workers of nginx, not one")
    return workers[0]


@test("servers: nginx, static files and a slow upstream")
def nginx_loop(t):
    upstream = t.sample("pool", "--workers", "32")
    server = nginx(t, upstream.port)
    paths = ["/small/1", "/db/3/1"]

    def recorded(same):
        recording = t.record(server.pid)
        same()
        lines = t.load(server.port, ["/small/%d", "/db/15/%d", "/small/%d", "/db/4/%d"], 400, 16,
                       start_id=10)
        recording.end()
        return recording.report(), lines

    report, lines = unchanged(t, server.port, paths, recorded)
    lines += [{"path": p, "status": 200} for p in paths]
    answered(t, report, lines)
    worker = worker_of(report, server.pid)
    yields(t, report, worker["pid"])
    t.equal(worker["model"], "non-blocking", "model")
    t.equal(worker["verdict"]["thread_waits"], False, "a thread waits for each request")
    unknown = 0
    for r in report["requests"]:
        t.equal(r["ledger_ns"]["blocked"], 0, f"{r['name']}: blocked")
        if not r["name"].startswith("GET /db/"):
            t.equal(r["ledger_ns"]["awaiting"], 0, f"{r['name']}: awaiting")
            continue
        asked = int(r["name"].split("/")[2]) * MS
        unknown += r["ledger_ns"]["awaiting"] < asked * 0.95
        t.check(r["ledger_ns"]["awaiting"] <= r["latency_ns"], f"{r['name']}: {r['ledger_ns']}")
        t.check(r["latency_ns"] >= asked, f"{r['name']}: took {ms(r['latency_ns'])}")
    t.check(unknown <= 4, f"{unknown} of 201 proxied requests do not await their upstream")
    t.check(server.alive(), "nginx ended")


@test("servers: nginx blocks its loop with a cold large file, in the request that asked for it")
def nginx_cold(t):
    upstream = t.sample("eventloop")
    for sendfile in ("on", "off"):
        server = nginx(t, upstream.port, sendfile)
        big = os.path.join(t.dir, "www", "big.bin")
        recording = t.record(server.pid)
        lines = []
        for i in range(4):
            chill(big)
            t.equal(fetch(server.port, f"/big/{i}")[1], 4 << 20, "length of the answer")
            lines.append({"path": f"/big/{i}", "status": 200})
        recording.end()
        report = recording.report()
        answered(t, report, lines)
        loop = thread_of(report, worker_of(report, server.pid)["pid"])
        t.equal(loop["role"], "loop", f"sendfile {sendfile}: role")
        calls = {"sendfile"} if sendfile == "on" else {"pread64"}
        for r in report["requests"]:
            files = [w for w in r["waits"] if w["state"] == "blocked" and w["object"] == big]
            t.check(files, f"sendfile {sendfile}: {r['name']} has no blocked wait for the file: "
                    f"{r['waits'][:5]}")
            t.check({w["call"] for w in files} <= calls, f"calls: { {w['call'] for w in files} }")
            t.check(r["ledger_ns"]["blocked"] >= sum(w["ns"] for w in files) * 0.99,
                    f"{r['name']}: blocked {ms(r['ledger_ns']['blocked'])}, waits {files}")
        server.end()


@test("servers: what a sample left that was killed goes when the next one starts, and nothing else")
def killed(t):
    with tempfile.TemporaryDirectory(prefix="waitscope-live-", dir="/var/tmp") as folder:  # a disk
        recording = "waitscope-pool-4711.wsc"
        with open(os.path.join(folder, recording), "w", encoding="ascii"):
            pass

        def sample(name):
            return t.sample(name, "--file-dir", folder, backend=False)

        def files(of):
            return t.equal(sorted(re.sub("-[^-]*$", "", f) for f in os.listdir(folder)),
                           sorted(f"waitscope-{name}" for name in [*of, "pool"]), "files there")

        for first, second in (("prefork", "blocking.py"), ("blocking.py", "threads")):
            left, lives = sample(first), sample(first)
            left.end(signal.SIGKILL)
            files([first, first])
            after = sample(second)
            files([first, second])
            for server in (lives, after):
                t.equal(fetch(server.port, "/file/1")[0], 200, "answer from the file")
                server.end()
            files([])
        t.equal(os.listdir(folder), [recording], "files at the end")


SAME = [{"path": "/sleep/1/7", "status": 200}, {"path": "/db/1/8", "status": 200}]
PYTHON = ["/db/15/%d", "/file/%d", "/sleep/5/%d", "/db/4/%d"]


@test("servers: Flask (samples/blocking.py) blocks a thread for each connection")
def flask(t):
    server = t.sample("blocking.py")
    t.load(server.port, PYTHON, 8, 2)

    def recorded(same):
        recording = t.record(server.pid)
        same()
        lines = t.load(server.port, PYTHON, 120, 6, start_id=100)
        lines += t.load(server.port, PYTHON, 40, 4, False, start_id=300)
        recording.end()
        return recording.report(), lines

    report, lines = unchanged(t, server.port, ["/sleep/1/7", "/db/1/8"], recorded)
    answered(t, report, lines + SAME)
    p = process_of(report, server.pid)
    t.equal(p["model"], "blocking", "model")
    t.equal(p["verdict"]["thread_waits"], True, "a thread waits for each request")
    truths = {f"GET {l['path']}": l["truth"] for l in lines}
    backend = f"127.0.0.1:{server.backend.port}"
    files = {"db": re.escape(backend), "file": r"/var/tmp/waitscope-blocking.py-.*"}
    for r in report["requests"]:
        truth = truths.get(r["name"])
        route = r["name"].split("/")[1]
        if not truth:
            continue
        # Between its call's begin and its wait a thread may have stood in the way of others.
        late = r["ledger_ns"]["runnable"] + r["ledger_ns"]["lock"] + r["ledger_ns"]["running"]
        if route in files:
            own = [w for w in r["waits"] if w["state"] == "blocked"]
            t.check(all(re.fullmatch(files[route], w["object"]) for w in own),
                    f"{r['name']}: waits {own}")
            ns = r["ledger_ns"]["blocked"]
            t.check(ns <= truth["blocked"], f"{r['name']}: blocked {ms(ns)}, the truth is "
                    f"{ms(truth['blocked'])}")
            if route == "db":
                asked = int(r["name"].split("/")[2]) * MS
                t.within(ns + late >= asked, f"{r['name']}: {r['ledger_ns']}")
                t.within(ns >= asked // 3, f"{r['name']}: blocked {ms(ns)}")
        if route == "sleep":
            t.within(r["ledger_ns"]["sleep"] + late >= 5 * MS, f"{r['name']}: {r['ledger_ns']}")
        t.equal(len(r["tids"]), 1, f"{r['name']}: threads")
    t.check(server.alive(), "the server ended")


@test("servers: FastAPI (samples/nonblocking.py): the loop yields, aiofiles' workers block")
def fastapi(t):
    server = t.sample("nonblocking.py")
    t.load(server.port, PYTHON, 12, 4)

    def recorded(same):
        recording = t.record(server.pid)
        same()
        lines = t.load(server.port, PYTHON, 160, 8, start_id=100)
        lines += t.load(server.port, PYTHON, 40, 1, start_id=1000)
        recording.end()
        return recording.report(), lines

    report, lines = unchanged(t, server.port, ["/sleep/1/7", "/db/1/8"], recorded)
    answered(t, report, lines + SAME)
    yields(t, report, server.pid)
    p = process_of(report, server.pid)
    t.equal(p["model"], "non-blocking with blocking workers", "model")
    cold = [(x, w) for x in threads_of(report) for w in x["waits"]
            if w["state"] == "blocked" and "waitscope-nonblocking.py-" in w["object"]]
    t.check(cold, "no thread blocked on the cold file")
    for x, w in cold:
        t.check(x["tid"] != server.pid, f"the loop blocked on the file: {w}")
    awaited = [r for r in report["requests"] if "/db/" in r["name"]]
    wrong = [r["name"] for r in report["requests"] if r["ledger_ns"]["blocked"] and
             "/file/" not in r["name"]]
    t.equal(wrong, [], "requests without a file that are charged for one")
    good = sum(r["ledger_ns"]["awaiting"] >= int(r["name"].split("/")[2]) * MS * 0.95
               for r in awaited)
    alone = [r for r in awaited if int(r["name"].split("/")[3]) >= 1000]
    for r in alone:
        asked = int(r["name"].split("/")[2]) * MS
        late = r["ledger_ns"]["runnable"] + r["ledger_ns"]["running"] + r["ledger_ns"]["loop_busy"]
        unknown = r["ledger_ns"]["unattributed"]
        said = f"{r['name']}, alone on the loop: {r['ledger_ns']}"
        # A busy machine may wake the loop more than 100 us after the reply came, once in ten runs:
        # the analysis then leaves that time to nobody (WAKE_DELAY_NS).
        t.within(not unknown, said)
        t.within(r["ledger_ns"]["awaiting"] + late + unknown >= asked and unknown < MS, said)
    t.note(f"{good} of {len(awaited)} backend requests are shown as awaiting their backend")


@test("servers: FastAPI: one plain read inside `async def` blocks the loop in its request")
def fastapi_mistake(t):
    server = t.sample("nonblocking.py")
    recording = t.record(server.pid)
    lines = t.load(server.port, ["/mistake/%d"], 30, 1)
    recording.end()
    report = recording.report()
    answered(t, report, lines)
    loop = thread_of(report, server.pid)
    t.equal(loop["role"], "loop", "role")
    blocked = [w for w in loop["waits"] if w["state"] == "blocked"]
    t.check(blocked and all("waitscope-nonblocking.py-" in w["object"] for w in blocked),
            f"blocked waits of the loop: {blocked}")
    truths = {f"GET {l['path']}": l["truth"] for l in lines}
    for r in report["requests"]:
        ns, truth = r["ledger_ns"]["blocked"], truths[r["name"]]["blocked"]
        t.check(ns <= truth, f"{r['name']}: blocked {ms(ns)}, the truth is {ms(truth)}")
    shown = sum(r["ledger_ns"]["blocked"] > 0 for r in report["requests"])
    t.check(shown >= 27, f"{shown} of 30 requests blocked")  # a page may have been in memory
