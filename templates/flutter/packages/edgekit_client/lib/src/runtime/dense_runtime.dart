import 'dart:typed_data';

import '../errors.dart';
import '../files.dart';
import '../manifest.dart';
import 'edge_runtime.dart';
import 'kernels.dart';
import 'numbers.dart';
import 'plan.dart';

part 'dense_operators.dart';

/// Runs dense models in plain Dart, equal to the int8 model bit for bit.
///
/// It reads the plan of the target wasm. Convolutions and pools are refused:
/// for them there is the native engine, and the wasm engine on the web.
final class DenseRuntime implements EdgeRuntime {
  DenseRuntime._(Plan plan, Uint8List weights, this.isExact)
    : _plan = plan,
      _weights = Region(_aligned(weights, weights.length)),
      _arena = Region(_aligned(const [], plan.arenaBytes)) {
    for (final step in plan.steps) {
      _operators[step.code]!.check(step, this);
    }
  }

  /// Make it from the bytes of plan.bin and of the joined shards.
  ///
  /// Throws an [EdgekitException] that names the first operator it lacks.
  factory DenseRuntime(
    Uint8List plan,
    Uint8List weights, {
    bool isExact = true,
  }) {
    final parsed = Plan.parse(plan);
    for (final step in parsed.steps) {
      final operator = _operators[step.code];
      if (operator != null && operator.fields != step.length) {
        throw const EdgekitException(
          EdgekitErrorCode.format,
          'plan.bin has a step of another length; export the bundle again',
        );
      }
      if (operator == null || (step.code == 16 && !_isOneTap(step))) {
        throw EdgekitException(
          EdgekitErrorCode.runtime,
          'the Dart runtime has no operator ${step.code}, it runs dense models '
          'only; use the native engine, LiteRT or the web',
        );
      }
    }
    if (weights.length != parsed.weightsBytes) {
      throw EdgekitException(
        EdgekitErrorCode.format,
        'plan.bin wants ${parsed.weightsBytes} bytes of weights, the shards '
        'have ${weights.length}; export the bundle again',
      );
    }
    return DenseRuntime._(parsed, weights, isExact);
  }

  final Plan _plan;
  final Region _weights;
  final Region _arena;

  @override
  String get name => 'dart';

  @override
  final bool isExact;

  /// As [run], without a future.
  Float32List runNow(Float32List input) {
    var from = 0;
    for (final port in _plan.inputs) {
      _arena.f32.setRange(
        port.offset ~/ 4,
        port.offset ~/ 4 + port.count,
        input,
        from,
      );
      from += port.count;
    }
    if (from != input.length) {
      throw ArgumentError('the input must have $from numbers');
    }
    for (final step in _plan.steps) {
      _operators[step.code]!.run(step, this);
    }
    final answer = <double>[];
    for (final port in _plan.outputs) {
      final at = port.offset ~/ 4;
      answer.addAll(_arena.f32.getRange(at, at + port.count));
    }
    return Float32List.fromList(answer);
  }

  @override
  Future<Float32List> run(Float32List input) async => runNow(input);

  @override
  Future<void> close() async {}

  Region _region(int value) => value >= PlanStep.constant ? _weights : _arena;

  /// The index of a value in elements of [width] bytes.
  int _at(int value, int width) => value % PlanStep.constant ~/ width;
}

/// Makes a [DenseRuntime].
final class DenseOpener implements RuntimeOpener {
  const DenseOpener();

  @override
  String get name => 'dart';

  @override
  List<String> get targets => const ['wasm'];

  @override
  Future<EdgeRuntime> open(Manifest manifest, BundleFiles files) async {
    final (:plan, :weights) = await readPlanFiles(manifest, files);
    final isExact = manifest.targets['wasm']!.isExact;
    return DenseRuntime(plan, weights, isExact: isExact);
  }
}

/// A copy whose size is a multiple of 8, so that every view fits.
ByteBuffer _aligned(List<int> bytes, int size) =>
    (Uint8List((size + 7) ~/ 8 * 8)..setRange(0, bytes.length, bytes)).buffer;
