import 'package:flutter/material.dart';

import '../l10n/strings.dart';
import '../model_controller.dart';
import 'feature_field.dart';
import 'result_card.dart';

/// The form and the answer.
class PredictPage extends StatelessWidget {
  const PredictPage({super.key, required this.controller});

  final ModelController controller;

  @override
  Widget build(BuildContext context) {
    final strings = Strings.of(context);
    final features = controller.spec.features;
    if (features.isEmpty) return Center(child: Text(strings.noFeatures));
    return Column(
      children: [
        Padding(
          padding: const EdgeInsets.all(16),
          child: SizedBox(
            width: double.infinity,
            child: ResultCard(controller: controller),
          ),
        ),
        Expanded(
          child: ListView(
            padding: const EdgeInsets.symmetric(horizontal: 16),
            children: [
              for (var i = 0; i < features.length; i++)
                FeatureField(
                  key: ValueKey(features[i].name),
                  feature: features[i],
                  value: controller.values[i],
                  issue: controller.issueOf(features[i]),
                  onChanged: (value) => controller.setValue(i, value),
                ),
              Align(
                alignment: Alignment.centerLeft,
                child: TextButton(
                  onPressed: controller.reset,
                  child: Text(strings.reset),
                ),
              ),
              const SizedBox(height: 24),
            ],
          ),
        ),
      ],
    );
  }
}
