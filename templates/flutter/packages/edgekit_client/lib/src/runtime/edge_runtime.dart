import 'dart:typed_data';

import '../files.dart';
import '../manifest.dart';

/// A model that is ready to run. Made by a [RuntimeOpener].
abstract interface class EdgeRuntime {
  /// dart, native, litert, wasm or tfjs.
  String get name;

  /// Whether it has to equal the int8 model bit for bit.
  bool get isExact;

  /// Run the flat input; the answer is the caller's to keep.
  Future<Float32List> run(Float32List input);

  /// Free what it holds; nothing may be called after that.
  Future<void> close();
}

/// Makes a runtime from a bundle's files.
abstract interface class RuntimeOpener {
  String get name;

  /// The targets of the bundle whose files it reads.
  List<String> get targets;

  /// Throws an EdgekitException where it cannot run this model here.
  Future<EdgeRuntime> open(Manifest manifest, BundleFiles files);
}
