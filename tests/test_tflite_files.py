"""Reading and writing .tflite: what is written reads back, what is broken is refused in a sentence."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite
from one_operator import OPERATORS, fully_connected

from edgekit.errors import InputError
from edgekit.formats.tflite_read import parse_tflite, read_tflite
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Op, Tensor
from edgekit.runtimes.litert import Interpreter

GRAPH = fully_connected(np.random.default_rng(1), "int8")
RAW = write_tflite(GRAPH)


@pytest.mark.parametrize(("operator", "dtype"), OPERATORS, ids=str)
def test_what_is_written_reads_back(operator: str, dtype: str) -> None:
    graph = OPERATORS[operator, dtype](np.random.default_rng(2), dtype)
    raw = write_tflite(graph)
    again = parse_tflite(raw, "again.tflite")
    assert [(o.kind, o.inputs, o.outputs) for o in again.ops] == [(o.kind, o.inputs, o.outputs) for o in graph.ops]
    for a, b in zip(again.tensors, graph.tensors, strict=True):
        assert (a.name.partition("#")[0], a.shape, a.dtype) == (b.name, b.shape, b.dtype)
        assert (a.data is None) == (b.data is None)
        if a.data is not None:
            np.testing.assert_array_equal(a.data, b.data)
        if b.quant is not None:
            np.testing.assert_array_equal(a.quant.scale, b.quant.scale)
            np.testing.assert_array_equal(a.quant.zero_point, b.quant.zero_point)
    assert write_tflite(again) == raw


def altered(**changes: object) -> bytes:
    return write_tflite(replace(GRAPH, **changes))


def with_op(op: Op) -> bytes:
    return altered(ops=(*GRAPH.ops[:-1], op))


LAST = GRAPH.ops[-1]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"", "m.tflite: is not a TFLite model (it lacks the TFL3 mark); convert the model again", id="empty"),
        pytest.param(b"PK\3\4" + bytes(40), "m.tflite: is not a TFLite model (it lacks the TFL3 mark); convert the model again", id="a zip archive"),
        pytest.param(RAW[:-200], "m.tflite: is a damaged TFLite model; convert or copy it again", id="its tail is missing"),
        pytest.param(RAW[:64], "m.tflite: is a damaged TFLite model; convert or copy it again", id="only its head"),
        pytest.param(b"\xff\xff\xff\x7f" + RAW[4:], "m.tflite: is a damaged TFLite model; convert or copy it again", id="its root lies far outside"),
        pytest.param(with_op(replace(LAST, outputs=(99,))), "m.tflite: refers to tensor 99 of 6; convert or copy the model again", id="a tensor that does not exist"),
        pytest.param(with_op(replace(LAST, inputs=LAST.outputs)), "m.tflite: DEQUANTIZE reads y before anything computes it; convert the model again", id="a cycle"),
        pytest.param(altered(ops=GRAPH.ops[:-1]), "m.tflite: an output of the model is computed by no operator; convert the model again", id="nothing computes the output"),
        pytest.param(altered(inputs=()), "m.tflite: the model has no inputs or no outputs", id="no inputs"),
    ],
)  # fmt: skip
def test_broken_files(raw: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_tflite(raw, "m.tflite")
    assert str(caught.value) == message


def test_random_damage_is_refused_or_read() -> None:
    """Whatever a bit does, reading ends in a graph or in a sentence, never in another exception."""
    dice = random.Random(4)
    refused = 0
    for _ in range(1500):
        raw = bytearray(RAW)
        for _ in range(dice.choice((1, 2, 8))):
            raw[dice.randrange(8, len(raw))] = dice.choice((0, 0xFF, 0x7F, 0x80, dice.randrange(256)))
        try:
            assert isinstance(parse_tflite(bytes(raw), "m.tflite"), Graph)
        except InputError:
            refused += 1
    assert refused > 100


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^no.tflite: there is no such file$"):
        read_tflite(tmp_path / "no.tflite")


def test_no_two_tensors_are_written_with_one_name() -> None:
    """A converter to ONNX took two tensors of long names, alike when cut, for one tensor."""
    builder = GraphBuilder("g")
    x, y, z = (builder.tensor(Tensor("a", (1, 2), "float32")) for _ in range(3))
    builder.op("RELU", (x,), (y,))
    builder.op("RELU", (y,), (z,))
    written = parse_tflite(write_tflite(builder.build((x,), (z,))), "g")
    assert [t.name for t in written.tensors] == ["a", "a#1", "a#2"]


def test_an_operator_without_a_row_is_not_written() -> None:
    builder = GraphBuilder("g")
    x, y = (builder.tensor(Tensor(n, (1, 2), "float32")) for n in "xy")
    builder.op("CUMSUM", (x,), (y,))
    with pytest.raises(InputError) as caught:
        write_tflite(builder.build((x,), (y,)))
    assert str(caught.value) == (
        "the operator CUMSUM (layer y) is not one that edgekit writes; docs/operators.md lists those that it does"
    )


def test_a_loop_is_refused_by_name() -> None:
    """A recurrent layer of Keras becomes WHILE with graphs of its own, or one operator with a state."""
    builder = GraphBuilder("g")
    x, y = (builder.tensor(Tensor(n, (1, 2), "float32")) for n in ("x", "memory"))
    builder.op("UNIDIRECTIONAL_SEQUENCE_LSTM", (x,), (y,))
    advice = "is a loop or a condition; give recurrent layers unroll=True and convert the model again"
    with pytest.raises(InputError) as caught:
        write_tflite(builder.build((x,), (y,)))
    assert str(caught.value) == f"the operator UNIDIRECTIONAL_SEQUENCE_LSTM (layer memory) {advice}"
    with pytest.raises(InputError) as caught:
        parse_tflite(two_graphs("WHILE"), "m.keras")
    assert str(caught.value) == f"m.keras: the operator WHILE (layer series/while) {advice}"
    with pytest.raises(InputError) as caught:
        parse_tflite(two_graphs("ADD"), "m.tflite")
    assert str(caught.value) == "m.tflite: has 2 graphs; give a model with one"


def two_graphs(kind: str) -> bytes:
    """Write a file of two graphs, the first of one operator."""
    builder = flatbuffers.Builder(256)

    def table(name: str, **fields: int) -> int:
        getattr(tflite, f"{name}Start")(builder)
        for field, value in fields.items():
            getattr(tflite, f"{name}Add{field}")(builder, value)
        return int(getattr(tflite, f"{name}End")(builder))

    def vector(*offsets: int) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    name = builder.CreateString("series/while;series/memory")
    zeros = builder.CreateNumpyVector(np.zeros(1, "<i4"))
    tensors = vector(table("Tensor", Name=name))
    operators = vector(table("Operator", OpcodeIndex=0, Inputs=zeros, Outputs=zeros))
    graph = table("SubGraph", Tensors=tensors, Operators=operators, Inputs=zeros, Outputs=zeros)
    code = table("OperatorCode", DeprecatedBuiltinCode=getattr(tflite.BuiltinOperator, kind))
    buffers = vector(table("Buffer"))
    model = table("Model", Subgraphs=vector(graph, graph), OperatorCodes=vector(code), Buffers=buffers)
    builder.Finish(model, b"TFL3")
    return bytes(builder.Output())


def test_a_model_that_the_interpreter_refuses() -> None:
    builder = GraphBuilder("g")
    x = builder.tensor(Tensor("x", (1, 2), "float32"))
    y = builder.tensor(Tensor("y", (1, 3), "float32"))
    builder.op("ADD", (x,), (y,))
    with pytest.raises(InputError, match=r"^the TFLite interpreter does not take this model: "):
        Interpreter(write_tflite(builder.build((x,), (y,))))
