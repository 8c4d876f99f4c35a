import 'dart:typed_data';

/// A place for bytes by path; folders come and go with their files.
abstract interface class Storage {
  /// Returns the bytes, or null where there are none.
  Future<Uint8List?> read(String path);

  /// How many bytes there are; 0 where there is nothing.
  Future<int> length(String path);

  /// Write the whole of a file: a reader finds the old or the new bytes.
  Future<void> write(String path, List<int> bytes);

  /// Add bytes at the end.
  Future<void> append(String path, List<int> bytes);

  /// Move a file, over one that may be there.
  Future<void> rename(String from, String to);

  /// Remove a file; nothing happens where there is none.
  Future<void> delete(String path);

  /// The names of the files in a folder.
  Future<List<String>> list(String folder);
}

/// A [Storage] that ends with the program.
final class MemoryStorage implements Storage {
  final Map<String, Uint8List> files = {};

  @override
  Future<Uint8List?> read(String path) async => files[path];

  @override
  Future<int> length(String path) async => files[path]?.length ?? 0;

  @override
  Future<void> write(String path, List<int> bytes) async =>
      files[path] = Uint8List.fromList(bytes);

  @override
  Future<void> append(String path, List<int> bytes) async =>
      files[path] = Uint8List.fromList([...?files[path], ...bytes]);

  @override
  Future<void> rename(String from, String to) async {
    final bytes = files.remove(from);
    if (bytes != null) files[to] = bytes;
  }

  @override
  Future<void> delete(String path) async => files.remove(path);

  @override
  Future<List<String>> list(String folder) async => [
    for (final path in files.keys)
      if (path.startsWith('$folder/')) path.substring(folder.length + 1),
  ];
}
