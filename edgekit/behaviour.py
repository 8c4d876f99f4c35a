"""How the int8 model behaves when an input changes a little: it may not jump where the float model does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.config import Config
from edgekit.data import Dataset

Values = npt.NDArray[np.float32]
Answers = Callable[[Values], Values]
ROWS = 64
#: Of a feature's range: a small change, and one in a declared direction.
SMALL, LARGE = 0.01, 0.1
#: Of the rows, the part that may break a rule before it counts as broken.
TOLERATED = 0.05
#: Of the rms difference between the two models: three standard deviations of a difference of two roundings.
ROOM = 3 * 2**0.5
MAX_FEATURES = 64


@dataclass(frozen=True)
class Behaviour:
    """A rule for one feature: the part of the rows that break it, and by how much at most, in the output's units."""

    rule: str  # small change | direction
    feature: str
    rows: int
    broken: float
    worst: float
    holds: bool


def behaviours(data: Dataset, config: Config, floats: Answers, outputs: Answers) -> tuple[Behaviour, ...]:
    """Change one feature at a time of up to 64 rows and compare how the two models' first output moves.

    small change: int8 moves no more than float and its own rounding (ROOM).
    direction, for features with `monotone`: int8 never moves against it by more than that where float goes with it.
    """
    if not data.names:
        return ()
    rows = data.inputs[np.linspace(0, data.rows - 1, min(ROWS, data.rows)).round().astype(np.int64)]
    start = [answers(rows)[:, 0].astype(np.float64) for answers in (floats, outputs)]
    room = ROOM * float(np.sqrt(np.mean((start[0] - start[1]) ** 2)))
    found = []
    declared = {f.name or f.column: f.monotone for f in config.features if f.monotone}
    for i, name in enumerate(data.names[:MAX_FEATURES]):
        low, high = float(data.inputs[:, i].min()), float(data.inputs[:, i].max())
        if high <= low:
            continue

        def moved(part: float, column: int = i, low: float = low, high: float = high) -> list[npt.NDArray[np.float64]]:
            changed = rows.copy()
            step = part * (high - low)
            upwards = changed[:, column] + step <= high
            changed[:, column] += np.where(upwards, step, -step).astype(np.float32)
            sign = np.where(upwards, 1.0, -1.0)
            return [sign * (a(changed)[:, 0] - s) for a, s in zip((floats, outputs), start, strict=True)]

        exact, rounded = moved(SMALL)
        excess = np.abs(rounded) - np.abs(exact) - room
        found.append(_judged("small change", name, excess))
        if name in declared:
            sign = 1.0 if declared[name] == "increasing" else -1.0
            exact, rounded = (sign * v for v in moved(LARGE))
            found.append(_judged("direction", name, np.where(exact > 0, -rounded - room, -np.inf)))
    return tuple(found)


def _judged(rule: str, name: str, excess: npt.NDArray[np.float64]) -> Behaviour:
    broken = float((excess > 0).mean())
    return Behaviour(rule, name, len(excess), broken, max(float(excess.max()), 0.0), broken <= TOLERATED)
