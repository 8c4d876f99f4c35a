import 'package:edgekit_client/edgekit_client.dart';
import 'package:test/test.dart';

const _speed = FeatureSpec(
  name: 'speed',
  unit: 'km/h',
  kind: FeatureKind.number,
  low: 0.1,
  high: 130,
  typical: 60,
);
const _seats = FeatureSpec(
  name: 'seats',
  unit: '',
  kind: FeatureKind.integer,
  low: 0.5,
  high: 5.5,
  typical: 2,
);
const _road = FeatureSpec(
  name: 'road',
  unit: '',
  kind: FeatureKind.category,
  low: 1,
  high: 3,
  typical: 1,
  categories: ['city', 'country', 'motorway'],
);

void main() {
  final encoder = InputEncoder(const [_speed, _seats, _road]);

  List<String> issues(List<Object?> values, [OutOfRangePolicy? policy]) => [
    for (final issue in encoder.check(
      values,
      policy ?? OutOfRangePolicy.reject,
    ))
      issue.message,
  ];

  test('encodes labels and codes alike, and whole numbers', () {
    expect(encoder.encode([50, 2, 'motorway']), [50.0, 2.0, 3.0]);
    expect(encoder.encode([50, 2.0, 3]), [50.0, 2.0, 3.0]);
    expect(encoder.encodeNamed({'road': 'city', 'speed': 1.5, 'seats': 1}), [
      1.5,
      1.0,
      1.0,
    ]);
  });

  test('compares as float32: the end of a range is inside', () {
    expect(encoder.encode([0.1, 1, 1]).first, toFloat32(0.1));
  });

  test('names every wrong value', () {
    expect(issues([null, 2.5, 'sea']), [
      '"speed" is missing',
      '"seats" must be a whole number, not 2.5',
      '"road" must be one of "city", "country", "motorway", not sea',
    ]);
    expect(issues([double.nan, 6, 4]), [
      '"speed" must be a finite number, not NaN',
      '"seats" is 6, outside the range 0.5 to 5.5',
      '"road" must be one of "city", "country", "motorway", not 4',
    ]);
    expect(issues([131, 1, 1]), [
      '"speed" is 131 km/h, outside the range 0.1 to 130 km/h',
    ]);
    expect(issues([1e39, 1, 1]), [
      '"speed" must be a finite number, not 1e+39',
    ]);
  });

  test('a switch over issues is complete', () {
    final kinds = [
      for (final issue in encoder.check([null, 2.5, 'sea']))
        switch (issue) {
          MissingValue() => 'missing',
          NotFinite() => 'not finite',
          NotWhole() => 'not whole',
          OutOfRange() => 'out of range',
          UnknownCategory() => 'unknown',
          WrongSteps() => 'wrong steps',
        },
    ];
    expect(kinds, ['missing', 'not whole', 'unknown']);
  });

  test('clamps to what the feature can be, or takes it as it is', () {
    final clamped = encoder.encode([200, 9, 1], OutOfRangePolicy.clamp);
    expect(clamped, [130.0, 5.0, 1.0]);
    final low = encoder.encode([-4, 0, 1], OutOfRangePolicy.clamp);
    expect(low, [toFloat32(0.1), 1.0, 1.0]);
    expect(encoder.encode([200, 9, 1], OutOfRangePolicy.allow), [200.0, 9, 1]);
    expect(issues([200, 9, 'sea'], OutOfRangePolicy.allow).length, 1);
  });

  test('refuses a wrong count and a name that is no feature', () {
    expect(() => encoder.encode([1]), throwsA(isA<ArgumentError>()));
    expect(
      () => encoder.encodeNamed({'velocity': 1}),
      throwsA(isA<ArgumentError>()),
    );
  });

  test('puts series side by side at each step', () {
    FeatureSpec series(String name, double high) => FeatureSpec(
      name: name,
      unit: 'm',
      kind: FeatureKind.number,
      low: 0,
      high: high,
      typical: 1,
      steps: 3,
      input: 'window',
    );
    final window = InputEncoder([series('a', 9), series('b', 99), _speed]);
    expect(
      window.encode([
        [1, 2, 3],
        const FlatSeries(3, 10.0),
        50,
      ]),
      [1.0, 10, 2, 10, 3, 10, 50],
    );
    final issues = window.check([
      [1, 2],
      [1, 100, -1],
      7,
    ]);
    expect(issues.map((issue) => issue.message).toList(), [
      '"a" must be 3 numbers, the newest last, not 2',
      '"b" is 100 m, outside the range 0 to 99 m',
    ]);
    expect(window.check([null, 5, 7]).map((i) => i.message).toList(), [
      '"a" is missing',
      '"b" must be 3 numbers, the newest last, not 5',
    ]);
  });

  test('undoes transforms', () {
    expect(inverse(ResultTransform.none, 2.5), 2.5);
    expect(inverse(ResultTransform.log10, 2), 100);
    expect(inverse(ResultTransform.log, 0), 1);
    expect(inverse(ResultTransform.log1p, 0), 0);
    expect(inverse(ResultTransform.log10, 39), double.infinity);
  });

  test('steps a slider by round hundredths', () {
    expect(_speed.step, 1.0);
    expect(_seats.step, 1.0);
    const small = FeatureSpec(
      name: 'x',
      unit: '',
      kind: FeatureKind.number,
      low: 0,
      high: 0.25,
      typical: 0,
    );
    expect(small.step, closeTo(0.001, 1e-12));
  });
}
