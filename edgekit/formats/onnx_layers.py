"""The ONNX operators with weights or windows, in those of edgekit's graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.formats.onnx_source import Importer, Unreadable, Value
from edgekit.graph import Array

_NONE = {"fused_activation_function": "NONE"}


def gemm(m: Importer) -> Value:
    """alpha A B + beta C with constant B: FULLY_CONNECTED."""
    take = m.node.attributes
    if take.get("transA"):
        raise Unreadable("its transA is 1")
    weights = _matrix(m, 1) * float(take.get("alpha", 1.0))
    weights = weights if take.get("transB") else weights.T
    bias = None if m.operand(2) is None else m.fixed(2) * float(take.get("beta", 1.0))
    return dense(m, m.plain(m.value(0)), weights, bias)


def matmul(m: Importer) -> Value:
    """A product with a constant matrix."""
    if not isinstance(m.operand(1), np.ndarray):
        raise Unreadable("both its operands are computed, and only a product with constant weights is taken")
    return dense(m, m.plain(m.value(0)), _matrix(m, 1).T, None)


def linear_regressor(m: Importer) -> Value:
    """The LinearRegressor of scikit-learn's converter."""
    take = m.node.attributes
    if take.get("post_transform", "NONE") != "NONE":
        raise Unreadable(f"its post_transform is {take['post_transform']}")
    weights = np.array(take.get("coefficients", ()), np.float32).reshape(int(take.get("targets", 1)), -1)
    return dense(m, m.plain(m.value(0)), weights, np.array(take.get("intercepts", (0.0,)), np.float32))


def scaler(m: Importer) -> Value:
    """The Scaler of scikit-learn's converter: (x - offset) * scale."""
    take, source = m.node.attributes, m.plain(m.value(0))
    offset, scale = (np.array(take.get(key, ()), np.float32) for key in ("offset", "scale"))
    for data, kind in ((offset, "SUB"), (scale, "MUL")):
        if data.size not in (1, source.shape[-1]):
            raise Unreadable(f"its offset or scale has {data.size} numbers for {source.shape[-1]} columns")
        source = m.same(kind, source, m.constant(data), **_NONE)
    return source


def dense(m: Importer, source: Value, weights: Array, bias: Array | None) -> Value:
    """Append a FULLY_CONNECTED with weights [units, inputs]."""
    units, inputs = weights.shape
    if len(source.shape) < 2 or source.shape[-1] != inputs:
        raise Unreadable(f"its weights are for {inputs} inputs, and its input has the shape {list(source.shape)}")
    operands = [source, m.constant(weights), _bias(m, bias, units)]
    shape = (*source.shape[:-1], units)
    return m.op("FULLY_CONNECTED", operands, shape, **_NONE, weights_format=0, keep_num_dims=len(shape) > 2)


