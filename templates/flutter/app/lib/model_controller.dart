import 'dart:async';

import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:flutter/foundation.dart';

/// Where a look for a new version stands.
enum UpdateStage { idle, looking, done, failed }

/// The state of the app: the model, the values of the form, the last answer.
class ModelController extends ChangeNotifier {
  ModelController(this.host, this.spec)
    : values = [for (final feature in spec.features) _start(feature)];

  final EdgeHost host;
  final ModelSpec spec;

  /// In the order of the features: a number, null where the field holds none,
  /// or a list of numbers for a series.
  final List<Object?> values;

  EdgeModel? model;
  Object? error;

  /// The last answer, and how long it took.
  List<double>? answer;
  Duration latency = Duration.zero;
  List<ValidationIssue> issues = const [];

  UpdateStage updateStage = UpdateStage.idle;
  UpdateOutcome? outcome;
  Object? updateError;
  Progress? progress;
  CancelToken? _cancel;
  int _asked = 0;

  static Object _start(FeatureSpec feature) {
    final value = feature.isWhole ? feature.typical.round() : feature.typical;
    return feature.isSeries ? List<num>.filled(feature.steps, value) : value;
  }

  /// Open the model and predict from the values as they are.
  Future<void> load() async {
    try {
      final opened = await host.load(spec);
      await model?.close();
      model = opened;
      error = null;
    } on Exception catch (failure) {
      error = failure;
    }
    notifyListeners();
    await predict();
  }

  /// Change one value and predict again.
  Future<void> setValue(int index, Object? value) {
    values[index] = value;
    notifyListeners();
    return predict();
  }

  /// Take the typical values again.
  Future<void> reset() {
    for (var i = 0; i < values.length; i++) {
      values[i] = _start(spec.features[i]);
    }
    notifyListeners();
    return predict();
  }

  /// Predict from the values, if they are all right.
  Future<void> predict() async {
    final running = model;
    if (running == null || spec.features.isEmpty) return;
    final question = ++_asked;
    issues = running.check(values);
    if (issues.isNotEmpty) {
      answer = null;
      notifyListeners();
      return;
    }
    final clock = Stopwatch()..start();
    final result = await running.predictValues(values);
    if (question != _asked) return; // a later question was asked meanwhile
    latency = clock.elapsed;
    answer = result;
    notifyListeners();
  }

  /// What is wrong with a field, or null.
  ValidationIssue? issueOf(FeatureSpec feature) {
    for (final issue in issues) {
      if (issue.feature.name == feature.name) return issue;
    }
    return null;
  }

  /// The answers along the range of a feature, the others as they are; a
  /// series is the same number at every step.
  Future<List<(double, double)>> whatIf(int index, {int steps = 48}) async {
    final running = model;
    if (running == null || issues.isNotEmpty) return const [];
    final feature = running.manifest.features[index];
    final points = <(double, double)>[];
    for (var i = 0; i <= steps; i++) {
      var x = feature.low + (feature.high - feature.low) * i / steps;
      if (feature.isWhole) x = x.roundToDouble();
      if (points.isNotEmpty && points.last.$1 == x) continue;
      final row = [...values];
      row[index] = feature.isSeries ? FlatSeries(feature.steps, x) : x;
      final result = await running.predictValues(
        row,
        outOfRange: OutOfRangePolicy.clamp,
      );
      points.add((x, result.first));
    }
    return points;
  }

  /// Look for a new version and open it.
  Future<void> update() async {
    if (updateStage == UpdateStage.looking) return;
    final cancel = _cancel = CancelToken();
    updateStage = UpdateStage.looking;
    progress = null;
    updateError = null;
    notifyListeners();
    try {
      outcome = await host.update(
        spec,
        cancel: cancel,
        onProgress: (now) {
          progress = now;
          notifyListeners();
        },
      );
      updateStage = UpdateStage.done;
      if (outcome is Updated) await load();
    } on Exception catch (failure) {
      updateError = failure;
      updateStage = UpdateStage.failed;
    }
    notifyListeners();
  }

  /// Stop the download; what arrived stays for the next time.
  void cancelUpdate() => _cancel?.cancel();

  @override
  void dispose() {
    _cancel?.cancel();
    unawaited(model?.close());
    super.dispose();
  }
}
