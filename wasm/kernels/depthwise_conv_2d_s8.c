#include "dot_s8.h"
#include "window.h"

/* Each channel of the input has `multiplier` filters of its own: output channel c reads input channel
 * c / multiplier. Arithmetic as conv_2d_s8.
 *
 * weights: [output channels / 8][taps / 2][8][2] int8, taps padded to an even number, channels to a multiple of 8,
 * with zeros. scratch: the padding's zero point for every channel, then the taps of 8 output channels widened to
 * int16, [taps / 2][8][2]. The taps' addresses stay on the stack: a plan may let its output overlap the scratch. */

enum { MAX_TAPS = 128 };

int depthwise_conv_2d_s8_check(const struct depthwise_conv_2d_s8 *op, const ek_model *model) {
    const ek_window window = EK_WINDOW_OF(op);
    if (!ek_window_fits(&window) || !ek_count(op->multiplier)) return 0;
    if ((uint64_t)op->channels * op->multiplier > EK_MAX_COUNT) return 0;
    uint64_t units = (uint64_t)op->channels * op->multiplier;
    uint64_t blocks = (units + EK_UNITS - 1) / EK_UNITS, taps = ek_round_up(op->rows * op->columns, EK_PAIR);
    return ek_inside(model, op->input, ek_window_inputs(&window), 1) && ek_window_pixels(&window) <= EK_MAX_COUNT &&
           ek_writable(model, op->output, ek_window_pixels(&window) * units, 1) &&
           ek_inside(model, op->weights, blocks * EK_UNITS * taps, 16) &&
           ek_inside(model, op->bias, blocks * EK_UNITS * 4, 16) &&
           ek_inside(model, op->scale, blocks * EK_UNITS * 4, 16) &&
           ek_writable(model, op->scratch, (op->channels + 15) / 16 * 16 + taps * EK_UNITS * 2, 16) &&
           taps <= MAX_TAPS && op->input_zero >= -128 &&
           op->input_zero <= 127 && ek_requantizer_fits(op->output_zero, op->low, op->high);
}

/* Places a tap's values of 8 output channels from `first` at every second int16. */
static void spread(const int8_t *tap, int32_t first, int32_t units, int32_t multiplier, int16_t *to) {
    for (int32_t u = 0; u < EK_UNITS; u++) {
        int32_t unit = first + u < units ? first + u : units - 1;
        to[EK_PAIR * u] = tap[multiplier == 1 ? unit : unit / multiplier];
    }
}

static void block(const int16_t *wide, int32_t pairs, const int8_t *weights, const int32_t *bias, int32_t first,
                  int32_t units, const ek_requantizer *requantizer, int8_t *to) {
#ifdef __wasm_simd128__
    v128_t low = wasm_v128_load(bias + first), high = wasm_v128_load(bias + first + 4);
    for (int32_t p = 0; p < pairs; p++, weights += EK_UNITS * EK_PAIR, wide += EK_UNITS * EK_PAIR) {
        v128_t w = wasm_v128_load(weights);
        low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(wasm_v128_load(wide), wasm_i16x8_extend_low_i8x16(w)));
        high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(wasm_v128_load(wide + 8), wasm_i16x8_extend_high_i8x16(w)));
    }
    ek_store(low, high, requantizer, first, units, to);
#else
    for (int32_t u = 0; u < EK_UNITS && first + u < units; u++) {
        int32_t sum = bias[first + u];
        for (int32_t p = 0; p < pairs; p++)
            for (int32_t i = 0; i < EK_PAIR; i++)
                sum += wide[(p * EK_UNITS + u) * EK_PAIR + i] * weights[(p * EK_UNITS + u) * EK_PAIR + i];
        float y = ek_clampf((float)sum * requantizer->scale[first + u], requantizer->low, requantizer->high);
        to[first + u] = (int8_t)(ek_round(y) + requantizer->zero);
    }
#endif
}

