#include "engine.h"

/* y = clamp((bias + a * a_multiplier + b * b_multiplier >> shift) + output_zero, low, high): XNNPACK's qs8-vadd.
 * bias holds the zero points and the rounding; SUB is ADD with a negative b_multiplier. */

int add_s8_check(const struct add_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_repeats(op->count, op->a_count) && ek_repeats(op->count, op->b_count) &&
           ek_inside(model, op->a, op->a_count, 1) && ek_inside(model, op->b, op->b_count, 1) &&
           ek_writable(model, op->output, op->count, 1) && op->shift >= 0 && op->shift <= 31 && op->low >= -128 &&
           op->high <= 127 && op->low <= op->high && op->output_zero >= -128 && op->output_zero <= 127;
}

void add_s8(const struct add_s8 *op, const ek_model *model) {
    const int8_t *a = ek_value(model, op->a), *b = ek_value(model, op->b);
    int8_t *output = ek_output(model, op->output);
    for (int32_t i = 0, ia = 0, ib = 0; i < op->count; i++) {
        uint32_t sum = (uint32_t)op->bias + (uint32_t)a[ia] * (uint32_t)op->a_multiplier +
                       (uint32_t)b[ib] * (uint32_t)op->b_multiplier;
        output[i] = (int8_t)ek_clamp(((int32_t)sum >> op->shift) + op->output_zero, op->low, op->high);
        if (++ia == op->a_count) ia = 0;
        if (++ib == op->b_count) ib = 0;
    }
}
