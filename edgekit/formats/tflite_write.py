"""A Graph into the bytes of a .tflite flatbuffer; the same graph always gives the same bytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import tflite

from edgekit.errors import InputError
from edgekit.formats.tflite_read import camel
from edgekit.formats.tflite_schema import ACTIVATIONS, LOOPS, OP_SCHEMAS, OPCODES, PADDINGS, TYPE_CODES, UNROLL
from edgekit.graph import Graph, Op, Quant, Tensor

_PLACEHOLDER_FOR_GREATER_OP_CODES = 127
_DATA_ALIGNMENT = 16
#: Bytes for all that is no weight, to begin with.
_ROOM = 65536


def write_tflite(graph: Graph) -> bytes:
    """Return the flatbuffer. Raises InputError for an operator that has no row in the schema table."""
    builder = flatbuffers.Builder(_ROOM + sum(t.bytes for t in graph.tensors if t.data is not None))  # never copied
    keys = list(dict.fromkeys(_code_key(graph, op) for op in graph.ops))
    buffers, buffer_of = _buffers(builder, graph)
    codes = _vector(builder, [_operator_code(builder, *key) for key in keys])
    named = enumerate(zip(graph.tensors, _names(graph.tensors), strict=True))
    tensors = _vector(builder, [_tensor(builder, t, name, buffer_of[i]) for i, (t, name) in named])
    operators = _vector(builder, [_operator(builder, op, keys.index(_code_key(graph, op))) for op in graph.ops])
    inputs, outputs = _ints(builder, graph.inputs), _ints(builder, graph.outputs)
    name = builder.CreateString("main")
    subgraph = _table(
        builder, tflite, "SubGraph", Tensors=tensors, Inputs=inputs, Outputs=outputs, Operators=operators, Name=name
    )
    subgraphs = _vector(builder, [subgraph])
    description = builder.CreateString("edgekit")
    fields = {
        "Version": 3,
        "OperatorCodes": codes,
        "Subgraphs": subgraphs,
        "Description": description,
        "Buffers": _vector(builder, buffers),
    }
    builder.Finish(_table(builder, tflite, "Model", **fields), b"TFL3")
    return bytes(memoryview(builder.Bytes)[builder.Head() :])


def _code_key(graph: Graph, op: Op) -> tuple[str, int]:
    schema = OP_SCHEMAS.get(op.kind)
    if schema is None:
        why = (
            UNROLL if op.kind in LOOPS else "is not one that edgekit writes; docs/operators.md lists those that it does"
        )
        raise InputError(f"the operator {op.kind} (layer {graph.layer(op)}) {why}")
    dtypes = [graph.tensors[i].dtype for i in op.inputs if i >= 0]
    dtype = next((d for d in dtypes if d not in ("int32", "int64")), dtypes[0])  # a shape or an axis may come first
    if op.kind == "QUANTIZE" and graph.tensors[op.outputs[0]].dtype == "int16":
        dtype = "int16"
    per_channel = any(i >= 0 and (q := graph.tensors[i].quant) is not None and q.per_channel for i in op.inputs)
    if op.kind == "FULLY_CONNECTED" and per_channel and dtype == "int8":
        return op.kind, 12  # older runtimes do not know per-channel weights here
    if op.kind == "TRANSPOSE_CONV" and op.activation != "NONE":
        return op.kind, 4  # older runtimes do not know a fused activation here
    if op.kind == "DEQUANTIZE" and per_channel and dtype == "int8":
        return op.kind, 5
    return op.kind, schema.versions.get(dtype, 1)


def _operator_code(builder: Any, kind: str, version: int) -> int:
    code = OPCODES[kind]
    old = min(code, _PLACEHOLDER_FOR_GREATER_OP_CODES)
    return _table(builder, tflite, "OperatorCode", DeprecatedBuiltinCode=old, Version=version, BuiltinCode=code)


def _buffers(builder: Any, graph: Graph) -> tuple[list[int], dict[int, int]]:
    """Buffer 0 is the empty one, by the format's own rule; equal constants share a buffer."""
    offsets = [_table(builder, tflite, "Buffer")]
    buffer_of: dict[int, int] = {}
    seen: dict[tuple[int, bytes], int] = {}
    for i, tensor in enumerate(graph.tensors):
        raw = b"" if tensor.data is None else _raw(tensor)
        if not raw:
            buffer_of[i] = 0
            continue
        key = (len(raw), hashlib.sha256(raw).digest())  # not the bytes: they would be in memory once more
        if key not in seen:
            seen[key] = len(offsets)
            offsets.append(_table(builder, tflite, "Buffer", Data=_bytes(builder, raw)))
        buffer_of[i] = seen[key]
    return offsets, buffer_of


