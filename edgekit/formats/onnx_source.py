"""An ONNX model on its way into edgekit's graph: what was read, and the values that its operators have so far.

Pure: formats/onnx_worker.py reads the file. Images lie as [n, c, h, w] in ONNX and as [n, h, w, c] in the graph; a
Value says which it is, and is turned only where an operator needs the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgekit.graph import Array, GraphBuilder, Tensor

MAX_ELEMENTS = 2**28
#: Operators that can take a fused activation.
_FUSING = {"FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "SUB", "MUL", "DIV"}


class Unreadable(Exception):
    """Why an operator cannot be taken over; the text begins with "it" or "its"."""


@dataclass(frozen=True)
class OnnxNode:
    """A node of the file. domain: "" is ONNX's own."""

    kind: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Source:
    """A model that was read and checked; inputs are (name, shape) with batch 1, all float32."""

    name: str
    nodes: tuple[OnnxNode, ...]
    constants: Mapping[str, Array]
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Value:
    """A computed value: a tensor of the graph, and its shape in ONNX's order of axes.

    image: [n, c, h, w] that lies as [n, h, w, c], or [n, c, l] that lies as [n, 1, l, c].
    """

    index: int
    shape: tuple[int, ...]
    image: bool = False


class Importer:
    """Builds the graph; a name of the file is a Value, or an array where it is constant."""

    def __init__(self, source: Source) -> None:
        self.builder = GraphBuilder(source.name)
        self.known: dict[str, Value | Array] = dict(source.constants)
        self.uses = Counter(name for node in source.nodes for name in node.inputs)
        self.uses.update(source.outputs)
        self.node: OnnxNode = OnnxNode("", "", "", (), ())
        self._made: dict[int, int] = {}  # tensor -> operator that computes it
        for name, shape in source.inputs:
            self.known[name] = Value(self.builder.tensor(Tensor(name, shape, "float32")), shape)

    def operand(self, place: int) -> Value | Array | None:
        """Return an operand of the current node; None where it is left out."""
        name = self.node.inputs[place] if place < len(self.node.inputs) else ""
        return self.known[name] if name else None

    def value(self, place: int) -> Value:
        """Return an operand that is computed, or becomes a constant tensor of the graph."""
        found = self.operand(place)
        if found is None:
            raise Unreadable(f"its operand {place + 1} is left out")
        return found if isinstance(found, Value) else self.constant(found)

    def fixed(self, place: int) -> Array:
        """Return an operand that must be constant."""
        found = self.operand(place)
        if found is None or isinstance(found, Value):
            raise Unreadable(f"its operand {place + 1} is {'left out' if found is None else 'computed, not constant'}")
        return found

    def numbers(self, place: int, attribute: str, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """Return whole numbers that older operator sets keep as an attribute and newer ones as an operand."""
        if place < len(self.node.inputs) and self.node.inputs[place]:
            return tuple(int(n) for n in self.fixed(place).reshape(-1))
        found = self.node.attributes.get(attribute, default)
        if found is None:
            raise Unreadable(f"its {attribute} are left out")
        return tuple(int(n) for n in found)

    def constant(self, data: Array, dtype: Any = np.float32) -> Value:
        """Add a constant tensor."""
        data = np.ascontiguousarray(data).astype(dtype)
        name = f"{self.label()}/constant{len(self.builder.tensors)}"
        return Value(self.builder.tensor(Tensor(name, data.shape, data.dtype.name, None, data)), data.shape)

    def label(self) -> str:
        """Return the name that messages and tensors give to the current node."""
        return self.node.name or (self.node.outputs[0] if self.node.outputs else self.node.kind)

    def op(self, kind: str, inputs: Sequence[Value], shape: Sequence[int], **options: Any) -> Value:
        """Append an operator whose output lies as it is shaped."""
        whole = tuple(int(n) for n in shape)
        if any(n < 1 for n in whole) or int(np.prod(whole, dtype=np.float64)) > MAX_ELEMENTS:
            raise Unreadable(f"it would make a tensor of {list(whole)}")
        output = self.builder.tensor(Tensor(f"{self.label()}:{len(self.builder.ops)}", whole, "float32"))
        self.builder.op(kind, tuple(v.index for v in inputs), (output,), **options)
        self._made[output] = len(self.builder.ops) - 1
        return Value(output, whole)

    def plain(self, value: Value) -> Value:
        """Return a value that lies in ONNX's order."""
        if not value.image:
            return value
        if int(np.prod(value.shape[2:])) == 1:  # one position: both orders are the same
            return self.reshape(replace(value, image=False), value.shape)
        if len(value.shape) == 3:
            n, c, length = value.shape
            flat = self.reshape(replace(value, image=False), (n, length, c))
            return self.transpose(flat, (0, 2, 1))
        n, c, h, w = value.shape
        return self.transpose(Value(value.index, (n, h, w, c)), (0, 3, 1, 2))

    def image(self, value: Value) -> Value:
        """Return a value of three or four axes that lies with its channels last."""
        if value.image:
            return value
        if len(value.shape) == 3:
            n, c, length = value.shape
            turned = self.reshape(self.transpose(value, (0, 2, 1)), (n, 1, length, c))
        elif len(value.shape) == 4:
            turned = self.transpose(value, (0, 2, 3, 1))
        else:
            raise Unreadable(f"its input has the shape {list(value.shape)}, and one or two axes of positions are taken")
        return Value(turned.index, value.shape, True)

    def stored(self, value: Value) -> tuple[int, ...]:
        """Return the shape in which a value lies."""
        return self.builder.tensors[value.index].shape

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Append a RESHAPE of a value that lies in ONNX's order."""
        wanted = tuple(int(n) for n in shape)
        if int(np.prod(wanted)) != int(np.prod(self.stored(value))):
            raise Unreadable(f"it makes {list(wanted)} of {list(value.shape)}")
        if wanted == self.stored(value):
            return Value(value.index, wanted)
        return self.op("RESHAPE", (value, self.constant(np.array(wanted), np.int32)), wanted, new_shape=wanted)

    def transpose(self, value: Value, order: Sequence[int]) -> Value:
        """Append a TRANSPOSE."""
        shape = [value.shape[axis] for axis in order]
        return self.op("TRANSPOSE", (value, self.constant(np.array(order), np.int32)), shape)

    def last(self, value: Value, *kinds: str) -> bool:
        """Tell whether one of these operators, without an activation, made a value that only the current node reads.

        A value has several names where a layer took nodes over; each of them was read once then, by the next of them.
        """
        made = self._made.get(value.index)
        if made is None or self.builder.ops[made].kind not in kinds or self.builder.ops[made].activation != "NONE":
            return False
        return all(self.uses[n] == 1 for n, v in self.known.items() if isinstance(v, Value) and v.index == value.index)

    def change(self, value: Value, inputs: Sequence[int] | None = None, **options: Any) -> Value:
        """Change the operator that made a value."""
        place = self._made[value.index]
        op = self.builder.ops[place]
        changed = replace(op, options={**op.options, **options})
        self.builder.ops[place] = changed if inputs is None else replace(changed, inputs=tuple(inputs))
        return value

    def maker_inputs(self, value: Value) -> tuple[int, ...]:
        """Return the inputs of the operator that made a value."""
        return self.builder.ops[self._made[value.index]].inputs

    def data(self, index: int) -> Array:
        """Return the numbers of a constant tensor."""
        found = self.builder.tensors[index].data
        assert found is not None
        return found

    def fuse(self, value: Value, activation: str, kind: str) -> Value:
        """Let the operator before take over an activation, or append it as an operator of its own."""
        if self.last(value, *_FUSING):
            return self.change(value, fused_activation_function=activation)
        return self.same(kind, value)

    def same(self, kind: str, value: Value, *others: Value, **options: Any) -> Value:
        """Append an operator that keeps the shape and order of its first operand."""
        made = self.op(kind, (value, *others), self.stored(value), **options)
        return Value(made.index, value.shape, value.image)
