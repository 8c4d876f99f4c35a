"""Stage: a model file and data into a quantized .tflite, with an account of what it cost and why."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.audit import Audit, inspect_quality
from edgekit.config import Config, metric_of
from edgekit.errors import InputError
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.load import load
from edgekit.lowering import Lowered, lower
from edgekit.models import Model
from edgekit.plain import plain
from edgekit.progress import Progress, silent
from edgekit.quantization.cost import RATES
from edgekit.quantization.trials import Tune
from edgekit.quantize import Limits, Quantized, Rows, quantize
from edgekit.rows import judged_rows
from edgekit.shards import cut
from edgekit.targets import TARGETS
from edgekit.transforms import inverse, own_unit
from edgekit.tuning import Lesson, can_tune, tune

try:
    import brotli
except ImportError:
    brotli = None


@dataclass(frozen=True)
class Request:
    """What to quantize; `targets` must be able to take the result; evaluation None: a part of `data`."""

    model: Path
    data: Path
    out: Path
    evaluation: Path | None = None
    targets: tuple[str, ...] = ("tflite",)


@dataclass(frozen=True, eq=False)
class Made:
    """A quantized model, the rows that judged it, and what was found."""

    model: Model
    rows: Rows
    quantized: Quantized
    audit: Audit
    warnings: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Tell whether the accuracy budget and that of the slices hold."""
        return self.quantized.holds and self.audit.holds


def quantize_model(request: Request, config: Config, progress: Progress = silent) -> Made:
    """Load, quantize, judge and write `request.out`, also where a budget does not hold.

    Raises InputError for bad input, with nothing written, and NotAvailable for what is missing here.
    """
    if request.out.suffix.lower() != ".tflite":
        raise InputError(f"{request.out.name} must end in .tflite; that is what is written")
    check_targets(request.targets)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        model = load(request.model, Path(work), progress)
        rows, warnings = judged_rows(request.data, request.evaluation, config, model)
        made = make(model, rows, config, request.targets, progress)
    write(request.out, made.quantized.tflite)
    return Made(model, rows, made.quantized, made.audit, (*warnings, *made.warnings))


def make(model: Model, rows: Rows, config: Config, targets: tuple[str, ...], progress: Progress = silent) -> Made:
    """Quantize a loaded model for these targets and judge it."""
    limits = limits_of(model, rows, config, targets, progress)
    quantized = quantize(model, rows, config, progress, limits)
    audit = inspect_quality(model, rows, quantized, config, progress)
    return Made(model, rows, quantized, audit, (*audit.warnings, *_wrong_scale(rows, quantized, config)))


def _wrong_scale(rows: Rows, quantized: Quantized, config: Config) -> list[str]:
    """Warn of labels in the user's unit where the model answers in another: then every figure is about nothing."""
    labels, answers = rows.evaluation.labels, quantized.float_outputs
    if labels is None:
        return []
    found = []
    for i, output in enumerate(config.outputs):
        undone = inverse(output.transform or None, answers[:, i])
        as_is, as_user = (float(np.median(np.abs(labels[:, i] - v))) for v in (answers[:, i], undone))
        if output.transform and as_user < as_is:
            found.append(
                f"the labels of {output.name} look as if they were in {output.unit or 'its own unit'}; "
                f"give them as the model was trained on them, in {own_unit(output.transform, output.unit)}"
            )
    return found


def limits_of(model: Model, rows: Rows, config: Config, targets: tuple[str, ...], progress: Progress) -> Limits:
    """Return what the targets refuse, and how weights are trained where TensorFlow is here."""
    data, seed = rows.calibration, config.data.seed
    if not can_tune():
        return Limits(refusing(model, targets))

    def teach(lesson: Lesson, sparsity: float) -> Tune:
        return lambda graph, ranges: tune(graph, lesson, ranges, sparsity, seed, progress)

    pruning = teach(Lesson(data.inputs), config.recipe.sparsity)  # a smaller network learns the larger one's answers
    return Limits(refusing(model, targets), teach(Lesson(data.inputs, data.labels), 0.0), pruning)


