/* The inner loop of every int8 layer with weights: rows of values times blocks of 8 units.
 *
 * weights of a block: [inputs / 4][8][4] int8, the same for every build. A row is widened to what the build multiplies
 * (ek_wide). The relaxed builds use a dot product that reads its second operand unsigned on some processors and signed on
 * others, and may saturate; the loader takes each only where values show that it fits:
 *   relaxed  a row is stored plus 128, unsigned; what that adds to a unit's sum is taken from its bias
 *   signed   a row as it is; weights lie in [-127, 127]
 *   simd     a row as int16 */
#ifndef EK_DOT_S8_H
#define EK_DOT_S8_H

#include "engine.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

enum { EK_UNITS = 8, EK_PADDED = 4, EK_BLOCK = EK_UNITS * EK_PADDED, EK_TILE = 4 };

#if defined(EK_SIGNED)
typedef int8_t ek_wide;
enum { EK_OFFSET = 0 };
#elif defined(__wasm_relaxed_simd__)
typedef uint8_t ek_wide;
enum { EK_OFFSET = 128 };
#else
typedef int16_t ek_wide;
enum { EK_OFFSET = 0 };
#endif

/* What a plan reserves for a value of a row, whatever the build. */
enum { EK_WIDE_BYTES = 2 };

/* Where a row's inputs lie, four and four: [rows][columns] runs, and in each a four at every `step` below `length`. */
typedef struct {
    int32_t rows, row_step, columns, column_step, length, step;
} ek_taps;

/* How a block's sums become int8: clamp(round(sum * scale), low, high) + zero, half to even. */
typedef struct {
    const float *scale;
    float low, high;
    int32_t zero;
} ek_requantizer;

static inline int32_t ek_round_up(int32_t n, int32_t step) { return (n + step - 1) / step * step; }

static inline int ek_requantizer_fits(int32_t zero, float low, float high) {
    return zero >= -128 && zero <= 127 && low >= (float)(-128 - zero) && high <= (float)(127 - zero) && low <= high;
}

static inline int8_t ek_requantized(int32_t sum, int32_t unit, const ek_requantizer *r) {
    return (int8_t)(ek_round(ek_clampf((float)sum * r->scale[unit], r->low, r->high)) + r->zero);
}

#ifdef __wasm_simd128__

#ifdef __wasm_relaxed_simd__
enum { EK_LANES = 16 };
static inline v128_t ek_load_wide(const int8_t *from) {
    return wasm_v128_xor(wasm_v128_load(from), wasm_i8x16_splat((int8_t)EK_OFFSET));
}
#else
enum { EK_LANES = 8 };
static inline v128_t ek_load_wide(const int8_t *from) { return wasm_i16x8_load8x8(from); }
#endif

/* Widens `count` values; where they fill a vector, the last one may overlap the one before. */
static inline void ek_widen(const int8_t *from, ek_wide *to, int32_t count) {
    if (count >= EK_LANES) {
        for (int32_t i = 0; i + EK_LANES < count; i += EK_LANES) wasm_v128_store(to + i, ek_load_wide(from + i));
        wasm_v128_store(to + count - EK_LANES, ek_load_wide(from + count - EK_LANES));
        return;
    }
    for (int32_t i = 0; i < count; i++) to[i] = (ek_wide)(from[i] + EK_OFFSET);
}

/* Adding 1.5 * 2^23 to a float of magnitude below 2^22 rounds it, half to even, into the low bits of its pattern. Larger
 * sums keep their order, and saturate: no layer's sums, scaled, reach -1.5 * 2^23 (edgekit/lowering/dense.py). */
#define EK_MAGIC 12582912.0f
#define EK_MAGIC_BITS 0x4B400000

typedef struct {
    v128_t zero, low, high;
} ek_limits;

static inline ek_limits ek_limits_of(const ek_requantizer *r) {
    ek_limits limits = {wasm_i32x4_splat(EK_MAGIC_BITS - r->zero), wasm_i8x16_splat((int8_t)((int32_t)r->low + r->zero)),
                        wasm_i8x16_splat((int8_t)((int32_t)r->high + r->zero))};
    return limits;
}

static inline v128_t ek_rounded(v128_t sums, v128_t scale, const ek_limits *limits) {
    v128_t y = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums), scale);
    return wasm_i32x4_sub(wasm_f32x4_add(y, wasm_f32x4_splat(EK_MAGIC)), limits->zero);
}

/* 16 int8 of 4 vectors of rounded sums. */
static inline v128_t ek_narrowed(v128_t a, v128_t b, v128_t c, v128_t d, const ek_limits *limits) {
    v128_t bytes = wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(a, b), wasm_i16x8_narrow_i32x4(c, d));
    return wasm_i8x16_min(wasm_i8x16_max(bytes, limits->low), limits->high);
}

