"""The samples of a run as pairs of numbers by measure, and in words what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.bench.measures import MEASURES, Measure
from edgekit.bench.records import BASELINE, Pair, Visit

Values = npt.NDArray[np.float64]
#: Of the pairs, the part that may lack a number before the rest is no fair sample.
MAX_MISSING = 0.1


@dataclass(frozen=True, eq=False)
class Samples:
    """A measure's values, [pairs] each; trouble says why they cannot be judged, "" where they can."""

    measure: Measure
    baseline: Values
    candidate: Values
    trouble: str = ""

    @property
    def logs(self) -> Values:
        """Return log(candidate / baseline) of each pair; a time of 0 counts as `step`."""
        logs: Values = np.log(np.maximum(self.candidate, self.step)) - np.log(np.maximum(self.baseline, self.step))
        return logs

    @property
    def step(self) -> float:
        """Return the smallest value above 0, which a coarse clock's 0 stands for; 1 where all are 0."""
        every = np.concatenate([self.baseline, self.candidate])
        return float(every[every > 0].min(initial=np.inf)) if (every > 0).any() else 1.0


def samples(pairs: Sequence[Pair], measure: Measure) -> Samples | None:
    """Return a measure's pairs, without those that lack a number; None where no visit has one."""
    name = measure.name
    if not any(name in v.values for p in pairs for v in (p.baseline, p.candidate)):
        return None
    table = np.array([[v.values.get(name, np.nan) for v in (p.baseline, p.candidate)] for p in pairs], np.float64)
    table[~np.isfinite(table) | (table < 0)] = np.nan
    both = ~np.isnan(table).any(axis=1)
    kept = table[both]
    return Samples(measure, kept[:, 0], kept[:, 1], _trouble(name, table, both))


def all_samples(pairs: Sequence[Pair], judged: str) -> tuple[Samples, ...]:
    """Return the samples of every measure that is judged this way and that some visit has."""
    found = (samples(pairs, m) for m in MEASURES.values() if m.judged == judged)
    return tuple(s for s in found if s is not None)


def values_of(visits: Sequence[Visit], name: str) -> Values:
    """Return the finite values of a measure, of the visits that have it."""
    values = np.array([v.values[name] for v in visits if name in v.values], np.float64)
    finite: Values = values[np.isfinite(values)]
    return finite


def order_trouble(pairs: Sequence[Pair]) -> str:
    """Say that the order within the pairs was not drawn by a fair coin, where four standard deviations show it."""
    first = sum(p.first == BASELINE for p in pairs)
    count = len(pairs)
    if count < 8 or (0 < first < count and abs(first - count / 2) <= 2 * count**0.5):
        return ""
    return (
        f"the baseline came first in {first} of {count} pairs, so whatever slows the second visit down looks like a "
        "change; draw the order of each pair at random"
    )


def _trouble(name: str, table: Values, both: npt.NDArray[np.bool_]) -> str:
    for side, other in ((0, 1), (1, 0)):
        if np.isnan(table[:, side]).all():
            if np.isnan(table[:, other]).all():
                return f"{name} has no number above or equal to 0 in any of {len(table)} pairs; look at the runner"
            sides = ("baseline", "candidate")
            return f"{name} was measured for the {sides[other]} and not for the {sides[side]}; measure both alike"
    missing = len(table) - int(both.sum())
    if missing > MAX_MISSING * len(table):
        return f"{name} has no number in {missing} of {len(table)} pairs, so the others are no fair sample"
    return ""
