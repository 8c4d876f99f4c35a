"""Operators in edgekit's own hands: what the quantizer makes of them in int8, and what the engine refuses."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import keras_models
import numpy as np
import pytest
from engine import Predictor
from graph_builder import Builder, numbers, quant
from one_operator import OPERATORS

from edgekit.config import Config, RecipeConfig
from edgekit.data import Dataset
from edgekit.errors import EdgekitError
from edgekit.formats.keras import Converted, convert_all
from edgekit.formats.tflite_read import read_tflite
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, Tensor
from edgekit.lowering import Lowered, lower
from edgekit.models import Model
from edgekit.quantization.ladder import types_for
from edgekit.quantization.ranges import calibrate
from edgekit.quantization.rewrite import rewrite
from edgekit.quantization.widening import widen_kernels
from edgekit.quantize import Rows, quantize
from edgekit.runtimes.litert import Interpreter

RANDOM = np.random.default_rng(0)
#: Each from a float32 graph of its own vectors, by the quantizer, to int8.
QUANTIZED = (
    "MAXIMUM", "MINIMUM", "PRELU", "SUM", "MEAN over any axes", "SPLIT", "SPLIT_V", "PACK", "UNPACK", "GATHER", "TILE",
    "BROADCAST_TO", "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "SQUEEZE", "EXPAND_DIMS",
)  # fmt: skip


def quantized(graph: Graph, rows: np.ndarray) -> Graph:
    return rewrite(graph, calibrate(graph, rows, rows[:0]), types_for("int8", graph))


def rows_for(graph: Graph, count: int = 16) -> np.ndarray:
    columns = sum(graph.tensors[i].elements for i in graph.inputs)
    return np.random.default_rng(1).normal(size=(count, columns)).astype(np.float32)


@pytest.mark.parametrize("operator", QUANTIZED)
def test_a_float_operator_becomes_int8(operator: str) -> None:
    """It computes in int8, near the float answer, and alike in the interpreter and the engine."""
    maker = next(make for (name, _), make in OPERATORS.items() if name == operator)
    for seed in range(6):
        graph = maker(np.random.default_rng(seed), "float32")
        rows = rows_for(graph)
        made = quantized(graph, rows)
        kind = operator.split(maxsplit=1)[0]
        op = next(op for op in made.ops if op.kind == kind)
        types = {made.tensors[i].dtype for i in (*op.inputs, *op.outputs)} - {"int32"}
        in_float = kind in ("SQUEEZE", "EXPAND_DIMS")  # at the edges of a model they cost nothing there
        assert types == {"float32" if in_float else "int8"}
        answers, floats = Interpreter(write_tflite(made)).run(rows), Interpreter(write_tflite(graph)).run(rows)
        span = float(np.abs(floats).max()) + float(np.abs(rows).max())
        assert np.abs(answers - floats).max() <= span * 0.03
        np.testing.assert_array_equal(Predictor(made, "simd").run(rows), answers)


@pytest.mark.parametrize(
    ("length", "out", "taps", "stride", "padding"),
    [
        pytest.param(4, 8, 1, 2, "SAME", id="smaller than the stride"),
        pytest.param(3, 7, 1, 3, "SAME", id="smaller, and the output is cut"),
        pytest.param(3, 8, 2, 3, "SAME", id="smaller by one"),
        pytest.param(4, 8, 3, 2, "SAME", id="larger"),
        pytest.param(3, 8, 2, 3, "VALID", id="smaller without padding"),
    ],
)
def test_transpose_conv_becomes_int8(length: int, out: int, taps: int, stride: int, padding: str) -> None:
    graph = Builder(np.random.default_rng(2), "float32")
    source = graph.value((1, length, length, 5))
    weights, bias = graph.constant((7, taps, taps, 5)), graph.constant((7,))
    result = graph.result((1, out, out, 7))
    options = {"padding": padding, "stride_h": stride, "stride_w": stride}
    graph.op("TRANSPOSE_CONV", (numbers(graph, 1, out, out, 7), weights, source, bias), (result,), **options)
    floats = graph.finish(result)
    rows = rows_for(floats)
    expected = Interpreter(write_tflite(floats)).run(rows)
    widened = widen_kernels(floats)
    np.testing.assert_allclose(Interpreter(write_tflite(widened)).run(rows), expected, atol=1e-5)
    made = quantized(widened, rows)
    op = next(op for op in made.ops if op.kind == "TRANSPOSE_CONV")
    assert [made.tensors[i].dtype for i in op.inputs] == ["int32", "int8", "int8", "int32"]
    answers = Interpreter(write_tflite(made)).run(rows)
    assert np.abs(answers - expected).max() <= np.abs(expected).max() * 0.03
    np.testing.assert_array_equal(Predictor(made, "simd").run(rows), answers)


def test_an_output_that_nothing_reads() -> None:
    """The first step of an unrolled LSTM does not read its forget gate; XNNPACK then keeps no such tensor."""
    graph = Builder(np.random.default_rng(3), "float32")
    source, unread, read = graph.value((1, 8)), graph.result((1, 4)), graph.result((1, 4))
    graph.op("SPLIT", (numbers(graph, 1), source), (unread, read), num_splits=2)
    result = graph.result((1, 4))
    graph.op("TANH", (read,), (result,))
    floats = graph.finish(result)
    made = quantized(floats, rows_for(floats))
    answers = Interpreter(write_tflite(made)).run(rows_for(floats))
    np.testing.assert_array_equal(Predictor(made, "simd").run(rows_for(floats)), answers)


def test_squeeze_and_reshape_keep_their_options() -> None:
    """A SQUEEZE of one axis among several of length 1 is not a SQUEEZE of all."""
    graph = Builder(RANDOM, "float32")
    source = graph.value((1, 1, 3, 1))
    middle, result = graph.result((1, 3, 1)), graph.result((3, 1))
    graph.op("SQUEEZE", (source,), (middle,), squeeze_dims=(1,))
    graph.op("RESHAPE", (middle,), (result,), new_shape=(3, 1))
    interpreter = Interpreter(write_tflite(graph.finish(result)))
    assert interpreter.run(np.zeros((1, 3), np.float32)).shape == (1, 3)
    assert [tuple(d["shape"]) for d in interpreter._outputs] == [(3, 1)]


#: Keras models with the operators that the converter makes of them.
KERAS = {
    "unet": {"TRANSPOSE_CONV", "RESIZE_BILINEAR", "TILE", "MUL", "CONCATENATION", "AVERAGE_POOL_2D", "CONV_2D"},
    "branches": {"SPLIT", "SPLIT_V", "MAXIMUM", "MINIMUM", "PRELU", "PACK", "SUM", "MEAN", "GATHER", "FULLY_CONNECTED"},
}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted | EdgekitError]:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("not run: the extra [convert] is not installed")
    folder = keras_models.made(tmp_path_factory.getbasetemp())
    results = convert_all([folder / f"{name}.keras" for name in KERAS], tmp_path_factory.mktemp("converted"))
    return dict(zip(KERAS, results, strict=True))


@pytest.mark.parametrize("name", KERAS)
def test_a_keras_model_goes_all_the_way(converted: dict[str, Converted | EdgekitError], name: str) -> None:
    result = converted[name]
    assert isinstance(result, Converted), result
    graph = read_tflite(result.tflite)
    model = Model(name, "keras", Path(f"{name}.keras"), "", graph, result.inputs, result.outputs)
    inputs = rows_for(graph, 48)
    labels = Interpreter(result.tflite.read_bytes()).run(inputs) + np.float32(0.5) * rows_for(graph, 48)[:, :1]
    data = Dataset(inputs, labels, (), "", Path("rows.npz"))
    done = quantize(model, Rows(data, data), Config(recipe=RecipeConfig(mode="int8")))
    int8 = {op.kind for op in done.graph.ops if done.graph.tensors[op.outputs[0]].dtype == "int8"}
    assert int8 >= KERAS[name]
    np.testing.assert_array_equal(Predictor(done.graph, "simd").run(inputs), done.outputs)


def _two_scales(kind: str) -> Graph:
    graph = Builder(RANDOM, "int8")
    result = graph.result((1, 4))
    graph.op(kind, (graph.value((1, 4)), graph.value((1, 4))), (result,))
    return graph.finish(result)


def _float(kind: str) -> Graph:
    return OPERATORS[kind, "int8"](np.random.default_rng(0), "float32")


def _gather(index: int, batch_dims: int = 0, computed: bool = False) -> Graph:
    graph = Builder(RANDOM, "int8")
    source = graph.value((1, 4))
    result = graph.result((1, 2), graph.tensors[source].quant)
    indices = numbers(graph, 0, index)
    if computed:
        graph.tensors[indices] = replace(graph.tensors[indices], data=None)
    graph.op("GATHER", (source, indices), (result,), axis=1, batch_dims=batch_dims)
    return graph.finish(result)


def _split() -> Graph:
    graph = Builder(RANDOM, "int8")
    source = graph.value((1, 4))
    parts = graph.result((1, 2)), graph.result((1, 2))
    graph.op("SPLIT", (numbers(graph, 1), source), parts, num_splits=2)
    return graph.finish(*parts)


def _tile() -> Graph:
    graph = Builder(RANDOM, "int8")
    source = graph.value((2, 2, 9, 9))
    result = graph.result((18, 18, 18, 18), graph.tensors[source].quant)
    graph.op("TILE", (source, numbers(graph, 9, 9, 2, 2)), (result,))
    return graph.finish(result)


def _transpose_conv() -> Graph:
    graph = Builder(RANDOM, "int8")
    source = graph.value((1, 2, 2, 1))
    weights = Tensor("w", (1, 1, 1, 1), "int8", quant(RANDOM, "int16"), np.ones((1, 1, 1, 1), np.int8))
    result = graph.result((1, 4, 4, 1))
    inputs = (numbers(graph, 1, 4, 4, 1), graph.tensor(weights), source)
    graph.op("TRANSPOSE_CONV", inputs, (result,), padding="SAME", stride_h=2, stride_w=2)
    return graph.finish(result)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        pytest.param(_two_scales("MAXIMUM"), "its inputs have other scales than its output", id="MAXIMUM"),
        pytest.param(_two_scales("PACK"), "its inputs have other scales than its output", id="PACK"),
        pytest.param(_float("PRELU"), "it computes float32 from float32 and float32", id="PRELU of float32"),
        pytest.param(_float("SUM"), "it computes float32 from float32", id="SUM of float32"),
        pytest.param(_float("RESIZE_BILINEAR"), "it computes float32 from float32", id="RESIZE_BILINEAR of float32"),
        pytest.param(_gather(4), "its indices reach from 0 to 4 of 4", id="an index behind the end"),
        pytest.param(_gather(-1), "its indices reach from -1 to 0 of 4", id="an index before the start"),
        pytest.param(_gather(1, 1), "it has batch dimensions", id="GATHER with batch dimensions"),
        pytest.param(_gather(1, computed=True), "its indices are computed", id="GATHER of computed indices"),
        pytest.param(_split(), "it computes int8 from int8, or changes the scale", id="SPLIT to another scale"),
        pytest.param(_tile(), "it has 8 dimensions", id="more steps than a copy may become"),
        pytest.param(
            _transpose_conv(),
            "its kernel is smaller than its stride with the padding SAME, where TFLite rounds differently",
            id="TRANSPOSE_CONV",
        ),
    ],
)
def test_refusals(graph: Graph, message: str) -> None:
    failures = lower(graph)
    assert not isinstance(failures, Lowered)
    assert [failure.why for failure in failures] == [message]
