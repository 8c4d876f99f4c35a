#include "dot_s8.h"
#include "window.h"

/* Convolution of [batch][height][width][channels]; arithmetic as fully_connected_s8, where a unit's inputs are the taps of
 * its window. Padding reads the input's zero point.
 *
 * weights: see dot_s8.h; a unit's inputs are runs of taps that lie side by side, each padded to a multiple of 4: a row of
 * the window, or a tap where the columns are dilated. bias, scale: as fully_connected_s8.
 * scratch: a bias for each unit, then the image with its padding, widened; or a tile of pixels, where the window is one tap. */

enum { SLACK = 16 }; /* bytes behind the image, into which the last run's padding reads */

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
    return is_one_tap(w) ? (uint64_t)EK_TILE * run_length(w)
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
static const int32_t *without_offset(const int32_t *bias, const int8_t *weights, int32_t inputs, int32_t units, int32_t *to) {
#if defined(__wasm_relaxed_simd__) && !defined(EK_SIGNED)
    const v128_t offset = wasm_i8x16_splat((int8_t)EK_OFFSET);
    for (int32_t first = 0; first < units; first += EK_UNITS) {
        v128_t low = wasm_i32x4_splat(0), high = low;
        for (int32_t i = 0; i < inputs; i += EK_PADDED, weights += EK_BLOCK) {
            low = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(weights), offset, low);
            high = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(weights + 16), offset, high);
        }
        wasm_v128_store(to + first, wasm_i32x4_sub(wasm_v128_load(bias + first), low));
        wasm_v128_store(to + first + 4, wasm_i32x4_sub(wasm_v128_load(bias + first + 4), high));
    }
    return to;
#else
    (void)weights, (void)inputs, (void)units, (void)to;
    return bias;
#endif
}

/* Widens an image of [height][width][channels] into one of [padded_height][padded_width][channels]. */
static void pad(const ek_window *w, const int8_t *image, ek_wide zero, ek_wide *to) {
    const int32_t height = (int32_t)padded_height(w), width = (int32_t)padded_width(w), row_values = width * w->channels;
    const int32_t left = (w->left < width ? w->left : width) * w->channels;
    const int32_t whole = w->width * w->channels, inside = row_values - left < whole ? row_values - left : whole;
    for (int32_t y = -w->top; y < height - w->top; y++, to += row_values) {
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
    int32_t units;
    ek_requantizer requantizer;
} layer;

/* A window of one tap: the pixels are rows of values, and a tile of them is widened at a time. */
static void one_tap(ek_window w, const int8_t *input, const layer *l, ek_wide *wide, int8_t *output) {
    const int32_t pixels = (int32_t)ek_window_pixels(&w), inputs = run_length(&w);
    const int is_dense = ek_window_inputs(&w) == (uint64_t)pixels * inputs; /* no pixel left out, nothing to pad */
    if (is_dense) w.batch = w.height = w.out_height = 1, w.width = w.out_width = pixels;
    const ek_taps taps = {1, 0, 1, 0, inputs, EK_PADDED};
    const ek_wide *x[EK_TILE];
    for (int32_t i = 0; i < EK_TILE; i++) x[i] = wide + i * inputs;
    for (int32_t i = 0; i < EK_TILE * inputs; i++) wide[i] = 0;
    ek_place place = ek_first(&w, input);
    for (int32_t pixel = 0; pixel < pixels; pixel += EK_TILE) {
        const int32_t count = pixels - pixel < EK_TILE ? pixels - pixel : EK_TILE;
        int8_t *to[EK_TILE]; /* a tile that is not full repeats its last pixel */
        for (int32_t i = 0; i < EK_TILE; i++) to[i] = output + (uint32_t)(pixel + (i < count ? i : count - 1)) * l->units;
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
    int32_t y = 0, x = 0;
    for (int32_t pixel = 0; pixel < pixels; pixel += EK_TILE) {
        const ek_wide *from[EK_TILE];
        int8_t *to[EK_TILE];
        for (int32_t i = 0; i < EK_TILE; i++) {
            from[i] = image + (uint32_t)(y * w->stride_y) * row_values + (uint32_t)(x * w->stride_x) * w->channels;
            to[i] = output + (uint32_t)(y * w->out_width + x) * l->units;
            if (pixel + i + 1 < pixels && ++x == w->out_width) x = 0, y++;
        }
        ek_dot_tile(from, &taps, l->weights, l->bias, l->units, &l->requantizer, to);
    }
}

void conv_2d_s8(const struct conv_2d_s8 *op, const ek_model *model) {
    const ek_window w = EK_WINDOW_OF(op);
    const int8_t *input = ek_value(model, op->input), *weights = ek_value(model, op->weights);
    int8_t *output = ek_output(model, op->output);
    int32_t *bias = ek_output(model, op->scratch);
    ek_wide *wide = (ek_wide *)(bias + ek_round_up(op->units, EK_UNITS));
    const int32_t inputs = run_length(&w) * w.rows * (is_whole_row(&w) ? 1 : w.columns);
    const layer l = {weights, without_offset(ek_value(model, op->bias), weights, inputs, op->units, bias), op->units,
                     {ek_value(model, op->scale), op->low, op->high, op->output_zero}};
    if (is_one_tap(&w)) {
        one_tap(w, input, &l, wide, output);
        return;
    }
    for (int32_t image = 0; image < w.batch; image++) {
        pad(&w, input, (ek_wide)(op->input_zero + EK_OFFSET), wide);
        windows(&w, wide, &l, output);
        input += w.height * w.width * w.channels;
        output += w.out_height * w.out_width * op->units;
    }
}
