#include "dot_s8.h"
#include "team.h"
#include "window.h"

/* Convolution of [batch][height][width][channels]; arithmetic as fully_connected_s8, where a unit's inputs are the taps of
 * its window. Padding reads the input's zero point.
 *
 * weights: see dot_s8.h; a unit's inputs are runs of taps that lie side by side, each padded to a multiple of 4: a row of
 * the window, or a tap where the columns are dilated. bias, scale: as fully_connected_s8.
 * scratch: a bias for each unit, then the image with its padding, widened; or a tile of pixels for each thread, where the window is
 * one tap. Shares: first the bias and the padded image, then pixels, or units where there are few pixels. */

enum {
    SLACK = 16, /* bytes behind the image, into which the last run's padding reads */
    FEW_PIXELS = 8 * EK_TILE, /* of a part: a tile more or less would be an eighth of its work */
    FEW_UNITS = 2 * EK_UNITS,
    APART = 192, /* values between what two threads write, so that it is not in the same cache line */
};

/* Whether a window is one tap that always lies inside the input. */
static int is_one_tap(const ek_window *w) {
    return w->rows == 1 && w->columns == 1 && w->top == 0 && w->left == 0 &&
           (int64_t)(w->out_height - 1) * w->stride_y < w->height && (int64_t)(w->out_width - 1) * w->stride_x < w->width;
}

static int is_whole_row(const ek_window *w) { return w->dilation_x == 1 || w->columns == 1; }

static int32_t run_length(const ek_window *w) {
    return ek_round_up(is_whole_row(w) ? w->columns * w->channels : w->channels, EK_PADDED);
}

/* Of the image with its padding, as far as the windows reach. */
static int64_t padded_height(const ek_window *w) {
    return (int64_t)(w->out_height - 1) * w->stride_y + (int64_t)(w->rows - 1) * w->dilation_y + 1;
}

static int64_t padded_width(const ek_window *w) {
    return (int64_t)(w->out_width - 1) * w->stride_x + (int64_t)(w->columns - 1) * w->dilation_x + 1;
}

static uint64_t scratch_values(const ek_window *w) {
    return is_one_tap(w) ? EK_SLOTS * ((uint64_t)EK_TILE * run_length(w) + APART) + APART
                         : (uint64_t)padded_height(w) * padded_width(w) * w->channels + SLACK;
}

int conv_2d_s8_check(const struct conv_2d_s8 *op, const ek_model *model) {
    const ek_window w = EK_WINDOW_OF(op);
    if (!ek_window_fits(&w) || !ek_count(op->units)) return 0;
    if (padded_height(&w) * padded_width(&w) > EK_MAX_COUNT || scratch_values(&w) > EK_MAX_COUNT) return 0;
    uint64_t units = ek_round_up(op->units, EK_UNITS);
    uint64_t inputs = (uint64_t)run_length(&w) * w.rows * (is_whole_row(&w) ? 1 : w.columns);
    return ek_inside(model, op->input, ek_window_inputs(&w), 1) && ek_window_pixels(&w) <= EK_MAX_COUNT &&
           ek_writable(model, op->output, ek_window_pixels(&w) * op->units, 1) &&
           ek_inside(model, op->weights, units * inputs, 16) && ek_inside(model, op->bias, units * 4, 16) &&
           ek_inside(model, op->scale, units * 4, 16) &&
           ek_writable(model, op->scratch, units * 4 + scratch_values(&w) * EK_WIDE_BYTES, 16) &&
           op->input_zero >= -128 && op->input_zero <= 127 &&
           ek_requantizer_fits(op->output_zero, op->low, op->high);
}

/* Takes from each unit's bias what the offset of the values adds to its sum. */
static void without_offset(const int32_t *bias, const int8_t *weights, int32_t inputs, ek_range units, int32_t *to) {
#if defined(__wasm_relaxed_simd__) && !defined(EK_SIGNED)
    const v128_t offset = wasm_i8x16_splat((int8_t)EK_OFFSET);
    weights += (int64_t)units.first * inputs;
    for (int32_t first = units.first; first < units.last; first += EK_UNITS) {
        v128_t low = wasm_i32x4_splat(0), high = low;
        for (int32_t i = 0; i < inputs; i += EK_PADDED, weights += EK_BLOCK) {
            low = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(weights), offset, low);
            high = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(weights + 16), offset, high);
        }
        wasm_v128_store(to + first, wasm_i32x4_sub(wasm_v128_load(bias + first), low));
        wasm_v128_store(to + first + 4, wasm_i32x4_sub(wasm_v128_load(bias + first + 4), high));
    }
