"""The server of `bench serve`: a page for everybody, and the bundles for the one device that has the token.

It speaks plain http. On a network the token keeps strangers away from the bundles and the results, not from reading
along.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, cast, final

from edgekit.assets import asset
from edgekit.bench.desk import Denied, Desk
from edgekit.bench.remote_protocol import MAX_BYTES, Join, Next, Result, parse
from edgekit.errors import InputError
from edgekit.hosting import REVALIDATE, content_type
from edgekit.server import Http, listen, takes

COOKIE = "edgekit_bench"
#: For those without the secret, in a minute; and for the device, messages in a minute.
STRANGERS, MESSAGES = 120, 3000
CONNECTIONS = 48
_IDLE_SECONDS = 30
#: Nothing but this server; the page frames its visits, a visit is framed by the page.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'self'; "
    "img-src 'self' data:; worker-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors {}"
)
#: On every answer. no-store: a visit finds nothing that an earlier one left.
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_SCRIPTS = ("phone.css", "phone.js", "line.js", "frame.js", "measure.js")
_PAGE = {"/": "phone.html", **{f"/{name}": name for name in _SCRIPTS}}
_VISIT = re.compile(r"/v/(\d{1,9})-(\d{1,9})/([\w./-]+)")
_PACKED = ("br", "gzip")

#: A file by its path below the place of a visit: on disk, its forms by Content-Encoding, or bytes made for it.
Forms = Mapping[str, bytes]


@dataclass(frozen=True)
class Places:
    """What the server sends to the device, by bundle id, then by the path below a visit's place.

    tags: of scripts, which a runtime fetches, checks and then lets the browser run from the same address. They may be
    asked about again, as hosting has it.
    """

    files: dict[str, Mapping[str, Path | bytes]] = field(default_factory=dict)
    packed: dict[Path, Forms] = field(default_factory=dict)
    tags: dict[Path, str] = field(default_factory=dict)


class _Rate:
    """At most so many in the last minute."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def requires(self) -> None:
        now = self._clock()
        with self._lock:
            while self._times and self._times[0] < now - 60:
                self._times.popleft()
            if len(self._times) >= self._most:
                raise Denied(HTTPStatus.TOO_MANY_REQUESTS, f"more than {self._most} requests in a minute; wait")
            self._times.append(now)


@dataclass(frozen=True, eq=False)
class _Shared:
    """What the handlers of one server share."""

    desk: Desk
    places: Places
    host: str
    strangers: _Rate = field(default_factory=lambda: _Rate(STRANGERS))
    messages: _Rate = field(default_factory=lambda: _Rate(MESSAGES))
    connections: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(CONNECTIONS))


