"""A .tflite flatbuffer into a Graph. The file is untrusted: every index, size and type is checked."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from edgekit.errors import InputError
from edgekit.formats.tflite_schema import (
    ACTIVATIONS,
    ALL_TYPE_NAMES,
    LOOPS,
    OP_SCHEMAS,
    OPCODE_NAMES,
    PADDINGS,
    TYPE_NAMES,
    UNROLL,
    Option,
)
from edgekit.graph import DTYPES, Array, Graph, Op, Quant, Tensor

MAX_BYTES = 2_000_000_000  # a flatbuffer's offsets are 32-bit and signed
MAX_ITEMS = 100_000  # tensors, operators, or indices of one operator

#: What flatbuffers, struct and numpy raise when an offset leads nowhere.
_BROKEN = (struct.error, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, AssertionError)


def read_tflite(path: Path, name: str = "") -> Graph:
    """Read the only subgraph of a .tflite file; `name` is what messages call it, if not the file's own name."""
    if not path.is_file():
        raise InputError(f"{path.name}: there is no such file")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path.name}: is larger than {MAX_BYTES} bytes, which no .tflite file can be")
    return parse_tflite(path.read_bytes(), name or path.name)


def parse_tflite(raw: bytes, name: str) -> Graph:
    """Read a flatbuffer; `name` is what messages call it."""
    if raw[4:8] != b"TFL3":
        raise InputError(f"{name}: is not a TFLite model (it lacks the TFL3 mark); convert the model again")
    try:
        graph = _graph(tflite.Model.GetRootAsModel(raw, 0), len(raw), name)
    except _BROKEN:
        raise InputError(f"{name}: is a damaged TFLite model; convert or copy it again") from None
    _check(graph, name)
    return graph


def _graph(model: Any, size: int, name: str) -> Graph:
    if model.SubgraphsLength() == 0:
        raise InputError(f"{name}: holds no graph; convert or copy the model again")
    sub = model.Subgraphs(0)
    for count in (sub.TensorsLength(), sub.OperatorsLength(), model.BuffersLength(), model.OperatorCodesLength()):
        if count > MAX_ITEMS or count * 4 > size:
            raise ValueError("more items than bytes")
    codes = [_kind(model.OperatorCodes(i)) for i in range(model.OperatorCodesLength())]
    if model.SubgraphsLength() != 1:
        raise InputError(
            f"{name}: {_loop(sub, codes) or f'has {model.SubgraphsLength()} graphs; give a model with one'}"
        )
    tensors = tuple(_tensor(model, sub.Tensors(i), i, name) for i in range(sub.TensorsLength()))
    ops = tuple(_op(sub.Operators(i), codes, size, name) for i in range(sub.OperatorsLength()))
    inputs = tuple(int(i) for i in sub.InputsAsNumpy()) if sub.InputsLength() else ()
    outputs = tuple(int(i) for i in sub.OutputsAsNumpy()) if sub.OutputsLength() else ()
    return Graph(Path(name).stem, tensors, ops, inputs, outputs)


def _loop(sub: Any, codes: list[str]) -> str:
    """Say which operator runs the other graphs of the file, or nothing."""
    for op in (sub.Operators(i) for i in range(sub.OperatorsLength())):
        kind = codes[op.OpcodeIndex()]
        if kind in LOOPS:
            layer = (sub.Tensors(op.Outputs(0)).Name() or b"?").decode("utf-8", "replace")[:200].split(";")[0]
            return f"the operator {kind} (layer {layer}) {UNROLL}"
    return ""


def _kind(code: Any) -> str:
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if builtin == tflite.BuiltinOperator.CUSTOM:
        return f"CUSTOM {(code.CustomCode() or b'?').decode('utf-8', 'replace')[:60]}"
    return OPCODE_NAMES.get(builtin, f"BUILTIN {builtin}")


def _tensor(model: Any, tensor: Any, index: int, name: str) -> Tensor:
    label = (tensor.Name() or b"").decode("utf-8", "replace")[:200] or f"tensor {index}"
    if tensor.Type() not in TYPE_NAMES:
        kind = ALL_TYPE_NAMES.get(tensor.Type(), f"type {tensor.Type()}")
        raise InputError(f"{name}: the tensor {label} is {kind}, which edgekit does not read; convert without it")
    if tensor.Sparsity() is not None:
        raise InputError(f"{name}: the tensor {label} is stored sparse; convert without sparse weights")
    dtype = TYPE_NAMES[tensor.Type()]
    shape = tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
    if any(n < 0 for n in shape) or int(np.prod(shape, dtype=object)) > MAX_BYTES:
        raise InputError(f"{name}: the tensor {label} has the impossible shape {list(shape)}")
    return Tensor(label, shape, dtype, _quant(tensor.Quantization(), shape), _data(model, tensor, dtype, shape))


