import 'dart:async';

import 'errors.dart';

/// How far a download is; [loaded] only grows, whatever has to be repeated.
final class Progress {
  const Progress(this.file, this.loaded, this.total);

  /// The path in the bundle that the last bytes belong to.
  final String file;
  final int loaded;
  final int total;

  /// From 0 to 1.
  double get fraction => total == 0 ? 1 : loaded / total;
}

/// Told of a download's progress.
typedef OnProgress = void Function(Progress progress);

/// Stops what it is given to; what waits ends with an [EdgekitException].
final class CancelToken {
  final Completer<void> _cancelled = Completer<void>();

  /// Stop; a second call does nothing.
  void cancel() {
    if (!_cancelled.isCompleted) _cancelled.complete();
  }

  bool get isCancelled => _cancelled.isCompleted;

  /// Completes when [cancel] is called.
  Future<void> get whenCancelled => _cancelled.future;

  /// Throws where [cancel] was called.
  void check() {
    if (isCancelled) throw cancelledError;
  }
}

/// What a cancelled caller gets.
const cancelledError = EdgekitException(
  EdgekitErrorCode.cancelled,
  'it was cancelled',
);
