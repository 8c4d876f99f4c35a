#include "window.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

/* Average or maximum over a window, padding left out. The average rounds half away from zero: TFLite's kernel. */

int pool_2d_s8_check(const struct pool_2d_s8 *op, const ek_model *model) {
    const ek_window window = EK_WINDOW_OF(op);
    return ek_window_fits(&window) && (op->is_average == 0 || op->is_average == 1) &&
           op->dilation_y == 1 && op->dilation_x == 1 && ek_inside(model, op->input, ek_window_inputs(&window), 1) &&
           ek_window_pixels(&window) <= EK_MAX_COUNT && (uint64_t)op->rows * op->columns <= 1 << 23 &&
           ek_writable(model, op->output, ek_window_pixels(&window) * op->channels, 1) && op->low >= -128 &&
           op->high <= 127 && op->low <= op->high;
}

enum { CHANNELS = 8 }; /* at a time */

/* Sums and maxima of up to 8 channels from `first`; returns how many taps there are. */
static int32_t pool(const ek_window *w, const ek_place *place, int32_t first, int32_t channels, int32_t *sum, int32_t *top) {
    int32_t count = 0;
    for (int32_t c = 0; c < CHANNELS; c++) sum[c] = 0, top[c] = -128;
#ifdef __wasm_simd128__
    v128_t low = wasm_i32x4_splat(0), high = low, most = wasm_i16x8_splat(-128);
#endif
    for (int32_t row = 0; row < w->rows; row++)
        for (int32_t column = 0; column < w->columns; column++) {
            const int8_t *tap = ek_tap(w, place, row, column);
            if (!tap) continue;
            count++;
#ifdef __wasm_simd128__
            if (channels == CHANNELS) {
                v128_t x = wasm_i16x8_load8x8(tap + first);
                low = wasm_i32x4_add(low, wasm_i32x4_extend_low_i16x8(x));
                high = wasm_i32x4_add(high, wasm_i32x4_extend_high_i16x8(x));
                most = wasm_i16x8_max(most, x);
                continue;
            }
#endif
            for (int32_t c = 0; c < channels; c++) {
                sum[c] += tap[first + c];
                top[c] = tap[first + c] > top[c] ? tap[first + c] : top[c];
            }
        }
#ifdef __wasm_simd128__
    if (channels < CHANNELS) return count;
    wasm_v128_store(sum, low), wasm_v128_store(sum + 4, high);
    wasm_v128_store(top, wasm_i32x4_extend_low_i16x8(most)), wasm_v128_store(top + 4, wasm_i32x4_extend_high_i16x8(most));
#endif
    return count;
}

void pool_2d_s8(const struct pool_2d_s8 *op, const ek_model *model) {
    const ek_window window = EK_WINDOW_OF(op);
    int8_t *output = ek_output(model, op->output);
    const int32_t pixels = (int32_t)ek_window_pixels(&window);
    ek_place place = ek_first(&window, ek_value(model, op->input));
    for (int32_t pixel = 0; pixel < pixels; pixel++, output += op->channels, ek_next(&window, &place))
        for (int32_t first = 0; first < op->channels; first += CHANNELS) {
            const int32_t channels = op->channels - first < CHANNELS ? op->channels - first : CHANNELS;
            int32_t sum[CHANNELS], top[CHANNELS];
            int32_t count = pool(&window, &place, first, channels, sum, top);
            if (count == 0) count = 1;
            for (int32_t c = 0; c < channels; c++) {
                int32_t mean = (sum[c] + (sum[c] > 0 ? count / 2 : -(count / 2))) / count;
                output[first + c] = (int8_t)ek_clamp(op->is_average ? mean : top[c], op->low, op->high);
            }
        }
}