/* 8 units of two rows, or of two blocks, as 16 bytes. */
static inline v128_t ek_bytes(v128_t low0, v128_t high0, const float *scale0, v128_t low1, v128_t high1,
                              const float *scale1, const ek_limits *limits) {
    return ek_narrowed(ek_rounded(low0, wasm_v128_load(scale0), limits), ek_rounded(high0, wasm_v128_load(scale0 + 4), limits),
                       ek_rounded(low1, wasm_v128_load(scale1), limits), ek_rounded(high1, wasm_v128_load(scale1 + 4), limits),
                       limits);
}

/* Copies the units of a last block that there are. Not inlined, and a loop as it stands: it is rare. */
__attribute__((noinline)) static void ek_copy_units(const int8_t *from, int32_t units, int8_t *to) {
#pragma clang loop vectorize(disable) unroll(disable)
    for (int32_t u = 0; u < units; u++) to[u] = from[u];
}

/* Writes 8 of 16 bytes, or as many as there are units. */
static inline void ek_put(v128_t bytes, int32_t half, int32_t units, int8_t *to) {
    int8_t some[16];
    wasm_v128_store(some, bytes);
    ek_copy_units(some + EK_UNITS * half, units < EK_UNITS ? units : EK_UNITS, to);
}

/* Four inputs of a block's weights times four values of a row. Macros, because functions would not keep the sums in
 * registers. A plain block's sums come in pairs, for units 0 1, 2 3, 4 5 and 6 7; ek_fold makes one of each pair. */
#ifdef __wasm_relaxed_simd__
#define EK_ROW(n)                                                         \
    {                                                                     \
        v128_t v = wasm_v128_load32_splat(x##n + i);                      \
        l##n = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wl, v, l##n);       \
        h##n = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wh, v, h##n);       \
    }
#else
static inline v128_t ek_fold(v128_t a, v128_t b) {
    return wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 2, 4, 6), wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
}
#endif

/* Where row n's bytes of a block go: to the row, or first into `some` where the block has fewer than `size` units. */
#define EK_TO(n, size) (whole ? to[n] + first : some + (n) * (size))
#define EK_COPY_SOME(size)                                                                                        \
    if (!whole)                                                                                                   \
        for (int32_t n = 0; n < EK_TILE; n++) ek_copy_units(some + n * (size), units - first, to[n] + first);

