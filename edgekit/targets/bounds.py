"""Bounds that a target declares: parts of the outputs' span, in the outputs' own units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Two float32 sums of large numbers differ by some units in the last place of the largest, whatever the span.
LAST_PLACES = 16 * float(np.finfo(np.float32).eps)
SMALLEST = 1e-6


def of_span(part: float, outputs: npt.NDArray[np.float32]) -> float:
    """Return the largest error that a target may have, absolute: a part of the span of float32 [rows, outputs]."""
    if not outputs.size:
        return SMALLEST
    wide = outputs.astype(np.float64)
    return max(part * float(np.ptp(wide)), LAST_PLACES * float(np.abs(wide).max()), SMALLEST)
