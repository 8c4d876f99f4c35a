"""How measures went from run to run on one device, and where they changed. Pure.

Runs of different sessions are not pairs: a change point is a hint where to look, never a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edgekit.bench.history import Entry
from edgekit.bench.measures import MEASURES, Measure
from edgekit.bench.records import Run, Visit
from edgekit.bench.samples import values_of

Values = npt.NDArray[np.float64]
#: Of a trend, the fewest runs on each side of a change.
SIDE = 3
#: With it, 2 in 100 series of 25 runs without a change show one.
PENALTY = 3.0
#: Of normal noise: the mean absolute deviation by the median absolute difference of neighbours. Exact measures have no
#: noise, so a change of 0.01 % is one.
_LAPLACE, _SMALLEST_SCALE = 0.836, 1e-4
#: What a page shows of each device.
SHOWN = ("cold", "load", "first", "p50", "p90", "bytes", "memory")


@dataclass(frozen=True)
class Point:
    """A run's candidate: the median of its visits and their quarters, in the measure's unit."""

    run: int
    started: str
    commit: str
    bundle: str
    version: str
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Change:
    """From point `at` on, the medians' median is `factor` times what it was since the change before."""

    at: int
    factor: float


@dataclass(frozen=True)
class Series:
    """One measure of one model on one device, oldest run first."""

    device: str  # its key
    place: str  # the device and the runner, in words
    name: str
    measure: Measure
    points: tuple[Point, ...]
    changes: tuple[Change, ...]


def visits_of(run: Run) -> tuple[Visit, ...]:
    """Return the candidate's visits."""
    return run.visits or tuple(p.candidate for p in run.pairs)


def latest(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the newest run of each device, runner and model; entries stand oldest first."""
    return tuple({_place(e): e for e in entries}.values())


def series(entries: Sequence[Entry], smallest: float = 0.05) -> tuple[Series, ...]:
    """Return the series of SHOWN measures; a change of less than `smallest`, relative, is not shown."""
    found = []
    for key in dict.fromkeys(map(_place, entries)):
        mine = [e for e in entries if _place(e) == key]
        for name in SHOWN:
            points = tuple(p for e in mine if (p := _point(e, name)) is not None)
            if points:
                place = f"{mine[-1].run.device.runtime}, {mine[-1].run.runner}"
                changes = change_points([p.median for p in points], smallest)
                found.append(Series(key[0], place, key[2], MEASURES[name], points, changes))
    return tuple(found)


def change_points(values: Sequence[float], smallest: float = 0.05) -> tuple[Change, ...]:
    """Find where a series of positive values changes its level: optimal partitioning of the logarithms.

    Jackson et al. (2005), "An algorithm for optimal partitioning of data on an interval"; PELT is its pruned form. A
    part costs sum(|log - median|) / b, as for Laplace noise of scale b (from the differences of neighbours), and each change
    PENALTY * log(n) more; the cheapest of all partitions is taken. Changes of less than `smallest` are not shown.
    """
    logs = np.log(np.maximum(np.array(values, np.float64), 1e-12))
    edges = _partition(logs)
    found = []
    start = 0
    for at, end in pairwise(edges[1:]):
        step = float(np.median(logs[at:end]) - np.median(logs[start:at]))
        if abs(step) > math.log1p(smallest):
            found.append(Change(at, math.exp(step)))
            start = at
    return tuple(found)


def _partition(logs: Values) -> list[int]:
    """Return the edges of the cheapest partition into parts of at least SIDE values: 0, ..., n."""
    count = len(logs)
    if count < 2 * SIDE:
        return [0, count]
    scale = max(_LAPLACE * float(np.median(np.abs(np.diff(logs)))), _SMALLEST_SCALE)
    penalty = PENALTY * math.log(count)
    best, before = np.full(count + 1, np.inf), np.zeros(count + 1, np.int64)
    best[0] = -penalty
    for end in range(SIDE, count + 1):
        for start in (0, *range(SIDE, end - SIDE + 1)):
            part = logs[start:end]
            cost = best[start] + penalty + float(np.abs(part - np.median(part)).sum()) / scale
            if cost < best[end]:
                best[end], before[end] = cost, start
    edges = [count]
    while edges[-1]:
        edges.append(int(before[edges[-1]]))
    return edges[::-1]


def _place(entry: Entry) -> tuple[str, str, str]:
    run = entry.run
    return run.device.key, run.runner, run.candidate.name


def _point(entry: Entry, name: str) -> Point | None:
    values = values_of(visits_of(entry.run), name)
    if not len(values):
        return None
    run = entry.run
    low, median, high = (float(v) for v in np.quantile(values, (0.25, 0.5, 0.75)))
    subject = run.candidate
    return Point(entry.id, run.started, run.commit, subject.bundle_id, subject.version, low, median, high)
