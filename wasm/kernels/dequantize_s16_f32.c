#include "engine.h"

/* x = q * scale */

int dequantize_s16_f32_check(const struct dequantize_s16_f32 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, 2ull * op->count, 2) &&
           ek_writable(model, op->output, 4ull * op->count, 4);
}

void dequantize_s16_f32(const struct dequantize_s16_f32 *op, const ek_model *model) {
    const int16_t *input = ek_value(model, op->input);
    float *output = ek_output(model, op->output);
    for (int32_t i = 0; i < op->count; i++) output[i] = (float)input[i] * op->scale;
}
