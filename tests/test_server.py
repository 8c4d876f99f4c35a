"""The server: what it answers, with which headers, and what it refuses."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fabricated import make_bundle

from edgekit.errors import CheckFailed, InputError
from edgekit.hosting import CONTENT_SECURITY_POLICY, headers_for
from edgekit.server import Server, fetch_all, serve, site

HASHED = "shard-000.0123456789abcdef.bin"
FILES = {
    "/": b"<!doctype html>",
    "/index.html": b"<!doctype html>",
    "/sw.js": b"//",
    "/bundle/manifest.json": b"{}",
    "/bundle/wasm/engine-simd.wasm": b"\0asm",
    f"/bundle/wasm/{HASHED}": b"12345678",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    files = {}
    for number, (path, data) in enumerate(FILES.items()):
        files[path] = tmp_path / str(number)
        files[path].write_bytes(data)
    (tmp_path / "secret").write_text("secret")
    with Server({**files, "/gone.txt": tmp_path / "gone"}) as running:
        yield running


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    place = server.url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(place, timeout=5)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", FILES)
def test_each_file_is_sent_whole_with_the_headers_of_hosting(server: Server, path: str) -> None:
    status, headers, body = ask(server, path)
    assert (status, body) == (200, FILES[path])
    assert headers.items() >= headers_for(path).items()


@pytest.mark.parametrize(
    ("path", "content_type", "cache", "isolated"),
    [
        pytest.param("/", "text/html; charset=utf-8", "no-cache", True, id="the page changes with each release"),
        pytest.param("/index.html", "text/html; charset=utf-8", "no-cache", True, id="the page by its name"),
        pytest.param("/sw.js", "text/javascript; charset=utf-8", "no-cache", True, id="a worker has its own policies"),
        pytest.param("/bundle/manifest.json", "application/json", "no-cache", False, id="names the bundle of today"),
        pytest.param("/bundle/golden.json", "application/json", "no-cache", False, id="goes with its manifest"),
        pytest.param("/app.webmanifest", "application/manifest+json", "no-cache", False, id="of the installed page"),
        pytest.param("/bundle/wasm/engine-simd.wasm", "application/wasm", "no-cache", False, id="no hash in the name"),
        pytest.param(
            f"/bundle/wasm/{HASHED}",
            "application/octet-stream",
            "public, max-age=31536000, immutable",
            False,
            id="a name that carries the hash of its contents never changes",
        ),
        pytest.param("/b/shard-000.0123.bin", "application/octet-stream", "no-cache", False, id="too short for a hash"),
        pytest.param("/b/shard-0.0123456789ABCDEF.bin", "application/octet-stream", "no-cache", False, id="not a hash"),
        pytest.param("/bundle/x.unknown", "application/octet-stream", "no-cache", False, id="no guess at the type"),
    ],
)
def test_headers_by_path(path: str, content_type: str, cache: str, isolated: bool) -> None:
    headers = headers_for(path)
    assert (headers["Content-Type"], headers["Cache-Control"]) == (content_type, cache)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    names = ("Content-Security-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy")
    policies = [headers.get(name) for name in names]
    assert policies == ([CONTENT_SECURITY_POLICY, "same-origin", "require-corp"] if isolated else [None] * 3)


@pytest.mark.parametrize(
    ("path", "method", "headers", "expected"),
    [
        pytest.param("/nothing", "GET", {}, (404, "404 there is no such file here\n"), id="not mapped"),
        pytest.param("/gone.txt", "GET", {}, (404, "404 there is no such file here\n"), id="removed since"),
        pytest.param("/../secret", "GET", {}, (404, "404 there is no such file here\n"), id="dots"),
        pytest.param(
            "/bundle/%2e%2e/%2e%2e/secret", "GET", {}, (404, "404 there is no such file here\n"), id="encoded"
        ),
        pytest.param("//etc/passwd", "GET", {}, (404, "404 there is no such file here\n"), id="absolute"),
        pytest.param("/bundle/", "GET", {}, (404, "404 there is no such file here\n"), id="a folder is not listed"),
        pytest.param("/", "POST", {}, (405, "405 only GET, HEAD are answered\n"), id="only reading"),
        pytest.param(
            "/",
            "GET",
            {"Host": "evil.example"},
            (421, "421 this server answers to its own address only\n"),
            id="a foreign name that resolves to this machine (DNS rebinding)",
        ),
        pytest.param(
            "/", "GET", {"Host": "10.0.0.1"}, (421, "421 this server answers to its own address only\n"), id="not ours"
        ),
        pytest.param(
            "/", "GET", {"Host": "["}, (421, "421 this server answers to its own address only\n"), id="not a host"
        ),
    ],
)
def test_refusals(server: Server, path: str, method: str, headers: dict[str, str], expected: tuple[int, str]) -> None:
    status, sent, body = ask(server, path, method, **headers)
    assert (status, body.decode()) == expected
    assert sent["Cache-Control"] == "no-store"
    assert sent["Content-Type"] == "text/plain; charset=utf-8"
    assert "etag" not in map(str.lower, sent)


@pytest.mark.parametrize("host", ["localhost", "localhost:99", "127.0.0.1", "127.0.0.9:1", "[::1]", "LOCALHOST"])
def test_names_of_this_machine_are_answered(server: Server, host: str) -> None:
    assert ask(server, "/", Host=host)[0] == 200


def test_a_server_on_every_address_is_reached_by_number_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("page")
    with Server({"/": tmp_path / "page"}, host="0.0.0.0") as server:
        assert ask(server, "/", Host="192.168.1.7")[0] == 200
        assert ask(server, "/", Host="evil.example")[0] == 421


def test_an_unchanged_file_is_not_sent_again_and_a_changed_one_is(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("[1]")
    with Server({"/a.json": file}) as server:
        tag = ask(server, "/a.json")[1]["ETag"]
        status, headers, body = ask(server, "/a.json", If_None_Match=f'"other", W/{tag}')
        assert (status, body, headers["ETag"]) == (304, b"", tag)
        file.write_text("[22]")
        assert ask(server, "/a.json", If_None_Match=tag)[2] == b"[22]"


def test_head_has_the_headers_only(server: Server) -> None:
    status, headers, body = ask(server, "/bundle/manifest.json?v=1", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "2", b"")


def test_the_site_has_the_files_of_the_manifest_and_nothing_else_of_the_folder(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    (bundle.root / "stray.txt").write_text("not in the manifest")
    served = {path for path in site(bundle) if path.startswith("/bundle/")}
    assert served == {
        "/bundle/manifest.json",
        "/bundle/golden.json",
        "/bundle/runtime/edgekit.js",
        "/bundle/wasm/engine-simd.wasm",
        "/bundle/wasm/engine-scalar.wasm",
    }


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError) as error:
            serve({}, port=port)
    assert str(error.value) == (
        f"port {port} on 127.0.0.1 is in use; choose another with --port, or --port 0 for a free one"
    )


@pytest.mark.parametrize(
    ("port", "host", "message"),
    [
        (70000, "127.0.0.1", "70000 is not a port; choose one from 1024 to 65535 with --port, or 0 for a free one"),
        (0, "192.0.2.1", "192.0.2.1 is not an address of this machine; use --host 127.0.0.1"),
        (0, "no.such.invalid", "the host 'no.such.invalid' is not known on this machine; use --host 127.0.0.1"),
    ],
)
def test_where_it_cannot_listen(port: int, host: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        Server({}, port, host)
    assert str(error.value) == message


def test_serve_tells_the_url_and_ends_with_ctrl_c() -> None:
    command = [sys.executable, "-c", "from edgekit.server import serve; serve({}, port=0)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0


def test_every_file_can_be_asked_for_once(tmp_path: Path) -> None:
    files = site(make_bundle(tmp_path / "b"))
    assert fetch_all(files, port=0).startswith("http://127.0.0.1:")
    with pytest.raises(CheckFailed) as error:
        fetch_all({"/a.json": tmp_path / "nothing"}, port=0)
    assert str(error.value) == "the server does not send /a.json (status 404); export the bundle again"


@pytest.mark.parametrize(
    ("accepted", "encoding", "sent"),
    [
        pytest.param("gzip, deflate, br, zstd", "br", b"small", id="the preferred form that the browser takes"),
        pytest.param("gzip;q=1.0", "gzip", b"medium", id="another one"),
        pytest.param("identity", None, b"as it is on the disk", id="none"),
    ],
)
def test_files_are_sent_compressed_to_those_who_take_it(
    tmp_path: Path, accepted: str, encoding: str | None, sent: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"as it is on the disk")
    with Server({"/a.js": file}, packed={file: {"br": b"small", "gzip": b"medium"}}) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://").rstrip("/"))
        for method, body in (("GET", sent), ("HEAD", b"")):
            connection.request(method, "/a.js", headers={"Accept-Encoding": accepted})
            reply = connection.getresponse()
            assert (reply.getheader("Content-Encoding"), reply.read()) == (encoding, body)
            assert (reply.getheader("Vary"), reply.getheader("Content-Length")) == (
                encoding and "Accept-Encoding",
                str(len(sent)),
            )
            tag = reply.getheader("ETag")
        connection.request("GET", "/a.js", headers={"Accept-Encoding": accepted, "If-None-Match": str(tag)})
        assert connection.getresponse().status == 304
        connection.close()
