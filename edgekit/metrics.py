"""How well a model answers, and how much worse another answers on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
_ONE_SIDED_95 = 1.645  # standard normal quantile
#: Without labels the float model's own error is not known; it is taken to be this part of its outputs' spread.
ASSUMED_ERROR = 0.1


@dataclass(frozen=True)
class Drop:
    """What a task's metric lost against the float model.

    drop is relative: 0.01 is one per cent worse. upper is its one-sided 95 % bound over the rows.
    """

    metric: str
    float_value: float
    quantized_value: float
    drop: float
    upper: float
    rms_difference: float  # between the two models' outputs, in the output's units


def rmse(a: Values, b: Values) -> float:
    """Root of the mean squared difference: sqrt(mean((a - b)**2)), in the values' unit.

    Example: rmse([1, 2], [1, 4]) = sqrt((0 + 4) / 2) = 1.414.
    """
    return float(np.sqrt(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)))


def regression_drop(labels: Values | None, floats: Values, quantized: Values) -> Drop:
    """Compare RMSE against labels, float32 [rows, outputs] each; with several outputs the worst one counts.

    The bound comes from the paired differences of squared errors, so what both models get wrong alike
    cancels. It is never below what a difference of this size costs on average, sqrt(1 + d**2 / RMSE**2) - 1:
    on few rows a difference can look like a gain by luck.
    """
    if labels is None:
        labels = floats + _assumed_residual(floats)
    columns = [np.s_[:, i : i + 1] for i in range(floats.shape[1])] if floats.shape[1] <= 16 else [np.s_[:, :]]
    return max((_column_drop(labels[c], floats[c], quantized[c]) for c in columns), key=lambda d: d.upper)


def classification_drop(labels: Values | None, floats: Values, quantized: Values) -> Drop:
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
    upper = float(lost.mean() + _ONE_SIDED_95 * lost.std() / np.sqrt(len(lost)))
    return Drop(
        "top-1", float(right_float.mean()), float(right.mean()), float(lost.mean()), upper, rmse(floats, quantized)
    )


def _column_drop(labels: Values, floats: Values, quantized: Values) -> Drop:
    truth = labels.astype(np.float64)
    error_float = ((floats - truth) ** 2).mean(axis=1)
    error = ((quantized - truth) ** 2).mean(axis=1)
    base = max(float(error_float.mean()), 1e-300)
    worse = error - error_float
    paired = float(worse.mean() + _ONE_SIDED_95 * worse.std() / np.sqrt(len(worse)))
    bound = max(paired, rmse(floats, quantized) ** 2)
    return Drop(
        "rmse",
        float(np.sqrt(base)),
        float(np.sqrt(error.mean())),
        float(np.sqrt(error.mean() / base)) - 1,
        float(np.sqrt(max(1 + bound / base, 0))) - 1,
        rmse(floats, quantized),
    )


def _assumed_residual(floats: Values) -> Values:
    """Return residuals of the assumed size with alternating signs: nothing else is known of them."""
    signs = np.where(np.arange(len(floats)) % 2 == 0, 1.0, -1.0)[:, None]
    spread = np.maximum(floats.std(axis=0, keepdims=True), 1e-12)
    residuals: Values = (ASSUMED_ERROR * spread * signs).astype(np.float32)
    return residuals
