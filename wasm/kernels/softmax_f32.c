#include "exponential.h"

/* Softmax over each row: e^(beta (x - largest)) by the sum of them. */

int softmax_f32_check(const struct softmax_f32 *op, const ek_model *model) {
    if (!ek_count(op->rows) || !ek_count(op->columns)) return 0;
    uint64_t bytes = (uint64_t)op->rows * op->columns * 4;
    return ek_inside(model, op->input, bytes, 4) && ek_writable(model, op->output, bytes, 4);
}

void softmax_f32(const struct softmax_f32 *op, const ek_model *model) {
    const float *input = ek_value(model, op->input);
    float *output = ek_output(model, op->output);
    for (int32_t row = 0; row < op->rows; row++, input += op->columns, output += op->columns) {
        float largest = input[0];
        for (int32_t i = 1; i < op->columns; i++) largest = input[i] > largest ? input[i] : largest;
        double sum = 0;
        for (int32_t i = 0; i < op->columns; i++) sum += ek_exp((double)op->beta * ((double)input[i] - largest));
        for (int32_t i = 0; i < op->columns; i++)
            output[i] = (float)(ek_exp((double)op->beta * ((double)input[i] - largest)) / sum);
    }
}
