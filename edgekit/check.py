"""Stage: the gate. verify, accuracy, slices, budgets and bench of one bundle, beside the one that is published."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit import __version__
from edgekit.check_bench import FIRST, bench_checks, published_check
from edgekit.check_parts import (
    Answered,
    Check,
    FirstVisit,
    accuracy_check,
    budgets_check,
    slices_check,
    verify_check,
    with_optional,
)
from edgekit.check_report import Signed
from edgekit.config import Config
from edgekit.config_daily import GateConfig
from edgekit.data import Dataset, load_data
from edgekit.errors import EdgekitError, InputError, NotAvailable
from edgekit.formats.tflite_write import write_tflite
from edgekit.manifest import Manifest, Signature
from edgekit.models import Model
from edgekit.placement import elements
from edgekit.progress import Progress, silent
from edgekit.publishing import layout
from edgekit.publishing.channel_file import Channels, encode
from edgekit.publishing.gate import settings_of
from edgekit.publishing.journal import cache_folder
from edgekit.publishing.packing import Blob, PackCache
from edgekit.rows import judged_rows
from edgekit.runtimes import litert
from edgekit.store import Bundle
from edgekit.verify import FAIL, NOT_RUN, verify
from edgekit.verify import Report as Verified

#: Variables that say who runs a job of CI, and which; nothing else of the environment is written down.
_WHO = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")
_JOB = ("GITHUB_RUN_ID", "CI_PIPELINE_ID")
_COMMIT = ("GITHUB_SHA", "CI_COMMIT_SHA")


@dataclass(frozen=True, eq=False)
class Question:
    """A bundle and what it is held to.

    baseline: the published bundle, or why there is none (FIRST is no flaw, any other reason is). rows: the evaluation
    rows, or why there are none. model: the float model, where it is at hand. verified: a report of verify that was
    made just now, None to run it.
    """

    bundle: Bundle
    baseline: Bundle | str = FIRST
    rows: Dataset | str = "give evaluation rows with --eval or data.evaluation"
    model: Model | None = None
    verified: Verified | None = None
    cache: Path = field(default_factory=cache_folder)
    history: Path | None = None  # where the runs of the benchmarks are kept


@dataclass(frozen=True)
class _Takes:
    inputs: tuple[Signature, ...]
    output_elements: int


def check(question: Question, config: Config, progress: Progress = silent) -> tuple[Signed, Verified]:
    """Judge a bundle by `[gate]`, its defaults where edgekit.toml has none; return the report, and that of verify."""
    gate = config.gate or GateConfig()
    manifest = question.bundle.manifest
    verified = question.verified or verify(question.bundle, gate.runtimes, progress)
    progress("answering evaluation rows", 0, 0)
    answered = _answered(question)
    checks = [
        verify_check(verified),
        accuracy_check(manifest, config, answered),
        slices_check(manifest, config, answered),
        _tried("published", lambda: _published(question, answered, config, gate)),
        _tried("budgets", lambda: _budgets(question, gate)),
        *bench_checks(question.bundle, question.baseline, config, question.history, progress),
    ]
    baseline = question.baseline.manifest.id if isinstance(question.baseline, Bundle) else ""
    signed = Signed(
        manifest.id,
        manifest.name,
        manifest.version,
        settings_of(config),
        baseline,
        with_optional(checks, gate),
        signature(),
    )
    return signed, verified


def rows_for(manifest: Manifest, data: Path | None, evaluation: Path | None, config: Config) -> Dataset | str:
    """Return the rows that judge a bundle: those of a file, else the ones that `data` holds out; or why there are none.

    Raises InputError for files that are wrong.
    """
    held = evaluation or (Path(config.data.evaluation) if config.data.evaluation else None)
    outputs = sum(map(elements, manifest.outputs))
    if held is not None:
        return load_data(held, config, manifest.inputs, outputs)
    if data is None:
        return "give evaluation rows with --eval or data.evaluation"
    rows, _ = judged_rows(data, None, config, _Takes(manifest.inputs, outputs))
    return rows.evaluation


def first_visit(bundle: Bundle, packs: PackCache) -> FirstVisit:
    """Return what a browser fetches before its first prediction, page included; of several engines the largest."""
    name = bundle.manifest.name
    blobs = {**layout.bundle_files(bundle), **layout.page_files(name)}
    blobs[f"/{name}/channel.json"] = Blob.of(encode(Channels(name, bundle.manifest.id)))
    paths = layout.first_load(bundle)
    return FirstVisit(sum(packs.packed(blobs[path]).size for path in paths), len(paths))


def signature(now: datetime | None = None, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return who signs, when, and with which versions; no other variable of the environment is read."""

    def first(names: tuple[str, ...]) -> str:
        return next((environment[n] for n in names if environment.get(n)), "")

    versions = {"edgekit": __version__, "python": platform.python_version(), "numpy": np.__version__}
    try:
        package, version = litert.version().split()
        versions[package] = version
    except NotAvailable:
        pass
    when = (now or datetime.now(timezone.utc)).isoformat(timespec="seconds")
    signed = {"who": first(_WHO) or _user(), "job": first(_JOB), "commit": first(_COMMIT), "when": when}
    return {**{k: v for k, v in signed.items() if v}, "versions": versions}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _answered(question: Question) -> Answered | str:
    if isinstance(question.rows, str):
        return question.rows
    try:
        outputs = _answers(question.bundle, question.rows)
        if outputs is None:
            return "the bundle has no target tflite, which answers rows here"
        floats = None
        if question.model is not None and not question.model.graph.is_quantized:
            floats = litert.Interpreter(write_tflite(question.model.graph)).run(question.rows.inputs)
    except NotAvailable as error:
        return str(error)
    return Answered(question.rows, outputs, floats)


def _answers(bundle: Bundle, rows: Dataset) -> npt.NDArray[np.float32] | None:
    targets = bundle.manifest.targets
    files = targets["tflite"].files if "tflite" in targets else ()
    model = next((f.path for f in files if f.role == "model"), "")
    return litert.Interpreter(bundle.read(model)).run(rows.inputs) if model else None


def _published(question: Question, answered: Answered | str, config: Config, gate: GateConfig) -> Check:
    """Hold the bundle to the published one on the evaluation rows."""
    if isinstance(question.baseline, str):
        return Check("published", NOT_RUN, question.baseline, required=question.baseline != FIRST)
    if isinstance(answered, str):
        return Check("published", NOT_RUN, answered)
    try:
        before = _answers(question.baseline, answered.data)
    except (ValueError, RuntimeError, IndexError):  # rows of another width
        before = None
    if before is None:
        return Check("published", NOT_RUN, "the published bundle cannot answer these rows")
    bundles = (question.bundle, question.baseline)
    return published_check(bundles, answered.data, (answered.outputs, before), config, gate)


def _budgets(question: Question, gate: GateConfig) -> Check:
    packs = PackCache(question.cache)
    before = first_visit(question.baseline, packs) if isinstance(question.baseline, Bundle) else None
    return budgets_check(gate, first_visit(question.bundle, packs), before)


def _tried(name: str, run: Callable[[], Check]) -> Check:
    """Run a part; what is missing here is "not run", what is wrong fails."""
    try:
        return run()
    except NotAvailable as error:
        return Check(name, NOT_RUN, str(error))
    except InputError:
        raise
    except EdgekitError as error:
        return Check(name, FAIL, str(error))
