"""Judge samples of interleaved blocks: medians, and the ratio of two runtimes with its uncertainty. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

#: With fewer rounds an interval would pretend to know something.
MIN_ROUNDS = 10
_DRAWS = 2000


@dataclass(frozen=True)
class Spread:
    """The middle of a runtime's samples and their ends, in the unit of the samples."""

    best: float
    median: float
    p90: float


@dataclass(frozen=True)
class Ratio:
    """How many times as long the peer takes, with the ends of the 95 % interval; above 1 the peer is slower."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def spread(samples: Sequence[float]) -> Spread:
    """Return the smallest sample, the median and the 90th percentile."""
    return Spread(min(samples), float(np.median(samples)), float(np.quantile(samples, 0.9)))


def ratio(own: Sequence[float], peer: Sequence[float], seed: int = 0) -> Ratio | None:
    """Return exp(median of log(peer / own) over the rounds), or None for fewer than 10 rounds.

    Sample i of both comes from round i, so what slowed the machine in that round slowed both. Noise lasts longer than
    a round, so the bootstrap draws runs of about sqrt(n) neighbouring rounds, not single ones.
    """
    if len(own) != len(peer):
        raise ValueError(f"{len(own)} rounds of one runtime, {len(peer)} of the other")
    count = len(own)
    if count < MIN_ROUNDS:
        return None
    logs = np.log(np.asarray(peer, np.float64) / np.asarray(own, np.float64))
    length = math.isqrt(count)
    starts = np.random.default_rng(seed).integers(0, count - length + 1, (_DRAWS, -(-count // length), 1))
    drawn = logs[(starts + np.arange(length)).reshape(_DRAWS, -1)[:, :count]]
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return Ratio(math.exp(float(np.median(logs))), math.exp(float(low)), math.exp(float(high)))


def difference(answers: Values, expected: Values) -> str:
    """Say in words how two tables of float32 differ; "bit for bit" where they do not."""
    if answers.shape != expected.shape:
        return f"{answers.size} values for {expected.size}"
    bits = np.ascontiguousarray(answers, np.float32).view(np.uint32)
    differ = int((bits != np.ascontiguousarray(expected, np.float32).view(np.uint32)).sum())
    if not differ:
        return "bit for bit"
    most = float(np.abs(answers.astype(np.float64) - expected).max())
    return f"{differ} of {answers.size} values differ, by at most {most:.3g}"
