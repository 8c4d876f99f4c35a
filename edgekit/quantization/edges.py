"""Rows at the edges of the declared ranges: what a user reaches by moving a slider to its end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgekit.manifest import Feature


def edge_rows(features: Sequence[Feature]) -> npt.NDArray[np.float32]:
    """Return float32 [2 + 2 n, n]: all features at their low, all at their high, and each alone with the rest at
    its mean. A model without described features has no edges."""
    if not features:
        return np.empty((0, 0), np.float32)
    low, high = (np.array([f.range[i] for f in features], np.float32) for i in (0, 1))
    mean = np.array([f.mean for f in features], np.float32)
    alone = np.repeat(mean[None], 2 * len(features), axis=0)
    for i in range(len(features)):
        alone[2 * i, i], alone[2 * i + 1, i] = low[i], high[i]
    return np.concatenate([low[None], high[None], alone])
