"""What converters leave in a graph: computed shapes, and operators that edgekit spells out in others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Tensor
from edgekit.runtimes.litert import Interpreter
from edgekit.simplify import simplify

SCALE, ALPHA = 1.0507, 1.6733


class Net(GraphBuilder):
    """A graph under construction; `made` adds an operator and its output."""

    def made(self, kind: str, inputs: tuple[int, ...], *shape: int, dtype: str = "float32", **options: object) -> int:
        output = self.tensor(Tensor(f"t{len(self.tensors)}", shape, dtype))
        self.op(kind, inputs, (output,), **options)
        return output

    def number(self, value: object, dtype: str = "<f4") -> int:
        data = np.array(value, dtype)
        return self.tensor(Tensor(f"c{len(self.tensors)}", data.shape, str(data.dtype), None, data))


def select(border: float = 0.0) -> Graph:
    """x > border ? s x : s a (exp(x) - 1), as the converter writes SELU where the border is 0."""
    net = Net("select")
    x = net.tensor(Tensor("x", (1, 6), "float32"))
    above = net.made("GREATER", (x, net.number(border)), 1, 6, dtype="bool")
    line = net.made("MUL", (x, net.number(SCALE)), 1, 6, fused_activation_function="NONE")
    less = net.made("SUB", (net.made("EXP", (x,), 1, 6), net.number(1.0)), 1, 6, fused_activation_function="NONE")
    curve = net.made("MUL", (less, net.number(SCALE * ALPHA)), 1, 6, fused_activation_function="NONE")
    return net.build((x,), (net.made("SELECT_V2", (above, line, curve), 1, 6),))


def squares() -> Graph:
    net = Net("squares")
    x = net.tensor(Tensor("x", (1, 6), "float32"))
    return net.build((x,), (net.made("SQUARED_DIFFERENCE", (x, net.number(0.5)), 1, 6),))


def maxima() -> Graph:
    """The maximum of each of 2 channels over 3 steps, as GlobalMaxPooling1D has it."""
    net = Net("maxima")
    x = net.tensor(Tensor("x", (1, 3, 2), "float32"))
    return net.build((x,), (net.made("REDUCE_MAX", (x, net.number([1], "<i4")), 1, 2),))


def computed_shape() -> Graph:
    """Reshape(2, 3) behind a batch of unknown size; the converter writes 1 for a length that it does not know."""
    net = Net("shapes")
    x = net.tensor(Tensor("x", (1, 6), "float32"))
    shape = net.made("SHAPE", (x,), 2, dtype="int32")
    cut = (net.number([0], "<i4"), net.number([1], "<i4"), net.number([1], "<i4"))
    batch = net.made("STRIDED_SLICE", (shape, *cut), dtype="int32", shrink_axis_mask=1)
    wanted = net.made("PACK", (batch, net.number(2, "<i4"), net.number(3, "<i4")), 3, dtype="int32", axis=0)
    return net.build((x,), (net.made("RESHAPE", (x, wanted), 1, 1, 1),))


CASES: list[tuple[Callable[[], Graph], list[str], Callable[[np.ndarray], np.ndarray]]] = [
    (select, ["RELU", "MUL", "ELU", "MUL", "MINIMUM"], lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(x))),
    (squares, ["SUB", "SQUARE"], lambda x: (x - 0.5) ** 2),
    (maxima, ["RESHAPE", "MAX_POOL_2D", "RESHAPE"], lambda x: x.reshape(-1, 3, 2).max(axis=1)),
    (computed_shape, ["RESHAPE"], lambda x: x),
]


@pytest.mark.parametrize(("graph", "kinds", "formula"), CASES, ids=[c[0].__name__ for c in CASES])
def test_spelled_out(graph: Callable[[], Graph], kinds: list[str], formula: Callable[..., np.ndarray]) -> None:
    made = simplify(graph())
    assert [op.kind for op in made.ops] == kinds
    x = np.random.default_rng(0).normal(scale=2, size=(20, 6)).astype(np.float32)
    np.testing.assert_allclose(Interpreter(write_tflite(made)).run(x), formula(x), rtol=1e-5, atol=1e-6)


def test_a_length_that_the_converter_did_not_know() -> None:
    made = simplify(computed_shape())
    assert made.tensors[made.outputs[0]].shape == (1, 2, 3)


def test_another_choice_is_left_alone() -> None:
    kinds = [op.kind for op in simplify(select(border=1.0)).ops]
    assert kinds == [op.kind for op in select().ops]
