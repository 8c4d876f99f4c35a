import 'package:edgekit_demo/bench_all.dart';
import 'package:edgekit_demo/generated/model.g.dart';
import 'package:edgekit_demo/main.dart';
import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:edgekit_litert/edgekit_litert.dart';
import 'package:flutter_test/flutter_test.dart';
import 'package:integration_test/integration_test.dart';

/// Golden rows through every runtime of this device.
void main() {
  final binding = IntegrationTestWidgetsFlutterBinding.ensureInitialized();

  testWidgets('the golden rows hold', (tester) async {
    final host = makeHost();
    final model = await host.load(spec);
    expect(model.selfTest.passed, isTrue);
    await model.close();
    final found = <BenchOutcome>[];
    for (final opener in [...host.runtimes, const LiteRtOpener()]) {
      try {
        final opened = await host.loadWith(spec, opener);
        expect(opened.selfTest.passed, isTrue);
        if (opened.runtime.isExact) expect(opened.selfTest.differing, 0);
        await opened.close();
        found.add(BenchOutcome(opener.name, null, 'passed'));
      } on EdgekitException catch (error) {
        // Not here is not a failure; a wrong answer is.
        expect(error.code == EdgekitErrorCode.selfTest, isFalse);
        found.add(BenchOutcome(opener.name, null, error.message));
      }
    }
    binding.reportData = {
      'parity': {for (final one in found) one.runtime: one.why},
    };
  });
}
