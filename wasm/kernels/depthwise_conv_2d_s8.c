#include "dot_s8.h"
#include "window.h"

/* Each channel of the input has `multiplier` filters of its own: output channel c reads input channel
 * c / multiplier. Arithmetic as conv_2d_s8.
 *
 * weights: [output channels / 8][groups][8][4] int8: 4 taps a group, one tap after the other; but in a window of 3 x 3
 * a group is a column, so that what was read of it serves the next pixels as well. Groups are padded with zeros, channels
 * to a multiple of 8. bias, scale: as fully_connected_s8.
 * scratch: as many rows of the input as a window reaches over, [padded width][output channels], widened. */

enum { MAX_TAPS = 128, GROUP = EK_PADDED };

static int is_usual(const ek_window *w) { return w->rows == 3 && w->columns == 3 && w->dilation_x == 1; }

static int32_t groups_of(const ek_window *w) {
    return is_usual(w) ? w->columns : ek_round_up(w->rows * w->columns, GROUP) / GROUP;
}

static int64_t span_of(const ek_window *w) { return (int64_t)(w->rows - 1) * w->dilation_y + 1; }

/* Of the rows in the scratch memory; a pixel more where their number is odd, because usual_row computes two at a time. */
static int64_t padded_width(const ek_window *w) {
    return (int64_t)(w->out_width + w->out_width % 2 - 1) * w->stride_x + (int64_t)(w->columns - 1) * w->dilation_x + 1;
}

int depthwise_conv_2d_s8_check(const struct depthwise_conv_2d_s8 *op, const ek_model *model) {
    const ek_window w = EK_WINDOW_OF(op);
    if (!ek_window_fits(&w) || !ek_count(op->multiplier) || (int64_t)w.rows * w.columns > MAX_TAPS) return 0;
    if ((uint64_t)op->channels * op->multiplier > EK_MAX_COUNT) return 0;
    if (span_of(&w) * padded_width(&w) > EK_MAX_COUNT) return 0;
    uint64_t units = (uint64_t)op->channels * op->multiplier, blocks = (units + EK_UNITS - 1) / EK_UNITS;
    uint64_t values = (uint64_t)(span_of(&w) * padded_width(&w)) * blocks * EK_UNITS;
    return ek_inside(model, op->input, ek_window_inputs(&w), 1) && ek_window_pixels(&w) <= EK_MAX_COUNT &&
           ek_writable(model, op->output, ek_window_pixels(&w) * units, 1) &&
           ek_inside(model, op->weights, blocks * groups_of(&w) * EK_BLOCK, 16) &&
           ek_inside(model, op->bias, blocks * EK_UNITS * 4, 16) &&
           ek_inside(model, op->scale, blocks * EK_UNITS * 4, 16) && values <= EK_MAX_COUNT &&
           ek_writable(model, op->scratch, values * EK_WIDE_BYTES, 16) &&
           op->input_zero >= -128 && op->input_zero <= 127 && ek_requantizer_fits(op->output_zero, op->low, op->high);
}

typedef struct {
    ek_window window;
    int32_t units, stride, step, groups; /* values from one output pixel to the next, and from one column to the next */
    const int8_t *weights;
    const int32_t *bias;
    ek_requantizer requantizer;
} layer;

#ifdef __wasm_simd128__

#define LOW_BYTES(a, b) wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define LOW_PAIRS(a, b) wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_PAIRS(a, b) wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define EVEN(a, b) wasm_i32x4_shuffle(a, b, 0, 2, 4, 6)
#define ODD(a, b) wasm_i32x4_shuffle(a, b, 1, 3, 5, 7)

/* Two pixels of a block become bytes together. The last block's units go through `some` where they are fewer than 8, and
 * the second pixel is left out where the row has none. */
#define PUT                                                                                    \
    {                                                                                          \
        v128_t bytes = ek_bytes(low0, high0, scale, low1, high1, scale, &limits);              \
        if (whole) {                                                                           \
            wasm_v128_store64_lane(to, bytes, 0);                                              \
            if (pixel + 1 < pixels) wasm_v128_store64_lane(to + l->units, bytes, 1);           \
        } else {                                                                               \
            ek_put(bytes, 0, l->units - first, to);                                            \
            if (pixel + 1 < pixels) ek_put(bytes, 1, l->units - first, to + l->units);         \
        }                                                                                      \
    }

#ifdef __wasm_relaxed_simd__

#define DOT(sums, x, w) wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w, x, sums)

