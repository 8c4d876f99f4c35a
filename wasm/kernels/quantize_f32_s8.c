#include "engine.h"

/* q = clamp(round(x * inverse_scale) + zero_point), half to even: XNNPACK's f32-qs8-vcvt. NaN becomes -128. */

int quantize_f32_s8_check(const struct quantize_f32_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, 4ull * op->count, 4) &&
           ek_writable(model, op->output, op->count, 1) && op->zero_point >= -128 && op->zero_point <= 127;
}

void quantize_f32_s8(const struct quantize_f32_s8 *op, const ek_model *model) {
    const float *input = ek_value(model, op->input);
    int8_t *output = ek_output(model, op->output);
    const float low = (float)(-128 - op->zero_point), high = (float)(127 - op->zero_point);
    for (int32_t i = 0; i < op->count; i++) {
        float x = input[i] * op->inverse_scale;
        x = x > low ? x : low; /* also where x is NaN */
        output[i] = (int8_t)(ek_round(x < high ? x : high) + op->zero_point);
    }
}
