#include "engine.h"

/* output[o][i] = input[o][indices[i]] over rows of bytes; indices: int32 [count]. An index outside the input, which
 * only damaged weights have, reads the nearest row: weights may come after the plan was checked. */

int gather_rows_check(const struct gather_rows *op, const ek_model *model) {
    if (!ek_count(op->outer) || !ek_count(op->length) || !ek_count(op->count) || !ek_count(op->row_bytes)) return 0;
    uint64_t read = (uint64_t)op->length * op->row_bytes, written = (uint64_t)op->count * op->row_bytes;
    if (read > EK_MAX_COUNT || written > EK_MAX_COUNT) return 0;
    return ek_inside(model, op->input, op->outer * read, 1) && ek_writable(model, op->output, op->outer * written, 1) &&
           ek_inside(model, op->indices, 4ull * op->count, 4);
}

void gather_rows(const struct gather_rows *op, const ek_model *model) {
    const uint8_t *input = ek_value(model, op->input);
    const int32_t *indices = ek_value(model, op->indices);
    uint8_t *output = ek_output(model, op->output);
    for (int32_t o = 0; o < op->outer; o++, input += (uint32_t)op->length * op->row_bytes)
        for (int32_t i = 0; i < op->count; i++, output += op->row_bytes) {
            const uint8_t *row = input + (uint32_t)ek_clamp(indices[i], 0, op->length - 1) * op->row_bytes;
            for (int32_t b = 0; b < op->row_bytes; b++) output[b] = row[b];
        }
}
