"""Where each intermediate value lies in the engine's arena: values that never live together share bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 16


@dataclass(frozen=True)
class Lifetime:
    """A value of `bytes` that is written at step `first` and last read at step `last`."""

    bytes: int
    first: int
    last: int


def aligned(n: int, step: int = ALIGNMENT) -> int:
    """Round up to a multiple of `step`."""
    return -(-n // step) * step


def place(lifetimes: Sequence[Lifetime]) -> tuple[list[int], int]:
    """Return the offset of each value and the arena's size in bytes.

    Largest first, each at the lowest gap among the values that live at the same time (TFLite's greedy
    planner; Pisarchyk and Lee, arXiv 2001.03288).
    """
    offsets = [0] * len(lifetimes)
    placed: list[int] = []
    for i in sorted(range(len(lifetimes)), key=lambda i: (-lifetimes[i].bytes, i)):
        item, at = lifetimes[i], 0
        for j in sorted(placed, key=lambda j: offsets[j]):
            other = lifetimes[j]
            if other.last < item.first or item.last < other.first:
                continue
            if at + item.bytes <= offsets[j]:
                break
            at = max(at, aligned(offsets[j] + other.bytes))
        offsets[i] = at
        placed.append(i)
    return offsets, aligned(max((offsets[i] + lifetimes[i].bytes for i in placed), default=0))
