/// What kind of thing went wrong, for programs.
enum EdgekitErrorCode {
  /// manifest.json, golden.json or plan.bin is not one that this client reads.
  format,

  /// A file is not what the manifest says: size or sha256.
  corrupt,

  /// A file could not be fetched.
  network,

  /// The version fits another app: other features or results.
  incompatible,

  /// No runtime can run the model here.
  runtime,

  /// The model answers its golden rows wrongly on this device.
  selfTest,

  /// The signature is missing or not by the key of this app.
  signature,

  /// The caller cancelled.
  cancelled,
}

/// An expected failure: one sentence that says what, which and what to do.
final class EdgekitException implements Exception {
  const EdgekitException(this.code, this.message);

  final EdgekitErrorCode code;
  final String message;

  @override
  String toString() => message;
}
