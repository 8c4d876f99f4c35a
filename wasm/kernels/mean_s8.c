#include "engine.h"

/* A mean (or a sum) over the middle of [outer][reduced][inner]: y = clamp(round(sum * scale + bias)), half to even, with
 * scale = input_scale / output_scale / reduced (or / 1) and bias = output_zero - input_zero * reduced * scale, all in
 * float32: XNNPACK's qs8 mean. */

int mean_s8_check(const struct mean_s8 *op, const ek_model *model) {
    if (!ek_count(op->outer) || !ek_count(op->reduced) || !ek_count(op->inner) || op->reduced > 1 << 23) return 0;
    if ((uint64_t)op->outer * op->inner > EK_MAX_COUNT) return 0;
    uint64_t results = (uint64_t)op->outer * op->inner;
    return results * op->reduced <= EK_MAX_COUNT && ek_inside(model, op->input, results * op->reduced, 1) &&
           ek_writable(model, op->output, results, 1);
}

void mean_s8(const struct mean_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input);
    int8_t *output = ek_output(model, op->output);
    for (int32_t outer = 0; outer < op->outer; outer++, input += op->reduced * op->inner)
        for (int32_t i = 0; i < op->inner; i++) {
            int32_t sum = 0;
            for (int32_t r = 0; r < op->reduced; r++) sum += input[r * op->inner + i];
            float y = (float)sum * op->scale + op->bias;
            *output++ = (int8_t)ek_round(ek_clampf(y, -128.0f, 127.0f));
        }
}
