/// Stub with the signatures of flutter_litert 4.
library;

import 'dart:typed_data';

enum Accelerator { cpu, gpu, npu }

enum Precision { fp32, fp16 }

enum TensorBufferMode { managed, direct }

class CompiledModel {
  static Future<CompiledModel> fromBufferAsync(
    Uint8List bytes, {
    Set<Accelerator> accelerators = const {Accelerator.cpu},
    Precision precision = Precision.fp32,
    TensorBufferMode tensorBufferMode = TensorBufferMode.managed,
  }) => throw UnimplementedError();
  Future<List<Float32List>> runAsync(List<Float32List> inputs) =>
      throw UnimplementedError();
  void close() {}
}
