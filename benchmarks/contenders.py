"""What is measured: bundles, made of int8 models with random rows where a model is given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekit.config import Config
from edgekit.errors import InputError
from edgekit.export import Request, export
from edgekit.graph import Graph, Quant
from edgekit.load import load
from edgekit.store import Bundle, open_bundle

_ROWS = 32  # as many as golden.json holds at least
_NEEDED = ("tflite", "wasm")


def bundles(paths: Sequence[Path], folder: Path | None, work: Path) -> Iterator[tuple[str, Bundle]]:
    """Yield (name, bundle) for each given .tflite or bundle, and for each int8 .tflite of a folder.

    The models are exported into `work`.
    """
    for path in paths:
        yield (path.stem, _export(path, work)) if path.is_file() else (path.resolve().name, _opened(path))
    for path in sorted(folder.glob("*.tflite")) if folder else ():
        if takes_integers(_graph(path)):
            yield path.stem, _export(path, work)


def _opened(path: Path) -> Bundle:
    bundle = open_bundle(path)
    for target in _NEEDED:
        if target not in bundle.manifest.targets:
            raise InputError(f"the bundle {path} has no target {target}; export it with --to tflite,wasm")
    return bundle


def _export(path: Path, work: Path) -> Bundle:
    graph = _graph(path)
    if not takes_integers(graph):
        raise InputError(f"the inputs of {path} are not quantized, so the range of its rows is unknown; give a bundle")
    rows = work / f"{path.stem}.npz"
    np.savez(rows, **random_rows(graph))
    return export(Request(path, rows, work / path.stem, _NEEDED, rows), Config()).bundle


def _graph(path: Path) -> Graph:
    with tempfile.TemporaryDirectory() as work:
        return load(path, Path(work)).graph


def takes_integers(graph: Graph) -> bool:
    """Tell whether every input is quantized, which says what rows to draw; weights alone may be."""
    return all(_integers(graph, index) for index in graph.inputs)


def random_rows(graph: Graph, count: int = _ROWS, seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Draw inputs [count, *shape] for such a graph: every integer that the input can hold equally often."""
    rng = np.random.default_rng(seed)
    rows = {}
    for index in graph.inputs:
        tensor = graph.tensors[index]
        found = _integers(graph, index)
        assert found is not None, tensor.name
        dtype, quant = found
        scale, zero = quant.one()
        limits = np.iinfo(dtype)
        integers = rng.integers(limits.min, limits.max, (count, *tensor.shape[1:]), endpoint=True)
        name = "x" if len(graph.inputs) == 1 else f"x_{tensor.name}"
        rows[name] = ((integers - zero) * np.float64(scale)).astype(np.float32)
    return rows


def _integers(graph: Graph, index: int) -> tuple[str, Quant] | None:
    """Return the type and quantization of an input: its own, or that of the QUANTIZE that reads it."""
    readers = [graph.tensors[op.outputs[0]] for op in graph.consumers(index) if op.kind == "QUANTIZE"]
    for tensor in (graph.tensors[index], *readers):
        if tensor.quant is not None and tensor.dtype in ("int8", "uint8", "int16"):
            return tensor.dtype, tensor.quant
    return None
