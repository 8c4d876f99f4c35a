"""ONNX's operators in those of edgekit's graph: one row an operator. What hangs on constants only is computed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edgekit.errors import InputError
from edgekit.formats.onnx_layers import (
    batch_normalization,
    bias_of,
    conv,
    gemm,
    global_average,
    linear_regressor,
    matmul,
    pool,
    scaler,
)
from edgekit.formats.onnx_source import Importer, OnnxNode, Source, Unreadable, Value
from edgekit.graph import Array, Graph, Op
from edgekit.quantization.passes import compact

Handler = Callable[[Importer], Value | Array | Sequence[Value]]
_NONE = {"fused_activation_function": "NONE"}
_PAIRS = {"Add": "ADD", "Sub": "SUB", "Mul": "MUL", "Div": "DIV", "Max": "MAXIMUM", "Min": "MINIMUM", "PRelu": "PRELU"}
#: Shapes are computed, weights are not: a chain of small nodes must not grow to fill the memory.
MAX_FOLDED = 4096
_SAME_SIZE = {"Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
_CLIPS = {(0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1", (0.0, np.inf): "RELU"}


def to_graph(source: Source) -> Graph:
    """Return the graph of a model; raises InputError naming the operator that cannot be taken."""
    m = Importer(source)
    for node in source.nodes:
        m.node = node
        try:
            results = _results(m, node)
        except Unreadable as why:
            layer = f"{node.kind} ({m.label()})"
            raise InputError(f"{source.name}: the operator {layer} cannot be taken: {why}") from None
        for name, result in zip(node.outputs, results, strict=False):
            if name in m.known:
                raise InputError(f"{source.name}: the name {name!r} is defined twice; export the model again")
            m.known[name] = result
    outputs = []
    for name in source.outputs:
        m.node = OnnxNode("Identity", "", name, (name,), ())
        last = m.plain(m.value(0))
        if last.index in outputs or m.builder.tensors[last.index].data is not None or not m.builder.ops:
            raise InputError(f"{source.name}: the output {name!r} is a constant or another output; remove it")
        outputs.append(last.index)
    inputs = tuple(range(len(source.inputs)))
    read = {i for op in m.builder.ops for i in op.inputs}
    for index in inputs:
        if index not in read or index in outputs:
            raise InputError(f"{source.name}: the input {source.inputs[index][0]!r} is not used; remove it")
    return compact(_without_dead(m.builder.build(inputs, tuple(outputs))))


def _without_dead(graph: Graph) -> Graph:
    """Leave out operators that nothing reads."""
    needed, kept = set(graph.outputs), list[Op]()
    for op in reversed(graph.ops):
        if needed & set(op.outputs):
            kept.append(op)
            needed |= set(op.inputs)
    return Graph(graph.name, graph.tensors, tuple(reversed(kept)), graph.inputs, graph.outputs)


def _results(m: Importer, node: OnnxNode) -> Sequence[Value | Array]:
    for name in node.inputs:
        if name and name not in m.known:
            raise Unreadable(f"it reads {name!r}, which nothing defines")
    handler = HANDLERS.get((node.domain, node.kind))
    if handler is None:
        raise Unreadable("edgekit knows none of this name; replace the layer that uses it")
    operands = [m.known[name] for name in node.inputs if name]
    if operands and all(isinstance(o, np.ndarray) for o in operands) and node.kind in _FOLDED:
        if node.kind not in _SAME_SIZE and max(o.size for o in operands if isinstance(o, np.ndarray)) > MAX_FOLDED:
            raise Unreadable(f"it computes with constants of more than {MAX_FOLDED} numbers; simplify the model first")
        try:
            return [_FOLDED[node.kind](m)]
        except (ValueError, IndexError, TypeError, OverflowError, KeyError):
            raise Unreadable("its constants do not fit together") from None
    made = handler(m)
    return [made] if isinstance(made, (Value, np.ndarray)) else made


def _pair(m: Importer) -> Value:
    """Two operands that broadcast; a constant vector behind a layer becomes its bias."""
    kind, (a, b) = _PAIRS[m.node.kind], (m.operand(0), m.operand(1))
    if len(m.node.inputs) != 2:
        raise Unreadable(f"it has {len(m.node.inputs)} operands, and two are taken")
    found = None
    if kind in ("ADD", "SUB") and isinstance(a, Value) and isinstance(b, np.ndarray):
        found = bias_of(m, a, -b if kind == "SUB" else b)
    elif kind == "ADD" and isinstance(b, Value) and isinstance(a, np.ndarray):
        found = bias_of(m, b, a)
    if found is not None:
        return found
    first, second = _aligned(m, a, b)
    shape = np.broadcast_shapes(m.stored(first), m.stored(second))
    made = m.op(kind, (first, second), shape, **({} if kind in ("MAXIMUM", "MINIMUM", "PRELU") else _NONE))
    whole = np.broadcast_shapes(first.shape, second.shape)
    return Value(made.index, whole, first.image or second.image)


def _aligned(m: Importer, a: Value | Array | None, b: Value | Array | None) -> tuple[Value, Value]:
    """Return two operands that lie alike."""
    if a is None or b is None:
        raise Unreadable("one of its operands is left out")
    shapes = [v.shape for v in (a, b)]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise Unreadable(f"its operands have the shapes {list(shapes[0])} and {list(shapes[1])}") from None
    images = [v for v in (a, b) if isinstance(v, Value) and v.image]
    if images and all(_fits(images[0], v) for v in (a, b)):
        return _as_image(m, a), _as_image(m, b)
    first, second = (m.plain(v) if isinstance(v, Value) else m.constant(v) for v in (a, b))
    return first, second


def _fits(image: Value, v: Value | Array) -> bool:
    return len(v.shape) == len(image.shape) or (isinstance(v, np.ndarray) and v.size == 1)


def _as_image(m: Importer, v: Value | Array) -> Value:
    if isinstance(v, Value):
        return m.image(v)
    if v.size == 1:
        return m.constant(v.reshape(1))
    four = v[:, :, None, :] if v.ndim == 3 else v
    made = m.constant(four.transpose(0, 2, 3, 1))
    return Value(made.index, v.shape, True)


def _unary(kind: str) -> Handler:
    return lambda m: m.same(kind, m.value(0))


def _relu(m: Importer) -> Value:
    return m.fuse(m.value(0), "RELU", "RELU")


def _clip(m: Importer) -> Value:
    low, high = (
        float(np.asarray(m.fixed(i)).reshape(-1)[0]) if m.operand(i) is not None else float(m.node.attributes.get(k, d))
        for i, k, d in ((1, "min", -np.inf), (2, "max", np.inf))
    )
    kind = _CLIPS.get((low, high if high < 3e38 else np.inf))
    if kind is not None:
        return m.fuse(m.value(0), kind, kind)
    value = m.value(0)
    if low > -3e38:
        value = m.same("MAXIMUM", value, m.constant(np.array([low])))
    return m.same("MINIMUM", value, m.constant(np.array([high]))) if high < 3e38 else value


def _leaky(m: Importer) -> Value:
    return m.same("LEAKY_RELU", m.value(0), alpha=float(m.node.attributes.get("alpha", 0.01)))


def _elu(m: Importer) -> Value:
    if float(m.node.attributes.get("alpha", 1.0)) != 1:
        raise Unreadable("its alpha is not 1")
    return m.same("ELU", m.value(0))


def _gelu(m: Importer) -> Value:
    return m.same("GELU", m.value(0), approximate=m.node.attributes.get("approximate", "none") == "tanh")


def _softmax(m: Importer) -> Value:
    value = m.plain(m.value(0))
    axis = int(m.node.attributes.get("axis", -1))
    if len(value.shape) < 1 or axis % len(value.shape) != len(value.shape) - 1:
        raise Unreadable(f"its axis is {axis}, and only the last one is taken")
    return m.same("SOFTMAX", value, beta=1.0)


def _power(m: Importer) -> Value:
    exponent = m.fixed(1)
    kind = {2.0: "SQUARE", 0.5: "SQRT"}.get(float(exponent.reshape(-1)[0])) if exponent.size == 1 else None
    if kind is None:
        raise Unreadable("its exponent is neither 2 nor 0.5")
    return m.same(kind, m.value(0))


def _reciprocal(m: Importer) -> Value:
    value = m.value(0)
    made = m.op("DIV", (m.constant(np.ones(1)), value), m.stored(value), **_NONE)
    return Value(made.index, value.shape, value.image)


def _through(m: Importer) -> Value:
    return m.value(0)


def _cast(m: Importer) -> Value:
    if int(m.node.attributes.get("to", 0)) != 1:
        raise Unreadable("it casts to something else than float32")
    return m.value(0)


def _reduce(kind: str) -> Handler:
    def handle(m: Importer) -> Value:
        value = m.plain(m.value(0))
        rank = len(value.shape)
        axes = sorted({_axis(a, rank) for a in m.numbers(1, "axes", range(rank))})
        keep = bool(m.node.attributes.get("keepdims", 1))
        shape = [1 if i in axes else n for i, n in enumerate(value.shape) if keep or i not in axes]
        return m.op(kind, (value, m.constant(np.array(axes), np.int32)), shape, keep_dims=keep)

    return handle


def _reshape(m: Importer) -> Value:
    value = m.plain(m.value(0))
    wanted = list(m.numbers(1, "shape"))
    if not m.node.attributes.get("allowzero"):
        wanted = [value.shape[i] if n == 0 and i < len(value.shape) else n for i, n in enumerate(wanted)]
    if wanted.count(-1) == 1:
        rest = int(np.prod([n for n in wanted if n != -1]))
        wanted[wanted.index(-1)] = int(np.prod(value.shape)) // max(rest, 1)
    return m.reshape(value, wanted)


def _flatten(m: Importer) -> Value:
    value = m.plain(m.value(0))
    axis = int(m.node.attributes.get("axis", 1)) % (len(value.shape) + 1)
    return m.reshape(value, (int(np.prod(value.shape[:axis])), int(np.prod(value.shape[axis:]))))


def _squeeze(m: Importer) -> Value:
    value = m.plain(m.value(0))
    ones = [i for i, n in enumerate(value.shape) if n == 1]
    axes = {_axis(a, len(value.shape)) for a in m.numbers(1, "axes", ones)}
    return m.reshape(value, [n for i, n in enumerate(value.shape) if i not in axes])


def _unsqueeze(m: Importer) -> Value:
    value = m.plain(m.value(0))
    given = m.numbers(1, "axes")
    axes = {_axis(a, len(value.shape) + len(given)) for a in given}
    rest = iter(value.shape)
    return m.reshape(value, [1 if i in axes else next(rest) for i in range(len(value.shape) + len(axes))])


def _transpose(m: Importer) -> Value:
    value = m.plain(m.value(0))
    order = tuple(int(a) for a in m.node.attributes.get("perm", range(len(value.shape))[::-1]))
    if sorted(order) != list(range(len(value.shape))):
        raise Unreadable(f"its perm is {list(order)}")
    return m.transpose(value, order)


def _concat(m: Importer) -> Value:
    parts = [m.plain(m.value(i)) for i in range(len(m.node.inputs))]
    axis = _axis(int(m.node.attributes.get("axis", 0)), len(parts[0].shape))
    rests = {(*p.shape[:axis], *p.shape[axis + 1 :]) for p in parts}
    if len(rests) != 1:
        raise Unreadable("its parts have different shapes")
    shape = list(parts[0].shape)
    shape[axis] = sum(p.shape[axis] for p in parts)
    return m.op("CONCATENATION", parts, shape, axis=axis, **_NONE)


def _slice(m: Importer) -> Value:
    value = m.plain(m.value(0))
    starts, ends = m.numbers(1, "starts"), m.numbers(2, "ends")
    axes = m.numbers(3, "axes", range(len(starts)))
    steps = m.numbers(4, "steps", [1] * len(starts))
    begin, size = [0] * len(value.shape), list(value.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = _axis(axis, len(value.shape))
        if step != 1:
            raise Unreadable(f"its step is {step}, and only 1 is taken")
        chosen = range(value.shape[place])[start:end]
        begin[place], size[place] = (chosen.start, len(chosen))
    operands = (value, m.constant(np.array(begin), np.int32), m.constant(np.array(size), np.int32))
    return m.op("SLICE", operands, size)


def _gather(m: Importer) -> Value:
    value, indices = m.plain(m.value(0)), m.fixed(1)
    axis = _axis(int(m.node.attributes.get("axis", 0)), len(value.shape))
    length = value.shape[axis]
    if indices.size == 0 or indices.min() < -length or indices.max() >= length:
        raise Unreadable(f"its indices reach beyond {length}")
    shape = (*value.shape[:axis], *indices.shape, *value.shape[axis + 1 :])
    flat = m.constant(np.where(indices < 0, indices + length, indices), np.int32)
    return m.op("GATHER", (value, flat), shape or (1,), axis=axis, batch_dims=0)


def _split(m: Importer) -> Sequence[Value]:
    value, parts = m.plain(m.value(0)), len(m.node.outputs)
    axis = _axis(int(m.node.attributes.get("axis", 0)), len(value.shape))
    length, made, at = value.shape[axis], [], 0
    sizes = m.numbers(1, "split", [-(-length // parts)] * (parts - 1) + [length - -(-length // parts) * (parts - 1)])
    if sum(sizes) != length or len(sizes) != parts or min(sizes) < 1:
        raise Unreadable(f"it cuts {length} into {list(sizes)}")
    for size in sizes:
        begin, box = [0] * len(value.shape), list(value.shape)
        begin[axis], box[axis] = at, size
        made.append(m.op("SLICE", (value, *(m.constant(np.array(n), np.int32) for n in (begin, box))), box))
        at += size
    return made


def _pad(m: Importer) -> Value:
    value, mode = m.plain(m.value(0)), m.node.attributes.get("mode", "constant")
    filling = m.operand(2)
    if mode != "constant" or (filling is not None and np.any(m.fixed(2))) or m.node.attributes.get("value"):
        raise Unreadable("it pads with something else than zeros")
    pads = np.array(m.numbers(1, "pads")).reshape(2, -1).T
    if len(pads) != len(value.shape) or pads.min() < 0:
        raise Unreadable(f"its pads are {pads.T.reshape(-1).tolist()}")
    shape = [n + int(around.sum()) for n, around in zip(value.shape, pads, strict=True)]
    return m.op("PAD", (value, m.constant(pads, np.int32)), shape)


def _constant(m: Importer) -> Array:
    for key in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if key in m.node.attributes:
            data = np.asarray(m.node.attributes[key])
            return data.astype(np.float32) if data.dtype.kind == "f" else data
    raise Unreadable("it has no numbers")


def _shape(m: Importer) -> Array:
    found = m.operand(0)
    return np.array(found.shape if found is not None else (), np.int64)


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise Unreadable(f"its axis {axis} is none of {rank}")
    return axis % rank


#: Computed here where all operands are constant: what exporters leave of shapes that were not known to them.
_FOLDED: Mapping[str, Callable[[Importer], Array]] = {
    "Add": lambda m: m.fixed(0) + m.fixed(1),
    "Sub": lambda m: m.fixed(0) - m.fixed(1),
    "Mul": lambda m: m.fixed(0) * m.fixed(1),
    "Div": lambda m: m.fixed(0) // m.fixed(1) if m.fixed(0).dtype.kind == "i" else m.fixed(0) / m.fixed(1),
    "Gather": lambda m: np.take(m.fixed(0), m.fixed(1), axis=int(m.node.attributes.get("axis", 0))),
    "Concat": lambda m: np.concatenate(
        [m.fixed(i) for i in range(len(m.node.inputs))], axis=int(m.node.attributes.get("axis", 0))
    ),
    "Cast": lambda m: m.fixed(0).astype({1: np.float32, 6: np.int32, 7: np.int64}[int(m.node.attributes["to"])]),
    "Unsqueeze": lambda m: np.expand_dims(m.fixed(0), m.numbers(1, "axes")),
    "Squeeze": lambda m: np.squeeze(m.fixed(0), m.numbers(1, "axes", ()) or None),
    "Transpose": lambda m: np.transpose(m.fixed(0), m.node.attributes.get("perm")),
    "Reshape": lambda m: m.fixed(0).reshape(m.numbers(1, "shape")),
    "Slice": lambda m: m.fixed(0)[_slices(m)],
    "Identity": lambda m: m.fixed(0),
}


def _slices(m: Importer) -> tuple[slice, ...]:
    starts, ends = m.numbers(1, "starts"), m.numbers(2, "ends")
    axes, steps = m.numbers(3, "axes", range(len(starts))), m.numbers(4, "steps", [1] * len(starts))
    found = [slice(None)] * m.fixed(0).ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        found[axis] = slice(start, end, step)
    return tuple(found)


_OWN: Mapping[str, Handler] = {
    "Gemm": gemm, "MatMul": matmul, "Conv": conv, "MaxPool": pool, "AveragePool": pool,
    "GlobalAveragePool": global_average, "BatchNormalization": batch_normalization,
    **dict.fromkeys(_PAIRS, _pair),
    "Relu": _relu, "Clip": _clip, "LeakyRelu": _leaky, "Elu": _elu, "Gelu": _gelu, "Softmax": _softmax,
    "Sigmoid": _unary("LOGISTIC"), "Tanh": _unary("TANH"), "HardSwish": _unary("HARD_SWISH"),
    "Exp": _unary("EXP"), "Log": _unary("LOG"), "Sqrt": _unary("SQRT"), "Abs": _unary("ABS"), "Neg": _unary("NEG"),
    "Pow": _power, "Reciprocal": _reciprocal,
    "Identity": _through, "Dropout": _through, "Cast": _cast,
    "ReduceMean": _reduce("MEAN"), "ReduceSum": _reduce("SUM"),
    "Reshape": _reshape, "Flatten": _flatten, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze,
    "Transpose": _transpose, "Concat": _concat, "Slice": _slice, "Gather": _gather,
    "Split": _split, "Pad": _pad,
    "Constant": _constant, "Shape": _shape,
}  # fmt: skip
HANDLERS: Mapping[tuple[str, str], Handler] = {
    **{("", kind): handler for kind, handler in _OWN.items()},
    ("ai.onnx.ml", "Scaler"): scaler,
    ("ai.onnx.ml", "LinearRegressor"): linear_regressor,
}
