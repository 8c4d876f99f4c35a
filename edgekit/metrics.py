"""How well a model answers, and how much worse another answers on the same rows."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgekit.errors import InputError

Values = npt.NDArray[np.float32]
_MISSED = 0.05  # how often a bound may be too low
#: Without labels the float model's own error is not known; it is taken to be this part of its outputs' spread.
ASSUMED_ERROR = 0.1


@dataclass(frozen=True)
class Drop:
    """What a task's metric lost against the float model.

    drop is relative: 0.01 is one per cent worse. upper is its one-sided 95 % bound over the rows, which counts how many
    models were tried on them (see `compare`).
    """

    metric: str
    float_value: float
    quantized_value: float
    drop: float
    upper: float
    rms_difference: float  # between the two models' outputs, in the output's units


#: Of regressions; a classification has top-1, and anything else is a function: "module:function".
METRICS = ("rmse", "mae", "r2", "top-1")
_DRAWS = 500
_Score = Callable[[Values, Values], float]


def compare(metric: str, labels: Values | None, floats: Values, quantized: Values, looks: int = 1) -> Drop:
    """Compare two models on the same rows by one of METRICS, or by "module:function".

    A function of one's own gets labels and outputs, float32 [rows, outputs], and returns a number: less is better, or
    more where the function has an attribute `more_is_better` that is true. Its bound is a paired bootstrap over rows.
    looks: which model it is that is tried on these rows. The first that holds is taken, which flatters it, so each
    bound may be too low with 5 % / looks only (Bonferroni).
    """
    if metric == "top-1":
        return classification_drop(labels, floats, quantized, looks)
    if metric in ("rmse", "mae", "r2"):
        return regression_drop(labels, floats, quantized, metric, looks)
    if labels is None:
        raise InputError(f"the metric {metric} needs labels, and the data has none; give y, or use rmse")
    return _own_drop(metric, labels, floats, quantized, looks)


def rmse(a: Values, b: Values) -> float:
    """Root of the mean squared difference: sqrt(mean((a - b)**2)), in the values' unit.

    Example: rmse([1, 2], [1, 4]) = sqrt((0 + 4) / 2) = 1.414.
    """
    return float(np.sqrt(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)))


def regression_drop(
    labels: Values | None, floats: Values, quantized: Values, metric: str = "rmse", looks: int = 1
) -> Drop:
    """Compare rmse, mae or r2 against labels, float32 [rows, outputs] each; with several outputs the worst one counts.

    The bound comes from the paired differences of squared errors, so what both models get wrong alike
    cancels. It is never below what a difference of this size costs on average, sqrt(1 + d**2 / RMSE**2) - 1:
    on few rows a difference can look like a gain by luck.
    """
    if labels is None:
        labels = floats + _assumed_residual(floats)
    columns = [np.s_[:, i : i + 1] for i in range(floats.shape[1])] if floats.shape[1] <= 16 else [np.s_[:, :]]
    judge = {"rmse": _column_drop, "mae": _mae_drop, "r2": _r2_drop}[metric]
    return max((judge(labels[c], floats[c], quantized[c], looks) for c in columns), key=lambda d: d.upper)


def classification_drop(labels: Values | None, floats: Values, quantized: Values, looks: int = 1) -> Drop:
    """Compare top-1 accuracy; labels are class numbers [rows, 1] or one-hot [rows, classes].

    Without labels the float model's own choice is the label.
    """
    if labels is None:
        truth = floats.argmax(axis=1)
    else:
        truth = labels[:, 0].astype(np.int64) if labels.shape[1] == 1 else labels.argmax(axis=1)
    right_float = (floats.argmax(axis=1) == truth).astype(np.float64)
    right = (quantized.argmax(axis=1) == truth).astype(np.float64)
    base = max(float(right_float.mean()), 1e-12)
    lost = (right_float - right) / base
    upper = float(lost.mean() + _reach(looks) * lost.std() / np.sqrt(len(lost)))
    return Drop(
        "top-1", float(right_float.mean()), float(right.mean()), float(lost.mean()), upper, rmse(floats, quantized)
    )


def _column_drop(labels: Values, floats: Values, quantized: Values, looks: int) -> Drop:
    truth = labels.astype(np.float64)
    error_float = ((floats - truth) ** 2).mean(axis=1)
    error = ((quantized - truth) ** 2).mean(axis=1)
    base = max(float(error_float.mean()), 1e-300)
    worse = error - error_float
    paired = float(worse.mean() + _reach(looks) * worse.std() / np.sqrt(len(worse)))
    bound = max(paired, rmse(floats, quantized) ** 2)
    return Drop(
        "rmse",
        float(np.sqrt(base)),
        float(np.sqrt(error.mean())),
        float(np.sqrt(error.mean() / base)) - 1,
        float(np.sqrt(max(1 + bound / base, 0))) - 1,
        rmse(floats, quantized),
    )


def _mae_drop(labels: Values, floats: Values, quantized: Values, looks: int) -> Drop:
    """Mean absolute error, mean(|a - b|); the bound comes from the paired differences."""
    truth = labels.astype(np.float64)
    before, after = (np.abs(v - truth).mean(axis=1) for v in (floats, quantized))
    base = max(float(before.mean()), 1e-300)
    worse = after - before
    upper = float(worse.mean() + _reach(looks) * worse.std() / np.sqrt(len(worse)))
    drop = float(worse.mean()) / base
    return Drop("mae", base, float(after.mean()), drop, upper / base, rmse(floats, quantized))


def _r2_drop(labels: Values, floats: Values, quantized: Values, looks: int) -> Drop:
    """R2 = 1 - mean squared error / variance of the labels; the drop is relative to the float model's R2."""
    by_rmse = _column_drop(labels, floats, quantized, looks)
    variance = max(float(labels.astype(np.float64).var()), 1e-300)
    before, after, upper = (
        1 - value**2 / variance
        for value in (by_rmse.float_value, by_rmse.quantized_value, by_rmse.float_value * (1 + by_rmse.upper))
    )
    base = max(abs(before), 1e-12)
    return Drop("r2", before, after, (before - after) / base, (before - upper) / base, by_rmse.rms_difference)


