"""Run the wasm target of a bundle in Node, with the same JavaScript that a browser gets."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.assets import asset
from edgekit.errors import CheckFailed, UnfitBuild
from edgekit.runtimes.answer import Answer
from edgekit.store import Bundle

Rows = npt.NDArray[np.float32]

SCRIPT = "wasm/js/verify-node.mjs"
MISSING = "Node is not installed; install it (apt-get install nodejs)"
_TARGET = "wasm"
UNFIT_EXIT = 4  # of verify-node.mjs, where the build does not fit this processor or this Node


def run(bundle: Bundle, rows: Rows, build: str | None, timeout: float = 300.0) -> Answer:
    """Predict every row of float32 [rows, inputs flattened] with one build of the engine."""
    program = shutil.which("node")
    if program is None:
        return Answer(_TARGET, build, "Node", not_run=MISSING)
    try:
        reply = ask([program, str(asset(SCRIPT)), str(bundle.root.resolve()), build or ""], rows, timeout)
        if reply.get("build") != build:
            raise CheckFailed(f"the build {build} was asked for, {reply.get('build')} ran")
        return Answer(_TARGET, build, str(reply.get("runtime", "Node")), outputs=table(reply.get("outputs"), len(rows)))
    except UnfitBuild as error:
        return Answer(_TARGET, build, "Node", unfit=str(error))
    except CheckFailed as error:
        return Answer(_TARGET, build, "Node", error=str(error))


def ask(command: list[str], rows: Rows, timeout: float) -> dict[str, Any]:
    """Give rows to a child process as JSON and return what it answers; raises CheckFailed with its last words."""
    question = json.dumps({"inputs": rows.astype(np.float64).tolist()}, allow_nan=False)
    try:
        done = subprocess.run(command, input=question, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise CheckFailed(f"no answer within {timeout:g} s") from None
    except OSError as error:
        raise CheckFailed(f"{Path(command[0]).name} did not start: {error.strerror}") from None
    if done.returncode == UNFIT_EXIT:
        raise UnfitBuild(done.stderr.strip().splitlines()[0][:500])
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        said = next((line for line in lines if "Error" in line), lines[-1] if lines else f"exit code {done.returncode}")
        raise CheckFailed(said.strip()[:500])
    try:
        reply = json.loads(done.stdout)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise CheckFailed(f"{Path(command[0]).name} answered with something that is not a JSON object")
    return reply


def table(outputs: object, rows: int, program: str = "node") -> Rows:
    """Read the numbers; JSON has no NaN and no infinity, JavaScript writes null for them."""
    try:
        table = np.array(outputs, dtype=np.float64).astype(np.float32)
    except (TypeError, ValueError, OverflowError):
        table = np.empty(0, np.float32)
    if table.ndim != 2 or len(table) != rows:
        raise CheckFailed(f"{program} did not answer with a number table of {rows} rows")
    return table
