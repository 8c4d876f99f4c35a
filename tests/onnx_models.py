"""Small ONNX files, made by hand: what scikit-learn's and PyTorch's exporters write, and what an attacker would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


@dataclass
class Recipe:
    """A chain of nodes: each reads the value before it, and constants of its own."""

    shape: tuple[int | str, ...]
    nodes: list[tuple[str, list[Any], dict[str, Any]]]
    opset: int = 17
    domain: str = ""


def model_of(recipe: Recipe, seed: int = 0) -> Any:
    """Build the file; a tuple of sizes among a node's constants becomes random weights, an array stays as it is."""
    random = np.random.default_rng(seed)
    weights, nodes, last = [], [], "x"
    for place, (kind, operands, attributes) in enumerate(recipe.nodes):
        names = [last]
        for operand in operands:
            if isinstance(operand, str):
                names.append(operand)
                continue
            fan_in = max(1, int(np.prod(operand[1:]))) if isinstance(operand, tuple) else 1
            data = random.normal(size=operand) / np.sqrt(fan_in) if isinstance(operand, tuple) else np.asarray(operand)
            data = data.astype(np.float32) if data.dtype.kind == "f" else data
            names.append(f"w{len(weights)}")
            weights.append(numpy_helper.from_array(data, names[-1]))
        last = f"y{place}"
        domain = "ai.onnx.ml" if kind in ("Scaler", "LinearRegressor") else ""
        nodes.append(helper.make_node(kind, names, [last], name=f"n{place}", domain=domain, **attributes))
    return wrapped(nodes, weights, recipe.shape, last, recipe.opset)


def wrapped(
    nodes: Sequence[Any], weights: Sequence[Any], shape: Sequence[int | str], last: str, opset: int = 17
) -> Any:
    """Return a model with the input x and one output."""
    graph = helper.make_graph(
        list(nodes), "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)], list(weights),
    )  # fmt: skip
    sets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=sets, ir_version=8)


def vector(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


POSITIVE = np.linspace(0.5, 1.5, 6).astype(np.float32)
CENTRE = np.linspace(-1, 1, 6).astype(np.float32)
_MLP: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("Gemm", [(8, 6), (8,)], {"transB": 1}),
    ("Relu", [], {}),
    ("Gemm", [(1, 8), (1,)], {"transB": 1}),
]
_NORMAL = [POSITIVE, CENTRE, CENTRE * 0.5, POSITIVE]

