"""Serve the demo page and a bundle on this machine, with the headers that hosting will send."""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import os
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, cast, final
from urllib.parse import urlsplit

from edgekit.assets import asset
from edgekit.errors import CheckFailed, InputError
from edgekit.hosting import Settings, headers_for, matches
from edgekit.store import MANIFEST, Bundle

Packed = Mapping[Path, Mapping[str, bytes]]

PORT = 8008
HOST = "127.0.0.1"
_IDLE_SECONDS = 30
_CHUNK = 1 << 16


def site(bundle: Bundle) -> dict[str, Path]:
    """Map every URL path of the demo site to its file: the page at /, the bundle's own files under /bundle/."""
    page = asset("templates/web")
    files = {f"/{p.relative_to(page).as_posix()}": p for p in sorted(page.rglob("*")) if p.is_file()}
    if "/index.html" in files:
        files["/"] = files["/index.html"]
    names = [MANIFEST, *(f.path for f in bundle.manifest.files())]
    return files | {f"/bundle/{name}": bundle.root / name for name in names}


def _say(url: str) -> None:
    print(url, flush=True)


def serve(
    files: Mapping[str, Path],
    port: int = PORT,
    host: str = HOST,
    announce: Callable[[str], None] = _say,
    settings: Callable[[], Settings] = Settings,
) -> None:
    """Serve until Ctrl-C; `announce` gets the URL once, when the server answers."""
    with Server(files, port, host, settings) as server:
        try:
            announce(server.url)
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def fetch_all(
    files: Mapping[str, Path], port: int = PORT, host: str = HOST, settings: Callable[[], Settings] = Settings
) -> str:
    """Serve, ask for every file once, and stop; return the URL. Raises CheckFailed naming a file that is not sent."""
    with Server(files, port, host, settings) as server:
        address = urlsplit(server.url)
        connection = HTTPConnection(str(address.hostname), address.port, timeout=_IDLE_SECONDS)
        try:
            for path in files:
                connection.request("GET", path)
                reply = connection.getresponse()
                if reply.status != HTTPStatus.OK or len(reply.read()) != files[path].stat().st_size:
                    raise CheckFailed(
                        f"the server does not send {path} (status {reply.status}); export the bundle again"
                    )
        finally:
            connection.close()
        return server.url


