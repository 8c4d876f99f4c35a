import 'dart:io';
import 'dart:typed_data';

import '../store/storage.dart';

/// A [Storage] in a folder of the device.
final class FileStorage implements Storage {
  const FileStorage(this.root);

  final String root;

  File _file(String path) => File('$root/$path');

  @override
  Future<Uint8List?> read(String path) async {
    final file = _file(path);
    return file.existsSync() ? file.readAsBytes() : null;
  }

  @override
  Future<int> length(String path) async {
    final file = _file(path);
    return file.existsSync() ? file.length() : 0;
  }

  @override
  Future<void> write(String path, List<int> bytes) async {
    final temporary = _file('$path.new');
    await temporary.parent.create(recursive: true);
    await temporary.writeAsBytes(bytes, flush: true);
    await temporary.rename(_file(path).path);
  }

  @override
  Future<void> append(String path, List<int> bytes) async {
    final file = _file(path);
    await file.parent.create(recursive: true);
    await file.writeAsBytes(bytes, mode: FileMode.append, flush: true);
  }

  @override
  Future<void> rename(String from, String to) async {
    await _file(from).rename(_file(to).path);
  }

  @override
  Future<void> delete(String path) async {
    final file = _file(path);
    if (file.existsSync()) await file.delete();
  }

  @override
  Future<List<String>> list(String folder) async {
    final directory = Directory('$root/$folder');
    if (!directory.existsSync()) return const [];
    return [
      for (final entity in directory.listSync())
        if (entity is File) entity.uri.pathSegments.last,
    ];
  }
}