#else
    (void)bias, (void)weights, (void)inputs, (void)units, (void)to;
#endif
}

/* Widens rows of an image of [height][width][channels] into one of [padded_height][padded_width][channels]. */
static void pad(const ek_window *w, const int8_t *image, ek_wide zero, ek_range rows, ek_wide *to) {
    const int32_t width = (int32_t)padded_width(w), row_values = width * w->channels;
    const int32_t left = (w->left < width ? w->left : width) * w->channels;
    const int32_t whole = w->width * w->channels, inside = row_values - left < whole ? row_values - left : whole;
    to += (int64_t)rows.first * row_values;
    for (int32_t y = rows.first - w->top; y < rows.last - w->top; y++, to += row_values) {
        const int is_image = y >= 0 && y < w->height;
        const int32_t from = is_image ? left : row_values, end = is_image ? left + inside : row_values;
        for (int32_t i = 0; i < from; i++) to[i] = zero;
        if (is_image) ek_widen(image + (uint32_t)y * whole, to + left, inside);
        for (int32_t i = end; i < row_values; i++) to[i] = zero;
    }
}

typedef struct {
    const int8_t *weights;
    const int32_t *bias;
    int32_t units, step, first; /* how many units, values from one output pixel to the next, the first unit */
    ek_requantizer requantizer;
    ek_range pixels; /* of an image; where the window is one tap, of all */
} layer;

/* The pixel with a number. */
static ek_place place_of(const ek_window *w, const int8_t *input, int32_t pixel) {
    ek_place place = ek_first(w, input);
    const int32_t row = pixel / w->out_width;
    place.column = pixel % w->out_width, place.row = row % w->out_height;
    place.x += place.column * w->stride_x, place.y += place.row * w->stride_y;
    place.image += (int64_t)(row / w->out_height) * w->height * w->width * w->channels;
    return place;
}

/* A window of one tap: the pixels are rows of values, and a tile of them is widened at a time. */
static void one_tap(ek_window w, const int8_t *input, const layer *l, ek_wide *wide, int8_t *output) {
    const int32_t pixels = (int32_t)ek_window_pixels(&w), inputs = run_length(&w);
    const int is_dense = ek_window_inputs(&w) == (uint64_t)pixels * inputs; /* no pixel left out, nothing to pad */
    if (is_dense) w.batch = w.height = w.out_height = 1, w.width = w.out_width = pixels;
    const ek_taps taps = {1, 0, 1, 0, inputs, EK_PADDED};
    const ek_wide *x[EK_TILE];
    for (int32_t i = 0; i < EK_TILE; i++) x[i] = wide + i * inputs;
    for (int32_t i = 0; i < EK_TILE * inputs; i++) wide[i] = 0;
    ek_place place = place_of(&w, input, l->pixels.first);
    for (int32_t pixel = l->pixels.first; pixel < l->pixels.last; pixel += EK_TILE) {
        const int32_t count = pixels - pixel < EK_TILE ? pixels - pixel : EK_TILE;
        int8_t *to[EK_TILE]; /* a tile that is not full repeats its last pixel */
        for (int32_t i = 0; i < EK_TILE; i++) to[i] = output + (uint32_t)(pixel + (i < count ? i : count - 1)) * l->step;
        if (is_dense && count == EK_TILE) {
            ek_widen(input + (uint32_t)pixel * inputs, wide, EK_TILE * inputs);
            place.x += EK_TILE;
        } else {
            for (int32_t i = 0; i < EK_TILE; i++) {
                ek_widen(place.image + ((uint32_t)place.y * w.width + place.x) * w.channels, wide + i * inputs, w.channels);
                if (pixel + i + 1 < pixels) ek_next(&w, &place);
            }
        }
        ek_dot_tile(x, &taps, l->weights, l->bias, l->units, &l->requantizer, to);
    }
}

