#include "multiplier.h"

/* q' = clamp((q - input_zero) * multiplier * 2^(shift - 31) + output_zero) between int8 and int16, rounded twice
 * as multiplier.h says: TFLite's Requantize. */

int requantize_check(const struct requantize *op, const ek_model *model) {
    int in = op->input_bytes, out = op->output_bytes;
    if ((in != 1 && in != 2) || (out != 1 && out != 2)) return 0;
    return ek_count(op->count) && ek_inside(model, op->input, (uint64_t)in * op->count, in) &&
           ek_writable(model, op->output, (uint64_t)out * op->count, out) && op->shift >= -31 && op->shift <= 14 &&
           op->multiplier >= 0 && op->input_zero >= -128 && op->input_zero <= 127 && op->output_zero >= -128 &&
           op->output_zero <= 127;
}

void requantize(const struct requantize *op, const ek_model *model) {
    const void *input = ek_value(model, op->input);
    void *output = ek_output(model, op->output);
    for (int32_t i = 0; i < op->count; i++) {
        int32_t x = op->input_bytes == 1 ? ((const int8_t *)input)[i] : ((const int16_t *)input)[i];
        int32_t y = ek_multiplied(x - op->input_zero, op->multiplier, op->shift) + op->output_zero;
        if (op->output_bytes == 1) ((int8_t *)output)[i] = (int8_t)ek_clamp(y, -128, 127);
        else ((int16_t *)output)[i] = (int16_t)ek_clamp(y, -32768, 32767);
    }
}
