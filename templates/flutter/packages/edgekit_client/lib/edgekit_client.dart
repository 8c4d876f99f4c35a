/// Runs models that edgekit exported, and keeps them up to date.
///
/// Pure Dart that runs everywhere; what needs a file system is in
/// `package:edgekit_client/io.dart`.
library;

export 'src/bench.dart';
export 'src/edge_model.dart';
export 'src/errors.dart';
export 'src/feature.dart';
export 'src/files.dart';
export 'src/golden.dart';
export 'src/host.dart';
export 'src/manifest.dart';
export 'src/model_spec.dart';
export 'src/preprocess.dart';
export 'src/progress.dart';
export 'src/runtime/dense_runtime.dart';
export 'src/runtime/edge_runtime.dart';
export 'src/series.dart';
export 'src/store/bundle_store.dart';
export 'src/store/channel.dart';
export 'src/store/downloader.dart';
export 'src/store/storage.dart';
export 'src/store/transport.dart';
export 'src/store/updater.dart';
export 'src/transforms.dart';
export 'src/validation.dart';
