"""Stage: a model file into a Model, whatever its kind."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from edgekit.errors import InputError
from edgekit.formats.keras import convert
from edgekit.formats.onnx_convert import convert_onnx
from edgekit.formats.tflite_read import read_tflite
from edgekit.graph import Graph, Tensor
from edgekit.manifest import Signature
from edgekit.models import Model
from edgekit.progress import Progress, silent
from edgekit.simplify import simplify

ENDINGS = (".keras", ".h5", ".hdf5", ".tflite", ".onnx")


def load(path: Path, work: Path, progress: Progress = silent) -> Model:
    """Read .keras, .h5, .tflite, .onnx or a SavedModel folder; `work` is a folder for what conversion leaves.

    Raises InputError, which starts with the file's name, and NotAvailable where an extra is needed and missing.
    """
    path = path if path.name else path.absolute()
    if not path.exists():
        raise InputError(f"{path.name}: there is no such file; check the path")
    if path.is_file() and path.suffix.lower() not in ENDINGS:
        raise InputError(
            f"{path.name}: the ending {path.suffix or '(none)'} is no known model; "
            f"give {', '.join(ENDINGS)} or a SavedModel folder"
        )
    progress(f"reading {path.name}", 0, 0)
    if path.suffix.lower() == ".tflite" and path.is_file():
        graph = simplify(read_tflite(path))
        inputs = _signatures(graph, graph.inputs, path.name)
        outputs = _signatures(graph, graph.outputs, path.name)
        return Model(path.stem, "tflite", path, _hash(path), graph, inputs, outputs)
    is_onnx = path.suffix.lower() == ".onnx" and path.is_file()
    converted = convert_onnx(path, work) if is_onnx else convert(path, work)
    graph = simplify(read_tflite(converted.tflite, path.name))
    kind = "onnx" if is_onnx else "keras" if path.is_file() else "saved_model"
    return Model(
        path.stem,
        kind,
        path,
        _hash(path),
        graph,
        converted.inputs,
        converted.outputs,
        converted.saved_model,
        converted.tools,
    )


def _signatures(graph: Graph, indices: tuple[int, ...], file: str) -> tuple[Signature, ...]:
    signatures = tuple(_signature(graph.tensors[i], file) for i in indices)
    names = [s.name for s in signatures]
    if len(set(names)) < len(names):  # the converter calls them all alike, with a number behind
        return tuple(Signature(f"{s.name}_{number}", s.shape) for number, s in enumerate(signatures, 1))
    return signatures


def _signature(tensor: Tensor, file: str) -> Signature:
    """Describe an input or output; integers become float32 at the bundle's edges."""
    name = re.sub(r"^(serving_default_|StatefulPartitionedCall(_\d+)?)|:\d+$", "", tensor.name) or "output"
    if tensor.dtype != "float32" and (tensor.quant is None or tensor.quant.per_channel):
        raise InputError(f"{file}: {name} is {tensor.dtype}, and edgekit takes float32; convert the model again")
    if tensor.dtype not in ("float32", "int8", "int16"):
        raise InputError(f"{file}: {name} is {tensor.dtype}, which no target takes; quantize to int8 instead")
    if not tensor.shape or tensor.shape[0] != 1 or 0 in tensor.shape:
        raise InputError(f"{file}: {name} has the shape {list(tensor.shape)}; export it with a batch of 1")
    return Signature(name, tensor.shape)


def _hash(path: Path) -> str:
    """Hash a file; of a folder, its files with their names in order."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    total = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        total.update(f"{file.relative_to(path).as_posix()}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
