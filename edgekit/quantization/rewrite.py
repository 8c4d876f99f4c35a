"""A float graph and a type for each operator into a quantized graph with float32 inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgekit.affine import activation_quant, quantize, quantize_bias, weight_quant
from edgekit.graph import Graph, GraphBuilder, Op, Quant, Tensor
from edgekit.quantization.patches import layer_weights, unit_weights
from edgekit.quantization.ranges import Statistics
from edgekit.quantization.rounding import round_weights
from edgekit.quantization.rules import FIXED, RULES

#: For each operator (by its position) the element type that it computes in: float32, int8 or int16.
Types = Mapping[int, str]


def rewrite(graph: Graph, statistics: Statistics, types: Types) -> Graph:
    """Return the quantized graph; QUANTIZE and DEQUANTIZE stand wherever the type changes."""
    return _Rewriter(graph, statistics, types).run()


class _Rewriter:
    """Walks the operators once; remembers each value in every form that was made of it."""

    def __init__(self, graph: Graph, statistics: Statistics, types: Types) -> None:
        self.graph, self.types = graph, types
        self.ranges = {"int16": statistics.ranges, "int8": {**statistics.ranges, **statistics.narrow}}
        self.moments, self.rounded = statistics.moments, statistics.rounded
        self.out = GraphBuilder(graph.name)
        self.forms: dict[int, list[int]] = {}  # tensor of `graph` -> its forms in `out`, the computed one first

    def run(self) -> Graph:
        for index in self.graph.inputs:
            self.forms[index] = [self.out.tensor(self.graph.tensors[index])]
        for position, op in enumerate(self.graph.ops):
            if self.types[position] == "float32":
                self._copy(op)
            else:
                self._quantized(position, self.types[position])
        outputs = tuple(self._form(i, "float32", None) for i in self.graph.outputs)
        return self.out.build(tuple(self.forms[i][0] for i in self.graph.inputs), outputs)

    def _copy(self, op: Op) -> None:
        inputs = tuple(i if i < 0 else self._constant_or_form(i) for i in op.inputs)
        outputs = tuple(self._define(i, self.graph.tensors[i]) for i in op.outputs)
        self.out.ops.append(replace(op, inputs=inputs, outputs=outputs))

    def _quantized(self, position: int, dtype: str) -> None:
        op = self.graph.ops[position]
        rule = RULES[op.kind]
        target = None if rule.output == "same" else self._output_quant(op, dtype)
        wanted = target if rule.output == "shared" else None
        inputs: dict[int, int] = {}  # by their places
        for place, index in enumerate(op.inputs):
            if index < 0 or place in (rule.weights, rule.bias):
                continue
            if not self.graph.is_constant(index):
                inputs[place] = self._form(index, dtype, wanted)
            elif self.graph.tensors[index].dtype == "float32":
                inputs[place] = self._constant(index, dtype, wanted)
            else:
                inputs[place] = self.out.tensor(self.graph.tensors[index])  # a shape or an axis
        if rule.weights is not None and rule.bias is not None:
            inputs[rule.weights], inputs[rule.bias] = self._weights(position, inputs[rule.source], dtype)
        if rule.output == "same":
            target = next(q for i in inputs.values() if (q := self.out.tensors[i].quant) is not None)
        outputs = tuple(self._define(i, replace(self.graph.tensors[i], dtype=dtype, quant=target)) for i in op.outputs)
        options = {**op.options, "pot_scale_int16": False} if op.kind in ("ADD", "SUB") else op.options
        self.out.ops.append(
            replace(op, inputs=tuple(inputs[p] for p in sorted(inputs)), outputs=outputs, options=options)
        )

    def _output_quant(self, op: Op, dtype: str) -> Quant | None:
        if (op.kind, dtype) in FIXED:
            return FIXED[op.kind, dtype]
        index = op.outputs[0]
        readers = [(p, r) for p, r in enumerate(self.graph.ops) if index in r.inputs]
        if len(readers) == 1 and index not in self.graph.outputs:
            position, reader = readers[0]
            joins = reader.kind in RULES and RULES[reader.kind].output == "shared"
            if joins and self.types[position] == dtype:
                index = reader.outputs[0]  # compute in the joined parameters, so that nothing is requantized
        return activation_quant(*self.ranges[dtype][index].whole(), dtype)

    def _weights(self, position: int, source: int, dtype: str) -> tuple[int, int]:
        """Return the tensors of the weights and the bias of a layer that reads `source`."""
        op = self.graph.ops[position]
        rule = RULES[op.kind]
        assert rule.weights is not None and rule.bias is not None
        tensor = self.graph.tensors[op.inputs[rule.weights]]
        source_quant = self.out.tensors[source].quant
        assert tensor.data is not None and source_quant is not None
        scale, _ = source_quant.one()
        has_bias = len(op.inputs) > rule.bias and op.inputs[rule.bias] >= 0
        bias = self.graph.tensors[op.inputs[rule.bias]] if has_bias else None
        bias_data = bias.data if bias is not None else None
        quant = weight_quant(tensor.data, rule.channel_axis, bias_data, float(scale))
        if bias_data is None:
            bias_data = np.zeros(quant.scale.size, np.float32)
        moments = self.moments.get(position)
        if moments is not None:
            key = (position, quant.scale.tobytes())
            if key not in self.rounded:  # the rungs differ in the activations, seldom in the weights
                self.rounded[key] = round_weights(unit_weights(op, tensor.data), quant, moments)
            rounded = self.rounded[key]
            data, quant = layer_weights(op, rounded.integers, tensor.shape), rounded.quant
            bias_data = bias_data.reshape(-1) + rounded.bias_shift
        else:
            data = quantize(tensor.data, quant, "int8")
        made = self.out.tensor(replace(tensor, dtype="int8", quant=quant, data=data))
        integers, bias_quant = quantize_bias(bias_data, float(scale), quant, dtype)
        name = bias.name if bias is not None else f"{tensor.name}/bias"
        return made, self.out.tensor(Tensor(name, integers.shape, str(integers.dtype), bias_quant, integers))

    def _constant(self, index: int, dtype: str, quant: Quant | None) -> int:
        tensor = self.graph.tensors[index]
        assert tensor.data is not None
        quant = quant or activation_quant(float(tensor.data.min()), float(tensor.data.max()), dtype)
        return self.out.tensor(replace(tensor, dtype=dtype, quant=quant, data=quantize(tensor.data, quant, dtype)))

    def _constant_or_form(self, index: int) -> int:
        if self.graph.is_constant(index):
            return self.out.tensor(self.graph.tensors[index])
        return self._form(index, "float32", None)

    def _define(self, index: int, tensor: Tensor) -> int:
        made = self.out.tensor(tensor)
        self.forms.setdefault(index, []).append(made)
        return made

    def _form(self, index: int, dtype: str, quant: Quant | None) -> int:
        """Return the value of a tensor in a type (and, where given, with exactly these parameters)."""
        for made in self.forms[index]:
            if self.out.tensors[made].dtype == dtype and (quant is None or _equal(self.out.tensors[made].quant, quant)):
                return made
        source = self.graph.tensors[index]
        computed = self.forms[index][0]
        if dtype != "float32" and quant is None:
            quant = activation_quant(*self.ranges[dtype][index].whole(), dtype)
        made = self._define(index, Tensor(f"{source.name}/{dtype}", source.shape, dtype, quant))
        self.out.op("DEQUANTIZE" if dtype == "float32" else "QUANTIZE", (computed,), (made,))
        return made


def _equal(a: Quant | None, b: Quant) -> bool:
    return a is not None and np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)
