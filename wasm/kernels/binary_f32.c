#include "engine.h"

/* y = clamp(a kind b) in float32; the operand with fewer elements repeats. kind: 0 add, 1 sub, 2 mul, 3 div,
 * 4 maximum, 5 minimum. */

int binary_f32_check(const struct binary_f32 *op, const ek_model *model) {
    return ek_count(op->count) && ek_repeats(op->count, op->a_count) && ek_repeats(op->count, op->b_count) &&
           ek_inside(model, op->a, 4ull * op->a_count, 4) && ek_inside(model, op->b, 4ull * op->b_count, 4) &&
           ek_writable(model, op->output, 4ull * op->count, 4) && op->kind >= 0 && op->kind <= 5;
}

void binary_f32(const struct binary_f32 *op, const ek_model *model) {
    const float *a = ek_value(model, op->a), *b = ek_value(model, op->b);
    float *output = ek_output(model, op->output);
    for (int32_t i = 0, ia = 0, ib = 0; i < op->count; i++) {
        float x = a[ia], y = b[ib];
        float z = op->kind == 0 ? x + y : op->kind == 1 ? x - y : op->kind == 2 ? x * y : op->kind == 3 ? x / y
                : op->kind == 4 ? (x > y ? x : y) : (x < y ? x : y);
        output[i] = ek_clampf(z, op->low, op->high);
        if (++ia == op->a_count) ia = 0;
        if (++ib == op->b_count) ib = 0;
    }
}
