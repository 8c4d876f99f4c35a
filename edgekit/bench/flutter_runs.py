"""What the Flutter client's integration benchmark wrote, read into runs: see docs/flutter.md. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.bench.records import Answers, Device, Run, Subject
from edgekit.bench.remote_protocol import MAX_VALUE, check_texts
from edgekit.bench.visits import MAX_CALLS, visit_of
from edgekit.errors import InputError
from edgekit.plain import read

FORMAT = "edgekit-bench/1"
MAX_BYTES = 64 << 20
MAX_RUNS = 64
_ID = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class _Phone:
    platform: str
    version: str = ""
    mode: str = ""
    processors: int = 0
    dart: str = ""


@dataclass(frozen=True)
class _Golden:
    rows: int
    differing: int


@dataclass(frozen=True)
class _Times:
    """One runtime, as templates/flutter's BenchRun writes it; summary is for people and is not read."""

    format: str
    runtime: str
    not_run: str = ""
    bundle_id: str = ""
    device: _Phone = _Phone("")
    unit: str = "us"
    cold: float = 0.0
    first: float = 0.0
    steady: tuple[float, ...] = ()
    summary: Mapping[str, float] = field(default_factory=dict)
    golden: _Golden = _Golden(0, 0)


@dataclass(frozen=True)
class _File:
    runs: tuple[_Times, ...]


@dataclass(frozen=True)
class Imported:
    """A file's runs, one a runtime, and why the other runtimes did not run."""

    runs: tuple[Run, ...]
    not_run: Mapping[str, str]


@dataclass(frozen=True)
class Beside:
    """A measure of two sessions: advisory, for nobody knows what else changed between them."""

    runner: str
    measure: str
    unit: str
    baseline: float
    candidate: float

    @property
    def ratio(self) -> float | None:
        """Candidate by baseline; None where the baseline is 0."""
        return self.candidate / self.baseline if self.baseline else None


def read_runs(raw: bytes, name: str, written: str = "") -> Imported:
    """Read a file of the client; `name` begins the sentence of the InputError, `written` is when (ISO 8601, UTC).

    The client's `cold` is the measure `load`: from asking for the model to a model that is ready.
    """
    if len(raw) > MAX_BYTES:
        raise InputError(f"{name} has more than {MAX_BYTES} bytes; it is no benchmark of the Flutter client")
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_int=_whole)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise InputError(f"{name} is not JSON with finite numbers; run the client's benchmark again") from None
    file = read(_File, found, name)
    if not 1 <= len(file.runs) <= MAX_RUNS:
        raise InputError(f"{name}: runs must be 1 to {MAX_RUNS} runtimes, not {len(file.runs)}")
    names = [times.runtime for times in file.runs]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise InputError(f"{name}: the runtime {twice[0][:40]!r} is there twice; give one session a file")
    for i, times in enumerate(file.runs):
        _check(times, f"{name}: runs[{i}]")
    runs = tuple(_run(times, written) for times in file.runs if not times.not_run)
    return Imported(runs, {times.runtime: times.not_run for times in file.runs if times.not_run})


def compare(candidate: Sequence[Run], baseline: Sequence[Run]) -> tuple[Beside, ...]:
    """Put the medians of two imports side by side, by runtime. Raises InputError where they are of two devices."""
    older = {run.runner: run for run in baseline}
    found = []
    for run in candidate:
        old = older.get(run.runner)
        if old is None:
            continue
        if old.device.key != run.device.key:
            raise InputError(
                f"{run.runner} ran on two devices, {old.device.runtime} on {old.device.system} and "
                f"{run.device.runtime} on {run.device.system}; numbers of two devices are not compared"
            )
        for measure, unit in (("load", "ms"), ("first", "us"), ("p50", "us"), ("p90", "us"), ("p99", "us")):
            found.append(Beside(run.runner, measure, unit, _value(old, measure), _value(run, measure)))
    return tuple(found)


def _value(run: Run, measure: str) -> float:
    return float(np.median([visit.values[measure] for visit in run.visits]))


def _run(times: _Times, written: str) -> Run:
    phone = times.device
    device = Device(
        f"flutter {times.runtime}",
        f"{phone.platform} {phone.version}".strip(),
        processors=phone.processors,
        conditions={"mode": phone.mode} if phone.mode else {},
        hints={"dart": phone.dart} if phone.dart else {},
    )
    visit = visit_of({"load": times.cold / 1000, "first": times.first}, times.steady)
    return Run(
        device,
        f"flutter:{times.runtime}",
        Subject(times.bundle_id, "", "", times.runtime),
        visits=(visit,),
        candidate_answers=Answers(times.golden.rows, times.golden.differing),
        started=written,
    )


def _check(times: _Times, where: str) -> None:
    if times.format != FORMAT:
        raise InputError(f"{where}: format is {times.format[:40]!r}, this edgekit reads {FORMAT}")
    texts = {key: getattr(times, key) for key in ("runtime", "not_run", "unit")}
    check_texts({**texts, "platform": times.device.platform, "version": times.device.version}, where)
    check_texts({"mode": times.device.mode, "dart": times.device.dart}, where)
    if times.not_run:
        return
    if not times.runtime:
        raise InputError(f"{where}: runtime is empty")
    if not _ID.match(times.bundle_id):
        raise InputError(f"{where}: bundle_id must be 64 hex digits, not {times.bundle_id[:64]!r}")
    if times.unit != "us":
        raise InputError(f"{where}: unit must be 'us', not {times.unit!r}")
    if not 0 <= times.device.processors <= 1024:
        raise InputError(f"{where}: device: processors must be 0 to 1024, not {times.device.processors}")
    if not 0 <= times.golden.differing <= times.golden.rows <= 1 << 20:
        raise InputError(f"{where}: golden: {times.golden.differing} of {times.golden.rows} rows cannot differ")
    if not 2 <= len(times.steady) <= MAX_CALLS:
        raise InputError(f"{where}: steady must be 2 to {MAX_CALLS} samples, not {len(times.steady)}; one says nothing")
    for key, value in (("cold", times.cold), ("first", times.first)):  # 0 where a browser's clock is coarse
        if not 0 <= value <= MAX_VALUE:  # false for NaN too
            raise InputError(f"{where}: {key} must be a time in us, not {value!r}")
    for i, value in enumerate(times.steady):
        if not 0 < value <= MAX_VALUE:
            raise InputError(f"{where}: steady[{i}] must be a time in us, more than 0, not {value!r}")


def _whole(text: str) -> Any:
    return int(text) if len(text) < 19 else float(text)  # too many digits would take long


def _no_constant(name: str) -> None:
    raise ValueError(name)
