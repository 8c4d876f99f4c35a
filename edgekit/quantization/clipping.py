"""Which part of a tensor's range int8 covers: all of it, all but the rarest values, what loses least of the values, or
what loses least of the model's answers.

A long tail widens the step for every value; what is cut off is clamped, which loses much for few. And what calibration
saw is not all: rows that come later reach further.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edgekit.affine import activation_quant, dequantize, quantize
from edgekit.quantization.ranges import Range, Statistics

CHOICES = ("extremes", "percentile", "mse", "answers")
#: Of the values, in per cent, that `percentile` leaves out at each end.
PERCENTILE = 0.01
#: Parts of the extremes that `mse` tries, each end on its own.
_PARTS = np.geomspace(1.0, 0.1, 24)
_ROUNDS = 2
#: Factors that `answers` tries, for all ranges together and then for each; it keeps one that gains at least _GAIN.
FACTORS = (0.7, 1.0, 1.25, 1.6)
_GAIN = 0.005

#: From the ranges that one half of the rows gave to the squared error of the answers on the other half.
HalfError = Callable[[Mapping[int, Range], int], float]


def clip_ranges(statistics: Statistics, choice: str) -> Mapping[int, Range]:
    """Return the ranges of int8 by "extremes", "percentile" or "mse"; a tensor without a sample keeps its extremes."""
    if choice == "extremes":
        return {}
    chosen = {}
    for index, found in statistics.ranges.items():
        sample = statistics.samples.get(index, np.empty(0, np.float32))
        low, high = found.whole()
        if sample.size and high > low:
            low, high = _percentile(sample) if choice == "percentile" else _least_error(sample, low, high)
        kept = Range(np.maximum(found.low, np.float32(low)), np.minimum(found.high, np.float32(high)))
        chosen[index] = Range(np.minimum(kept.low, kept.high), np.maximum(kept.low, kept.high))
    return chosen


def ranges_by_answers(
    halves: Sequence[Mapping[int, Range]], tensors: Sequence[int], error: HalfError
) -> Mapping[int, Range]:
    """Return ranges of int8, each a factor times what the calibration rows reached, for the least error of the answers.

    Judged crosswise: the ranges of one half of the rows on the other half, so that what clamping costs rows which
    calibration did not see is counted.
    """
    factors = dict.fromkeys(halves[0], 1.0)

    def judged(tried: Mapping[int, float]) -> float:
        return sum(error(_scaled(half, tried), i) for i, half in enumerate(halves))

    best = judged(factors)
    for factor in FACTORS:
        everywhere = dict.fromkeys(factors, factor)
        found = judged(everywhere)
        if found < best * (1 - _GAIN):
            best, factors = found, everywhere
    for index in tensors:
        for factor in FACTORS:
            tried = {**factors, index: factor}
            found = judged(tried) if factor != factors[index] else best
            if found < best * (1 - _GAIN):
                best, factors = found, tried
    both = {i: _joined([half[i] for half in halves]) for i in factors}
    return _scaled(both, factors)


def _scaled(ranges: Mapping[int, Range], factors: Mapping[int, float]) -> Mapping[int, Range]:
    return {i: Range(r.low * np.float32(factors[i]), r.high * np.float32(factors[i])) for i, r in ranges.items()}


def _joined(ranges: Sequence[Range]) -> Range:
    return Range(np.min([r.low for r in ranges], axis=0), np.max([r.high for r in ranges], axis=0))


def _percentile(sample: npt.NDArray[np.float32]) -> tuple[float, float]:
    low, high = np.percentile(sample, (PERCENTILE, 100 - PERCENTILE))
    return float(low), float(high)


def _least_error(sample: npt.NDArray[np.float32], low: float, high: float) -> tuple[float, float]:
    """Return the ends with the least mean squared error of int8, found one after the other."""
    best = _error(sample, low, high)
    ends = [low, high]
    for _ in range(_ROUNDS):
        for end in (0, 1):
            for part in _PARTS:
                tried = list(ends)
                tried[end] = (low, high)[end] * part
                error = _error(sample, tried[0], tried[1])
                if error < best:
                    best, ends = error, tried
    return ends[0], ends[1]


def _error(sample: npt.NDArray[np.float32], low: float, high: float) -> float:
    quant = activation_quant(low, high, "int8")
    gap = dequantize(quantize(sample, quant, "int8"), quant).astype(np.float64) - sample
    return float(np.mean(gap**2))
