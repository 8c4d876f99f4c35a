/**
 * Which builds of the engine compute rightly here. A build is taken for the values that its instructions give,
 * not because the browser says that it knows them.
 */

// (func (param f32 i32) (result i32)): nearest(a) as i16 lanes, times b, summed in pairs: 2 * nearest(a) * b
const SIMD_MODULE = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x07, 0x01, 0x60, 0x02, 0x7d, 0x7f, 0x01, 0x7f, // type (f32 i32) -> i32
  0x03, 0x02, 0x01, 0x00, //                                one function
  0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00, //              exported as "f"
  0x0a, 0x20, 0x01, 0x1e, 0x01, 0x01, 0x7b, //              code: one local v128
  0x20, 0x00, 0xfd, 0x13, //                                  f32x4.splat
  0xfd, 0x6a, 0xfd, 0xf8, 0x01, //                            f32x4.nearest, i32x4.trunc_sat_f32x4_s
  0x22, 0x02, 0x20, 0x02, 0xfd, 0x85, 0x01, //                i16x8.narrow_i32x4_s
  0x20, 0x01, 0xfd, 0x10, //                                  i16x8.splat
  0xfd, 0xba, 0x01, 0xfd, 0x1b, 0x00, 0x0b, //                i32x4.dot_i16x8_s, i32x4.extract_lane 0
);

/** Rounding to even and signed products at the ends of int8, as the kernels use them. */
const SIMD_VALUES = [
  [2.5, -128, -512],
  [3.5, 127, 1016],
  [-2.5, 127, -508],
  [-128.4, -128, 32768],
];

// (func (param i32 i32 i32) (result i32)): four bytes of a times four of b, added to c by the relaxed dot product
const RELAXED_MODULE = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x08, 0x01, 0x60, 0x03, 0x7f, 0x7f, 0x7f, 0x01, 0x7f, // type (i32 i32 i32) -> i32
  0x03, 0x02, 0x01, 0x00, //                                one function
  0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00, //              exported as "f"
  0x0a, 0x16, 0x01, 0x14, 0x00, //                          code
  0x20, 0x00, 0xfd, 0x11, 0x20, 0x01, 0xfd, 0x11, //          i32x4.splat a, b
  0x20, 0x02, 0xfd, 0x11, //                                  i32x4.splat c
  0xfd, 0x93, 0x02, 0xfd, 0x1b, 0x00, //                      i32x4.relaxed_dot_i8x16_i7x16_add_s, extract_lane 0
  0x0b,
);

const bytes = (...four) => new Int32Array(Uint8Array.from(four).buffer)[0];
const same = (byte) => bytes(byte, byte, byte, byte);

/** Read alike by all: unequal products, added to a sum. Node 20's baseline compiler forgets the sum (and takes 2 * 70). */
const SUM = [bytes(1, 2, 3, 4), bytes(5, 6, 7, 8), 1000, 1070];

/**
 * The build "relaxed" needs the second operand read unsigned and no sum of two products saturated: x86 with AVX-VNNI.
 * ARM reads it signed (1 * 128 gives -512), older x86 saturates (127 * 255 gives 65534).
 */
const RELAXED_VALUES = [
  SUM,
  [same(1), same(128), 0, 512],
  [same(-1), same(255), 0, -1020],
  [same(127), same(255), 0, 129540],
  [same(-127), same(255), 0, -129540],
];

/**
 * The build "signed" needs it read signed, and exact for weights from -127 to 127: ARM, and x86 with AVX-VNNI-INT8. The
 * ends are here because sums of two products may be held in 16 bits, where 2 * 127 * 128 = 32512 still fits. What
 * -128 * -128 gives is left out: no weight is -128, and on ARM it changes with the compiler's tier.
 */
const SIGNED_VALUES = [
  SUM,
  [same(1), same(128), 0, -512],
  [same(-1), same(255), 0, 4],
  [same(127), same(128), 0, -65024],
  [same(-127), same(128), 0, 65024],
  [same(127), same(127), 0, 64516],
];

/** The builds from the fastest to the one that runs anywhere. */
const BUILDS = [
  { name: 'relaxed', works: () => simdWorks() && gives(RELAXED_MODULE, RELAXED_VALUES) },
  { name: 'signed', works: () => simdWorks() && gives(RELAXED_MODULE, SIGNED_VALUES) },
  { name: 'simd', works: simdWorks },
  { name: 'scalar', works: () => true },
];

/** The build to load, of those that a bundle has; undefined when none of them works here. */
export function chooseBuild(available) {
  return BUILDS.find(({ name, works }) => available.includes(name) && works())?.name;
}

/** Whether a build computes rightly here; one that this runtime does not know is taken at its word. */
export function buildFits(wanted) {
  return BUILDS.find(({ name }) => name === wanted)?.works() ?? true;
}

function simdWorks() {
  return gives(SIMD_MODULE, SIMD_VALUES);
}

function gives(module, values) {
  try {
    if (!WebAssembly.validate(module)) return false;
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
    return values.every((row) => f(...row.slice(0, -1)) === row.at(-1));
  } catch {
    return false;
  }
}
