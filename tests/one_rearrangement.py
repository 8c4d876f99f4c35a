"""Random graphs of operators that only move values, with several inputs, outputs or indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graph_builder import Builder, Random, numbers, quant

from edgekit.graph import Graph


def _start(random: Random, dtype: str, most: int = 4) -> tuple[Builder, tuple[int, ...], int]:
    """Return a builder, a shape of 2 to `most` dimensions and an axis of it, sometimes counted from the end."""
    shape = (1, *(int(n) for n in random.integers(1, 7, int(random.integers(1, most)))))
    axis = int(random.integers(0, len(shape)))
    return Builder(random, dtype), shape, axis - len(shape) * int(random.integers(2))


def split(random: Random, dtype: str) -> Graph:
    graph, shape, axis = _start(random, dtype)
    parts = int(random.integers(1, 5))
    whole = list(shape)
    whole[axis] *= parts
    source = graph.value(tuple(whole))
    results = tuple(graph.result(shape, graph.tensors[source].quant) for _ in range(parts))
    graph.op("SPLIT", (numbers(graph, axis), source), results, num_splits=parts)
    return graph.finish(*results)


def split_v(random: Random, dtype: str) -> Graph:
    graph, shape, axis = _start(random, dtype)
    sizes = [int(n) for n in random.integers(1, 5, int(random.integers(1, 5)))]
    shapes = []
    for size in sizes:
        part = list(shape)
        part[axis] = size
        shapes.append(tuple(part))
    whole = list(shape)
    whole[axis] = sum(sizes)
    source = graph.value(tuple(whole))
    results = tuple(graph.result(s, graph.tensors[source].quant) for s in shapes)
    told = list(sizes)
    if random.integers(2):
        told[int(random.integers(len(told)))] = -1  # the rest
    inputs = (source, numbers(graph, *told), numbers(graph, axis))
    graph.op("SPLIT_V", inputs, results, num_splits=len(sizes))
    return graph.finish(*results)


def pack(random: Random, dtype: str) -> Graph:
    graph, shape, _ = _start(random, dtype)
    parameters = None if dtype == "float32" else quant(random, dtype)
    axis, count = int(random.integers(0, len(shape) + 1)), int(random.integers(1, 5))
    parts = tuple(graph.value(shape, parameters) for _ in range(count))
    result = graph.result((*shape[:axis], count, *shape[axis:]), parameters)
    told = axis - (len(shape) + 1) * int(random.integers(2))
    graph.op("PACK", parts, (result,), values_count=count, axis=told)
    return graph.finish(result)


def unpack(random: Random, dtype: str) -> Graph:
    graph, shape, axis = _start(random, dtype)
    source = graph.value(shape)
    rest = shape[: axis % len(shape)] + shape[axis % len(shape) + 1 :]
    results = tuple(graph.result(rest, graph.tensors[source].quant) for _ in range(shape[axis]))
    graph.op("UNPACK", (source,), results, num=shape[axis], axis=axis)
    return graph.finish(*results)


def gather(random: Random, dtype: str) -> Graph:
    graph, shape, axis = _start(random, dtype)
    source = graph.value(shape)
    indices = [int(n) for n in random.integers(0, shape[axis], int(random.integers(1, 9)))]
    place = axis % len(shape)
    result = graph.result((*shape[:place], len(indices), *shape[place + 1 :]), graph.tensors[source].quant)
    graph.op("GATHER", (source, numbers(graph, *indices)), (result,), axis=axis)
    return graph.finish(result)


def tile(random: Random, dtype: str) -> Graph:
    graph, shape, _ = _start(random, dtype)
    times = [int(n) for n in random.integers(1, 4, len(shape))]
    source = graph.value(shape)
    result = graph.result(tuple(n * t for n, t in zip(shape, times, strict=True)), graph.tensors[source].quant)
    graph.op("TILE", (source, numbers(graph, *times)), (result,))
    return graph.finish(result)


def broadcast_to(random: Random, dtype: str) -> Graph:
    graph, shape, _ = _start(random, dtype)
    out = tuple(int(random.integers(1, 4)) if n == 1 else n for n in shape)
    out = (*(int(n) for n in random.integers(1, 4, int(random.integers(2)))), *out)
    source = graph.value(shape)
    result = graph.result(out, graph.tensors[source].quant)
    graph.op("BROADCAST_TO", (source, numbers(graph, *out)), (result,))
    return graph.finish(result)


def renamed(kind: str) -> Callable[[Random, str], Graph]:
    """Draw SQUEEZE or EXPAND_DIMS, and an ADD behind it: on their own they are no step."""

    def make(random: Random, dtype: str) -> Graph:
        graph, shape, axis = _start(random, dtype, 3)
        longer = (*shape[: axis % len(shape)], 1, *shape[axis % len(shape) :])
        told = axis % len(shape) - len(longer) * int(random.integers(2))
        given, made = (longer, shape) if kind == "SQUEEZE" else (shape, longer)
        source = graph.value(given)
        middle = graph.result(made, graph.tensors[source].quant)
        if kind == "SQUEEZE":
            graph.op(kind, (source,), (middle,), squeeze_dims=(told,))
        else:
            graph.op(kind, (source, numbers(graph, told)), (middle,))
        result = graph.result(made)
        graph.op("ADD", (middle, middle), (result,))
        return graph.finish(result)

    return make


def reshape(random: Random, dtype: str) -> Graph:
    """RESHAPE with its shape as an input, with -1 in it, or in its options; an ADD behind it, for it is no step."""
    graph = Builder(random, dtype)
    a, b = (int(n) for n in random.integers(1, 6, 2))
    source = graph.value((1, a * b))
    middle = graph.result((1, a, b), graph.tensors[source].quant)
    told = (1, -1, b) if random.integers(2) else (1, a, b)
    if random.integers(2):
        graph.op("RESHAPE", (source,), (middle,), new_shape=told)
    else:
        graph.op("RESHAPE", (source, numbers(graph, *told)), (middle,), new_shape=told)
    result = graph.result((1, a, b))
    graph.op("ADD", (middle, middle), (result,))
    return graph.finish(result)


_MAKERS = {
    "SPLIT": split,
    "SPLIT_V": split_v,
    "PACK": pack,
    "UNPACK": unpack,
    "GATHER": gather,
    "TILE": tile,
    "BROADCAST_TO": broadcast_to,
}

OPERATORS: Mapping[tuple[str, str], Callable[[Random, str], Graph]] = {
    **{(kind, dtype): make for kind, make in _MAKERS.items() for dtype in ("int8", "int16", "float32")},
    ("SQUEEZE", "int8"): renamed("SQUEEZE"),
    ("EXPAND_DIMS", "int8"): renamed("EXPAND_DIMS"),
    ("RESHAPE", "int8"): reshape,
}
