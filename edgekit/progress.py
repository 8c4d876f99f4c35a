"""How long work tells where it is: a callable that the command line turns into a bar."""

from __future__ import annotations

from collections.abc import Callable

#: what is being done, how much is done, how much there is (0: not known)
Progress = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""
