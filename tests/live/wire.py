"""wire: small servers on unlike wires, for test_protocols.py. The path's second part is how many
milliseconds the handler sleeps: GET /sleep/20/7.

    wire.py unix PATH     HTTP on a unix socket, a thread for each connection, and beside it a
                          socketpair on which threads talk, as event loops' wake-ups do
    wire.py tls CERT      HTTP in TLS on a free port of 127.0.0.1, a thread for each connection
    wire.py early         HTTP that answers before it reads a request's body
    gunicorn wire:application
"""

import socket
import ssl
import sys
import threading
import time


def answer(path, body=b"ok\n"):
    time.sleep(int(path.split("/")[2]) / 1000)
    return (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)) + body


def application(environ, start_response):
    time.sleep(int(environ["PATH_INFO"].split("/")[2]) / 1000)
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]


def serve(conn, touch=lambda: None):
    with conn:
        while True:
            got = conn.recv(65536)
            if not got:
                return
            touch()
            conn.sendall(answer(got.split(b" ")[1].decode()))


def early(conn):
    """Answers when the header is there; a receive for it, and receives for the body behind it."""
    with conn:
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                got = conn.recv(400)
                if not got:
                    return
                head += got
            conn.sendall(answer(head.split(b" ")[1].decode()))
            chunked = b"chunked" in head
            while chunked and conn.recv(1000)[-5:] != b"0\r\n\r\n":
                pass
            left = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
            left = int(left[0].split(b":")[1]) if left else 0
            while left:
                left -= len(conn.recv(min(left, 1000)))


def accept_all(listener, handler):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=handler, args=(conn,), daemon=True).start()


def unix(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    near, far = socket.socketpair()

    def echo():
        while True:
            far.sendall(far.recv(100))

    lock = threading.Lock()

    def touch():
        with lock:
            near.sendall(b"wake up!")
            near.recv(100)

    threading.Thread(target=echo, daemon=True).start()
    print("listening", flush=True)
    accept_all(listener, lambda conn: serve(conn, touch))


def inet(handler):
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    accept_all(listener, handler)


def tls(cert):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)

    def handler(conn):
        serve(context.wrap_socket(conn, server_side=True))

    inet(handler)


if __name__ == "__main__":
    if sys.argv[1] == "unix":
        unix(sys.argv[2])
    elif sys.argv[1] == "tls":
        tls(sys.argv[2])
    else:
        inet(early)
