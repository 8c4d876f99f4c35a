"""Accuracy of a candidate against its baseline: what is worse beyond doubt, what is within the margin, what is not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench_runs import run

from edgekit.bench.accuracy import Truth, accuracy_findings, truth_of
from edgekit.bench.policy import SAME, UNKNOWN, WORSE, Policy
from edgekit.bench.records import Answers, Run
from edgekit.bench.verdict import exit_code, judge
from edgekit.config import Config, SliceConfig
from edgekit.data import Dataset

ROWS = 600
RANDOM = np.random.default_rng(5)
LABELS = (10 * RANDOM.normal(size=(ROWS, 1))).astype(np.float32)
BASE = (LABELS + RANDOM.normal(size=LABELS.shape)).astype(np.float32)
NEW_NOISE = RANDOM.normal(size=LABELS.shape).astype(np.float32)
FIRST = np.arange(ROWS) < 60


def answered(candidate: np.ndarray, baseline: np.ndarray = BASE) -> Run:
    """A run whose times are the same; only the answers differ."""
    before, after = (Answers(40, 0, outputs=tuple(map(tuple, a.astype(float).tolist()))) for a in (baseline, candidate))
    return replace(run(), baseline_answers=before, candidate_answers=after)


def spoiled() -> np.ndarray:
    """Ten times the error where FIRST."""
    return np.where(FIRST[:, None], LABELS + 10 * (BASE - LABELS), BASE)


@pytest.mark.parametrize(
    ("candidate", "state", "why"),
    [
        (BASE, SAME, "accuracy: rmse 0.9829 to 0.9829, a drop of +0.00%, between +0.00% and +0.00%; 1.00% allowed: same"),
        (BASE + 0.01 * NEW_NOISE, SAME, ""),
        (BASE + 1.0 * NEW_NOISE, WORSE, ""),
        (LABELS + NEW_NOISE, UNKNOWN, ""),  # another model, as good: 600 rows do not show 1 %
        (np.where(FIRST[:, None], np.nan, BASE), WORSE, "accuracy: 60 of the candidate's 600 answers are not finite: worse"),
        (BASE[:50], UNKNOWN, "accuracy: 600 x 1 answers of the baseline, 50 x 1 of the candidate; give both the same rows"),
        (BASE[:0], UNKNOWN, "accuracy: the candidate did not answer the evaluation rows; let both answer them"),
    ],
)  # fmt: skip
def test_overall(candidate: np.ndarray, state: str, why: str) -> None:
    found = accuracy_findings(answered(candidate), Truth(LABELS), Policy())[0]
    assert found.state == state, found.why
    assert why in ("", found.why)


def test_a_ruined_slice_is_named() -> None:
    truth = Truth(LABELS, {"first sixty": FIRST, "others": ~FIRST})
    verdict = judge(answered(spoiled()), Policy(max_drop=10.0), truth)
    assert exit_code(verdict) == 1
    assert verdict.why == (
        "worse: slice first sixty: 1.181 to 11.81, a drop of +900.00%, at least +900.00%; 5.00% allowed, on 60 rows: worse"
    )


def test_without_labels_the_baseline_is_the_truth() -> None:
    found = accuracy_findings(answered(spoiled()), None, Policy())
    assert [(f.measure, f.state) for f in found] == [("accuracy", WORSE)]
    assert accuracy_findings(answered(BASE), None, Policy())[0].state == SAME


def test_slices_come_from_the_data_and_the_settings() -> None:
    data = Dataset(np.arange(ROWS, dtype=np.float32)[:, None], LABELS, ("age",), "", Path("rows.npz"))
    truth = truth_of(data, Config(slices=(SliceConfig("young", where="age < 60"),)))
    assert (truth.slices["young"] == FIRST).all()
    worse = [f.measure for f in accuracy_findings(answered(spoiled()), truth, Policy()) if f.state == WORSE]
    assert worse[:2] == ["accuracy", "slice young"]


@pytest.mark.parametrize(
    ("truth", "why"),
    [
        (Truth(LABELS[:7]), "accuracy: labels: 7 rows for 600 answers; give the rows that were asked"),
        (Truth(LABELS, {"old": FIRST[:9]}), "accuracy: slice old: 9 rows for 600 answers; give the rows that were asked"),
    ],
)  # fmt: skip
def test_other_rows_are_refused(truth: Truth, why: str) -> None:
    assert accuracy_findings(answered(BASE), truth, Policy())[0].why == why


def test_a_classification() -> None:
    labels = np.eye(3, dtype=np.float32)[np.arange(ROWS) % 3]
    wrong = labels.copy()
    wrong[::5] = np.roll(wrong[::5], 1, axis=1)
    truth = Truth(labels, {}, "classification", "top-1")
    found = accuracy_findings(answered(wrong, labels), truth, Policy())[0]
    assert (found.state, found.baseline, found.candidate) == (WORSE, 1.0, 0.8)
    assert found.ratio == pytest.approx(0.8)
    assert found.low is not None and found.high is not None and found.low < 0.8 < found.high < 0.85


def test_more_pairs_do_not_settle_accuracy() -> None:
    verdict = judge(answered(LABELS + NEW_NOISE), truth=Truth(LABELS))
    assert (verdict.state, verdict.settled) == (UNKNOWN, True)