#ifdef __wasm_simd128__
/* Whole blocks of 8 channels where each has one filter: reads the taps where they lie. Returns the first channel left. */
static inline int32_t blocks(const int8_t *const *taps, int32_t pairs, const int8_t *weights, const int32_t *bias,
                      int32_t channels, const ek_requantizer *requantizer, int8_t *to) {
    int32_t first = 0;
    for (; first + EK_UNITS <= channels; first += EK_UNITS) {
        v128_t low = wasm_v128_load(bias + first), high = wasm_v128_load(bias + first + 4);
        for (int32_t p = 0; p < pairs; p++, weights += EK_UNITS * EK_PAIR) {
            v128_t a = wasm_i16x8_load8x8(taps[2 * p] + first), b = wasm_i16x8_load8x8(taps[2 * p + 1] + first);
            v128_t w = wasm_v128_load(weights);
            v128_t ab_low = wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
            v128_t ab_high = wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
            low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(ab_low, wasm_i16x8_extend_low_i8x16(w)));
            high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(ab_high, wasm_i16x8_extend_high_i8x16(w)));
        }
        ek_store(low, high, requantizer, first, channels, to);
    }
    return first;
}
#else
static inline int32_t blocks(const int8_t *const *taps, int32_t pairs, const int8_t *weights, const int32_t *bias,
                      int32_t channels, const ek_requantizer *requantizer, int8_t *to) {
    (void)taps, (void)pairs, (void)weights, (void)bias, (void)channels, (void)requantizer, (void)to;
    return 0;
}
#endif

void depthwise_conv_2d_s8(const struct depthwise_conv_2d_s8 *op, const ek_model *model) {
    const ek_window window = EK_WINDOW_OF(op);
    const int8_t *input = ek_value(model, op->input), *weights = ek_value(model, op->weights);
    const int32_t *bias = ek_value(model, op->bias);
    const ek_requantizer requantizer = {ek_value(model, op->scale), op->low, op->high, op->output_zero};
    int8_t *output = ek_output(model, op->output);
    const int32_t taps = op->rows * op->columns, pairs = ek_round_up(taps, EK_PAIR) / EK_PAIR;
    const int32_t units = op->channels * op->multiplier, pixels = (int32_t)ek_window_pixels(&window);
    int8_t *padding = ek_output(model, op->scratch);
    int16_t *wide = (int16_t *)(padding + (op->channels + 15) / 16 * 16);
    const int8_t *tap[MAX_TAPS]; /* where each tap's channels lie */
    for (int32_t c = 0; c < op->channels; c++) padding[c] = (int8_t)op->input_zero;
    tap[pairs * EK_PAIR - 1] = padding; /* an odd number of taps: its weights are 0 */
    int inside = 0;
    for (int32_t pixel = 0; pixel < pixels; pixel++, output += units) {
        const int was_inside = inside && pixel % op->out_width != 0;
        const ek_place place = ek_place_of(&window, input, pixel);
        inside = place.x >= 0 && place.x + (op->columns - 1) * op->dilation_x < op->width && place.y >= 0 &&
                 place.y + (op->rows - 1) * op->dilation_y < op->height;
        if (inside && was_inside) /* every tap moves by one stride */
            for (int32_t t = 0; t < taps; t++) tap[t] += op->stride_x * op->channels;
        else
            for (int32_t row = 0, t = 0; row < op->rows; row++)
                for (int32_t column = 0; column < op->columns; column++, t++) {
                    const int8_t *found = ek_tap(&window, &place, row, column);
                    tap[t] = found ? found : padding;
                }
        int32_t first = 0;
        if (op->multiplier == 1) /* the usual 3 x 3 with its loop unrolled */
            first = pairs == 5 ? blocks(tap, 5, weights, bias, units, &requantizer, output)
                               : blocks(tap, pairs, weights, bias, units, &requantizer, output);
        for (; first < units; first += EK_UNITS) {
            for (int32_t t = 0; t < pairs * EK_PAIR; t++)
                spread(tap[t], first, units, op->multiplier,
                       wide + t / EK_PAIR * EK_UNITS * EK_PAIR + t % EK_PAIR);
            block(wide, pairs, weights + (uint32_t)first * pairs * EK_PAIR, bias, first, units, &requantizer, output);
        }
    }
}
