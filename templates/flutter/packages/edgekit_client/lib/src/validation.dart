import 'feature.dart';

/// What to do with a number outside its feature's range.
enum OutOfRangePolicy {
  /// Refuse it. The default: a model knows nothing out there.
  reject,

  /// Take the nearest end of the range.
  clamp,

  /// Use it as it is.
  allow,
}

/// What is wrong with one value; a `switch` over it is complete.
sealed class ValidationIssue {
  const ValidationIssue(this.feature);

  /// The feature that it is about.
  final FeatureSpec feature;

  /// One sentence for people, in English.
  String get message;

  @override
  String toString() => message;
}

/// No value was given.
final class MissingValue extends ValidationIssue {
  const MissingValue(super.feature);

  @override
  String get message => '"${feature.name}" is missing';
}

/// NaN, infinite, too large for a 32-bit float, or not a number at all.
final class NotFinite extends ValidationIssue {
  const NotFinite(super.feature, this.value);

  final Object value;

  @override
  String get message => '"${feature.name}" must be a finite number, not $value';
}

/// A fraction where only whole numbers make sense.
final class NotWhole extends ValidationIssue {
  const NotWhole(super.feature, this.value);

  final num value;

  @override
  String get message => '"${feature.name}" must be a whole number, not $value';
}

/// A number that the model was not made for.
final class OutOfRange extends ValidationIssue {
  const OutOfRange(super.feature, this.value);

  final num value;

  @override
  String get message {
    final unit = feature.unit.isEmpty ? '' : ' ${feature.unit}';
    return '"${feature.name}" is $value$unit, outside the range '
        '${_short(feature.low)} to ${_short(feature.high)}$unit';
  }
}

/// A label or code that the category does not have.
final class UnknownCategory extends ValidationIssue {
  const UnknownCategory(super.feature, this.value);

  final Object value;

  @override
  String get message {
    final labels = feature.categories.map((label) => '"$label"').join(', ');
    return '"${feature.name}" must be one of $labels, not $value';
  }
}

/// Not a list of as many numbers as the series has steps.
final class WrongSteps extends ValidationIssue {
  const WrongSteps(super.feature, this.value);

  final Object value;

  @override
  String get message {
    final given = value;
    final found = given is List<Object?> ? '${given.length}' : '$given';
    return '"${feature.name}" must be ${feature.steps} numbers, '
        'the newest last, not $found';
  }
}

/// What a prediction throws for an input with issues.
final class InvalidInput implements Exception {
  const InvalidInput(this.issues);

  /// Every wrong value, not only the first one.
  final List<ValidationIssue> issues;

  @override
  String toString() => issues.map((issue) => issue.message).join('; ');
}

String _short(double value) =>
    value == value.roundToDouble() && value.abs() < 1e15
    ? value.toStringAsFixed(0)
    : double.parse(value.toStringAsPrecision(7)).toString();
