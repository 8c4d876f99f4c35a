/* What every kernel sees: the model's three regions of memory, and the check that keeps it inside them. */
#ifndef EK_ENGINE_H
#define EK_ENGINE_H

#include <stdint.h>

/* A share of a step. In the builds with threads a step is up to two phases, one after the other, and a phase is parts, which
 * run at once and in any order, each on one of EK_SLOTS threads. The other builds know one share: everything. */
enum { EK_SLOTS = 4, EK_PREPARE = 0, EK_COMPUTE = 1, EK_PHASES = 2, EK_ALL = -1 };
typedef struct {
    int32_t phase, part, parts, slot;
} ek_share;

/* Filled by the host; on wasm32 these are six 32-bit words. Every region is aligned to 16 bytes. */
typedef struct {
    const uint8_t *plan;
    uint32_t plan_bytes;
    const uint8_t *weights;
    uint32_t weights_bytes;
    uint8_t *arena;
    uint32_t arena_bytes;
#ifdef EK_THREADS
    uint32_t threads; /* the seventh word: how many may work, the caller of ek_run among them */
    uint32_t least;   /* nanoseconds that a part is worth; 0 for what suits most machines */
    ek_share share;
#endif
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

#ifdef EK_THREADS
static inline ek_share ek_share_of(const ek_model *model) { return model->share; }
#else
static inline ek_share ek_share_of(const ek_model *model) {
    (void)model;
    return (ek_share){EK_ALL, 0, 1, 0};
}
#endif

static inline int ek_has_phase(ek_share share, int32_t phase) { return share.phase == EK_ALL || share.phase == phase; }

typedef struct {
    int32_t first, last;
} ek_range;

/* The items of a share: of `count` in whole blocks of `block`, all but the last of which are full. */
static inline ek_range ek_range_of(ek_share share, int32_t count, int32_t block) {
    if (share.parts == 1) return (ek_range){0, count};
    const int64_t blocks = (count + (int64_t)block - 1) / block;
    const int64_t first = blocks * share.part / share.parts * block, last = blocks * (share.part + 1) / share.parts * block;
    return (ek_range){(int32_t)first, (int32_t)(last < count ? last : count)};
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

void ek_step(uint32_t code, const void *fields, const ek_model *model);
uint32_t ek_first_step(const ek_model *model);

#endif
