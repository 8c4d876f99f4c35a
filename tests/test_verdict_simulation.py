"""What the verdict promises, on synthetic devices: 1,000 sessions, seven measures, a look after each doubling."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgekit.bench.policy import BETTER, SAME, WORSE

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

from verdict_simulation import DEVICES, LOOKS_100, MEASURES, alarms, simulate

#: As many pairs as the loaded core needs; the driver's default allows 512.
LOOKS = (16, 32, 64, 128, 256, 512)
TRIALS = 1000


@pytest.mark.parametrize("device", DEVICES)
def test_a_bundle_against_itself_passes(device: str) -> None:
    found = simulate(DEVICES[device], {}, TRIALS, LOOKS)
    assert found.parts[WORSE] <= 0.01
    assert found.parts[SAME] + found.parts[BETTER] >= 0.99


@pytest.mark.parametrize("measure", ["p50", "memory"])
def test_one_measure_of_seven_ten_percent_slower_is_caught_within_100_pairs(measure: str) -> None:
    assert simulate(DEVICES["the noisy phone"], {measure: 1.1}, TRIALS, LOOKS_100).parts[WORSE] >= 0.95


@pytest.mark.parametrize("device", ["the noisy phone", "noise that lasts", "a loaded core"])
def test_what_just_does_not_count_is_seldom_called_a_regression(device: str) -> None:
    """The hardest case of all: every steady measure is 5 % slower, once-a-visit ones 10 %, and each look may err."""
    just = {m: 1.1 if m in ("cold", "load", "compute", "first", "p90") else 1.05 for m in MEASURES}
    assert simulate(DEVICES[device], just, 400, LOOKS[:4]).parts[WORSE] <= 0.05


@pytest.mark.parametrize("device", ["the noisy phone", "a loaded core"])
def test_a_gain_is_seen_and_is_no_regression(device: str) -> None:
    found = simulate(DEVICES[device], {"p50": 0.8}, 200, LOOKS)
    assert (found.parts[WORSE], found.parts[BETTER] >= 0.95) == (0.0, True)


def test_one_after_the_other_is_no_way_to_measure() -> None:
    """The rules of others, as docs/verdict.md shows them: drift looks like a regression, or noise hides one."""
    phone = DEVICES["the noisy phone"]
    assert alarms("asv: Mann-Whitney p < .002, factor 1.1", phone, 1.0, 300) > 0.2
    assert alarms("asv's rule, visits in turn", phone, 1.1, 300) < 0.7
