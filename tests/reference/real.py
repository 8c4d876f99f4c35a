"""Operators in float32: one operation in float32, or in float64 and rounded where no bits are specified."""

from __future__ import annotations

import math

import numpy as np

from edgekit.graph import Array
from reference.call import ACTIVATIONS, Call, F

_EXACT = {
    "RELU": lambda x: np.where(x < 0, F(0), x),
    "RELU6": lambda x: np.clip(x, F(0), F(6)),
    "RELU_N1_TO_1": lambda x: np.clip(x, F(-1), F(1)),
    "ABS": np.abs,
    "NEG": np.negative,
    "SQUARE": np.square,
}
#: In float64.
FUNCTIONS = {
    "SQRT": np.sqrt,
    "RSQRT": lambda x: 1 / np.sqrt(x),
    "EXP": np.exp,
    "LOG": np.log,
    "LOGISTIC": lambda x: 1 / (1 + np.exp(-x)),
    "TANH": np.tanh,
    "ELU": lambda x: np.where(x < 0, np.expm1(x), x),
    "HARD_SWISH": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "GELU": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
}


def exact(call: Call) -> Array:
    return _EXACT[call.op.kind](call.values[0])


def near(call: Call) -> Array:
    x = call.values[0].astype(np.float64)
    if call.op.options.get("approximate"):  # GELU
        return (x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2).astype(F)
    return FUNCTIONS[call.op.kind](x).astype(F)


def leaky_relu(call: Call) -> Array:
    x = call.values[0]
    return np.where(x < 0, x * F(call.op.options["alpha"]), x)


def softmax(call: Call) -> Array:
    x = call.values[0].astype(np.float64)
    parts = np.exp(call.op.options["beta"] * (x - x.max(axis=-1, keepdims=True)))
    return (parts / parts.sum(axis=-1, keepdims=True)).astype(F)


def fully_connected(call: Call) -> Array:
    """Weights [units, inputs]; every product and sum in float64."""
    x, weights, *bias = (value.astype(np.float64) for value in call.values)
    sums = x.reshape(-1, weights.shape[1]) @ weights.T + (bias[0] if bias else 0)
    return np.clip(sums, *ACTIVATIONS[call.op.activation]).astype(F).reshape(call.output.shape)