#: Each with the reason why it is here.
RECIPES: Mapping[str, Recipe] = {
    "PyTorch's MLP": Recipe(("batch", 6), _MLP),
    "scikit-learn's MLP": Recipe(
        (None, 6),
        [
            ("Sub", [CENTRE], {}), ("Div", [POSITIVE], {}), ("MatMul", [(6, 8)], {}), ("Add", [(1, 8)], {}),
            ("Tanh", [], {}), ("MatMul", [(8, 1)], {}), ("Add", [(1, 1)], {}), ("Reshape", [vector(-1, 1)], {}),
        ],
    ),
    "scikit-learn's Scaler and LinearRegressor": Recipe(
        (None, 6),
        [
            ("Scaler", [], {"offset": CENTRE.tolist(), "scale": POSITIVE.tolist()}),
            ("LinearRegressor", [], {"coefficients": POSITIVE.tolist() * 2, "intercepts": [1.0, -1.0], "targets": 2}),
        ],
    ),
    "a Gemm with alpha, beta and B as it is": Recipe((1, 6), [("Gemm", [(6, 3), (3,)], {"alpha": 0.5, "beta": 2.0})]),
    "normalization folded into a dense layer": Recipe(
        (1, 6), [("Gemm", [(6, 6), (6,)], {"transB": 1}), ("BatchNormalization", _NORMAL, {}), ("Relu", [], {})]
    ),
    "normalization behind an activation": Recipe(
        (1, 6), [("Gemm", [(6, 6)], {"transB": 1}), ("Relu", [], {}), ("BatchNormalization", _NORMAL, {})]
    ),
    "a constant behind an activation is no bias": Recipe(
        (1, 6), [("Gemm", [(6, 6)], {"transB": 1}), ("Relu", [], {}), ("Add", [CENTRE], {})]
    ),
    "convolutions along one axis": Recipe(
        (1, 2, 20),
        [
            ("Conv", [(6, 2, 3), (6,)], {"pads": [1, 1]}), ("BatchNormalization", _NORMAL, {}), ("Relu", [], {}),
            ("MaxPool", [], {"kernel_shape": [2], "strides": [2]}), ("Conv", [(4, 6, 3)], {"dilations": [2]}),
            ("Flatten", [], {}), ("Gemm", [(1, 24), (1,)], {"transB": 1}),
        ],
    ),
    "an image: depthwise, strides, padding of its own": Recipe(
        (1, 3, 9, 11),
        [
            ("Conv", [(6, 3, 3, 3), (6,)], {"pads": [1, 1, 1, 1], "strides": [2, 2]}), ("Clip", [np.float32(0), np.float32(6)], {}),
            ("Conv", [(6, 1, 3, 3), (6,)], {"group": 6, "auto_pad": "SAME_UPPER"}), ("Add", [(1, 6, 1, 1)], {}),
            ("BatchNormalization", _NORMAL, {}), ("PRelu", [(6, 1, 1)], {}),
            ("Conv", [(4, 6, 2, 2)], {"pads": [0, 1, 2, 0]}),
            ("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
            ("GlobalAveragePool", [], {}), ("Flatten", [], {}), ("Gemm", [(2, 4), (2,)], {"transB": 1}), ("Softmax", [], {"axis": 1}),
        ],
    ),
    "depthwise with its normalization": Recipe(
        (1, 3, 5, 5), [("Conv", [(6, 1, 3, 3)], {"group": 3}), ("BatchNormalization", _NORMAL, {}), ("ReduceMean", [], {"axes": [2, 3], "keepdims": 0})]
    ),
    "values that move": Recipe(
        (1, 4, 6),
        [
            ("Transpose", [], {"perm": [0, 2, 1]}), ("Slice", [vector(1), vector(5), vector(1)], {}), ("Unsqueeze", [vector(1)], {}),
            ("Squeeze", [vector(1)], {}), ("Gather", [vector(3, 0, -1)], {"axis": 1}), ("Pad", [vector(0, 1, 0, 0, 0, 2)], {}),
            ("ReduceSum", [vector(1)], {"keepdims": 0}), ("Flatten", [], {}),
        ],
    ),
    "functions of one value": Recipe(
        (1, 6),
        [
            ("Sigmoid", [], {}), ("Exp", [], {}), ("Log", [], {}), ("Neg", [], {}), ("Abs", [], {}), ("Sqrt", [], {}),
            ("Pow", [np.float32(2)], {}), ("Reciprocal", [], {}), ("LeakyRelu", [], {"alpha": 0.2}), ("Elu", [], {}),
            ("HardSwish", [], {}), ("Dropout", [], {}), ("Max", [np.float32(0.1)], {}), ("Clip", [np.float32(0.2), np.float32(0.9)], {}),
        ],
    ),
    "an old operator set": Recipe(
        (1, 6), [("Unsqueeze", [], {"axes": [2]}), ("Clip", [], {"min": 0.0, "max": 6.0}), ("ReduceMean", [], {"axes": [2]}), ("Flatten", [], {})], opset=9
    ),
}  # fmt: skip


def two_branches() -> Any:
    """Two layers that meet again, and a shape that is computed from the input's."""
    weights = [
        numpy_helper.from_array(np.random.default_rng(i).normal(size=(4, 6)).astype(np.float32), f"w{i}")
        for i in (0, 1)
    ]
    weights += [numpy_helper.from_array(vector(*n), k) for k, n in (("zero", (0,)), ("rest", (-1,)))]
    nodes = [
        helper.make_node("Gemm", ["x", "w0"], ["a"], transB=1),
        helper.make_node("Gemm", ["x", "w1"], ["b"], transB=1),
        helper.make_node("Mul", ["a", "b"], ["ab"]),
        helper.make_node("Concat", ["a", "ab", "b"], ["abc"], axis=1),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"], axis=0),
        helper.make_node("Concat", ["batch", "rest"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["abc", "wanted"], ["flat"]),
        helper.make_node("Split", ["flat"], ["left", "right"], axis=1),
        helper.make_node("Sub", ["left", "right"], ["y"]),
    ]
    return wrapped(nodes, weights, (None, 6), "y")


def dense(change: Callable[[Any], object] = lambda model: None) -> bytes:
    """Return the file of a small dense network after a change."""
    model = model_of(RECIPES["PyTorch's MLP"])
    change(model)
    return bytes(model.SerializeToString())


def without_weights(model: Any) -> None:
    del model.graph.initializer[0]


def outside(where: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=where)

    return change


def with_shape(*sizes: int | str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes))

    return change
