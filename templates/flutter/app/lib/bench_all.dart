import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:edgekit_litert/edgekit_litert.dart';

/// A runtime's times, or why it did not run here.
final class BenchOutcome {
  const BenchOutcome(this.runtime, this.run, this.why);

  final String runtime;
  final BenchRun? run;
  final String why;

  Map<String, Object?> toJson() =>
      run?.toJson() ??
      {'format': BenchRun.format, 'runtime': runtime, 'not_run': why};
}

/// Measure the version in the app with every runtime that may be here.
Future<List<BenchOutcome>> benchAll(
  FlutterHost host,
  ModelSpec spec, {
  int samples = 100,
}) async {
  final device = await host.device;
  final outcomes = <BenchOutcome>[];
  final openers = [
    for (final opener in host.runtimes) opener,
    if (!host.runtimes.any((opener) => opener.name == 'litert'))
      const LiteRtOpener(),
  ];
  for (final opener in openers) {
    try {
      final run = await BenchRun.measure(
        () => host.loadWith(spec, opener),
        device: device,
        samples: samples,
      );
      outcomes.add(BenchOutcome(opener.name, run, ''));
    } on EdgekitException catch (error) {
      outcomes.add(BenchOutcome(opener.name, null, error.message));
    }
  }
  return outcomes;
}
