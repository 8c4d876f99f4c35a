import 'dart:convert';
import 'dart:js_interop';
import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';

/// assets/edgekit_shim.js, which has the logic; this file has the types.
extension type EdgekitShim(JSObject _) implements JSObject {
  external JSPromise<ShimModel> open(
    String runtime,
    String bundle,
    String target,
    JSUint8Array manifest,
  );
  external JSPromise<ShimAnswer> get(String url, String headers);
  external String? read(String key);
  external bool write(String key, String text);
  external void remove(String key);
  external String list(String prefix);
  external String get userAgent;
}

/// A model that the browser runtime has opened.
extension type ShimModel(JSObject _) implements JSObject {
  external JSPromise<JSFloat32Array> run(JSFloat32Array input);
  external void close();
}

/// What a request brought.
extension type ShimAnswer(JSObject _) implements JSObject {
  external int get status;
  external String get headers;
  external JSUint8Array get bytes;
}

/// Load the shim, once a page.
Future<EdgekitShim> loadShim() async {
  final address = Uri.base.resolve(
    'assets/packages/edgekit_flutter/assets/edgekit_shim.js',
  );
  final module = await importModule('$address'.toJS).toDart;
  return EdgekitShim(module);
}

/// edgekit's browser runtime: the wasm engine, or TensorFlow.js.
final class WebOpener implements RuntimeOpener {
  const WebOpener(this._shim, this.name, this.app);

  final EdgekitShim _shim;

  /// The bundle in the app: scripts are taken from it, whatever version of the
  /// model they run.
  final Uri app;

  @override
  final String name;

  @override
  List<String> get targets => [name];

  @override
  Future<EdgeRuntime> open(Manifest manifest, BundleFiles files) async {
    final address = files.address;
    if (address == null || !manifest.targets.containsKey(name)) {
      throw EdgekitException(
        EdgekitErrorCode.runtime,
        'the bundle has no target $name with an address',
      );
    }
    final runtime = app.resolve('runtime/edgekit.js');
    try {
      final model = await _shim
          .open('$runtime', '$address', name, manifest.raw.toJS)
          .toDart;
      return WebRuntime(model, name, manifest.targets[name]!.isExact);
    } on Object catch (error) {
      throw EdgekitException(EdgekitErrorCode.runtime, '$error');
    }
  }
}

/// A model in the browser runtime.
final class WebRuntime implements EdgeRuntime {
  const WebRuntime(this._model, this.name, this.isExact);

  final ShimModel _model;

  @override
  final String name;

  @override
  final bool isExact;

  @override
  Future<Float32List> run(Float32List input) async {
    final answer = await _model.run(input.toJS).toDart;
    return answer.toDart;
  }

  @override
  Future<void> close() async => _model.close();
}

/// HTTP by `fetch`; a body comes as one piece.
final class WebTransport implements Transport {
  const WebTransport(this._shim);

  final EdgekitShim _shim;

  @override
  Future<TransportResponse> get(
    Uri uri, {
    Map<String, String> headers = const {},
  }) async {
    final answer = await _shim.get('$uri', jsonEncode(headers)).toDart;
    return TransportResponse(
      status: answer.status,
      headers: (jsonDecode(answer.headers) as Map<String, Object?>).cast(),
      body: Stream.value(answer.bytes.toDart),
    );
  }
}

/// Texts in the browser's localStorage: states and manifests, no weights.
final class WebStorage implements Storage {
  const WebStorage(this._shim);

  final EdgekitShim _shim;

  @override
  Future<Uint8List?> read(String path) async {
    final text = _shim.read(path);
    return text == null ? null : utf8.encode(text);
  }

  @override
  Future<int> length(String path) async => (await read(path))?.length ?? 0;

  @override
  Future<void> write(String path, List<int> bytes) async {
    _shim.write(path, utf8.decode(bytes));
  }

  @override
  Future<void> append(String path, List<int> bytes) async {
    await write(path, [...?await read(path), ...bytes]);
  }

  @override
  Future<void> rename(String from, String to) async {
    final text = _shim.read(from);
    if (text == null) return;
    _shim.write(to, text);
    _shim.remove(from);
  }

  @override
  Future<void> delete(String path) async => _shim.remove(path);

  @override
  Future<List<String>> list(String folder) async => [
    ...(jsonDecode(_shim.list('$folder/')) as List<Object?>).cast(),
  ];
}
