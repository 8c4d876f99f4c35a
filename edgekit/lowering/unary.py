"""Functions of one value: by a table of all 256 answers for int8, in fixed point for int16; and SOFTMAX."""

from __future__ import annotations

import numpy as np

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Array, GraphBuilder, Op, Tensor
from edgekit.lowering.context import Context, Refused
from edgekit.lowering.requantization import scale_and_zero
from edgekit.lowering.sigmoid_table import SIGMOID
from edgekit.runtimes.litert import Interpreter


def unary(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if source.dtype == output.dtype == "int8":
        table = context.constant(table_s8(op, source, output))
        context.step(
            "lookup_s8",
            input=context.value(op.inputs[0]),
            output=context.output(op),
            table=table,
            count=output.elements,
        )
    elif source.dtype == output.dtype == "int16" and op.kind in ("LOGISTIC", "TANH"):
        _sigmoid_s16(context, op)
    else:
        raise Refused(f"it computes {output.dtype} from {source.dtype}")


def table_s8(op: Op, source: Tensor, output: Tensor) -> Array:
    """Return the answer to -128, -127, ..., 127, asked of the TFLite interpreter itself: int8 [256].

    Whatever kernel it uses for the operator, with these scales, the table is that kernel.
    """
    (scale, zero), (output_scale, output_zero) = scale_and_zero(source), scale_and_zero(output)
    builder = GraphBuilder("table")
    shape = (1, 256)
    inputs = builder.tensor(Tensor("x", shape, "float32"))
    integers = builder.tensor(Tensor("q", shape, "int8", source.quant))
    answers = builder.tensor(Tensor("a", shape, "int8", output.quant))
    result = builder.tensor(Tensor("y", shape, "float32"))
    builder.op("QUANTIZE", (inputs,), (integers,))
    builder.op(op.kind, (integers,), (answers,), **op.options)
    builder.op("DEQUANTIZE", (answers,), (result,))
    model = write_tflite(builder.build((inputs,), (result,)))
    every = ((np.arange(-128, 128) - zero) * scale).astype(np.float32)
    real = Interpreter(model).run(every[None])[0]
    table: Array = np.rint(real.astype(np.float64) / float(output_scale) + output_zero).astype(np.int8)
    return table


def softmax(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype == output.dtype == "int8":
        raise Refused(f"it computes {output.dtype} from {source.dtype}")
    (scale, _), (output_scale, output_zero) = scale_and_zero(source), scale_and_zero(output)
    if (float(output_scale), output_zero) != (2.0**-8, -128):
        raise Refused(f"its output has the scale {output_scale:g} and zero point {output_zero}, not 1/256 and -128")
    step = np.float32(-scale * np.float32(op.options.get("beta", 1.0)))
    table = np.exp((step * np.arange(256, dtype=np.float32)).astype(np.float64)).astype("<f4")
    columns = source.shape[-1]
    context.step(
        "softmax_s8",
        input=context.value(op.inputs[0]),
        output=context.output(op),
        table=context.constant(table),
        rows=source.elements // columns,
        columns=columns,
    )


def _sigmoid_s16(context: Context, op: Op) -> None:
    source, output = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    (scale, _), (output_scale, _) = scale_and_zero(source), scale_and_zero(output)
    if float(output_scale) != 2.0**-15:
        raise Refused(f"its output has the scale {output_scale:g}, not 1/32768")
    exponent = float(np.log2(scale))
    if abs(exponent - round(exponent)) < 1e-3 and round(exponent) in (-12, -11):
        raise Refused("its input scale is 2^-11 or 2^-12, where TFLite computes differently")
    multiplier, shift = float(scale) * 4096 * 3, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    if not (0 < int(multiplier) <= 65535 and shift <= 30):
        raise Refused(f"its input scale {scale:g} is too large or too small")
    context.step(
        "sigmoid_s16",
        input=context.value(op.inputs[0]),
        output=context.output(op),
        table=context.constant(SIGMOID),
        count=output.elements,
        is_tanh=int(op.kind == "TANH"),
        multiplier=int(multiplier),
        shift=shift,
    )