@final
class PhoneServer:
    """Serves the page and one desk while its `with` block lasts."""

    def __init__(self, desk: Desk, places: Places, host: str, port: int = 0) -> None:
        """Listen on a port, 0 for any free one. Raises InputError where that cannot be."""
        self._server: Http = listen(_Handler, host, port)
        self._server.site = _Shared(desk, places, host)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The port that was found."""
        return int(self._server.server_address[1])

    def __enter__(self) -> PhoneServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "edgekit"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Take one connection, unless there are too many."""
        if not self._shared.connections.acquire(blocking=False):
            return  # closed without an answer: phones ask again
        try:
            super().handle()
        finally:
            self._shared.connections.release()

    def do_GET(self) -> None:
        self._guarded(self._get)

    def do_POST(self) -> None:
        self._guarded(self._post)

    def _guarded(self, answer: Callable[[], None]) -> None:
        hosts = self.headers.get_all("Host") or []
        try:
            if len(hosts) != 1 or not takes(self._shared.host, hosts[0]):
                raise Denied(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to its own address only")
            origin = self.headers.get("Origin")
            if origin is not None and origin != f"http://{hosts[0]}":
                raise Denied(HTTPStatus.FORBIDDEN, "another page may not ask here")
            answer()
        except Denied as denied:
            self._refuse(denied.status, str(denied))
        except InputError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))

    def _get(self) -> None:
        path = self.path.partition("?")[0]
        if path in _PAGE:
            self._shared.strangers.requires()
            page = asset("templates/bench") / _PAGE[path]
            return self._send(HTTPStatus.OK, content_type(page.name), page.read_bytes(), "'none'")
        match = _VISIT.fullmatch(path)
        if match is None:
            self._shared.strangers.requires()
            raise Denied(HTTPStatus.NOT_FOUND, "there is no such file here")
        self._requires_device()
        return self._visit(int(match[1]), int(match[2]), match[3])

    def _visit(self, number: int, attempt: int, path: str) -> None:
        desk, places = self._shared.desk, self._shared.places
        files = places.files[desk.under_way(number, attempt).bundle_id]
        if path not in files:
            raise Denied(HTTPStatus.NOT_FOUND, "there is no such file here")
        file = files[path]
        tag = places.tags.get(file, "") if isinstance(file, Path) else ""
        kept = {"Cache-Control": REVALIDATE, "ETag": tag} if tag else {}
        if not tag:
            desk.asked(number, attempt, path)
        elif self.headers.get("If-None-Match", "").removeprefix("W/") == tag:
            return self._send(HTTPStatus.NOT_MODIFIED, content_type(path), None, "'self'", kept)
        taken = {part.partition(";")[0].strip() for part in self.headers.get("Accept-Encoding", "").split(",")}
        forms = places.packed.get(file, {}) if isinstance(file, Path) else {}
        encoding = next((name for name in _PACKED if name in forms and name in taken), "")
        try:
            whole = file.read_bytes() if isinstance(file, Path) else file
            data, headers = (forms[encoding], {"Content-Encoding": encoding}) if encoding else (whole, {})
            return self._send(HTTPStatus.OK, content_type(path), data, "'self'", {**headers, **kept})
        except OSError:
            desk.broke(number, attempt)
            raise

    def _post(self) -> None:
        desk = self._shared.desk
        path = self.path
        if path == "/api/join":
            self._shared.strangers.requires()
            key, joined = desk.join(parse(Join, self._body(MAX_BYTES), "the first message"), self._cookie())
            cookie = f"{COOKIE}={key}; Path=/; HttpOnly; SameSite=Strict"
            return self._say(joined, {"Set-Cookie": cookie})
        self._requires_device()
        self._shared.messages.requires()
        if path == "/api/next":
            work = desk.ask(parse(Next, self._body(MAX_BYTES), "the message"))
            self._say(work)
            return desk.was_told()
        if path == "/api/result":
            return self._say(desk.answer(parse(Result, self._body(max(MAX_BYTES, desk.limit)), "the result")))
        raise Denied(HTTPStatus.NOT_FOUND, "there is no such address here")

    def _requires_device(self) -> None:
        try:
            self._shared.desk.requires(self._cookie())
        except Denied:
            self._shared.strangers.requires()
            raise

    def _cookie(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return ""
        return found.value if found else ""

    def _body(self, limit: int) -> bytes:
        if self.headers.get_content_type() != "application/json":
            raise Denied(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "messages are application/json")
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,12}", length):
            raise Denied(HTTPStatus.LENGTH_REQUIRED, "a message says its length")
        if int(length) > limit:
            why = f"a message has at most {limit} bytes here, not {int(length)}"
            raise Denied(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
        return self.rfile.read(int(length))

    def _say(self, value: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(value).encode(), "'none'", headers or {})

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # a body that was sent along is not read
        body = json.dumps({"error": why}).encode()
        headers = {"Connection": "close"} | ({"Retry-After": "10"} if status == HTTPStatus.TOO_MANY_REQUESTS else {})
        self._send(status, "application/json", body, "'none'", headers)

    def _send(
        self, status: int, kind: str, body: bytes | None, ancestors: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        policy = {"Content-Type": kind, "Content-Security-Policy": _POLICY.format(ancestors)}
        for name, value in {**_HEADERS, **policy, **(headers or {})}.items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body or b"")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what the parser refuses in the same form; an unknown method arrives here as 501."""
        unknown = code == HTTPStatus.NOT_IMPLEMENTED
        status = HTTPStatus.METHOD_NOT_ALLOWED if unknown else HTTPStatus(code)
        self._refuse(status, "only GET and POST are answered" if unknown else status.phrase.lower())

    @property
    def _shared(self) -> _Shared:
        return cast(_Shared, cast(Http, self.server).site)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: an address may carry what is secret."""
