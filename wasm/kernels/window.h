/* The geometry of a window that slides over [height][width][channels], shared by convolutions and pools. */
#ifndef EK_WINDOW_H
#define EK_WINDOW_H

#include "engine.h"

typedef struct {
    int32_t batch, height, width, channels;
    int32_t out_height, out_width;
    int32_t rows, columns, stride_y, stride_x, dilation_y, dilation_x, top, left;
} ek_window;

/* The fields of an operator with a window; every such operator names them alike. */
#define EK_WINDOW_OF(op)                                                                                        \
    {                                                                                                           \
        (op)->batch, (op)->height, (op)->width, (op)->channels, (op)->out_height, (op)->out_width, (op)->rows, \
            (op)->columns, (op)->stride_y, (op)->stride_x, (op)->dilation_y, (op)->dilation_x, (op)->top,      \
            (op)->left                                                                                          \
    }

enum { EK_MAX_SIDE = 32768 }; /* of an image or a window, so that no product of two leaves int32 */

static inline int ek_side(int32_t n) { return n > 0 && n <= EK_MAX_SIDE; }

static inline int ek_window_fits(const ek_window *w) {
    return ek_side(w->batch) && ek_side(w->height) && ek_side(w->width) && ek_count(w->channels) &&
           ek_side(w->out_height) && ek_side(w->out_width) && ek_side(w->rows) && ek_side(w->columns) &&
           ek_side(w->stride_y) && ek_side(w->stride_x) && ek_side(w->dilation_y) && ek_side(w->dilation_x) &&
           w->top >= 0 && w->top < EK_MAX_SIDE && w->left >= 0 && w->left < EK_MAX_SIDE &&
           (uint64_t)w->height * w->width * w->channels <= EK_MAX_COUNT &&
           (uint64_t)w->rows * w->columns * w->channels <= EK_MAX_COUNT;
}

static inline uint64_t ek_window_inputs(const ek_window *w) {
    return (uint64_t)w->batch * w->height * w->width * w->channels;
}

static inline uint64_t ek_window_pixels(const ek_window *w) {
    return (uint64_t)w->batch * w->out_height * w->out_width;
}

/* A pixel of the output: where its window's first tap lies in the input (may be outside). */
typedef struct {
    const int8_t *image;
    int32_t y, x, row, column;
} ek_place;

static inline ek_place ek_first(const ek_window *w, const int8_t *input) {
    ek_place place = {input, -w->top, -w->left, 0, 0};
    return place;
}

/* Moves to the next pixel: along the row, then down, then to the next image. */
static inline void ek_next(const ek_window *w, ek_place *place) {
    place->x += w->stride_x;
    if (++place->column < w->out_width) return;
    place->column = 0, place->x = -w->left, place->y += w->stride_y;
    if (++place->row < w->out_height) return;
    place->row = 0, place->y = -w->top, place->image += (uint32_t)w->height * w->width * w->channels;
}

/* The channels of a tap, or 0 where it lies in the padding. */
static inline const int8_t *ek_tap(const ek_window *w, const ek_place *place, int32_t row, int32_t column) {
    int32_t y = place->y + row * w->dilation_y, x = place->x + column * w->dilation_x;
    if (y < 0 || y >= w->height || x < 0 || x >= w->width) return 0;
    return place->image + ((uint32_t)y * w->width + x) * w->channels;
}

#endif
