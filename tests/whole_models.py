"""Small float networks of the usual families, with random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Tensor
from edgekit.progress import silent
from edgekit.quantization.trials import Calibration, Trials
from edgekit.runtimes.litert import Interpreter

ROWS = 200
RECIPES = ("int8", "int8+int16-head", "int16", "int16x2")


class Network(GraphBuilder):
    """A float network under construction; every method returns the tensor that it made."""

    def __init__(self, seed: int) -> None:
        super().__init__("network")
        self.random = np.random.default_rng(seed)

    def value(self, *shape: int) -> int:
        return self.tensor(Tensor(f"t{len(self.tensors)}", shape, "float32"))

    def shape(self, index: int) -> tuple[int, ...]:
        return self.tensors[index].shape

    def apply(self, kind: str, inputs: tuple[int, ...], *shape: int, **options: object) -> int:
        made = self.value(*shape)
        self.op(kind, inputs, (made,), **options)
        return made

    def weights(self, shape: tuple[int, ...], fan_in: int, units: int) -> tuple[int, int]:
        scale = self.random.uniform(0.5, 1.5, units) * (2 / fan_in) ** 0.5
        drawn = self.random.normal(size=shape)
        data = (drawn.T * scale).T if shape[0] == units else drawn * scale
        bias = 0.2 * self.random.normal(size=units)
        return self.fixed(data.astype(np.float32)), self.fixed(bias.astype(np.float32))

    def fixed(self, data: np.ndarray) -> int:
        """Add a constant of any type."""
        return self.tensor(Tensor(f"c{len(self.tensors)}", data.shape, data.dtype.name, None, data))

    def dense(self, source: int, units: int, activation: str = "NONE") -> int:
        inputs = self.shape(source)[-1]
        layer = self.weights((units, inputs), inputs, units)
        return self.apply("FULLY_CONNECTED", (source, *layer), 1, units, fused_activation_function=activation)

    def conv(self, source: int, units: int, window: tuple[int, int], stride: int = 1, activation: str = "RELU") -> int:
        channels = self.shape(source)[3]
        layer = self.weights((units, *window, channels), window[0] * window[1] * channels, units)
        return self._window("CONV_2D", (source, *layer), (stride, stride), units, activation)

    def depthwise(self, source: int, stride: int = 1, activation: str = "RELU6") -> int:
        channels = self.shape(source)[3]
        layer = self.weights((1, 3, 3, channels), 9, channels)
        return self._window("DEPTHWISE_CONV_2D", (source, *layer), (stride, stride), channels, activation)

    def _window(self, kind: str, inputs: tuple[int, ...], stride: tuple[int, int], units: int, activation: str) -> int:
        size = [-(-n // s) for n, s in zip(self.shape(inputs[0])[1:3], stride, strict=True)]
        options = {"padding": "SAME", "stride_h": stride[0], "stride_w": stride[1]}
        return self.apply(kind, inputs, 1, *size, units, **options, fused_activation_function=activation)

    def pool(self, kind: str, source: int, window: tuple[int, int]) -> int:
        _, height, width, channels = self.shape(source)
        options = {"padding": "VALID", "stride_h": window[0], "stride_w": window[1]}
        options |= {"filter_height": window[0], "filter_width": window[1]}
        return self.apply(kind, (source,), 1, height // window[0], width // window[1], channels, **options)

    def add(self, a: int, b: int, activation: str = "NONE") -> int:
        return self.apply("ADD", (a, b), *self.shape(a), fused_activation_function=activation)

    def flat(self, source: int, *shape: int) -> int:
        target = shape or (1, self.tensors[source].elements)
        return self.apply("RESHAPE", (source, self.fixed(np.array(target, np.int32))), *target)

    def mean(self, source: int) -> int:
        axes = self.fixed(np.array([1, 2], np.int32))
        return self.apply("MEAN", (source, axes), 1, self.shape(source)[3], keep_dims=False)

    def softmax(self, source: int) -> int:
        return self.apply("SOFTMAX", (source,), *self.shape(source), beta=1.0)


def resnet() -> Graph:
    net = Network(1)
    image = net.value(1, 10, 10, 3)
    value = net.conv(image, 8, (3, 3))
    value = net.add(value, net.conv(net.conv(value, 8, (3, 3)), 8, (3, 3), activation="NONE"), "RELU")
    across = net.conv(value, 12, (1, 1), 2, "NONE")
    value = net.add(across, net.conv(net.conv(value, 12, (3, 3), 2), 12, (3, 3), activation="NONE"), "RELU")
    return net.build((image,), (net.softmax(net.dense(net.flat(net.pool("AVERAGE_POOL_2D", value, (5, 5))), 6)),))


def ds_cnn() -> Graph:
    net = Network(2)
    spectrum = net.value(1, 14, 8, 1)
    value = net.conv(spectrum, 9, (10, 4), 2)
    for _ in range(2):
        value = net.conv(net.depthwise(value, activation="RELU"), 9, (1, 1))
    return net.build((spectrum,), (net.softmax(net.dense(net.flat(net.pool("AVERAGE_POOL_2D", value, (7, 4))), 5)),))


def mobilenet_v1() -> Graph:
    net = Network(3)
    image = net.value(1, 12, 12, 3)
    value = net.conv(image, 8, (3, 3), 2, "RELU6")
    for stride, units in ((1, 12), (2, 17)):
        value = net.conv(net.depthwise(value, stride), units, (1, 1), activation="RELU6")
    return net.build((image,), (net.dense(net.mean(value), 3),))


def mobilenet_v2() -> Graph:
    net = Network(4)
    image = net.value(1, 10, 10, 3)
    value = net.conv(image, 6, (3, 3), 2, "RELU6")
    for stride in (1, 2):
        wide = net.depthwise(net.conv(value, 24, (1, 1), activation="RELU6"), stride)
        narrow = net.conv(wide, 6, (1, 1), activation="NONE")
        value = net.add(value, narrow) if stride == 1 else narrow
    return net.build((image,), (net.dense(net.mean(net.conv(value, 20, (1, 1), activation="RELU6")), 1),))


def time_series() -> Graph:
    net = Network(5)
    series = net.value(1, 24, 3)
    value = net.conv(net.flat(series, 1, 1, 24, 3), 8, (1, 5))
    value = net.conv(net.pool("MAX_POOL_2D", value, (1, 2)), 8, (1, 3))
    return net.build((series,), (net.dense(net.dense(net.flat(value), 10, "RELU"), 2),))


def convolutional_head() -> Graph:
    net = Network(8)
    image = net.value(1, 9, 9, 2)
    value = net.conv(net.depthwise(net.conv(image, 8, (3, 3)), 2), 16, (1, 1))
    return net.build((image,), (net.mean(net.conv(value, 4, (1, 1), activation="NONE")),))


def autoencoder() -> Graph:
    net = Network(6)
    value = features = net.value(1, 40)
    for units in (24, 8, 24):
        value = net.dense(value, units, "RELU")
    return net.build((features,), (net.dense(value, 40),))


def two_inputs_two_outputs() -> Graph:
    net = Network(7)
    image, features = net.value(1, 8, 8, 1), net.value(1, 5)
    seen = net.flat(net.pool("MAX_POOL_2D", net.conv(image, 4, (3, 3)), (4, 4)))
    known = net.dense(features, 7, "RELU")
    joined = net.apply("CONCATENATION", (seen, known), 1, net.shape(seen)[1] + 7, axis=1)
    shared = net.dense(joined, 12, "RELU")
    chance = net.apply("LOGISTIC", (net.dense(shared, 1),), 1, 1)
    return net.build((image, features), (net.dense(shared, 2), chance))


WHOLE_MODELS: Mapping[str, Callable[[], Graph]] = {
    "ResNet": resnet,
    "DS-CNN": ds_cnn,
    "MobileNetV1": mobilenet_v1,
    "MobileNetV2": mobilenet_v2,
    "time series": time_series,
    "convolutional head": convolutional_head,
    "autoencoder": autoencoder,
    "two inputs, two outputs": two_inputs_two_outputs,
}


def rows_for(graph: Graph, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    columns = sum(graph.tensors[i].elements for i in graph.inputs)
    return (random.normal(size=(count, columns)) * random.uniform(0.2, 2, (count, 1))).astype(np.float32)


@cache
def quantized(name: str, recipe: str) -> tuple[Graph, np.ndarray, np.ndarray]:
    """Return a model's quantized graph, rows, and the interpreter's answers."""
    graph = WHOLE_MODELS[name]()
    seen = rows_for(graph, 30, 1)
    made = Trials(graph, Calibration(seen, seen[:0]), {}, silent).quantized(recipe)
    rows = rows_for(made, ROWS, 2)
    return made, rows, Interpreter(write_tflite(made)).run(rows)
