#include "engine.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

/* y = clamp(bias + W x) in float32. The order of the sum is our own: the answer is near the interpreter's, within the
 * bound of edgekit/lowering/nearness.py. weights: [units][inputs]. */

int fully_connected_f32_check(const struct fully_connected_f32 *op, const ek_model *model) {
    if (!ek_count(op->rows) || !ek_count(op->inputs) || !ek_count(op->units)) return 0;
    uint64_t units = op->units, inputs = op->inputs, rows = op->rows;
    return rows * inputs <= EK_MAX_COUNT && units * inputs <= EK_MAX_COUNT && rows * units <= EK_MAX_COUNT &&
           ek_inside(model, op->input, rows * inputs * 4, 4) && ek_writable(model, op->output, rows * units * 4, 4) &&
           ek_inside(model, op->weights, units * inputs * 4, 4) && ek_inside(model, op->bias, units * 4, 4);
}

static float dot(const float *x, const float *w, int32_t count) {
    float sum = 0;
    int32_t i = 0;
#ifdef __wasm_simd128__
    v128_t sums = wasm_f32x4_splat(0);
    for (; i + 4 <= count; i += 4)
        sums = wasm_f32x4_add(sums, wasm_f32x4_mul(wasm_v128_load(x + i), wasm_v128_load(w + i)));
    sum = (wasm_f32x4_extract_lane(sums, 0) + wasm_f32x4_extract_lane(sums, 1)) +
          (wasm_f32x4_extract_lane(sums, 2) + wasm_f32x4_extract_lane(sums, 3));
#endif
    for (; i < count; i++) sum += x[i] * w[i];
    return sum;
}

void fully_connected_f32(const struct fully_connected_f32 *op, const ek_model *model) {
    const float *input = ek_value(model, op->input), *bias = ek_value(model, op->bias);
    float *output = ek_output(model, op->output);
    for (int32_t row = 0; row < op->rows; row++, input += op->inputs) {
        const float *w = ek_value(model, op->weights);
        for (int32_t u = 0; u < op->units; u++, w += op->inputs)
            *output++ = ek_clampf(bias[u] + dot(input, w, op->inputs), op->low, op->high);
    }
}