static inline v128_t without_offset(v128_t bias, const int8_t *weights, int32_t groups) {
    v128_t sum = wasm_i32x4_splat(0);
    if (EK_OFFSET == 0) return bias;
    for (int32_t g = 0; g < groups; g++, weights += EK_BLOCK)
        sum = DOT(sum, wasm_i8x16_splat((int8_t)EK_OFFSET), wasm_v128_load(weights));
    return wasm_i32x4_sub(bias, sum);
}

/* 8 channels of a column of three taps, as groups of 4: 4 channels in each of two vectors. */
#define COLUMN(n, at)                                                                                      \
    {                                                                                                      \
        v128_t ab = LOW_BYTES(wasm_v128_load64_zero(row0 + (at)), wasm_v128_load64_zero(row1 + (at)));     \
        v128_t c = wasm_u16x8_load8x8(row2 + (at));                                                        \
        c##n##l = LOW_PAIRS(ab, c), c##n##h = HIGH_PAIRS(ab, c);                                           \
    }
#define COLUMNS v128_t c0l, c0h, c1l, c1h, c2l, c2h, c3l, c3h, c4l, c4h;
#define MOVE(to, from) c##to##l = c##from##l, c##to##h = c##from##h;
#define WEIGHTS                                                                                \
    const v128_t w0l = wasm_v128_load(weights), w0h = wasm_v128_load(weights + 16);            \
    const v128_t w1l = wasm_v128_load(weights + 32), w1h = wasm_v128_load(weights + 48);       \
    const v128_t w2l = wasm_v128_load(weights + 64), w2h = wasm_v128_load(weights + 80);
#define SUMS(n, i, j, k)                                                                       \
    v128_t low##n = DOT(DOT(DOT(bias_low, c##i##l, w0l), c##j##l, w1l), c##k##l, w2l);         \
    v128_t high##n = DOT(DOT(DOT(bias_high, c##i##h, w0h), c##j##h, w1h), c##k##h, w2h);

#define GROUP_SUMS                                                                                        \
    v128_t ab = LOW_BYTES(wasm_v128_load64_zero(tap[0] + at), wasm_v128_load64_zero(tap[1] + at));        \
    v128_t cd = LOW_BYTES(wasm_v128_load64_zero(tap[2] + at), wasm_v128_load64_zero(tap[3] + at));        \
    low = DOT(low, LOW_PAIRS(ab, cd), wasm_v128_load(w));                                                 \
    high = DOT(high, HIGH_PAIRS(ab, cd), wasm_v128_load(w + EK_BLOCK / 2));

#else

#define DOT(sums, x, w) wasm_i32x4_add(sums, wasm_i32x4_dot_i16x8(x, w))

static inline v128_t without_offset(v128_t bias, const int8_t *weights, int32_t groups) {
    (void)weights, (void)groups;
    return bias;
}

/* Of 4 channels' groups as int16: the pairs of the first two taps, and of the other two. */
#define FIRST_PAIRS(w) EVEN(wasm_i16x8_load8x8(w), wasm_i16x8_load8x8((w) + 8))
#define OTHER_PAIRS(w) ODD(wasm_i16x8_load8x8(w), wasm_i16x8_load8x8((w) + 8))
#define JOINED(a, b) wasm_v128_or(a, wasm_i32x4_shl(b, 16))

/* 8 channels of a column of three taps: the first two as pairs, the third as it is, to be paired with a neighbour's. */
#define COLUMN(n, at)                                                                                      \
    {                                                                                                      \
        v128_t a = wasm_v128_load(row0 + (at)), b = wasm_v128_load(row1 + (at));                           \
        c##n##l = LOW_PAIRS(a, b), c##n##h = HIGH_PAIRS(a, b), t##n = wasm_v128_load(row2 + (at));         \
    }
#define COLUMNS v128_t c0l, c0h, c1l, c1h, c2l, c2h, c3l, c3h, c4l, c4h, t0, t1, t2, t3, t4;
#define MOVE(to, from) c##to##l = c##from##l, c##to##h = c##from##h, t##to = t##from;
#define WEIGHTS                                                                                                        \
    const int8_t *two = weights + EK_BLOCK, *three = weights + 2 * EK_BLOCK;                                           \
    const v128_t w0l = FIRST_PAIRS(weights), w0h = FIRST_PAIRS(weights + 16), zero = wasm_i32x4_splat(0);              \
    const v128_t w1l = FIRST_PAIRS(two), w1h = FIRST_PAIRS(two + 16);                                                  \
    const v128_t w2l = FIRST_PAIRS(three), w2h = FIRST_PAIRS(three + 16);                                              \
    const v128_t w3l = JOINED(OTHER_PAIRS(weights), OTHER_PAIRS(two)), w4l = OTHER_PAIRS(three);                       \
    const v128_t w3h = JOINED(OTHER_PAIRS(weights + 16), OTHER_PAIRS(two + 16)), w4h = OTHER_PAIRS(three + 16);
