"""Random graphs of operators that enlarge an image: RESIZE_* and TRANSPOSE_CONV."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graph_builder import ACTIVATIONS, Builder, Random, layer, numbers

from edgekit.graph import Graph


def resize(kind: str) -> Callable[[Random, str], Graph]:
    """Draw any size, larger and smaller, with each reading of where a pixel lies."""

    def make(random: Random, dtype: str) -> Graph:
        graph = Builder(random, dtype)
        batch, height, width, channels = (int(n) for n in random.integers(1, [3, 9, 9, 20]))
        size = [int(n) for n in random.integers(1, 18, 2)]
        if random.integers(3) == 0:
            size = [height * 2, width * 2]
        source = graph.value((batch, height, width, channels))
        reading = [(False, False), (True, False), (False, True)][int(random.integers(3))]
        result = graph.result((batch, *size, channels), graph.tensors[source].quant)
        options = {"align_corners": reading[0], "half_pixel_centers": reading[1]}
        graph.op(kind, (source, numbers(graph, *size)), (result,), **options)
        return graph.finish(result)

    return make


def transpose_conv(random: Random, dtype: str) -> Graph:
    """Draw a kernel and every size that the padding allows; a kernel smaller than the stride only without padding."""
    graph = Builder(random, dtype)
    batch, height, width, channels = (int(n) for n in random.integers(1, [3, 7, 7, 20]))
    units = int(random.integers(1, 20))
    kernel, stride = ([int(n) for n in random.integers(1, m, 2)] for m in (6, 4))
    padding = "SAME" if random.integers(2) else "VALID"
    if padding == "SAME":
        kernel = [max(k, s) for k, s in zip(kernel, stride, strict=True)]
    size = []
    for n, k, s in zip((height, width), kernel, stride, strict=True):
        least = (n - 1) * s + 1 if padding == "SAME" else (n - 1) * s + k
        size.append(least + int(random.integers(0, s)))
    source = graph.value((batch, height, width, channels))
    weights, bias = layer(graph, source, (units, *kernel, channels), 0)
    result = graph.result((batch, *size, units))
    options = {"padding": padding, "stride_h": stride[0], "stride_w": stride[1]}
    options["fused_activation_function"] = str(random.choice(ACTIVATIONS))
    shape = numbers(graph, batch, *size, units)
    parts = (shape, weights, source, bias) if random.integers(4) else (shape, weights, source)
    graph.op("TRANSPOSE_CONV", parts, (result,), **options)
    return graph.finish(result)


OPERATORS: Mapping[tuple[str, str], Callable[[Random, str], Graph]] = {
    ("RESIZE_NEAREST_NEIGHBOR", "int8"): resize("RESIZE_NEAREST_NEIGHBOR"),
    ("RESIZE_NEAREST_NEIGHBOR", "float32"): resize("RESIZE_NEAREST_NEIGHBOR"),
    ("RESIZE_BILINEAR", "int8"): resize("RESIZE_BILINEAR"),
    ("TRANSPOSE_CONV", "int8"): transpose_conv,
}
