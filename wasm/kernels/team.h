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

#define EK_SPLIT(name) int32_t name##_parts(const struct name *op, int32_t phase, int32_t threads);
EK_SPLITS
#undef EK_SPLIT

/* An offer costs about half a microsecond, so a part is worth one or more. */
enum { EK_PART_NANOSECONDS = 1000, EK_PARTS_A_THREAD = 1, EK_MAX_PARTS = 8 };

/* How many parts suit work of about so many nanoseconds, of which there are no more than `most`. */
static inline int32_t ek_parts(int64_t nanoseconds, int64_t most, int32_t threads) {
    int64_t parts = nanoseconds / EK_PART_NANOSECONDS;
    if (parts > threads * EK_PARTS_A_THREAD) parts = threads * EK_PARTS_A_THREAD;
    if (threads == 1 || most < 1) return 1;
    return (int32_t)(parts < 1 ? 1 : parts < most ? parts : most);
}

#endif
