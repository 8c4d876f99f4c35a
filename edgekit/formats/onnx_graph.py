"""A graph of edgekit as one of ONNX: plain nodes and constants, with a QuantizeLinear behind whatever is quantized.

Pure: nothing of the package onnx is needed to know what can be written. formats/onnx_worker.py makes the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.formats.keras import input_node, output_node
from edgekit.graph import Array, Graph, Op, Quant

#: The oldest with GELU. Not 21, which has 16-bit QuantizeLinear, but with which ONNX Runtime's optimizer contradicts
#: itself over the type of an 8-bit one; its own domain has the 16-bit one for older sets.
OPSET, IR_VERSION = 20, 10
OWN_DOMAIN = "com.microsoft"
#: The file beside the model in which its weights lie; the shards of a bundle are parts of it.
WEIGHTS = "weights.bin"
_CLIPS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}


class Unwritable(Exception):
    """Why an operator has no form in ONNX; the text begins with "it" or "its"."""


@dataclass(frozen=True)
class Node:
    """A node; attributes are numbers, texts and lists of whole numbers. domain: "" is ONNX's own."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """Nodes in the order of execution; ports are (name, shape) of float32 tensors."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]


Emitter = Callable[["Writer", Op], Sequence[str]]


class Writer:
    """Collects nodes; a tensor of the graph has a float32 value by name, behind DequantizeLinear where quantized."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self._names: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._floats: dict[int, str] = {i: input_node(k) for k, i in enumerate(graph.inputs)}
        self._stored: dict[int, str] = {}  # quantized tensors, before DequantizeLinear
        self._count = 0
        dequantized = (op for op in graph.ops if op.kind == "DEQUANTIZE" and graph.is_constant(op.inputs[0]))
        self._constants = {op.outputs[0]: op.inputs[0] for op in dequantized}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node with one output and return its name."""
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def nodes_of(
        self, kind: str, inputs: Sequence[str], outputs: int, domain: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """Append a node with several outputs and return their names."""
        names = tuple(f"v{self._count + i}" for i in range(outputs))
        self._count += outputs
        self.nodes.append(Node(kind, tuple(inputs), names, attributes, domain))
        return names

    def fixed(self, data: Array) -> str:
        """Return the name of a constant; equal constants are one."""
        key = (data.dtype.str, data.shape, data.tobytes())
        if key not in self._names:
            self._names[key] = f"c{len(self.constants)}"
            self.constants[self._names[key]] = np.ascontiguousarray(data).reshape(data.shape)
        return self._names[key]

    def whole(self, *numbers: int) -> str:
        """Return the name of a constant list of int64."""
        return self.fixed(np.array(numbers, np.int64))

    def real(self, number: float) -> str:
        """Return the name of a float32 constant."""
        return self.fixed(np.array(number, np.float32))

    def data(self, index: int) -> Array:
        """Return the numbers of a constant operand such as a shape."""
        found = self.graph.tensors[index].data
        if found is None:
            raise Unwritable("its shape is computed, not constant")
        return found.reshape(-1)

    def shape(self, index: int) -> tuple[int, ...]:
        """Return a tensor's shape."""
        return self.graph.tensors[index].shape

    def value(self, index: int) -> str:
        """Return the name of a tensor's float32 value."""
        if index not in self._floats:
            tensor = self.graph.tensors[index]
            if tensor.data is not None:
                self._floats[index] = self.weights(index, tensor.data, tensor.quant.axis if tensor.quant else 0)
            elif index in self._stored and tensor.quant is not None:
                self._floats[index] = self._dequantized(self._stored[index], tensor.quant, 0, tensor.dtype)
            else:
                raise Unwritable(f"it reads {tensor.name}, of which nothing is known")
        return self._floats[index]

    def constant(self, index: int) -> Array:
        """Return the data of weights as they are stored, also behind DEQUANTIZE."""
        found = self.graph.tensors[self._constants.get(index, index)].data
        if found is None:
            raise Unwritable("its weights are computed, not constant")
        return found

    def weights(self, index: int, data: Array, axis: int) -> str:
        """Return the name of a constant's float32 value, its data rearranged so that channels lie along `axis`."""
        tensor = self.graph.tensors[self._constants.get(index, index)]
        if tensor.quant is not None and tensor.dtype in ("int8", "int4", "uint8", "int16", "int32"):
            return self._dequantized(self.fixed(data), tensor.quant, axis, tensor.dtype)
        if tensor.quant is not None and tensor.dtype == "int64":  # DequantizeLinear has no 64 bits
            return self.fixed((data * tensor.quant.scale.astype(np.float64)).astype(np.float32))
        if tensor.dtype == "float32":
            return self.fixed(data)
        if tensor.dtype == "float16":
            return self.node("Cast", self.fixed(data), to=1)
        raise Unwritable(f"its operand {tensor.name} is {tensor.dtype}")

    def reshaped(self, name: str, shape: Sequence[int]) -> str:
        """Append a Reshape to a known shape."""
        return self.node("Reshape", name, self.whole(*shape))

    def define(self, op: Op, values: Sequence[str]) -> None:
        """Take the float32 values of an operator's outputs, quantize those that are, and remember their names."""
        for index, value in zip(op.outputs, values, strict=True):
            tensor = self.graph.tensors[index]
            if tensor.quant is not None and tensor.dtype in ("int8", "uint8", "int16"):
                scale, zero = self._parameters(tensor.quant, tensor.dtype)
                whole = self.activated(value, op)
                domain = OWN_DOMAIN if tensor.dtype == "int16" else ""
                self._stored[index] = self.nodes_of("QuantizeLinear", (whole, scale, zero), 1, domain)[0]
            elif tensor.dtype == "float32":
                self._floats[index] = self.activated(value, op)
            else:
                raise Unwritable(f"it computes {tensor.dtype}")

    def activated(self, value: str, op: Op) -> str:
        """Append an operator's fused activation."""
        if op.activation == "NONE":
            return value
        if op.activation in _CLIPS:
            low, high = _CLIPS[op.activation]
            return self.node("Clip", value, self.real(low), self.real(high))
        if op.activation not in ("RELU", "TANH"):
            raise Unwritable(f"its fused activation is {op.activation}")
        return self.node(op.activation.capitalize(), value)

    def _dequantized(self, name: str, quant: Quant, axis: int, dtype: str) -> str:
        scale, zero = self._parameters(quant, dtype)
        domain = OWN_DOMAIN if dtype == "int16" else ""
        where = {"axis": axis} if quant.per_channel else {}
        return self.nodes_of("DequantizeLinear", (name, scale, zero), 1, domain, **where)[0]

    def _parameters(self, quant: Quant, dtype: str) -> tuple[str, str]:
        shape = quant.scale.shape if quant.per_channel else ()
        stored = np.int8 if dtype == "int4" else np.dtype(dtype)
        zero = np.broadcast_to(quant.zero_point.reshape(-1), quant.scale.size).astype(stored).reshape(shape)
        return self.fixed(quant.scale.astype(np.float32).reshape(shape)), self.fixed(zero)


def to_onnx(graph: Graph, emitters: Mapping[str, Emitter]) -> OnnxGraph | list[tuple[Op, str]]:
    """Return the graph in ONNX's operators, or every operator that stands in its way and why."""
    writer, failures = Writer(graph), []
    for op in graph.ops:
        try:
            if op.kind not in emitters:
                raise Unwritable("edgekit writes no ONNX operator for it")
            writer.define(op, emitters[op.kind](writer, op))
        except Unwritable as why:
            failures.append((op, str(why)))
    if failures:
        known = {i for i, t in enumerate(graph.tensors) if t.data is not None} | set(graph.inputs)
        return [f for f in failures if set(f[0].inputs) <= known | {-1}] or failures
    for place, index in enumerate(graph.outputs):
        writer.nodes.append(Node("Identity", (writer.value(index),), (output_node(place),)))
    ports = [
        tuple((name(k), graph.tensors[i].shape) for k, i in enumerate(indices))
        for name, indices in ((input_node, graph.inputs), (output_node, graph.outputs))
    ]
    return OnnxGraph(tuple(writer.nodes), writer.constants, ports[0], ports[1])
