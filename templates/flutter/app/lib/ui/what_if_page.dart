import 'package:flutter/material.dart';

import '../l10n/strings.dart';
import '../model_controller.dart';
import 'format.dart';
import 'line_chart.dart';

/// The answer along one feature, the others as the form has them.
class WhatIfPage extends StatefulWidget {
  const WhatIfPage({super.key, required this.controller});

  final ModelController controller;

  @override
  State<WhatIfPage> createState() => _WhatIfPageState();
}

class _WhatIfPageState extends State<WhatIfPage> {
  int _feature = 0;
  late Future<List<(double, double)>> _points = _ask();

  Future<List<(double, double)>> _ask() =>
      widget.controller.spec.features.isEmpty
      ? Future.value(const [])
      : widget.controller.whatIf(_feature);

  @override
  Widget build(BuildContext context) {
    final strings = Strings.of(context);
    final spec = widget.controller.spec;
    if (spec.features.isEmpty) return Center(child: Text(strings.noFeatures));
    final feature = spec.features[_feature];
    return ListView(
      padding: const EdgeInsets.all(16),
      children: [
        Text(strings.along, style: Theme.of(context).textTheme.titleMedium),
        const SizedBox(height: 8),
        DropdownButton<int>(
          isExpanded: true,
          value: _feature,
          items: [
            for (var i = 0; i < spec.features.length; i++)
              DropdownMenuItem(
                value: i,
                child: Text(strings.label(spec.features[i].name)),
              ),
          ],
          onChanged: (index) => setState(() {
            _feature = index ?? 0;
            _points = _ask();
          }),
        ),
        const SizedBox(height: 16),
        FutureBuilder<List<(double, double)>>(
          future: _points,
          builder: (context, found) {
            final points = found.data ?? const [];
            if (points.length < 2) return Text(strings.noResult);
            final unit = spec.results.isEmpty ? '' : spec.results.first.unit;
            return LineChart(
              points: points,
              marked: switch (widget.controller.values[_feature]) {
                final num value => value.toDouble(),
                _ => null,
              },
              xUnit: feature.unit,
              yUnit: unit,
              semanticLabel:
                  '${strings.label(feature.name)}: '
                  '${shortNumber(points.first.$2)} $unit, '
                  '${shortNumber(points.last.$2)} $unit',
            );
          },
        ),
      ],
    );
  }
}