def bias_of(m: Importer, value: Value, data: Array) -> Value | None:
    """Let a FULLY_CONNECTED or convolution take a constant over that is added behind it; None where it cannot."""
    fits = data.size == m.stored(value)[-1] and _along_channels(m, value, data)
    if not fits or not m.last(value, "FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
        return None
    *inputs, bias = m.maker_inputs(value)
    return m.change(value, (*inputs, m.constant(m.data(bias) + data.reshape(-1)).index))


def _bias(m: Importer, bias: Array | None, units: int) -> Value:
    """TFLite's convolutions need a bias, and int16 layers are exact with one only."""
    bias = np.zeros(units, np.float32) if bias is None else bias.reshape(-1)
    if bias.size not in (1, units):
        raise Unreadable(f"its bias has {bias.size} numbers for {units} units")
    return m.constant(np.broadcast_to(bias, units))


def conv(m: Importer) -> Value:
    """A convolution along one or two axes."""
    source, weights = m.image(m.value(0)), m.fixed(1)
    if weights.ndim == 3 and len(source.shape) == 3:
        weights = weights[:, :, None, :]
    if weights.ndim != 4:
        raise Unreadable(f"its weights have the shape {list(weights.shape)}")
    channels, groups = source.shape[1], int(m.node.attributes.get("group", 1))
    units = weights.shape[0]
    if weights.shape[1] * groups != channels or groups < 1:
        raise Unreadable(f"its weights are for {weights.shape[1] * groups} channels, and there are {channels}")
    if groups not in (1, channels):
        raise Unreadable(f"it has {groups} groups of channels, and only 1 or one for each channel is taken")
    dilations = _pair(m, "dilations", (1, 1))
    source, options, sizes = _window(m, source, weights.shape[2:], dilations)
    bias = _bias(m, None if m.operand(2) is None else m.fixed(2), units)
    options |= {"dilation_h_factor": dilations[0], "dilation_w_factor": dilations[1], **_NONE}
    kind = "CONV_2D"
    if groups > 1:
        kind, options["depth_multiplier"] = "DEPTHWISE_CONV_2D", units // groups
    order = (0, 2, 3, 1) if groups == 1 else (1, 2, 3, 0)
    made = m.op(kind, (source, m.constant(weights.transpose(order)), bias), (1, *sizes, units), **options)
    return _positions(made, source, units, sizes)


def pool(m: Importer) -> Value:
    """MaxPool and AveragePool along one or two axes."""
    kind, take = ("MAX_POOL_2D" if m.node.kind == "MaxPool" else "AVERAGE_POOL_2D"), m.node.attributes
    if take.get("ceil_mode") or _pair(m, "dilations", (1, 1)) != (1, 1):
        raise Unreadable("its ceil_mode or dilations are not taken")
    source, kernel = m.image(m.value(0)), _pair(m, "kernel_shape", None)
    padded, options, sizes = _window(m, source, kernel, (1, 1))
    if padded.index != source.index and not (kind == "AVERAGE_POOL_2D" and take.get("count_include_pad")):
        raise Unreadable("its padding is neither none nor that of SAME")
    if options["padding"] == "SAME" and kind == "AVERAGE_POOL_2D" and take.get("count_include_pad"):
        raise Unreadable("it counts the padding in its averages")
    options |= {"filter_height": kernel[0], "filter_width": kernel[1], **_NONE}
    made = m.op(kind, (padded,), (1, *sizes, source.shape[1]), **options)
    return _positions(made, source, source.shape[1], sizes)


def global_average(m: Importer) -> Value:
    """GlobalAveragePool: the mean over all positions, whose axes stay with length 1."""
    source = m.image(m.value(0))
    axes = m.constant(np.array([1, 2]), np.int32)
    made = m.op("MEAN", (source, axes), (1, 1, 1, source.shape[1]), keep_dims=True)
    return Value(made.index, (1, source.shape[1], *[1] * (len(source.shape) - 2)), True)


def batch_normalization(m: Importer) -> Value:
    """Folded into the layer before, or a multiplication and an addition."""
    if m.node.attributes.get("training_mode"):
        raise Unreadable("it is in training mode; export the model for inference")
    scale, shift, mean, variance = (m.fixed(i).astype(np.float64).reshape(-1) for i in range(1, 5))
    factor = scale / np.sqrt(variance + float(m.node.attributes.get("epsilon", 1e-5)))
    offset = shift - mean * factor
    source = m.value(0)
    if len(source.shape) > 2:
        source = m.image(source)
    if {factor.size, offset.size} != {m.stored(source)[-1]}:
        raise Unreadable(f"it has {factor.size} numbers for {m.stored(source)[-1]} channels")
    if m.last(source, "FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
        inputs = m.maker_inputs(source)
        weights, axis = m.data(inputs[1]), 3 if m.last(source, "DEPTHWISE_CONV_2D") else 0
        shape = [-1 if i == axis else 1 for i in range(weights.ndim)]
        new = m.constant(weights * factor.reshape(shape)), m.constant(m.data(inputs[2]) * factor + offset)
        return m.change(source, (inputs[0], *(v.index for v in new)))
    return m.same("ADD", m.same("MUL", source, m.constant(factor), **_NONE), m.constant(offset), **_NONE)


def _window(
    m: Importer, source: Value, kernel: Sequence[int], dilations: Sequence[int]
) -> tuple[Value, dict[str, object], tuple[int, int]]:
    """Return the source, padded where TFLite has no such padding, its options, and the lengths of the output."""
    strides = _pair(m, "strides", (1, 1))
    if min(*strides, *kernel, *dilations) < 1:
        raise Unreadable("its kernel, strides or dilations are not positive")
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    lengths = m.stored(source)[1:3]
    same = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(lengths, strides, reach, strict=True)]
    around = _pads(m, same, len(source.shape) == 3)
    options = {"padding": "VALID", "stride_h": strides[0], "stride_w": strides[1]}
    if any(around) and around == [t // 2 for t in same] + [t - t // 2 for t in same]:
        options["padding"] = "SAME"
    elif any(around):
        pads = np.array([[0, 0], [around[0], around[2]], [around[1], around[3]], [0, 0]])
        shape = [n + int(pads[i].sum()) for i, n in enumerate(m.stored(source))]
        padded = m.op("PAD", (source, m.constant(pads, np.int32)), shape)
        source = Value(padded.index, source.shape, True)
        lengths = m.stored(source)[1:3]
    if options["padding"] == "SAME":
        sizes = [-(-n // s) for n, s in zip(lengths, strides, strict=True)]
    else:
        sizes = [(n - r) // s + 1 for n, r, s in zip(lengths, reach, strides, strict=True)]
    return source, dict(options), (sizes[0], sizes[1])


def _pads(m: Importer, same: Sequence[int], is_line: bool) -> list[int]:
    """Return what is padded: above, left, below, right."""
    how = m.node.attributes.get("auto_pad", "NOTSET")
    if how == "SAME_UPPER":
        return [t // 2 for t in same] + [t - t // 2 for t in same]
    if how == "SAME_LOWER":
        return [t - t // 2 for t in same] + [t // 2 for t in same]
    if how not in ("NOTSET", "VALID", ""):
        raise Unreadable(f"its auto_pad is {how}")
    given = [int(n) for n in m.node.attributes.get("pads", ())] if how != "VALID" else []
    if not given:
        return [0, 0, 0, 0]
    if len(given) != (2 if is_line else 4) or min(given) < 0:
        raise Unreadable(f"its pads are {given}")
    return [0, given[0], 0, given[1]] if is_line else given


def _pair(m: Importer, attribute: str, default: tuple[int, int] | None) -> tuple[int, int]:
    found = tuple(int(n) for n in m.node.attributes.get(attribute, ()))
    if not found and default is not None:
        return default
    if len(found) == 1:
        return 1, found[0]
    if len(found) != 2:
        raise Unreadable(f"its {attribute} is {list(found)}, and one or two axes of positions are taken")
    return found[0], found[1]


def _positions(made: Value, source: Value, channels: int, sizes: tuple[int, int]) -> Value:
    return Value(made.index, (1, channels, *sizes[-(len(source.shape) - 2) :]), True)


def _along_channels(m: Importer, value: Value, data: Array) -> bool:
    """Tell whether a constant's one long axis is that of the channels."""
    axis = 1 if value.image else len(value.shape) - 1
    shape = (1,) * (len(value.shape) - data.ndim) + data.shape
    return len(shape) == len(value.shape) and shape[axis] == data.size


def _matrix(m: Importer, place: int) -> Array:
    weights = m.fixed(place)
    if weights.ndim != 2:
        raise Unreadable(f"its weights have the shape {list(weights.shape)}, and a matrix is taken")
    return weights
