import 'dart:typed_data';

final _mask = (BigInt.one << 64) - BigInt.one;

/// Returns the SHA-512 of [bytes], 64 bytes (FIPS 180-4).
///
/// In BigInt, because JavaScript has no 64-bit integers: for short messages.
Uint8List sha512(List<int> bytes) {
  final state = [..._initial];
  final size = (bytes.length + 17 + 127) ~/ 128 * 128;
  final data = Uint8List(size)..setRange(0, bytes.length, bytes);
  data[bytes.length] = 0x80;
  final view = ByteData.sublistView(data);
  view.setUint32(size - 8, bytes.length ~/ 0x20000000);
  view.setUint32(size - 4, bytes.length % 0x20000000 * 8);
  for (var at = 0; at < size; at += 128) {
    _block(state, view, at);
  }
  final out = ByteData(64);
  for (var i = 0; i < 8; i++) {
    out.setUint32(8 * i, (state[i] >> 32).toInt());
    out.setUint32(8 * i + 4, (state[i] & BigInt.from(0xffffffff)).toInt());
  }
  return out.buffer.asUint8List();
}

BigInt _rotate(BigInt x, int n) => (x >> n) | ((x << (64 - n)) & _mask);

void _block(List<BigInt> state, ByteData view, int at) {
  final w = <BigInt>[];
  for (var i = 0; i < 16; i++) {
    final high = BigInt.from(view.getUint32(at + 8 * i));
    w.add((high << 32) + BigInt.from(view.getUint32(at + 8 * i + 4)));
  }
  for (var i = 16; i < 80; i++) {
    final x = w[i - 15], y = w[i - 2];
    final s0 = _rotate(x, 1) ^ _rotate(x, 8) ^ (x >> 7);
    final s1 = _rotate(y, 19) ^ _rotate(y, 61) ^ (y >> 6);
    w.add((w[i - 16] + s0 + w[i - 7] + s1) & _mask);
  }
  var [a, b, c, d, e, f, g, h] = state;
  for (var i = 0; i < 80; i++) {
    final s1 = _rotate(e, 14) ^ _rotate(e, 18) ^ _rotate(e, 41);
    final choice = (e & f) ^ ((e ^ _mask) & g);
    final t1 = h + s1 + choice + _k[i] + w[i];
    final s0 = _rotate(a, 28) ^ _rotate(a, 34) ^ _rotate(a, 39);
    final majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) & _mask;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) & _mask;
  }
  final sums = [a, b, c, d, e, f, g, h];
  for (var i = 0; i < 8; i++) {
    state[i] = (state[i] + sums[i]) & _mask;
  }
}

List<BigInt> _words(String digits) => [
  for (final word in digits.split(' ')) BigInt.parse(word, radix: 16),
];

final _initial = _words(
  '6a09e667f3bcc908 bb67ae8584caa73b 3c6ef372fe94f82b a54ff53a5f1d36f1 '
  '510e527fade682d1 9b05688c2b3e6c1f 1f83d9abfb41bd6b 5be0cd19137e2179',
);

final _k = _words(
  '428a2f98d728ae22 7137449123ef65cd b5c0fbcfec4d3b2f e9b5dba58189dbbc '
  '3956c25bf348b538 59f111f1b605d019 923f82a4af194f9b ab1c5ed5da6d8118 '
  'd807aa98a3030242 12835b0145706fbe 243185be4ee4b28c 550c7dc3d5ffb4e2 '
  '72be5d74f27b896f 80deb1fe3b1696b1 9bdc06a725c71235 c19bf174cf692694 '
  'e49b69c19ef14ad2 efbe4786384f25e3 0fc19dc68b8cd5b5 240ca1cc77ac9c65 '
  '2de92c6f592b0275 4a7484aa6ea6e483 5cb0a9dcbd41fbd4 76f988da831153b5 '
  '983e5152ee66dfab a831c66d2db43210 b00327c898fb213f bf597fc7beef0ee4 '
  'c6e00bf33da88fc2 d5a79147930aa725 06ca6351e003826f 142929670a0e6e70 '
  '27b70a8546d22ffc 2e1b21385c26c926 4d2c6dfc5ac42aed 53380d139d95b3df '
  '650a73548baf63de 766a0abb3c77b2a8 81c2c92e47edaee6 92722c851482353b '
  'a2bfe8a14cf10364 a81a664bbc423001 c24b8b70d0f89791 c76c51a30654be30 '
  'd192e819d6ef5218 d69906245565a910 f40e35855771202a 106aa07032bbd1b8 '
  '19a4c116b8d2d0c8 1e376c085141ab53 2748774cdf8eeb99 34b0bcb5e19b48a8 '
  '391c0cb3c5c95a63 4ed8aa4ae3418acb 5b9cca4f7763e373 682e6ff3d6b2b8a3 '
  '748f82ee5defb2fc 78a5636f43172f60 84c87814a1f0ab72 8cc702081a6439ec '
  '90befffa23631e28 a4506cebde82bde9 bef9a3f7b2c67915 c67178f2e372532b '
  'ca273eceea26619c d186b8c721c0c207 eada7dd6cde0eb1e f57d4f7fee6ed178 '
  '06f067aa72176fba 0a637dc5a2c898a6 113f9804bef90dae 1b710b35131c471b '
  '28db77f523047d84 32caab7b40c72493 3c9ebe0a15c9bebc 431d67c49c100d4c '
  '4cc5d4becb3e42b6 597f299cfc657e2a 5fcb6fab3ad6faec 6c44198c4a475817',
);
