#include "exponential.h"

/* A function of each float32 value. The first are one operation in float32; the others are computed in double
 * precision and rounded. edgekit/lowering/nearness.py says which are near the interpreter's, and how near. */

enum {
    CLAMP, /* between a and b */
    ABS,
    NEG,
    SQUARE,
    SQRT,
    LEAKY_RELU, /* a is the slope below 0 */
    LAST_PLAIN = LEAKY_RELU,
    EXP,
    LOG,
    RSQRT,
    LOGISTIC,
    TANH,
    ELU,
    HARD_SWISH,
    GELU,
    GELU_TANH, /* its approximation by tanh */
    KINDS
};

int unary_f32_check(const struct unary_f32 *op, const ek_model *model) {
    return ek_count(op->count) && ek_inside(model, op->input, 4ull * op->count, 4) &&
           ek_writable(model, op->output, 4ull * op->count, 4) && op->kind >= 0 && op->kind < KINDS;
}

static float plain(int32_t kind, float x, const struct unary_f32 *op) {
    switch (kind) {
    case ABS: return __builtin_fabsf(x);
    case NEG: return -x;
    case SQUARE: return x * x;
    case SQRT: return __builtin_sqrtf(x);
    case LEAKY_RELU: return x < 0 ? x * op->a : x;
    default: return ek_clampf(x, op->a, op->b);
    }
}

static double hyperbolic_tangent(double x) {
    if (x > -1e-4 && x < 1e-4) return x - x * x * x / 3;
    const double square = ek_exp(2 * x);
    return (square - 1) / (square + 1);
}

/* ln x = n ln 2 + ln m, and ln m = 2 atanh((m - 1) / (m + 1)) by its series. x is a float, so no subnormal double. */
static double logarithm(double x) {
    if (!(x > 0)) return x == 0 ? -(double)__builtin_inff() : (double)__builtin_nanf("");
    if (x > 1e39) return x;
    union {
        double value;
        uint64_t bits;
    } parts = {x};
    int32_t n = (int32_t)(parts.bits >> 52) - 1023;
    parts.bits = (parts.bits & 0xFFFFFFFFFFFFFull) | 1023ull << 52;
    if (parts.value > 1.4142135623730951) parts.value /= 2, n++;
    const double s = (parts.value - 1) / (parts.value + 1);
    double sum = 0;
    for (int k = 19; k > 0; k -= 2) sum = sum * s * s + 1.0 / k;
    return n * 0.6931471805599453 + 2 * s * sum;
}

/* erf x = 2 / sqrt(pi) e^(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...): no term is negative, for x > 0. */
static double error_function(double x) {
    if (x != x) return x;
    if (x < 0) return -error_function(-x);
    if (x > 6) return 1;
    double term = x, sum = x;
    for (int k = 1; term > 1e-16 * sum; k++) sum += term *= 2 * x * x / (2 * k + 1);
    return 1.1283791670955126 * ek_exp(-x * x) * sum;
}

static double near(int32_t kind, double x, const struct unary_f32 *op) {
    switch (kind) {
    case EXP: return ek_exp(x);
    case LOG: return logarithm(x);
    case RSQRT: return 1 / __builtin_sqrt(x);
    case LOGISTIC: return 1 / (1 + ek_exp(-x));
    case TANH: return hyperbolic_tangent(x);
    case ELU: return x >= 0 ? x : op->a * (x > -1e-5 ? x + x * x / 2 : ek_exp(x) - 1);
    case HARD_SWISH: return x * (x < -3 ? 0 : x > 3 ? 1 : (x + 3) / 6);
    case GELU: return x * (1 + error_function(x * 0.7071067811865476)) / 2;
    default: return x * (1 + hyperbolic_tangent(0.7978845608028654 * (x + 0.044715 * x * x * x))) / 2;
    }
}

void unary_f32(const struct unary_f32 *op, const ek_model *model) {
    const float *input = ek_value(model, op->input);
    float *output = ek_output(model, op->output);
    for (int32_t i = 0; i < op->count; i++)
        output[i] = op->kind <= LAST_PLAIN ? plain(op->kind, input[i], op) : (float)near(op->kind, input[i], op);
}
