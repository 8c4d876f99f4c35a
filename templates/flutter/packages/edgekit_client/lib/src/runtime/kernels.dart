// The arithmetic of the engine's kernels (wasm/kernels of edgekit), bit for
// bit, in numbers that JavaScript has: nothing beyond 2^53, no bitwise operator
// (32-bit and unsigned there). tests/dart_to_js.py runs this text there.

import 'dart:typed_data';

import 'numbers.dart';

// <kernels>
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
    if (kind == 4) v = p > q ? p : q;
    if (kind == 5) v = p < q ? p : q;
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
