import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:flutter/material.dart';

import '../bench_all.dart';
import '../l10n/strings.dart';
import '../model_controller.dart';
import 'format.dart';

/// How fast each runtime is on this device.
class BenchmarkPage extends StatefulWidget {
  const BenchmarkPage({super.key, required this.controller});

  final ModelController controller;

  @override
  State<BenchmarkPage> createState() => _BenchmarkPageState();
}

class _BenchmarkPageState extends State<BenchmarkPage> {
  List<BenchOutcome> _outcomes = const [];
  bool _isMeasuring = false;

  Future<void> _measure() async {
    final host = widget.controller.host;
    if (host is! FlutterHost) return;
    setState(() => _isMeasuring = true);
    final found = await benchAll(host, widget.controller.spec);
    if (!mounted) return;
    setState(() {
      _outcomes = found;
      _isMeasuring = false;
    });
  }

  @override
  Widget build(BuildContext context) {
    final strings = Strings.of(context);
    return ListView(
      padding: const EdgeInsets.all(16),
      children: [
        FilledButton(
          onPressed: _isMeasuring ? null : _measure,
          child: Text(_isMeasuring ? strings.measuring : strings.measure),
        ),
        const SizedBox(height: 16),
        for (final outcome in _outcomes) _card(outcome, strings, context),
      ],
    );
  }

  Widget _card(BenchOutcome outcome, Strings strings, BuildContext context) {
    final run = outcome.run;
    return Card(
      child: Padding(
        padding: const EdgeInsets.all(16),
        child: Column(
          crossAxisAlignment: CrossAxisAlignment.start,
          children: [
            Text(
              outcome.runtime,
              style: Theme.of(context).textTheme.titleMedium,
            ),
            if (run == null)
              Text(outcome.why)
            else ...[
              Text('${strings.cold}: ${shortTime(run.coldMicroseconds)}'),
              Text('${strings.first}: ${shortTime(run.firstMicroseconds)}'),
              Text(
                'p50 ${shortTime(run.p50)}, p90 ${shortTime(run.p90)}, '
                'p99 ${shortTime(run.p99)}',
              ),
            ],
          ],
        ),
      ),
    );
  }
}