#ifdef __wasm_relaxed_simd__
static inline void ek_dot_runs(const ek_wide *const *x, const ek_taps *taps, const int8_t *weights, const int32_t *bias,
                               int32_t units, const ek_requantizer *r, int8_t *const *to) {
    const ek_limits limits = ek_limits_of(r);
    int8_t some[EK_TILE * EK_UNITS];
    for (int32_t first = 0; first < units; first += EK_UNITS) {
        v128_t l0 = wasm_v128_load(bias + first), h0 = wasm_v128_load(bias + first + 4);
        v128_t l1 = l0, l2 = l0, l3 = l0, h1 = h0, h2 = h0, h3 = h0;
        for (int32_t row = 0; row < taps->rows; row++)
            for (int32_t column = 0; column < taps->columns; column++) {
                const int32_t at = row * taps->row_step + column * taps->column_step;
                const ek_wide *x0 = x[0] + at, *x1 = x[1] + at, *x2 = x[2] + at, *x3 = x[3] + at;
                for (int32_t i = 0; i < taps->length; i += taps->step, weights += EK_BLOCK) {
                    v128_t wl = wasm_v128_load(weights), wh = wasm_v128_load(weights + EK_BLOCK / 2);
                    EK_ROW(0)
                    EK_ROW(1)
                    EK_ROW(2)
                    EK_ROW(3)
                }
            }
        const float *scale = r->scale + first;
        v128_t bytes01 = ek_bytes(l0, h0, scale, l1, h1, scale, &limits);
        v128_t bytes23 = ek_bytes(l2, h2, scale, l3, h3, scale, &limits);
        const int whole = units - first >= EK_UNITS;
        wasm_v128_store64_lane(EK_TO(0, EK_UNITS), bytes01, 0);
        wasm_v128_store64_lane(EK_TO(1, EK_UNITS), bytes01, 1);
        wasm_v128_store64_lane(EK_TO(2, EK_UNITS), bytes23, 0);
        wasm_v128_store64_lane(EK_TO(3, EK_UNITS), bytes23, 1);
        EK_COPY_SOME(EK_UNITS)
    }
}
#else
#define EK_PLAIN_ROW(n)                                                   \
    {                                                                     \
        v128_t v = wasm_v128_load64_splat(x##n + i);                      \
        a##n = wasm_i32x4_add(a##n, wasm_i32x4_dot_i16x8(v, wa));         \
        b##n = wasm_i32x4_add(b##n, wasm_i32x4_dot_i16x8(v, wb));         \
    }

/* Here four units at a time: their sums come in pairs. */
static inline void ek_dot_runs(const ek_wide *const *x, const ek_taps *taps, const int8_t *weights, const int32_t *bias,
                               int32_t units, const ek_requantizer *r, int8_t *const *to) {
    const ek_limits limits = ek_limits_of(r);
    enum { HALF = EK_UNITS / 2 };
    const int32_t inputs = taps->rows * taps->columns * (taps->length / taps->step) * EK_PADDED;
    int8_t some[EK_TILE * HALF];
    for (int32_t first = 0; first < units; first += HALF) {
        const int8_t *w = weights + first / EK_UNITS * EK_UNITS * inputs + first % EK_UNITS * EK_PADDED;
        v128_t a0 = wasm_i32x4_splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
        for (int32_t row = 0; row < taps->rows; row++)
            for (int32_t column = 0; column < taps->columns; column++) {
                const int32_t at = row * taps->row_step + column * taps->column_step;
                const ek_wide *x0 = x[0] + at, *x1 = x[1] + at, *x2 = x[2] + at, *x3 = x[3] + at;
                for (int32_t i = 0; i < taps->length; i += taps->step, w += EK_BLOCK) {
                    v128_t wa = wasm_i16x8_load8x8(w), wb = wasm_i16x8_load8x8(w + 8);
                    EK_PLAIN_ROW(0)
                    EK_PLAIN_ROW(1)
                    EK_PLAIN_ROW(2)
                    EK_PLAIN_ROW(3)
                }
            }
        const v128_t start = wasm_v128_load(bias + first), scale = wasm_v128_load(r->scale + first);
        v128_t bytes = ek_narrowed(ek_rounded(wasm_i32x4_add(start, ek_fold(a0, b0)), scale, &limits),
                                   ek_rounded(wasm_i32x4_add(start, ek_fold(a1, b1)), scale, &limits),
                                   ek_rounded(wasm_i32x4_add(start, ek_fold(a2, b2)), scale, &limits),
                                   ek_rounded(wasm_i32x4_add(start, ek_fold(a3, b3)), scale, &limits), &limits);
        const int whole = units - first >= HALF;
        wasm_v128_store32_lane(EK_TO(0, HALF), bytes, 0);
        wasm_v128_store32_lane(EK_TO(1, HALF), bytes, 1);
        wasm_v128_store32_lane(EK_TO(2, HALF), bytes, 2);
        wasm_v128_store32_lane(EK_TO(3, HALF), bytes, 3);
        EK_COPY_SOME(HALF)
    }
}
#endif

/* A tile of rows, all units: each weight is loaded once for all of them. */
static inline void ek_dot_tile(const ek_wide *const *x, const ek_taps *taps, const int8_t *weights, const int32_t *bias,
                               int32_t units, const ek_requantizer *r, int8_t *const *to) {
    const ek_taps one = {1, 0, 1, 0, taps->length, taps->step}; /* known to the compiler: one loop instead of three */
    if (taps->rows == 1 && taps->columns == 1) ek_dot_runs(x, &one, weights, bias, units, r, to);
    else ek_dot_runs(x, taps, weights, bias, units, r, to);
}

#else

static inline void ek_widen(const int8_t *from, ek_wide *to, int32_t count) {
    for (int32_t i = 0; i < count; i++) to[i] = from[i];
}

static inline void ek_dot_tile(const ek_wide *const *x, const ek_taps *taps, const int8_t *weights, const int32_t *bias,
                               int32_t units, const ek_requantizer *r, int8_t *const *to) {
    for (int32_t first = 0; first < units; first += EK_UNITS) {
        int32_t sums[EK_TILE][EK_UNITS];
        for (int32_t n = 0; n < EK_TILE; n++)
            for (int32_t u = 0; u < EK_UNITS; u++) sums[n][u] = bias[first + u];
        for (int32_t row = 0; row < taps->rows; row++)
            for (int32_t column = 0; column < taps->columns; column++) {
                const int32_t at = row * taps->row_step + column * taps->column_step;
                for (int32_t i = 0; i < taps->length; i += taps->step)
                    for (int32_t u = 0; u < EK_UNITS; u++, weights += EK_PADDED)
                        for (int32_t n = 0; n < EK_TILE; n++)
                            for (int32_t k = 0; k < EK_PADDED; k++) sums[n][u] += x[n][at + i + k] * weights[k];
            }
        for (int32_t u = 0; u < EK_UNITS && first + u < units; u++)
            for (int32_t n = 0; n < EK_TILE; n++) to[n][first + u] = ek_requantized(sums[n][u], first + u, r);
    }
}

#endif

#endif
