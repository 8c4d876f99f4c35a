import 'package:edgekit_demo/app.dart';
import 'package:edgekit_demo/generated/model.g.dart';
import 'package:edgekit_demo/model_controller.dart';
import 'package:edgekit_demo/ui/format.dart';
import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:flutter_test/flutter_test.dart';

void main() {
  testWidgets('shows the form and an answer', (tester) async {
    if (spec.embedded == null) return; // needs a device: integration_test
    final controller = ModelController(const EmbeddedHost(), spec);
    await tester.pumpWidget(EdgeApp(controller: controller));
    await tester.pumpAndSettle();
    expect(controller.error, isNull);
    final answer = controller.answer;
    if (answer == null) return; // a model without named features has no form
    expect(find.textContaining(shortNumber(answer.first)), findsWidgets);
    expect(find.text(spec.features.first.name), findsOneWidget);
  });

  testWidgets('marks a field that is out of range', (tester) async {
    if (spec.embedded == null || spec.features.isEmpty) return;
    final controller = ModelController(const EmbeddedHost(), spec);
    await tester.pumpWidget(EdgeApp(controller: controller));
    await tester.pumpAndSettle();
    final first = spec.features.first;
    await controller.setValue(0, first.high + 1000);
    await tester.pumpAndSettle();
    expect(controller.answer, isNull);
    expect(controller.issueOf(first), isNotNull);
  });
}
