"""What was done to a label before training, undone: the lines of edgekit's other clients, for the same bits.

Additions, multiplications and divisions of float64 in one order, rounded to float32 at the end.
"""

from __future__ import annotations

import math
import struct

LOG2_E, LN_10 = 1.4426950408889634, 2.302585092994046
#: ln 2 in two parts: the high one has 32 bits, so that its product with a small whole number is exact.
LN_2_HIGH, LN_2_LOW = 0.6931471803691238, 1.9082149292705877e-10
HIGHEST, LOWEST = 89.0, -105.0
TERMS = 13


def inverse(transform: str | None, value: float) -> float:
    """Undo a transform of one float32; without one the value is as it is."""
    if transform == "log":
        return single(_exp(value))
    if transform == "log10":
        return single(_exp(value * LN_10))
    if transform == "log1p":
        return single(_exp(value) - 1)
    return value


def single(value: float) -> float:
    """Return the nearest float32, infinite where there is none."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _exp(x: float) -> float:
    if math.isnan(x):
        return x
    if x > HIGHEST:
        return math.inf
    if x < LOWEST:
        return 0.0
    k = math.floor(x * LOG2_E + 0.5)
    r = x - k * LN_2_HIGH - k * LN_2_LOW
    answer = 1.0
    for n in range(TERMS, 0, -1):
        answer = 1 + answer * r / n
    return math.ldexp(answer, k)
