import 'dart:convert';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:edgekit_demo/generated/model.g.dart';
import 'package:edgekit_demo/model_controller.dart';
import 'package:edgekit_demo/ui/format.dart';
import 'package:test/test.dart';

void main() {
  Future<ModelController> opened() async {
    final controller = ModelController(const EmbeddedHost(), spec);
    await controller.load();
    return controller;
  }

  test('opens the model and answers its typical values', () async {
    final controller = await opened();
    expect(controller.error, isNull);
    expect(controller.answer!.length, spec.results.length);
    expect(controller.issues, isEmpty);
  });

  test('a field that is wrong has an issue and no answer', () async {
    final controller = await opened();
    final first = spec.features.first;
    await controller.setValue(0, first.high + 1);
    expect(controller.answer, isNull);
    expect(controller.issueOf(first), isA<OutOfRange>());
    expect(controller.issueOf(spec.features[1]), isNull);
    await controller.setValue(0, null);
    expect(controller.issueOf(first), isA<MissingValue>());
    await controller.reset();
    expect(controller.answer, isNotNull);
  });

  test('what if: along a whole range, one point a whole number', () async {
    final controller = await opened();
    for (var i = 0; i < spec.features.length; i++) {
      final points = await controller.whatIf(i);
      expect(points.first.$1, spec.features[i].low);
      expect(points.last.$1, closeTo(spec.features[i].high, 1e-9));
      expect(points.every((point) => point.$2.isFinite), isTrue);
      if (spec.features[i].isCategory) {
        expect(points.length, spec.features[i].categories.length);
      }
    }
  });

  test('numbers and times as people write them', () {
    expect(
      [120, 42.20, 0.000123456, 1e12, -3.0].map(shortNumber).toList(),
      ['120', '42.2', '0.00012346', '1.0000e+12', '-3'],
    );
    expect(
      [3.14159, 1500.0, 2.5e6].map(shortTime).toList(),
      ['3.14 µs', '1.5 ms', '2.5 s'],
    );
  });

  test('a benchmark keeps its samples', () async {
    final run = await BenchRun.measure(
      () => const EmbeddedHost().load(spec),
      device: {'platform': 'test'},
      samples: 20,
      tick: const Duration(microseconds: 200),
    );
    final plain =
        jsonDecode(jsonEncode(run.toJson())) as Map<String, Object?>;
    expect(plain.keys.toList(), [
      'format',
      'bundle_id',
      'runtime',
      'device',
      'unit',
      'cold',
      'first',
      'steady',
      'summary',
      'golden',
    ]);
    expect(plain['format'], 'edgekit-bench/1');
    expect(plain['runtime'], 'dart');
    expect((plain['steady'] as List).length, 20);
    expect(run.p50, greaterThan(0));
    expect(run.p99, greaterThanOrEqualTo(run.p50));
    expect(plain['golden'], {'rows': 64, 'differing': 0});
  });
}
