import 'dart:convert';
import 'dart:typed_data';

import 'canonical_json.dart';
import 'errors.dart';
import 'feature.dart';
import 'sha256.dart';
import 'transforms.dart';

/// A file of a bundle.
final class FileEntry {
  const FileEntry({
    required this.path,
    required this.bytes,
    required this.sha256,
    required this.role,
  });

  final String path;
  final int bytes;
  final String sha256;

  /// model, plan, engine, shard, weights, script, runtime or golden.
  final String role;
}

/// A target of a bundle: its files and how its answer is held.
final class TargetEntry {
  const TargetEntry(this.files, this.isExact);

  final List<FileEntry> files;

  /// Whether it equals the int8 model bit for bit.
  final bool isExact;

  /// The files of a role, in the manifest's order.
  List<FileEntry> withRole(String role) => [
    for (final file in files)
      if (file.role == role) file,
  ];
}

/// manifest.json, checked: whatever is wrong is an [EdgekitException].
final class Manifest {
  const Manifest._({
    required this.id,
    required this.name,
    required this.version,
    required this.inputSizes,
    required this.outputSizes,
    required this.features,
    required this.results,
    required this.featureHash,
    required this.targets,
    required this.golden,
    required this.raw,
  });

  /// The sha256 of everything else in the manifest, and so of every file.
  final String id;
  final String name;
  final String version;

  /// How many numbers each input and each output has.
  final List<int> inputSizes;
  final List<int> outputSizes;

  /// In the order of the flat input; empty where the numbers have no names.
  final List<FeatureSpec> features;
  final List<ResultSpec> results;
  final String featureHash;
  final Map<String, TargetEntry> targets;
  final FileEntry golden;

  /// The bytes that it was read from.
  final Uint8List raw;

  int get inputCount => inputSizes.fold(0, (a, b) => a + b);

  int get outputCount => outputSizes.fold(0, (a, b) => a + b);

  /// The files that [targets] of these names need, and golden.json.
  List<FileEntry> filesOf(Iterable<String> names) => [
    golden,
    for (final name in names) ...?targets[name]?.files,
  ];

  /// Every file by its path.
  Map<String, FileEntry> get files => {
    for (final file in filesOf(targets.keys)) file.path: file,
  };

  /// 2 adds the steps of a feature and the transform of a result.
  static const schemaVersions = [1, 2];
  static const maxBytes = 16 * 1024 * 1024;

  /// Read manifest.json; its id is computed again and compared.
  static Manifest parse(Uint8List bytes) {
    if (bytes.length > maxBytes) throw _refused('is larger than 16 MB');
    final String text;
    final Object? plain;
    try {
      text = utf8.decode(bytes);
      plain = jsonDecode(text);
    } on FormatException {
      throw _refused('is not JSON');
    }
    final reader = _Reader(plain);
    final version = reader.root['schema_version'];
    if (!schemaVersions.contains(version)) {
      throw EdgekitException(
        EdgekitErrorCode.format,
        'manifest.json has schema_version $version, this client reads '
        '${schemaVersions.join(' and ')}; generate the client again',
      );
    }
    final id = reader.text(reader.root, 'id');
    if (sha256Hex(ascii.encode(canonicalManifest(text))) != id) {
      throw _refused('does not hash to its id');
    }
    return reader.manifest(id, bytes);
  }
}

EdgekitException _refused(String what) => EdgekitException(
  EdgekitErrorCode.format,
  'manifest.json $what; export the bundle again',
);

final class _Reader {
  _Reader(Object? plain)
    : root = plain is Map<String, Object?>
          ? plain
          : throw _refused('is not a JSON object');

  final Map<String, Object?> root;

  static final _path = RegExp(
    r'^(?=.{1,200}$)[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$',
  );
  static final _hash = RegExp(r'^[0-9a-f]{64}$');

