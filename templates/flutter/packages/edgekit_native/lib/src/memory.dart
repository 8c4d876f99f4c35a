import 'dart:ffi';
import 'dart:io';
import 'dart:typed_data';

/// Memory that the garbage collector does not move: package:ffi's allocator in
/// few lines, so that there is no dependency.
final class NativeMemory {
  NativeMemory(int bytes) : _block = _allocate(bytes + _alignment) {
    if (_block == nullptr) throw OutOfMemoryError();
    final skip = -_block.address % _alignment;
    start = Pointer.fromAddress(_block.address + skip);
    view = start.asTypedList(bytes)..fillRange(0, bytes, 0);
  }

  static const _alignment = 64;

  final Pointer<Uint8> _block;
  late final Pointer<Uint8> start;
  late final Uint8List view;

  void free() => _free(_block);
}

final DynamicLibrary _system = Platform.isWindows
    ? DynamicLibrary.open('ole32.dll')
    : DynamicLibrary.process();

final _allocate = _system
    .lookupFunction<
      Pointer<Uint8> Function(Size),
      Pointer<Uint8> Function(int)
    >(Platform.isWindows ? 'CoTaskMemAlloc' : 'malloc');

final _free = _system
    .lookupFunction<
      Void Function(Pointer<Uint8>),
      void Function(Pointer<Uint8>)
    >(Platform.isWindows ? 'CoTaskMemFree' : 'free');
