import 'dart:convert';
import 'dart:typed_data';

import '../ed25519.dart';
import '../errors.dart';
import '../sha256.dart';

/// A version that a channel names.
final class Release {
  const Release({required this.id, required this.path, this.signature});

  /// The id of the bundle, which pins every byte of it.
  final String id;

  /// Where it lies, relative to the channel file.
  final String path;

  /// Ed25519 over [signedText], 64 bytes; null where it was not signed.
  final Uint8List? signature;
}

/// channel.json: which version an installation is to run.
final class Channel {
  const Channel._(this.name, this.stable, this._canary, this._percent);

  final String name;
  final Release stable;
  final Release? _canary;
  final double _percent;

  static const format = 'edgekit-channel/1';

  /// Read channel.json; whatever is wrong is an [EdgekitException].
  static Channel parse(Uint8List bytes) {
    try {
      final plain = jsonDecode(utf8.decode(bytes)) as Map<String, Object?>;
      if (plain['format'] != format) {
        throw EdgekitException(
          EdgekitErrorCode.format,
          'channel.json has the format ${plain['format']}, this client reads '
          '$format; update the app',
        );
      }
      final canary = plain['canary'] as Map<String, Object?>?;
      return Channel._(
        plain['name'] as String,
        _release(plain['stable'] as Map<String, Object?>),
        canary == null ? null : _release(canary),
        (canary?['percent'] as num? ?? 0).toDouble(),
      );
    } on EdgekitException {
      rethrow;
    } on Object {
      throw const EdgekitException(
        EdgekitErrorCode.format,
        'channel.json is not a channel file; publish again',
      );
    }
  }

  static Release _release(Map<String, Object?> plain) {
    final id = plain['id'] as String, path = plain['path'] as String;
    if (!RegExp(r'^[0-9a-f]{64}$').hasMatch(id)) throw const FormatException();
    final signature = plain['signature'] as String?;
    return Release(
      id: id,
      path: path,
      signature: signature == null ? null : base64Decode(signature),
    );
  }

  /// The version for an installation: the canary for [Channel]'s share of
  /// them, always the same ones, else the stable one.
  ///
  /// A version in [refused] failed here before; then the stable one it is.
  Release choose(String installId, {List<String> refused = const []}) {
    final canary = _canary;
    if (canary == null || refused.contains(canary.id)) return stable;
    return bucketOf(canary.id, installId) < _percent ? canary : stable;
  }
}

/// Where an installation stands in the roll-out of a version, from 0 to 100:
/// the first 32 bits of sha256("ID:INSTALL_ID").
double bucketOf(String id, String installId) {
  final hash = sha256(utf8.encode('$id:$installId'));
  return ByteData.sublistView(hash).getUint32(0) / 4294967296 * 100;
}

/// What the owner of a model signs to release a version of it.
String signedText(String name, String id) => 'edgekit-release/1\n$name\n$id\n';

/// Throws where [release] is not signed by the owner of [publicKey].
void checkSignature(String name, Release release, Uint8List publicKey) {
  final signature = release.signature;
  final message = utf8.encode(signedText(name, release.id));
  if (signature == null || !verifyEd25519(publicKey, message, signature)) {
    throw EdgekitException(
      EdgekitErrorCode.signature,
      'the version ${release.id.substring(0, 16)} of $name is '
      '${signature == null ? 'not signed' : 'signed by somebody else'}; '
      'refusing it',
    );
  }
}
