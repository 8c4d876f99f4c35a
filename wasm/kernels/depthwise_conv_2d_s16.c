#include "dot_s16.h"
#include "window_s16.h"

/* Depthwise convolution of int16 with int8 weights [rows][columns][units]; arithmetic as conv_2d_s16. A unit reads
 * channel unit / multiplier. */

enum { BLOCK = 8, MAX_TAPS = 256 }; /* that many products of at most 2^22 add up in 32 bits */

int depthwise_conv_2d_s16_check(const struct depthwise_conv_2d_s16 *op, const ek_model *model) {
    const ek_window plain = EK_WINDOW_OF(op), window = ek_in_bytes(plain);
    if (!ek_window_fits(&window) || !ek_count(op->multiplier)) return 0;
    uint64_t units = (uint64_t)op->channels * op->multiplier, taps = (uint64_t)op->rows * op->columns;
    return units <= EK_MAX_COUNT && taps <= MAX_TAPS && ek_window_pixels(&window) <= EK_MAX_COUNT &&
           ek_inside(model, op->input, ek_window_inputs(&window), 2) &&
           ek_writable(model, op->output, ek_window_pixels(&window) * units * 2, 2) &&
           ek_inside(model, op->weights, units * taps, 1) && ek_inside(model, op->bias, units * 8, 8) &&
           ek_inside(model, op->scale, units * 8, 8) && ek_clamp_fits_s16(op->low, op->high);
}

/* Adds a tap's products to the sums of `count` units. */
static inline void add_tap(int32_t *sums, const int16_t *tap, const int8_t *w, int32_t first, int32_t count,
                           int32_t multiplier) {
#ifdef __wasm_simd128__
    if (multiplier == 1 && count == BLOCK) {
        const v128_t x = wasm_v128_load(tap + first), k = wasm_i16x8_load8x8(w);
        wasm_v128_store(sums, wasm_i32x4_add(wasm_v128_load(sums), wasm_i32x4_extmul_low_i16x8(x, k)));
        wasm_v128_store(sums + 4, wasm_i32x4_add(wasm_v128_load(sums + 4), wasm_i32x4_extmul_high_i16x8(x, k)));
        return;
    }
#endif
    for (int32_t i = 0; i < count; i++) sums[i] += tap[(first + i) / multiplier] * w[i];
}

void depthwise_conv_2d_s16(const struct depthwise_conv_2d_s16 *op, const ek_model *model) {
    const ek_window plain = EK_WINDOW_OF(op), window = ek_in_bytes(plain);
    const int8_t *input = ek_value(model, op->input), *weights = ek_value(model, op->weights);
    const int64_t *bias = ek_value(model, op->bias);
    const ek_scale_s16 *scale = ek_value(model, op->scale);
    int16_t *output = ek_output(model, op->output);
    const int32_t units = op->channels * op->multiplier, taps = op->rows * op->columns;
    const int32_t pixels = (int32_t)ek_window_pixels(&window);
    const int16_t *tap[MAX_TAPS];
    ek_place place = ek_first(&window, input);
    for (int32_t pixel = 0; pixel < pixels; pixel++, output += units, ek_next(&window, &place)) {
        for (int32_t t = 0; t < taps; t++) tap[t] = ek_tap_s16(&window, &place, t / op->columns, t % op->columns);
        for (int32_t first = 0; first < units; first += BLOCK) {
            const int32_t count = units - first < BLOCK ? units - first : BLOCK;
            int32_t sums[BLOCK] = {0};
            for (int32_t t = 0; t < taps; t++)
                if (tap[t]) add_tap(sums, tap[t], weights + (uint32_t)t * units + first, first, count, op->multiplier);
            for (int32_t i = 0; i < count; i++)
                output[first + i] = ek_requantize_s16(bias[first + i] + sums[i], scale[first + i], op->low, op->high);
        }
    }
}
