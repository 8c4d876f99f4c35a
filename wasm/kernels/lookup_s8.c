#include "team.h"

/* y = table[x + 128]: any function of one int8 value, its 256 answers computed at export. */

int lookup_s8_check(const struct lookup_s8 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, op->count, 1) &&
           ek_writable(model, op->output, op->count, 1) && ek_inside(model, op->table, 256, 1);
}

#ifdef EK_THREADS
int32_t lookup_s8_parts(const struct lookup_s8 *op, int32_t phase, const ek_model *model) {
    return phase == EK_COMPUTE ? ek_parts(model, op->count, op->count / 64) : 0;
}
#endif

void lookup_s8(const struct lookup_s8 *op, const ek_model *model) {
    const int8_t *input = ek_value(model, op->input), *table = ek_value(model, op->table);
    int8_t *output = ek_output(model, op->output);
    const ek_range range = ek_range_of(ek_share_of(model), op->count, 64);
    for (int32_t i = range.first; i < range.last; i++) output[i] = table[input[i] + 128];
}
