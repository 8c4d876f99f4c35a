/* The inner loop of every int8 layer with weights: rows of values times blocks of 8 units.
 *
 * weights of a block: [inputs / 2][8][2] int8, the same for every build. A row: the values plus 128, so that they are
 * not negative, widened to what the build multiplies, inputs rounded up to a multiple of 4 and padded. The bias makes
 * up for the 128. The relaxed build's dot product reads its second operand unsigned or signed as the processor
 * likes, and may saturate; the loader takes it only where values show that it reads it unsigned and does not. */
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

#ifdef __wasm_relaxed_simd__
typedef uint8_t ek_wide;
#else
typedef int16_t ek_wide;
#endif

/* The plan reserves 2 bytes for each value of a row, whatever the build. */
static inline void ek_widen(const int8_t *from, ek_wide *to, int32_t count) {
    int32_t i = 0;
#if defined(__wasm_relaxed_simd__)
    for (; i + 16 <= count; i += 16)
        wasm_v128_store(to + i, wasm_v128_xor(wasm_v128_load(from + i), wasm_i8x16_splat(-128)));
#elif defined(__wasm_simd128__)
    for (; i + 8 <= count; i += 8) {
        v128_t bytes = wasm_v128_xor(wasm_v128_load64_zero(from + i), wasm_i8x16_splat(-128));
        wasm_v128_store(to + i, wasm_u16x8_extend_low_u8x16(bytes));
    }
#endif
    for (; i < count; i++) to[i] = (ek_wide)(from[i] + 128);
}

#ifdef __wasm_simd128__

/* Adding 1.5 * 2^23 to a float of magnitude below 2^22 rounds it, half to even, into the low bits of its pattern. */
#define EK_MAGIC 12582912.0f
#define EK_MAGIC_BITS 0x4B400000

static inline v128_t ek_scaled(v128_t sums, const float *scale, const ek_requantizer *r) {
    v128_t y = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums), wasm_v128_load(scale));
    y = wasm_f32x4_pmin(wasm_f32x4_splat(r->high), wasm_f32x4_pmax(wasm_f32x4_splat(r->low), y));
    return wasm_i32x4_sub(wasm_f32x4_add(y, wasm_f32x4_splat(EK_MAGIC)), wasm_i32x4_splat(EK_MAGIC_BITS - r->zero));
}

/* 8 units of two rows as 16 bytes. */
static inline v128_t ek_bytes(v128_t low0, v128_t high0, v128_t low1, v128_t high1, const float *scale,
                              const ek_requantizer *r) {
    v128_t row0 = wasm_i16x8_narrow_i32x4(ek_scaled(low0, scale, r), ek_scaled(high0, scale + 4, r));
    v128_t row1 = wasm_i16x8_narrow_i32x4(ek_scaled(low1, scale, r), ek_scaled(high1, scale + 4, r));
    return wasm_i8x16_narrow_i16x8(row0, row1);
}

/* Writes a row's 8 bytes, or those of the units that there are. */
static inline void ek_put(v128_t bytes, int32_t lane, int32_t first, int32_t units, int8_t *to) {
    if (units - first >= EK_UNITS) {
        if (lane == 0) wasm_v128_store64_lane(to + first, bytes, 0);
        else wasm_v128_store64_lane(to + first, bytes, 1);
        return;
    }
    int8_t some[16];
    wasm_v128_store(some, bytes);
    for (int32_t u = first; u < units; u++) to[u] = some[EK_UNITS * lane + u - first];
}

static inline void ek_store(v128_t low, v128_t high, const ek_requantizer *r, int32_t first, int32_t units, int8_t *to) {
    ek_put(ek_bytes(low, high, low, high, r->scale + first, r), 0, first, units, to);
}

/* Four inputs of a block's weights, as two vectors for units 0 to 3 and 4 to 7, times four values of a row. Macros,
 * because a function would not keep the sums in registers. */
#ifdef __wasm_relaxed_simd__
#define EK_WEIGHTS                                                                                    \
    v128_t w01 = wasm_v128_load(weights), w23 = wasm_v128_load(weights + 16);                         \
    v128_t wl = wasm_i16x8_shuffle(w01, w23, 0, 8, 1, 9, 2, 10, 3, 11);                               \
    v128_t wh = wasm_i16x8_shuffle(w01, w23, 4, 12, 5, 13, 6, 14, 7, 15);
