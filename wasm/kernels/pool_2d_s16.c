#include "window_s16.h"

/* Average or maximum over a window, padding left out. The average rounds half away from zero: TFLite's kernel. */

int pool_2d_s16_check(const struct pool_2d_s16 *op, const ek_model *model) {
    const ek_window plain = EK_WINDOW_OF(op), window = ek_in_bytes(plain);
    return ek_window_fits(&window) && (op->is_average == 0 || op->is_average == 1) &&
           op->dilation_y == 1 && op->dilation_x == 1 && ek_inside(model, op->input, ek_window_inputs(&window), 2) &&
           ek_window_pixels(&window) <= EK_MAX_COUNT && (uint64_t)op->rows * op->columns <= 1 << 15 &&
           ek_writable(model, op->output, ek_window_pixels(&window) * op->channels * 2, 2) &&
           op->low >= -32768 && op->high <= 32767 && op->low <= op->high;
}

void pool_2d_s16(const struct pool_2d_s16 *op, const ek_model *model) {
    const ek_window plain = EK_WINDOW_OF(op), window = ek_in_bytes(plain);
    const int8_t *input = ek_value(model, op->input);
    int16_t *output = ek_output(model, op->output);
    const int32_t pixels = (int32_t)ek_window_pixels(&window);
    ek_place place = ek_first(&window, input);
    for (int32_t pixel = 0; pixel < pixels; pixel++, output += op->channels, ek_next(&window, &place)) {
        for (int32_t c = 0; c < op->channels; c++) {
            int32_t sum = 0, most = -32768, count = 0;
            for (int32_t row = 0; row < op->rows; row++)
                for (int32_t column = 0; column < op->columns; column++) {
                    const int16_t *tap = ek_tap_s16(&window, &place, row, column);
                    if (!tap) continue;
                    sum += tap[c];
                    most = tap[c] > most ? tap[c] : most;
                    count++;
                }
            if (count == 0) count = 1;
            int32_t mean = (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
            output[c] = (int16_t)ek_clamp(op->is_average ? mean : most, op->low, op->high);
        }
    }
}
