"""Protocols and wires: each request found once and named, with real servers where Debian has them."""

import contextlib
import glob
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time

from harness import MS, Failure, free_port, ms, process_of, test, threads_of

WIRE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wire.py")


def names_of(report, protocol, pid=None):
    return sorted(r["name"] for r in report["requests"]
                  if r["protocol"] == protocol and pid in (None, r["pid"]))


def whole(t, report):
    t.equal(report["capture"]["lost"]["records"], 0, "lost records")
    bad = [r["name"] for r in report["requests"] if not r["complete"] or r["pipelined"]]
    t.equal(bad, [], "requests that are not complete or said to be pipelined")


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def ask(conn, data):
    """Sends a request and reads an answer whose length its header tells."""
    conn.sendall(data)
    got = b""
    while b"\r\n\r\n" not in got:
        more = conn.recv(65536)
        if not more:
            raise Failure(f"no answer to {data[:60]}")
        got += more
    head, body = got.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
    while len(body) < length:
        body += conn.recv(65536)
    return int(head.split()[1]), body


def clients(connect, paths, width):
    """Asks for the paths over `width` connections at once."""
    failures = []

    def run(mine):
        try:
            with connect() as conn:
                for path in mine:
                    status, _ = ask(conn, get(path))
                    if status != 200:
                        failures.append((path, status))
        except (OSError, Failure) as e:
            failures.append(str(e))

    threads = [threading.Thread(target=run, args=(paths[i::width],)) for i in range(width)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    if failures:
        raise Failure(f"{len(failures)} requests failed: {failures[:3]}")


def unix_connect(path):
    conn = socket.socket(socket.AF_UNIX)
    conn.settimeout(10)
    conn.connect(path)
    return conn


def wait_for(path, server):
    for _ in range(200):
        if os.path.exists(path):
            return
        time.sleep(0.05)
    raise Failure(f"{path} does not appear: {server.stderr()}")


def slept(t, requests):
    """Each request's sleep, in its ledger under `sleep`, is its own."""
    for r in requests:
        asked = int(r["name"].split("/")[2]) * MS
        got, late = r["ledger_ns"]["sleep"], r["ledger_ns"]["runnable"]
        t.within(asked <= got + late and got <= asked + 5 * MS,
                 f"{r['name']}: sleep {ms(got)}, {r['ledger_ns']}")
        t.equal(r["grade_ns"]["exact"] + r["grade_ns"]["inferred"], r["latency_ns"],
                f"{r['name']}: known, {r['grade_ns']}")


@test("protocols: HTTP on a unix socket, threads; a socketpair is no connection")
def unix_threads(t):
    path = os.path.join(t.dir, "app.sock")
    server = t.start([sys.executable, WIRE, "unix", path])
    server.line()
    with unix_connect(path) as older:
        ask(older, get("/sleep/0/1"))
        recording = t.record(server.pid)
        paths = [f"/sleep/{2 + i % 5}/{100 + i}" for i in range(48)]
        ask(older, get("/sleep/3/99"))
        clients(lambda: unix_connect(path), paths, 6)
        # Asked a while before anybody reads: one thread's connection waits for the other request.
        with unix_connect(path) as conn:
            conn.sendall(get("/sleep/30/200"))
            conn.sendall(get("/sleep/1/201"))
            time.sleep(0.1)
        # Connected and asked while the server is stopped: the bytes' arrival is known all the same.
        server.popen.send_signal(signal.SIGSTOP)
        with unix_connect(path) as conn:
            conn.sendall(get("/sleep/1/300"))
            asked_ns = time.monotonic_ns()
            time.sleep(0.08)
            stopped_ns = time.monotonic_ns() - asked_ns
            server.popen.send_signal(signal.SIGCONT)
            t.check(conn.recv(1000), "no answer")
        recording.end()
    report = recording.report()
    got = names_of(report, "http")
    t.equal(got, sorted(f"GET {p}" for p in paths + ["/sleep/3/99", "/sleep/30/200",
                                                             "/sleep/1/300"]), "requests")
    t.equal({r["protocol"] for r in report["requests"]}, {"http"}, "protocols")
    alone = [r for r in report["requests"] if not r["name"].endswith("/200")]
    slept(t, alone)
    for r in alone:
        t.equal(r["conn"]["local"], path, f"{r['name']}: local end")
        t.equal((r["complete"], r["status"]), (True, 200), r["name"])
    held_up = next(r for r in report["requests"] if r["name"].endswith("/300"))
    t.within(stopped_ns - MS <= held_up["ledger_ns"]["queued"] + held_up["ledger_ns"]["runnable"]
             and held_up["ledger_ns"]["queued"] <= held_up["latency_ns"] - MS,
             f"stopped for {ms(stopped_ns)}: {held_up['ledger_ns']}")
    p = process_of(report, server.pid)
    t.equal(p["model"], "blocking", "model")
    waits = {w["object"] for x in threads_of(report) for w in x["waits"] if w["state"] == "blocked"}
    t.check(path in waits and f"client of {path}" in waits, f"blocked waits: {waits}")


@test("protocols: nginx before gunicorn on a unix socket: both ends of each request")
def nginx_gunicorn(t):
    path = os.path.join(t.dir, "gunicorn.sock")
    port = free_port()
    os.chmod(t.dir, 0o755)
    conf = os.path.join(t.dir, "nginx.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(NGINX.format(dir=t.dir, port=port, location=f"proxy_pass http://unix:{path};"))
    gunicorn = t.start(["gunicorn", "-w", "3", "-b", f"unix:{path}", "--umask", "0",
                        "--worker-tmp-dir", t.dir, "--chdir", os.path.dirname(WIRE),
                        "wire:application"])
    wait_for(path, gunicorn)
    nginx = t.start(["nginx", "-c", conf, "-p", t.dir])
    warm(port, "/sleep/0/1", nginx)
    recording = t.record(f"{nginx.pid},{gunicorn.pid}")
    paths = [f"/sleep/{4 + 3 * (i % 4)}/{100 + i}" for i in range(40)]
    clients(lambda: socket.create_connection(("127.0.0.1", port), 10), paths, 3)
    recording.end()
    report = recording.report()
    whole(t, report)
    family = {p["pid"]: p["comm"] for p in report["processes"]}
    front = [r for r in report["requests"] if family[r["pid"]] == "nginx"]
    back = [r for r in report["requests"] if family[r["pid"]] != "nginx"]
    want = sorted(f"GET {p}" for p in paths)
    t.equal(sorted(r["name"] for r in front), want, "requests of nginx")
    t.equal(sorted(r["name"] for r in back), want, "requests of gunicorn")
    slept(t, back)
    unknown = 0
    for r in front:
        asked = int(r["name"].split("/")[2]) * MS
        t.check(r["latency_ns"] >= asked, f"{r['name']}: {ms(r['latency_ns'])}")
        t.equal(r["ledger_ns"]["blocked"], 0, f"{r['name']}: blocked")
        t.check(r["ledger_ns"]["awaiting"] <= r["latency_ns"], r["name"])
        unknown += r["ledger_ns"]["awaiting"] < 0.95 * asked
    t.check(unknown <= 2, f"{unknown} of {len(front)} requests do not await gunicorn")
    t.equal({r["conn"]["local"] for r in back}, {path}, "gunicorn's local end")


NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log; user root;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 100000; fastcgi_keep_conn off;
  client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3;
  uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
  server {{
    listen 127.0.0.1:{port};
    location / {{ {location} }}
  }}
}}
"""


def warm(port, path, server):
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as conn:
                if ask(conn, get(path))[0] == 200:
                    return
        except (OSError, Failure):
            pass
        time.sleep(0.05)
    raise Failure(f"no answer: {server.stderr()}")


CGI = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\nContent-Length: 3\\r\\n\\r\\nok\\n'
"""


