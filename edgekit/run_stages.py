"""The stages of `edgekit run`: what each reads, leaves and does. They lean on the stages that the commands call."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgekit import __version__
from edgekit.check import Question, check, rows_for
from edgekit.check_bench import FIRST
from edgekit.check_report import write_signed
from edgekit.config import Config
from edgekit.errors import CheckFailed, InputError, NotAvailable
from edgekit.export import export_made, with_warnings
from edgekit.kept import keep_made, keep_model, kept_made, kept_model
from edgekit.load import load
from edgekit.models import Model
from edgekit.new_data import check_data
from edgekit.plain import plain, read
from edgekit.progress import Progress, silent
from edgekit.publish import Way
from edgekit.publishing.gate import settings_of
from edgekit.publishing.live_bundle import baseline_id, fetch_baseline
from edgekit.publishing.packing import PackCache
from edgekit.publishing.site import Site
from edgekit.quantize_model import check_targets, make
from edgekit.report import write_report
from edgekit.rows import judged_rows
from edgekit.run_state import FOLDER, fingerprints, hash_of
from edgekit.store import MANIFEST, Bundle, open_bundle
from edgekit.verify import FAIL, PASS, Report, verify

#: Beside the state: the runs of the benchmarks.
HISTORY = "history.sqlite"


@dataclass(frozen=True, eq=False)
class Job:
    """A project: the folder of its edgekit.toml, its settings, and how its site is reached.

    lock: a descriptor that training keeps open, so that no second run begins before it has ended.
    """

    folder: Path
    config: Config
    site: Callable[[], Site] | None = None
    way: Way = field(default_factory=Way)
    lock: int | None = None
    progress: Progress = silent

    @property
    def model(self) -> Path:
        return self.folder / self.config.run.model

    @property
    def data(self) -> Path:
        return self.folder / self.config.run.data

    @property
    def new_data(self) -> Path:
        """The rows that are looked at first."""
        return self.folder / (self.config.run.new_data or self.config.run.data)

    @property
    def out(self) -> Path:
        return self.folder / self.config.run.out

    @property
    def evaluation(self) -> list[Path]:
        """The file of evaluation rows, where edgekit.toml names one."""
        return [Path(self.config.data.evaluation)] if self.config.data.evaluation else []

    def work(self, stage: str) -> Path:
        """Return where a stage keeps what the next ones start from."""
        return self.folder / FOLDER / stage

    def tables(self, *names: str) -> dict[str, str]:
        """Return the hashes of tables of edgekit.toml; the file of evaluation rows counts by its bytes alone."""
        found = {}
        for name in names:
            table = plain(getattr(self.config, name))
            if name == "data":
                del table["evaluation"]
            found[name if name in ("name", "version", "task") else f"[{name}]"] = hash_of(table)
        return found


@dataclass(frozen=True)
class Stage:
    """absent: why there is nothing to do, "" where there is. inputs: None to do it every time. says_no: what a result
    has against going on, whether it is new or kept."""

    name: str
    absent: Callable[[Job], str]
    inputs: Callable[[Job], dict[str, str] | None]
    outputs: Callable[[Job, Mapping[str, Any]], list[Path]]
    run: Callable[[Job], Mapping[str, Any]]
    says_no: Callable[[Mapping[str, Any]], str] = lambda _: ""


def own() -> dict[str, str]:
    """Return edgekit itself as an input."""
    return {"edgekit": __version__}


def _needs_data(job: Job) -> str:
    run = job.config.run
    if run.train and not run.new_data:
        return "training makes the data; name the rows that come in as [run] new_data to look at them first"
    return "" if run.new_data or run.data else "[run] names no data"


def _data_inputs(job: Job) -> dict[str, str]:
    found = {**fingerprints([job.new_data], job.folder), **job.tables("features", "outputs", "data"), **own()}
    if job.config.data.max_age:  # the same rows are older tomorrow
        found["the day"] = datetime.now(timezone.utc).date().isoformat()
    return found


def _data(job: Job) -> Mapping[str, Any]:
    before = job.out if (job.out / MANIFEST).is_file() else None
    report = check_data(job.new_data, job.config, before)
    if not report.ok:
        raise CheckFailed(f"{report.file} must not be trained on: {report.findings[0].sentence}")
    return {"rows": report.rows, "notes": [f.sentence for f in report.findings]}


def _train_inputs(job: Job) -> dict[str, str] | None:
    run = job.config.run
    if not run.inputs:
        return None
    found: list[Path] = [job.new_data] if run.new_data else []
    for pattern in run.inputs:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise InputError(f"[run] inputs names {pattern}; its files lie below the folder of edgekit.toml")
        files = sorted(p for p in job.folder.glob(pattern) if p.is_file())
        if not files:
            raise InputError(f"[run] inputs names {pattern}, and there is no such file in {job.folder}")
        found += files
    return {**fingerprints(dict.fromkeys(found), job.folder), "train": hash_of(run.train)}


def _train(job: Job) -> Mapping[str, Any]:
    command = list(job.config.run.train)
    paths = [job.model, job.data, *job.evaluation]
    before = {p: _stamp(p) for p in paths}
    keep = (job.lock,) if job.lock is not None and os.name == "posix" else ()
    try:  # what it prints goes to stderr: stdout is for one JSON document
        done = subprocess.run(command, cwd=job.folder, stdin=subprocess.DEVNULL, stdout=2, pass_fds=keep, check=False)
    except OSError as error:
        raise NotAvailable(f"{command[0]} of [run] train cannot be started: {error.strerror}") from None
    if done.returncode:
        raise CheckFailed(f"the training {' '.join(command)} ended with exit code {done.returncode}")
    for path in (job.model, job.data):
        if not path.exists():
            raise CheckFailed(f"the training left no {path.name}; check [run] model and data")
    return {"made": [str(p) for p in paths if _stamp(p) != before[p]]}


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else -1


def _load(job: Job) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        model = load(job.model, Path(work), job.progress)
        keep_model(model, job.work("load"))
    return {"kind": model.kind, "sha256": model.sha256}


def _model(job: Job) -> Model:
    return kept_model(job.work("load"), job.model)


def _quantize_inputs(job: Job) -> dict[str, str]:
    tables = job.tables("task", "features", "outputs", "slices", "data", "recipe", "budgets")
    files = fingerprints([job.work("load"), job.data, *job.evaluation], job.folder)
    return {**files, **tables, "[run] targets": hash_of(job.config.run.targets), **own()}


def _quantize(job: Job) -> Mapping[str, Any]:
    check_targets(job.config.run.targets)
    model = _model(job)
    rows, warnings = judged_rows(job.data, None, job.config, model)
    made = with_warnings(make(model, rows, job.config, job.config.run.targets, job.progress), warnings)
    keep_made(made, job.work("quantize"))
    result = made.quantized.result
    return {
        "recipe": made.quantized.recipe,
        "metric": result.metric,
        "drop": result.drop,
        "holds": made.quantized.holds,
        "slices_hold": made.audit.holds,
        "warnings": list(made.warnings),
    }


def _budget_broken(result: Mapping[str, Any]) -> str:
    if not result["holds"]:
        return f"the accuracy budget does not hold: {result['recipe']} lost {result['drop']:.2%} of {result['metric']}"
    return "" if result["slices_hold"] else "a slice lost more than its budget; see: edgekit quantize --report"


def _export_inputs(job: Job) -> dict[str, str]:
    files = fingerprints([job.work("load"), job.work("quantize"), job.data, *job.evaluation], job.folder)
    tables = job.tables("name", "version", "task", "features", "outputs", "data", "budgets", "targets", "card")
    return {**files, **tables, "[run] targets": hash_of(job.config.run.targets), **own()}


def _export(job: Job) -> Mapping[str, Any]:
    model = _model(job)
    rows, _ = judged_rows(job.data, None, job.config, model)
    made = kept_made(job.work("quantize"), model, rows)
    done = export_made(job.out, job.config.run.targets, made, job.config, job.progress)
    return {"bundle": done.bundle.manifest.id, "name": done.bundle.manifest.name}


def bundle_of(job: Job) -> Bundle:
    """Open the bundle of the run."""
    return open_bundle(job.out)


def report_file(job: Job, ending: str) -> Path:
    """Return where a report about the bundle lies."""
    return job.out.with_name(f"{job.out.name}{ending}")


def _runtimes(job: Job) -> tuple[str, ...]:
    return job.config.gate.runtimes if job.config.gate else ("litert", "chromium", "node")


def _verify_inputs(job: Job) -> dict[str, str]:
    return {**fingerprints([job.out], job.folder), "runtimes": hash_of(_runtimes(job)), **own()}


def _verify(job: Job) -> Mapping[str, Any]:
    bundle = bundle_of(job)
    report = verify(bundle, _runtimes(job), job.progress)
    write_report(report, bundle, report_file(job, ".report.html").resolve())
    states = [c.status for c in report.checks]
    if FAIL in states:
        bad = next(c for c in report.checks if c.status == FAIL)
        raise CheckFailed(f"{bad.target} in {bad.runtime}: {bad.detail}")
    if PASS not in states:
        raise NotAvailable("nothing of the bundle could be run here; see: edgekit verify")
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _check_inputs(job: Job) -> dict[str, str]:
    files = fingerprints([job.out, report_file(job, ".report.json"), job.data, *job.evaluation], job.folder)
    live = "" if job.site is None else baseline_id(job.site(), bundle_of(job).manifest, _packs(job))
    return {**files, "[gate], [budgets]": settings_of(job.config), "what is published": live, **own()}


def _check(job: Job) -> Mapping[str, Any]:
    bundle = bundle_of(job)
    baseline: Bundle | str = FIRST
    if job.site is not None:
        try:
            folder = job.folder / FOLDER / "published"
            baseline = fetch_baseline(job.site(), bundle.manifest, folder, _packs(job), job.progress) or FIRST
        except NotAvailable as error:
            baseline = str(error)
    rows = rows_for(bundle.manifest, job.data, None, job.config)
    history = job.folder / FOLDER / HISTORY
    question = Question(bundle, baseline, rows, _model(job), _verified(job, bundle), job.way.folder(), history)
    signed, _ = check(question, job.config, job.progress)
    page = write_signed(signed, bundle)
    if not signed.ok:
        first = next((c for c in signed.checks if c.status == FAIL), None) or (*signed.open, None)[0]
        text = f"{signed.verdict()}{f' ({first.detail})' if first else ''}; see {page.name}"
        raise CheckFailed(text) if signed.failed else NotAvailable(text)
    return {"checks": {c.name: c.status for c in signed.checks}, "baseline": signed.baseline}


def _verified(job: Job, bundle: Bundle) -> Report | None:
    """Return the report that the stage verify has just written about this bundle."""
    file = report_file(job, ".report.json")
    found = _json(file)
    if found.get("bundle_id") != bundle.manifest.id:
        return None
    return read(Report, {k: v for k, v in found.items() if k != "ok"}, file.name)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _packs(job: Job) -> PackCache:
    return PackCache(job.way.folder())


def _no_gate(job: Job) -> str:
    return "" if job.config.gate else "edgekit.toml has no [gate]"


def _always(_: Job) -> str:
    return ""


#: In the order of the walk; publish is a stage of its own kind (run_publish.py), because the site knows what it shows.
MAKING: tuple[Stage, ...] = (
    Stage("data", _needs_data, _data_inputs, lambda *_: [], _data),
    Stage(
        "train",
        lambda job: "" if job.config.run.train else "[run] names no command to train",
        _train_inputs,
        lambda job, result: [Path(p) for p in result["made"]],
        _train,
    ),
    Stage(
        "load",
        _always,
        lambda job: {**fingerprints([job.model], job.folder), **own()},
        lambda job, _: [job.work("load")],
        _load,
    ),
    Stage("quantize", _always, _quantize_inputs, lambda job, _: [job.work("quantize")], _quantize, _budget_broken),
    Stage("export", _always, _export_inputs, lambda job, _: [job.out], _export),
    Stage("verify", _always, _verify_inputs, lambda job, _: [report_file(job, ".report.json")], _verify),
    Stage("check", _no_gate, _check_inputs, lambda job, _: [report_file(job, ".check.json")], _check),
)