  Manifest manifest(String id, Uint8List raw) {
    final inputs = _signatures('inputs');
    final features = _features(inputs);
    final results = [
      for (final plain in list(root, 'results'))
        ResultSpec(
          name: text(map(plain), 'name'),
          unit: text(map(plain), 'unit'),
          transform: _transform(map(plain)['transform'] ?? 'none'),
        ),
    ];
    final result = Manifest._(
      id: id,
      name: text(root, 'name'),
      version: text(root, 'version'),
      inputSizes: [for (final input in inputs) input.$2],
      outputSizes: [for (final output in _signatures('outputs')) output.$2],
      features: features,
      results: results,
      featureHash: text(root, 'feature_hash'),
      targets: map(root['targets']).map((k, v) => MapEntry(k, _target(v))),
      golden: _file(root['golden']),
      raw: raw,
    );
    final numbers = features.fold(0, (sum, feature) => sum + feature.steps);
    if (features.isNotEmpty && numbers != result.inputCount) {
      throw _refused('has too few or too many features');
    }
    if (results.isNotEmpty && results.length != result.outputCount) {
      throw _refused('has too few or too many results');
    }
    return result;
  }

  List<(String, int)> _signatures(String key) {
    final found = [
      for (final plain in list(root, key))
        (
          text(map(plain), 'name'),
          list(map(plain), 'shape').fold(1, (n, size) => n * _whole(size)),
        ),
    ];
    if (found.isEmpty) throw _refused('has no $key');
    return found;
  }

  List<FeatureSpec> _features(List<(String, int)> inputs) {
    final offsets = <String, int>{};
    var total = 0;
    for (final (name, size) in inputs) {
      offsets[name] = total;
      total += size;
    }
    final features = [for (final f in list(root, 'features')) map(f)];
    final places = <int, FeatureSpec>{};
    final taken = <int>{};
    for (final feature in features) {
      final offset = offsets[feature['input']];
      if (offset == null) throw _refused('puts a feature in no input');
      final place = offset + _whole(feature['index']);
      final apart = features.where((f) => f['input'] == feature['input']);
      final read = places[place] = _feature(feature);
      for (var step = 0; step < read.steps; step++) {
        if (!taken.add(place + step * apart.length)) {
          throw _refused('uses a place twice');
        }
      }
    }
    return [for (final place in places.keys.toList()..sort()) places[place]!];
  }

  ResultTransform _transform(Object name) => ResultTransform.values.firstWhere(
    (transform) => transform.name == name,
    orElse: () => throw _refused('has the unknown transform $name'),
  );

  FeatureSpec _feature(Map<String, Object?> plain) {
    final range = [for (final end in list(plain, 'range')) _number(end)];
    if (range.length != 2 || range[0] > range[1]) {
      throw _refused('has a range that is not two numbers, the lower first');
    }
    final kind = text(plain, 'kind');
    return FeatureSpec(
      name: text(plain, 'name'),
      unit: text(plain, 'unit'),
      kind: FeatureKind.values.firstWhere(
        (k) => k.name == kind,
        orElse: () => throw _refused('has the unknown kind of feature $kind'),
      ),
      low: range[0],
      high: range[1],
      typical: _number(plain['mean']),
      categories: [
        for (final label in plain['categories'] as List<Object?>? ?? const [])
          '$label',
      ],
      steps: _whole(plain['steps'] ?? 1),
      input: text(plain, 'input'),
    );
  }

  TargetEntry _target(Object? plain) {
    final target = map(plain);
    final files = [for (final file in list(target, 'files')) _file(file)];
    return TargetEntry(files, target['parity'] == 'exact');
  }

  FileEntry _file(Object? plain) {
    final file = map(plain);
    final entry = FileEntry(
      path: text(file, 'path'),
      bytes: _whole(file['bytes']),
      sha256: text(file, 'sha256'),
      role: text(file, 'role'),
    );
    if (!_path.hasMatch(entry.path) || entry.path == 'manifest.json') {
      throw _refused('names the unsafe path "${entry.path}"');
    }
    if (!_hash.hasMatch(entry.sha256)) {
      throw _refused('has a malformed sha256 for ${entry.path}');
    }
    return entry;
  }

  Map<String, Object?> map(Object? plain) => plain is Map<String, Object?>
      ? plain
      : throw _refused('lacks an object where one is needed');

  List<Object?> list(Map<String, Object?> plain, String key) {
    final value = plain[key];
    return value is List<Object?> ? value : throw _refused('needs a list $key');
  }

  String text(Map<String, Object?> plain, String key) {
    final value = plain[key];
    return value is String ? value : throw _refused('needs a text $key');
  }

  double _number(Object? value) => value is num && value.isFinite
      ? value.toDouble()
      : throw _refused('lacks a number where one is needed');

  int _whole(Object? value) => value is int && value >= 0 && value <= 2000000000
      ? value
      : throw _refused('has an impossible size');
}
