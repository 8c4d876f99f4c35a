import 'dart:typed_data';

/// What was done to a label before training; a result is given with it undone.
enum ResultTransform {
  /// Nothing: the model answers in the user's unit.
  none,

  /// The natural logarithm.
  log,

  /// The logarithm to base 10.
  log10,

  /// ln(1 + x).
  log1p,
}

const _log2E = 1.4426950408889634;
const _ln10 = 2.302585092994046;
const _ln2High = 0.6931471803691238;
const _ln2Low = 1.9082149292705877e-10;
const _highest = 89.0;
const _lowest = -105.0;
const _terms = 13;

final _single = Float32List(1);

/// Undo a transform of one float32.
///
/// The lines of edgekit's transforms.py, where the reasons stand: additions,
/// multiplications and divisions in one order give every client the same bits.
double inverse(ResultTransform transform, double value) {
  _single[0] = switch (transform) {
    ResultTransform.none => value,
    ResultTransform.log => _exp(value),
    ResultTransform.log10 => _exp(value * _ln10),
    ResultTransform.log1p => _exp(value) - 1,
  };
  return _single[0];
}

double _exp(double x) {
  if (x > _highest) return double.infinity;
  if (x < _lowest) return 0;
  if (x.isNaN) return x;
  final k = (x * _log2E + 0.5).floorToDouble();
  final r = x - k * _ln2High - k * _ln2Low;
  var answer = 1.0;
  for (var n = _terms; n > 0; n--) {
    answer = 1 + (answer * r) / n;
  }
  for (var i = 0; i < k; i++) {
    answer *= 2;
  }
  for (var i = 0; i > k; i--) {
    answer /= 2;
  }
  return answer;
}
