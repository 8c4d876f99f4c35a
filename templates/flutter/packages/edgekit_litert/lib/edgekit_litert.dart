/// Runs the TFLite target of edgekit's bundles by LiteRT.
library;

import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:flutter_litert/flutter_litert.dart';

/// Makes a [LiteRtRuntime]; give it to FlutterHost(extraRuntimes: [...]).
final class LiteRtOpener implements RuntimeOpener {
  const LiteRtOpener();

  @override
  String get name => 'litert';

  @override
  List<String> get targets => const ['tflite'];

  @override
  Future<EdgeRuntime> open(Manifest manifest, BundleFiles files) async {
    final models = manifest.targets['tflite']?.withRole('model') ?? const [];
    if (models.length != 1) {
      throw const EdgekitException(
        EdgekitErrorCode.runtime,
        'the bundle has no target tflite',
      );
    }
    final bytes = await files.read(models.single.path);
    try {
      final model = await CompiledModel.fromBufferAsync(bytes);
      return LiteRtRuntime._(model, manifest.inputSizes);
    } on Object catch (error) {
      throw EdgekitException(EdgekitErrorCode.runtime, '$error');
    }
  }
}

/// A model in LiteRT: float32 in and out, int8 inside.
///
/// Its kernels are LiteRT's own for the processor, so its golden rows are held
/// to a bound and not to equal bits.
final class LiteRtRuntime implements EdgeRuntime {
  LiteRtRuntime._(this._model, this._sizes);

  final CompiledModel _model;
  final List<int> _sizes;

  @override
  String get name => 'litert';

  @override
  bool get isExact => false;

  @override
  Future<Float32List> run(Float32List input) async {
    final inputs = <Float32List>[];
    var from = 0;
    for (final size in _sizes) {
      inputs.add(Float32List.sublistView(input, from, from += size));
    }
    final outputs = await _model.runAsync(inputs);
    return outputs.length == 1
        ? outputs.single
        : Float32List.fromList([for (final output in outputs) ...output]);
  }

  @override
  Future<void> close() async => _model.close();
}