@test("protocols: FastCGI on a unix socket, nginx before fcgiwrap")
def fastcgi(t):
    path, port = os.path.join(t.dir, "fcgi.sock"), free_port()
    os.chmod(t.dir, 0o755)
    script = os.path.join(t.dir, "hello")
    with open(script, "w", encoding="ascii") as file:
        file.write(CGI)
    os.chmod(script, stat.S_IRWXU)
    conf = os.path.join(t.dir, "nginx.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(NGINX.format(dir=t.dir, port=port, location=(
            f"fastcgi_pass unix:{path}; fastcgi_param REQUEST_METHOD $request_method; "
            f"fastcgi_param REQUEST_URI $request_uri; fastcgi_param SCRIPT_FILENAME {script};")))
    server = t.start(["fcgiwrap", "-c", "2", "-s", f"unix:{path}"])
    wait_for(path, server)
    nginx = t.start(["nginx", "-c", conf, "-p", t.dir])
    warm(port, "/warm/1", nginx)
    recording = t.record(f"{nginx.pid},{server.pid}")
    paths = [f"/hello/{i}?secret=hunter2" for i in range(12)]
    clients(lambda: socket.create_connection(("127.0.0.1", port), 10), paths, 2)
    recording.end()
    with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
        workers = [int(pid) for pid in file.read().split()]
    server.end()
    for pid in workers:  # which it leaves behind
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    report = recording.report()
    want = sorted(f"GET /hello/{i}" for i in range(12))
    t.equal(names_of(report, "fastcgi"), want, "FastCGI's requests")
    t.equal(names_of(report, "http"), want, "nginx' requests")
    whole(t, report)
    with open(recording.path, "rb") as file:
        t.check(b"hunter2" not in file.read(), "the query is in the capture")