@final
class Server:
    """Serves exactly the given URL paths while its `with` block lasts.

    A path is looked up as it was sent, never joined to a folder, so nothing outside the mapping can be reached.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        port: int = 0,
        host: str = HOST,
        settings: Callable[[], Settings] = Settings,
        packed: Packed | None = None,
    ) -> None:
        """Listen on a port, 0 for any free one. Raises InputError where that cannot be.

        packed: the compressed forms of files, by Content-Encoding, for browsers that ask for them.
        """
        self._server = listen(_Handler, host, port)
        self._server.site = _Site(files, host, settings, packed or {})
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The address of the site, with the port that was found."""
        host, port = self._server.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{name}:{port}/"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def takes(host: str, header: str) -> bool:
    """Tell whether a server that listens on `host` may answer a Host header.

    Another name that resolves to this machine is a page elsewhere reading through us (DNS rebinding).
    A server on every address is reached by numbers that it cannot know; names stay refused.
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", host.lower()):
        return True
    try:
        address = ipaddress.ip_address(name)
        return address.is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


class _Site:
    """What the handlers of one server share."""

    def __init__(self, files: Mapping[str, Path], host: str, settings: Callable[[], Settings], packed: Packed) -> None:
        self.files = files
        self.host = host
        self.settings = settings
        self.packed = packed
        self._tags: dict[tuple[int, int, int, int], str] = {}

    def tag(self, file: BinaryIO, state: os.stat_result) -> str:
        """Return the ETag of an open file, hashed once for as long as the file does not change."""
        key = (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size)
        if key not in self._tags:
            digest = hashlib.sha256()
            while block := file.read(_CHUNK):
                digest.update(block)
            file.seek(0)
            self._tags[key] = f'"{digest.hexdigest()[:32]}"'
        return self._tags[key]


class Http(ThreadingHTTPServer):
    """Listens; what its handlers share is `site`."""

    daemon_threads = True
    request_queue_size = 128
    site: Any

    def server_bind(self) -> None:
        """Bind without the look-up of this machine's name, which can hang where there is no network."""
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Drop a connection that broke: browsers do this whenever a page is closed."""


class _Http6(Http):
    address_family = socket.AF_INET6


def listen(handler: type[BaseHTTPRequestHandler], host: str, port: int) -> Http:
    """Listen on a port, 0 for any free one. Raises InputError where that cannot be."""
    try:
        return (_Http6 if ":" in host else Http)((host, port), handler)
    except OverflowError:
        raise InputError(
            f"{port} is not a port; choose one from 1024 to 65535 with --port, or 0 for a free one"
        ) from None
    except socket.gaierror:
        raise InputError(f"the host {host!r} is not known on this machine; use --host {HOST}") from None
    except OSError as error:
        raise InputError(_cannot_listen(host, port, error)) from None


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another with --port, or --port 0 for a free one"
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}; choose one above 1023 with --port, or --port 0 for a free one"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; use --host {HOST}"
    return f"cannot listen on {host}, port {port}: {error.strerror}; choose another --port or --host"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "edgekit"
    sys_version = ""
    timeout = _IDLE_SECONDS
    #: One small segment for the headers must not wait for the acknowledgement of the one before.
    disable_nagle_algorithm = True
    _METHODS: ClassVar[str] = "GET, HEAD"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not takes(self._site.host, hosts[0]):
            return self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to its own address only")
        path = self.path.partition("?")[0]
        for glob, location, status in self._site.settings().redirects:
            if matches(glob, path):
                return self._redirect(location, status)
        file = self._site.files.get(path)
        try:
            opened = file.open("rb") if file else None
        except OSError:  # it was there when the site was mapped
            opened = None
        if opened is None:
            return self._refuse(HTTPStatus.NOT_FOUND, "there is no such file here")
        with opened:
            self._send_file(path, opened, body, self._packed(file) if file else None)
        return None

    def _packed(self, file: Path) -> tuple[str, bytes] | None:
        """Return the compressed form of a file that this browser takes."""
        taken = {part.partition(";")[0].strip() for part in self.headers.get("Accept-Encoding", "").split(",")}
        forms = self._site.packed.get(file, {})
        return next(((name, data) for name, data in forms.items() if name in taken), None)

    def _send_file(self, path: str, file: BinaryIO, body: bool, packed: tuple[str, bytes] | None) -> None:
        state = os.fstat(file.fileno())
        tag = self._site.tag(file, state)
        if packed:
            tag = f'{tag[:-1]}-{packed[0]}"'
        known = [t.strip().removeprefix("W/") for t in self.headers.get("If-None-Match", "").split(",")]
        unchanged = tag in known or "*" in known
        self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK)
        for name, value in headers_for(path, self._site.settings().rules).items():
            self.send_header(name, value)
        self.send_header("ETag", tag)
        if packed:
            self.send_header("Content-Encoding", packed[0])
            self.send_header("Vary", "Accept-Encoding")
        if not unchanged:
            self.send_header("Content-Length", str(len(packed[1]) if packed else state.st_size))
        self.end_headers()
        if not body or unchanged:
            return
        if packed:
            self.wfile.write(packed[1])
            return
        left = state.st_size  # never more than was promised, should the file grow
        while left and (block := file.read(min(_CHUNK, left))):
            self.wfile.write(block)
            left -= len(block)
        self.close_connection = self.close_connection or bool(left)

    def _redirect(self, location: str, status: int) -> None:
        self.send_response(status)
        self.send_header("Location", location)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        text = f"{status.value} {why}\n".encode()
        self.send_response(status)
        headers = headers_for("/refused.txt") | {"Cache-Control": "no-store"}
        for name, value in headers.items():
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", self._METHODS)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")  # a body that was sent along is not read
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what the parser refuses in the same plain form; an unknown method arrives here as 501."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            return self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"only {self._METHODS} are answered")
        return self._refuse(HTTPStatus(code), HTTPStatus(code).phrase.lower())

    @property
    def _site(self) -> _Site:
        return cast(_Site, cast(Http, self.server).site)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the page tells what went wrong."""
