"""What the kernels of int8 and int16 layers do not take, and what is said about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from one_operator import OPERATORS

from edgekit.graph import Graph, Op, Quant, Tensor
from edgekit.lowering import Lowered, lower

Change = Callable[[Tensor], Tensor]


def scaled(by: float) -> Change:
    def change(tensor: Tensor) -> Tensor:
        assert tensor.quant is not None
        return replace(tensor, quant=Quant(np.float32(by) * tensor.quant.scale, tensor.quant.zero_point))

    return change


def narrow(tensor: Tensor) -> Tensor:
    assert tensor.data is not None
    return replace(tensor, dtype="int32", data=tensor.data.astype("<i4"))


def huge(tensor: Tensor) -> Tensor:
    assert tensor.data is not None
    return replace(tensor, data=tensor.data + 2**50)


def wide(tensor: Tensor) -> Tensor:
    return replace(tensor, shape=(1, 17, 17, tensor.shape[3]), data=np.zeros((1, 17, 17, tensor.shape[3]), np.int8))


def floats(tensor: Tensor) -> Tensor:
    assert tensor.data is not None
    return replace(tensor, dtype="float32", quant=None, data=tensor.data.astype("<f4"))


FLOATS = "the engine computes convolutions in int8 and int16 only; give the layer one of these types"
NARROW = "its values are int16 and its bias is not int64"
SMALL = "its output scale is more than 128 times too fine for its products"


@pytest.mark.parametrize(
    ("operator", "place", "change", "why"),
    [
        pytest.param("FULLY_CONNECTED", 2, narrow, NARROW, id="the interpreter rounds such a layer differently"),
        pytest.param("CONV_2D", 2, narrow, NARROW, id="and such a convolution"),
        pytest.param("FULLY_CONNECTED", 2, huge, "its bias does not fit 32 bits", id="a bias beyond int32"),
        pytest.param("CONV_2D", 2, huge, "its bias does not fit 46 bits", id="a product beyond int64"),
        pytest.param("CONV_2D", -1, scaled(1e-6), SMALL, id="a shift to the left"),
        pytest.param("CONV_2D", 1, floats, FLOATS, id="a convolution in float32"),
        pytest.param(
            "MAX_POOL_2D", -1, scaled(2), "it computes int16 from int16, or changes the scale", id="another scale"
        ),
        pytest.param("MEAN", -1, scaled(1e-6), "the sums of {} values do not fit 32 bits with these scales", id="mean"),
        pytest.param(
            "DEPTHWISE_CONV_2D", 1, wide, "its window of 17 x 17 has more than 256 taps", id="sums beyond 32 bits"
        ),
    ],
)
def test_refusal(operator: str, place: int, change: Change, why: str) -> None:
    graph, op = drawn(operator)
    index = op.outputs[0] if place < 0 else op.inputs[place]
    tensors = tuple(change(t) if i == index else t for i, t in enumerate(graph.tensors))
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    assert isinstance(lower(graph), Lowered)
    failures = lower(replace(graph, tensors=tensors))
    assert isinstance(failures, list)
    assert [f.why for f in failures] == [why.format(source.elements // output.elements)]


def least(tensor: Tensor) -> Tensor:
    assert tensor.data is not None
    return replace(tensor, data=np.full_like(tensor.data, -128))


def most(tensor: Tensor) -> Tensor:
    assert tensor.data is not None
    return replace(tensor, data=np.full_like(tensor.data, 2**31 - 1))


LEAST = "one of its weights is -128, outside TFLite's range of -127 to 127"
STEPS = r"its sums may be \S+ steps of its output, more than the engine rounds exactly"


@pytest.mark.parametrize(
    ("operator", "place", "change", "why"),
    [
        pytest.param("FULLY_CONNECTED", 1, least, LEAST, id="ARM's dot product is not exact for -128 * -128"),
        pytest.param("CONV_2D", 1, least, LEAST, id="nor in a convolution"),
        pytest.param("DEPTHWISE_CONV_2D", 1, least, LEAST, id="nor with a filter for each channel"),
        pytest.param("FULLY_CONNECTED", 2, most, STEPS, id="a bias that leaves the range of the rounding trick"),
        pytest.param("CONV_2D", 2, most, STEPS, id="and that of a convolution"),
    ],
)
def test_refusal_of_int8(operator: str, place: int, change: Change, why: str) -> None:
    graph, op = drawn(operator, "int8")
    tensors = tuple(change(t) if i == op.inputs[place] else t for i, t in enumerate(graph.tensors))
    assert isinstance(lower(graph), Lowered)
    failures = lower(replace(graph, tensors=tensors))
    assert isinstance(failures, list)
    assert len(failures) == 1 and re.fullmatch(why, failures[0].why), failures


def drawn(operator: str, dtype: str = "int16") -> tuple[Graph, Op]:
    graph = OPERATORS[operator, dtype](np.random.default_rng(1), dtype)
    return graph, next(op for op in graph.ops if op.kind == operator)
