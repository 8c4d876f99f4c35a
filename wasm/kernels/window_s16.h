/* A window over int16 values: that of window.h over pairs of bytes. */
#ifndef EK_WINDOW_S16_H
#define EK_WINDOW_S16_H

#include "window.h"

static inline ek_window ek_in_bytes(ek_window w) {
    w.channels = w.channels > 0 && w.channels <= EK_MAX_COUNT / 2 ? 2 * w.channels : 0; /* 0 never fits */
    return w;
}

static inline const int16_t *ek_tap_s16(const ek_window *bytes, const ek_place *place, int32_t row, int32_t column) {
    return (const int16_t *)(const void *)ek_tap(bytes, place, row, column);
}

#endif
