#include "multiplier.h"

/* y = x * multiplier where x >= 0, else x * slope * slope_multiplier: TFLite's kernel, fixed point as in requantize.
 * The slopes repeat. */

int prelu_s8_check(const struct prelu_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_repeats(op->count, op->slope_count) && ek_inside(model, op->input, op->count, 1) &&
           ek_inside(model, op->slopes, op->slope_count, 1) && ek_writable(model, op->output, op->count, 1) &&
           op->input_zero >= -128 && op->input_zero <= 127 && op->slope_zero >= -128 && op->slope_zero <= 127 &&
           op->output_zero >= -128 && op->output_zero <= 127 && op->multiplier >= 0 && op->slope_multiplier >= 0 &&
           op->shift >= -31 && op->shift <= 14 && op->slope_shift >= -31 && op->slope_shift <= 14;
}

void prelu_s8(const struct prelu_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input), *slopes = ek_value(model, op->slopes);
    int8_t *output = ek_output(model, op->output);
    for (int32_t i = 0, s = 0; i < op->count; i++) {
        int32_t x = input[i] - op->input_zero;
        int32_t y = x >= 0 ? ek_multiplied(x, op->multiplier, op->shift)
                           : ek_multiplied(x * (slopes[s] - op->slope_zero), op->slope_multiplier, op->slope_shift);
        output[i] = (int8_t)ek_clamp(y + op->output_zero, -128, 127);
        if (++s == op->slope_count) s = 0;
    }
}
