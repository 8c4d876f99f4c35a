import 'edge_model.dart';
import 'files.dart';
import 'model_spec.dart';
import 'progress.dart';
import 'runtime/dense_runtime.dart';
import 'runtime/edge_runtime.dart';
import 'store/updater.dart';

/// What a platform gives a model: its first files, runtimes, and updates.
abstract interface class EdgeHost {
  /// The runtimes to try, the one to prefer first.
  List<RuntimeOpener> get runtimes;

  /// Open the newest version that is here and passes its golden rows.
  Future<EdgeModel> load(ModelSpec spec);

  /// Look for a newer version and make it the one that [load] opens.
  Future<UpdateOutcome> update(
    ModelSpec spec, {
    OnProgress? onProgress,
    CancelToken? cancel,
  });
}

/// Runs the version that lies in the code, in plain Dart: no files, no
/// plug-in, no network, on every platform.
final class EmbeddedHost implements EdgeHost {
  const EmbeddedHost();

  @override
  List<RuntimeOpener> get runtimes => const [DenseOpener()];

  @override
  Future<EdgeModel> load(ModelSpec spec) =>
      EdgeModel.open(spec, spec.embedded ?? const EmbeddedFiles({}), runtimes);

  @override
  Future<UpdateOutcome> update(
    ModelSpec spec, {
    OnProgress? onProgress,
    CancelToken? cancel,
  }) async => UpToDate(spec.version);
}
