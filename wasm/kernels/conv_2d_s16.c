#include "dot_s16.h"
#include "window_s16.h"

/* Convolution of int16 with int8 weights [units][rows][columns][channels], sums and bias in 64 bits: TFLite's 16x8
 * kernel. Both zero points are 0, so padding adds nothing.
 *
 * bias: int64 [units]; scale: {multiplier, shift} [units]; scratch: the taps of one pixel. */

int conv_2d_s16_check(const struct conv_2d_s16 *op, const ek_model *model) {
    const ek_window plain = EK_WINDOW_OF(op), window = ek_in_bytes(plain);
    if (!ek_window_fits(&window) || !ek_count(op->units)) return 0;
    uint64_t units = op->units, taps = (uint64_t)op->rows * op->columns * op->channels;
    return ek_inside(model, op->input, ek_window_inputs(&window), 2) && ek_window_pixels(&window) <= EK_MAX_COUNT &&
           ek_writable(model, op->output, ek_window_pixels(&window) * units * 2, 2) &&
           ek_inside(model, op->weights, units * taps, 1) && ek_inside(model, op->bias, units * 8, 8) &&
           ek_inside(model, op->scale, units * 8, 8) && ek_writable(model, op->scratch, taps * 2, 2) &&
           ek_clamp_fits_s16(op->low, op->high);
}

void conv_2d_s16(const struct conv_2d_s16 *op, const ek_model *model) {
    const ek_window plain = EK_WINDOW_OF(op), window = ek_in_bytes(plain);
    const int8_t *input = ek_value(model, op->input);
    const int64_t *bias = ek_value(model, op->bias);
    const ek_scale_s16 *scale = ek_value(model, op->scale);
    int16_t *output = ek_output(model, op->output), *scratch = ek_output(model, op->scratch);
    const int32_t taps = op->rows * op->columns * op->channels, pixels = (int32_t)ek_window_pixels(&window);
    ek_place place = ek_first(&window, input);
    for (int32_t pixel = 0; pixel < pixels; pixel++, ek_next(&window, &place)) {
        int16_t *to = scratch;
        for (int32_t row = 0; row < op->rows; row++)
            for (int32_t column = 0; column < op->columns; column++, to += op->channels) {
                const int16_t *tap = ek_tap_s16(&window, &place, row, column);
                for (int32_t c = 0; c < op->channels; c++) to[c] = tap ? tap[c] : 0;
            }
        const int8_t *w = ek_value(model, op->weights);
        for (int32_t u = 0; u < op->units; u++, w += taps)
            *output++ = ek_requantize_s16(bias[u] + ek_dot_s16(scratch, w, taps), scale[u], op->low, op->high);
    }
}
