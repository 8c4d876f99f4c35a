#include "engine.h"

/* y = clamp(round((a - a_zero) * (b - b_zero) * scale), low, high) + output_zero, half to even: XNNPACK's qs8-vmul. */

int mul_s8_check(const struct mul_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_repeats(op->count, op->a_count) && ek_repeats(op->count, op->b_count) &&
           ek_inside(model, op->a, op->a_count, 1) && ek_inside(model, op->b, op->b_count, 1) &&
           ek_writable(model, op->output, op->count, 1) && op->a_zero >= -128 && op->a_zero <= 127 &&
           op->b_zero >= -128 && op->b_zero <= 127 && op->output_zero >= -128 && op->output_zero <= 127 &&
           op->low >= (float)(-128 - op->output_zero) && op->high <= (float)(127 - op->output_zero) &&
           op->low <= op->high;
}

void mul_s8(const struct mul_s8 *op, const ek_model *model) {
    const int8_t *a = ek_value(model, op->a), *b = ek_value(model, op->b);
    int8_t *output = ek_output(model, op->output);
    for (int32_t i = 0, ia = 0, ib = 0; i < op->count; i++) {
        float product = (float)((a[ia] - op->a_zero) * (b[ib] - op->b_zero)) * op->scale;
        output[i] = (int8_t)(ek_round(ek_clampf(product, op->low, op->high)) + op->output_zero);
        if (++ia == op->a_count) ia = 0;
        if (++ib == op->b_count) ib = 0;
    }
}
