/* Which kernels split their phases into parts, and when that pays. */
#ifndef EK_TEAM_H
#define EK_TEAM_H

#include "engine.h"

#define EK_SPLITS                    \
    EK_SPLIT(quantize_f32_s8)        \
    EK_SPLIT(fully_connected_s8)     \
    EK_SPLIT(add_s8)                 \
    EK_SPLIT(lookup_s8)              \
    EK_SPLIT(conv_2d_s8)             \
    EK_SPLIT(depthwise_conv_2d_s8)   \
    EK_SPLIT(mean_s8)

#define EK_SPLIT(name) int32_t name##_parts(const struct name *op, int32_t phase, const ek_model *model);
EK_SPLITS
#undef EK_SPLIT

/* An offer costs about half a microsecond, so a part is worth one or more. */
enum { EK_PART_NANOSECONDS = 1000 };

#ifdef EK_THREADS

/* How many parts suit work of about so many nanoseconds, of which there are no more than `most`: one for each thread. */
static inline int32_t ek_parts(const ek_model *model, int64_t nanoseconds, int64_t most) {
    int64_t parts = nanoseconds / model->least;
    if (parts > model->threads) parts = model->threads;
    if (parts > most) parts = most;
    return parts < 1 ? 1 : (int32_t)parts;
}

#endif

#endif
