"""The verdict: states, bounds and sentences, a row for each way in which a run can end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from bench_runs import DEVICE, NEW, OLD, pairs, run, self_test, visits

from edgekit.bench.policy import Policy
from edgekit.bench.ratios import blocks, highest, holm, lowest, share, signs
from edgekit.bench.records import BASELINE, Answers, Pair, Run, Visit
from edgekit.bench.verdict import BETTER, SAME, UNKNOWN, WORSE, Finding, exit_code, judge
from edgekit.errors import InputError


def finding(run: Run, measure: str, policy: Policy | None = None) -> Finding:
    return next(f for f in judge(run, policy).findings if f.measure == measure)


@pytest.mark.parametrize(
    ("changed", "state", "code"),
    [
        ({}, SAME, 0),
        ({"p50": 1.2}, WORSE, 1),
        ({"p50": 0.8}, BETTER, 0),
        ({"p50": 0.8, "cold": 1.3}, WORSE, 1),  # a gain does not pay for a loss
        ({"bytes": 1.02}, WORSE, 1),  # exact: beyond 1 %
        ({"bytes": 1.009}, SAME, 0),
        ({"requests": 1.25}, WORSE, 1),
        ({"bytes": 0.5}, BETTER, 0),
        ({"cold": 1.04}, SAME, 0),  # within the smallest change that counts
    ],
)
def test_what_changed_decides(changed: Mapping[str, float], state: str, code: int) -> None:
    verdict = judge(run(**changed))
    assert (verdict.state, exit_code(verdict), verdict.settled) == (state, code, True), verdict.why


@pytest.mark.parametrize(
    ("made", "measure", "why"),
    [
        (run(p50=1.2), "p50", "p50 is 1.20 times the baseline's (at least 1.18): worse"),
        (run(p50=0.8), "p50", "p50 is 0.80 times the baseline's (at most 0.81): better"),
        (run(), "p50", "p50 is 1.00 times the baseline's (at most 1.01, and 1.05 would count): same"),
        (run(16, noise=0.2), "p50", "p50 is 0.99 times the baseline's (between 0.69 and 1.54, and 1.05 would count): cannot tell with 16 pairs"),
        (run(bytes=1.02), "bytes", "bytes: 20,400 after 20,000 (+2.0%, +1.0% allowed): worse"),
        (run(requests=1.25), "requests", "requests: 5 after 4 (+25.0%, 0 % allowed): worse"),
    ],
)  # fmt: skip
def test_each_finding_says_what_happened(made: Run, measure: str, why: str) -> None:
    assert finding(made, measure).why == why


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (run(1), "cannot tell: 1 pair cannot be judged; 10 are the fewest"),
        (run(9), "cannot tell: 9 pairs cannot be judged; 10 are the fewest"),
        (replace(run(), self_test=()), "cannot tell: there is no self-test, so it is not known what this device sees; 10 pairs are the fewest"),
        (replace(run(), self_test=self_test(9)), "cannot tell: the self-test has only 9 pairs, so it is not known what this device sees; 10 pairs are the fewest"),
        (replace(run(), self_test=self_test(p50=1.3)), "cannot tell: the self-test finds the baseline different from itself (p50 1.29 times its own), so this device cannot be trusted now"),
        (replace(run(), pairs=tuple(replace(p, first=BASELINE) for p in run().pairs)), "cannot tell: the baseline came first in 64 of 64 pairs, so whatever slows the second visit down looks like a change; draw the order of each pair at random"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_said(made: Run, why: str) -> None:
    verdict = judge(made)
    assert verdict.why == why
    assert exit_code(verdict) == 3


def test_a_device_that_cannot_be_trusted_still_counts_bytes() -> None:
    verdict = judge(replace(run(bytes=1.5), self_test=self_test(p50=1.3)))
    assert verdict.why == "worse: bytes: 30,000 after 20,000 (+50.0%, +1.0% allowed): worse"


def test_more_pairs_are_asked_for_only_where_they_help() -> None:
    noisy = judge(run(16, noise=0.2))
    assert (noisy.state, noisy.settled) == (UNKNOWN, False)
    one_sided = replace(run(), pairs=tuple(without(p, "load") for p in run().pairs))
    verdict = judge(one_sided)
    assert (verdict.state, verdict.settled) == (UNKNOWN, True)
    assert (
        verdict.why == "cannot tell: load was measured for the baseline and not for the candidate; measure both alike"
    )
    assert not judge(run(16, noise=0.2, bytes=1.5)).settled  # the times are still open


def without(pair: Pair, name: str) -> Pair:
    values = {k: v for k, v in pair.candidate.values.items() if k != name}
    return replace(pair, candidate=Visit(values))


def given(baseline: float, candidate: float, count: int = 32, measure: str = "p50") -> Run:
    a, b = ([Visit({measure: value})] * count for value in (baseline, candidate))
    return Run(DEVICE, "node", NEW, OLD, pairs=pairs(a, b), self_test=pairs(a, a))


@pytest.mark.parametrize(
    ("made", "measure", "state", "why"),
    [
        (given(float("nan"), 1.0), "p50", UNKNOWN, "p50 was measured for the candidate and not for the baseline; measure both alike"),
        (given(-1.0, float("inf")), "p50", UNKNOWN, "p50 has no number above or equal to 0 in any of 32 pairs; look at the runner"),
        (given(0.0, 0.0), "p50", UNKNOWN, "p50 is 0 in most visits: too short for this clock; measure more calls at once"),
        (given(0.0, 100.0, measure="first"), "first", SAME, "first is 1.00 times the baseline's (at most 1.00, and 6.00 would count): same"),
        (given(200.0, 300.0, measure="first"), "first", SAME, "first is 1.50 times the baseline's (at most 1.50, and 3.50 would count): same"),
        (given(7.0, 7.0), "p50", SAME, "p50 is 1.00 times the baseline's (at most 1.00, and 1.05 would count): same"),
    ],
)  # fmt: skip
def test_clocks_and_gaps(made: Run, measure: str, state: str, why: str) -> None:
    found = finding(made, measure)
    assert (found.state, found.why) == (state, why)


@pytest.mark.parametrize(
    ("answers", "state", "why"),
    [
        (Answers(40, 0), SAME, "same: no change that counts in 7 measures"),
        (Answers(40, 3, "row 7: 1.5 for 2.5"), WORSE, "worse: answers changed: 3 of 40 golden rows are not what the bundle promises (row 7: 1.5 for 2.5): worse"),
    ],
)  # fmt: skip
def test_wrong_answers_are_a_regression(answers: Answers, state: str, why: str) -> None:
    verdict = judge(replace(run(), candidate_answers=answers))
    assert (verdict.state, verdict.why) == (state, why)


@pytest.mark.parametrize(
    ("values", "state", "why"),
    [
        ({"p50": 5.0}, SAME, "same: there is no baseline and no budget: measured, nothing to judge"),
        ({"lcp": 2400.0}, SAME, "same: no change that counts in 1 measures"),
        ({"lcp": 2600.0}, WORSE, "worse: lcp: 2600 ms at the 75th percentile, over the budget of 2500 ms: worse"),
        ({"cls": 0.25}, WORSE, "worse: cls: 0.25 at the 75th percentile, over the budget of 0.1: worse"),
    ],
)
def test_a_bundle_alone_is_held_to_budgets(values: Mapping[str, float], state: str, why: str) -> None:
    verdict = judge(Run(DEVICE, "chromium", NEW, visits=(Visit(values),) * 3))
    assert (verdict.state, verdict.why) == (state, why)


def test_the_self_test_says_what_the_device_can_see() -> None:
    quiet, noisy = (judge(run(noise=noise)).detectable["p50"] for noise in (0.01, 0.1))
    assert (0.005 < quiet < 0.03, 0.08 < noisy < 0.3) == (True, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 1.0}, "confidence 1 must lie between 0.5 and 1; 0.95 is usual"),
        ({"min_pairs": 1}, "min_pairs 1 must be at least 2: one pair says nothing"),
        ({"effect": float("nan")}, "effect must be a number of at least 0, not nan"),
        ({"growth": {"p50": 0.1}}, "growth: p50 is not exact; give its smallest change in effects"),
        ({"budgets": {"bytes": -1.0}}, "budgets: bytes must be a number of at least 0, not -1"),
    ],
)  # fmt: skip
def test_a_policy_is_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        Policy(**options)  # type: ignore[arg-type]
    assert str(error.value) == message


def test_the_looks_spend_no_more_than_alpha() -> None:
    assert [share(n) for n in (1, 16, 17, 32, 64, 100, 128, 256)] == [0.03, 0.03, 0.06, 0.06, 0.25, 0.36, 0.36, 0.15]
    assert 0.999 < sum(share(16 << k) for k in range(30)) <= 1


def test_the_block_bootstrap_is_the_drawn_one() -> None:
    """Worked out, it says what 40,000 draws say."""
    random = np.random.default_rng(1)
    above = np.repeat(random.random(12) < 0.6, 3)[:32]  # flags that last
    starts = random.integers(0, 32, (40_000, 7, 1))
    drawn = above[(starts + np.arange(5)) % 32].reshape(40_000, -1)[:, :32]  # 6 blocks of 5 and one of 2
    assert blocks(above) == pytest.approx((drawn.sum(axis=1) <= 16).mean(), abs=0.01)


def test_few_pairs_are_held_to_the_coin() -> None:
    """All 10 of 10 above: the bootstrap would be certain, fair coins do it once in 1,024."""
    above = np.ones(10, np.bool_)
    assert (blocks(above), signs(above)) == (0.0, 2**-10)
    values = np.arange(10.0)
    assert (lowest(values, 0.05, 2**-11), lowest(values, 0.05, 2**-10), highest(values, 0.05, 2**-10)) == (
        -np.inf,
        0.0,
        9.0,
    )


def test_holm_by_hand() -> None:
    held, levels = holm(np.array([0.02, 0.01, 0.2]), 0.05)
    assert held.tolist() == [True, True, False]
    assert levels == pytest.approx([0.025, 0.05 / 3, 0.05])


@pytest.mark.parametrize(("level", "coin"), [(0.05, 0.05), (0.001, 0.05), (0.05, 0.001)])
def test_bounds_agree_with_chances(level: float, coin: float) -> None:
    logs = np.random.default_rng(3).standard_normal(50)
    low = lowest(logs, level, coin)
    below, over = (logs > low + side for side in (-1e-9, 1e-9))
    assert (blocks(below) <= level, signs(below) <= coin) == (True, True)
    assert blocks(over) > level or signs(over) > coin


def test_visits_are_made_of_factors() -> None:
    """The fixture itself: a factor of 2 is one."""
    assert np.median([v.values["p50"] for v in visits(200, 1, p50=2.0)]) == pytest.approx(200, rel=0.02)
