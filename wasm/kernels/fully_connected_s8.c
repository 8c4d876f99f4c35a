#include "dot_s8.h"

/* y = clamp(round((bias + W x) * scale), low, high) + output_zero, half to even, one scale a unit: XNNPACK's
 * qs8-qc8w-gemm with fp32 requantization. The input's zero point is folded into the bias.
 *
 * weights: see dot_s8.h; bias: int32, scale: float32, both padded to a multiple of 8 units.
 * scratch: a row, widened and padded with zeros. Many rows are a conv_2d_s8 of one tap. */

int fully_connected_s8_check(const struct fully_connected_s8 *op, const ek_model *model) {
    if (!ek_count(op->rows) || !ek_count(op->inputs) || !ek_count(op->units)) return 0;
    uint64_t units = ek_round_up(op->units, EK_UNITS), inputs = ek_round_up(op->inputs, EK_PADDED);
    return ek_inside(model, op->input, (uint64_t)op->rows * op->inputs, 1) &&
           ek_writable(model, op->output, (uint64_t)op->rows * op->units, 1) &&
           ek_inside(model, op->weights, units * inputs, 16) && ek_inside(model, op->bias, units * 4, 16) &&
           ek_inside(model, op->scale, units * 4, 16) && ek_writable(model, op->scratch, inputs * EK_WIDE_BYTES, 16) &&
           ek_requantizer_fits(op->output_zero, op->low, op->high);
}

#ifdef __wasm_simd128__

#ifdef __wasm_relaxed_simd__
typedef int8_t value; /* as it is: with one row it is the weights that take the offset */

static void take(const int8_t *row, value *to, int32_t count) {
    for (int32_t i = 0; i < count; i++) to[i] = row[i];
}

/* What the offset of the weights adds to every unit's sum: 128 times the sum of the row. */
static v128_t surplus(const value *row, int32_t inputs) {
    int32_t sum = 0;
    for (int32_t i = 0; i < inputs; i++) sum += row[i];
    return wasm_i32x4_splat(EK_OFFSET * sum);
}

#define SUMS(n) v128_t low##n = wasm_i32x4_splat(0), high##n = low##n;
#define LOAD_ROW v128_t x = wasm_v128_load32_splat(row + i);
#define DOT(n)                                                                                                \
    {                                                                                                         \
        const int8_t *w = weights + (n) * block + i * EK_UNITS;                                               \
        low##n = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, ek_load_wide(w), low##n);                          \
        high##n = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(x, ek_load_wide(w + EK_BLOCK / 2), high##n);         \
    }
#define LOW(n) wasm_i32x4_sub(wasm_i32x4_add(low##n, wasm_v128_load(bias + (n) * EK_UNITS)), more)
#define HIGH(n) wasm_i32x4_sub(wasm_i32x4_add(high##n, wasm_v128_load(bias + (n) * EK_UNITS + 4)), more)
#else
typedef int16_t value;

static void take(const int8_t *row, value *to, int32_t count) { ek_widen(row, to, count); }

static v128_t surplus(const value *row, int32_t inputs) {
    (void)row, (void)inputs;
    return wasm_i32x4_splat(0);
}

#define SUMS(n) v128_t a##n = wasm_i32x4_splat(0), b##n = a##n, c##n = a##n, d##n = a##n;
#define LOAD_ROW v128_t x = wasm_v128_load64_splat(row + i);
#define DOT(n)                                                                                  \
    {                                                                                           \
        const int8_t *w = weights + (n) * block + i * EK_UNITS;                                 \
        a##n = wasm_i32x4_add(a##n, wasm_i32x4_dot_i16x8(x, wasm_i16x8_load8x8(w)));            \
        b##n = wasm_i32x4_add(b##n, wasm_i32x4_dot_i16x8(x, wasm_i16x8_load8x8(w + 8)));        \
        c##n = wasm_i32x4_add(c##n, wasm_i32x4_dot_i16x8(x, wasm_i16x8_load8x8(w + 16)));       \
        d##n = wasm_i32x4_add(d##n, wasm_i32x4_dot_i16x8(x, wasm_i16x8_load8x8(w + 24)));       \
    }
