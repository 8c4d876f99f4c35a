import 'dart:convert';
import 'dart:typed_data';

import 'errors.dart';
import 'manifest.dart';
import 'sha256.dart';

/// Where the files of one bundle lie: assets, a folder, a store, memory.
abstract interface class BundleFiles {
  /// Returns a file's bytes; throws where there is none.
  Future<Uint8List> read(String path);

  /// Where a runtime that fetches for itself finds the folder (the web).
  Uri? get address;
}

/// Files in memory: how a small model lies in the code.
final class EmbeddedFiles implements BundleFiles {
  const EmbeddedFiles(this.files, {this.texts = const {}});

  /// Path to base64, and path to text.
  final Map<String, String> files;
  final Map<String, String> texts;

  @override
  Uri? get address => null;

  @override
  Future<Uint8List> read(String path) async {
    final text = texts[path];
    if (text != null) return utf8.encode(text);
    final coded = files[path];
    if (coded == null) throw missingFile(path);
    return base64Decode(coded);
  }
}

/// Files whose size and sha256 are compared with the manifest as they are read.
final class CheckedFiles implements BundleFiles {
  CheckedFiles(this._files, Manifest manifest) : _entries = manifest.files;

  final BundleFiles _files;
  final Map<String, FileEntry> _entries;

  @override
  Uri? get address => _files.address;

  @override
  Future<Uint8List> read(String path) async {
    final entry = _entries[path];
    if (entry == null) throw missingFile(path);
    final bytes = await _files.read(path);
    checkFile(entry, bytes);
    return bytes;
  }
}

/// Throws where [bytes] are not what the manifest says of a file.
void checkFile(FileEntry entry, Uint8List bytes) {
  if (bytes.length != entry.bytes) {
    throw EdgekitException(
      EdgekitErrorCode.corrupt,
      '${entry.path} has ${bytes.length} bytes, the manifest says '
      '${entry.bytes}',
    );
  }
  if (sha256Hex(bytes) != entry.sha256) {
    throw EdgekitException(
      EdgekitErrorCode.corrupt,
      '${entry.path} does not match its sha256',
    );
  }
}

/// What [BundleFiles.read] throws for a file that it does not have.
EdgekitException missingFile(String path) => EdgekitException(
  EdgekitErrorCode.corrupt,
  'the bundle lacks $path; export it again',
);
