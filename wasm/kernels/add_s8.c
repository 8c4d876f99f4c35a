#include "team.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>

typedef struct {
    v128_t a_multiplier, b_multiplier, bias;
    int32_t shift;
} terms;

static inline v128_t sum(v128_t a, v128_t b, const terms *t) {
    v128_t y = wasm_i32x4_add(wasm_i32x4_mul(a, t->a_multiplier), wasm_i32x4_mul(b, t->b_multiplier));
    return wasm_i32x4_shr(wasm_i32x4_add(y, t->bias), t->shift);
}

/* Operands of equal length, 8 values at a time; returns where it stopped. The sum of both fits int16 after the
 * shift or saturates to the same bound that the clamp gives. */
static int32_t whole_blocks(const struct add_s8 *op, ek_range range, const int8_t *a, const int8_t *b, int8_t *output) {
    const terms t = {wasm_i32x4_splat(op->a_multiplier), wasm_i32x4_splat(op->b_multiplier), wasm_i32x4_splat(op->bias),
                     op->shift};
    const v128_t zero = wasm_i16x8_splat((int16_t)op->output_zero);
    const v128_t low = wasm_i16x8_splat((int16_t)op->low), high = wasm_i16x8_splat((int16_t)op->high);
    int32_t i = range.first;
    for (; i + 8 <= range.last; i += 8) {
        v128_t x = wasm_i16x8_load8x8(a + i), y = wasm_i16x8_load8x8(b + i);
        v128_t first = sum(wasm_i32x4_extend_low_i16x8(x), wasm_i32x4_extend_low_i16x8(y), &t);
        v128_t second = sum(wasm_i32x4_extend_high_i16x8(x), wasm_i32x4_extend_high_i16x8(y), &t);
        v128_t z = wasm_i16x8_add_sat(wasm_i16x8_narrow_i32x4(first, second), zero);
        z = wasm_i16x8_min(high, wasm_i16x8_max(low, z));
        wasm_v128_store64_lane(output + i, wasm_i8x16_narrow_i16x8(z, z), 0);
    }
    return i;
}
#else
static int32_t whole_blocks(const struct add_s8 *op, ek_range range, const int8_t *a, const int8_t *b, int8_t *output) {
    (void)op, (void)a, (void)b, (void)output;
    return range.first;
}
#endif

/* y = clamp((bias + a * a_multiplier + b * b_multiplier >> shift) + output_zero, low, high): XNNPACK's qs8-vadd.
 * bias holds the zero points and the rounding; SUB is ADD with a negative b_multiplier. */

int add_s8_check(const struct add_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_repeats(op->count, op->a_count) && ek_repeats(op->count, op->b_count) &&
           ek_inside(model, op->a, op->a_count, 1) && ek_inside(model, op->b, op->b_count, 1) &&
           ek_writable(model, op->output, op->count, 1) && op->shift >= 0 && op->shift <= 31 && op->low >= -128 &&
           op->high <= 127 && op->low <= op->high && op->output_zero >= -128 && op->output_zero <= 127;
}

static int is_alike(const struct add_s8 *op) { return op->a_count == op->count && op->b_count == op->count; }

#ifdef EK_THREADS
int32_t add_s8_parts(const struct add_s8 *op, int32_t phase, const ek_model *model) {
    return phase == EK_COMPUTE ? ek_parts(model, op->count / 2, is_alike(op) ? op->count / 64 : 1) : 0;
}
#endif

void add_s8(const struct add_s8 *op, const ek_model *model) {
    const int8_t *a = ek_value(model, op->a), *b = ek_value(model, op->b);
    int8_t *output = ek_output(model, op->output);
    const ek_range range = ek_range_of(ek_share_of(model), op->count, 64); /* one share where the operands are not alike */
    const int32_t done = is_alike(op) ? whole_blocks(op, range, a, b, output) : 0;
    for (int32_t i = done, ia = done, ib = done; i < range.last; i++) {
        uint32_t total = (uint32_t)op->bias + (uint32_t)a[ia] * (uint32_t)op->a_multiplier +
                       (uint32_t)b[ib] * (uint32_t)op->b_multiplier;
        output[i] = (int8_t)ek_clamp(((int32_t)total >> op->shift) + op->output_zero, op->low, op->high);
        if (++ia == op->a_count) ia = 0; /* the shorter operand begins again */
        if (++ib == op->b_count) ib = 0;
    }
}
