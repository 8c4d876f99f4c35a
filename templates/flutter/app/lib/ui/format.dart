import 'package:edgekit_flutter/edgekit_flutter.dart';

import '../l10n/strings.dart';

/// A number in at most [digits] significant digits, without zeros at the end.
String shortNumber(num value, [int digits = 5]) {
  if (value == value.roundToDouble() && value.abs() < 1e9) {
    return value.toStringAsFixed(0);
  }
  final text = value.toStringAsPrecision(digits);
  if (!text.contains('.') || text.contains('e')) return text;
  return text.replaceFirst(RegExp(r'\.?0+$'), '');
}

/// A time in the unit that suits it.
String shortTime(double microseconds) {
  if (microseconds < 1000) return '${shortNumber(microseconds, 3)} µs';
  if (microseconds < 1e6) return '${shortNumber(microseconds / 1e3, 3)} ms';
  return '${shortNumber(microseconds / 1e6, 3)} s';
}

/// What the texts call an issue.
ValidationIssueKind kindOf(ValidationIssue issue) => switch (issue) {
  MissingValue() => ValidationIssueKind.missing,
  NotFinite() => ValidationIssueKind.notFinite,
  NotWhole() => ValidationIssueKind.notWhole,
  OutOfRange() => ValidationIssueKind.outOfRange,
  UnknownCategory() => ValidationIssueKind.unknownCategory,
  WrongSteps() => ValidationIssueKind.wrongSteps,
};
