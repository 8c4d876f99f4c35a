"""The HTTP side of tests/fake_hosting.py: the API with its faults, and what the public gets."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fake_hosting import FakeHosting, Refusal, Request

from edgekit.hosting import headers_for, matches, settings_of


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    disable_nagle_algorithm = True

    @property
    def fake(self) -> FakeHosting:
        return self.server.fake  # type: ignore[attr-defined, no-any-return]

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        is_public = parts.path.startswith("/public/")
        with self.fake.lock:
            fault = None
            if not is_public:
                fault = self.fake.faults.pop(self.fake.count, None)
                self.fake.count += 1
        if fault == "reset":
            return self.reset()
        raw = self.read()
        body = raw if parts.path.startswith("/upload/") else json.loads(raw or b"{}")
        request = Request(self.command, parts.path, parse_qs(parts.query), body, len(raw), dict(self.headers))
        with self.fake.lock:
            logged = Request(self.command, request.path, request.query, b"" if request.is_upload else body, len(raw), request.headers)  # fmt: skip
            self.fake.requests.append(logged)
        if is_public:
            return self.public(parts.path)
        if fault in ("429", "500", "503"):
            codes = {"429": "RESOURCE_EXHAUSTED", "500": "INTERNAL", "503": "UNAVAILABLE"}
            return self.reply(int(fault), {"error": {"code": int(fault), "status": codes[fault], "message": "a fault"}})
        if fault == "stall":
            time.sleep(self.fake.stall)
            return self.reset()
        status, plain = self.act(request)
        if fault == "lost":  # it was done, and nobody learns of it
            return self.reset()
        return self.reply(status, plain, cut=fault == "truncate")

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = handle_any

    def act(self, request: Request) -> tuple[int, dict[str, Any]]:
        fake = self.fake
        try:
            with fake.lock:
                if fake.before:
                    fake.before(request)
                if fake.needs_token and request.headers.get("Authorization") != f"Bearer {fake.needs_token}":
                    raise Refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
                return 200, fake.answer(request)
        except Refusal as no:
            return no.status, {"error": {"code": no.status, "status": no.code, "message": no.message}}

    def read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = bytearray()
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return bytes(data)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status: int, plain: dict[str, Any], cut: bool = False) -> None:
        data = json.dumps(plain).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut

    def reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def public(self, path: str) -> None:
        """Serve /public/CHANNEL/... as hosting serves the channel: files, headers and redirects of its version."""
        _, _, channel, path = path.split("/", 3)
        path = f"/{path}"
        fake = self.fake
        with fake.lock:
            version = fake.shown(channel) if channel in fake.channels else ""
            files = fake.files_of(version)
            settings = settings_of(fake.versions[version]["config"] if version else {})
        for glob, location, status in settings.redirects:
            if matches(glob, path):
                self.send_response(status)
                self.send_header("Location", f"/public/{channel}{location}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        data = files.get(path + "index.html" if path.endswith("/") else path)
        status = 404 if data is None else 200
        data = b"not found" if data is None else fake.tamper(path, data) if fake.tamper else data
        headers = headers_for(path, settings.rules) | {k: v for k, v in fake.headers.items() if v is not None}
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data)
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        for name, value in headers.items():
            if fake.headers.get(name, "") is not None:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ValueError, TimeoutError):
            self.close_connection = True

    def finish(self) -> None:
        with suppress(ConnectionError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def running(fake: FakeHosting) -> Iterator[FakeHosting]:
    """Serve a fake on loopback while the block lasts."""
    server = _Server(("127.0.0.1", 0), Handler)
    server.fake = fake  # type: ignore[attr-defined]
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
