import 'dart:typed_data';

import 'edge_model.dart';
import 'runtime/edge_runtime.dart';

/// Raw times of one runtime on one device, for `edgekit bench`.
///
/// Samples are kept as they are; percentiles are for people only.
final class BenchRun {
  const BenchRun({
    required this.bundleId,
    required this.runtime,
    required this.device,
    required this.coldMicroseconds,
    required this.firstMicroseconds,
    required this.steadyMicroseconds,
    required this.goldenDiffering,
    required this.goldenRows,
  });

  final String bundleId;
  final String runtime;

  /// What is known of the device: platform, version, mode, processors.
  final Map<String, Object?> device;

  /// From nothing to a model that passed its golden rows.
  final double coldMicroseconds;

  /// The first prediction after that.
  final double firstMicroseconds;
  final List<double> steadyMicroseconds;
  final int goldenDiffering;
  final int goldenRows;

  static const format = 'edgekit-bench/1';

  double get p50 => percentile(steadyMicroseconds, 50);

  double get p90 => percentile(steadyMicroseconds, 90);

  double get p99 => percentile(steadyMicroseconds, 99);

  Map<String, Object?> toJson() => {
    'format': format,
    'bundle_id': bundleId,
    'runtime': runtime,
    'device': device,
    'unit': 'us',
    'cold': coldMicroseconds,
    'first': firstMicroseconds,
    'steady': steadyMicroseconds,
    'summary': {'p50': p50, 'p90': p90, 'p99': p99},
    'golden': {'rows': goldenRows, 'differing': goldenDiffering},
  };

  /// Open a model by [open], then predict golden rows [samples] times.
  ///
  /// A sample is the mean of as many calls as take [tick], so that a clock of
  /// a microsecond, or a browser's of 100, does not show.
  static Future<BenchRun> measure(
    Future<EdgeModel> Function() open, {
    required Map<String, Object?> device,
    int samples = 100,
    Duration tick = const Duration(milliseconds: 2),
  }) async {
    final clock = Stopwatch()..start();
    final model = await open();
    final cold = _elapsed(clock);
    final rows = model.golden.inputs;
    clock.reset();
    await model.runtime.run(rows.first);
    final first = _elapsed(clock);
    final calls = await _callsFor(model.runtime, rows, tick);
    final steady = <double>[];
    for (var sample = 0; sample < samples; sample++) {
      clock.reset();
      for (var call = 0; call < calls; call++) {
        await model.runtime.run(rows[(sample + call) % rows.length]);
      }
      steady.add(_elapsed(clock) / calls);
    }
    final run = BenchRun(
      bundleId: model.manifest.id,
      runtime: model.runtime.name,
      device: device,
      coldMicroseconds: cold,
      firstMicroseconds: first,
      steadyMicroseconds: steady,
      goldenDiffering: model.selfTest.differing,
      goldenRows: model.selfTest.rows,
    );
    await model.close();
    return run;
  }

  static double _elapsed(Stopwatch clock) =>
      clock.elapsedTicks * 1e6 / clock.frequency;

  static Future<int> _callsFor(
    EdgeRuntime runtime,
    List<Float32List> rows,
    Duration tick,
  ) async {
    final clock = Stopwatch()..start();
    var calls = 0;
    while (clock.elapsed < tick || calls < 3) {
      await runtime.run(rows[calls++ % rows.length]);
    }
    return calls;
  }
}

/// The value below which [percent] of the samples lie, by linear
/// interpolation between the closest ranks.
double percentile(List<double> samples, double percent) {
  if (samples.isEmpty) throw ArgumentError('there are no samples');
  final sorted = [...samples]..sort();
  final rank = (sorted.length - 1) * percent / 100;
  final below = rank.floor(), above = rank.ceil();
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - below);
}
