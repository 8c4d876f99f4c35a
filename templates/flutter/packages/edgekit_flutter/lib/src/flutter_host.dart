import 'package:edgekit_client/edgekit_client.dart';

import 'asset_files.dart';
import 'platform.dart';
import 'platform_parts.dart';

/// Runs models in a Flutter app: the bundle in the package's assets, newer
/// versions from [updates], the best runtime of the platform.
///
///     final model = await ExampleModel.load(FlutterHost());
final class FlutterHost implements EdgeHost {
  FlutterHost({this.updates, this.extraRuntimes = const []});

  /// Where new versions come from; null for an app that takes none.
  final UpdateConfig? updates;

  /// Runtimes to try before those of the platform, such as LiteRtOpener().
  final List<RuntimeOpener> extraRuntimes;

  late final Future<PlatformParts> _parts = openPlatform();
  List<RuntimeOpener> _runtimes = const [];

  /// Known once a model was loaded.
  @override
  List<RuntimeOpener> get runtimes => _runtimes;

  /// What is known of the device, for benchmarks.
  Future<Map<String, Object?>> get device async => (await _parts).device;

  @override
  Future<EdgeModel> load(ModelSpec spec) async => (await _updater(spec)).load();

  /// Open the version in the app with one runtime only, to compare runtimes.
  Future<EdgeModel> loadWith(ModelSpec spec, RuntimeOpener runtime) async =>
      EdgeModel.open(spec, _seed(spec, await _parts), [runtime]);

  @override
  Future<UpdateOutcome> update(
    ModelSpec spec, {
    OnProgress? onProgress,
    CancelToken? cancel,
  }) async {
    final updater = await _updater(spec);
    final config = updates;
    if (config == null) return UpToDate(spec.version);
    return updater.update(config, onProgress: onProgress, cancel: cancel);
  }

  BundleFiles _seed(ModelSpec spec, PlatformParts parts) =>
      AssetFiles(spec.package, address: parts.seedAddress?.call(spec.package));

  Future<Updater> _updater(ModelSpec spec) async {
    final parts = await _parts;
    _runtimes = [...extraRuntimes, ...parts.runtimes(spec)];
    return Updater(
      spec: spec,
      store: BundleStore(parts.storage, spec.name),
      downloader: Downloader(
        transport: parts.transport,
        storage: parts.storage,
      ),
      runtimes: _runtimes,
      seed: _seed(spec, parts),
      keepsFiles: parts.keepsFiles,
    );
  }
}
