"""FULLY_CONNECTED, SOFTMAX and functions of one value in float32: equal to the interpreter, or near it."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Array, Op
from edgekit.lowering.context import Context, Field, Refused
from edgekit.lowering.requantization import float_bounds

#: The kinds of wasm/kernels/unary_f32.c, and what each takes with it. lowering/nearness.py names those that are near.
_CLAMP = 0
_CLAMPS = {"RELU": (0.0, np.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}
_KINDS = {"ABS": 1, "NEG": 2, "SQUARE": 3, "SQRT": 4, "LEAKY_RELU": 5, "EXP": 6, "LOG": 7, "RSQRT": 8}
_KINDS |= {"LOGISTIC": 9, "TANH": 10, "ELU": 11, "HARD_SWISH": 12, "GELU": 13}
_EXACT = {*_CLAMPS, "ABS", "NEG", "SQUARE", "LEAKY_RELU"}
_GELU_BY_TANH = 14


def unary_f32(context: Context, op: Op) -> None:
    ports = _ports(context, op)
    kind, a, b = _CLAMP, *_CLAMPS.get(op.kind, (0.0, 0.0))
    if op.kind in _KINDS:
        kind = _GELU_BY_TANH if op.options.get("approximate") else _KINDS[op.kind]
        a = {"LEAKY_RELU": float(op.options.get("alpha", 0.0)), "ELU": 1.0}.get(op.kind, 0.0)
    if op.kind not in _EXACT:
        context.near(op)
    context.step("unary_f32", **ports, count=context.tensor(op.outputs[0]).elements, kind=kind, a=a, b=b)


def softmax_f32(context: Context, op: Op) -> None:
    ports, source = _ports(context, op), context.tensor(op.inputs[0])
    columns = source.shape[-1]
    context.near(op)
    beta = float(op.options.get("beta", 1.0))
    context.step("softmax_f32", **ports, rows=source.elements // columns, columns=columns, beta=beta)


def fully_connected_f32(context: Context, op: Op) -> None:
    ports, weights = _ports(context, op), context.tensor(op.inputs[1])
    if weights.data is None or weights.dtype != "float32" or op.options.get("weights_format", 0) != 0:
        raise Refused(
            f"its weights are {weights.dtype if weights.data is not None else 'computed'}, not constant float32"
        )
    units, inputs = weights.data.shape
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if source.elements % inputs or source.elements // inputs * units != output.elements:
        raise Refused(f"its shapes {list(source.shape)} and {list(weights.shape)} do not fit")
    low, high = float_bounds(op)
    context.near(op)
    context.step(
        "fully_connected_f32",
        **ports,
        weights=context.constant(weights.data.astype("<f4")),
        bias=context.constant(_bias(context, op, units)),
        rows=source.elements // inputs,
        inputs=inputs,
        units=units,
        low=low,
        high=high,
    )


def _ports(context: Context, op: Op) -> dict[str, Field]:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype == output.dtype == "float32":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    return {"input": context.value(op.inputs[0]), "output": context.output(op)}


def _bias(context: Context, op: Op, units: int) -> Array:
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return np.zeros(units, "<f4")
    bias = context.tensor(op.inputs[2])
    if bias.data is None or bias.elements != units or bias.dtype != "float32":
        raise Refused("its bias is not a constant float32 for each unit")
    return bias.data.reshape(-1).astype("<f4")
