"""Stage: a model and data into a bundle; nothing is written before everything is made."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit import __version__, golden, model_card
from edgekit.config import Config
from edgekit.data import Dataset, results_of
from edgekit.errors import InputError
from edgekit.features import series_of
from edgekit.formats.tflite_write import write_tflite
from edgekit.load import load
from edgekit.manifest import Feature, Manifest, Output, TargetEntry, seal
from edgekit.model_card import slices
from edgekit.models import Model
from edgekit.progress import Progress, silent
from edgekit.quantize import Quantized
from edgekit.quantize_model import Made, account, check_targets, make
from edgekit.rows import judged_rows
from edgekit.runtimes import litert
from edgekit.runtimes.litert import Interpreter
from edgekit.stopwatch import browser_times
from edgekit.store import Bundle, entry, write_bundle
from edgekit.targets import DEFAULT_TARGETS, TARGETS
from edgekit.targets.protocol import Built, Job
from edgekit.transforms import inverse


@dataclass(frozen=True)
class Request:
    """What to export: `evaluation` is a file of held-out rows, None for a quarter of `data`."""

    model: Path
    data: Path
    out: Path
    targets: tuple[str, ...] = DEFAULT_TARGETS
    evaluation: Path | None = None


@dataclass(frozen=True, eq=False)
class Exported:
    """A written bundle; `holds` says whether the budgets do."""

    bundle: Bundle
    quantized: Quantized
    made: Made

    @property
    def holds(self) -> bool:
        """Tell whether the accuracy budget and that of the slices hold."""
        return self.made.holds


def export(request: Request, config: Config, progress: Progress = silent) -> Exported:
    """Load, quantize, build every target and write the bundle.

    Raises InputError for bad input, with nothing written, and NotAvailable for what is missing here.
    """
    check_targets(request.targets)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        model = load(request.model, Path(work), progress)
        judged, warnings = judged_rows(request.data, request.evaluation, config, model)
        made = make(model, judged, config, request.targets, progress)
        return export_made(request.out, request.targets, with_warnings(made, warnings), config, progress)


def with_warnings(made: Made, warnings: tuple[str, ...]) -> Made:
    """Put what is wrong with the rows in front of what else there is to say."""
    return replace(made, warnings=(*warnings, *made.warnings))


def export_made(
    out: Path, targets: tuple[str, ...], made: Made, config: Config, progress: Progress = silent
) -> Exported:
    """Build every target of a quantized model and write the bundle; the second half of `export`."""
    model, quantized = made.model, made.quantized
    calibration, evaluation, features = made.rows.calibration, made.rows.evaluation, made.rows.features
    _refuse(targets, model, quantized)
    called = config.name or _safe(model.name)
    joined, newest = series_of(features, config, model.inputs)
    job = Job(
        model,
        quantized.graph,
        config,
        quantized.float_outputs,
        called,
        joined,
        quantized.outputs,
        evaluation,
        browser_times,
    )
    built: dict[str, Built] = {}
    for name in targets:
        progress(f"building {name}", len(built), len(targets))
        built[name] = TARGETS[name].build(job)
    chosen = _golden(model, quantized, evaluation, features)
    _check_inverse(chosen.quantized, results_of(config, model.output_elements))
    rows = golden.encode(chosen)
    manifest = _manifest(made, config, built, rows)
    manifest = _with_provenance(manifest, (calibration, evaluation), model, built)
    labels = evaluation.labels if config.task == "regression" else None  # elsewhere an RMSE against them means nothing
    parts = slices(joined, evaluation.inputs[:, newest], quantized.float_outputs, quantized.outputs, labels)
    card = model_card.model_card(manifest, config.card, parts).encode()
    manifest = replace(manifest, card=entry(model_card.PATH, card, "card"))
    contents = {f.path: f.data for b in built.values() for f in b.files} | {golden.PATH: rows, model_card.PATH: card}
    return Exported(write_bundle(out, seal(manifest), contents), quantized, made)


def _refuse(names: Sequence[str], model: Model, quantized: Quantized) -> None:
    """Refuse a target that cannot take the model; name the operator, the layer, and who can."""
    refusals = {name: TARGETS[name].refusals(model, quantized.graph) for name in TARGETS}
    able = [name for name in TARGETS if not refusals[name]]
    for name in names:
        if refusals[name]:
            first = refusals[name][0]
            advice = f"take it with --to {','.join(able)}" if able else "no target takes it"
            raise InputError(
                f"{model.path.name}: the target {name} cannot take {first.op} (layer {first.layer}): "
                f"{first.why}; {advice}"
            )


def _golden(model: Model, quantized: Quantized, evaluation: Dataset, features: tuple[Feature, ...]) -> golden.Golden:
    """Choose the rows and ask both models for their answers."""
    if features:
        low = np.array([f.range[0] for f in features], np.float32)
        high = np.array([f.range[1] for f in features], np.float32)
    else:
        low, high = evaluation.inputs.min(axis=0), evaluation.inputs.max(axis=0)
    errors = np.abs(quantized.outputs - quantized.float_outputs).max(axis=1)
    rows = golden.pick(evaluation.inputs, errors, low, high)
    answers = Interpreter(quantized.tflite).run(rows)
    floats = answers if model.graph.is_quantized else Interpreter(write_tflite(model.graph)).run(rows)
    return golden.Golden(rows, floats, answers)


def _check_inverse(answers: golden.Rows, results: Sequence[Output]) -> None:
    """Refuse a transform under which an answer of the model is no float32 any more."""
    for i, result in enumerate(results):
        if not np.isfinite(inverse(result.transform, answers[:, i])).all():
            raise InputError(
                f"the model answers {answers[:, i].max():g} for {result.name}, which is too large to undo "
                f"{result.transform}; check the transform in [[outputs]] of edgekit.toml"
            )


def _manifest(made: Made, config: Config, built: Mapping[str, Built], rows: bytes) -> Manifest:
    model = made.model
    targets = {
        name: TargetEntry(
            tuple(entry(f.path, f.data, f.role, first_step=f.first_step, build=f.build) for f in b.files),
            b.parity,
            b.bound,
            b.options,
        )
        for name, b in built.items()
    }
    return Manifest(
        name=config.name or _safe(model.name),
        version=config.version,
        task=config.task,
        inputs=model.inputs,
        outputs=model.outputs,
        features=series_of(made.rows.features, config, model.inputs)[0],
        results=results_of(config, model.output_elements),
        targets=targets,
        golden=entry(golden.PATH, rows, "golden"),
        quantization=account(made, config),
        provenance={},
    )


def _safe(name: str) -> str:
    """Make a file's stem a name as edgekit.toml allows it."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "_" for c in name)[:64].lstrip(".-") or "model"


def _with_provenance(
    manifest: Manifest, data: tuple[Dataset, Dataset], model: Model, built: Mapping[str, Built]
) -> Manifest:
    calibration, evaluation = data
    package, version = litert.version().split()
    tools = {"edgekit": __version__, package: version, "numpy": np.__version__, **model.tools}
    for b in built.values():
        tools |= b.tools
    provenance = {
        "source": {"file": model.path.name, "kind": model.kind, "sha256": model.sha256},
        "calibration": {"file": calibration.path.name, "sha256": calibration.sha256, "rows": calibration.rows},
        "evaluation": {"file": evaluation.path.name, "sha256": evaluation.sha256, "rows": evaluation.rows},
        "tools": dict(sorted(tools.items())),
    }
    return replace(manifest, provenance=provenance)
