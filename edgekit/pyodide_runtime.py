"""Pyodide, Python for the browser and Node: the files that start it, fetched with npm once and kept in the cache.

They are never part of a bundle: 13.4 MB that a page of the user brings, and that `verify` and `serve --python` use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from edgekit.npm_files import Package, Purpose, cache_folder, fetch, keep

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


def folder() -> Path:
    """Return the folder that holds the files, each as it was pinned; raises NotAvailable where they cannot be had."""
    place = cache_folder() / f"pyodide-{VERSION}"
    if not all(_is_pinned(place / name) for name in FILES):
        wanted = [Package("pyodide", name, sha256) for name, sha256 in FILES.items()]
        for name, data in zip(FILES, fetch(wanted, Purpose("Pyodide", VERSION, "pyodide")), strict=True):
            keep(place / name, data)
    return place


def urls() -> dict[str, Path]:
    """Return the files by the URL path at which edgekit's pages find them."""
    place = folder()
    return {f"/pyodide/{name}": place / name for name in FILES}


def _is_pinned(file: Path) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == FILES[file.name]
    except OSError:
        return False
