#include "engine.h"

/* Logistic or tanh of int16, output scale 2^-15: TFLite's fixed-point interpolation in a table of sigmoid values,
 * uint16 [256] in steps of about 1/24. tanh(x) = 2 sigmoid(2x) - 1. */

int sigmoid_s16_check(const struct sigmoid_s16 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, 2ull * op->count, 2) &&
           ek_writable(model, op->output, 2ull * op->count, 2) && ek_inside(model, op->table, 512, 2) &&
           (op->is_tanh == 0 || op->is_tanh == 1) && op->multiplier > 0 && op->multiplier <= 65535 &&
           op->shift >= 0 && op->shift <= 30;
}

/* Returns sigmoid of a magnitude in units of 2^-(16 + fraction_bits), saturated beyond the table. */
static uint32_t interpolated(const uint16_t *table, uint32_t magnitude, uint32_t fraction_bits, uint32_t saturated) {
    uint32_t index = magnitude >> fraction_bits;
    if (index >= 255) return saturated;
    uint32_t fraction = magnitude & ((1u << fraction_bits) - 1);
    return ((uint32_t)table[index] << fraction_bits) + fraction * (uint32_t)(table[index + 1] - table[index]);
}

void sigmoid_s16(const struct sigmoid_s16 *op, const ek_model *model) {
    const int16_t *input = ek_value(model, op->input);
    const uint16_t *table = ek_value(model, op->table);
    int16_t *output = ek_output(model, op->output);
    const uint32_t rounding = op->shift > 0 ? 1u << (op->shift - 1) : 0;
    for (int32_t i = 0; i < op->count; i++) {
        int32_t x = (int32_t)((uint32_t)(input[i] * op->multiplier) + rounding) >> op->shift;
        uint32_t magnitude = x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
        if (op->is_tanh) {
            int32_t y = (int32_t)interpolated(table, magnitude, 8, 0xFFFFu << 8) - (1 << 23);
            output[i] = (int16_t)((x >= 0 ? y + (1 << 7) : -y + (1 << 7) - 1) >> 8);
        } else {
            int32_t y = (int32_t)interpolated(table, magnitude, 9, 0x7FFFu << 10);
            output[i] = (int16_t)((x >= 0 ? y + (1 << 9) : (1 << 25) - y + (1 << 9) - 1) >> 10);
        }
    }
}