def talk(port, *pieces):
    """One connection: sends each piece and reads an answer that ends with a given tail."""
    with socket.create_connection(("127.0.0.1", port), 10) as conn:
        for data, tail in pieces:
            conn.sendall(data)
            got = b""
            while tail and not got.endswith(tail):
                more = conn.recv(65536)
                if not more:
                    raise Failure(f"no answer to {data[:40]}: {got[:40]}")
                got += more


@test("protocols: memcached, text and binary")
def memcached(t):
    port = free_port()
    server = t.start(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", port, "-U", "0"])
    for _ in range(100):
        try:
            talk(port, (b"version\r\n", b"\r\n"))
            break
        except OSError:
            time.sleep(0.05)
    recording = t.record(server.pid)
    big = b"x" * 30000
    talk(port, (b"set secret-key 0 0 5\r\nhello\r\n", b"STORED\r\n"),
         (b"get secret-key\r\n", b"END\r\n"),
         (b"set big 0 0 30000\r\n" + big[:10000], b""))
    talk(port, (b"set big 0 0 30000\r\n" + big + b"\r\n", b"STORED\r\n"),
         (b"gets big secret-key\r\n", b"END\r\n"), (b"incr secret-key 1\r\n", b"\r\n"),
         (b"delete big\r\n", b"DELETED\r\n"), (b"quit\r\n", b""))
    key = b"secret-key"
    binary = b"\x80\x00" + len(key).to_bytes(2, "big") + b"\0\0\0\0" + len(key).to_bytes(4, "big")
    talk(port, (binary + bytes(12) + key, b"hello"))
    recording.end()
    report = recording.report()
    got = [(r["name"], r["complete"], r["status"]) for r in report["requests"]]
    t.equal(sorted(got), sorted([("set", True, 0), ("get", True, 0), ("set", False, 0),
                                 ("set", True, 0), ("gets", True, 0), ("incr", True, -1),
                                 ("delete", True, 0), ("get", True, 0)]), "requests")
    t.equal({r["protocol"] for r in report["requests"]}, {"memcached"}, "protocol")
    t.equal([r["name"] for r in report["requests"] if r["pipelined"]], [], "pipelined")
    with open(recording.path, "rb") as file:
        t.check(key not in file.read(), "a key is in the capture")


def postgres_server(t):
    """One server of its own, as another user: it refuses root."""
    tools = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not tools:
        raise Failure("PostgreSQL is not installed")
    os.chmod(t.dir, 0o755)
    data = os.path.join(t.dir, "data")
    os.mkdir(data, 0o700)
    shutil.chown(data, "postgres", "postgres")
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    made = subprocess.run([*user, f"{tools[-1]}/initdb", "-D", data, "-A", "trust", "-N",
                           "--no-locale", "-E", "UTF8"], cwd=data, capture_output=True, text=True,
                          check=False, timeout=60)
    if made.returncode:
        raise Failure(f"initdb: {made.stderr}")
    port = free_port()
    server = t.start([*user, f"{tools[-1]}/postgres", "-D", data, "-k", data, "-p", port,
                      "-h", "127.0.0.1", "-c", "autovacuum=off"], cwd=data)
    server.tools = tools[-1]
    server.port, server.path = port, f"{data}/.s.PGSQL.{port}"
    wait_for(server.path, server)
    for _ in range(100):
        if psql(t, server, "127.0.0.1", "select 1").returncode == 0:
            return server
        time.sleep(0.05)
    raise Failure(f"PostgreSQL does not answer: {server.stderr()}")


def psql(t, server, host, *commands):
    words = [word for command in commands for word in ("-c", command)]
    return subprocess.run(["psql", "-X", "-q", "-h", host, "-p", str(server.port), "-U", "postgres",
                           "postgres", *words], cwd=t.dir, capture_output=True, text=True,
                          check=False, timeout=20)


@test("protocols: PostgreSQL over TCP and over its unix socket")
def postgres(t):
    server = postgres_server(t)
    recording = t.record(server.pid)
    queries = ["create table secret (a int)", "insert into secret values (4711)",
               "select pg_sleep(0.02)", "select nothing from nowhere", "/* hint */ select 1"]
    for host in ("127.0.0.1", os.path.dirname(server.path)):
        psql(t, server, host, *queries[:4], "drop table secret", queries[4])
    script = os.path.join(t.dir, "script.sql")
    with open(script, "w", encoding="ascii") as file:
        file.write("select 4711 + :client_id;\n")
    bench = subprocess.run([os.path.join(server.tools, "pgbench"), "-n", "-M", "prepared", "-t", "3",
                            "-f", script, "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres",
                            "postgres"], cwd=t.dir, capture_output=True, text=True, check=False, timeout=20)
    t.equal(bench.returncode, 0, f"pgbench: {bench.stderr}")
    recording.end()
    report = recording.report()
    want = ["Query CREATE", "Query DROP", "Query INSERT", "Query SELECT", "Query SELECT", "Query",
            "Startup"]
    got = names_of(report, "postgresql")
    bench = ["Startup", "Startup", "Parse SELECT", "Bind", "Bind", "Bind"]
    t.equal([n for n in got if not n.endswith("Request")], sorted(want * 2 + bench), "requests")
    t.equal({r["protocol"] for r in report["requests"]}, {"postgresql"}, "protocols")
    whole(t, report)
    failed = [r["name"] for r in report["requests"] if r["status"] == -1]
    t.equal(failed, ["Query SELECT"] * 2, "queries that failed")
    t.equal(len([r for r in report["requests"] if r["conn"]["local"] == server.path]), len(want),
            "requests over the unix socket")
    naps = [r for r in report["requests"] if r["latency_ns"] >= 20 * MS and "SELECT" in r["name"]]
    t.check(len(naps) >= 2, f"{len(naps)} queries slept, not 2")
    with open(recording.path, "rb") as file:
        t.check(b"4711" not in file.read(), "SQL is in the capture")


@test("protocols: TLS: handshakes, data and good-byes told apart")
def tls(t):
    cert = os.path.join(t.dir, "cert.pem")
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                           "/CN=localhost", "-keyout", cert, "-out", cert + ".crt"],
                          capture_output=True, check=False)
    t.equal(made.returncode, 0, "openssl's exit status")
    with open(cert + ".crt", "rb") as crt, open(cert, "ab") as file:
        file.write(crt.read())
    server = t.start([sys.executable, WIRE, "tls", cert])
    port = int(re.search(r":(\d+)", server.line()).group(1))
    recording = t.record(server.pid)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        conn = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))
        for i in range(3):
            t.equal(ask(conn, get(f"/sleep/15/{i}"))[0], 200, "status")
        conn.setblocking(True)
        conn.unwrap().close()
    time.sleep(0.05)
    recording.end()
    report = recording.report()
    got = names_of(report, "tls")
    t.equal(got, ["TLS data"] * 6 + ["TLS handshake"] * 2, "requests")
    t.equal({r["protocol"] for r in report["requests"]}, {"tls"}, "protocols")
    whole(t, report)
    for r in report["requests"]:
        if r["name"] == "TLS data":
            late = r["ledger_ns"]["runnable"]
            slept_ns = r["ledger_ns"]["sleep"]
            t.within(15 * MS <= slept_ns + late and slept_ns <= 20 * MS, f"{r['ledger_ns']}")


