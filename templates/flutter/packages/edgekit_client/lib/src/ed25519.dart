import 'dart:typed_data';

import 'sha512.dart';

// Verification of Ed25519 signatures (RFC 8032), in BigInt: some 20 ms a
// signature, for one signature an update. There is no secret in it, so its
// timing need not be constant.

final _p = BigInt.two.pow(255) - BigInt.from(19);
final _order =
    BigInt.two.pow(252) +
    BigInt.parse('27742317777372353535851937790883648493');
final _d = BigInt.from(-121665) * BigInt.from(121666).modInverse(_p) % _p;
final _rootOfMinusOne = BigInt.two.modPow((_p - BigInt.one) >> 2, _p);
final _base = _decompress(_baseBytes())!;

Uint8List _baseBytes() {
  final bytes = Uint8List(32)..fillRange(0, 32, 0x66);
  bytes[0] = 0x58; // y = 4 / 5, x even
  return bytes;
}

/// Whether [signature] (64 bytes) of [message] is by the owner of [publicKey]
/// (32 bytes).
bool verifyEd25519(
  List<int> publicKey,
  List<int> message,
  List<int> signature,
) {
  if (publicKey.length != 32 || signature.length != 64) return false;
  final a = _decompress(publicKey);
  final r = _decompress(signature.sublist(0, 32));
  final s = _number(signature.sublist(32));
  if (a == null || r == null || s >= _order) return false;
  final hash = sha512([...signature.sublist(0, 32), ...publicKey, ...message]);
  final h = _number(hash) % _order;
  return _equal(_times(s, _base), _add(r, _times(h, a)));
}

/// A point in extended coordinates: x = X / Z, y = Y / Z, T = X Y / Z.
typedef _Point = (BigInt, BigInt, BigInt, BigInt);

BigInt _number(List<int> littleEndian) {
  var n = BigInt.zero;
  for (final byte in littleEndian.reversed) {
    n = (n << 8) + BigInt.from(byte);
  }
  return n;
}

_Point? _decompress(List<int> bytes) {
  final sign = bytes[31] >> 7;
  final y = _number([...bytes.sublist(0, 31), bytes[31] & 0x7f]);
  if (y >= _p) return null;
  final u = (y * y - BigInt.one) % _p;
  final v = (_d * y * y + BigInt.one) % _p;
  final square = u * v.modInverse(_p) % _p;
  var x = square.modPow((_p + BigInt.from(3)) >> 3, _p);
  if (x * x % _p != square) x = x * _rootOfMinusOne % _p;
  if (x * x % _p != square) return null;
  if (x == BigInt.zero && sign == 1) return null;
  if (x.isOdd != (sign == 1)) x = _p - x;
  return (x, y, BigInt.one, x * y % _p);
}

_Point _add(_Point a, _Point b) {
  final (x1, y1, z1, t1) = a;
  final (x2, y2, z2, t2) = b;
  final m = (y1 - x1) * (y2 - x2) % _p;
  final n = (y1 + x1) * (y2 + x2) % _p;
  final c = BigInt.two * _d * t1 * t2 % _p;
  final d = BigInt.two * z1 * z2 % _p;
  final e = n - m, f = d - c, g = d + c, h = n + m;
  return (e * f % _p, g * h % _p, f * g % _p, e * h % _p);
}

_Point _times(BigInt n, _Point point) {
  var sum = (BigInt.zero, BigInt.one, BigInt.one, BigInt.zero);
  for (var bit = n.bitLength - 1; bit >= 0; bit--) {
    sum = _add(sum, sum);
    if ((n >> bit).isOdd) sum = _add(sum, point);
  }
  return sum;
}

bool _equal(_Point a, _Point b) {
  final (x1, y1, z1, _) = a;
  final (x2, y2, z2, _) = b;
  return (x1 * z2 - x2 * z1) % _p == BigInt.zero &&
      (y1 * z2 - y2 * z1) % _p == BigInt.zero;
}
