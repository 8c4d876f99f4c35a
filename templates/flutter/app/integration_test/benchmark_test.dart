import 'package:edgekit_demo/bench_all.dart';
import 'package:edgekit_demo/generated/model.g.dart';
import 'package:edgekit_demo/main.dart';
import 'package:flutter_test/flutter_test.dart';
import 'package:integration_test/integration_test.dart';

/// Times of every runtime of this device, for `edgekit bench`.
void main() {
  final binding = IntegrationTestWidgetsFlutterBinding.ensureInitialized();

  testWidgets('measures', (tester) async {
    final host = makeHost();
    final model = await host.load(spec);
    await model.close();
    final outcomes = await benchAll(host, spec);
    expect(outcomes.any((outcome) => outcome.run != null), isTrue);
    binding.reportData = {
      'runs': [for (final outcome in outcomes) outcome.toJson()],
    };
  });
}
