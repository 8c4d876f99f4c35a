"""ONNX as a source: the same answers as ONNX Runtime, and files that are refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import (
    RECIPES,
    dense,
    model_of,
    outside,
    two_branches,
    vector,
    with_shape,
    without_weights,
    wrapped,
)
from whole_models import WHOLE_MODELS, rows_for

from edgekit.errors import InputError, NotAvailable
from edgekit.formats import onnx_convert
from edgekit.formats.onnx_file import answers, to_proto
from edgekit.formats.onnx_graph import OnnxGraph, to_onnx
from edgekit.formats.onnx_import import to_graph
from edgekit.formats.onnx_operators import EMITTERS
from edgekit.formats.onnx_worker import read
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.load import load
from edgekit.runtimes.litert import Interpreter

ROWS = 12


def imported(raw: bytes) -> Graph:
    return to_graph(read("m.onnx", raw))


def both(model: Any) -> tuple[np.ndarray, np.ndarray, Graph]:
    """Return what ONNX Runtime answers, what the imported graph does, and that graph."""
    graph = imported(model.SerializeToString())
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    shape = graph.tensors[graph.inputs[0]].shape
    rows = np.random.default_rng(1).normal(size=(ROWS, int(np.prod(shape)))).astype(np.float32)
    expected = [np.concatenate([y.reshape(-1) for y in session.run(None, {"x": row.reshape(shape)})]) for row in rows]
    return np.array(expected), Interpreter(write_tflite(graph)).run(rows), graph


@pytest.mark.parametrize("name", RECIPES)
def test_a_model_answers_as_in_onnx_runtime(name: str) -> None:
    expected, found, _ = both(model_of(RECIPES[name]))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * max(1.0, float(np.abs(expected).max())))


def test_branches_and_computed_shapes() -> None:
    expected, found, graph = both(two_branches())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert "RESHAPE" not in [op.kind for op in graph.ops]  # it would have changed nothing


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("PyTorch's MLP", ["FULLY_CONNECTED RELU", "FULLY_CONNECTED NONE"]),
        ("normalization folded into a dense layer", ["FULLY_CONNECTED RELU"]),
        ("normalization behind an activation", ["FULLY_CONNECTED RELU", "MUL NONE", "ADD NONE"]),
        ("a constant behind an activation is no bias", ["FULLY_CONNECTED RELU", "ADD NONE"]),
        ("depthwise with its normalization", ["TRANSPOSE NONE", "DEPTHWISE_CONV_2D NONE", "TRANSPOSE NONE", "MEAN NONE"]),
    ],
)  # fmt: skip
def test_what_a_layer_takes_over(name: str, kinds: list[str]) -> None:
    """Quantization rounds after each operator, so what can be one is one."""
    graph = imported(model_of(RECIPES[name]).SerializeToString())
    assert [f"{op.kind} {op.activation}" for op in graph.ops] == kinds


@pytest.mark.parametrize("name", WHOLE_MODELS)
def test_a_graph_survives_the_way_there_and_back(name: str) -> None:
    """Every family of networks, written as ONNX by the target ort and read again."""
    graph = WHOLE_MODELS[name]()
    plain = to_onnx(graph, EMITTERS)
    assert isinstance(plain, OnnxGraph)
    model, rows = to_proto(plain), rows_for(graph, ROWS, 2)
    expected = Interpreter(write_tflite(graph)).run(rows)
    again = Interpreter(write_tflite(imported(model.SerializeToString()))).run(rows)
    close = {"rtol": 0, "atol": 2e-6 * float(np.ptp(expected))}
    np.testing.assert_allclose(answers(model, rows).reshape(expected.shape), expected, **close)
    np.testing.assert_allclose(again, expected, **close)


def test_load_takes_a_file(tmp_path: Path) -> None:
    (tmp_path / "mlp.onnx").write_bytes(dense())
    model = load(tmp_path / "mlp.onnx", tmp_path)
    assert (model.kind, model.name, model.saved_model) == ("onnx", "mlp", None)
    assert [(s.name, s.shape) for s in (*model.inputs, *model.outputs)] == [("x", (1, 6)), ("y2", (1, 1))]
    assert list(model.tools) == ["onnx"]


def chain(*nodes: tuple[str, list[str], str], weights: dict[str, np.ndarray] | None = None, **attributes: Any) -> bytes:
    made = [helper.make_node(kind, inputs, [output], name=kind.lower(), **attributes) for kind, inputs, output in nodes]
    constants = [numpy_helper.from_array(data, name) for name, data in (weights or {}).items()]
    return bytes(wrapped(made, constants, (1, 6), nodes[-1][2]).SerializeToString())


def changed(change: Callable[[Any], object]) -> bytes:
    return dense(change)


def add_loop(model: Any) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("If", ["y2"], ["z"], name="if", then_branch=body, else_branch=body))


FLOAT = np.ones((2, 2), np.float32)
ENDLESS = [("Concat", [f"c{i}", f"c{i}"], f"c{i + 1}") for i in range(40)]
REFUSED = {
    "not protobuf": (b"this is no model", "m.onnx: is not an ONNX file or is damaged; export the model again"),
    "an empty file": (b"", "m.onnx: holds no ONNX model; export the model again"),
    "cut off": (dense()[:-7], "m.onnx: is not an ONNX file or is damaged; export the model again"),
    "weights are missing": (
        changed(without_weights),
        "m.onnx: the operator Gemm (n0) cannot be taken: it reads 'w0', which nothing defines",
    ),
    "weights in a file above": (
        changed(outside("../../secret.bin")),
        "m.onnx: keeps the weights w0 in another file ('../../secret.bin'); save the model as one file",
    ),
    "weights in a file beside": (
        changed(outside("weights.bin")),
        "m.onnx: keeps the weights w0 in another file ('weights.bin'); save the model as one file",
    ),
    "weights shorter than their shape": (
        changed(lambda m: m.graph.initializer[0].dims.append(1000)),
        "m.onnx: the weights w0 have not the bytes of their shape; export it again",
    ),
    "weights larger than the machine": (
        changed(lambda m: m.graph.initializer[0].dims.extend([2**40, 2**20])),
        "m.onnx: the weights w0 have the shape [8, 6, 1099511627776, 1048576]; refusing it",
    ),
    "weights of text": (
        changed(lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.STRING)),
        "m.onnx: the weights w0 are of the type STRING, and float32 is what can be taken",
    ),
    "weights of a type that does not exist": (
        changed(lambda m: setattr(m.graph.initializer[0], "data_type", 77)),
        "m.onnx: the weights w0 are of the type unknown, and float32 is what can be taken",
    ),
    "two weights of one name": (
        changed(lambda m: m.graph.initializer.append(m.graph.initializer[0])),
        "m.onnx: has two weights of one name; export the model again",
    ),
    "an open length": (
        changed(with_shape("batch", "columns")),
        "m.onnx: the input 'x' has the shape (batch, columns), and only the batch may be unknown; "
        "export it with the other dimensions fixed",
    ),
    "a fixed batch": (
        changed(with_shape(4, 6)),
        "m.onnx: the input 'x' has a batch fixed at 4; export it with an open batch or 1",
    ),
    "float64": (
        changed(lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.DOUBLE)),
        "m.onnx: the input 'x' is not float32, and that is what can be exported; make the input float32 and cast it "
        "inside the model",
    ),
    "an operator set of the future": (
        changed(lambda m: setattr(m.opset_import[0], "version", 99)),
        "m.onnx: is of ONNX's operator set 99, and 7 to 25 are known; export it with another opset_version",
    ),
    "an output that nothing computes": (
        changed(lambda m: setattr(m.graph.output[0], "name", "z")),
        "m.onnx: nothing computes the output 'z'; export the model again",
    ),
    "a graph within": (
        changed(add_loop),
        "m.onnx: the operator If (if) holds another graph; export recurrent layers and conditions unrolled",
    ),
    "an operator of nobody": (
        chain(("Mystery", ["x"], "y")),
        "m.onnx: the operator Mystery (mystery) cannot be taken: edgekit knows none of this name; "
        "replace the layer that uses it",
    ),
    "trees": (
        bytes(
            wrapped([helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml")], [], (1, 6), "y")
            .SerializeToString()
        ),
        "m.onnx: the operator TreeEnsembleRegressor (y) cannot be taken: edgekit knows none of this name; "
        "replace the layer that uses it",
    ),
    "weights for other inputs": (
        chain(("MatMul", ["x", "w"], "y"), weights={"w": FLOAT}),
        "m.onnx: the operator MatMul (matmul) cannot be taken: its weights are for 2 inputs, and its input has the "
        "shape [1, 6]",
    ),
    "shapes that do not meet": (
        chain(("Mul", ["x", "w"], "y"), weights={"w": np.ones((1, 4), np.float32)}),
        "m.onnx: the operator Mul (mul) cannot be taken: its operands have the shapes [1, 6] and [1, 4]",
    ),
    "a product of two computed values": (
        chain(("MatMul", ["x", "x"], "y")),
        "m.onnx: the operator MatMul (matmul) cannot be taken: both its operands are computed, and only a product with "
        "constant weights is taken",
    ),
    "a node that reads itself": (
        chain(("Add", ["x", "y"], "y")),
        "m.onnx: the operator Add (add) cannot be taken: it reads 'y', which nothing defines",
    ),
    "a name defined twice": (
        chain(("Neg", ["x"], "y"), ("Abs", ["x"], "y")),
        "m.onnx: the name 'y' is defined twice; export the model again",
    ),
    "a padding of terabytes": (
        chain(("Pad", ["x", "w"], "y"), weights={"w": vector(0, 0, 2**40, 2**40)}),
        "m.onnx: the operator Pad (pad) cannot be taken: it would make a tensor of [1099511627777, 1099511627782]",
    ),
    "a shape that overflows": (
        chain(("Reshape", ["x", "w"], "y"), weights={"w": vector(2**32, 2**32)}),
        "m.onnx: the operator Reshape (reshape) cannot be taken: it makes [4294967296, 4294967296] of [1, 6]",
    ),
    "constants that double": (
        chain(("Identity", ["w"], "c0"), *ENDLESS, ("Add", ["x", "c40"], "y"), weights={"w": vector(1, 2)}, axis=0),
        "m.onnx: the operator Concat (concat) cannot be taken: it computes with constants of more than 4096 numbers; "
        "simplify the model first",
    ),
    "an axis that is none": (
        chain(("Concat", ["x", "x"], "y"), axis=7),
        "m.onnx: the operator Concat (concat) cannot be taken: its axis 7 is none of 2",
    ),
    "the output is the input": (
        chain(("Identity", ["x"], "y")),
        "m.onnx: the output 'y' is a constant or another output; remove it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_with_a_reason(name: str) -> None:
    raw, message = REFUSED[name]
    with pytest.raises(InputError) as error:
        imported(raw)
    assert str(error.value) == message


def test_refusals_come_through_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's process opens nothing: the size is asked of the file system."""
    path = tmp_path / "m.onnx"
    path.write_bytes(REFUSED["weights in a file above"][0])
    with pytest.raises(InputError) as error:
        load(path, tmp_path)
    assert str(error.value) == REFUSED["weights in a file above"][1]
    monkeypatch.setattr(onnx_convert, "MAX_BYTES", 10)
    with pytest.raises(InputError) as error:
        load(path, tmp_path)
    assert str(error.value) == f"m.onnx: has {path.stat().st_size} bytes; at most 10 are taken"
    monkeypatch.setattr(onnx_convert, "MAX_BYTES", 10**9)
    monkeypatch.setattr(onnx_convert.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotAvailable) as missing:
        load(path, tmp_path)
    assert str(missing.value) == "reading m.onnx needs the extra [onnx]: pip install 'edgekit[onnx]'"