#define LOW(n) wasm_i32x4_sub(wasm_i32x4_add(ek_fold(a##n, b##n), wasm_v128_load(bias + (n) * EK_UNITS)), more)
#define HIGH(n) wasm_i32x4_sub(wasm_i32x4_add(ek_fold(c##n, d##n), wasm_v128_load(bias + (n) * EK_UNITS + 4)), more)
#endif

#define BYTES(m, n) ek_bytes(LOW(m), HIGH(m), scale + (m) * EK_UNITS, LOW(n), HIGH(n), scale + (n) * EK_UNITS, &limits)

/* One row, all units, 32 at a time so that no sum waits for the one before it. */
static void dot_row(const value *row, int32_t inputs, const int8_t *weights, const int32_t *bias, int32_t units,
                    const ek_requantizer *r, int8_t *to) {
    const ek_limits limits = ek_limits_of(r);
    const v128_t more = surplus(row, inputs);
    const float *scale = r->scale;
    const int32_t block = inputs * EK_UNITS;
    while (units > 3 * EK_UNITS) {
        SUMS(0) SUMS(1) SUMS(2) SUMS(3)
        for (int32_t i = 0; i < inputs; i += EK_PADDED) {
            LOAD_ROW
            DOT(0)
            DOT(1)
            DOT(2)
            DOT(3)
        }
        v128_t bytes01 = BYTES(0, 1), bytes23 = BYTES(2, 3);
        wasm_v128_store(to, bytes01);
        if (units >= 4 * EK_UNITS) {
            wasm_v128_store(to + 2 * EK_UNITS, bytes23);
        } else {
            wasm_v128_store64_lane(to + 2 * EK_UNITS, bytes23, 0);
            ek_put(bytes23, 1, units - 3 * EK_UNITS, to + 3 * EK_UNITS);
        }
        units -= 4 * EK_UNITS, weights += 4 * block, bias += 4 * EK_UNITS, scale += 4 * EK_UNITS, to += 4 * EK_UNITS;
    }
    for (; units > 0; units -= EK_UNITS, weights += block, bias += EK_UNITS, scale += EK_UNITS, to += EK_UNITS) {
        SUMS(0)
        for (int32_t i = 0; i < inputs; i += EK_PADDED) {
            LOAD_ROW
            DOT(0)
        }
        ek_put(BYTES(0, 0), 0, units, to);
    }
}

#else

typedef int16_t value;

static void take(const int8_t *row, value *to, int32_t count) { ek_widen(row, to, count); }

static void dot_row(const value *row, int32_t inputs, const int8_t *weights, const int32_t *bias, int32_t units,
                    const ek_requantizer *r, int8_t *to) {
    for (int32_t first = 0; first < units; first += EK_UNITS, weights += inputs * EK_UNITS)
        for (int32_t u = 0; u < EK_UNITS && first + u < units; u++) {
            int32_t sum = bias[first + u];
            for (int32_t i = 0; i < inputs; i += EK_PADDED)
                for (int32_t k = 0; k < EK_PADDED; k++) sum += row[i + k] * weights[i * EK_UNITS + u * EK_PADDED + k];
            to[first + u] = ek_requantized(sum, first + u, r);
        }
}

#endif

void fully_connected_s8(const struct fully_connected_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input), *weights = ek_value(model, op->weights);
    const int32_t *bias = ek_value(model, op->bias);
    const ek_requantizer requantizer = {ek_value(model, op->scale), op->low, op->high, op->output_zero};
    int8_t *output = ek_output(model, op->output);
    value *row = ek_output(model, op->scratch);
    const int32_t inputs = ek_round_up(op->inputs, EK_PADDED);
    for (int32_t i = op->inputs; i < inputs; i++) row[i] = 0;
    for (int32_t n = 0; n < op->rows; n++, input += op->inputs, output += op->units) {
        take(input, row, op->inputs);
        dot_row(row, inputs, weights, bias, op->units, &requantizer, output);
    }
}
