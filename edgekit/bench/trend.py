"""How measures went from run to run on one device, and where they changed. Pure.

Runs of different sessions are not pairs: a change point is a hint where to look, never a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.bench.history import Entry
from edgekit.bench.measures import MEASURES, Measure
from edgekit.bench.records import Run, Visit
from edgekit.bench.samples import values_of

Values = npt.NDArray[np.float64]
#: Of a trend, the fewest runs on each side of a change.
SIDE = 3
_DRAWS, _LEVEL = 499, 0.02
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
    """Find where a series of positive values changes its level: E-divisive on the logarithms.

    Matteson and James (2014), "A nonparametric approach for multiple change point analysis": the split with the largest
    energy distance between its sides counts if at most 2 % of 499 shuffles split better; then each side is split.
    """
    logs = np.log(np.maximum(np.array(values, np.float64), 1e-12))
    random = np.random.default_rng(0)
    places = sorted(_splits(logs, 0, random))
    edges = [0, *places, len(logs)]
    found = []
    start = 0
    for i, at in enumerate(places):
        step = float(np.median(logs[at : edges[i + 2]]) - np.median(logs[start:at]))
        if abs(step) > math.log1p(smallest):
            found.append(Change(at, math.exp(step)))
            start = at
    return tuple(found)


def _splits(logs: Values, offset: int, random: np.random.Generator) -> list[int]:
    if len(logs) < 2 * SIDE:
        return []
    at, best = _split(logs)
    if best <= 0:
        return []
    better = sum(_split(random.permutation(logs))[1] >= best for _ in range(_DRAWS))
    if (better + 1) / (_DRAWS + 1) > _LEVEL:
        return []
    right = _splits(logs[at:], offset + at, random)
    return [*_splits(logs[:at], offset, random), offset + at, *right]


def _split(logs: Values) -> tuple[int, float]:
    """Return the split with the largest scaled energy distance, and that distance."""
    count = len(logs)
    far = np.abs(logs[:, None] - logs[None, :])
    sums = np.zeros((count + 1, count + 1))
    sums[1:, 1:] = far.cumsum(axis=0).cumsum(axis=1)
    left = np.arange(SIDE, count - SIDE + 1)
    right = count - left
    inner = sums[left, left]
    outer = sums[-1, -1] - 2 * sums[left, -1] + inner
    between = sums[left, -1] - inner
    gap = 2 * between / (left * right) - inner / left**2 - outer / right**2
    scaled = gap * left * right / count
    best = int(np.argmax(scaled))
    return int(left[best]), float(scaled[best])


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
