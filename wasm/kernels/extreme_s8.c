#include "engine.h"

/* y = the larger or the smaller of a and b, which have the same scale; the operand with fewer elements repeats. */

int extreme_s8_check(const struct extreme_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_repeats(op->count, op->a_count) && ek_repeats(op->count, op->b_count) &&
           ek_inside(model, op->a, op->a_count, 1) && ek_inside(model, op->b, op->b_count, 1) &&
           ek_writable(model, op->output, op->count, 1) && (op->is_maximum == 0 || op->is_maximum == 1);
}

void extreme_s8(const struct extreme_s8 *op, const ek_model *model) {
    const int8_t *a = ek_value(model, op->a), *b = ek_value(model, op->b);
    int8_t *output = ek_output(model, op->output);
    for (int32_t i = 0, ia = 0, ib = 0; i < op->count; i++) {
        output[i] = (a[ia] > b[ib]) == op->is_maximum ? a[ia] : b[ib];
        if (++ia == op->a_count) ia = 0;
        if (++ib == op->b_count) ib = 0;
    }
}
