import 'dart:io';
import 'dart:typed_data';

import '../files.dart';

/// The files of a bundle in a folder.
final class DirectoryFiles implements BundleFiles {
  const DirectoryFiles(this.root);

  final String root;

  @override
  Uri? get address => null;

  @override
  Future<Uint8List> read(String path) async {
    final file = File('$root/$path');
    if (!file.existsSync()) throw missingFile(path);
    return file.readAsBytes();
  }
}
