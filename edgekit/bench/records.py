"""What runners hand to the verdict and the history: frozen raw samples, and what the device is. No statistics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edgekit.plain import plain

FORMAT = "edgekit-bench-run/1"
BASELINE, CANDIDATE = "baseline", "candidate"
#: The verdict was settled, the time or the number of visits that the plan allows was used up, or Ctrl-C.
SETTLED, TIME_OVER, ENOUGH, INTERRUPTED = "settled", "time is over", "enough visits", "interrupted"
ENDS = (SETTLED, TIME_OVER, ENOUGH, INTERRUPTED)


@dataclass(frozen=True)
class Device:
    """A device's fingerprint: numbers of two devices are never compared, and everything but `hints` makes a device."""

    runtime: str  # "Chromium 156.0.8078.79", "ai-edge-litert 2.3.0", "node v20.20.2"
    system: str  # "Linux x86_64", or what a phone's browser says
    processor: str = ""
    processors: int = 0
    features: tuple[str, ...] = ()  # sorted: "relaxed-simd", "avx-vnni", "isolated"
    conditions: Mapping[str, str] = field(default_factory=dict)  # what was set: threads, cpu_throttle, network
    hints: Mapping[str, str] = field(default_factory=dict)  # what may differ tomorrow: battery, governor, load

    @property
    def key(self) -> str:
        """Sixteen hex digits that stay the same as long as the device does."""
        fixed = json.dumps(plain(replace(self, hints={})), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(fixed.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Subject:
    """What was measured: a target of a bundle; build is the one that the runtime chose, "" where it has none."""

    bundle_id: str
    name: str
    version: str
    target: str
    build: str = ""


@dataclass(frozen=True)
class Visit:
    """One fresh start. values: by the names of MEASURES, in their units; calls: steady predictions in us, each the mean
    of as many calls as the clock needs.
    """

    values: Mapping[str, float]
    calls: tuple[float, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two visits right after each other; `first` says which of them came first."""

    baseline: Visit
    candidate: Visit
    first: str = BASELINE


@dataclass(frozen=True)
class Answers:
    """What a subject answered, and how that is held to its bundle: rows that differ from what parity promises."""

    golden_rows: int
    golden_wrong: int
    detail: str = ""
    #: On the evaluation rows, [rows][outputs], the device's own answers; empty where no rows were given.
    outputs: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Run:
    """One session on one device: a bundle alone (visits), or a candidate beside its baseline (pairs).

    self_test: pairs of the baseline with itself, measured in the same session before or between the others.
    """

    device: Device
    runner: str  # "chromium:wasm", as it was asked for
    candidate: Subject
    baseline: Subject | None = None
    visits: tuple[Visit, ...] = ()
    pairs: tuple[Pair, ...] = ()
    self_test: tuple[Pair, ...] = ()
    candidate_answers: Answers | None = None
    baseline_answers: Answers | None = None
    started: str = ""  # ISO 8601, UTC
    seconds: float = 0.0
    ended: str = ""  # why measuring ended: one of ENDS
    commit: str = ""  # of the repository that the candidate came from, where known
    format: str = FORMAT