#define SUMS(n, i, j, k)                                                                                               \
    v128_t low##n = DOT(DOT(DOT(bias_low, c##i##l, w0l), c##j##l, w1l), c##k##l, w2l);                                 \
    v128_t high##n = DOT(DOT(DOT(bias_high, c##i##h, w0h), c##j##h, w1h), c##k##h, w2h);                               \
    low##n = DOT(DOT(low##n, LOW_PAIRS(t##i, t##j), w3l), LOW_PAIRS(t##k, zero), w4l);                                 \
    high##n = DOT(DOT(high##n, HIGH_PAIRS(t##i, t##j), w3h), HIGH_PAIRS(t##k, zero), w4h);

#define GROUP_SUMS                                                                                        \
    v128_t a = wasm_v128_load(tap[0] + at), b = wasm_v128_load(tap[1] + at);                              \
    v128_t c = wasm_v128_load(tap[2] + at), d = wasm_v128_load(tap[3] + at);                              \
    low = DOT(DOT(low, LOW_PAIRS(a, b), FIRST_PAIRS(w)), LOW_PAIRS(c, d), OTHER_PAIRS(w));                \
    high = DOT(DOT(high, HIGH_PAIRS(a, b), FIRST_PAIRS(w + 16)), HIGH_PAIRS(c, d), OTHER_PAIRS(w + 16));

#endif

/* A row of output where the window is 3 x 3 and the stride 1 or 2: what was read of a column serves all its pixels. */
static void usual_row(const layer *l, const ek_wide *const *taps, int8_t *output) {
    const ek_limits limits = ek_limits_of(&l->requantizer);
    const int32_t pixels = l->window.out_width, step = l->step;
    const int8_t *weights = l->weights;
    for (int32_t first = 0; first < l->units; first += EK_UNITS, weights += 3 * EK_BLOCK) {
        const int whole = l->units - first >= EK_UNITS;
        const v128_t bias_low = without_offset(wasm_v128_load(l->bias + first), weights, 3);
        const v128_t bias_high = without_offset(wasm_v128_load(l->bias + first + 4), weights + 16, 3);
        const float *scale = l->requantizer.scale + first;
        const ek_wide *row0 = taps[0] + first, *row1 = taps[1] + first, *row2 = taps[2] + first;
        int8_t *to = output + first;
        WEIGHTS
        COLUMNS
        COLUMN(0, 0)
        if (l->window.stride_x == 1) {
            COLUMN(1, step)
            for (int32_t pixel = 0; pixel < pixels; pixel += 2, to += 2 * l->units) {
                row0 += 2 * step, row1 += 2 * step, row2 += 2 * step;
                COLUMN(2, 0)
                COLUMN(3, step)
                SUMS(0, 0, 1, 2)
                SUMS(1, 1, 2, 3)
                MOVE(0, 2)
                MOVE(1, 3)
                PUT
            }
        } else {
            for (int32_t pixel = 0; pixel < pixels; pixel += 2, to += 2 * l->units) {
                COLUMN(1, step)
                COLUMN(2, 2 * step)
                row0 += 4 * step, row1 += 4 * step, row2 += 4 * step;
                COLUMN(3, -step)
                COLUMN(4, 0)
                SUMS(0, 0, 1, 2)
                SUMS(1, 2, 3, 4)
                MOVE(0, 4)
                PUT
            }
        }
    }
}

static void any_row(const layer *l, const ek_wide *const *taps, int8_t *output) {
    const ek_limits limits = ek_limits_of(&l->requantizer);
    const int8_t *weights = l->weights;
    for (int32_t first = 0; first < l->units; first += EK_UNITS, weights += l->groups * EK_BLOCK) {
        const int whole = l->units - first >= EK_UNITS;
        const v128_t bias_low = without_offset(wasm_v128_load(l->bias + first), weights, l->groups);
        const v128_t bias_high = without_offset(wasm_v128_load(l->bias + first + 4), weights + 16, l->groups);
        const float *scale = l->requantizer.scale + first;
        int8_t *to = output + first;
        for (int32_t pixel = 0, at = first; pixel < l->window.out_width; pixel++, at += l->stride, to += l->units) {
            const ek_wide *const *tap = taps;
            const int8_t *w = weights;
            v128_t low = bias_low, high = bias_high;
            for (int32_t g = 0; g < l->groups; g++, tap += GROUP, w += EK_BLOCK) {
                GROUP_SUMS
            }
            v128_t bytes = ek_bytes(low, high, scale, low, high, scale, &limits);
            if (whole) wasm_v128_store64_lane(to, bytes, 0);
            else ek_put(bytes, 0, l->units - first, to);
        }
    }
}

