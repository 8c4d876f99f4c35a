"""Where accuracy goes: each layer of the quantized graph beside the float one, and the cause in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.affine import LIMITS
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, Tensor
from edgekit.quantization.passes import SHARED_SCALE_FACTOR
from edgekit.quantization.ranges import Range
from edgekit.quantization.trials import Contribution
from edgekit.runtimes.litert import Interpreter

Rows = npt.NDArray[np.float32]
#: Of a layer's values: more than this part beyond its range, or less than this part of its range used, is a cause.
SATURATED, UNUSED = 0.001, 0.4
#: A layer with less than this part of the error is no cause.
MINOR = 0.05
#: A step of the answers' type that is more than this part of the model's own error is a cause.
COARSE = 0.1
BINS = 24


@dataclass(frozen=True)
class Layer:
    """One quantized layer on the held-out rows.

    sqnr: signal to quantization noise in dB. range_use: part of its integers that occur, from lowest to highest.
    saturated: part of the float values that its range cuts off. dead: channels that never change. alone, without: see
    trials.Contribution; None where that was not measured.
    """

    name: str
    kind: str
    dtype: str
    sqnr: float
    cosine: float
    range_use: float
    saturated: float
    dead: int
    channels: int
    alone: float | None
    without: float | None


@dataclass(frozen=True)
class InputRange:
    """One column of the input: what calibration covered, how the held-out rows lie, and how many are outside."""

    name: str
    low: float
    high: float
    outside: int
    counts: tuple[int, ...]
    edges: tuple[float, float]


@dataclass(frozen=True)
class Diagnosis:
    """The table of layers, the inputs, and the causes in words, the gravest first."""

    layers: tuple[Layer, ...]
    inputs: tuple[InputRange, ...]
    causes: tuple[str, ...]


def layers_of(plain: Graph, quantized: Graph, rows: Rows, contributions: Sequence[Contribution]) -> tuple[Layer, ...]:
    """Compare every quantized value with the float value of the same name, over float32 [rows, inputs]."""
    floats = {t.name: i for i, t in reversed(list(enumerate(plain.tensors))) if t.data is None}
    pairs = {
        op.outputs[0]: floats[tensor.name]
        for op in quantized.ops
        if (tensor := quantized.tensors[op.outputs[0]]).dtype in LIMITS
        and tensor.quant is not None
        and tensor.name in floats
    }
    seen: dict[int, list[npt.NDArray[Any]]] = {i: [] for i in pairs.values()}
    Interpreter(write_tflite(plain), observe=True).run(rows, lambda i, v: seen[i].append(v), tuple(seen))
    watches = {index: _Comparison(quantized.tensors[index], seen[other]) for index, other in pairs.items()}
    Interpreter(write_tflite(quantized), observe=True).run(rows, lambda i, v: watches[i].add(v), tuple(watches))
    measured = {c.block: c for c in contributions}
    found = []
    for op in quantized.ops:
        if op.outputs[0] in watches:
            name = quantized.layer(op)
            found.append(watches[op.outputs[0]].layer(name, op.kind, measured.get(name)))
    return tuple(found)


class _Comparison:
    """Sums over the rows of one tensor: the integers against the float values of the same rows."""

    def __init__(self, tensor: Tensor, floats: list[npt.NDArray[Any]]) -> None:
        assert tensor.quant is not None
        self.dtype, self.floats, self.row = tensor.dtype, floats, 0
        scale, self.zero = tensor.quant.one()
        self.scale = float(scale)
        self.sums = np.zeros(4)  # float^2, gap^2, integer^2, product
        self.values, self.beyond = 0, 0
        self.ends = [np.inf, -np.inf]

    def add(self, integers: npt.NDArray[Any]) -> None:
        real = (integers.astype(np.float64) - self.zero) * self.scale
        exact = self.floats[self.row].astype(np.float64).reshape(real.shape)
        self.row += 1
        self.sums += [(exact**2).sum(), ((real - exact) ** 2).sum(), (real**2).sum(), (real * exact).sum()]
        least, most = ((limit - self.zero) * self.scale for limit in LIMITS[self.dtype])
        self.beyond += int(((exact < least - self.scale) | (exact > most + self.scale)).sum())
        self.values += exact.size
        self.ends = [min(self.ends[0], float(integers.min())), max(self.ends[1], float(integers.max()))]

    def layer(self, name: str, kind: str, contribution: Contribution | None) -> Layer:
        signal, noise, other, product = self.sums
        least, most = LIMITS[self.dtype]
        columns = np.concatenate([v.reshape(-1, v.shape[-1]) for v in self.floats])
        return Layer(
            name,
            kind,
            self.dtype,
            float(10 * np.log10(max(signal, 1e-300) / max(noise, 1e-300))) if noise else 300.0,
            float(product / max(np.sqrt(signal * other), 1e-300)),
            (self.ends[1] - self.ends[0]) / (most - least),
            self.beyond / max(self.values, 1),
            int((np.ptp(columns, axis=0) == 0).sum()),
            columns.shape[1],
            None if contribution is None else contribution.alone,
            None if contribution is None else contribution.without,
        )


def inputs_of(seen: Rows, rows: Rows, names: Sequence[str]) -> tuple[InputRange, ...]:
    """Return each column of the input: the range that calibration saw, and where the held-out rows lie."""
    found = []
    for i, name in enumerate(names):
        low, high = float(seen[:, i].min()), float(seen[:, i].max())
        column = rows[:, i].astype(np.float64)
        ends = (min(low, float(column.min())), max(high, float(column.max())))
        counts, _ = np.histogram(column, BINS, ends if ends[1] > ends[0] else (ends[0], ends[0] + 1))
        outside = int(((column < low) | (column > high)).sum())
        found.append(InputRange(name, low, high, outside, tuple(int(c) for c in counts), ends))
    return tuple(found)


def shared_scale(found: Range, names: Sequence[str], what: str) -> str:
    """Say which columns of a tensor would share one int8 scale although their ranges differ; empty where none do."""
    width = (found.high - found.low).astype(np.float64)
    wide, narrow = int(width.argmax()), int(np.where(width > 0, width, np.inf).argmin())
    if not width[narrow] > 0 or width[wide] <= SHARED_SCALE_FACTOR * width[narrow]:
        return ""
    times = width[wide] / width[narrow]
    return f"{what} `{names[wide]}` has {times:.3g}x the range of `{names[narrow]}` and both share one scale"


def columns_of(graph: Graph, index: int, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a tensor's columns: an input's share of the features' names, else numbers."""
    start, columns = 0, graph.tensors[index].shape[-1]
    for one in graph.inputs:
        stop = start + graph.tensors[one].elements
        if one == index and stop - start == columns and stop <= len(names):
            return tuple(names[start:stop])
        start = stop
    label = (
        "" if len(graph.inputs) == 1 or index not in graph.inputs else f" of {graph.tensors[index].name.split(':')[0]}"
    )
    return tuple(f"column {i + 1}{label}" for i in range(columns))


