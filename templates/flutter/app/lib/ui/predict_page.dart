import 'package:flutter/material.dart';

import '../l10n/strings.dart';
import '../model_controller.dart';
import 'feature_field.dart';
import 'result_card.dart';
import 'series_field.dart';

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
              for (var i = 0; i < features.length; i++) _field(i),
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

  Widget _field(int index) {
    final feature = controller.spec.features[index];
    final value = controller.values[index];
    final issue = controller.issueOf(feature);
    final key = ValueKey(feature.name);
    if (value is List<num>) {
      return SeriesField(
        key: key,
        feature: feature,
        value: value,
        issue: issue,
        onChanged: (numbers) => controller.setValue(index, numbers),
      );
    }
    return FeatureField(
      key: key,
      feature: feature,
      value: value is num ? value : null,
      issue: issue,
      onChanged: (number) => controller.setValue(index, number),
    );
  }
}