#else

static void any_row(const layer *l, const ek_wide *const *taps, int8_t *output) {
    for (int32_t pixel = 0; pixel < l->window.out_width; pixel++, output += l->units)
        for (int32_t unit = 0; unit < l->units; unit++) {
            const int8_t *w = l->weights + unit / EK_UNITS * l->groups * EK_BLOCK + unit % EK_UNITS * GROUP;
            int32_t sum = l->bias[unit];
            for (int32_t t = 0; t < l->groups * GROUP; t++)
                sum += taps[t][pixel * l->stride + unit] * w[t / GROUP * EK_BLOCK + t % GROUP];
            output[unit] = ek_requantized(sum, unit, &l->requantizer);
        }
}

#endif

/* A row of the input as the windows see it: [padded width][step], every channel `multiplier` times. */
static void widen_row(const layer *l, const int8_t *image, int32_t y, int32_t multiplier, ek_wide zero, ek_wide *to) {
    const ek_window *w = &l->window;
    const int32_t width = (int32_t)padded_width(w), channels = w->channels;
    const int is_image = y >= 0 && y < w->height;
    const int8_t *row = image + (is_image ? (uint32_t)y * w->width * channels : 0);
    int32_t x = 0;
    for (; x < width; x++, to += l->step) {
        const int32_t from = x - w->left;
        if (!is_image || from < 0 || from >= w->width) {
            for (int32_t i = 0; i < l->step; i++) to[i] = zero;
        } else if (l->step == channels) { /* nothing to repeat or to pad: the rest of the row at once */
            const int32_t count = width - x < w->width - from ? width - x : w->width - from;
            ek_widen(row + from * channels, to, count * channels);
            x += count - 1, to += (count - 1) * channels;
        } else if (multiplier == 1) {
            ek_widen(row + from * channels, to, channels);
            for (int32_t i = channels; i < l->step; i++) to[i] = zero;
        } else {
            for (int32_t i = 0; i < l->step; i++)
                to[i] = i < l->units ? (ek_wide)(row[from * channels + i / multiplier] + EK_OFFSET) : zero;
        }
    }
}

/* Where every tap lies for the first pixel of a row: `first` is the first row of the window, counted from the padding. */
static void place(const layer *l, const ek_wide *rows, int32_t first, int32_t row_values, const ek_wide **taps) {
    const ek_window *w = &l->window;
    const int32_t span = (int32_t)span_of(w);
    const int usual = is_usual(w);
    for (int32_t t = 0; t < l->groups * GROUP; t++) {
        int32_t row = usual ? t % GROUP : t / w->columns, column = usual ? t / GROUP : t % w->columns;
        if (row >= w->rows) row = column = 0; /* its weights are 0 */
        taps[t] = rows + (uint32_t)((first + row * w->dilation_y) % span) * row_values + column * w->dilation_x * l->step;
    }
}

void depthwise_conv_2d_s8(const struct depthwise_conv_2d_s8 *op, const ek_model *model) {
    const ek_window w = EK_WINDOW_OF(op);
    const int8_t *input = ek_value(model, op->input);
    int8_t *output = ek_output(model, op->output);
    ek_wide *rows = ek_output(model, op->scratch);
    const int32_t units = op->channels * op->multiplier, step = ek_round_up(units, EK_UNITS);
    const int32_t span = (int32_t)span_of(&w), row_values = (int32_t)padded_width(&w) * step;
    const layer l = {w, units, w.stride_x * step, step, groups_of(&w), ek_value(model, op->weights),
                     ek_value(model, op->bias), {ek_value(model, op->scale), op->low, op->high, op->output_zero}};
    const ek_wide *taps[MAX_TAPS];
    for (int32_t image = 0; image < w.batch; image++, input += w.height * w.width * w.channels)
        for (int32_t y = 0, filled = 0; y < w.out_height; y++, output += w.out_width * units) {
            const int32_t first = y * w.stride_y;
            for (filled = filled < first ? first : filled; filled < first + span; filled++)
                widen_row(&l, input, filled - w.top, op->multiplier, (ek_wide)(op->input_zero + EK_OFFSET),
                          rows + (uint32_t)(filled % span) * row_values);
            place(&l, rows, first, row_values, taps);
#ifdef __wasm_simd128__
            if (is_usual(&w) && w.stride_x <= 2) {
                usual_row(&l, taps, output);
                continue;
            }
#endif
            any_row(&l, taps, output);
        }
}
