"""The verdict on a run: better, same, worse, or cannot tell. Pure; docs/verdict.md explains and measures it.

worse        some measure's lower bound is above the smallest change that counts, with Holm over the measures
same         every measure's upper bound is below it
better       the same as `same`, and some measure's upper bound is below the smallest gain that counts
cannot tell  none of these: measure more pairs, or the device cannot be trusted
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgekit.bench.accuracy import Truth, accuracy_findings
from edgekit.bench.measures import EXACT, MEASURES, PAIRED
from edgekit.bench.policy import BETTER, SAME, UNKNOWN, WORSE, Finding, Policy, Verdict
from edgekit.bench.ratios import COIN, blocks, highest, holm, lowest, share, signs
from edgekit.bench.records import Pair, Run, Visit
from edgekit.bench.samples import Samples, all_samples, order_trouble, values_of

__all__ = ["BETTER", "SAME", "UNKNOWN", "WORSE", "Finding", "Policy", "Truth", "Verdict", "exit_code", "judge"]

Values = npt.NDArray[np.float64]
_EXIT = {BETTER: 0, SAME: 0, WORSE: 1, UNKNOWN: 3}
#: The part of the visits that an absolute budget must hold for, as Core Web Vitals have it.
_BUDGET_AT = 0.75


def judge(run: Run, policy: Policy | None = None, truth: Truth | None = None) -> Verdict:
    """Judge a candidate beside its baseline; a bundle alone is held to absolute budgets and its golden rows only.

    truth: labels and slices of the evaluation rows, for accuracy. Asked after each doubling of the pairs; what all
    looks together may spend is bounded (ratios.share).
    """
    policy = policy or Policy()
    alone = _alone(run, policy)
    if run.baseline is None:
        return _sum(alone, {}, "" if alone else "there is no baseline and no budget: measured, nothing to judge")
    if len(run.pairs) < policy.min_pairs:
        return _refused(alone, f"{_count(len(run.pairs))} cannot be judged; {policy.min_pairs} are the fewest")
    trouble = order_trouble(run.pairs)
    if trouble:
        return _refused(alone, trouble)
    distrust = _self_test(run.self_test, policy)
    paired = _paired(run.pairs, policy)
    exact = tuple(_exact(s, policy) for s in all_samples(run.pairs, EXACT))
    answered = accuracy_findings(run, truth, policy)
    if distrust:  # what needs no clock still counts
        paired = tuple(_untrusted(f, distrust) for f in paired)
    return _sum((*paired, *exact, *answered, *alone), detectable(run, policy), distrust)


def exit_code(verdict: Verdict) -> int:
    """Return 0 for same and better, 1 for worse, 3 for cannot tell."""
    return _EXIT[verdict.state]


def chances(logs: Values, smallest: Values | float) -> Values:
    """Return how likely the change is none that counts: [..., 3 (worse, better, same), 2 (bootstrap, coin)].

    logs: log ratios [..., pairs]; smallest: the log ratio that counts, [...].
    """
    counts = np.asarray(smallest)[..., None]
    flags = np.stack([logs > counts, -logs > counts, logs < counts], axis=-2)
    return np.stack([blocks(flags), signs(flags)], axis=-1)


def states(found: Values, alpha: float) -> npt.NDArray[np.str_]:
    """Return each measure's state from its chances, [..., measures, 3, 2].

    A regression or a gain of one measure among many is held to Holm's levels; "same" needs no such correction, since it
    must hold for every measure before the run is called so.
    """
    worse, better, same = (found[..., i, 0] for i in range(3))
    slower, faster, alike = (found[..., i, 1] for i in range(3))
    names = np.where((same <= alpha) & (alike <= alpha), SAME, UNKNOWN)
    names = np.where(holm(better, alpha)[0] & (faster <= COIN * alpha), BETTER, names)
    return np.where(holm(worse, alpha)[0] & (slower <= COIN * alpha), WORSE, names)


def detectable(run: Run, policy: Policy) -> dict[str, float]:
    """Return by measure the relative change that the device would tell from none 19 times in 20, from its self-test.

    Twice the width from the median to its one-sided bound, brought to the run's number of pairs by its square root.
    """
    found = {}
    for sample in all_samples(run.self_test, PAIRED):
        count = len(sample.baseline)
        if sample.trouble or count < policy.min_pairs:
            continue
        alpha = 1 - policy.confidence
        width = highest(sample.logs, alpha, alpha) - lowest(sample.logs, alpha, alpha)
        found[sample.measure.name] = math.expm1(width * math.sqrt(count / max(len(run.pairs), count)))
    return found


def _self_test(pairs: Sequence[Pair], policy: Policy) -> str:
    """Return why the device cannot be trusted, "" where its self-test sees no change."""
    if len(pairs) < policy.min_pairs:
        few = f"the self-test has only {_count(len(pairs))}" if pairs else "there is no self-test"
        return f"{few}, so it is not known what this device sees; {policy.min_pairs} pairs are the fewest"
    trouble = order_trouble(pairs)
    if trouble:
        return f"self-test: {trouble}"
    seen = [f for f in _paired(pairs, policy) if f.state in (WORSE, BETTER)]
    if seen:
        times = f"{seen[0].measure} {seen[0].ratio:.2f} times its own"
        return f"the self-test finds the baseline different from itself ({times}), so this device cannot be trusted now"
    return ""


def _paired(pairs: Sequence[Pair], policy: Policy) -> tuple[Finding, ...]:
    every = [_readable(s, policy) for s in all_samples(pairs, PAIRED)]
    usable = [s for s in every if not s.trouble]
    bad = tuple(
        Finding(s.measure.name, s.measure.unit, UNKNOWN, None, None, None, None, None, len(s.baseline), s.trouble)
        for s in every
        if s.trouble
    )
    if not usable:
        return bad
    alpha = (1 - policy.confidence) * share(len(pairs))
    smallest = [_smallest(s, policy) for s in usable]
    likely = np.array([chances(s.logs, d) for s, d in zip(usable, smallest, strict=True)])
    levels = holm(likely[:, 0, 0], alpha)[1]
    found = zip(usable, smallest, states(likely, alpha), levels, strict=True)
    return (*(_finding(s, d, str(state), (float(level), alpha)) for s, d, state, level in found), *bad)


def _readable(sample: Samples, policy: Policy) -> Samples:
    """Say so where the clock reads 0 most of the time, unless such times are too short to matter."""
    name = sample.measure.name
    both = np.concatenate([sample.baseline, sample.candidate])
    if sample.trouble or policy.floors.get(name) or np.median(both) > 0:
        return sample
    return replace(sample, trouble=f"{name} is 0 in most visits: too short for this clock; measure more calls at once")


def _smallest(sample: Samples, policy: Policy) -> float:
    """Return the smallest log ratio that counts."""
    middle = max(float(np.median(sample.baseline)), sample.step)
    return math.log1p(policy.smallest(sample.measure.name, middle))


def _finding(sample: Samples, smallest: float, state: str, levels: tuple[float, float]) -> Finding:
    """Put a measure in words; levels: of the lower bound after Holm, and of this look."""
    middle, alpha = float(np.median(sample.logs)), levels[1]
    low, high = lowest(sample.logs, levels[0], COIN * alpha), highest(sample.logs, alpha, alpha)
    name, pairs = sample.measure.name, len(sample.baseline)
    ratio, below, over = math.exp(middle), _bound(low), _bound(high)
    said = {
        WORSE: f"at least {math.exp(low):.2f}" if below else "",
        BETTER: f"at most {math.exp(high):.2f}" if over else "",
        SAME: f"at most {math.exp(high):.2f}, and {math.exp(smallest):.2f} would count" if over else "",
        UNKNOWN: f"between {_shown(below)} and {_shown(over)}, and {math.exp(smallest):.2f} would count",
    }[state]
    why = f"{name} is {ratio:.2f} times the baseline's ({said}): {state}"
    if state == UNKNOWN:
        why += f" with {pairs} pairs"
    medians = (float(np.median(sample.baseline)), float(np.median(sample.candidate)))
    return Finding(name, sample.measure.unit, state, ratio, below, over, *medians, pairs, why)


def _exact(sample: Samples, policy: Policy) -> Finding:
    """Hold a number without noise to its budget of growth; where it varies, the largest of each side counts."""
    m = sample.measure
    if sample.trouble:
        return Finding(m.name, m.unit, UNKNOWN, None, None, None, None, None, len(sample.baseline), sample.trouble)
    before, after = float(sample.baseline.max()), float(sample.candidate.max())
    budget = policy.growth.get(m.name, 0.0)
    limit = before * (1 + budget)
    state = WORSE if after > limit else BETTER if after * (1 + budget) < before else SAME
    ratio = after / before if before else None
    grown = "" if ratio is None else f"{_percent(ratio - 1)}, "
    said = f"{m.name}: {after:,.0f} after {before:,.0f} ({grown}{_percent(budget)} allowed): {state}"
    return Finding(m.name, m.unit, state, ratio, None, None, before, after, len(sample.baseline), said)


def _alone(run: Run, policy: Policy) -> tuple[Finding, ...]:
    """Judge what needs no baseline: golden rows and absolute budgets of the candidate."""
    visits = run.visits or tuple(p.candidate for p in run.pairs)
    found = [_budget(visits, name, limit) for name, limit in policy.budgets.items()]
    return (*_answers(run), *(f for f in found if f is not None))


def _answers(run: Run) -> tuple[Finding, ...]:
    answers = run.candidate_answers
    if answers is None or not answers.golden_rows:
        return ()
    rows, wrong = answers.golden_rows, answers.golden_wrong
    if not wrong:
        why = f"answers: all {rows} golden rows are as the bundle promises: same"
        return (Finding("answers", "rows", SAME, None, None, None, None, 0.0, 0, why),)
    detail = f" ({answers.detail})" if answers.detail else ""
    why = f"answers changed: {wrong} of {rows} golden rows are not what the bundle promises{detail}: worse"
    return (Finding("answers", "rows", WORSE, None, None, None, None, float(wrong), 0, why),)


def _budget(visits: Sequence[Visit], name: str, limit: float) -> Finding | None:
    values, m = values_of(visits, name), MEASURES[name]
    if not len(values):
        return None
    seen = float(np.quantile(values, _BUDGET_AT))
    state = WORSE if seen > limit else SAME
    unit = f" {m.unit}" if m.unit else ""
    held = "over" if seen > limit else "within"
    why = f"{name}: {seen:.4g}{unit} at the 75th percentile, {held} the budget of {limit:.4g}{unit}: {state}"
    return Finding(f"{name} budget", m.unit, state, None, None, None, limit, seen, len(values), why)


def _untrusted(finding: Finding, why: str) -> Finding:
    values = (finding.ratio, finding.low, finding.high, finding.baseline, finding.candidate, finding.pairs)
    return Finding(finding.measure, finding.unit, UNKNOWN, *values, f"{finding.measure}: {why}: cannot tell")


def _refused(findings: tuple[Finding, ...], why: str) -> Verdict:
    state = WORSE if any(f.state == WORSE for f in findings) else UNKNOWN
    return Verdict(state, findings, {}, state == WORSE, f"{state}: {why}")


def _sum(findings: tuple[Finding, ...], seen: dict[str, float], distrust: str) -> Verdict:
    by = {state: [f for f in findings if f.state == state] for state in (WORSE, UNKNOWN, BETTER, SAME)}
    state = next((s for s in (WORSE, UNKNOWN, BETTER) if by[s]), SAME)
    noisy, slower = ([f for f in by[s] if f.measure in MEASURES and f.ratio is not None] for s in (UNKNOWN, WORSE))
    slower = [f for f in slower if MEASURES[f.measure].judged == PAIRED]
    settled = bool(distrust) or not noisy or bool(slower)
    if state == UNKNOWN and distrust:
        return Verdict(state, findings, seen, settled, f"{state}: {distrust}")
    if state == SAME:
        said = distrust or f"no change that counts in {len(by[SAME])} measures"
    else:
        said = "; ".join(f.why for f in by[state][:3]) + (f"; and {len(by[state]) - 3} more" if by[state][3:] else "")
    return Verdict(state, findings, seen, settled, f"{state}: {said}")


def _bound(log: float) -> float | None:
    return math.exp(log) if math.isfinite(log) else None


def _shown(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:.2f}"


def _count(pairs: int) -> str:
    return "no pairs" if not pairs else "1 pair" if pairs == 1 else f"{pairs} pairs"


def _percent(value: float) -> str:
    return f"{value:+.1%}" if value else "0 %"
