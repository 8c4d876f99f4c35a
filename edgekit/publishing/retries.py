"""Try again what fails in passing: with growing, random pauses, as long as nothing says that it is in vain."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from edgekit.errors import CheckFailed

T = TypeVar("T")

#: What a server says when a later try may succeed; everything else from 400 to 499 is final.
PASSING = frozenset({408, 429, 500, 502, 503, 504})


class Passing(Exception):
    """One try failed in a way that may pass; `wait` is how many seconds the server asked for."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.wait = why, wait


class Stopped(Exception):
    """The work was called off: an interrupt, or another part of it failed for good."""


@dataclass(frozen=True)
class Patience:
    """How long to go on. `stall`: seconds without a byte in either direction until a connection is given up."""

    tries: int = 8
    first: float = 0.25
    longest: float = 20.0
    stall: float = 60.0

    def pause(self, failed: int) -> float:
        """Return the seconds before the next try: random up to a bound that doubles, so that clients spread out."""
        return random.uniform(0.1, 1.0) * min(self.longest, self.first * 2.0 ** (failed - 1))  # noqa: S311


def persist(
    work: Callable[[], T],
    patience: Patience,
    stop: threading.Event,
    failed: Callable[[str], T | None] | None = None,
) -> T:
    """Return what `work` returns, trying again while it raises Passing.

    Args:
        work: one try.
        patience: how often and how slowly.
        stop: ends the waiting; raises Stopped.
        failed: told after each failure; what it returns other than None is the answer (the try succeeded after all).

    Raises CheckFailed after the last try.
    """
    for number in range(1, patience.tries + 1):
        if stop.is_set():
            raise Stopped
        try:
            return work()
        except Passing as error:
            if failed is not None and (answer := failed(error.why)) is not None:
                return answer
            if number == patience.tries or error.wait > 10 * patience.longest:
                raise CheckFailed(
                    f"hosting fails, {number} times now ({error.why}); "
                    "nothing is lost: run the same command again and it goes on from here"
                ) from None
            if stop.wait(max(error.wait, patience.pause(number))):
                raise Stopped from None
    raise AssertionError("the last try returns or raises")
