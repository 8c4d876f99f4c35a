"""ONNX files of a plain graph, optimized by ONNX Runtime; part of the child process of formats/ort_worker.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from edgekit.formats.onnx_graph import IR_VERSION, OPSET, OWN_DOMAIN, WEIGHTS, OnnxGraph
from edgekit.graph import Array

#: Smaller constants (scales, shapes) stay in the model.
_LEAST_BYTES = 128
LEVELS = {
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
}


def to_proto(graph: OnnxGraph) -> Any:
    """Return the ModelProto of a plain graph."""
    inputs, outputs = (
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in ports]
        for ports in (graph.inputs, graph.outputs)
    )
    body = helper.make_graph(
        [helper.make_node(n.kind, n.inputs, n.outputs, domain=n.domain, **n.attributes) for n in graph.nodes],
        "edgekit",
        inputs,
        outputs,
        [numpy_helper.from_array(data, name) for name, data in graph.constants.items()],
    )
    sets = [helper.make_opsetid("", OPSET), helper.make_opsetid(OWN_DOMAIN, 1)]
    return helper.make_model(body, opset_imports=sets, ir_version=IR_VERSION, producer_name="edgekit")


def optimize(model: Any, level: str, out: Path) -> Any:
    """Let ONNX Runtime fuse and fold a model as it would when a page opens it; return the new one.

    level: "extended" fuses into operators that only the CPU has, "basic" into none.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.optimized_model_filepath = str(out)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    made = onnx.load_model(str(out), load_external_data=False)
    used = {"", *(node.domain for node in made.graph.node)}
    sets = [entry for entry in made.opset_import if entry.domain in used]
    del made.opset_import[:], made.graph.value_info[:]  # of every domain that there is, and shapes that follow anyway
    made.opset_import.extend(sets)
    return made


def answers(model: Any, rows: Array) -> Array:
    """Run float32 [rows, inputs flattened] through a model as it is, one by one, on one thread."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ports = session.get_inputs()
    ends = np.cumsum([int(np.prod(port.shape)) for port in ports])[:-1]
    results = []
    for row in rows:
        parts = np.split(row, ends)
        feed = {port.name: part.reshape(port.shape) for port, part in zip(ports, parts, strict=True)}
        results.append(np.concatenate([value.reshape(-1) for value in session.run(None, feed)]))
    return np.array(results, np.float32)


def take_weights_out(model: Any) -> list[tuple[int, bytes]]:
    """Move the weights of a model into WEIGHTS; return (first node that reads it, bytes) in the order of the file."""
    first: dict[str, int] = {}
    for place, node in enumerate(model.graph.node):
        for name in node.input:
            first.setdefault(name, place)
    chunks: list[tuple[int, bytes]] = []
    offset = 0
    for tensor in sorted(_weights(model), key=lambda t: (first.get(t.name, 0), t.name)):
        raw = numpy_helper.to_array(tensor).tobytes()
        for field in ("raw_data", "float_data", "int32_data"):
            tensor.ClearField(field)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", offset), ("length", len(raw))):
            tensor.external_data.add(key=key, value=str(value))
        chunks.append((first.get(tensor.name, 0), raw))
        offset += len(raw)
    return chunks


def operators(model: Any) -> dict[str, list[str]]:
    """Return the operators of a model by domain and the version of its set, such as {"ai.onnx:20": ["Gemm"]}."""
    versions = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    found: dict[str, set[str]] = {}
    for node in model.graph.node:
        domain = node.domain or "ai.onnx"
        found.setdefault(f"{domain}:{versions.get(domain, 1)}", set()).add(node.op_type)
    return {domain: sorted(names) for domain, names in sorted(found.items())}


def versions() -> Mapping[str, str]:
    """Return the packages that made a file, with their versions."""
    return {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}


def _weights(model: Any) -> Iterator[Any]:
    small = {onnx.TensorProto.INT64, onnx.TensorProto.STRING}
    for tensor in model.graph.initializer:
        if tensor.data_type not in small and numpy_helper.to_array(tensor).nbytes >= _LEAST_BYTES:
            yield tensor
