"""Run the wheel of the target pyodide: in Pyodide under Chromium and Node, and in this CPython with wasmtime."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from edgekit import pyodide_runtime
from edgekit.assets import asset
from edgekit.errors import CheckFailed
from edgekit.runtimes import chromium
from edgekit.runtimes.answer import Answer
from edgekit.runtimes.node import MISSING, Rows, ask, table
from edgekit.store import Bundle

_TARGET = "pyodide"
_TIMEOUT_SECONDS = 300.0
NO_WASMTIME = "wasmtime is not installed; install it (pip install wasmtime)"


def in_chromium(browser: chromium.Browser, bundle: Bundle, rows: Rows) -> Answer:
    """Predict every row of float32 [rows, inputs flattened] with the wheel in a page's Pyodide."""
    pages = (asset("templates/verify") / "pyodide.js", asset("templates/console") / "open_python.js")
    more = {**pyodide_runtime.urls(), **{f"/{page.name}": page for page in pages}}
    answer = chromium.run(browser, bundle, rows, _TARGET, None, more)
    return replace(answer, runtime=f"Pyodide {pyodide_runtime.VERSION}, {browser.name}")


def in_node(bundle: Bundle, rows: Rows) -> Answer:
    """Predict every row with the wheel in Pyodide under Node."""
    name = f"Pyodide {pyodide_runtime.VERSION}, Node"
    program = shutil.which("node")
    if program is None:
        return Answer(_TARGET, None, name, not_run=MISSING)
    script = asset("templates/verify") / "pyodide-node.mjs"
    command = [program, str(script), str(pyodide_runtime.folder()), str(bundle.root.resolve())]
    return _asked(command, rows, name)


def in_wasmtime(bundle: Bundle, rows: Rows) -> Answer:
    """Predict every row with the wheel in this Python, in a process of its own; the wheel is read as it is."""
    name = f"CPython {platform.python_version()}, wasmtime"
    if importlib.util.find_spec("wasmtime") is None:
        return Answer(_TARGET, None, name, not_run=NO_WASMTIME)
    options = bundle.manifest.targets[_TARGET].options
    wheel = (bundle.root / options["wheel"]).resolve()
    script = asset("templates/verify") / "answer.py"
    command = [sys.executable, str(script), str(wheel), options["package"], str(wheel.parent)]
    return _asked(command, rows, f"{name} {importlib.metadata.version('wasmtime')}")


def _asked(command: list[str], rows: Rows, name: str) -> Answer:
    try:
        reply = ask(command, rows, _TIMEOUT_SECONDS)
        return Answer(_TARGET, None, name, outputs=table(reply.get("outputs"), len(rows), Path(command[0]).name))
    except CheckFailed as error:
        return Answer(_TARGET, None, name, error=str(error))
