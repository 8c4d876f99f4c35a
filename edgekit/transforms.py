"""What was done to a label before training, undone in the same bits by every client: Python, JavaScript and Dart.

A model that was trained on log10 of a market's size answers in log10; its manifest says so, and clients give the
size. The inverse is computed in float64 by additions, multiplications and divisions only, in one order, and rounded
to float32: these IEEE 754 rounds alike everywhere, while the exp of a library does not. The same lines stand in
wasm/js/transforms.js, templates/python/transforms.py and edgekit_client/lib/src/transforms.dart.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

#: Natural logarithm, logarithm to base 10, ln(1 + x).
TRANSFORMS = ("log", "log10", "log1p")

LOG2_E, LN_10 = 1.4426950408889634, 2.302585092994046
#: ln 2 in two parts: the high one has 32 bits, so that its product with a small whole number is exact (as in fdlibm).
LN_2_HIGH, LN_2_LOW = 0.6931471803691238, 1.9082149292705877e-10
#: Beyond these e^x is infinite, or nothing, in float32.
HIGHEST, LOWEST = 89.0, -105.0
#: Terms of the Taylor series: |r| <= ln(2) / 2, and 0.3466^14 / 14! is 4e-18.
TERMS = 13

Values = npt.NDArray[np.float32]


def inverse(transform: str | None, values: Values) -> Values:
    """Undo a transform of float32 values of any shape; None gives them back as they are."""
    if transform is None:
        return values
    wide = values.astype(np.float64)
    if transform == "log10":
        wide = wide * LN_10
    answer = _exp(wide)
    if transform == "log1p":
        answer = answer - 1
    with np.errstate(over="ignore"):
        return answer.astype(np.float32)


def own_unit(transform: str | None, unit: str) -> str:
    """Return the unit of the model's own answer: "log10 USD" where users read USD."""
    return f"{transform or ''} {unit}".strip()


def as_factor(transform: str | None, difference: float) -> float | None:
    """Return the factor that a difference of a model's answers is in the user's unit; None where it is none."""
    bases = {"log": math.e, "log10": 10.0}
    return bases[transform] ** difference if transform in bases else None


def _exp(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """e^x for what fits in a float32: x = k ln 2 + r, e^x = 2^k e^r."""
    inside = np.clip(x, LOWEST, HIGHEST)
    k = np.floor(inside * LOG2_E + 0.5)
    r = inside - k * LN_2_HIGH - k * LN_2_LOW
    series = np.ones_like(r)
    for n in range(TERMS, 0, -1):
        series = 1 + series * r / n
    answer = np.ldexp(series, np.where(np.isnan(k), 0, k).astype(np.int64))
    answer = np.where(x > HIGHEST, np.inf, np.where(x < LOWEST, 0.0, answer))
    return np.where(np.isnan(x), np.nan, answer)
