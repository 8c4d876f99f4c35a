/// As much of package:test as the tests of the template use, and it runs them.
library;

import 'dart:async';
import 'dart:io';

final _tests = <(String, FutureOr<void> Function())>[];
final _setUps = <FutureOr<void> Function()>[];
final _tearDowns = <FutureOr<void> Function()>[];
var _prefix = '';
var _scheduled = false;

void test(String name, FutureOr<void> Function() body) {
  _tests.add(('$_prefix$name', body));
  if (_scheduled) return;
  _scheduled = true;
  Timer.run(_run);
}

void group(String name, void Function() body) {
  final before = _prefix;
  _prefix = '$before$name: ';
  body();
  _prefix = before;
}

void setUp(FutureOr<void> Function() body) => _setUps.add(body);

void tearDown(FutureOr<void> Function() body) => _tearDowns.add(body);

Future<void> _run() async {
  var failed = 0;
  for (final (name, body) in _tests) {
    try {
      for (final set in _setUps) {
        await set();
      }
      await body();
    } on Object catch (error, trace) {
      failed++;
      stdout.writeln('FAILED $name\n$error\n$trace');
    }
    for (final tear in _tearDowns) {
      await tear();
    }
  }
  stdout.writeln('${_tests.length - failed} of ${_tests.length} passed');
  await stdout.flush();
  exit(failed == 0 ? 0 : 1);
}

/// Which platforms a test file is for.
class TestOn {
  const TestOn(this.expression);

  final String expression;
}

class TestFailure implements Exception {
  TestFailure(this.message);

  final String message;

  @override
  String toString() => message;
}

/// A matcher: what it wants, and whether a value is that.
class Matcher {
  const Matcher(this.what, this.matches);

  final String what;
  final FutureOr<bool> Function(Object? value) matches;
}

class TypeMatcher<T> extends Matcher {
  TypeMatcher() : super('a $T', (value) => value is T);

  Matcher having(Object? Function(T) feature, String name, Object? wanted) =>
      Matcher('a $T whose $name is ${_of(wanted).what}', (value) async {
        return value is T && await _of(wanted).matches(feature(value));
      });
}

FutureOr<void> expect(Object? actual, Object? wanted, {String? reason}) {
  final matcher = _of(wanted);
  final result = matcher.matches(actual);
  void judge(bool ok) {
    if (ok) return;
    final why = reason == null ? '' : ' ($reason)';
    throw TestFailure('expected ${matcher.what}, got $actual$why');
  }

  if (result is Future<bool>) return result.then(judge);
  judge(result);
}

Future<void> expectLater(Object? actual, Object? wanted) async =>
    await expect(actual, wanted);

Never fail(String message) => throw TestFailure(message);

Matcher _of(Object? wanted) => wanted is Matcher ? wanted : equals(wanted);

Matcher equals(Object? wanted) =>
    Matcher('$wanted', (value) => _same(value, wanted));

bool _same(Object? a, Object? b) {
  if (a is List && b is List) {
    if (a.length != b.length) return false;
    for (var i = 0; i < a.length; i++) {
      if (!_same(a[i], b[i])) return false;
    }
    return true;
  }
  if (a is Map && b is Map) {
    return a.length == b.length &&
        a.keys.every((key) => b.containsKey(key) && _same(a[key], b[key]));
  }
  if (a is Set && b is Set) return a.length == b.length && a.containsAll(b);
  return a == b;
}

final isTrue = equals(true);
final isFalse = equals(false);
final isNull = equals(null);
final isNotNull = Matcher('not null', (value) => value != null);
final isEmpty = Matcher('empty', (value) => (value as dynamic).isEmpty as bool);
final isNotEmpty = Matcher(
  'not empty',
  (value) => (value as dynamic).isNotEmpty as bool,
);

TypeMatcher<T> isA<T>() => TypeMatcher<T>();

Matcher hasLength(int n) => Matcher(
  'something of length $n',
  (value) => (value as dynamic).length == n,
);

Matcher contains(Object? part) => Matcher(
  'something with $part',
  (value) => (value as dynamic).contains(part) as bool,
);

Matcher closeTo(num wanted, num delta) => Matcher(
  '$wanted within $delta',
  (value) => value is num && (value - wanted).abs() <= delta,
);

Matcher greaterThan(num n) =>
    Matcher('more than $n', (value) => value is num && value > n);

Matcher lessThan(num n) =>
    Matcher('less than $n', (value) => value is num && value < n);

Matcher greaterThanOrEqualTo(num n) =>
    Matcher('at least $n', (value) => value is num && value >= n);

Matcher lessThanOrEqualTo(num n) =>
    Matcher('at most $n', (value) => value is num && value <= n);

Matcher throwsA(Object? wanted) => Matcher('throws ${_of(wanted).what}', (
  value,
) async {
  try {
    final result = (value as Function)();
    if (result is Future) await result;
  } on Object catch (error) {
    return await _of(wanted).matches(error);
  }
  return false;
});
