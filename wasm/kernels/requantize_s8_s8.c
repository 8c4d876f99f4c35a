#include "engine.h"

/* q' = clamp(((q - input_zero) * multiplier + 128 >> 8) + output_zero): XNNPACK's qs8-vcvt, multiplier = 256 s/s'. */

int requantize_s8_s8_check(const struct requantize_s8_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, op->count, 1) &&
           ek_writable(model, op->output, op->count, 1) && op->multiplier > 0 && op->multiplier <= 32768 &&
           op->input_zero >= -128 && op->input_zero <= 127 && op->output_zero >= -128 && op->output_zero <= 127;
}

void requantize_s8_s8(const struct requantize_s8_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input);
    int8_t *output = ek_output(model, op->output);
    for (int32_t i = 0; i < op->count; i++) {
        int32_t x = (input[i] - op->input_zero) * op->multiplier + 128;
        output[i] = (int8_t)ek_clamp((x >> 8) + op->output_zero, -128, 127);
    }
}
