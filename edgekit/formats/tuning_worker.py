"""The child's side of tuning.py: trains the weights of a float TFLite graph with the float model as the teacher.

Run by formats/tensorflow_child.py, which calls `handle`. The student answers as the teacher does, or a part nearer to
the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edgekit.errors import InputError
from edgekit.formats.tflite_read import read_tflite
from edgekit.graph import Graph, Op
from edgekit.quantization.patches import LAYERS

BATCH = 64
#: Of the steps, the part in which weights are pruned; in the rest those that are left recover.
PRUNING_PART = 0.5
_UNITS = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}
#: Layers with fewer weights are not pruned: there is little to win and much to lose.
MIN_PRUNED = 256


def handle(request: Mapping[str, Any]) -> dict[str, Any]:
    """Train one graph; see tuning.tune. Writes the weights of each layer by position: w<position>, b<position>."""
    tf.keras.utils.set_random_seed(int(request["seed"]))
    tf.config.experimental.enable_op_determinism()
    student = _Student(read_tflite(Path(request["model"])), str(request["name"]), request["ranges"])
    rows = np.load(request["rows"])
    part = float(request["label_part"]) if request["labels"] else 0.0
    labels = (np.load(request["labels"]), part) if part else None
    losses = student.train(rows, labels, int(request["steps"]), float(request["rate"]), float(request["sparsity"]))
    np.savez(request["out"], **student.weights())
    return {"first": losses[0], "last": losses[1], "tensorflow": tf.__version__}


class _Student:
    """The graph with variables for its weights, each divided by its own spread so that one step size fits all."""

    def __init__(self, graph: Graph, name: str, ranges: Mapping[str, Any]) -> None:
        self.graph, self.name = graph, name
        self.ranges = {int(i): (float(low), float(high)) for i, (low, high) in ranges.items()}
        self.kernels: dict[int, tuple[Any, float]] = {}
        self.biases: dict[int, tuple[Any, float]] = {}
        self.masks: dict[int, Any] = {}
        for position, op in enumerate(graph.ops):
            if op.kind in LAYERS and graph.tensors[op.inputs[1]].data is not None:
                self.kernels[position] = _variable(graph.tensors[op.inputs[1]].data)
                self.masks[position] = tf.Variable(tf.ones_like(self.kernels[position][0]), trainable=False)
                if len(op.inputs) > 2 and op.inputs[2] >= 0 and graph.tensors[op.inputs[2]].data is not None:
                    self.biases[position] = _variable(graph.tensors[op.inputs[2]].data)

    def train(
        self, rows: Any, labels: tuple[Any, float] | None, steps: int, rate: float, sparsity: float
    ) -> tuple[float, float]:
        """Return the loss (mean squared difference to what is wanted, by the teacher's variance) before and after.

        labels: and their part in what is wanted, 0 to 1. |t - s|^2 (1 - p) + |y - s|^2 p is, but for a constant,
        |t + p (y - t) - s|^2 for the teacher's answer t, the label y and the student's answer s.
        """
        inputs = self._split(rows)
        teacher = np.concatenate([self(part, False).numpy() for part in _batches(inputs, len(rows))])
        spread = np.maximum(teacher.std(axis=0), 1e-3 * max(float(teacher.std()), 1e-12)).astype(np.float32)
        if labels is not None:
            teacher = (teacher + labels[1] * (_like(labels[0], teacher) - teacher)).astype(np.float32)
        variables = [v for v, _ in (*self.kernels.values(), *self.biases.values())]
        schedule = tf.keras.optimizers.schedules.CosineDecay(rate, steps)
        optimizer = tf.keras.optimizers.Adam(schedule)

        def loss(part: list[Any], wanted: Any) -> Any:
            return tf.reduce_mean(tf.square((self(part, True) - wanted) / spread))

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def step(part: list[Any], wanted: Any) -> None:
            with tf.GradientTape() as tape:
                value = loss(part, wanted)
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))

        random = np.random.RandomState(0)
        every = slice(0, min(len(rows), 1000))
        before = float(loss([x[every] for x in inputs], teacher[every]))
        for number in range(steps):
            if sparsity and number % 20 == 0:
                part = min(1.0, number / max(1, steps * PRUNING_PART))
                self.prune(sparsity * (1 - (1 - part) ** 3))
            chosen = random.randint(0, len(rows), min(BATCH, len(rows)))
            step([tf.constant(x[chosen]) for x in inputs], tf.constant(teacher[chosen]))
        if sparsity:
            self.prune(sparsity)
        return before, float(loss([x[every] for x in inputs], teacher[every]))

    def prune(self, sparsity: float) -> None:
        """Mask the smallest weights of all large layers together, each measured by its own layer's spread."""
        large = [p for p, (v, _) in self.kernels.items() if int(tf.size(v)) >= MIN_PRUNED]
        if not large:
            return
        sizes = np.concatenate([np.abs(self.kernels[p][0].numpy()).reshape(-1) for p in large])
        border = np.quantile(sizes, sparsity)
        for position in large:
            variable, _ = self.kernels[position]
            self.masks[position].assign(tf.cast(tf.abs(variable) > border, tf.float32))

    def weights(self) -> dict[str, Any]:
        """Return the trained weights in the layers' own units."""
        found = {f"w{p}": (v * self.masks[p]).numpy() * scale for p, (v, scale) in self.kernels.items()}
        found |= {f"b{p}": v.numpy() * scale for p, (v, scale) in self.biases.items()}
        return {name: value.astype(np.float32) for name, value in found.items()}

    def __call__(self, inputs: list[Any], rounded: bool) -> Any:
        """Answer a batch, [rows, outputs]; `rounded` imitates int8 where there are ranges."""
        values: dict[int, Any] = {}
        for index, value in zip(self.graph.inputs, inputs, strict=True):
            values[index] = self._rounded(index, tf.convert_to_tensor(value), rounded)
        for position, op in enumerate(self.graph.ops):
            values[op.outputs[0]] = self._rounded(op.outputs[0], self._apply(position, op, values, rounded), rounded)
        outputs = [tf.reshape(values[i], [tf.shape(values[i])[0], -1]) for i in self.graph.outputs]
        return tf.concat(outputs, axis=1)

    def _apply(self, position: int, op: Op, values: Mapping[int, Any], rounded: bool) -> Any:
        if op.kind not in _OPERATORS:
            raise InputError(f"{self.name}: {op.kind} (layer {self.graph.layer(op)}) cannot be tuned yet")
        shape = self.graph.tensors[op.outputs[0]].shape
        if not shape or shape[0] != 1:
            raise InputError(f"{self.name}: the layer {self.graph.layer(op)} has no batch, so it cannot be tuned")
        read = []
        for place, index in enumerate(op.inputs):
            if position in self.kernels and place == 1:
                read.append(self._kernel(position, op, rounded))
            elif position in self.biases and place == 2:
                variable, scale = self.biases[position]
                read.append(variable * scale)
            elif index >= 0:
                read.append(values[index] if index in values else self.graph.tensors[index].data)
        made = _OPERATORS[op.kind](op, read)
        made = _FUSED[op.activation](made)
        return tf.reshape(made, [-1, *shape[1:]])

    def _kernel(self, position: int, op: Op, rounded: bool) -> Any:
        variable, scale = self.kernels[position]
        weights = variable * self.masks[position] * scale
        if not rounded or not self.ranges:
            return weights
        axes = [a for a in range(len(weights.shape)) if a != _UNITS[op.kind]]
        step = tf.maximum(tf.reduce_max(tf.abs(weights), axis=axes, keepdims=True) / 127, 1e-20)
        return weights + tf.stop_gradient(tf.round(weights / step) * step - weights)

    def _rounded(self, index: int, value: Any, rounded: bool) -> Any:
        if not rounded or index not in self.ranges:
            return value
        low, high = self.ranges[index]
        step = max((high - low) / 255, 1e-20)
        zero = round(-128 - low / step)
        least, most = (-128 - zero) * step, (127 - zero) * step
        cut = tf.clip_by_value(value, least, most)
        return cut + tf.stop_gradient(tf.round(cut / step) * step - cut)

    def _split(self, rows: Any) -> list[Any]:
        parts, start = [], 0
        for index in self.graph.inputs:
            shape = self.graph.tensors[index].shape
            stop = start + int(np.prod(shape))
            parts.append(np.ascontiguousarray(rows[:, start:stop]).reshape(-1, *shape[1:]))
            start = stop
        return parts


def _variable(data: Any) -> tuple[Any, float]:
    scale = float(np.std(data)) or float(np.abs(data).max()) or 1.0
    return tf.Variable((data / scale).astype(np.float32)), scale


def _like(labels: Any, answers: Any) -> Any:
    """Return labels as a model answers: class numbers [rows, 1] become one-hot."""
    if labels.shape == answers.shape:
        return labels
    return np.eye(answers.shape[1], dtype=np.float32)[labels[:, 0].astype(np.int64)]


def _batches(inputs: list[Any], count: int) -> list[list[Any]]:
    return [[x[start : start + 256] for x in inputs] for start in range(0, count, 256)]


def _dense(op: Op, read: list[Any]) -> Any:
    product = tf.matmul(tf.reshape(read[0], [-1, read[1].shape[1]]), read[1], transpose_b=True)
    return product + read[2] if len(read) > 2 else product


def _windowed(op: Op, read: list[Any]) -> tuple[list[int], str, list[int]]:
    stride = [1, op.options["stride_h"], op.options["stride_w"], 1]
    dilation = [op.options.get("dilation_h_factor", 1), op.options.get("dilation_w_factor", 1)]
    return stride, str(op.options["padding"]), dilation


def _convolution(op: Op, read: list[Any]) -> Any:
    stride, padding, dilation = _windowed(op, read)
    made = tf.nn.conv2d(read[0], tf.transpose(read[1], [1, 2, 3, 0]), stride, padding, dilations=dilation)
    return made + read[2] if len(read) > 2 else made


def _depthwise(op: Op, read: list[Any]) -> Any:
    stride, padding, dilation = _windowed(op, read)
    rows, columns, units = read[1].shape[1:]
    kernel = tf.reshape(read[1], [rows, columns, read[0].shape[3], units // read[0].shape[3]])
    made = tf.nn.depthwise_conv2d(read[0], kernel, stride, padding, dilations=dilation)
    return made + read[2] if len(read) > 2 else made


def _pool(kind: str) -> Callable[[Op, list[Any]], Any]:
    def apply(op: Op, read: list[Any]) -> Any:
        window = [op.options["filter_height"], op.options["filter_width"]]
        stride = [op.options["stride_h"], op.options["stride_w"]]
        return tf.nn.pool(read[0], window, kind, stride, str(op.options["padding"]))

    return apply


_OPERATORS: Mapping[str, Callable[[Op, list[Any]], Any]] = {
    "FULLY_CONNECTED": _dense,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "AVERAGE_POOL_2D": _pool("AVG"),
    "MAX_POOL_2D": _pool("MAX"),
    "ADD": lambda _op, r: r[0] + r[1],
    "SUB": lambda _op, r: r[0] - r[1],
    "MUL": lambda _op, r: r[0] * r[1],
    "DIV": lambda _op, r: r[0] / r[1],
    "MAXIMUM": lambda _op, r: tf.maximum(r[0], r[1]),
    "MINIMUM": lambda _op, r: tf.minimum(r[0], r[1]),
    "RELU": lambda _op, r: tf.nn.relu(r[0]),
    "PRELU": lambda _op, r: tf.nn.relu(r[0]) - r[1] * tf.nn.relu(-r[0]),
    "RELU6": lambda _op, r: tf.nn.relu6(r[0]),
    "RELU_N1_TO_1": lambda _op, r: tf.clip_by_value(r[0], -1, 1),
    "LEAKY_RELU": lambda op, r: tf.nn.leaky_relu(r[0], op.options["alpha"]),
    "ELU": lambda _op, r: tf.nn.elu(r[0]),
    "GELU": lambda op, r: tf.nn.gelu(r[0], op.options["approximate"]),
    "HARD_SWISH": lambda _op, r: r[0] * tf.nn.relu6(r[0] + 3) / 6,
    "LOGISTIC": lambda _op, r: tf.sigmoid(r[0]),
    "TANH": lambda _op, r: tf.tanh(r[0]),
    "SOFTMAX": lambda op, r: tf.nn.softmax(op.options["beta"] * r[0]),
    "EXP": lambda _op, r: tf.exp(r[0]),
    "LOG": lambda _op, r: tf.math.log(r[0]),
    "SQRT": lambda _op, r: tf.sqrt(r[0]),
    "RSQRT": lambda _op, r: tf.math.rsqrt(r[0]),
    "SQUARE": lambda _op, r: tf.square(r[0]),
    "NEG": lambda _op, r: -r[0],
    "RESHAPE": lambda _op, r: r[0],
    "SQUEEZE": lambda _op, r: r[0],
    "EXPAND_DIMS": lambda _op, r: r[0],
    "CONCATENATION": lambda op, r: tf.concat(r, axis=op.options["axis"]),
    "MEAN": lambda op, r: tf.reduce_mean(r[0], axis=[int(a) for a in np.reshape(r[1], -1)], keepdims=True),
    "PAD": lambda _op, r: tf.pad(r[0], r[1]),
    "TRANSPOSE": lambda _op, r: tf.transpose(r[0], r[1]),
}
_FUSED: Mapping[str, Callable[[Any], Any]] = {
    "NONE": lambda value: value,
    "RELU": tf.nn.relu,
    "RELU6": tf.nn.relu6,
    "RELU_N1_TO_1": lambda value: tf.clip_by_value(value, -1, 1),
    "TANH": tf.tanh,
}
