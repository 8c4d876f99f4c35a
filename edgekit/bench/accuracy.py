"""Accuracy of a candidate against its baseline on the same evaluation rows: paired non-inferiority. Pure.

The answers are the device's own. A difference is held to a margin of the policy: worse where even its lower bound is
beyond the margin, same where its upper bound is within, overall; a slice fails only where it is worse beyond doubt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekit.bench.policy import SAME, UNKNOWN, WORSE, Finding, Policy
from edgekit.bench.records import Run
from edgekit.config import Config, metric_of
from edgekit.data import Dataset
from edgekit.metrics import Drop, compare
from edgekit.slices import UNKNOWN as UNTOLD
from edgekit.slices import WORSE as SLICE_WORSE
from edgekit.slices import Judged, Slice, compare_slices, slices_of

Values = npt.NDArray[np.float32]
MAX_SLICES = 5
#: Groups of the jackknife, and Student's one-sided 95 % quantiles of 49 and of 9 degrees of freedom.
_GROUPS, _STUDENT_50, _STUDENT_10 = 50, 1.677, 1.833


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the evaluation rows, in the order in which the run answered them.

    labels: float32 [rows, outputs], None where there are none: then the baseline's answers are the truth. slices: name
    -> the rows that belong to it, bool [rows]. metric: rmse, mae, r2, top-1 or "module:function".
    """

    labels: Values | None = None
    slices: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    task: str = "regression"
    metric: str = "rmse"


def truth_of(data: Dataset, config: Config, baseline: Values | None = None) -> Truth:
    """Return what a data file and edgekit.toml know of the rows.

    baseline: its answers, which cut the target into tenths where there are no labels.
    """
    answers = data.labels if data.labels is not None else baseline
    slices = {} if answers is None else slices_of(Judged(data, answers, answers), config)
    return Truth(data.labels, slices, config.task, metric_of(config))


def accuracy_findings(run: Run, truth: Truth | None, policy: Policy) -> tuple[Finding, ...]:
    """Judge the answers on the evaluation rows; nothing where neither side has any."""
    truth = truth or Truth()
    sides = [a.outputs if a is not None else () for a in (run.baseline_answers, run.candidate_answers)]
    if not any(sides):
        return ()
    trouble = _trouble(sides, truth)
    if trouble:
        return (_unjudged(UNKNOWN, len(sides[1]), f"accuracy: {trouble}"),)
    before, after = (np.array(side, np.float32) for side in sides)
    broken = int((~np.isfinite(after)).any(axis=1).sum())
    if broken:
        why = f"accuracy: {broken} of the candidate's {len(after)} answers are not finite: worse"
        return (_unjudged(WORSE, len(after), why),)
    overall = _overall(compare(truth.metric, truth.labels, before, after), _lowest(truth, before, after), policy, after)
    data = Dataset(np.zeros((len(after), 0), np.float32), truth.labels, (), "", Path())
    found = compare_slices(Judged(data, before, after), truth.slices, truth.task, policy.max_slice_drop)
    return (overall, *_slices(found, policy))


def _trouble(sides: list[tuple[tuple[float, ...], ...]], truth: Truth) -> str:
    """Say why the answers cannot be compared."""
    (before, after), names = sides, ("baseline", "candidate")
    for i, side in enumerate(sides):
        if not side:
            return f"the {names[i]} did not answer the evaluation rows; let both answer them"
        if len({len(row) for row in side}) != 1:
            return f"the {names[i]}'s rows have different lengths; look at the runner"
    if (len(before), len(before[0])) != (len(after), len(after[0])):
        shapes = f"{len(before)} x {len(before[0])} answers of the baseline, {len(after)} x {len(after[0])}"
        return f"{shapes} of the candidate; give both the same rows"
    if not np.isfinite(np.array(before)).all():
        return "the baseline's answers are not all finite; take another baseline"
    lengths = {"labels": len(after) if truth.labels is None else len(truth.labels)}
    lengths |= {f"slice {name}": len(mask) for name, mask in truth.slices.items()}
    wrong = next(((name, count) for name, count in lengths.items() if count != len(after)), None)
    return f"{wrong[0]}: {wrong[1]} rows for {len(after)} answers; give the rows that were asked" if wrong else ""


def _lowest(truth: Truth, before: Values, after: Values) -> float:
    """Return the one-sided 95 % lower bound of the drop: a jackknife that leaves out one of up to 50 groups of rows.

    The variance is (g - 1) / g * sum((drop without a group - their mean)**2), the reach Student's quantile of g - 1.
    """
    whole, rows = compare(truth.metric, truth.labels, before, after).drop, len(after)
    count = min(_GROUPS, rows)
    if count < 10:
        return -math.inf
    group = np.random.default_rng(0).permutation(rows) % count
    left = []
    for i in range(count):
        kept = group != i
        labels = None if truth.labels is None else truth.labels[kept]
        left.append(compare(truth.metric, labels, before[kept], after[kept]).drop)
    error = math.sqrt((count - 1) / count * float(((np.array(left) - np.mean(left)) ** 2).sum()))
    return whole - (_STUDENT_50 if count == _GROUPS else _STUDENT_10) * error


def _grows(drop: Drop) -> bool:
    """Tell whether a larger value of the metric is worse."""
    return drop.drop * (drop.quantized_value - drop.float_value) >= 0


def _overall(drop: Drop, low: float, policy: Policy, answers: Values) -> Finding:
    margin, rows = policy.max_drop, len(answers)
    state = WORSE if low > margin else SAME if drop.upper <= margin else UNKNOWN
    values = f"{drop.metric} {drop.float_value:.4g} to {drop.quantized_value:.4g}"
    held = f"a drop of {drop.drop:+.2%}, between {low:+.2%} and {drop.upper:+.2%}; {margin:.2%} allowed"
    why = f"accuracy: {values}, {held}: {state}" + (f" with {rows} rows" if state == UNKNOWN else "")
    sign = 1 if _grows(drop) else -1
    ends = sorted((1 + sign * low, 1 + sign * drop.upper))
    ratio = 1 + sign * drop.drop
    return Finding(
        "accuracy", drop.metric, state, ratio, ends[0], ends[1], drop.float_value, drop.quantized_value, rows, why
    )


def _slices(found: tuple[Slice, ...], policy: Policy) -> tuple[Finding, ...]:
    """Return a finding for each slice that is worse, the worst first, or one for all of them."""
    worse = [s for s in found if s.state == SLICE_WORSE]
    if not found:
        return ()
    if not worse:
        untold = sum(s.state == UNTOLD for s in found)
        rest = f"; {untold} have too few rows to be sure" if untold else ""
        why = f"slices: none of {len(found)} is worse by {policy.max_slice_drop:.2%} beyond doubt{rest}: same"
        return (Finding("slices", "", SAME, None, None, None, None, None, max(s.rows for s in found), why),)
    return tuple(_slice(s, policy) for s in worse[:MAX_SLICES])


def _slice(s: Slice, policy: Policy) -> Finding:
    allowed = f"at least {s.low or 0:+.2%}; {policy.max_slice_drop:.2%} allowed"
    values = f"{s.float_value:.4g} to {s.quantized_value:.4g}, a drop of {s.drop:+.2%}"
    why = f"slice {s.name}: {values}, {allowed}, on {s.rows} rows: worse"
    return Finding(f"slice {s.name}", "", WORSE, None, None, None, s.float_value, s.quantized_value, s.rows, why)


def _unjudged(state: str, rows: int, why: str) -> Finding:
    return Finding("accuracy", "", state, None, None, None, None, None, rows, why)
