import 'feature.dart';
import 'files.dart';
import 'manifest.dart';

/// What the code of a generated package was made for.
final class ModelSpec {
  const ModelSpec({
    required this.name,
    required this.version,
    required this.bundleId,
    required this.featureHash,
    required this.package,
    required this.inputCount,
    required this.outputCount,
    required this.features,
    required this.results,
    this.embedded,
  });

  final String name;

  /// Version and id of the bundle that the package was generated from.
  final String version;
  final String bundleId;
  final String featureHash;

  /// The Dart package that carries the bundle as assets.
  final String package;
  final int inputCount;
  final int outputCount;

  /// In the order of the flat input; empty where the numbers have no names.
  final List<FeatureSpec> features;
  final List<ResultSpec> results;

  /// The bundle's own files, where the model is small enough for that.
  final EmbeddedFiles? embedded;

  /// Why another version's bundle does not fit this code, or null.
  String? misfit(Manifest manifest) {
    if (manifest.name != name) return 'it is the model "${manifest.name}"';
    if (manifest.featureHash != featureHash ||
        manifest.inputCount != inputCount) {
      return 'its features are others, or in another order';
    }
    if (manifest.outputCount != outputCount || !_sameResults(manifest)) {
      return 'its results are others';
    }
    for (var i = 0; i < features.length; i++) {
      final mine = features[i], its = manifest.features[i];
      final same =
          mine.kind == its.kind &&
          mine.unit == its.unit &&
          mine.firstCode == its.firstCode &&
          mine.categories.join('\n') == its.categories.join('\n');
      if (!same) return 'the feature "${mine.name}" has another meaning';
    }
    return null;
  }

  bool _sameResults(Manifest manifest) {
    if (manifest.results.length != results.length) return false;
    for (var i = 0; i < results.length; i++) {
      final mine = results[i], its = manifest.results[i];
      if (mine.name != its.name || mine.unit != its.unit) return false;
    }
    return true;
  }
}