def _own_drop(metric: str, labels: Values, floats: Values, quantized: Values, looks: int) -> Drop:
    score = load_metric(metric)
    sign = -1 if getattr(score, "more_is_better", False) else 1

    def lost(rows: npt.NDArray[np.int64]) -> tuple[float, float, float]:
        before, after = (float(score(labels[rows], v[rows])) for v in (floats, quantized))
        return before, after, sign * (after - before) / max(abs(before), 1e-12)

    before, after, drop = lost(np.arange(len(labels)))
    draws = np.random.default_rng(0).integers(0, len(labels), (_DRAWS, len(labels)))
    upper = float(np.quantile([lost(rows)[2] for rows in draws], 1 - _MISSED / looks))
    if not np.isfinite([before, after, upper]).all():
        raise InputError(f"the metric {metric} returned {before:g} and {after:g}; it must return finite numbers")
    return Drop(metric, before, after, drop, max(upper, drop), rmse(floats, quantized))


def load_metric(metric: str) -> _Score:
    """Return the function that "module:function" names; the current folder is searched first."""
    module, _, name = metric.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"the metric {metric} cannot be loaded: {error}; write it as module:function") from None
    finally:
        sys.path.pop(0)
    score: _Score = found
    return score


def _reach(looks: int) -> float:
    """Return how many standard errors a one-sided bound is away: the standard normal quantile, 1.645 for one look."""
    return NormalDist().inv_cdf(1 - _MISSED / looks)


def _assumed_residual(floats: Values) -> Values:
    """Return residuals of the assumed size with alternating signs: nothing else is known of them."""
    signs = np.where(np.arange(len(floats)) % 2 == 0, 1.0, -1.0)[:, None]
    spread = np.maximum(floats.std(axis=0, keepdims=True), 1e-12)
    residuals: Values = (ASSUMED_ERROR * spread * signs).astype(np.float32)
    return residuals
