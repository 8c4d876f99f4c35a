#include "engine.h"

/* x = (q - zero_point) * scale */

int dequantize_s8_f32_check(const struct dequantize_s8_f32 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, op->count, 1) &&
           ek_writable(model, op->output, 4ull * op->count, 4) && op->zero_point >= -128 && op->zero_point <= 127;
}

void dequantize_s8_f32(const struct dequantize_s8_f32 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input);
    float *output = ek_output(model, op->output);
    for (int32_t i = 0; i < op->count; i++) output[i] = (float)(input[i] - op->zero_point) * op->scale;
}
