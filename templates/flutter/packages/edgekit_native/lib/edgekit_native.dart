/// edgekit's engine as a native library: the same bits everywhere.
///
/// Needs dart:ffi, so it is not for browsers.
library;

export 'src/native_runtime.dart';