@test("protocols: an HTTP body behind the answer, with a length and in chunks")
def bodies(t):
    server = t.start([sys.executable, WIRE, "early"])
    port = int(re.search(r":(\d+)", server.line()).group(1))
    recording = t.record(server.pid)
    with socket.create_connection(("127.0.0.1", port), 10) as conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(4):
            head = f"POST /sleep/2/{i} HTTP/1.1\r\nContent-Length: 5000\r\n\r\n".encode()
            t.equal(ask(conn, head)[0], 200, "status")
            conn.sendall(b"GET /not/a/request HTTP/1.1\r\n\r\n" + b"y" * (5000 - 32) + b"z")
            time.sleep(0.01)
            head = f"PUT /sleep/2/{i} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            t.equal(ask(conn, head)[0], 200, "status")
            for _ in range(3):
                conn.sendall(b"3e8\r\n" + b"y" * 1000 + b"\r\n")
                time.sleep(0.005)
            conn.sendall(b"0\r\n\r\n")
            time.sleep(0.01)
    recording.end()
    report = recording.report()
    t.equal(sorted((r["name"], r["complete"]) for r in report["requests"]),
            sorted((f"{method} /sleep/2/{i}", True) for i in range(4) for method in ("POST", "PUT")),
            "requests")
    # A length leaves no doubt; behind chunks the next request could have stood unseen.
    t.equal([r["name"] for r in report["requests"] if r["pipelined"] and r["name"][:4] == "POST"],
            [], "said to be pipelined")
