// The numbers that kernels are made of; see kernels.dart for what is kept to.

import 'dart:typed_data';

/// A region of memory, seen as every type that kernels use.
final class Region {
  Region(ByteBuffer buffer)
    : s8 = Int8List.view(buffer),
      u8 = Uint8List.view(buffer),
      s16 = Int16List.view(buffer),
      u16 = Uint16List.view(buffer),
      s32 = Int32List.view(buffer),
      f32 = Float32List.view(buffer),
      f64 = Float64List.view(buffer);

  final Int8List s8;
  final Uint8List u8;
  final Int16List s16;
  final Uint16List u16;
  final Int32List s32;
  final Float32List f32;
  final Float64List f64;
}

// <numbers>
final _single = Float32List(1);
final _word = Int32List(1);

double fround(double x) {
  _single[0] = x;
  return _single[0];
}

int wrap(int x) {
  _word[0] = x;
  return _word[0];
}

int floorDivide(int a, int b) {
  final double quotient = a / b;
  return quotient.floor();
}

int clampInt(int x, int low, int high) {
  return x < low ? low : (x > high ? high : x);
}

double clampFloat(double x, double low, double high) {
  return x < low ? low : (x > high ? high : x);
}

/// Half to even: adding 1.5 * 2^52 leaves no room for a fraction.
int roundEven(double x) {
  final double shifted = x + 6755399441055744.0;
  final double whole = shifted - 6755399441055744.0;
  return whole.toInt();
}

/// Clamps, then rounds half away from zero; NaN becomes the lower bound.
int roundAway(double x, int low, int high) {
  if (x > low) {
    if (x > high) return high;
    final int whole = x.toInt();
    final double rest = x - whole;
    return whole + (rest >= 0.5 ? 1 : 0) - (rest <= -0.5 ? 1 : 0);
  }
  return low;
}

/// The rounded high half of 2 a b, for magnitudes below 2^31: the product of
/// 62 bits in two parts of at most 47.
int doublingHigh(int a, int b) {
  final bool negative = (a < 0) != (b < 0);
  final int x = a < 0 ? -a : a;
  final int m = b < 0 ? -b : b;
  final int upper = floorDivide(m, 65536);
  final int lower = m - upper * 65536;
  final int nudge = negative && x > 0 && m > 0 ? 1073741823 : 1073741824;
  final int carried = floorDivide(x * lower + nudge, 65536);
  final int high = floorDivide(x * upper + carried, 32768);
  return negative ? -high : high;
}

int scaled(int x, int multiplier, int shift) {
  int left = 1;
  for (int i = 0; i < shift; i++) {
    left = left * 2;
  }
  final int high = doublingHigh(wrap(x * left), multiplier);
  if (shift >= 0) return high;
  int divisor = 1;
  for (int i = 0; i > shift; i--) {
    divisor = divisor * 2;
  }
  final int quotient = floorDivide(high, divisor);
  final int rest = high - quotient * divisor;
  final int half = floorDivide(divisor - 1, 2) + (high < 0 ? 1 : 0);
  return quotient + (rest > half ? 1 : 0);
}

/// Sigmoid of a magnitude: a table whose steps are [unit] wide.
int interpolated(
  Uint16List table,
  int at,
  int magnitude,
  int unit,
  int saturated,
) {
  final int index = floorDivide(magnitude, unit);
  if (index >= 255) return saturated;
  final int fraction = magnitude - index * unit;
  final int left = table[at + index];
  return left * unit + fraction * (table[at + index + 1] - left);
}

// </numbers>
