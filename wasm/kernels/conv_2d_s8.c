#include "dot_s8.h"
#include "window.h"

/* Convolution of [batch][height][width][channels]; arithmetic and weights as fully_connected_s8, where a unit's
 * inputs are the taps of its window, [rows][columns][channels]. Padding reads the input's zero point.
 *
 * scratch: the windows of 4 pixels, widened and padded with zeros. */

int conv_2d_s8_check(const struct conv_2d_s8 *op, const ek_model *model) {
    const ek_window window = EK_WINDOW_OF(op);
    if (!ek_window_fits(&window) || !ek_count(op->units)) return 0;
    uint64_t units = ek_round_up(op->units, EK_UNITS);
    uint64_t inputs = ek_round_up(op->rows * op->columns * op->channels, EK_PADDED);
    return ek_inside(model, op->input, ek_window_inputs(&window), 1) && ek_window_pixels(&window) <= EK_MAX_COUNT &&
           ek_writable(model, op->output, ek_window_pixels(&window) * op->units, 1) &&
           ek_inside(model, op->weights, units * inputs, 16) && ek_inside(model, op->bias, units * 4, 16) &&
           ek_inside(model, op->scale, units * 4, 16) && ek_writable(model, op->scratch, inputs * 2 * EK_TILE, 16) &&
           op->input_zero >= -128 && op->input_zero <= 127 &&
           ek_requantizer_fits(op->output_zero, op->low, op->high);
}

static void gather(const ek_window *window, const int8_t *input, int32_t pixel, ek_wide zero, ek_wide *to) {
    const ek_place place = ek_place_of(window, input, pixel);
    const int32_t run = window->columns * window->channels;
    const int whole = window->dilation_x == 1 && place.x >= 0 && place.x + window->columns <= window->width;
    for (int32_t row = 0; row < window->rows; row++) {
        const int8_t *first = whole ? ek_tap(window, &place, row, 0) : 0;
        if (first) { /* the row's taps lie side by side */
            ek_widen(first, to, run);
            to += run;
            continue;
        }
        for (int32_t column = 0; column < window->columns; column++, to += window->channels) {
            const int8_t *tap = ek_tap(window, &place, row, column);
            if (tap) ek_widen(tap, to, window->channels);
            else
                for (int32_t c = 0; c < window->channels; c++) to[c] = zero;
        }
    }
}

void conv_2d_s8(const struct conv_2d_s8 *op, const ek_model *model) {
    const ek_window window = EK_WINDOW_OF(op);
    const int8_t *input = ek_value(model, op->input), *weights = ek_value(model, op->weights);
    const int32_t *bias = ek_value(model, op->bias);
    const ek_requantizer requantizer = {ek_value(model, op->scale), op->low, op->high, op->output_zero};
    int8_t *output = ek_output(model, op->output);
    ek_wide *wide = ek_output(model, op->scratch);
    const int32_t taps = op->rows * op->columns * op->channels, inputs = ek_round_up(taps, EK_PADDED);
    const int32_t pixels = (int32_t)ek_window_pixels(&window);
    for (int32_t i = taps; i < inputs; i++)
        for (int32_t row = 0; row < EK_TILE; row++) wide[row * inputs + i] = 0;
    for (int32_t pixel = 0; pixel < pixels; pixel += EK_TILE) {
        int32_t count = pixels - pixel < EK_TILE ? pixels - pixel : EK_TILE;
        int8_t *to[EK_TILE];
        for (int32_t i = 0; i < EK_TILE; i++) { /* a tile that is not full repeats its last pixel */
            int32_t p = pixel + (i < count ? i : count - 1);
            gather(&window, input, p, (ek_wide)(op->input_zero + 128), wide + i * inputs);
            to[i] = output + (uint32_t)p * op->units;
        }
        ek_dot_tile(wide, inputs, weights, bias, op->units, &requantizer, to);
    }
}
