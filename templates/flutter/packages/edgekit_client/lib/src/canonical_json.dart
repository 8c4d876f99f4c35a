import 'dart:convert';

import 'errors.dart';

/// Returns manifest.json as the id of a bundle hashes it: keys sorted, no
/// spaces, ASCII only, the `id` of the outermost object empty.
///
/// Numbers keep the text that they have: no client has to write a number as
/// another language would.
String canonicalManifest(String text) => _Canonical(text).run();

final class _Canonical {
  _Canonical(this._text);

  final String _text;
  int _at = 0;

  static final _number = RegExp(
    r'-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?',
  );

  String run() {
    final value = _value(0);
    _space();
    if (_at != _text.length) throw _broken();
    return value;
  }

  EdgekitException _broken() => EdgekitException(
    EdgekitErrorCode.format,
    'manifest.json is not JSON at character $_at; export the bundle again',
  );

  void _space() {
    while (_at < _text.length && ' \n\r\t'.contains(_text[_at])) {
      _at++;
    }
  }

  bool _take(String token) {
    _space();
    if (!_text.startsWith(token, _at)) return false;
    _at += token.length;
    return true;
  }

  String _value(int depth) {
    if (depth > 64) throw _broken();
    for (final word in ['null', 'true', 'false']) {
      if (_take(word)) return word;
    }
    if (_take('{')) return _object(depth);
    if (_take('[')) return _list(depth);
    if (_at < _text.length && _text[_at] == '"') return _quoted(_string());
    final match = _number.matchAsPrefix(_text, _at);
    if (match == null) throw _broken();
    _at = match.end;
    return match[0]!;
  }

  String _list(int depth) {
    final items = <String>[];
    if (_take(']')) return '[]';
    do {
      items.add(_value(depth + 1));
    } while (_take(','));
    if (!_take(']')) throw _broken();
    return '[${items.join(',')}]';
  }

  String _object(int depth) {
    final members = <(String, String)>[];
    if (_take('}')) return '{}';
    do {
      _space();
      final key = _string();
      if (!_take(':')) throw _broken();
      final value = _value(depth + 1);
      members.add((key, depth == 0 && key == 'id' ? '""' : value));
    } while (_take(','));
    if (!_take('}')) throw _broken();
    members.sort((a, b) => _byCodePoint(a.$1, b.$1));
    return '{${members.map((m) => '${_quoted(m.$1)}:${m.$2}').join(',')}}';
  }

  String _string() {
    final start = _at;
    if (start >= _text.length || _text[start] != '"') throw _broken();
    _at++;
    while (_at < _text.length && _text[_at] != '"') {
      _at += _text[_at] == r'\' ? 2 : 1;
    }
    _at++;
    if (_at > _text.length) throw _broken();
    try {
      return jsonDecode(_text.substring(start, _at)) as String;
    } on FormatException {
      throw _broken();
    }
  }

  static int _byCodePoint(String a, String b) {
    final left = a.runes.iterator, right = b.runes.iterator;
    while (true) {
      final more = left.moveNext();
      if (!right.moveNext()) return more ? 1 : 0;
      if (!more) return -1;
      final order = left.current.compareTo(right.current);
      if (order != 0) return order;
    }
  }

  static String _quoted(String text) {
    final out = StringBuffer('"');
    for (final unit in text.codeUnits) {
      final short = _escapes[unit];
      if (short != null) {
        out.write(short);
      } else if (unit < 0x20 || unit > 0x7e) {
        out.write('\\u${unit.toRadixString(16).padLeft(4, '0')}');
      } else {
        out.writeCharCode(unit);
      }
    }
    out.write('"');
    return '$out';
  }

  static const _escapes = {
    0x22: r'\"',
    0x5c: r'\\',
    0x0a: r'\n',
    0x0d: r'\r',
    0x09: r'\t',
    0x08: r'\b',
    0x0c: r'\f',
  };
}
