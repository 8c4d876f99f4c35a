/* What every kernel sees: the model's three regions of memory, and the check that keeps it inside them. */
#ifndef EK_ENGINE_H
#define EK_ENGINE_H

#include <stdint.h>

/* Filled by the host; on wasm32 these are six 32-bit words. Every region is aligned to 16 bytes. */
typedef struct {
    const uint8_t *plan;
    uint32_t plan_bytes;
    const uint8_t *weights;
    uint32_t weights_bytes;
    uint8_t *arena;
    uint32_t arena_bytes;
} ek_model;

#define EK_CONSTANT 0x80000000u

/* A count that a plan may name: large enough for any model, small enough that products of two fit 64 bits. */
#define EK_MAX_COUNT 0x40000000

static inline const void *ek_value(const ek_model *model, uint32_t value) {
    return (value & EK_CONSTANT) ? model->weights + (value & ~EK_CONSTANT) : model->arena + value;
}

static inline void *ek_output(const ek_model *model, uint32_t value) { return model->arena + value; }

/* Whether `bytes` at a value lie inside its region, at an address that is a multiple of `align`. */
static inline int ek_inside(const ek_model *model, uint32_t value, uint64_t bytes, uint32_t align) {
    uint32_t offset = value & ~EK_CONSTANT;
    uint32_t size = (value & EK_CONSTANT) ? model->weights_bytes : model->arena_bytes;
    return offset % align == 0 && offset <= size && bytes <= size - offset;
}

static inline int ek_writable(const ek_model *model, uint32_t value, uint64_t bytes, uint32_t align) {
    return !(value & EK_CONSTANT) && ek_inside(model, value, bytes, align);
}

static inline int ek_count(int32_t n) { return n > 0 && n <= EK_MAX_COUNT; }

/* Operand shapes of an elementwise operator: the shorter one repeats. */
static inline int ek_repeats(int32_t count, int32_t part) { return ek_count(part) && count % part == 0; }

static inline int32_t ek_clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }

static inline float ek_clampf(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

/* Rounds half to even; the argument was clamped to the int32 range. */
static inline int32_t ek_round(float x) { return (int32_t)__builtin_rintf(x); }

/* Clamps, then rounds half away from zero; NaN becomes the lower bound. */
static inline int32_t ek_half_away(double x, double low, double high) {
    if (!(x > low)) return (int32_t)low;
    if (x > high) return (int32_t)high;
    double whole = __builtin_trunc(x), rest = x - whole;
    return (int32_t)whole + (rest >= 0.5) - (rest <= -0.5);
}

/* x * multiplier * 2^(shift - 31), rounded twice: TFLite's MultiplyByQuantizedMultiplier. multiplier >= 0,
 * -31 <= shift <= 14 and |x| < 2^17 keep every product inside 64 bits; the shift to the left wraps beyond 32. */
static inline int32_t ek_fixed(int32_t x, int32_t multiplier, int32_t shift) {
    int64_t product = (int64_t)(int32_t)((uint32_t)x << (shift > 0 ? shift : 0)) * multiplier;
    int32_t high = (int32_t)((product + (product >= 0 ? 1 << 30 : 1 - (1 << 30))) / (1ll << 31));
    if (shift >= 0) return high;
    int32_t mask = (int32_t)((1ll << -shift) - 1), rest = high & mask;
    return (int32_t)((int64_t)high >> -shift) + (rest > (mask >> 1) + (high < 0));
}

#define V(name) uint32_t name;
#define O(name) uint32_t name;
#define I(name) int32_t name;
#define F(name) float name;
#define EK_OP(code, name, fields)                                     \
    struct name {                                                     \
        fields                                                        \
    };                                                                \
    int name##_check(const struct name *op, const ek_model *model);   \
    void name(const struct name *op, const ek_model *model);
#include "registry.inc"
#undef EK_OP
#undef V
#undef O
#undef I
#undef F

#endif
