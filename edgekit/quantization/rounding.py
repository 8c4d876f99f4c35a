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

Float64 = npt.NDArray[np.float64]
#: Part of the mean variance added to the covariance's diagonal, so that dead or tied inputs do no harm.
DAMPING = 0.01


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean float64 [groups, n] and covariance float32 [groups, n, n] of a layer's inputs over the calibration rows.

    One group for all units, or one for each unit.
    """

    mean: Float64
    covariance: npt.NDArray[np.float32]


#: Scales that are tried for each unit, relative to the one that reaches its largest weight.
SCALE_FACTORS = np.linspace(0.7, 1.15, 46)
_MAX_SEARCH_WORK = 4_000_000_000  # multiply-adds; larger layers try fewer scales
_BLOCK = 32


@dataclass(frozen=True, eq=False)
class RoundedWeights:
    """int8 weights [units, n], their parameters, and what to add to the bias, float64 [units]."""

    integers: npt.NDArray[np.int8]
    quant: Quant
    bias_shift: Float64


def round_weights(weights: npt.NDArray[np.float32], quant: Quant, moments: Moments) -> RoundedWeights:
    """Round float32 weights [units, n] for inputs with these moments; each unit takes its best scale."""
    exact = weights.astype(np.float64)
    covariance = moments.covariance.astype(np.float64)
    feedback = _feedback(covariance)
    scale = quant.scale.astype(np.float64)
    work = weights.size * weights.shape[1] * len(SCALE_FACTORS)
    thinned = SCALE_FACTORS[:: -(-work // _MAX_SEARCH_WORK)] if work else SCALE_FACTORS
    best = np.full(len(exact), np.inf)
    integers, chosen = np.zeros(weights.shape, np.int8), scale.copy()
    for factor in dict.fromkeys((*thinned.tolist(), 1.0)):
        tried = (scale * factor).astype(np.float32).astype(np.float64)
        rounded = _pass_on(exact, tried, feedback)
        cost = _cost(exact - rounded * tried[:, None], covariance)
        better = cost < best
        best[better], integers[better], chosen[better] = cost[better], rounded[better], tried[better]
    shift = ((exact - integers * chosen[:, None]) * moments.mean).sum(axis=1)
    return RoundedWeights(integers, Quant(chosen.astype(np.float32), quant.zero_point, quant.axis), shift)


def _cost(error: Float64, covariance: Float64) -> Float64:
    """Return the variance that errors [units, n] of the weights add to each unit's output."""
    if len(covariance) == 1:
        cost: Float64 = ((error @ covariance[0]) * error).sum(axis=1)
    else:
        cost = ((error[:, None] @ covariance)[:, 0] * error).sum(axis=1)
    return cost


def _feedback(covariance: Float64) -> Float64:
    """Return the upper Cholesky factors of the damped covariances' inverses."""
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    damping = DAMPING * np.maximum(variance.mean(axis=1), 1e-12)
    inverse = np.linalg.inv(covariance + damping[:, None, None] * np.eye(variance.shape[1]))
    return np.linalg.cholesky((inverse + inverse.transpose(0, 2, 1)) / 2).transpose(0, 2, 1)


def _pass_on(weights: Float64, scale: Float64, feedback: Float64) -> npt.NDArray[np.int8]:
    """Round column by column; what is behind a block of columns hears of its errors once, which is much faster."""
    left = weights.T.copy()  # [n, units]: a column of weights lies together in memory
    integers = np.zeros(left.shape, np.int8)
    for start in range(0, len(left), _BLOCK):
        stop = min(start + _BLOCK, len(left))
        errors = np.empty((stop - start, left.shape[1]))
        for k in range(start, stop):
            row = np.where(weights[:, k] == 0, 0, np.clip(np.rint(left[k] / scale), -127, 127))  # pruned stays pruned
            integers[k] = row
            errors[k - start] = error = (left[k] - row * scale) / feedback[:, k, k]
            left[k + 1 : stop] -= feedback[:, k, k + 1 : stop].T * error
        behind = feedback[:, start:stop, stop:]
        if len(behind) == 1:
            left[stop:] -= behind[0].T @ errors
        elif stop < len(left):
            left[stop:] -= (errors.T[:, None] @ behind)[:, 0].T
    return np.ascontiguousarray(integers.T)
