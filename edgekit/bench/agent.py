"""What runs on a small device for `--on ssh:HOST`: TFLite models, a fresh process for each visit.

It is sent there as a zip of MODULES and needs nothing but Python, numpy and a TFLite runtime. It reads a JSON object a
line on stdin (`put` is followed by the bytes of a file) and answers each with a line on stdout that begins with MARK,
so that what a login shell prints does no harm. It ends with stdin.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edgekit.bench import machine
from edgekit.errors import EdgekitError
from edgekit.runtimes import litert

MARK = "edgekit-agent/1 "
#: All that is sent.
MODULES = (
    "__init__", "errors", "progress", "bench", "bench.agent", "bench.machine", "bench.tflite_child", "runtimes",
    "runtimes.litert",
)  # fmt: skip
MAX_BYTES = 2 << 30
_VISIT_SECONDS = 300
_CHUNK = 1 << 20


def main(source: BinaryIO | None = None) -> None:
    """Answer until stdin ends."""
    source = source or sys.stdin.buffer
    while line := source.readline():
        try:
            message = json.loads(line)
            reply = _WORK[message["do"]](message, source)
        except EdgekitError as error:
            reply = {"missing": str(error)}
        except Exception as error:  # the other side has to hear of it, whatever it is
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(MARK + json.dumps(reply) + "\n")
        sys.stdout.flush()


def _hello(_message: Mapping[str, Any], _source: BinaryIO) -> dict[str, Any]:
    """Say what this device is."""
    return {
        "runtime": litert.version(),
        "system": machine.system(),
        "processor": machine.processor(),
        "processors": machine.processors(),
        "features": machine.flags(),
        "hints": machine.hints(),
    }


def _have(message: Mapping[str, Any], _source: BinaryIO) -> dict[str, Any]:
    """Say whether a file of this hash is here, whole."""
    file = _file(message)
    return {"have": file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == message["sha256"]}


def _put(message: Mapping[str, Any], source: BinaryIO) -> dict[str, Any]:
    """Take a file; it gets its name when its hash is right."""
    left = int(message["bytes"])
    if not 0 <= left <= MAX_BYTES:
        raise ValueError(f"{left} bytes are not taken")
    file, digest = _file(message), hashlib.sha256()
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as opened:
            while left and (block := source.read(min(left, _CHUNK))):
                opened.write(block)
                digest.update(block)
                left -= len(block)
        if left or digest.hexdigest() != message["sha256"]:
            raise ValueError("the file did not arrive whole")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return {"have": True}


def _visit(message: Mapping[str, Any], _source: BinaryIO) -> dict[str, Any]:
    """Visit a model in a process of its own."""
    command = [sys.executable, "-m", "edgekit.bench.tflite_child", str(_file(message)), str(int(message["threads"]))]
    command.append(str(time.monotonic_ns()))
    # In a folder of its own: Python looks for modules in the current one first.
    done = subprocess.run(command, capture_output=True, timeout=_VISIT_SECONDS, check=False, cwd=folder())
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(lines[-1][:300])
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


def _predict(message: Mapping[str, Any], _source: BinaryIO) -> dict[str, Any]:
    """Answer rows: float32 [rows, width] as base64, and so the answers."""
    rows = np.frombuffer(base64.b64decode(message["rows"]), "<f4").reshape(message["shape"])
    answers = litert.Interpreter(_file(message).read_bytes(), threads=int(message["threads"])).run(rows)
    return {"outputs": base64.b64encode(answers.astype("<f4").tobytes()).decode()}


def folder() -> Path:
    """Return where files are kept from one session to the next."""
    found = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "edgekit", "bench")
    found.mkdir(parents=True, exist_ok=True)
    return found


def _file(message: Mapping[str, Any]) -> Path:
    sha256 = str(message["sha256"])
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError("that is no sha256")
    return folder() / f"{sha256}.tflite"


_WORK: Mapping[str, Callable[[Mapping[str, Any], BinaryIO], dict[str, Any]]] = {
    "hello": _hello,
    "have": _have,
    "put": _put,
    "visit": _visit,
    "predict": _predict,
}
