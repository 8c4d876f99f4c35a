"""The one intermediate representation: a frozen graph of tensors and operators, as TFLite names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: TFLite's names of the element types that edgekit reads and writes, with their numpy types.
DTYPES: Mapping[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "int8": np.dtype("i1"),
    "int4": np.dtype("i1"),  # a byte each here; two to a byte in a file
    "uint8": np.dtype("u1"),
    "int16": np.dtype("<i2"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
    "bool": np.dtype("?"),
}


@dataclass(frozen=True, eq=False)
class Quant:
    """real = scale * (q - zero_point); one entry, or one for each index of `axis`."""

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int64]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        return self.scale.size > 1

    def one(self) -> tuple[np.float32, int]:
        """Return the only scale and zero point of a per-tensor quantization."""
        return self.scale.reshape(-1)[0], int(self.zero_point.reshape(-1)[0])


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph: constant where `data` is given."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quant: Quant | None = None
    data: Array | None = None

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        return self.elements * DTYPES[self.dtype].itemsize


@dataclass(frozen=True, eq=False)
class Op:
    """An operator: `kind` is TFLite's name; inputs and outputs index the graph's tensors, -1 is absent."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def activation(self) -> str:
        """The fused activation function: NONE, RELU, RELU_N1_TO_1, RELU6, ..."""
        return str(self.options.get("fused_activation_function", "NONE"))


@dataclass(frozen=True, eq=False)
class Graph:
    """A model: operators in the order of execution."""

    name: str
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def layer(self, op: Op) -> str:
        """Return the name that a message gives to an operator: that of its first output, the first of fused ones."""
        return self.tensors[op.outputs[0]].name.split(";")[0]

    def consumers(self, tensor: int) -> Iterator[Op]:
        """Yield the operators that read a tensor."""
        return (op for op in self.ops if tensor in op.inputs)

    def is_constant(self, tensor: int) -> bool:
        return tensor < 0 or self.tensors[tensor].data is not None

    def variable_inputs(self, op: Op) -> list[int]:
        """Return the inputs of an operator that are computed, not constant."""
        return [i for i in op.inputs if not self.is_constant(i)]

    @property
    def is_quantized(self) -> bool:
        return any(t.dtype in ("int8", "uint8", "int16", "int4") and t.quant is not None for t in self.tensors)


class GraphBuilder:
    """Collects tensors and operators of a new graph; `build` freezes them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []

    def tensor(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def op(self, kind: str, inputs: tuple[int, ...], outputs: tuple[int, ...], **options: Any) -> None:
        self.ops.append(Op(kind, inputs, outputs, options))

    def build(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Graph:
        return Graph(self.name, tuple(self.tensors), tuple(self.ops), inputs, outputs)
