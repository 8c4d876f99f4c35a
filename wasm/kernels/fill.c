#include "engine.h"

/* Writes one value of 1, 2 or 4 bytes over and over: the padding of PAD and TRANSPOSE_CONV. */

int fill_check(const struct fill *op, const ek_model *model) {
    int width = op->element_bytes;
    return ek_count(op->count) && (width == 1 || width == 2 || width == 4) &&
           ek_writable(model, op->output, (uint64_t)width * op->count, width);
}

void fill(const struct fill *op, const ek_model *model) {
    void *output = ek_output(model, op->output);
    for (int32_t i = 0; i < op->count; i++)
        if (op->element_bytes == 1) ((int8_t *)output)[i] = (int8_t)op->value;
        else if (op->element_bytes == 2) ((int16_t *)output)[i] = (int16_t)op->value;
        else ((int32_t *)output)[i] = op->value;
}
