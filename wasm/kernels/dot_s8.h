/* The inner loop of every int8 layer with weights: rows of int16 values times blocks of 8 units.
 *
 * weights of a block: [inputs / 2][8][2] int8; a row: int16, inputs rounded up to a multiple of 4 and padded. */
#ifndef EK_DOT_S8_H
#define EK_DOT_S8_H

#include "engine.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

enum { EK_UNITS = 8, EK_PAIR = 2, EK_PADDED = 4, EK_TILE = 4 };

static inline int32_t ek_round_up(int32_t n, int32_t step) { return (n + step - 1) / step * step; }

/* How a block's sums become int8: clamp(round(sum * scale), low, high) + zero, half to even. */
typedef struct {
    const float *scale;
    float low, high;
    int32_t zero;
} ek_requantizer;

static inline void ek_widen(const int8_t *from, int16_t *to, int32_t count) {
    int32_t i = 0;
#ifdef __wasm_simd128__
    for (; i + 8 <= count; i += 8) wasm_v128_store(to + i, wasm_i16x8_load8x8(from + i));
#endif
    for (; i < count; i++) to[i] = from[i];
}

#ifdef __wasm_simd128__

static inline v128_t ek_scaled(v128_t sums, const float *scale, const ek_requantizer *r) {
    v128_t y = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums), wasm_v128_load(scale));
    y = wasm_f32x4_pmin(wasm_f32x4_splat(r->high), wasm_f32x4_pmax(wasm_f32x4_splat(r->low), y));
    return wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(y)), wasm_i32x4_splat(r->zero));
}

static inline void ek_store(v128_t low, v128_t high, const ek_requantizer *r, int32_t first, int32_t units, int8_t *to) {
    v128_t wide = wasm_i16x8_narrow_i32x4(ek_scaled(low, r->scale + first, r), ek_scaled(high, r->scale + first + 4, r));
    v128_t bytes = wasm_i8x16_narrow_i16x8(wide, wide);
    if (units - first >= EK_UNITS) {
        wasm_v128_store64_lane(to + first, bytes, 0);
        return;
    }
    int8_t some[16];
    wasm_v128_store(some, bytes);
    for (int32_t u = first; u < units; u++) to[u] = some[u - first];
}

/* One row, all units. */
static inline void ek_dot_row(const int16_t *x, int32_t inputs, const int8_t *weights, const int32_t *bias, int32_t units,
                              const ek_requantizer *r, int8_t *to) {
    for (int32_t first = 0; first < units; first += EK_UNITS) {
        v128_t low = wasm_v128_load(bias + first), high = wasm_v128_load(bias + first + 4);
        for (int32_t i = 0; i < inputs; i += EK_PAIR, weights += EK_UNITS * EK_PAIR) {
            v128_t w = wasm_v128_load(weights), pair = wasm_v128_load32_splat(x + i);
            low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(pair, wasm_i16x8_extend_low_i8x16(w)));
            high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(pair, wasm_i16x8_extend_high_i8x16(w)));
        }
        ek_store(low, high, r, first, units, to);
    }
}

/* Four rows, all units: each weight is loaded once for the four. */
static inline void ek_dot_tile(const int16_t *x, int32_t inputs, const int8_t *weights, const int32_t *bias,
                               int32_t units, const ek_requantizer *r, int8_t *const *to) {
    const int16_t *x0 = x, *x1 = x0 + inputs, *x2 = x1 + inputs, *x3 = x2 + inputs;
    for (int32_t first = 0; first < units; first += EK_UNITS) {
        v128_t low = wasm_v128_load(bias + first), high = wasm_v128_load(bias + first + 4);
        v128_t l0 = low, l1 = low, l2 = low, l3 = low, h0 = high, h1 = high, h2 = high, h3 = high;
        for (int32_t i = 0; i < inputs; i += EK_PAIR, weights += EK_UNITS * EK_PAIR) {
            v128_t w = wasm_v128_load(weights);
            v128_t wl = wasm_i16x8_extend_low_i8x16(w), wh = wasm_i16x8_extend_high_i8x16(w);
            v128_t p0 = wasm_v128_load32_splat(x0 + i), p1 = wasm_v128_load32_splat(x1 + i);
            l0 = wasm_i32x4_add(l0, wasm_i32x4_dot_i16x8(p0, wl));
            h0 = wasm_i32x4_add(h0, wasm_i32x4_dot_i16x8(p0, wh));
            l1 = wasm_i32x4_add(l1, wasm_i32x4_dot_i16x8(p1, wl));
            h1 = wasm_i32x4_add(h1, wasm_i32x4_dot_i16x8(p1, wh));
            v128_t p2 = wasm_v128_load32_splat(x2 + i), p3 = wasm_v128_load32_splat(x3 + i);
            l2 = wasm_i32x4_add(l2, wasm_i32x4_dot_i16x8(p2, wl));
            h2 = wasm_i32x4_add(h2, wasm_i32x4_dot_i16x8(p2, wh));
            l3 = wasm_i32x4_add(l3, wasm_i32x4_dot_i16x8(p3, wl));
            h3 = wasm_i32x4_add(h3, wasm_i32x4_dot_i16x8(p3, wh));
        }
        ek_store(l0, h0, r, first, units, to[0]);
        ek_store(l1, h1, r, first, units, to[1]);
        ek_store(l2, h2, r, first, units, to[2]);
        ek_store(l3, h3, r, first, units, to[3]);
    }
}

#else

static inline void ek_dot_row(const int16_t *x, int32_t inputs, const int8_t *weights, const int32_t *bias, int32_t units,
                              const ek_requantizer *r, int8_t *to) {
    for (int32_t first = 0; first < units; first += EK_UNITS) {
        int32_t sums[EK_UNITS];
        for (int32_t u = 0; u < EK_UNITS; u++) sums[u] = bias[first + u];
        for (int32_t i = 0; i < inputs; i += EK_PAIR)
            for (int32_t u = 0; u < EK_UNITS; u++, weights += EK_PAIR) sums[u] += x[i] * weights[0] + x[i + 1] * weights[1];
        for (int32_t u = 0; u < EK_UNITS && first + u < units; u++)
            to[first + u] = (int8_t)(ek_round(ek_clampf((float)sums[u] * r->scale[first + u], r->low, r->high)) + r->zero);
    }
}

static inline void ek_dot_tile(const int16_t *x, int32_t inputs, const int8_t *weights, const int32_t *bias,
                               int32_t units, const ek_requantizer *r, int8_t *const *to) {
    for (int32_t row = 0; row < EK_TILE; row++) ek_dot_row(x + row * inputs, inputs, weights, bias, units, r, to[row]);
}

#endif

static inline int ek_requantizer_fits(int32_t zero, float low, float high) {
    return zero >= -128 && zero <= 127 && low >= (float)(-128 - zero) && high <= (float)(127 - zero) && low <= high;
}

#endif
