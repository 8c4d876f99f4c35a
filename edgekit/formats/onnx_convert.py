"""ONNX files into a float32 TFLite file; the package onnx runs in a child process, for the files are untrusted."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edgekit.errors import EdgekitError, InputError, missing_extra
from edgekit.formats.keras import Converted
from edgekit.formats.tensorflow_child import run
from edgekit.manifest import Signature
from edgekit.plain import read

MAX_BYTES = 1024**3


def convert_onnx(path: Path, work: Path) -> Converted:
    """Convert an .onnx file, writing into the folder `work`.

    Raises InputError for a file that cannot be taken, NotAvailable without the extra [onnx].
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"{path.name}: has {size} bytes; at most {MAX_BYTES} are taken")
    if importlib.util.find_spec("onnx") is None:
        raise missing_extra(f"reading {path.name}", "onnx")
    request = {"name": path.name, "path": str(path.resolve()), "work": str(work.resolve())}
    (answer,) = run("edgekit.formats.onnx_worker", [request])
    if isinstance(answer, EdgekitError):
        raise answer
    return Converted(
        tflite=work / "model.tflite",
        saved_model=None,
        inputs=tuple(read(Signature, s, "input") for s in answer["inputs"]),
        outputs=tuple(read(Signature, s, "output") for s in answer["outputs"]),
        tools=dict(answer["tools"]),
    )
