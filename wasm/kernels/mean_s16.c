#include "multiplier.h"

/* The mean over the middle of [outer][reduced][inner]: the sum times a multiplier that divides by `reduced` too:
 * TFLite's kernel for int16, zero points 0. The packer proved that no shifted sum leaves int32. */

int mean_s16_check(const struct mean_s16 *op, const ek_model *model) {
    if (!ek_count(op->outer) || !ek_count(op->reduced) || !ek_count(op->inner) || op->reduced > 1 << 15) return 0;
    uint64_t results = (uint64_t)op->outer * op->inner;
    return results <= EK_MAX_COUNT && results * op->reduced <= EK_MAX_COUNT &&
           ek_inside(model, op->input, results * op->reduced * 2, 2) &&
           ek_writable(model, op->output, results * 2, 2) && op->multiplier >= 0 && op->shift >= -31 && op->shift <= 14;
}

void mean_s16(const struct mean_s16 *op, const ek_model *model) {
    const int16_t *input = ek_value(model, op->input);
    int16_t *output = ek_output(model, op->output);
    for (int32_t outer = 0; outer < op->outer; outer++, input += op->reduced * op->inner)
        for (int32_t i = 0; i < op->inner; i++) {
            int32_t sum = 0;
            for (int32_t r = 0; r < op->reduced; r++) sum += input[r * op->inner + i];
            *output++ = (int16_t)ek_clamp(ek_multiplied(sum, op->multiplier, op->shift), -32768, 32767);
        }
}
