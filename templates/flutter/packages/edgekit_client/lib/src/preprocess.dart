import 'dart:typed_data';

import 'feature.dart';
import 'validation.dart';

/// Turns values in the user's units into the model's float32 input.
///
/// The rules are those of edgekit's browser runtime: ranges are compared as
/// float32, because that is what the model sees.
final class InputEncoder {
  InputEncoder(this.features) : _fields = [for (final f in features) _Field(f)];

  final List<FeatureSpec> features;
  final List<_Field> _fields;

  /// Encode values in the order of [features].
  ///
  /// Throws [InvalidInput] with every wrong value.
  Float32List encode(
    List<Object?> values, [
    OutOfRangePolicy policy = OutOfRangePolicy.reject,
  ]) {
    if (values.length != _fields.length) {
      throw ArgumentError(
        'the input must have ${_fields.length} values, not ${values.length}',
      );
    }
    final out = Float32List(values.length);
    final issues = <ValidationIssue>[];
    for (var i = 0; i < values.length; i++) {
      _fields[i].settle(values[i], policy, (v) => out[i] = v, issues.add);
    }
    if (issues.isNotEmpty) throw InvalidInput(issues);
    return out;
  }

  /// Encode values by feature name, as a form or a JSON document has them.
  Float32List encodeNamed(
    Map<String, Object?> values, [
    OutOfRangePolicy policy = OutOfRangePolicy.reject,
  ]) {
    final known = {for (final f in features) f.name};
    for (final name in values.keys) {
      if (!known.contains(name)) {
        throw ArgumentError('"$name" is not a feature of this model');
      }
    }
    return encode([for (final f in features) values[f.name]], policy);
  }

  /// Every wrong value; an empty list means that [encode] takes them.
  List<ValidationIssue> check(
    List<Object?> values, [
    OutOfRangePolicy policy = OutOfRangePolicy.reject,
  ]) {
    try {
      encode(values, policy);
      return const [];
    } on InvalidInput catch (invalid) {
      return invalid.issues;
    }
  }
}

final _cell = Float32List(1);

/// Returns the nearest float32.
double toFloat32(num value) {
  _cell[0] = value.toDouble();
  return _cell[0];
}

final class _Field {
  _Field(this.feature)
    : low = toFloat32(_lowest(feature)),
      high = toFloat32(_highest(feature));

  final FeatureSpec feature;
  final double low;
  final double high;

  static double _lowest(FeatureSpec feature) {
    if (feature.isCategory) return feature.firstCode.toDouble();
    return feature.isWhole ? feature.low.ceilToDouble() : feature.low;
  }

  static double _highest(FeatureSpec feature) {
    if (feature.isCategory) {
      return (feature.firstCode + feature.categories.length - 1).toDouble();
    }
    return feature.isWhole ? feature.high.floorToDouble() : feature.high;
  }

  bool _fits(num value) {
    final single = toFloat32(value);
    return single >= low && single <= high;
  }

  void settle(
    Object? value,
    OutOfRangePolicy policy,
    void Function(double) use,
    void Function(ValidationIssue) complain,
  ) {
    if (value == null) return complain(MissingValue(feature));
    if (feature.isCategory) return _settleCategory(value, use, complain);
    if (value is! num || !toFloat32(value).isFinite) {
      return complain(NotFinite(feature, value));
    }
    if (feature.isWhole && value != value.roundToDouble()) {
      return complain(NotWhole(feature, value));
    }
    if (_fits(value) || policy == OutOfRangePolicy.allow) {
      return use(value.toDouble());
    }
    if (policy == OutOfRangePolicy.clamp) {
      return use(value < low ? low : high);
    }
    complain(OutOfRange(feature, value));
  }

  void _settleCategory(
    Object value,
    void Function(double) use,
    void Function(ValidationIssue) complain,
  ) {
    final at = value is String ? feature.categories.indexOf(value) : -1;
    if (at >= 0) return use((feature.firstCode + at).toDouble());
    if (value is num && value == value.roundToDouble() && _fits(value)) {
      return use(value.toDouble());
    }
    complain(UnknownCategory(feature, value));
  }
}
