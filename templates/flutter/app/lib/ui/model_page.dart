import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:flutter/material.dart';

import '../l10n/strings.dart';
import '../model_controller.dart';

/// Which version runs how, and whether there is a newer one.
class ModelPage extends StatelessWidget {
  const ModelPage({super.key, required this.controller});

  final ModelController controller;

  @override
  Widget build(BuildContext context) {
    final strings = Strings.of(context);
    final model = controller.model!;
    final test = model.selfTest;
    final isLooking = controller.updateStage == UpdateStage.looking;
    return ListView(
      padding: const EdgeInsets.all(16),
      children: [
        _fact(strings.version, model.manifest.version),
        _fact(strings.runtime, model.runtime.name),
        _fact(strings.bundle, model.manifest.id.substring(0, 16)),
        _fact(
          strings.selfTest,
          strings.rowsEqual(test.rows - test.differing, test.rows),
        ),
        const SizedBox(height: 16),
        if (isLooking) ...[
          LinearProgressIndicator(value: controller.progress?.fraction),
          TextButton(
            onPressed: controller.cancelUpdate,
            child: Text(strings.cancel),
          ),
        ] else
          FilledButton(onPressed: controller.update, child: Text(strings.look)),
        const SizedBox(height: 12),
        Semantics(liveRegion: true, child: Text(_outcome(strings))),
      ],
    );
  }

  Widget _fact(String name, String value) => ListTile(
    title: Text(name),
    trailing: SelectableText(value),
    contentPadding: EdgeInsets.zero,
  );

  String _outcome(Strings strings) {
    final error = controller.updateError;
    if (error != null) return strings.updateFailed('$error');
    return switch (controller.outcome) {
      null => '',
      UpToDate() => strings.upToDate,
      Updated(:final version) => strings.updatedTo(version),
      UpdateRefused(:final reason) => strings.refused('$reason'),
    };
  }
}
