"""What `edgekit run` keeps between its stages: a loaded model, and a quantized one with the account of it.

Data only, no pickle: flatbuffers, .npz and JSON. Each is a folder that is written whole or not at all.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.audit import Audit
from edgekit.errors import InputError
from edgekit.formats.tflite_read import read_tflite
from edgekit.formats.tflite_write import write_tflite
from edgekit.manifest import Signature
from edgekit.models import Model
from edgekit.plain import plain, read
from edgekit.quantize import Quantized, Rows, Rung
from edgekit.quantize_model import Made

GRAPH, ACCOUNT, ANSWERS, FROZEN = "model.tflite", "account.json", "answers.npz", "frozen"


def keep_model(model: Model, folder: Path) -> None:
    """Keep a loaded model, with the frozen TensorFlow graph that some targets start from."""

    def fill(part: Path) -> None:
        (part / GRAPH).write_bytes(write_tflite(model.graph))
        account = {
            "name": model.name,
            "kind": model.kind,
            "sha256": model.sha256,
            "inputs": plain(model.inputs),
            "outputs": plain(model.outputs),
            "tools": dict(model.tools),
            "frozen": model.saved_model is not None,
        }
        if model.saved_model is not None:
            shutil.copytree(model.saved_model, part / FROZEN)
        _write(part / ACCOUNT, account)

    _whole(folder, fill)


def kept_model(folder: Path, path: Path) -> Model:
    """Return the model that was kept; `path` is the file that it came from."""
    account = _read(folder / ACCOUNT)
    return Model(
        account["name"],
        account["kind"],
        path,
        account["sha256"],
        read_tflite(folder / GRAPH),
        tuple(read(Signature, s, "input") for s in account["inputs"]),
        tuple(read(Signature, s, "output") for s in account["outputs"]),
        folder / FROZEN if account["frozen"] else None,
        account["tools"],
    )


def keep_made(made: Made, folder: Path) -> None:
    """Keep a quantized model: its flatbuffer, both models' answers on the evaluation rows, and what was found."""
    quantized = made.quantized

    def fill(part: Path) -> None:
        (part / GRAPH).write_bytes(quantized.tflite)
        np.savez(part / ANSWERS, floats=quantized.float_outputs, outputs=quantized.outputs)
        account = {
            "recipe": quantized.recipe,
            "rungs": plain(quantized.rungs),
            "repairs": list(quantized.repairs),
            "holds": quantized.holds,
            "notes": list(quantized.notes),
            "audit": plain(made.audit),
            "warnings": list(made.warnings),
        }
        _write(part / ACCOUNT, account)

    _whole(folder, fill)


def kept_made(folder: Path, model: Model, rows: Rows) -> Made:
    """Return the quantized model that was kept; `rows` are those that judged it."""
    account = _read(folder / ACCOUNT)
    with np.load(folder / ANSWERS, allow_pickle=False) as answers:
        floats, outputs = answers["floats"], answers["outputs"]
    quantized = Quantized(
        read_tflite(folder / GRAPH),
        (folder / GRAPH).read_bytes(),
        account["recipe"],
        tuple(read(Rung, r, "rung") for r in account["rungs"]),
        tuple(account["repairs"]),
        account["holds"],
        floats,
        outputs,
        tuple(account["notes"]),
    )
    return Made(model, rows, quantized, read(Audit, account["audit"], "audit"), tuple(account["warnings"]))


def _whole(folder: Path, fill: Callable[[Path], None]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        fill(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(file: Path, account: dict[str, Any]) -> None:
    file.write_text(json.dumps(account, indent=1, default=lambda number: number.item()), encoding="utf-8")


def _read(file: Path) -> dict[str, Any]:
    try:
        account: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return account
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({type(error).__name__}); remove its folder and run again") from None
