import 'package:edgekit_client/edgekit_client.dart';

/// What a platform has: where to keep files, how to fetch, what can run.
final class PlatformParts {
  const PlatformParts({
    required this.storage,
    required this.transport,
    required this.runtimes,
    required this.keepsFiles,
    required this.device,
    this.seedAddress,
  });

  final Storage storage;
  final Transport transport;

  /// The runtimes for a model, the one to prefer first.
  final List<RuntimeOpener> Function(ModelSpec spec) runtimes;
  final bool keepsFiles;

  /// For benchmarks: platform, version, processors.
  final Map<String, Object?> device;

  /// Where a package's bundle is fetched from, in browsers.
  final Uri Function(String package)? seedAddress;
}
