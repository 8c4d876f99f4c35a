#include "dot_s16.h"

/* y = clamp(round((bias + W x) * scale), low, high) in double precision, half away from zero, one scale a unit:
 * TFLite's 16x8 FULLY_CONNECTED. Sums are 64 bits wide.
 *
 * weights: [units][inputs] int8; bias: int32 [units]; scale: float64 [units]. */

int fully_connected_s16_check(const struct fully_connected_s16 *op, const ek_model *model) {
    if (!ek_count(op->rows) || !ek_count(op->inputs) || !ek_count(op->units)) return 0;
    uint64_t units = op->units, inputs = op->inputs, rows = op->rows;
    return ek_inside(model, op->input, rows * inputs * 2, 2) && ek_writable(model, op->output, rows * units * 2, 2) &&
           ek_inside(model, op->weights, units * inputs, 1) && ek_inside(model, op->bias, units * 4, 4) &&
           ek_inside(model, op->scale, units * 8, 8) &&
           ek_clamp_fits_s16(op->low, op->high);
}

void fully_connected_s16(const struct fully_connected_s16 *op, const ek_model *model) {
    const int16_t *input = ek_value(model, op->input);
    const int32_t *bias = ek_value(model, op->bias);
    const double *scale = ek_value(model, op->scale);
    int16_t *output = ek_output(model, op->output);
    for (int32_t row = 0; row < op->rows; row++, input += op->inputs) {
        const int8_t *w = ek_value(model, op->weights);
        for (int32_t u = 0; u < op->units; u++, w += op->inputs) {
            const double sum = (double)(bias[u] + ek_dot_s16(input, w, op->inputs));
            *output++ = (int16_t)ek_half_away(sum * scale[u], op->low, op->high);
        }
    }
}
