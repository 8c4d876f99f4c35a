import 'dart:convert';
import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:edgekit_client/src/canonical_json.dart';
import 'package:edgekit_client/src/ed25519.dart';
import 'package:edgekit_client/src/sha256.dart';
import 'package:edgekit_client/src/sha512.dart';
import 'package:test/test.dart';

Uint8List _hex(String digits) => Uint8List.fromList([
  for (var i = 0; i < digits.length; i += 2)
    int.parse(digits.substring(i, i + 2), radix: 16),
]);

String _digits(List<int> bytes) =>
    [for (final b in bytes) b.toRadixString(16).padLeft(2, '0')].join();

void main() {
  test('sha256 of FIPS 180-4, and of every length around a block', () {
    expect(
      sha256Hex(utf8.encode('abc')),
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    // The sha256 of the sha256 of 0, 1, ... 129 zeros, one behind the other.
    final all = BytesBuilder();
    for (var n = 0; n < 130; n++) {
      all.add(sha256(Uint8List(n)));
    }
    expect(
      sha256Hex(all.takeBytes()),
      'd26cf8eafa144521d64bdc66b8314175fd9e78310979a068c8b8b2ea18636450',
    );
  });

  test('sha512 of FIPS 180-4', () {
    expect(
      _digits(sha512(utf8.encode('abc'))).substring(0, 32),
      'ddaf35a193617abacc417349ae204131',
    );
    expect(
      _digits(sha512(Uint8List(200))).substring(0, 32),
      '72686058f765941bfda046f7890a4b70',
    );
  });

  // RFC 8032, section 7.1, tests 1 to 3.
  const vectors = [
    (
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155'
          '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ),
    (
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da'
          '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ),
    (
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac'
          '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ),
  ];

  test('Ed25519 of RFC 8032, and no bit of it may differ', () {
    for (final (key, message, signature) in vectors) {
      final k = _hex(key), m = _hex(message), s = _hex(signature);
      expect(verifyEd25519(k, m, s), isTrue);
      for (final part in [k, s]) {
        final at = part.length ~/ 2;
        part[at] ^= 1;
        expect(verifyEd25519(k, m, s), isFalse);
        part[at] ^= 1;
      }
      expect(verifyEd25519(k, [...m, 0], s), isFalse);
      expect(verifyEd25519(k, m, s.sublist(1)), isFalse);
    }
  });

  test('a scalar beyond the order is no signature', () {
    // Adding the order to S gives another encoding of the same number.
    final (key, message, signature) = vectors.first;
    final s = _hex(signature);
    final order = _hex(
      'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010',
    );
    var carry = 0;
    for (var i = 0; i < 32; i++) {
      final sum = s[32 + i] + order[i] + carry;
      s[32 + i] = sum & 255;
      carry = sum >> 8;
    }
    expect(verifyEd25519(_hex(key), _hex(message), s), isFalse);
  });

  test('a signature is of one version of one model', () {
    final key = base64Decode('A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=');
    final release = Release(
      id: 'a' * 64,
      path: 'x',
      signature: base64Decode(
        'fNiK/jH4/NvQH9rskxpKRZdol8JaJa4Fo+k7qhFHBqc1'
        'CEnIJFLYt/WS+XtZdsvRFYzcSyTEkGwSjO8aXr9HAg==',
      ),
    );
    checkSignature('fake', release, key);
    expect(
      () => checkSignature('other', release, key),
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.message,
          'message',
          'the version aaaaaaaaaaaaaaaa of other is signed by somebody else; '
              'refusing it',
        ),
      ),
    );
    expect(
      () => checkSignature('fake', Release(id: 'a' * 64, path: 'x'), key),
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.message,
          'message',
          'the version aaaaaaaaaaaaaaaa of fake is not signed; refusing it',
        ),
      ),
    );
  });

  test('canonical JSON: keys by code point, numbers as they are', () {
    expect(
      canonicalManifest(
        '{"b": [1e-05, -0.0, 1.0],\n "id": "x", "a": {"id": "y", "é\u{1f600}": '
        r'"\u00e9\/\n\u007f"}, "\uff5e": null, "\ud83d\ude00": true}',
      ),
      r'{"a":{"id":"y","\u00e9\ud83d\ude00":"\u00e9/\n\u007f"},'
      r'"b":[1e-05,-0.0,1.0],"id":"","\uff5e":null,"\ud83d\ude00":true}',
    );
  });

  for (final broken in [
    '',
    '{',
    '[1,]',
    '{"a" 1}',
    '01',
    '{"a":1} 2',
    '"\n"',
  ]) {
    test('no JSON: ${jsonEncode(broken)}', () {
      expect(() => canonicalManifest(broken), throwsA(isA<EdgekitException>()));
    });
  }

  test('bits, not numbers', () {
    final zero = Float32List.fromList([0.0]);
    expect(sameBits(zero, Float32List.fromList([-0.0])), isFalse);
    expect(sameBits(zero, Float32List.fromList([0.0])), isTrue);
    expect(sameBits(zero, Float32List(2)), isFalse);
  });

  test('percentiles between the closest ranks', () {
    expect(percentile([4, 1, 3, 2], 50), 2.5);
    expect(percentile([1], 99), 1.0);
    expect(percentile([for (var i = 0; i <= 100; i++) i.toDouble()], 90), 90.0);
  });
}
