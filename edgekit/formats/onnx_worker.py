"""The child's side of formats/onnx_convert.py: the one place where an .onnx file is opened.

Run by formats/tensorflow_child.py, which calls `handle`. The file is untrusted: only its protobuf is decoded here and
its numbers are copied; none of ONNX's own checkers, which are C++, sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from edgekit.errors import InputError
from edgekit.formats.onnx_import import to_graph
from edgekit.formats.onnx_source import MAX_ELEMENTS, OnnxNode, Source
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Array
from edgekit.manifest import Signature
from edgekit.plain import plain

#: The operator sets whose meaning formats/onnx_import.py has.
OPSETS = range(7, 26)
MAX_NODES = 10_000
_FLOAT = onnx.TensorProto.FLOAT
_NUMBERS = {
    onnx.TensorProto.FLOAT16: np.float32,
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float32,
    onnx.TensorProto.INT32: np.int32,
    onnx.TensorProto.INT64: np.int64,
    onnx.TensorProto.BOOL: np.bool_,
}


def handle(request: Mapping[str, Any]) -> dict[str, Any]:
    """Read one model and write model.tflite into the folder "work"."""
    name, work = str(request["name"]), Path(request["work"])
    source = read(name, Path(request["path"]).read_bytes())
    graph = to_graph(source)
    (work / "model.tflite").write_bytes(write_tflite(graph))
    outputs = [
        Signature(label, graph.tensors[index].shape) for label, index in zip(source.outputs, graph.outputs, strict=True)
    ]
    inputs = [Signature(label, shape) for label, shape in source.inputs]
    return {
        "inputs": [plain(s) for s in inputs],
        "outputs": [plain(s) for s in outputs],
        "tools": {"onnx": onnx.__version__},
    }


def read(name: str, raw: bytes) -> Source:
    """Decode a model and check what does not hang on an operator."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(raw)
    except DecodeError:
        raise InputError(f"{name}: is not an ONNX file or is damaged; export the model again") from None
    graph = model.graph
    if not model.opset_import or not graph.node or not graph.output:
        raise InputError(f"{name}: holds no ONNX model; export the model again")
    _check_sets(name, model)
    if len(graph.node) > MAX_NODES:
        raise InputError(f"{name}: has {len(graph.node)} nodes; at most {MAX_NODES} are taken")
    if graph.sparse_initializer or model.functions:
        raise InputError(f"{name}: has sparse weights or functions of its own; export it with plain operators")
    constants = {t.name: _numbers(name, t) for t in graph.initializer}
    if len(constants) != len(graph.initializer):
        raise InputError(f"{name}: has two weights of one name; export the model again")
    inputs = tuple(_input(name, port) for port in graph.input if port.name not in constants)
    if not inputs or len({n for n, _ in inputs}) != len(inputs):
        raise InputError(f"{name}: has no inputs, or two of one name; export the model again")
    outputs = tuple(port.name for port in graph.output)
    defined = {n for n, _ in inputs} | set(constants) | {o for node in graph.node for o in node.output}
    for output in outputs:
        if output not in defined:
            raise InputError(f"{name}: nothing computes the output {output!r}; export the model again")
    nodes = tuple(_node(name, node) for node in graph.node)
    return Source(name, nodes, constants, inputs, outputs)


def _check_sets(name: str, model: Any) -> None:
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version not in OPSETS:
            raise InputError(
                f"{name}: is of ONNX's operator set {entry.version}, and {OPSETS[0]} to {OPSETS[-1]} are known; "
                "export it with another opset_version"
            )


def _node(name: str, node: Any) -> OnnxNode:
    attributes = {a.name: _attribute(name, node, a) for a in node.attribute}
    domain = "" if node.domain == "ai.onnx" else node.domain
    return OnnxNode(node.op_type, domain, node.name, tuple(node.input), tuple(node.output), attributes)


def _attribute(name: str, node: Any, attribute: Any) -> Any:
    kinds = onnx.AttributeProto
    if attribute.type == kinds.TENSOR:
        return _numbers(name, attribute.t)
    if attribute.type == kinds.STRING:
        return attribute.s.decode("utf-8", "replace")
    simple = {kinds.FLOAT: "f", kinds.INT: "i", kinds.FLOATS: "floats", kinds.INTS: "ints"}
    if attribute.type in simple:
        found = getattr(attribute, simple[attribute.type])
        return list(found) if attribute.type in (kinds.FLOATS, kinds.INTS) else found
    if attribute.type == kinds.STRINGS:
        return [s.decode("utf-8", "replace") for s in attribute.strings]
    raise InputError(
        f"{name}: the operator {node.op_type} ({node.name or ', '.join(node.output)}) holds another graph; "
        "export recurrent layers and conditions unrolled"
    )


def _numbers(name: str, tensor: Any) -> Array:
    """Return a constant; float64 and float16 become float32."""
    label = tensor.name or "of a Constant"
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        where = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        raise InputError(
            f"{name}: keeps the weights {label} in another file ({where[:100]!r}); save the model as one file"
        )
    if tensor.data_type not in _NUMBERS:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in range(1, 24) else "unknown"
        raise InputError(f"{name}: the weights {label} are of the type {kind}, and float32 is what can be taken")
    if any(n < 0 for n in tensor.dims) or int(np.prod(list(tensor.dims), dtype=np.float64)) > MAX_ELEMENTS:
        raise InputError(f"{name}: the weights {label} have the shape {list(tensor.dims)}; refusing it")
    try:
        found: Array = np.array(numpy_helper.to_array(tensor)).astype(_NUMBERS[tensor.data_type])
    except (ValueError, TypeError, OverflowError):
        raise InputError(f"{name}: the weights {label} have not the bytes of their shape; export it again") from None
    return found


def _input(name: str, port: Any) -> tuple[str, tuple[int, ...]]:
    """Check an input and set its batch to 1."""
    kind = port.type.tensor_type
    if kind.elem_type != _FLOAT:
        raise InputError(
            f"{name}: the input {port.name!r} is not float32, and that is what can be exported; "
            "make the input float32 and cast it inside the model"
        )
    sizes = [d.dim_value if d.HasField("dim_value") else 0 for d in kind.shape.dim]
    if not sizes:
        raise InputError(f"{name}: the input {port.name!r} has no known shape; export it with one")
    shown = ", ".join(str(n) if n else d.dim_param or "?" for n, d in zip(sizes, kind.shape.dim, strict=True))
    if any(n < 1 for n in sizes[1:]) or int(np.prod([max(n, 1) for n in sizes], dtype=np.float64)) > MAX_ELEMENTS:
        raise InputError(
            f"{name}: the input {port.name!r} has the shape ({shown}), and only the batch may be unknown; "
            "export it with the other dimensions fixed"
        )
    if sizes[0] not in (0, 1):
        raise InputError(
            f"{name}: the input {port.name!r} has a batch fixed at {sizes[0]}; export it with an open batch or 1"
        )
    return port.name, (1, *sizes[1:])
