#include "engine.h"

/* Copies a box of elements from one place to another, each with its own step along 5 dimensions: TRANSPOSE, SLICE,
 * STRIDED_SLICE, SPLIT, PACK, UNPACK, PAD and broadcasting are all this. Offsets and steps count elements; a step
 * of the input may be 0 or negative. The outermost dimension comes first. */

enum { DIMENSIONS = 5 };

/* Whether the lowest and the highest element of a box lie inside [0, limit]. */
static int box_fits(int32_t offset, const int32_t *size, const int32_t *step, int64_t *highest) {
    int64_t low = offset, high = offset;
    for (int d = 0; d < DIMENSIONS; d++) {
        int64_t reach = (int64_t)(size[d] - 1) * step[d];
        if (reach < 0) low += reach;
        else high += reach;
    }
    *highest = high;
    return low >= 0;
}

static int step_fits(const int32_t *step) {
    for (int d = 0; d < DIMENSIONS; d++)
        if (step[d] > EK_MAX_COUNT || step[d] < -EK_MAX_COUNT) return 0;
    return 1;
}

int strided_copy_check(const struct strided_copy *op, const ek_model *model) {
    const int32_t *size = &op->size0, *in = &op->in0, *out = &op->out0;
    int width = op->element_bytes;
    int64_t last_in, last_out;
    if (width != 1 && width != 2 && width != 4) return 0;
    uint64_t elements = 1;
    for (int d = 0; d < DIMENSIONS; d++) {
        if (!ek_count(size[d]) || elements * size[d] > model->arena_bytes) return 0; /* none is written twice */
        elements *= size[d];
    }
    if (!step_fits(in) || !step_fits(out) || op->in_offset < 0 || op->out_offset < 0) return 0;
    return box_fits(op->in_offset, size, in, &last_in) && box_fits(op->out_offset, size, out, &last_out) &&
           last_in < EK_MAX_COUNT && last_out < EK_MAX_COUNT &&
           ek_inside(model, op->input, (uint64_t)(last_in + 1) * width, width) &&
           ek_writable(model, op->output, (uint64_t)(last_out + 1) * width, width);
}

static void copy_run(const void *input, void *output, int32_t count, int32_t in, int32_t out, int32_t width) {
    for (int32_t i = 0; i < count; i++)
        if (width == 1) ((int8_t *)output)[i * out] = ((const int8_t *)input)[i * in];
        else if (width == 2) ((int16_t *)output)[i * out] = ((const int16_t *)input)[i * in];
        else ((int32_t *)output)[i * out] = ((const int32_t *)input)[i * in];
}

void strided_copy(const struct strided_copy *op, const ek_model *model) {
    const uint8_t *input = ek_value(model, op->input);
    uint8_t *output = ek_output(model, op->output);
    const int32_t width = op->element_bytes;
    for (int32_t a = 0; a < op->size0; a++)
        for (int32_t b = 0; b < op->size1; b++)
            for (int32_t c = 0; c < op->size2; c++)
                for (int32_t d = 0; d < op->size3; d++) {
                    int32_t from = op->in_offset + a * op->in0 + b * op->in1 + c * op->in2 + d * op->in3;
                    int32_t to = op->out_offset + a * op->out0 + b * op->out1 + c * op->out2 + d * op->out3;
                    copy_run(input + (int64_t)from * width, output + (int64_t)to * width, op->size4, op->in4, op->out4, width);
                }
}
