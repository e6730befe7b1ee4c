"""A symbol server on the loopback, with the faults that servers have."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

__all__ = ["Answer", "SymbolServer", "dead_port", "serving", "silent_port"]

Answer = Callable[[BaseHTTPRequestHandler], None]
"""What a server does with a request instead of sending a file."""


class SymbolServer:
    """Files by path (without the leading `/`): bytes, a status, or an answer. What it has not is 404.

    Attributes:
        asked: Paths in the order in which they were asked for.
        headers: Of the last request.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes | int | Answer] = {}
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.url = ""

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(request.path).lstrip("/")
        self.asked.append(path)
        self.headers = dict(request.headers)
        answer = self.files.get(path, 404)
        if isinstance(answer, bytes):
            send(request, answer)
        elif isinstance(answer, int):
            request.send_response(answer)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            answer(request)


def send(request: BaseHTTPRequestHandler, data: bytes, size: int | None = None) -> None:
    """Send a file, perhaps with the promise of another size."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(data) if size is None else size))
    request.end_headers()
    request.wfile.write(data)
    if size is not None and size > len(data):
        request.close_connection = True


def cut(data: bytes, at: int) -> Answer:
    """The file's beginning, then nothing more."""
    return lambda request: send(request, data[:at], len(data))


def redirect(location: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", location)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def endless(request: BaseHTTPRequestHandler) -> None:
    """A file without a size and without an end."""
    request.send_response(200)
    request.end_headers()
    request.close_connection = True
    for _ in range(10_000):
        request.wfile.write(bytes(65536))


def dripping(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then."""
    request.send_response(200)
    request.send_header("Content-Length", "1000000")
    request.end_headers()
    request.close_connection = True
    for _ in range(200):
        request.wfile.write(b"M")
        time.sleep(0.05)


def dripping_head(request: BaseHTTPRequestHandler) -> None:
    """Headers without an end, a byte now and then."""
    request.close_connection = True
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(200):
        request.wfile.write(b"x")
        time.sleep(0.05)


def silent(request: BaseHTTPRequestHandler) -> None:
    """Nothing, for longer than anybody waits."""
    time.sleep(3)
    request.close_connection = True


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[SymbolServer]:
    """A server for the time being; by HTTPS with a certificate (and its key, in the same file)."""
    server = SymbolServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                server.handle(self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Handler) as http:
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        server.url = f"http{'s' if certificate else ''}://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()


@contextmanager
def silent_port() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def dead_port() -> str:
    """Where nobody listens."""
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{gone.getsockname()[1]}"
