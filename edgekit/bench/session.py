"""The loop: pairs of visits in random order, until the verdict is settled or the time is over. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgekit.bench.records import Run
from edgekit.bench.runner import Rows, Runner
from edgekit.bench.verdict import Policy
from edgekit.progress import Progress, silent
from edgekit.store import Bundle


@dataclass(frozen=True, eq=False)
class Plan:
    """How long to measure, and with what."""

    minutes: float = 3.0  # no visit begins later; answers are not counted
    pairs: int = 16  # in the first round; each further one doubles them. For a bundle alone: visits
    most: int = 512  # pairs at most
    seed: int = 0
    policy: Policy = field(default_factory=Policy)
    rows: Rows | None = None  # evaluation rows, float32 [rows, inputs flattened]
    commit: str = ""


def measure(
    runner: Runner,
    candidate: Bundle,
    baseline: Bundle | None = None,
    plan: Plan | None = None,
    progress: Progress = silent,
) -> Run:
    """Measure a candidate beside its baseline, or a bundle alone, on one device.

    Ctrl-C ends it early with what was measured (`Run.ended` says "interrupted"). Raises NotAvailable where the device
    cannot be reached or cannot run a bundle, and CheckFailed where a visit fails.
    """
    raise NotImplementedError
