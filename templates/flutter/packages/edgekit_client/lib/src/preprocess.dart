import 'dart:typed_data';

import 'feature.dart';
import 'validation.dart';

/// Turns values in the user's units into the model's float32 input.
///
/// The rules are those of edgekit's browser runtime: ranges are compared as
/// float32, because that is what the model sees.
final class InputEncoder {
  InputEncoder(this.features) : _fields = _place(features);

  final List<FeatureSpec> features;
  final List<_Field> _fields;

  /// The series of an input stand side by side at each of its steps.
  static List<_Field> _place(List<FeatureSpec> features) {
    final fields = <_Field>[];
    var start = 0;
    while (fields.length < features.length) {
      final first = features[fields.length];
      final group = [
        for (final f in features.skip(fields.length))
          if (f == first || (f.isSeries && f.input == first.input)) f,
      ];
      for (var i = 0; i < group.length; i++) {
        fields.add(_Field(group[i], start + i, group.length));
      }
      start += group.length * first.steps;
    }
    return fields;
  }

  /// Encode values in the order of [features]; of a series a list of numbers.
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
    final out = Float32List(features.fold(0, (sum, f) => sum + f.steps));
    final issues = <ValidationIssue>[];
    for (var i = 0; i < values.length; i++) {
      _fields[i].put(values[i], policy, out, issues.add);
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
  _Field(this.feature, this.place, this.apart)
    : low = toFloat32(_lowest(feature)),
      high = toFloat32(_highest(feature));

  final FeatureSpec feature;

  /// Where its first number goes, and how far the next step's is from there.
  final int place;
  final int apart;
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

  /// Put a value into the input, of a series every step of it.
  void put(
    Object? value,
    OutOfRangePolicy policy,
    Float32List out,
    void Function(ValidationIssue) complain,
  ) {
    if (!feature.isSeries || value == null) {
      return _settle(value, policy, (v) => out[place] = v, complain);
    }
    if (value is! List<Object?> || value.length != feature.steps) {
      return complain(WrongSteps(feature, value));
    }
    var isWrong = false;
    for (var step = 0; step < feature.steps && !isWrong; step++) {
      final at = place + step * apart;
      _settle(value[step], policy, (v) => out[at] = v, (issue) {
        isWrong = true; // the first one is enough
        complain(issue);
      });
    }
  }

  void _settle(
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