/* The windows of one image, widened with its padding. */
static void windows(const ek_window *w, const ek_wide *image, const layer *l, int8_t *output) {
    const int32_t row_values = (int32_t)padded_width(w) * w->channels, pixels = w->out_height * w->out_width;
    const int32_t row_step = w->dilation_y * row_values, columns = is_whole_row(w) ? 1 : w->columns;
    ek_taps taps = {w->rows, row_step, columns, w->dilation_x * w->channels, run_length(w), EK_PADDED};
    if (taps.length == EK_PADDED && columns == 1) /* a four in every row of the window: one run */
        taps = (ek_taps){1, 0, 1, 0, w->rows * row_step, row_step};
    int32_t y = l->pixels.first / w->out_width, x = l->pixels.first % w->out_width;
    for (int32_t pixel = l->pixels.first; pixel < l->pixels.last; pixel += EK_TILE) {
        const ek_wide *from[EK_TILE];
        int8_t *to[EK_TILE];
        for (int32_t i = 0; i < EK_TILE; i++) {
            from[i] = image + (uint32_t)(y * w->stride_y) * row_values + (uint32_t)(x * w->stride_x) * w->channels;
            to[i] = output + (uint32_t)(y * w->out_width + x) * l->step;
            if (pixel + i + 1 < pixels && ++x == w->out_width) x = 0, y++;
        }
        ek_dot_tile(from, &taps, l->weights, l->bias, l->units, &l->requantizer, to);
    }
}

/* The work of a share: some pixels and all units, or all pixels and some units. */
static layer layer_of(const struct conv_2d_s8 *op, const ek_model *model, int32_t inputs, int32_t pixels, ek_share share) {
    const int by_units = pixels < share.parts * FEW_PIXELS && op->units >= share.parts * FEW_UNITS && share.parts > 1;
    const ek_range units = by_units ? ek_range_of(share, op->units, EK_UNITS) : (ek_range){0, op->units};
    const int32_t *bias = EK_OFFSET ? ek_output(model, op->scratch) : ek_value(model, op->bias);
    const float *scale = ek_value(model, op->scale);
    const layer l = {(const int8_t *)ek_value(model, op->weights) + (int64_t)units.first * inputs,
                     bias + units.first,
                     units.last - units.first,
                     op->units,
                     units.first,
                     {scale + units.first, op->low, op->high, op->output_zero},
                     by_units ? (ek_range){0, pixels} : ek_range_of(share, pixels, EK_TILE)};
    return l;
}

static int32_t inputs_of(const ek_window *w) { return run_length(w) * w->rows * (is_whole_row(w) ? 1 : w->columns); }

#ifdef EK_THREADS
int32_t conv_2d_s8_parts(const struct conv_2d_s8 *op, int32_t phase, const ek_model *model) {
    const ek_window w = EK_WINDOW_OF(op);
    const int one = is_one_tap(&w);
    if (!one && w.batch > 1) return phase == EK_COMPUTE; /* the images share the scratch memory */
    const int64_t inputs = inputs_of(&w), pixels = (int64_t)ek_window_pixels(&w);
    const int64_t blocks = (op->units + EK_UNITS - 1) / EK_UNITS, tiles = (pixels + EK_TILE - 1) / EK_TILE;
    if (phase == EK_COMPUTE) return ek_parts(model, op->units * inputs * pixels / 64, blocks > tiles ? blocks : tiles);
    if (one && EK_OFFSET == 0) return 0;
    const int64_t padded = one ? 0 : padded_height(&w) * padded_width(&w) * w.channels;
    return ek_parts(model, op->units * inputs / 32 + padded / 8, blocks > w.height ? blocks : w.height);
}
#endif

void conv_2d_s8(const struct conv_2d_s8 *op, const ek_model *model) {
    const ek_window w = EK_WINDOW_OF(op);
    const ek_share share = ek_share_of(model);
    const int one = is_one_tap(&w), images = one ? 1 : w.batch;
    const int32_t inputs = inputs_of(&w), pixels = (int32_t)ek_window_pixels(&w) / images;
    const layer l = layer_of(op, model, inputs, pixels, share);
    const int8_t *input = ek_value(model, op->input);
    int8_t *output = (int8_t *)ek_output(model, op->output) + l.first;
    int32_t *bias = ek_output(model, op->scratch);
    ek_wide *wide = (ek_wide *)(bias + ek_round_up(op->units, EK_UNITS));
    const int prepares = ek_has_phase(share, EK_PREPARE) || images > 1, computes = ek_has_phase(share, EK_COMPUTE);
    if (prepares)
        without_offset(ek_value(model, op->bias), ek_value(model, op->weights), inputs, ek_range_of(share, op->units, EK_UNITS), bias);
    if (one) {
        if (computes) one_tap(w, input, &l, wide + APART + share.slot * (EK_TILE * inputs + APART), output);
        return;
    }
    for (int32_t image = 0; image < images; image++) {
        const ek_range rows = ek_range_of(share, (int32_t)padded_height(&w), 1);
        if (prepares) pad(&w, input, (ek_wide)(op->input_zero + EK_OFFSET), rows, wide);
        if (computes) windows(&w, wide, &l, output);
        input += w.height * w.width * w.channels;
        output += w.out_height * w.out_width * op->units;
    }
}