def check_targets(names: tuple[str, ...]) -> None:
    """Refuse a name that is no target, and none at all."""
    for name in names:
        if name not in TARGETS:
            raise InputError(f"there is no target {name!r}; the targets are {', '.join(TARGETS)}")
    if not names:
        raise InputError(f"no target is given; the targets are {', '.join(TARGETS)}")


def refusing(model: Model, targets: tuple[str, ...]) -> Callable[[Graph], str]:
    """Return what says why one of the targets cannot take a graph; an empty text where all can."""

    def refuses(graph: Graph) -> str:
        for name in targets:
            refusals = TARGETS[name].refusals(model, graph)
            if refusals:
                return f"{name} cannot take {refusals[0].op} (layer {refusals[0].layer}): {refusals[0].why}"
        return ""

    return refuses


def account(made: Made, config: Config) -> dict[str, Any]:
    """Return what was done and what it cost, as the manifest and --json show it."""
    quantized, audit = made.quantized, made.audit
    states = [s.state for s in audit.slices]
    return {
        "recipe": quantized.recipe,
        "repairs": list(quantized.repairs),
        "max_drop": config.budgets.max_drop,
        "holds": quantized.holds,
        **plain(quantized.result),
        "metric": metric_of(config),
        "rungs": [plain(r) for r in quantized.rungs],
        "notes": list(quantized.notes),
        "latency": latency_note(),
        "slices": {
            "max_drop": audit.slice_budget,
            "holds": audit.holds,
            "judged": len(states),
            "states": {state: states.count(state) for state in sorted(set(states))},
            "worst": [plain(s) for s in audit.slices[:5]],
        },
        **({} if audit.stability is None else {"stability": plain(audit.stability)}),
        **({"compression": compression(made, config)} if config.recipe.sparsity else {}),
        "causes": list(audit.diagnosis.causes) if audit.diagnosis else [],
        "warnings": list(made.warnings),
    }


def compression(made: Made, config: Config) -> dict[str, Any]:
    """Return what pruning and int8 save: the ratio that papers quote, the bytes of the files, and those on the wire.

    nominal_ratio: float32 bytes of all weights by the int8 bytes of those that are not zero, as if zeros were free.
    brotli: of the .tflite file; shards and shards_brotli: of the wasm target's shards, each packed alone, as a host
    sends them; None where the package is missing, or where the engine refuses the model. No time is won by zeros.
    """
    graph = made.quantized.graph
    weights = [t.data for t in graph.tensors if t.data is not None and t.dtype == "int8" and t.elements > 1]
    count, kept = sum(w.size for w in weights), sum(int((w != 0).sum()) for w in weights)
    lowered = lower(graph)
    shards = cut(lowered.chunks, config.targets.wasm.shard_bytes) if isinstance(lowered, Lowered) else None
    return {
        "weights": count,
        "zeros": count - kept,
        "nominal_ratio": round(4 * count / max(kept, 1), 2),
        "float_bytes": len(write_tflite(made.model.graph)),
        "bytes": len(made.quantized.tflite),
        "brotli": _on_the_wire([made.quantized.tflite]),
        "shards": None if shards is None else sum(len(s.data) for s in shards),
        "shards_brotli": None if shards is None else _on_the_wire([s.data for s in shards]),
        "microseconds": next(r.microseconds for r in made.quantized.rungs if r.recipe == made.quantized.recipe),
    }


def _on_the_wire(files: Sequence[bytes]) -> int | None:
    return None if brotli is None else sum(len(brotli.compress(data)) for data in files)


def latency_note() -> str:
    """Say how the times of the rungs come about."""
    rates = ", ".join(f"{rate:g} {dtype}" for dtype, rate in RATES.items())
    return f"estimated from the multiply-adds at {rates} in a nanosecond, as LiteRT reached on one x86-64 core"


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"cannot write {path}: {error.strerror}; choose another place") from None
