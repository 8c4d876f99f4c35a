#include "engine.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>

/* Rounds half to even by adding 1.5 * 2^23: what is rounded lies in int8. */
static inline v128_t rounded(const float *input, v128_t scale, v128_t low, v128_t high, v128_t zero) {
    v128_t x = wasm_f32x4_mul(wasm_v128_load(input), scale);
    x = wasm_f32x4_pmin(high, wasm_f32x4_pmax(low, x)); /* pmax(low, NaN) is low */
    return wasm_i32x4_sub(wasm_f32x4_add(x, wasm_f32x4_splat(12582912.0f)), zero);
}
#endif

/* q = clamp(round(x * inverse_scale) + zero_point), half to even: XNNPACK's f32-qs8-vcvt. NaN becomes -128. */

int quantize_f32_s8_check(const struct quantize_f32_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, 4ull * op->count, 4) &&
           ek_writable(model, op->output, op->count, 1) && op->zero_point >= -128 && op->zero_point <= 127;
}

void quantize_f32_s8(const struct quantize_f32_s8 *op, const ek_model *model) {
    const float *input = ek_value(model, op->input);
    int8_t *output = ek_output(model, op->output);
    const float low = (float)(-128 - op->zero_point), high = (float)(127 - op->zero_point);
    int32_t i = 0;
#ifdef __wasm_simd128__
    const v128_t scale = wasm_f32x4_splat(op->inverse_scale), lows = wasm_f32x4_splat(low), highs = wasm_f32x4_splat(high);
    const v128_t zero = wasm_i32x4_splat(0x4B400000 - op->zero_point); /* the pattern of 1.5 * 2^23 */
    for (; i + 16 <= op->count; i += 16) {
        v128_t a = rounded(input + i, scale, lows, highs, zero), b = rounded(input + i + 4, scale, lows, highs, zero);
        v128_t c = rounded(input + i + 8, scale, lows, highs, zero), d = rounded(input + i + 12, scale, lows, highs, zero);
        v128_t bytes = wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(a, b), wasm_i16x8_narrow_i32x4(c, d));
        wasm_v128_store(output + i, bytes);
    }
#endif
    for (; i < op->count; i++) {
        float x = input[i] * op->inverse_scale;
        x = x > low ? x : low; /* also where x is NaN */
        output[i] = (int8_t)(ek_round(x < high ? x : high) + op->zero_point);
    }
}
