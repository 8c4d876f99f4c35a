#include "dot_s8.h"

/* y = clamp(round((bias + W x) * scale), low, high) + output_zero, half to even, one scale a unit: XNNPACK's
 * qs8-qc8w-gemm with fp32 requantization. The input's zero point, and 128 (dot_s8.h), are folded into the bias.
 *
 * weights: see dot_s8.h; bias: int32, scale: float32, both padded to a multiple of 8 units.
 * scratch: a row, widened and padded with zeros. */

int fully_connected_s8_check(const struct fully_connected_s8 *op, const ek_model *model) {
    if (!ek_count(op->rows) || !ek_count(op->inputs) || !ek_count(op->units)) return 0;
    uint64_t units = ek_round_up(op->units, EK_UNITS), inputs = ek_round_up(op->inputs, EK_PADDED);
    return ek_inside(model, op->input, (uint64_t)op->rows * op->inputs, 1) &&
           ek_writable(model, op->output, (uint64_t)op->rows * op->units, 1) &&
           ek_inside(model, op->weights, units * inputs, 16) && ek_inside(model, op->bias, units * 4, 16) &&
           ek_inside(model, op->scale, units * 4, 16) && ek_writable(model, op->scratch, inputs * 2, 16) &&
           ek_requantizer_fits(op->output_zero, op->low, op->high);
}

void fully_connected_s8(const struct fully_connected_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input), *weights = ek_value(model, op->weights);
    const int32_t *bias = ek_value(model, op->bias);
    const ek_requantizer requantizer = {ek_value(model, op->scale), op->low, op->high, op->output_zero};
    int8_t *output = ek_output(model, op->output);
    ek_wide *wide = ek_output(model, op->scratch);
    const int32_t inputs = ek_round_up(op->inputs, EK_PADDED);
    for (int32_t i = op->inputs; i < inputs; i++) wide[i] = 0;
    for (int32_t row = 0; row < op->rows; row++, input += op->inputs, output += op->units) {
        ek_widen(input, wide, op->inputs);
        ek_dot_row(wide, inputs, weights, bias, op->units, &requantizer, output);
    }
}
