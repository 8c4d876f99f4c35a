// The arithmetic of the engine's kernels (wasm/kernels of edgekit), bit for
// bit, in numbers that JavaScript has too: no integer beyond 2^53, and no
// bitwise operator, because those are 32-bit and unsigned there. Float32
// results are rounded by a store into a Float32List. tests/dart_to_js.py of
// edgekit turns this very text into JavaScript and runs it.

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

// <kernels>
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

void quantizeF32S8(
  Float32List x,
  int xAt,
  Int8List y,
  int yAt,
  int count,
  double inverse,
  int zero,
) {
  final int low = -128 - zero;
  final int high = 127 - zero;
  for (int i = 0; i < count; i++) {
    double v = fround(x[xAt + i] * inverse);
    v = v > low ? v : low.toDouble();
    v = v < high ? v : high.toDouble();
    y[yAt + i] = roundEven(v) + zero;
  }
}

void quantizeF32S16(
  Float32List x,
  int xAt,
  Int16List y,
  int yAt,
  int count,
  double scale,
  double inverse,
) {
  final int blocks = floorDivide(count, 8) * 8;
  for (int i = 0; i < blocks; i++) {
    double v = fround(x[xAt + i] * inverse);
    v = v > -32768.0 ? v : -32768.0;
    v = v < 32767.0 ? v : 32767.0;
    y[yAt + i] = roundEven(v);
  }
  for (int i = blocks; i < count; i++) {
    y[yAt + i] = roundAway(x[xAt + i] / scale, -32768, 32767);
  }
}

void dequantizeF32(
  List<int> x,
  int xAt,
  Float32List y,
  int yAt,
  int count,
  double scale,
  int zero,
) {
  for (int i = 0; i < count; i++) {
    y[yAt + i] = (x[xAt + i] - zero) * scale;
  }
}

