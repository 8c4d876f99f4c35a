"""What a verdict is made of: the policy that asks, the findings that answer. Frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.bench.measures import EXACT, MEASURES
from edgekit.errors import InputError

BETTER, SAME, WORSE, UNKNOWN = "better", "same", "worse", "cannot tell"
#: A visit has one cold start, one load, one first prediction, but hundreds of steady ones: what is measured once a
#: visit is noisier, and 128 pairs on a loaded core do not see 5 % of it (docs/verdict.md).
ONCE_A_VISIT: Mapping[str, float] = {"cold": 0.1, "load": 0.1, "compute": 0.1, "first": 0.1, "p90": 0.1}
#: Nobody notices less than this, in the measure's unit; and coarse clocks (0.1 ms in a page) do not see it.
FLOORS: Mapping[str, float] = {"cold": 5.0, "load": 2.0, "compute": 1.0, "first": 500.0, "memory": float(1 << 20)}
#: A model that was trained again compresses to a few bytes more or less; a request more is a request more.
GROWTH: Mapping[str, float] = {"bytes": 0.01, "requests": 0.0}
#: Core Web Vitals: what a page must hold at the 75th percentile (web.dev/articles/vitals).
WEB_VITALS: Mapping[str, float] = {"lcp": 2500.0, "inp": 200.0, "cls": 0.1}


@dataclass(frozen=True)
class Policy:
    """What counts as a regression.

    effect, effects: the smallest relative change that counts, for all paired measures and for some (the larger one
    holds). floors: the smallest absolute change, in the measure's unit. growth: of exact measures, relative. budgets:
    limits of the candidate's 75th percentile, whatever the baseline does.
    """

    confidence: float = 0.95
    effect: float = 0.05
    effects: Mapping[str, float] = field(default_factory=lambda: dict(ONCE_A_VISIT))
    floors: Mapping[str, float] = field(default_factory=lambda: dict(FLOORS))
    growth: Mapping[str, float] = field(default_factory=lambda: dict(GROWTH))
    budgets: Mapping[str, float] = field(default_factory=lambda: dict(WEB_VITALS))
    min_pairs: int = 10
    max_drop: float = 0.01  # of the task's metric against the baseline, relative
    max_slice_drop: float = 0.05

    def __post_init__(self) -> None:
        if not 0.5 < self.confidence < 1:
            raise InputError(f"confidence {self.confidence:g} must lie between 0.5 and 1; 0.95 is usual")
        if self.min_pairs < 2:
            raise InputError(f"min_pairs {self.min_pairs} must be at least 2: one pair says nothing")
        for name in ("effect", "max_drop", "max_slice_drop"):
            _positive(name, getattr(self, name))
        for name in ("effects", "floors", "growth", "budgets"):
            for measure, value in getattr(self, name).items():
                if measure not in MEASURES:
                    raise InputError(f"{name}: there is no measure {measure!r}; there are {', '.join(MEASURES)}")
                if name == "growth" and MEASURES[measure].judged != EXACT:
                    raise InputError(f"growth: {measure} is not exact; give its smallest change in effects")
                _positive(f"{name}: {measure}", value)

    def smallest(self, measure: str, baseline: float) -> float:
        """Return the smallest relative change of a paired measure that counts, where this is the baseline's median."""
        relative = max(self.effect, self.effects.get(measure, 0.0))
        floor = self.floors.get(measure, 0.0)
        return max(relative, floor / baseline)


@dataclass(frozen=True)
class Finding:
    """One measure judged. ratio: candidate by baseline, with the bounds that decided; None where there is none."""

    measure: str
    unit: str
    state: str
    ratio: float | None
    low: float | None
    high: float | None
    baseline: float | None  # median, in the unit; the limit where an absolute budget is judged
    candidate: float | None
    pairs: int
    why: str


@dataclass(frozen=True)
class Verdict:
    """What a run says. settled: more pairs would not change it.

    detectable: by measure, the smallest relative change that this device would see with as many pairs, from its
    self-test.
    """

    state: str
    findings: tuple[Finding, ...]
    detectable: Mapping[str, float]
    settled: bool
    why: str


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name} must be a number of at least 0, not {value:g}")
