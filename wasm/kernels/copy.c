#include "engine.h"

/* Copies rows of bytes to a place inside longer rows: one input of a concatenation. */

int copy_check(const struct copy *op, const ek_model *model) {
    if (!ek_count(op->rows) || !ek_count(op->row_bytes) || !ek_count(op->output_stride)) return 0;
    if (op->output_offset < 0 || (int64_t)op->output_offset + op->row_bytes > op->output_stride) return 0;
    return ek_inside(model, op->input, (uint64_t)op->rows * op->row_bytes, 1) &&
           ek_writable(model, op->output, (uint64_t)op->rows * op->output_stride, 1);
}

void copy(const struct copy *op, const ek_model *model) {
    const uint8_t *input = ek_value(model, op->input);
    uint8_t *output = (uint8_t *)ek_output(model, op->output) + op->output_offset;
    for (int32_t row = 0; row < op->rows; row++, output += op->output_stride)
        for (int32_t i = 0; i < op->row_bytes; i++) output[i] = *input++;
}
