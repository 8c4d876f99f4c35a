#include "engine.h"

/* Softmax over each row, output scale 2^-8 and zero point -128: TFLite's kernel, whose exponentials are
 * table[d] = exp(-beta * scale * d), float32 [256], d = the row's largest value minus this one. */

int softmax_s8_check(const struct softmax_s8 *op, const ek_model *model) {
    if (!ek_count(op->rows) || !ek_count(op->columns)) return 0;
    uint64_t count = (uint64_t)op->rows * op->columns;
    return ek_inside(model, op->input, count, 1) && ek_writable(model, op->output, count, 1) &&
           ek_inside(model, op->table, 1024, 4);
}

void softmax_s8(const struct softmax_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input);
    const float *table = ek_value(model, op->table);
    int8_t *output = ek_output(model, op->output);
    for (int32_t row = 0; row < op->rows; row++, input += op->columns, output += op->columns) {
        int32_t largest = -128;
        for (int32_t i = 0; i < op->columns; i++) largest = input[i] > largest ? input[i] : largest;
        float sum = 0;
        for (int32_t i = 0; i < op->columns; i++) sum += table[largest - input[i]];
        const float inverse = 1.0f / (sum * 0.00390625f);
        for (int32_t i = 0; i < op->columns; i++) {
            int32_t y = (int32_t)(table[largest - input[i]] * inverse + 0.5f); /* half away from zero, y >= 0 */
            output[i] = (int8_t)ek_clamp(y - 128, -128, 127);
        }
    }
}
