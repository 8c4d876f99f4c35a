import 'dart:typed_data';

import '../errors.dart';
import '../files.dart';
import '../manifest.dart';

/// A stretch of the arena that holds an input or an output.
typedef Port = ({int offset, int count});

/// The words of one step of a plan; what they mean is the operator's matter.
final class PlanStep {
  const PlanStep(this.code, this._fields);

  final int code;
  final ByteData _fields;

  int get length => _fields.lengthInBytes ~/ 4;

  /// An offset: into the arena, or into the weights from [constant] on.
  int value(int index) => _fields.getUint32(4 * index, Endian.little);

  int integer(int index) => _fields.getInt32(4 * index, Endian.little);

  double number(int index) => _fields.getFloat32(4 * index, Endian.little);

  static const constant = 0x80000000;
}

/// plan.bin: the steps that a model is made of (docs/bundle.md of edgekit).
///
/// The one place that knows the layout of the file.
final class Plan {
  const Plan._(
    this.arenaBytes,
    this.weightsBytes,
    this.inputs,
    this.outputs,
    this.steps,
  );

  static const magic = 0x31504B45;
  static const abiVersion = 2;
  static const headerWords = 8;

  final int arenaBytes;
  final int weightsBytes;
  final List<Port> inputs;
  final List<Port> outputs;
  final List<PlanStep> steps;

  /// Read plan.bin; whatever is wrong is an EdgekitException.
  static Plan parse(Uint8List bytes) {
    if (bytes.length % 4 != 0 || bytes.length < 4 * headerWords) {
      throw _refused('is too short for a plan');
    }
    final view = ByteData.sublistView(bytes);
    int word(int index) => view.getUint32(4 * index, Endian.little);
    final words = bytes.length ~/ 4;
    if (word(0) != magic) throw _refused('is not a plan');
    if (word(1) != abiVersion) {
      throw EdgekitException(
        EdgekitErrorCode.format,
        'plan.bin has version ${word(1)}, this client reads $abiVersion; '
        'generate the client again with the edgekit of the bundle',
      );
    }
    final counts = (word(4), word(5), word(6));
    final (inputs, outputs, steps) = counts;
    if (inputs + outputs > (words - headerWords) ~/ 2) {
      throw _refused('has more inputs and outputs than it has words');
    }
    var at = headerWords;
    Port port() {
      final found = (offset: word(at), count: word(at + 1));
      at += 2;
      final end = found.offset + 4 * found.count;
      if (found.offset % 4 != 0 || end > word(2)) {
        throw _refused('has an input or output outside its arena');
      }
      return found;
    }

    final ports = [for (var i = 0; i < inputs + outputs; i++) port()];
    final read = <PlanStep>[];
    while (read.length < steps) {
      if (words - at < 2 || word(at + 1) > words - at - 2) {
        throw _refused('ends inside step ${read.length}');
      }
      final size = word(at + 1);
      final fields = ByteData.sublistView(
        bytes,
        4 * (at + 2),
        4 * (at + 2 + size),
      );
      read.add(PlanStep(word(at), fields));
      at += 2 + size;
    }
    if (at != words) throw _refused('goes on after its last step');
    return Plan._(
      word(2),
      word(3),
      ports.sublist(0, inputs),
      ports.sublist(inputs),
      read,
    );
  }

  static EdgekitException _refused(String what) => EdgekitException(
    EdgekitErrorCode.format,
    'plan.bin $what; export the bundle again',
  );
}

/// A plan and its weights, as both the Dart and the native engine take them.
typedef PlanFiles = ({Uint8List plan, Uint8List weights});

/// Read the plan and the weights of a bundle, shards joined.
Future<PlanFiles> readPlanFiles(Manifest manifest, BundleFiles files) async {
  final target = manifest.targets['wasm'];
  final plans = target?.withRole('plan') ?? const [];
  if (target == null || plans.length != 1) {
    throw const EdgekitException(
      EdgekitErrorCode.runtime,
      'the bundle has no target wasm; export it again with --to tflite,wasm',
    );
  }
  final weights = BytesBuilder(copy: false);
  for (final shard in target.withRole('shard')) {
    weights.add(await files.read(shard.path));
  }
  return (
    plan: await files.read(plans.single.path),
    weights: weights.takeBytes(),
  );
}
