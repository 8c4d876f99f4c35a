/* The builds with threads: ek_run for a team. One thread runs the steps; it offers the parts of a phase in a word of shared
 * memory, from which every thread claims one part after the other, the offering one too. So nothing waits for a thread that
 * sleeps or was never started, only for parts that one has begun. A thread first claims the part that has its number: what
 * it wrote in the step before is still in its cache. */
#include "team.h"

#ifdef EK_THREADS

enum {
    OK = 0,
    BAD_STEP = 5,
    FREE_MASK = (1 << EK_SLOTS) - 1,
    PARTS_SHIFT = EK_SLOTS, /* an offer: the parts that are free, a bit each; above, the number of all parts less one */
    PHASE_SHIFT = PARTS_SHIFT + 2,
    STEP_SHIFT = PHASE_SHIFT + 1,
    MAX_STEPS = 1 << (32 - STEP_SHIFT),
    SPINS = 1 << 16, /* without work, some 0.1 ms, before a thread sleeps */
};

/* Behind the words of ek_model, each in a pair of cache lines of its own, which some processors fetch together. */
typedef struct {
    uint32_t unused[32];
    uint32_t offer, offer_line[31];
    uint32_t done, done_line[31]; /* parts that are finished */
    uint32_t asleep, asleep_line[31];
} team;

static team *team_of(const ek_model *host) { return (team *)host; }

static uint32_t load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static void store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }
static void add(uint32_t *word, uint32_t value) { __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST); }

/* A step of the plan; found by walking, from the last one that was asked for. */
typedef struct {
    const uint32_t *plan;
    uint32_t first, at, step;
} cursor;

static cursor start_of(const ek_model *model) {
    const uint32_t first = ek_first_step(model);
    return (cursor){(const uint32_t *)model->plan, first, first, 0};
}

static void find(cursor *c, uint32_t step) {
    if (step < c->step) c->step = 0, c->at = c->first;
    for (; c->step < step; c->step++) c->at += 2 + c->plan[c->at + 1];
}

static void run_part(ek_model *model, cursor *c, uint32_t offer, int32_t part) {
    find(c, offer >> STEP_SHIFT);
    model->share.phase = offer >> PHASE_SHIFT & 1;
    model->share.parts = (offer >> PARTS_SHIFT & 3) + 1;
    model->share.part = part;
    ek_step(c->plan[c->at], c->plan + c->at + 2, model);
}

/* Claims a part and runs it; returns whether one was free. What is offered may have changed since it was seen: the word that
 * the claim replaces says which step it is. */
static int claim(ek_model *model, team *t, cursor *c, uint32_t seen) {
    const uint32_t own = 1u << model->share.slot;
    for (; seen & FREE_MASK; seen = load(&t->offer)) {
        const int32_t part = __builtin_ctz(seen & own ? own : seen & FREE_MASK);
        const uint32_t offer = __atomic_fetch_and(&t->offer, ~(1u << part), __ATOMIC_SEQ_CST);
        if (!(offer >> part & 1)) continue;
        run_part(model, c, offer, part);
        add(&t->done, 1);
        return 1;
    }
    return 0;
}

enum {
#define EK_OP(code, name, fields) CODE_##name = code,
#include "registry.inc"
#undef EK_OP
};

/* How many parts a phase of a step has: 0 where there is nothing to do, 1 where it is not worth an offer. */
static int32_t parts_of(uint32_t code, const void *fields, int32_t phase, const ek_model *model) {
    switch (code) {
#define EK_SPLIT(name) \
    case CODE_##name: return name##_parts((const struct name *)fields, phase, model);
        EK_SPLITS
#undef EK_SPLIT
    }
    return phase == EK_COMPUTE;
}

static void run_phase(ek_model *model, team *t, cursor *c, int32_t phase) {
    const int32_t parts = parts_of(c->plan[c->at], c->plan + c->at + 2, phase, model);
    if (parts == 0) return;
    const uint32_t what = c->step << STEP_SHIFT | (uint32_t)phase << PHASE_SHIFT | (uint32_t)(parts - 1) << PARTS_SHIFT;
    if (parts == 1) {
        run_part(model, c, what, 0);
        return;
    }
    const uint32_t offer = what | ((1u << parts) - 1);
    store(&t->done, 0);
    store(&t->offer, offer);
    if (load(&t->asleep)) __builtin_wasm_memory_atomic_notify((int32_t *)&t->offer, EK_SLOTS);
    while (claim(model, t, c, load(&t->offer))) {}
    while (load(&t->done) != (uint32_t)parts) {}
}

/* Runs the steps first <= i < last of a plan that was checked. Only one thread at a time may be in it. */
int32_t ek_run(const ek_model *host, int32_t first, int32_t last) {
    ek_model model = *host;
    const int32_t steps = (int32_t)((const uint32_t *)model.plan)[6];
    if (first < 0 || last > steps) return BAD_STEP;
    if (model.threads > EK_SLOTS) model.threads = EK_SLOTS;
    if (model.threads < 1 || steps > MAX_STEPS) model.threads = 1;
    if (model.least == 0) model.least = EK_PART_NANOSECONDS;
    model.share.slot = 0;
    cursor c = start_of(&model);
    for (int32_t step = first; step < last; step++) {
        find(&c, (uint32_t)step);
        for (int32_t phase = 0; phase < EK_PHASES; phase++) run_phase(&model, team_of(host), &c, phase);
    }
    return OK;
}

/* Works on what ek_run offers, for ever; `slot` is a number from 1 to EK_SLOTS - 1 that no other thread has. */
void ek_work(const ek_model *host, int32_t slot) {
    if (slot < 1 || slot >= EK_SLOTS) return;
    ek_model model = *host;
    team *t = team_of(host);
    model.share.slot = slot;
    cursor c = start_of(&model);
    for (uint32_t idle = 0;; idle++) {
        const uint32_t seen = load(&t->offer);
        if (claim(&model, t, &c, seen)) {
            idle = 0;
        } else if (idle >= SPINS) {
            add(&t->asleep, 1);
            __builtin_wasm_memory_atomic_wait32((int32_t *)&t->offer, (int32_t)seen, -1);
            add(&t->asleep, -1u);
            idle = 0;
        }
    }
}

#endif