def _raw(tensor: Tensor) -> bytes:
    data = np.ascontiguousarray(tensor.data)
    if tensor.dtype == "int4":  # two to a byte, the first in the low half
        flat = np.append(data.reshape(-1), np.zeros(data.size % 2, np.int8)).astype(np.uint8) & 15
        data = flat[::2] | flat[1::2] << 4
    return data.tobytes()


def _bytes(builder: Any, raw: bytes) -> int:
    builder.StartVector(1, len(raw), _DATA_ALIGNMENT)
    builder.head -= len(raw)
    builder.Bytes[builder.head : builder.head + len(raw)] = raw
    return int(builder.EndVector())


def _names(tensors: Sequence[Tensor]) -> list[str]:
    """Return a name for each tensor that no other has: converters take tensors of one name for one tensor."""
    counts: Counter[str] = Counter()
    names: dict[str, None] = {}
    for tensor in tensors:
        name = tensor.name
        while name in names:
            counts[tensor.name] += 1
            name = f"{tensor.name}#{counts[tensor.name]}"
        names[name] = None
    return list(names)


def _tensor(builder: Any, tensor: Tensor, name: str, buffer: int) -> int:
    shape = _ints(builder, tensor.shape)
    called = builder.CreateString(name)
    fields = {"Shape": shape, "Type": TYPE_CODES[tensor.dtype], "Buffer": buffer, "Name": called}
    if tensor.quant is not None:
        fields["Quantization"] = _quantization(builder, tensor.quant)
    return _table(builder, tflite, "Tensor", **fields)


def _quantization(builder: Any, quant: Quant) -> int:
    scale = builder.CreateNumpyVector(quant.scale.reshape(-1).astype("<f4"))
    zero = builder.CreateNumpyVector(quant.zero_point.reshape(-1).astype("<i8"))
    return _table(builder, tflite, "QuantizationParameters", Scale=scale, ZeroPoint=zero, QuantizedDimension=quant.axis)


def _operator(builder: Any, op: Op, code: int) -> int:
    schema = OP_SCHEMAS[op.kind]
    fields = {"OpcodeIndex": code, "Inputs": _ints(builder, op.inputs), "Outputs": _ints(builder, op.outputs)}
    if schema.table:
        values = {**schema.fields, **op.options}
        if "fused_activation_function" in values:
            values["fused_activation_function"] = ACTIVATIONS.index(str(values["fused_activation_function"]))
        if "padding" in values:
            values["padding"] = PADDINGS.index(str(values["padding"]))
        vectors = {name for name, value in schema.fields.items() if isinstance(value, tuple)}
        values |= {name: _ints(builder, values[name]) for name in vectors if values[name]}
        named = {camel(n): v for n, v in values.items() if n in schema.fields and v != ()}
        fields["BuiltinOptions"] = _table(builder, tflite, schema.table, **named)
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, schema.table)
    return _table(builder, tflite, "Operator", **fields)


def _table(builder: Any, module: Any, table: str, **fields: Any) -> int:
    getattr(module, f"{table}Start")(builder)
    for name, value in fields.items():
        getattr(module, f"{table}Add{name}")(builder, value)
    return int(getattr(module, f"{table}End")(builder))


def _vector(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _ints(builder: Any, values: tuple[int, ...]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, "<i4")))
