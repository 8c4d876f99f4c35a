/* What the machine's dot product can do: 12 independent sums in registers, nothing loaded. Returns a value so that the
 * compiler keeps the work. 16 (relaxed) or 8 (plain) multiplications an instruction. */
#include <stdint.h>
#include <wasm_simd128.h>

#ifdef __wasm_relaxed_simd__
#define DOT(a) a = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w, x, a)
enum { PRODUCTS = 16 };
#else
#define DOT(a) a = wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(w, a))
enum { PRODUCTS = 8 };
#endif

int32_t peak_products(void) { return 12 * PRODUCTS; }

int32_t peak(int32_t rounds, int32_t seed) {
    v128_t w = wasm_i32x4_splat(seed), x = wasm_i32x4_splat(seed + 1);
    v128_t a = w, b = x, c = w, d = x, e = w, f = x, g = w, h = x, i = w, j = x, k = w, l = x;
    for (int32_t r = 0; r < rounds; r++) {
        DOT(a), DOT(b), DOT(c), DOT(d), DOT(e), DOT(f), DOT(g), DOT(h), DOT(i), DOT(j), DOT(k), DOT(l);
    }
    v128_t sum = wasm_i32x4_add(wasm_i32x4_add(wasm_i32x4_add(a, b), wasm_i32x4_add(c, d)),
                                wasm_i32x4_add(wasm_i32x4_add(e, f), wasm_i32x4_add(wasm_i32x4_add(g, h), wasm_i32x4_add(wasm_i32x4_add(i, j), wasm_i32x4_add(k, l)))));
    return wasm_i32x4_extract_lane(sum, 0);
}
