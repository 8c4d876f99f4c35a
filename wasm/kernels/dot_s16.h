/* Sums of int16 values times int8 weights, in 64 bits, and what becomes of them: shared by the int16 layers. */
#ifndef EK_DOT_S16_H
#define EK_DOT_S16_H

#include "engine.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

enum { EK_RUN = 256 }; /* products of a run, at most 2^22 each, add up in 32 bits */

static inline int64_t ek_dot_s16(const int16_t *x, const int8_t *w, int32_t count) {
    int64_t sum = 0;
    int32_t i = 0;
#ifdef __wasm_simd128__
    while (i + 8 <= count) {
        const int32_t stop = (count - i < EK_RUN ? count - i : EK_RUN) / 8 * 8 + i;
        v128_t run = wasm_i32x4_splat(0);
        for (; i < stop; i += 8)
            run = wasm_i32x4_add(run, wasm_i32x4_dot_i16x8(wasm_v128_load(x + i), wasm_i16x8_load8x8(w + i)));
        run = wasm_i64x2_add(wasm_i64x2_extend_low_i32x4(run), wasm_i64x2_extend_high_i32x4(run));
        sum += wasm_i64x2_extract_lane(run, 0) + wasm_i64x2_extract_lane(run, 1);
    }
#endif
    for (; i < count; i++) sum += x[i] * w[i];
    return sum;
}

/* How a unit's sum becomes its answer: times a multiplier of 15 bits, times 2^-shift, halves upwards. */
typedef struct {
    int32_t multiplier, shift;
} ek_scale_s16;

static inline int16_t ek_requantize_s16(int64_t sum, ek_scale_s16 scale, int32_t low, int32_t high) {
    uint64_t product = (uint64_t)sum * (uint64_t)(int64_t)scale.multiplier + (1ull << ((scale.shift - 1) & 63));
    int64_t y = (int64_t)product >> (scale.shift & 63);
    return (int16_t)(y < low ? low : y > high ? high : y);
}

static inline int ek_clamp_fits_s16(int32_t low, int32_t high) { return low >= -32768 && high <= 32767 && low <= high; }

#endif
