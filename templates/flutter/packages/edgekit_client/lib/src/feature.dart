import 'transforms.dart';

/// What values a feature takes.
enum FeatureKind { number, integer, category }

/// One number of a model's input, in the user's own unit.
final class FeatureSpec {
  const FeatureSpec({
    required this.name,
    required this.unit,
    required this.kind,
    required this.low,
    required this.high,
    required this.typical,
    this.categories = const [],
    this.steps = 1,
    this.input = '',
  });

  /// The name in manifest.json.
  final String name;

  /// Empty where it has none.
  final String unit;
  final FeatureKind kind;

  /// The range that the model was made for; codes for a category.
  final double low;
  final double high;

  /// A value to start a form with: the mean of the training rows.
  final double typical;

  /// The labels of a category; the code of the first one is [firstCode].
  final List<String> categories;

  /// More than 1 for a series: its value is a list of that many numbers, the
  /// newest last.
  final int steps;

  /// The input that a series is part of; all series of an input go together.
  final String input;

  bool get isSeries => steps > 1;

  /// Codes start at 0, or at [low] where the labels just fill the range.
  int get firstCode =>
      categories.isNotEmpty && categories.length == high - low + 1
      ? low.toInt()
      : 0;

  bool get isCategory => kind == FeatureKind.category && categories.isNotEmpty;

  bool get isWhole => kind != FeatureKind.number;

  /// A step for a slider: 1 for whole numbers, else a round hundredth.
  double get step {
    if (isWhole) return 1;
    final span = high - low;
    var step = 1.0;
    while (step > span / 100) {
      step /= 10;
    }
    while (step * 10 <= span / 100) {
      step *= 10;
    }
    return step;
  }
}

/// One number of a model's answer.
final class ResultSpec {
  const ResultSpec({
    required this.name,
    required this.unit,
    this.transform = ResultTransform.none,
  });

  final String name;

  /// The unit of what is shown, after [transform] is undone.
  final String unit;

  /// What was done to the label before training.
  final ResultTransform transform;
}
