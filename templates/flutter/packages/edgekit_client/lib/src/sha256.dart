import 'dart:typed_data';

/// Returns the SHA-256 of [bytes] in hexadecimal digits (FIPS 180-4).
///
/// Numbers stay below 2^53 and shifts below 32, so that JavaScript agrees.
String sha256Hex(List<int> bytes) => _hex(sha256(bytes));

/// Returns the SHA-256 of [bytes], 32 bytes.
Uint8List sha256(List<int> bytes) {
  final state = Uint32List.fromList(_initial);
  final data = bytes is Uint8List ? bytes : Uint8List.fromList(bytes);
  final whole = data.length ~/ 64 * 64;
  final schedule = Uint32List(64);
  for (var at = 0; at < whole; at += 64) {
    _block(state, schedule, data, at);
  }
  final rest = data.length - whole;
  final tail = Uint8List(rest < 56 ? 64 : 128);
  tail.setRange(0, rest, data, whole);
  tail[rest] = 0x80;
  final view = ByteData.sublistView(tail);
  view.setUint32(tail.length - 8, data.length ~/ 0x20000000);
  view.setUint32(tail.length - 4, data.length % 0x20000000 * 8);
  for (var at = 0; at < tail.length; at += 64) {
    _block(state, schedule, tail, at);
  }
  final out = Uint8List(32);
  final words = ByteData.sublistView(out);
  for (var i = 0; i < 8; i++) {
    words.setUint32(4 * i, state[i]);
  }
  return out;
}

String _hex(List<int> bytes) =>
    [for (final b in bytes) b.toRadixString(16).padLeft(2, '0')].join();

int _rotate(int x, int n) => (x >>> n) | ((x << (32 - n)) & 0xffffffff);

void _block(Uint32List state, Uint32List w, Uint8List data, int at) {
  for (var i = 0; i < 16; i++, at += 4) {
    w[i] =
        data[at] * 0x1000000 +
        (data[at + 1] << 16) +
        (data[at + 2] << 8) +
        data[at + 3];
  }
  for (var i = 16; i < 64; i++) {
    final x = w[i - 15], y = w[i - 2];
    final s0 = _rotate(x, 7) ^ _rotate(x, 18) ^ (x >>> 3);
    final s1 = _rotate(y, 17) ^ _rotate(y, 19) ^ (y >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) & 0xffffffff;
  }
  var a = state[0], b = state[1], c = state[2], d = state[3];
  var e = state[4], f = state[5], g = state[6], h = state[7];
  for (var i = 0; i < 64; i++) {
    final s1 = _rotate(e, 6) ^ _rotate(e, 11) ^ _rotate(e, 25);
    final choice = (e & f) ^ ((e ^ 0xffffffff) & g);
    final t1 = h + s1 + choice + _k[i] + w[i];
    final s0 = _rotate(a, 2) ^ _rotate(a, 13) ^ _rotate(a, 22);
    final majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) & 0xffffffff;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) & 0xffffffff;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

const _initial = [
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
];

const _k = [
  0x428a2f98,
  0x71374491,
  0xb5c0fbcf,
  0xe9b5dba5,
  0x3956c25b,
  0x59f111f1,
  0x923f82a4,
  0xab1c5ed5,
  0xd807aa98,
  0x12835b01,
  0x243185be,
  0x550c7dc3,
  0x72be5d74,
  0x80deb1fe,
  0x9bdc06a7,
  0xc19bf174,
  0xe49b69c1,
  0xefbe4786,
  0x0fc19dc6,
  0x240ca1cc,
  0x2de92c6f,
  0x4a7484aa,
  0x5cb0a9dc,
  0x76f988da,
  0x983e5152,
  0xa831c66d,
  0xb00327c8,
  0xbf597fc7,
  0xc6e00bf3,
  0xd5a79147,
  0x06ca6351,
  0x14292967,
  0x27b70a85,
  0x2e1b2138,
  0x4d2c6dfc,
  0x53380d13,
  0x650a7354,
  0x766a0abb,
  0x81c2c92e,
  0x92722c85,
  0xa2bfe8a1,
  0xa81a664b,
  0xc24b8b70,
  0xc76c51a3,
  0xd192e819,
  0xd6990624,
  0xf40e3585,
  0x106aa070,
  0x19a4c116,
  0x1e376c08,
  0x2748774c,
  0x34b0bcb5,
  0x391c0cb3,
  0x4ed8aa4a,
  0x5b9cca4f,
  0x682e6ff3,
  0x748f82ee,
  0x78a5636f,
  0x84c87814,
  0x8cc70208,
  0x90befffa,
  0xa4506ceb,
  0xbef9a3f7,
  0xc67178f2,
];
