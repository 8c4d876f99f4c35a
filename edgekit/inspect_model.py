"""Stage: what a model is, how large, and which target takes it."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.engine_memory import EngineMemory, engine_memory
from edgekit.graph import Graph
from edgekit.load import load
from edgekit.lowering import Lowered, lower
from edgekit.manifest import Signature
from edgekit.models import Model
from edgekit.progress import Progress, silent
from edgekit.quantization.ladder import types_for
from edgekit.quantization.passes import detach_variable_bias, fold_bias_add
from edgekit.quantization.ranges import Range, Statistics
from edgekit.quantization.rewrite import rewrite
from edgekit.quantization.widening import widen_kernels
from edgekit.quantize import float_ends
from edgekit.targets import TARGETS


@dataclass(frozen=True)
class OperatorUse:
    """An operator of the model, and how often it stands there."""

    name: str
    count: int


@dataclass(frozen=True)
class TargetAnswer:
    """Whether a target takes the model; why not where it does not."""

    target: str
    takes: bool
    why: str


@dataclass(frozen=True)
class Inspection:
    """What `edgekit inspect` tells of a model.

    `memory` is that of the target wasm, None where it does not take the model. Of a float model it is that of the
    recipe int8, before any repair: which recipe an export needs is known after quantization only.
    """

    name: str
    kind: str
    sha256: str
    file_bytes: int
    parameters: int
    quantized: bool
    inputs: tuple[Signature, ...]
    outputs: tuple[Signature, ...]
    operators: tuple[OperatorUse, ...]
    targets: tuple[TargetAnswer, ...]
    memory: EngineMemory | None


def inspect(path: Path, progress: Progress = silent) -> Inspection:
    """Load a model and ask every target about it."""
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        model = load(path, Path(work), progress)
        progress("asking the targets", 0, 0)
        graph = float_ends(model.graph) if model.graph.is_quantized else _stand_in(model.graph)
        lowered = lower(graph)
        return Inspection(
            model.name,
            model.kind,
            model.sha256,
            _bytes(path),
            sum(t.elements for t in model.graph.tensors if t.data is not None and t.dtype in ("float32", "int8")),
            model.graph.is_quantized,
            model.inputs,
            model.outputs,
            tuple(OperatorUse(k, n) for k, n in sorted(Counter(op.kind for op in model.graph.ops).items())),
            _ask(model, graph),
            engine_memory(lowered.plan) if isinstance(lowered, Lowered) else None,
        )


def _ask(model: Model, graph: Graph) -> tuple[TargetAnswer, ...]:
    answers = []
    for name, target in TARGETS.items():
        refusals = target.refusals(model, graph)
        why = "; ".join(f"{r.op} ({r.layer}): {r.why}" for r in refusals[:3])
        answers.append(TargetAnswer(name, not refusals, why))
    return tuple(answers)


def _stand_in(graph: Graph) -> Graph:
    """Quantize with ranges of [-1, 1]: which operators come out does not depend on the data."""
    ready = widen_kernels(fold_bias_add(detach_variable_bias(graph)))
    one = np.ones(1, np.float32)
    ranges = {i: Range(-one, one) for i in range(len(ready.tensors))}
    return rewrite(ready, Statistics(ranges, {}), types_for("int8", ready))


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(f.stat().st_size for f in files)
