#include "engine.h"

/* q = clamp(round(x / scale)), zero point 0, NaN becomes -32768. TFLite rounds whole blocks of 8 values in vectors
 * (times the inverse in float32, half to even) and the rest one by one (divided in float64, half away from zero). */

enum { BLOCK = 8 };

int quantize_f32_s16_check(const struct quantize_f32_s16 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, 4ull * op->count, 4) &&
           ek_writable(model, op->output, 2ull * op->count, 2);
}

static int16_t half_to_even(float x) {
    x = x > -32768.0f ? x : -32768.0f; /* also where x is NaN */
    return (int16_t)ek_round(x < 32767.0f ? x : 32767.0f);
}

void quantize_f32_s16(const struct quantize_f32_s16 *op, const ek_model *model) {
    const float *input = ek_value(model, op->input);
    int16_t *output = ek_output(model, op->output);
    const int32_t blocks = op->count / BLOCK * BLOCK;
    for (int32_t i = 0; i < blocks; i++) output[i] = half_to_even(input[i] * op->inverse_scale);
    for (int32_t i = blocks; i < op->count; i++)
        output[i] = (int16_t)ek_half_away((double)input[i] / op->scale, -32768, 32767);
}