def causes_of(
    layers: Sequence[Layer], own_error: float, step: float, contributions: Sequence[Contribution] = ()
) -> list[str]:
    """Say why int8 loses what it loses, the layers that cost the most first; `own_error` is the float model's.

    step: between two neighbouring answers, in the outputs' units; 0 where they are float.
    """
    found = []
    if own_error > 0 and step > COARSE * own_error:
        found.append(f"the answers come in steps of {step:.3g}, {step / own_error:.0%} of the float model's own error")
    total = float(np.sqrt(sum(c.alone**2 for c in contributions)))
    for one in sorted(contributions, key=lambda c: -c.alone)[:3]:
        share = (one.alone / total) ** 2 if total else 0.0
        if share < MINOR:
            continue
        layer = next((layer for layer in layers if layer.name == one.block), None)
        why = _why(layer) if layer is not None and layer.dtype == "int8" else ""
        dtype = "float32" if layer is None else layer.dtype
        repair = "" if dtype == "int8" else f"; it computes in {dtype} now"
        found.append(
            f"`{one.block}` makes {share:.0%} of the error that the layers make in int8 one by one{why}{repair}"
        )
    return found


def _why(layer: Layer) -> str:
    if layer.saturated > SATURATED:
        return f": {layer.saturated:.2%} of its values lie beyond the range that calibration gave it"
    if layer.range_use < UNUSED:
        return f": its values use {layer.range_use:.0%} of its range, the rest is kept for a rare tail"
    if layer.sqnr < 30:
        return f": its values keep {layer.sqnr:.0f} dB above their rounding"
    return ""
