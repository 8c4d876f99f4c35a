#include "engine.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

/* y = clamp(round((bias + W x) * scale), low, high) + output_zero, half to even, one scale a unit: XNNPACK's
 * qs8-qc8w-gemm with fp32 requantization. The input's zero point is folded into the bias.
 *
 * weights: [units / 8][inputs / 2][8][2] int8, both counts padded with zeros to multiples of 8 and 4.
 * bias: int32, scale: float32, both padded to a multiple of 8 units. scratch: the row widened to int16, padded. */

enum { UNITS = 8, PAIR = 2, PADDED = 4 };

static int32_t round_up(int32_t n, int32_t step) { return (n + step - 1) / step * step; }

int fully_connected_s8_check(const struct fully_connected_s8 *op, const ek_model *model) {
    if (!ek_count(op->rows) || !ek_count(op->inputs) || !ek_count(op->units)) return 0;
    uint64_t units = round_up(op->units, UNITS), inputs = round_up(op->inputs, PADDED);
    return ek_inside(model, op->input, (uint64_t)op->rows * op->inputs, 1) &&
           ek_writable(model, op->output, (uint64_t)op->rows * op->units, 1) &&
           ek_inside(model, op->weights, units * inputs, 16) && ek_inside(model, op->bias, units * 4, 16) &&
           ek_inside(model, op->scale, units * 4, 16) && ek_writable(model, op->scratch, inputs * 2, 4) &&
           op->output_zero >= -128 && op->output_zero <= 127 && op->low >= (float)(-128 - op->output_zero) &&
           op->high <= (float)(127 - op->output_zero) && op->low <= op->high;
}

/* Sums 8 units over all pairs of inputs. */
static void dot(const int16_t *x, const int8_t *w, const int32_t *bias, int32_t pairs, int32_t *sums) {
#ifdef __wasm_simd128__
    v128_t low = wasm_v128_load(bias), high = wasm_v128_load(bias + 4);
    for (int32_t p = 0; p < pairs; p++, w += UNITS * PAIR) {
        v128_t pair = wasm_v128_load32_splat(x + PAIR * p), weights = wasm_v128_load(w);
        low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(pair, wasm_i16x8_extend_low_i8x16(weights)));
        high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(pair, wasm_i16x8_extend_high_i8x16(weights)));
    }
    wasm_v128_store(sums, low);
    wasm_v128_store(sums + 4, high);
#else
    for (int32_t u = 0; u < UNITS; u++) sums[u] = bias[u];
    for (int32_t p = 0; p < pairs; p++)
        for (int32_t u = 0; u < UNITS; u++, w += PAIR) sums[u] += x[PAIR * p] * w[0] + x[PAIR * p + 1] * w[1];
#endif
}

void fully_connected_s8(const struct fully_connected_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input), *weights = ek_value(model, op->weights);
    const int32_t *bias = ek_value(model, op->bias);
    const float *scale = ek_value(model, op->scale);
    int8_t *output = ek_output(model, op->output);
    int16_t *wide = ek_output(model, op->scratch);
    const int32_t inputs = round_up(op->inputs, PADDED);
    int32_t sums[UNITS] __attribute__((aligned(16)));
    for (int32_t row = 0; row < op->rows; row++, input += op->inputs) {
        for (int32_t i = 0; i < inputs; i++) wide[i] = i < op->inputs ? input[i] : 0;
        for (int32_t first = 0; first < op->units; first += UNITS) {
            dot(wide, weights + (uint32_t)first * inputs, bias + first, inputs / PAIR, sums);
            int32_t count = op->units - first < UNITS ? op->units - first : UNITS;
            for (int32_t u = 0; u < count; u++) {
                float y = ek_clampf((float)sums[u] * scale[first + u], op->low, op->high);
                *output++ = (int8_t)(ek_round(y) + op->output_zero);
            }
        }
    }
}
