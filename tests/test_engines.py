"""Many jobs at once: each ends once, whatever happens to the processes that do them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from edgekit.engines import ATTEMPTS, JoblibEngine, Lost

FINE, DIES_ONCE, DIES = "is done", "kills its worker the first time", "kills its worker every time"


def work(job: tuple[int, str], folder: Path) -> int:
    number, kind = job
    begun = folder / f"{number}.{len([*folder.glob(f'{number}.*')])}"
    begun.touch()
    if kind == DIES or (kind == DIES_ONCE and begun.suffix == ".0"):
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        pytest.param([], [], id="nothing to do"),
        pytest.param([FINE] * 5, [0, 1, 4, 9, 16], id="each is done"),
        pytest.param([FINE, DIES_ONCE, FINE, FINE], [0, 1, 4, 9], id="what a dead worker was doing is done again"),
        pytest.param(
            [FINE, DIES, FINE], [0, Lost(f"its worker died {ATTEMPTS} times"), 4], id="only the culprit is given up"
        ),
    ],
)
def test_each_job_ends_once(kinds: list[str], expected: list[int | Lost], tmp_path: Path) -> None:
    found = list(JoblibEngine(2).run(work, list(enumerate(kinds)), tmp_path))
    assert sorted(number for number, _ in found) == list(range(len(kinds)))
    assert [result for _, result in sorted(found, key=lambda one: one[0])] == expected


def fail(job: int, _: None) -> int:
    raise ValueError(f"job {job}")


def test_a_bug_in_a_job_is_not_hidden() -> None:
    with pytest.raises(ValueError, match=r"^job 7$"):
        list(JoblibEngine(2).run(fail, [7], None))
