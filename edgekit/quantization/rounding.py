"""Weights to integers so that a layer's output moves least, not each weight on its own.

Rounding errors are passed on to the weights not yet rounded, as in optimal brain quantization (Frantar et
al., "GPTQ", arXiv 2210.17323): with the inputs' covariance C = L L^T of the inverse, the error of column k
is taken back by the columns behind it. What is left on average goes into the bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.graph import Quant

#: Part of the mean variance added to the covariance's diagonal, so that dead or tied inputs do no harm.
DAMPING = 0.01


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean float64 [n] and covariance float64 [n, n] of a layer's inputs over the calibration rows."""

    mean: npt.NDArray[np.float64]
    covariance: npt.NDArray[np.float64]


#: Scales that are tried for each unit, relative to the one that reaches its largest weight.
SCALE_FACTORS = np.linspace(0.7, 1.15, 46)
_MAX_SEARCH_WORK = 2_000_000_000  # multiply-adds; larger layers keep the plain scale


@dataclass(frozen=True, eq=False)
class RoundedWeights:
    """int8 weights [units, n], their parameters, and what to add to the bias, float64 [units]."""

    integers: npt.NDArray[np.int8]
    quant: Quant
    bias_shift: npt.NDArray[np.float64]


def round_weights(weights: npt.NDArray[np.float32], quant: Quant, moments: Moments) -> RoundedWeights:
    """Round float32 weights [units, n] for inputs with these moments; each unit takes its best scale."""
    exact = weights.astype(np.float64)
    feedback = _feedback(moments.covariance)
    scale = quant.scale.astype(np.float64)
    work = weights.size * weights.shape[1] * len(SCALE_FACTORS)
    best = np.full(len(exact), np.inf)
    integers, chosen = np.zeros(weights.shape, np.int8), scale.copy()
    for factor in SCALE_FACTORS if work <= _MAX_SEARCH_WORK else (1.0,):
        tried = (scale * factor).astype(np.float32).astype(np.float64)
        rounded = _pass_on(exact, tried, feedback)
        error = exact - rounded * tried[:, None]
        cost = np.einsum("ui,ij,uj->u", error, moments.covariance, error, optimize=True)
        better = cost < best
        best[better], integers[better], chosen[better] = cost[better], rounded[better], tried[better]
    shift = (exact - integers * chosen[:, None]) @ moments.mean
    return RoundedWeights(integers, Quant(chosen.astype(np.float32), quant.zero_point, quant.axis), shift)


def _feedback(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the upper Cholesky factor of the damped covariance's inverse."""
    variance = np.diag(covariance)
    damping = DAMPING * max(float(variance.mean()), 1e-12)
    inverse = np.linalg.inv(covariance + damping * np.eye(len(variance)))
    return np.linalg.cholesky((inverse + inverse.T) / 2).T


def _pass_on(
    weights: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], feedback: npt.NDArray[np.float64]
) -> npt.NDArray[np.int8]:
    left = weights.copy()
    integers = np.zeros(weights.shape, np.int8)
    for k in range(weights.shape[1]):
        column = np.clip(np.rint(left[:, k] / scale), -127, 127)
        integers[:, k] = column
        error = (left[:, k] - column * scale) / feedback[k, k]
        left[:, k + 1 :] -= np.outer(error, feedback[k, k + 1 :])
    return integers
