"""The child's side of targets/tfjs.py: the one place that imports tensorflowjs.

Run by formats/tensorflow_child.py, which calls `handle`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflowjs
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from edgekit.errors import InputError
from edgekit.formats.keras import GRAPH, input_node, output_node

#: Operators whose second input is a matrix or filter of weights.
_WEIGHTED = {
    "BatchMatMulV2",
    "Conv2D",
    "Conv3D",
    "DepthwiseConv2dNative",
    "FusedDepthwiseConv2dNative",
    "MatMul",
    "_FusedConv2D",
    "_FusedMatMul",
}


def handle(request: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a frozen graph to a TF.js graph model in the folder "out".

    The package's own function for frozen graphs knows no inputs, and its uint8 takes in every constant;
    so its steps are called one by one.
    """
    graph = converter.load_graph(str(Path(request["frozen"], GRAPH)))
    signature = _signature(graph, len(request["inputs"]), len(request["outputs"]))
    try:
        optimized = converter.optimize_graph(graph, signature)
    except ValueError as error:
        title, _, operators = str(error).partition("\n")
        if not title.startswith("Unsupported Ops"):
            raise
        names = ", ".join(sorted(operators.split(", ")))
        raise InputError(f"{request['name']}: TF.js lacks the operator {names}; leave tfjs out of --to") from None
    quantized = {"uint8": _matrices(optimized.node)} if request["weights"] == "uint8" else None
    weights = converter.extract_weights(optimized)
    out = Path(request["out"])
    out.mkdir(parents=True, exist_ok=True)
    converter.write_artifacts(
        MessageToDict(optimized),
        weights,
        str(out / "model.json"),
        tf.__version__,
        signature,
        quantization_dtype_map=quantized,
        weight_shard_size_bytes=int(request["shard_bytes"]),
    )
    return {"tensorflowjs": tensorflowjs.__version__}


def _signature(graph: Any, inputs: int, outputs: int) -> Any:
    signature = meta_graph_pb2.SignatureDef()
    ends = [(signature.inputs, input_node(i)) for i in range(inputs)]
    ends += [(signature.outputs, output_node(i)) for i in range(outputs)]
    for side, name in ends:
        tensor = graph.get_tensor_by_name(f"{name}:0")
        side[name].name = tensor.name
        side[name].dtype = tensor.dtype.as_datatype_enum
        side[name].tensor_shape.CopyFrom(tensor.shape.as_proto())
    return signature


def _matrices(nodes: Sequence[Any]) -> list[str]:
    """Name the constants that may be stored in 8 bits.

    Vectors stay in float: a normalization's means (ages and blood values side by side) share no scale, and
    biases are too few to be worth it.
    """
    by_name = {node.name: node for node in nodes}
    found = set()
    for node in nodes:
        if node.op not in _WEIGHTED:
            continue
        source = by_name[node.input[1].split(":")[0]]
        while source.op == "Identity":
            source = by_name[source.input[0].split(":")[0]]
        if source.op == "Const":
            found.add(source.name)
    return sorted(found)
