"""Of a file of any length, rows at equal distances: never more in memory than asked for, the same rows each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
#: What the kept numbers of a table may take, in bytes.
KEPT_BYTES = 256_000_000


class Thinned:
    """Keeps every step-th row of what is added; the step doubles whenever more than `limit` rows are kept."""

    def __init__(self, limit: int, columns: int = 1) -> None:
        self.limit = max(2, min(limit, KEPT_BYTES // (4 * max(columns, 1))))
        self.step = 1
        self.seen = 0
        self.kept = 0
        self._parts: list[tuple[int, Array]] = []  # (number of the first row among the kept ones of this step, rows)

    def add(self, rows: Array) -> None:
        """Add the next rows, on the first axis."""
        first = -self.seen % self.step
        chosen = rows[first :: self.step]
        if len(chosen):
            self._parts.append(((self.seen + first) // self.step, chosen.copy() if self.step > 1 else chosen))
        self.seen += len(rows)
        self.kept += len(chosen)
        while self.kept > self.limit:
            self._parts = [((n + n % 2) // 2, part[n % 2 :: 2].copy()) for n, part in self._parts]
            self.step *= 2
            self.kept = sum(len(part) for _, part in self._parts)

    def rows(self, empty: Array) -> Array:
        """Return what was kept; `empty` where that is nothing."""
        parts = [part for _, part in self._parts if len(part)]
        return np.concatenate(parts) if parts else empty
