import 'package:flutter/material.dart';

import '../l10n/strings.dart';
import '../model_controller.dart';
import 'format.dart';

/// The model's answer with its unit, and how long it took.
class ResultCard extends StatelessWidget {
  const ResultCard({super.key, required this.controller});

  final ModelController controller;

  @override
  Widget build(BuildContext context) {
    final strings = Strings.of(context);
    final theme = Theme.of(context);
    final answer = controller.answer;
    return Card(
      child: Padding(
        padding: const EdgeInsets.all(20),
        child: Semantics(
          liveRegion: true,
          child: Column(
            crossAxisAlignment: CrossAxisAlignment.start,
            children: [
              if (answer == null)
                Text(
                  strings.noResult,
                  style: TextStyle(color: theme.colorScheme.error),
                )
              else
                for (var i = 0; i < answer.length && i < 8; i++)
                  _line(i, answer[i], theme, strings),
              if (answer != null)
                Text(
                  strings.took(
                    shortTime(controller.latency.inMicroseconds.toDouble()),
                  ),
                  style: theme.textTheme.bodySmall,
                ),
            ],
          ),
        ),
      ),
    );
  }

  Widget _line(int index, double value, ThemeData theme, Strings strings) {
    final results = controller.spec.results;
    final named = index < results.length;
    final name = named ? strings.label(results[index].name) : strings.result;
    final unit = named ? results[index].unit : '';
    return Column(
      crossAxisAlignment: CrossAxisAlignment.start,
      children: [
        Text(name, style: theme.textTheme.labelLarge),
        Text(
          '${shortNumber(value)}${unit.isEmpty ? '' : ' $unit'}',
          style: theme.textTheme.headlineMedium,
        ),
        const SizedBox(height: 4),
      ],
    );
  }
}
