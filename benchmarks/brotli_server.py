"""A loopback server of brotli-compressed files over HTTP/2, as hosts send them.

Over HTTP/1.1 a browser asks for six files at a time, which would punish whoever has many small ones.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import brotli

from edgekit.errors import NotAvailable
from edgekit.hosting import headers_for
from edgekit.npm_files import cache_folder

_SCRIPT = Path(__file__).parent / "http2_server.mjs"
_CERTIFICATE = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
#: The certificate is made for one run and belongs to nobody.
FLAGS = ("--ignore-certificate-errors",)


def compress(data: bytes) -> bytes:
    """Compress at the highest quality; large results are kept in edgekit's cache, for they take half a minute."""
    cached = cache_folder() / "benchmarks" / f"{hashlib.sha256(data).hexdigest()}.br"
    if cached.is_file():
        return cached.read_bytes()
    packed: bytes = brotli.compress(data, quality=11)
    if len(data) > 1 << 20:
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(".part")
        part.write_bytes(packed)
        part.replace(cached)
    return packed


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve URL paths with the headers that hosting sends; gives the address. It ends with the block or the process."""
    node, openssl = (_program(name) for name in ("node", "openssl"))
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        folder = Path(work)
        key, cert = folder / "key.pem", folder / "cert.pem"
        command = [openssl, *_CERTIFICATE, "-keyout", str(key), "-out", str(cert)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        entries = {}
        for number, (path, data) in enumerate(files.items()):
            file = folder / str(number)
            file.write_bytes(compress(data))
            headers = headers_for(path) | {"Content-Encoding": "br", "Content-Length": str(file.stat().st_size)}
            entries[path] = {"headers": headers, "file": str(file)}
        site = {"key": str(key), "cert": str(cert), "files": entries}
        with subprocess.Popen([node, _SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin is not None and server.stdout is not None
            try:
                server.stdin.write(json.dumps(site) + "\n")
                server.stdin.flush()
                port = server.stdout.readline().strip()
                if not port:
                    raise NotAvailable("the HTTP/2 server did not start; see what node said above")
                yield f"https://127.0.0.1:{port}/"
            finally:
                server.kill()


def _program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise NotAvailable(f"serving over HTTP/2 needs {name}; install it")
    return program
