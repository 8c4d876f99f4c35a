#include "engine.h"

/* Each pixel between four of the input: XNNPACK's qs8-ibilinear, weights of 11 bits, one rounding at the end.
 *
 * rows: int32 [out_height][3], columns: int32 [out_width][3]: the two indices, and the weight of the second in 1/2048.
 * What lies outside, which only damaged weights do, is clamped: weights may come after the plan was checked. */

enum { ONE = 2048, ROUND = 1 << 21, BITS = 22 };

int resize_bilinear_s8_check(const struct resize_bilinear_s8 *op, const ek_model *model) {
    if (!ek_count(op->batch) || !ek_count(op->height) || !ek_count(op->width) || !ek_count(op->channels)) return 0;
    if (!ek_count(op->out_height) || !ek_count(op->out_width)) return 0;
    uint64_t read = (uint64_t)op->height * op->width, written = (uint64_t)op->out_height * op->out_width;
    if (read > EK_MAX_COUNT || written > EK_MAX_COUNT) return 0;
    read *= op->channels, written *= op->channels;
    if (read > EK_MAX_COUNT || written > EK_MAX_COUNT) return 0;
    return ek_inside(model, op->input, op->batch * read, 1) && ek_writable(model, op->output, op->batch * written, 1) &&
           ek_inside(model, op->rows, 12ull * op->out_height, 4) &&
           ek_inside(model, op->columns, 12ull * op->out_width, 4);
}

void resize_bilinear_s8(const struct resize_bilinear_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input);
    const int32_t *rows = ek_value(model, op->rows), *columns = ek_value(model, op->columns);
    int8_t *output = ek_output(model, op->output);
    const uint32_t row_bytes = (uint32_t)op->width * op->channels;
    for (int32_t image = 0; image < op->batch; image++, input += op->height * row_bytes)
        for (int32_t y = 0; y < op->out_height; y++) {
            const int8_t *top = input + (uint32_t)ek_clamp(rows[3 * y], 0, op->height - 1) * row_bytes;
            const int8_t *bottom = input + (uint32_t)ek_clamp(rows[3 * y + 1], 0, op->height - 1) * row_bytes;
            const int32_t down = ek_clamp(rows[3 * y + 2], 0, ONE);
            for (int32_t x = 0; x < op->out_width; x++) {
                const int32_t left = ek_clamp(columns[3 * x], 0, op->width - 1) * op->channels;
                const int32_t right = ek_clamp(columns[3 * x + 1], 0, op->width - 1) * op->channels;
                const int32_t along = ek_clamp(columns[3 * x + 2], 0, ONE);
                for (int32_t c = 0; c < op->channels; c++) {
                    int32_t above = top[left + c] * ONE + (top[right + c] - top[left + c]) * along;
                    int32_t below = bottom[left + c] * ONE + (bottom[right + c] - bottom[left + c]) * along;
                    *output++ = (int8_t)((above * ONE + (below - above) * down + ROUND) >> BITS);
                }
            }
        }
}
