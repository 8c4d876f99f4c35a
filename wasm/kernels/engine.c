/* The engine: checks a plan once, then runs its steps. It allocates nothing and keeps no state of its own. */
#include "engine.h"

#ifdef EK_DENSE
#define EK_DENSE_ONLY /* of the registry below: what no step names is not linked */
#endif

#define MAGIC 0x31504B45u /* "EKP1" */
#define ABI_VERSION 2u
#define HEADER_WORDS 8u

enum { OK = 0, NOT_A_PLAN = 1, OTHER_VERSION = 2, OTHER_SIZES = 3, BAD_PORT = 4, BAD_STEP = 5 };

static uint32_t word(const ek_model *model, uint32_t index) { return ((const uint32_t *)model->plan)[index]; }

static int check_step(uint32_t code, const void *fields, uint32_t words, const ek_model *model) {
    switch (code) {
#define EK_OP(code, name, fields_) \
    case code: return words * 4 == sizeof(struct name) && name##_check((const struct name *)fields, model);
#include "registry.inc"
#undef EK_OP
    }
    return 0;
}

static void run_step(uint32_t code, const void *fields, const ek_model *model) {
    switch (code) {
#define EK_OP(code, name, fields_) \
    case code: name((const struct name *)fields, model); break;
#include "registry.inc"
#undef EK_OP
    }
}

static uint32_t first_step_word(const ek_model *model) { return HEADER_WORDS + 2 * (word(model, 4) + word(model, 5)); }

/* Returns 0 where every step of the plan stays inside the model's memory; else which kind of thing does not,
 * and for a step its number: 5 + 8 * step. */
int32_t ek_check(const ek_model *model) {
    uint32_t words = model->plan_bytes / 4;
    if (words < HEADER_WORDS || model->plan_bytes % 4 || word(model, 0) != MAGIC) return NOT_A_PLAN;
    if (word(model, 1) != ABI_VERSION) return OTHER_VERSION;
    if (word(model, 2) != model->arena_bytes || word(model, 3) != model->weights_bytes) return OTHER_SIZES;
    uint64_t ports = (uint64_t)word(model, 4) + word(model, 5);
    if (HEADER_WORDS + 2 * ports > words) return BAD_PORT;
    for (uint32_t i = 0; i < ports; i++) {
        uint32_t offset = word(model, HEADER_WORDS + 2 * i), count = word(model, HEADER_WORDS + 2 * i + 1);
        if (!ek_writable(model, offset, (uint64_t)count * 4, 4)) return BAD_PORT;
    }
    uint32_t at = first_step_word(model);
    for (uint32_t step = 0; step < word(model, 6); step++) {
        if (words - at < 2 || word(model, at + 1) > words - at - 2) return BAD_STEP + 8 * (int32_t)step;
        uint32_t size = word(model, at + 1);
        if (!check_step(word(model, at), model->plan + 4 * (at + 2), size, model)) return BAD_STEP + 8 * (int32_t)step;
        at += 2 + size;
    }
    return at == words ? OK : NOT_A_PLAN;
}

/* Runs the steps first <= i < last of a plan that was checked. */
int32_t ek_run(const ek_model *model, int32_t first, int32_t last) {
    if (first < 0 || last > (int32_t)word(model, 6)) return BAD_STEP;
    uint32_t at = first_step_word(model);
    for (int32_t step = 0; step < last; step++) {
        if (step >= first) run_step(word(model, at), model->plan + 4 * (at + 2), model);
        at += 2 + word(model, at + 1);
    }
    return OK;
}
