import 'dart:convert';
import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:edgekit_client/src/canonical_json.dart';
import 'package:edgekit_client/src/sha256.dart';

/// A bundle by hand: one feature, one result, a "model" of one byte that the
/// answer is multiplied with.
final class FakeBundle {
  FakeBundle(
    this.version, {
    this.factor = 2,
    this.goldenFactor,
    this.feature = 'x',
    this.targets = const ['wasm'],
  });

  final String version;
  final int factor;

  /// What the golden rows say, if not the truth.
  final int? goldenFactor;
  final String feature;
  final List<String> targets;

  late final Map<String, Uint8List> files = _files();
  late final Manifest manifest = Manifest.parse(files['manifest.json']!);
  String get id => manifest.id;

  Map<String, Uint8List> _files() {
    final model = Uint8List.fromList([factor]);
    final shared = Uint8List.fromList(List.filled(1000, 7));
    final golden = utf8.encode(
      jsonEncode({
        'schema_version': 1,
        'inputs': [
          for (var i = 1; i <= 32; i++) [i],
        ],
        for (final table in ['float', 'quantized'])
          table: [
            for (var i = 1; i <= 32; i++) [i * (goldenFactor ?? factor)],
          ],
      }),
    );
    final contents = {
      'wasm/plan.bin': model,
      'wasm/shard-000.bin': shared,
      'golden.json': golden,
    };
    Map<String, Object?> entry(String path, String role) => {
      'path': path,
      'bytes': contents[path]!.length,
      'sha256': sha256Hex(contents[path]!),
      'role': role,
    };
    final plain = <String, Object?>{
      'schema_version': 1,
      'id': '',
      'name': 'fake',
      'version': version,
      'task': 'regression',
      'inputs': [
        {
          'name': 'in',
          'shape': [1, 1],
          'dtype': 'float32',
        },
      ],
      'outputs': [
        {
          'name': 'out',
          'shape': [1, 1],
          'dtype': 'float32',
        },
      ],
      'features': [
        {
          'name': feature,
          'unit': 'm',
          'kind': 'number',
          'input': 'in',
          'index': 0,
          'range': [0.0, 100.0],
          'mean': 5.0,
          'std': 1.0,
          'categories': <String>[],
        },
      ],
      'results': [
        {'name': 'y', 'unit': 'm'},
      ],
      'feature_hash': sha256Hex(utf8.encode(feature)),
      'targets': {
        for (final target in targets)
          target: {
            'files': [
              entry('wasm/plan.bin', 'plan'),
              entry('wasm/shard-000.bin', 'shard'),
            ],
            'parity': 'exact',
          },
      },
      'golden': entry('golden.json', 'golden'),
    };
    plain['id'] = sha256Hex(ascii.encode(canonicalManifest(jsonEncode(plain))));
    return {...contents, 'manifest.json': utf8.encode(jsonEncode(plain))};
  }

  ModelSpec get spec => ModelSpec(
    name: 'fake',
    version: version,
    bundleId: id,
    featureHash: manifest.featureHash,
    package: 'fake_model',
    inputCount: 1,
    outputCount: 1,
    features: manifest.features,
    results: manifest.results,
  );

  BundleFiles get asFiles => EmbeddedFiles({
    for (final MapEntry(:key, :value) in files.entries)
      key: base64Encode(value),
  });
}

/// Multiplies the input with the byte in plan.bin.
final class FakeOpener implements RuntimeOpener {
  const FakeOpener({this.fails = false, this.isWrong = false});

  final bool fails;

  /// A device on which the arithmetic is another.
  final bool isWrong;

  @override
  String get name => 'fake';

  @override
  List<String> get targets => const ['wasm'];

  @override
  Future<EdgeRuntime> open(Manifest manifest, BundleFiles files) async {
    if (fails) {
      throw const EdgekitException(EdgekitErrorCode.runtime, 'it is not here');
    }
    final factor = (await files.read('wasm/plan.bin')).single;
    await files.read('wasm/shard-000.bin');
    return FakeRuntime(isWrong ? factor + 1 : factor);
  }
}

final class FakeRuntime implements EdgeRuntime {
  const FakeRuntime(this.factor);

  final int factor;

  @override
  String get name => 'fake';

  @override
  bool get isExact => true;

  @override
  Future<Float32List> run(Float32List input) async =>
      Float32List.fromList([input.single * factor]);

  @override
  Future<void> close() async {}
}

/// A host on paper: a channel file and bundles by their ids.
final class FakeTransport implements Transport {
  final Map<String, Uint8List> served = {};
  final List<String> asked = [];
  String? etag;

  static final root = Uri.parse('https://models.example/fake/');

  void publish(
    FakeBundle stable, {
    FakeBundle? canary,
    num percent = 0,
    String? signature,
  }) {
    for (final bundle in [stable, if (canary != null) canary]) {
      bundle.files.forEach((path, bytes) {
        served['bundles/${bundle.id}/$path'] = bytes;
      });
    }
    served['channel.json'] = utf8.encode(
      jsonEncode({
        'format': 'edgekit-channel/1',
        'name': 'fake',
        'stable': {
          'id': stable.id,
          'path': 'bundles/${stable.id}/',
          if (signature != null) 'signature': signature,
        },
        'canary': canary == null
            ? null
            : {
                'id': canary.id,
                'path': 'bundles/${canary.id}/',
                'percent': percent,
              },
        'previous': <Object?>[],
      }),
    );
    etag = '"${sha256Hex(served['channel.json']!)}"';
  }

  @override
  Future<TransportResponse> get(
    Uri uri, {
    Map<String, String> headers = const {},
  }) async {
    final path = uri.path.replaceFirst('/fake/', '');
    asked.add(path.split('/').last);
    final isChannel = path == 'channel.json';
    if (isChannel && headers['if-none-match'] == etag) return _answer(304);
    final bytes = served[path];
    if (bytes == null) return _answer(404);
    return _answer(200, bytes, {if (isChannel) 'etag': etag!});
  }

  static TransportResponse _answer(
    int status, [
    List<int> bytes = const [],
    Map<String, String> headers = const {},
  ]) => TransportResponse(
    status: status,
    headers: headers,
    body: Stream.value(bytes),
  );
}
