"""A graph of one operator under construction: inputs that are quantized at once, random constants and parameters."""

from __future__ import annotations

import numpy as np

from edgekit.affine import activation_quant, quantize_bias
from edgekit.graph import Graph, GraphBuilder, Quant, Tensor

Random = np.random.Generator


def quant(random: Random, dtype: str) -> Quant:
    """Draw a range that contains 0, over five octaves."""
    reach = 2.0 ** random.uniform(-2, 3)
    return activation_quant(-reach * random.uniform(0, 1), reach * random.uniform(0.01, 1), dtype)


class Builder(GraphBuilder):
    """A graph under construction with a random generator."""

    def __init__(self, random: Random, dtype: str) -> None:
        super().__init__("one")
        self.random, self.dtype = random, dtype
        self.sources: list[int] = []

    def value(self, shape: tuple[int, ...], parameters: Quant | None = None) -> int:
        """Add an input of the model, quantized at once."""
        source = self.tensor(Tensor(f"x{len(self.sources)}", shape, "float32"))
        self.sources.append(source)
        if self.dtype == "float32":
            return source
        made = self.tensor(Tensor(f"q{source}", shape, self.dtype, parameters or quant(self.random, self.dtype)))
        self.op("QUANTIZE", (source,), (made,))
        return made

    def constant(self, shape: tuple[int, ...], parameters: Quant | None = None) -> int:
        if self.dtype == "float32":
            data = self.random.normal(size=shape).astype(np.float32)
            return self.tensor(Tensor("c", shape, "float32", None, data))
        data = self.random.integers(-128, 128, shape).astype(self.dtype)
        return self.tensor(Tensor("c", shape, self.dtype, parameters or quant(self.random, self.dtype), data))

    def result(self, shape: tuple[int, ...], parameters: Quant | None = None, dtype: str = "") -> int:
        dtype = dtype or self.dtype
        made = None if dtype == "float32" else parameters or quant(self.random, dtype)
        return self.tensor(Tensor("a", shape, dtype, made))

    def finish(self, *results: int) -> Graph:
        outputs = []
        for result in results:
            if self.tensors[result].dtype == "float32":
                outputs.append(result)
                continue
            outputs.append(self.tensor(Tensor("y", self.tensors[result].shape, "float32")))
            self.op("DEQUANTIZE", (result,), (outputs[-1],))
        return self.build(tuple(self.sources), tuple(outputs))


ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


def layer(graph: Builder, source: int, shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Add random int8 weights with a scale for each channel along `axis`, and a bias."""
    units, random = shape[axis], graph.random
    scale = (2.0 ** random.uniform(-10, -5, units)).astype(np.float32)
    parameters = Quant(scale, np.zeros(units, np.int64), axis)
    data = random.integers(-127, 128, shape).astype(np.int8)
    weights = graph.tensor(Tensor("w", shape, "int8", parameters, data))
    source_scale = float(graph.tensors[source].quant.scale[0])
    integers, bias_quant = quantize_bias(random.normal(size=units), source_scale, parameters, graph.dtype)
    return weights, graph.tensor(Tensor("b", (units,), str(integers.dtype), bias_quant, integers))


def numbers(graph: Builder, *values: int) -> int:
    """Add a constant of int32: a shape, an axis, indices."""
    return graph.tensor(Tensor("k", (len(values),), "int32", None, np.array(values, "<i4")))
