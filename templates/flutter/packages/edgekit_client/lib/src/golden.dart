import 'dart:convert';
import 'dart:typed_data';

import 'errors.dart';

/// The rows by which a model is judged, with the answers that are expected.
final class Golden {
  const Golden._(this.inputs, this.floats, this.quantized);

  final List<Float32List> inputs;

  /// The answers of the float model, and of the int8 model.
  final List<Float32List> floats;
  final List<Float32List> quantized;

  int get length => inputs.length;

  /// Read golden.json.
  static Golden parse(String text) {
    final Object? plain;
    try {
      plain = jsonDecode(text);
    } on FormatException {
      throw _refused('is not JSON');
    }
    if (plain is! Map<String, Object?> || plain['schema_version'] != 1) {
      throw _refused('is not one that this client reads');
    }
    final golden = Golden._(
      _table(plain['inputs']),
      _table(plain['float']),
      _table(plain['quantized']),
    );
    if (golden.floats.length != golden.length ||
        golden.quantized.length != golden.length) {
      throw _refused('has tables of different lengths');
    }
    return golden;
  }

  static List<Float32List> _table(Object? plain) {
    if (plain is! List<Object?> || plain.isEmpty) throw _refused('lacks rows');
    return [
      for (final row in plain)
        if (row is List<Object?>)
          Float32List.fromList([
            for (final value in row)
              value is num
                  ? value.toDouble()
                  : throw _refused('holds something that is not a number'),
          ])
        else
          throw _refused('holds something that is not a row'),
    ];
  }

  static EdgekitException _refused(String what) => EdgekitException(
    EdgekitErrorCode.format,
    'golden.json $what; export the bundle again',
  );
}

/// Whether two rows of float32 have the same bits; -0.0 is not 0.0.
bool sameBits(Float32List a, Float32List b) {
  if (a.length != b.length) return false;
  final x = Uint32List.sublistView(a), y = Uint32List.sublistView(b);
  for (var i = 0; i < x.length; i++) {
    if (x[i] != y[i]) return false;
  }
  return true;
}

/// The outcome of a model's golden rows on this device.
final class SelfTest {
  const SelfTest({
    required this.rows,
    required this.differing,
    required this.largestError,
    required this.bound,
  });

  final int rows;

  /// Rows that are not equal bit for bit.
  final int differing;

  /// The largest distance from the int8 model's answer, in its own unit.
  final double largestError;

  /// What [largestError] may be; 0 for a runtime that has to be exact.
  final double bound;

  bool get passed => bound > 0 ? largestError <= bound : differing == 0;

  /// Send golden rows through [run]; [isExact] says whether bits must agree.
  static Future<SelfTest> of(
    Golden golden,
    Future<Float32List> Function(Float32List) run, {
    required bool isExact,
  }) async {
    var differing = 0;
    var largest = 0.0;
    for (var i = 0; i < golden.length; i++) {
      final expected = golden.quantized[i];
      final answer = await run(golden.inputs[i]);
      if (!sameBits(answer, expected)) differing++;
      largest = _further(largest, answer, expected);
    }
    return SelfTest(
      rows: golden.length,
      differing: differing,
      largestError: largest,
      bound: isExact ? 0 : golden._bound(),
    );
  }

  static double _further(double most, Float32List a, Float32List b) {
    if (a.length != b.length) return double.infinity;
    var largest = most;
    for (var i = 0; i < a.length; i++) {
      final error = (a[i] - b[i]).abs();
      if (!(error <= largest)) largest = error.isNaN ? double.infinity : error;
    }
    return largest;
  }
}

extension on Golden {
  /// 1 % of the span of the answers: for runtimes that are not edgekit's own.
  double _bound() {
    var low = double.infinity, high = double.negativeInfinity;
    for (final row in quantized) {
      for (final value in row) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    return high > low ? (high - low) / 100 : 1e-6;
  }
}
