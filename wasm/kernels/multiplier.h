/* x * multiplier * 2^(shift - 31), rounded twice as gemmlowp's saturating rounding doubling high multiply and rounding
 * divide by a power of two are: TFLite's MultiplyByQuantizedMultiplier. -31 <= shift <= 14. */
#ifndef EK_MULTIPLIER_H
#define EK_MULTIPLIER_H

#include "engine.h"

static inline int32_t ek_multiplied(int32_t x, int32_t multiplier, int32_t shift) {
    int64_t product = (int64_t)(int32_t)((uint32_t)x << (shift > 0 ? shift : 0)) * multiplier;
    int32_t high = (int32_t)((product + (product >= 0 ? 1 << 30 : 1 - (1 << 30))) / (1ll << 31));
    if (shift >= 0) return high;
    int32_t mask = (int32_t)((1ll << -shift) - 1), rest = high & mask;
    return (int32_t)((int64_t)high >> -shift) + (rest > (mask >> 1) + (high < 0));
}

#endif
