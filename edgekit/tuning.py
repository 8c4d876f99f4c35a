"""Train weights with the float model as the teacher: for int8, or until a part of them is zero. In a child process."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekit.errors import EdgekitError, missing_extra
from edgekit.formats.tensorflow_child import run
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.progress import Progress, silent
from edgekit.quantization.ranges import Range

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What weights are trained on: inputs float32 [rows, inputs], and labels [rows, outputs] (or class numbers
    [rows, 1]) where there are any."""

    inputs: Rows
    labels: Rows | None = None


#: Steps of 64 rows, and the size of the first one in units of each layer's own spread of weights.
STEPS, RATE = 1000, 2e-4
PRUNING_STEPS, PRUNING_RATE = 3000, 5e-3
#: How far from the float model's answers towards the labels the answers are drawn: the labels are noisy, the model's
#: answers are not (docs/decisions.md).
LABEL_PART = 0.25
#: More rows take memory and tell nothing new in so few steps.
MAX_ROWS = 20_000


def can_tune() -> bool:
    """Tell whether TensorFlow is here."""
    return importlib.util.find_spec("tensorflow") is not None


def tune(
    graph: Graph,
    lesson: Lesson,
    ranges: Mapping[int, Range],
    sparsity: float = 0.0,
    seed: int = 0,
    progress: Progress = silent,
) -> Graph:
    """Return the float graph with weights that answer as it did before, or nearer to the labels where there are any.

    ranges: of the tensors that int8 will round, whose rounding is imitated; empty for none. sparsity: the part of the
    weights that becomes zero. InputError for an operator that cannot be trained, NotAvailable without TensorFlow.
    """
    if not can_tune():
        raise missing_extra("tuning and pruning", "convert")
    progress("pruning with the float model as the teacher" if sparsity else "tuning with the float model", 0, 0)
    count = len(lesson.inputs)
    chosen = np.linspace(0, count - 1, min(count, MAX_ROWS)).round().astype(np.int64)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        model, rows, labels, out = (Path(folder, n) for n in ("model.tflite", "rows.npy", "labels.npy", "weights.npz"))
        model.write_bytes(write_tflite(graph))
        np.save(rows, lesson.inputs[chosen])
        if lesson.labels is not None:
            np.save(labels, lesson.labels[chosen])
        request = {
            "name": graph.name,
            "model": str(model),
            "rows": str(rows),
            "labels": "" if lesson.labels is None else str(labels),
            "label_part": LABEL_PART,
            "out": str(out),
            "ranges": {str(i): list(r.whole()) for i, r in ranges.items()},
            "steps": PRUNING_STEPS if sparsity else STEPS,
            "rate": PRUNING_RATE if sparsity else RATE,
            "sparsity": sparsity,
            "seed": seed,
        }
        (answer,) = run("edgekit.formats.tuning_worker", [request])
        if isinstance(answer, EdgekitError):
            raise answer
        with np.load(out) as trained:
            return _with_weights(graph, {name: trained[name] for name in trained})


def zeros(graph: Graph) -> tuple[int, int]:
    """Return how many weights of the layers are zero, and how many there are."""
    layers = [graph.tensors[op.inputs[1]].data for op in graph.ops if op.kind in ("FULLY_CONNECTED", "CONV_2D")]
    known = [data for data in layers if data is not None]
    return sum(int((data == 0).sum()) for data in known), sum(data.size for data in known)


def _with_weights(graph: Graph, trained: Mapping[str, Rows]) -> Graph:
    tensors, ops = list(graph.tensors), list(graph.ops)
    for name, data in trained.items():
        position, place = int(name[1:]), 1 if name[0] == "w" else 2
        inputs = list(ops[position].inputs)
        tensors.append(replace(graph.tensors[inputs[place]], data=data))
        inputs[place] = len(tensors) - 1
        ops[position] = replace(ops[position], inputs=tuple(inputs))
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))