def _data(model: Any, tensor: Any, dtype: str, shape: tuple[int, ...]) -> Array | None:
    if not 0 <= tensor.Buffer() < model.BuffersLength():
        raise ValueError("no such buffer")
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataLength() == 0:
        return None
    data = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[dtype])
    if dtype == "int4":  # two to a byte, the first in the low half
        count = int(np.prod(shape, dtype=np.int64))
        data = np.stack([data << 4 >> 4, data >> 4], axis=1).reshape(-1)[:count]
    return data.reshape(shape)  # ValueError where the sizes differ


def _quant(params: Any, shape: tuple[int, ...]) -> Quant | None:
    if params is None or params.ScaleLength() == 0:
        return None
    scale = params.ScaleAsNumpy().astype(np.float32)
    zero = params.ZeroPointAsNumpy().astype(np.int64) if params.ZeroPointLength() else np.zeros(1, np.int64)
    zero = np.broadcast_to(zero, scale.shape) if zero.size == 1 else zero
    axis = int(params.QuantizedDimension())
    per_channel_fits = scale.size == 1 or (0 <= axis < len(shape) and shape[axis] == scale.size)
    if zero.shape != scale.shape or not per_channel_fits:
        raise ValueError("scales do not fit the shape")
    if not (np.all(np.isfinite(scale)) and np.all(scale >= 0)):
        raise ValueError("a scale that is no scale")
    return Quant(scale, zero, axis)


def _op(operator: Any, codes: list[str], size: int, name: str) -> Op:
    kind = codes[operator.OpcodeIndex()]
    if max(operator.InputsLength(), operator.OutputsLength()) * 4 > size:
        raise ValueError("more items than bytes")
    inputs = tuple(int(i) for i in operator.InputsAsNumpy()) if operator.InputsLength() else ()
    outputs = tuple(int(i) for i in operator.OutputsAsNumpy()) if operator.OutputsLength() else ()
    if not outputs or all(i < 0 for i in inputs):
        raise ValueError("an operator without inputs or outputs")
    return Op(kind, inputs, outputs, _options(operator, kind, name))


def _options(operator: Any, kind: str, name: str) -> dict[str, Any]:
    schema = OP_SCHEMAS.get(kind)
    if schema is None or not schema.table:
        return {}
    table = getattr(tflite, schema.table)()
    raw = operator.BuiltinOptions()
    if raw is None:
        return dict(schema.fields)
    if operator.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, schema.table):
        raise InputError(f"{name}: the operator {kind} carries the options of another operator; convert it again")
    table.Init(raw.Bytes, raw.Pos)
    values = {name: _option(table, camel(name), default) for name, default in schema.fields.items()}
    if "fused_activation_function" in values:
        values["fused_activation_function"] = ACTIVATIONS[values["fused_activation_function"]]
    if "padding" in values:
        values["padding"] = PADDINGS[values["padding"]]
    return values


def _option(table: Any, field: str, default: Option) -> Any:
    if not isinstance(default, tuple):
        return getattr(table, field)()
    return tuple(int(n) for n in getattr(table, f"{field}AsNumpy")()) if getattr(table, f"{field}Length")() else ()


def camel(field: str) -> str:
    """Return the accessor's name of a schema field."""
    return re.sub(r"(?:^|_)([a-z0-9])", lambda m: m.group(1).upper(), field)


def _check(graph: Graph, name: str) -> None:
    """Refuse indices out of range, cycles and values that nothing computes."""
    count = len(graph.tensors)
    if not graph.inputs or not graph.outputs:
        raise InputError(f"{name}: the model has no inputs or no outputs")
    known = {i for i, t in enumerate(graph.tensors) if t.data is not None} | {-1}
    for index in (*graph.inputs, *graph.outputs, *(i for op in graph.ops for i in (*op.inputs, *op.outputs))):
        if not -1 <= index < count:
            raise InputError(f"{name}: refers to tensor {index} of {count}; convert or copy the model again")
    known |= set(graph.inputs)
    for op in graph.ops:
        missing = [i for i in op.inputs if i not in known]
        if missing:
            label = graph.tensors[missing[0]].name
            raise InputError(f"{name}: {op.kind} reads {label} before anything computes it; convert the model again")
        known |= set(op.outputs)
    if not set(graph.outputs) <= known or -1 in graph.outputs or -1 in graph.inputs:
        raise InputError(f"{name}: an output of the model is computed by no operator; convert the model again")
