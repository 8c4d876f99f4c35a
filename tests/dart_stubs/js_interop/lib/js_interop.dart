/// Stub of dart:js_interop: the VM has none. Static only.
library;

import 'dart:typed_data';

extension type JSAny._(Object _) implements Object {}

extension type JSObject._(Object _) implements JSAny {}

extension type JSString._(Object _) implements JSAny {}

extension type JSUint8Array._(Object _) implements JSObject {}

extension type JSFloat32Array._(Object _) implements JSObject {}

extension type JSPromise<T extends Object?>._(Object _) implements JSObject {}

extension JSPromiseToFuture<T extends Object?> on JSPromise<T> {
  external Future<T> get toDart;
}

extension StringToJSString on String {
  external JSString get toJS;
}

extension Uint8ListToJS on Uint8List {
  external JSUint8Array get toJS;
}

extension JSUint8ArrayToDart on JSUint8Array {
  external Uint8List get toDart;
}

extension Float32ListToJS on Float32List {
  external JSFloat32Array get toJS;
}

extension JSFloat32ArrayToDart on JSFloat32Array {
  external Float32List get toDart;
}

external JSPromise<JSObject> importModule(JSAny moduleName);