void requantizeS8S8(
  Int8List x,
  int xAt,
  Int8List y,
  int yAt,
  int count,
  int multiplier,
  int inputZero,
  int outputZero,
) {
  for (int i = 0; i < count; i++) {
    final int v = (x[xAt + i] - inputZero) * multiplier + 128;
    y[yAt + i] = clampInt(floorDivide(v, 256) + outputZero, -128, 127);
  }
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

void requantize(
  List<int> x,
  int xAt,
  List<int> y,
  int yAt,
  int count,
  int multiplier,
  int shift,
  int inputZero,
  int outputZero,
  int low,
  int high,
) {
  for (int i = 0; i < count; i++) {
    final int v = scaled(x[xAt + i] - inputZero, multiplier, shift);
    y[yAt + i] = clampInt(v + outputZero, low, high);
  }
}

/// Weights in blocks of 8 units: [units / 8][inputs / 4][8][4], inputs padded
/// to a multiple of 4. The bias has taken the input's zero point in.
void fullyConnectedS8(
  Int8List x,
  int xAt,
  Int8List y,
  int yAt,
  Int8List w,
  int wAt,
  Int32List bias,
  int biasAt,
  Float32List scale,
  int scaleAt,
  int rows,
  int inputs,
  int units,
  int zero,
  double low,
  double high,
) {
  final int blockBytes = floorDivide(inputs + 3, 4) * 32;
  for (int row = 0; row < rows; row++) {
    final int from = xAt + row * inputs;
    for (int u = 0; u < units; u++) {
      final int block = floorDivide(u, 8);
      int at = wAt + block * blockBytes + (u - block * 8) * 4;
      int sum = bias[biasAt + u];
      for (int i = 0; i < inputs; i += 4) {
        final int end = inputs - i < 4 ? inputs - i : 4;
        for (int k = 0; k < end; k++) {
          sum += x[from + i + k] * w[at + k];
        }
        at += 32;
      }
      final double v = fround(fround(sum.toDouble()) * scale[scaleAt + u]);
      y[yAt + row * units + u] = roundEven(clampFloat(v, low, high)) + zero;
    }
  }
}

void fullyConnectedS16(
  Int16List x,
  int xAt,
  Int16List y,
  int yAt,
  Int8List w,
  int wAt,
  Int32List bias,
  int biasAt,
  Float64List scale,
  int scaleAt,
  int rows,
  int inputs,
  int units,
  int low,
  int high,
) {
  for (int row = 0; row < rows; row++) {
    final int from = xAt + row * inputs;
    for (int u = 0; u < units; u++) {
      int sum = bias[biasAt + u];
      final int weights = wAt + u * inputs;
      for (int i = 0; i < inputs; i++) {
        sum += x[from + i] * w[weights + i];
      }
      y[yAt + row * units + u] = roundAway(sum * scale[scaleAt + u], low, high);
    }
  }
}

void binaryF32(
  Float32List a,
  int aAt,
  int aCount,
  Float32List b,
  int bAt,
  int bCount,
  Float32List y,
  int yAt,
  int count,
  int kind,
  double low,
  double high,
) {
  int ia = 0;
  int ib = 0;
  for (int i = 0; i < count; i++) {
    final double p = a[aAt + ia];
    final double q = b[bAt + ib];
    double v = p / q;
    if (kind == 0) v = p + q;
    if (kind == 1) v = p - q;
    if (kind == 2) v = p * q;
    y[yAt + i] = clampFloat(fround(v), low, high);
    ia = ia + 1 == aCount ? 0 : ia + 1;
    ib = ib + 1 == bCount ? 0 : ib + 1;
  }
}

void addS8(
  Int8List a,
  int aAt,
  int aCount,
  Int8List b,
  int bAt,
  int bCount,
  Int8List y,
  int yAt,
  int count,
  int aMultiplier,
  int bMultiplier,
  int bias,
  int divisor,
  int zero,
  int low,
  int high,
) {
  int ia = 0;
  int ib = 0;
  for (int i = 0; i < count; i++) {
    final int sum = a[aAt + ia] * aMultiplier + b[bAt + ib] * bMultiplier;
    final int v = floorDivide(wrap(bias + sum), divisor) + zero;
    y[yAt + i] = clampInt(v, low, high);
    ia = ia + 1 == aCount ? 0 : ia + 1;
    ib = ib + 1 == bCount ? 0 : ib + 1;
  }
}

void mulS8(
  Int8List a,
  int aAt,
  int aCount,
  Int8List b,
  int bAt,
  int bCount,
  Int8List y,
  int yAt,
  int count,
  int aZero,
  int bZero,
  double scale,
  int zero,
  double low,
  double high,
) {
  int ia = 0;
  int ib = 0;
  for (int i = 0; i < count; i++) {
    final int product = (a[aAt + ia] - aZero) * (b[bAt + ib] - bZero);
    final double v = clampFloat(fround(product * scale), low, high);
    y[yAt + i] = roundEven(v) + zero;
    ia = ia + 1 == aCount ? 0 : ia + 1;
    ib = ib + 1 == bCount ? 0 : ib + 1;
  }
}

void lookupS8(
  Int8List x,
  int xAt,
  Int8List y,
  int yAt,
  Int8List table,
  int tableAt,
  int count,
) {
  for (int i = 0; i < count; i++) {
    y[yAt + i] = table[tableAt + x[xAt + i] + 128];
  }
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

void sigmoidS16(
  Int16List x,
  int xAt,
  Int16List y,
  int yAt,
  Uint16List table,
  int tableAt,
  int count,
  int isTanh,
  int multiplier,
  int divisor,
) {
  final int rounding = floorDivide(divisor, 2);
  for (int i = 0; i < count; i++) {
    final int product = wrap(x[xAt + i] * multiplier + rounding);
    final int v = floorDivide(product, divisor);
    final int magnitude = v < 0 ? -v : v;
    if (isTanh == 1) {
      final int t = interpolated(table, tableAt, magnitude, 256, 16776960);
      final int s = t - 8388608;
      y[yAt + i] = floorDivide(v >= 0 ? s + 128 : 127 - s, 256);
    } else {
      final int s = interpolated(table, tableAt, magnitude, 512, 33553408);
      y[yAt + i] = floorDivide(v >= 0 ? s + 512 : 33554432 - s + 511, 1024);
    }
  }
}

void softmaxS8(
  Int8List x,
  int xAt,
  Int8List y,
  int yAt,
  Float32List table,
  int tableAt,
  int rows,
  int columns,
) {
  for (int row = 0; row < rows; row++) {
    final int at = row * columns;
    int largest = -128;
    for (int i = 0; i < columns; i++) {
      final int v = x[xAt + at + i];
      largest = v > largest ? v : largest;
    }
    double sum = 0.0;
    for (int i = 0; i < columns; i++) {
      sum = fround(sum + table[tableAt + largest - x[xAt + at + i]]);
    }
    final double inverse = fround(1.0 / fround(sum * 0.00390625));
    for (int i = 0; i < columns; i++) {
      final double part = table[tableAt + largest - x[xAt + at + i]];
      final double v = fround(fround(part * inverse) + 0.5);
      y[yAt + at + i] = clampInt(v.toInt() - 128, -128, 127);
    }
  }
}

void copyRows(
  Uint8List x,
  int xAt,
  Uint8List y,
  int yAt,
  int rows,
  int rowBytes,
  int stride,
  int offset,
) {
  for (int row = 0; row < rows; row++) {
    for (int i = 0; i < rowBytes; i++) {
      y[yAt + row * stride + offset + i] = x[xAt + row * rowBytes + i];
    }
  }
}

void meanS8(
  Int8List x,
  int xAt,
  Int8List y,
  int yAt,
  int outer,
  int reduced,
  int inner,
  double scale,
  double bias,
) {
  for (int o = 0; o < outer; o++) {
    for (int i = 0; i < inner; i++) {
      int sum = 0;
      for (int r = 0; r < reduced; r++) {
        sum += x[xAt + (o * reduced + r) * inner + i];
      }
      final double v = fround(fround(sum * scale) + bias);
      y[yAt + o * inner + i] = roundEven(clampFloat(v, -128.0, 127.0));
    }
  }
}

void fillValue(List<int> y, int yAt, int count, int value) {
  for (int i = 0; i < count; i++) {
    y[yAt + i] = value;
  }
}

void stridedCopy(
  List<int> x,
  int xAt,
  List<int> y,
  int yAt,
  List<int> size,
  List<int> from,
  List<int> to,
) {
  for (int a = 0; a < size[0]; a++) {
    for (int b = 0; b < size[1]; b++) {
      for (int c = 0; c < size[2]; c++) {
        for (int d = 0; d < size[3]; d++) {
          final int p = a * from[0] + b * from[1] + c * from[2] + d * from[3];
          final int q = a * to[0] + b * to[1] + c * to[2] + d * to[3];
          for (int e = 0; e < size[4]; e++) {
            y[yAt + q + e * to[4]] = x[xAt + p + e * from[4]];
          }
        }
      }
    }
  }
}

// </kernels>
