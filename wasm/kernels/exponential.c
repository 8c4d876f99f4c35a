#include "exponential.h"

/* x = n ln 2 + r with |r| <= 0.35, then the series of e^r. */
double ek_exp(double x) {
    if (x != x) return x;
    x = x < -700 ? -700 : x > 700 ? 700 : x;
    const double n = __builtin_rint(x * 1.4426950408889634), r = x - n * 0.6931471805599453;
    double sum = 1;
    for (double k = 11; k > 0; k--) sum = 1 + sum * r / k;
    union {
        uint64_t bits;
        double value;
    } power = {(uint64_t)(int64_t)(1023 + (int32_t)n) << 52};
    return sum * power.value;
}