#define EK_ROW(row, low, high)                                                                        \
    {                                                                                                 \
        v128_t x = wasm_v128_load32_splat(row + i);                                                   \
        low = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wl, x, low);                                     \
        high = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wh, x, high);                                   \
    }
#else
#define EK_WEIGHTS                                                                                    \
    v128_t w01 = wasm_v128_load(weights), w23 = wasm_v128_load(weights + 16);                         \
    v128_t wl = wasm_i16x8_extend_low_i8x16(w01), wh = wasm_i16x8_extend_high_i8x16(w01);             \
    v128_t vl = wasm_i16x8_extend_low_i8x16(w23), vh = wasm_i16x8_extend_high_i8x16(w23);
#define EK_ROW(row, low, high)                                                                        \
    {                                                                                                 \
        v128_t x = wasm_v128_load32_splat(row + i), y = wasm_v128_load32_splat(row + i + EK_PAIR);    \
        low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(x, wl));                                       \
        high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(x, wh));                                     \
        low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(y, vl));                                       \
        high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(y, vh));                                     \
    }
#endif

/* One row, all units. */
static inline void ek_dot_row(const ek_wide *x0, int32_t inputs, const int8_t *weights, const int32_t *bias,
                              int32_t units, const ek_requantizer *r, int8_t *to) {
    for (int32_t first = 0; first < units; first += EK_UNITS) {
        v128_t low = wasm_v128_load(bias + first), high = wasm_v128_load(bias + first + 4);
        for (int32_t i = 0; i < inputs; i += EK_PADDED, weights += EK_UNITS * EK_PADDED) {
            EK_WEIGHTS
            EK_ROW(x0, low, high)
        }
        ek_store(low, high, r, first, units, to);
    }
}

/* Four rows, all units: each weight is loaded once for the four. */
static inline void ek_dot_tile(const ek_wide *x, int32_t inputs, const int8_t *weights, const int32_t *bias,
                               int32_t units, const ek_requantizer *r, int8_t *const *to) {
    const ek_wide *x0 = x, *x1 = x0 + inputs, *x2 = x1 + inputs, *x3 = x2 + inputs;
    for (int32_t first = 0; first < units; first += EK_UNITS) {
        v128_t low = wasm_v128_load(bias + first), high = wasm_v128_load(bias + first + 4);
        v128_t l0 = low, l1 = low, l2 = low, l3 = low, h0 = high, h1 = high, h2 = high, h3 = high;
        for (int32_t i = 0; i < inputs; i += EK_PADDED, weights += EK_UNITS * EK_PADDED) {
            EK_WEIGHTS
            EK_ROW(x0, l0, h0)
            EK_ROW(x1, l1, h1)
            EK_ROW(x2, l2, h2)
            EK_ROW(x3, l3, h3)
        }
        v128_t bytes01 = ek_bytes(l0, h0, l1, h1, r->scale + first, r);
        v128_t bytes23 = ek_bytes(l2, h2, l3, h3, r->scale + first, r);
        ek_put(bytes01, 0, first, units, to[0]);
        ek_put(bytes01, 1, first, units, to[1]);
        ek_put(bytes23, 0, first, units, to[2]);
        ek_put(bytes23, 1, first, units, to[3]);
    }
}

#else

static inline void ek_dot_row(const ek_wide *x, int32_t inputs, const int8_t *weights, const int32_t *bias, int32_t units,
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

static inline void ek_dot_tile(const ek_wide *x, int32_t inputs, const int8_t *weights, const int32_t *bias,
                               int32_t units, const ek_requantizer *r, int8_t *const *to) {
    for (int32_t row = 0; row < EK_TILE; row++) ek_dot_row(x + row * inputs, inputs, weights, bias, units, r, to[row]);
}

#endif

static inline int ek_requantizer_fits(int32_t zero, float low, float high) {
    return zero >= -128 && zero <= 127 && low >= (float)(-128 - zero) && high <= (float)(127 - zero) && low <= high;
}

#endif
