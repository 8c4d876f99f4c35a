"""Pyodide, Python for the browser and Node: the files that start it, fetched with npm once and kept in the cache.

They are never part of a bundle: 13.4 MB that a page of the user brings, and that `verify` and `serve --python` use.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgekit.errors import NotAvailable
from edgekit.tfjs_runtime import cache_folder

VERSION = "314.0.7"
#: What a lock file for this Pyodide says of it; another abi_version is refused by loadPyodide.
INFO: Mapping[str, str] = {
    "abi_version": "2026_0",
    "arch": "wasm32",
    "platform": "emscripten_5_0_3",
    "python": "3.14.2",
    "version": VERSION,  # the stock file has none; pyodide-lock below 0.2 wants one
}
#: The files of the package that are needed, with their sha256.
FILES: Mapping[str, str] = {
    "pyodide.mjs": "6f1d60f7bf529beb300f0f47983c921d3982363640ba20af0e38efdddbc66109",
    "pyodide.asm.mjs": "f7cdc8ece80678ceb712f8e65ebe6d3a83203a180c399865f49612a051693635",
    "pyodide.asm.wasm": "cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6",
    "python_stdlib.zip": "fa1957e5777068fc4f7437f96d860ae2fbe9c19732ba06c84e004ec16dd7dd7a",
    "pyodide-lock.json": "5dc2fc119108bc148c7457dc86e7675b5c87e1cafd420b9c34c1eaef7b36c010",
}
_TIMEOUT_SECONDS = 300


def folder() -> Path:
    """Return the folder that holds the files, each as it was pinned; raises NotAvailable where they cannot be had."""
    kept = cache_folder() / f"pyodide-{VERSION}"
    if all(_is_pinned(kept / name) for name in FILES):
        return kept
    contents = _fetch()
    try:
        kept.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            part = kept / f".{name}.part"
            part.write_bytes(data)
            part.replace(kept / name)
    except OSError as error:
        raise NotAvailable(
            f"the cache {kept} cannot be written ({error.strerror}); set EDGEKIT_CACHE to a folder that can"
        ) from None
    return kept


def urls() -> dict[str, Path]:
    """Return the files by the URL path at which edgekit's pages find them."""
    kept = folder()
    return {f"/pyodide/{name}": kept / name for name in FILES}


def _is_pinned(file: Path) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == FILES[file.name]
    except OSError:
        return False


def _fetch() -> dict[str, bytes]:
    npm = shutil.which("npm")
    if npm is None:
        raise _failed("npm is not installed")
    with tempfile.TemporaryDirectory(prefix="edgekit-npm-") as work:
        command = [npm, "pack", "--ignore-scripts", "--pack-destination", work, f"pyodide@{VERSION}"]
        try:
            done = subprocess.run(
                command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failed(f"npm did not answer ({type(error).__name__})") from None
        if done.returncode:
            raise _failed(f"npm ended with exit code {done.returncode}")
        return _unpack(Path(work, f"pyodide-{VERSION}.tgz"))


def _unpack(archive: Path) -> dict[str, bytes]:
    contents = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes()), mode="r:gz") as tar:
            for name, sha256 in FILES.items():
                member = tar.extractfile(f"package/{name}")
                contents[name] = member.read() if member else b""
                if hashlib.sha256(contents[name]).hexdigest() != sha256:
                    raise _failed(f"{name} does not have its pinned sha256")
    except (OSError, KeyError, tarfile.TarError, EOFError) as error:
        raise _failed(f"npm's {archive.name} cannot be read: {error}") from None
    return contents


def _failed(why: str) -> NotAvailable:
    return NotAvailable(f"Pyodide {VERSION} could not be fetched: {why}; check npm and the network")
