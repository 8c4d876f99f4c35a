import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:flutter/material.dart';

import '../l10n/strings.dart';
import 'format.dart';
import 'line_chart.dart';

/// One feature with steps: its line, and its numbers to edit or to paste.
class SeriesField extends StatefulWidget {
  const SeriesField({
    super.key,
    required this.feature,
    required this.value,
    required this.issue,
    required this.onChanged,
  });

  final FeatureSpec feature;

  /// The numbers, the newest last.
  final List<num> value;
  final ValidationIssue? issue;
  final ValueChanged<List<num>> onChanged;

  @override
  State<SeriesField> createState() => _SeriesFieldState();
}

class _SeriesFieldState extends State<SeriesField> {
  late final TextEditingController _text = TextEditingController(
    text: _shown(widget.value),
  );

  static String _shown(List<num> value) =>
      value.map((number) => shortNumber(number, 7)).join(' ');

  /// Numbers with spaces, semicolons or line breaks between them; what is no
  /// number is NaN, which a check finds.
  static List<num> _parse(String text) => [
    for (final word in text.split(RegExp(r'[\s;]+')))
      if (word.isNotEmpty)
        num.tryParse(word.replaceAll(',', '.')) ?? double.nan,
  ];

  @override
  void didUpdateWidget(SeriesField old) {
    super.didUpdateWidget(old);
    // Typing changes the value too: then the text is as the user wrote it.
    if (widget.value != old.value &&
        _shown(_parse(_text.text)) != _shown(widget.value)) {
      _text.text = _shown(widget.value);
    }
  }

  @override
  void dispose() {
    _text.dispose();
    super.dispose();
  }

  @override
  Widget build(BuildContext context) {
    final feature = widget.feature;
    final strings = Strings.of(context);
    final issue = widget.issue;
    final name = strings.label(feature.name);
    final points = [
      for (var i = 0; i < widget.value.length; i++)
        if (widget.value[i].isFinite) (i + 1.0, widget.value[i].toDouble()),
    ];
    return Padding(
      padding: const EdgeInsets.symmetric(vertical: 8),
      child: Column(
        crossAxisAlignment: CrossAxisAlignment.start,
        children: [
          Text(name, style: Theme.of(context).textTheme.titleSmall),
          if (points.length > 1)
            LineChart(
              points: points,
              marked: null,
              xUnit: '',
              yUnit: feature.unit,
              semanticLabel: '$name: ${shortNumber(points.last.$2)}',
            ),
          TextField(
            controller: _text,
            maxLines: null,
            decoration: InputDecoration(
              isDense: true,
              suffixText: feature.unit,
              helperText: strings.seriesOf(
                feature.steps,
                strings.rangeOf(
                  shortNumber(feature.low),
                  shortNumber(feature.high),
                  feature.unit,
                ),
              ),
              errorText: issue == null ? null : strings.issue(kindOf(issue)),
            ),
            onChanged: (text) => widget.onChanged(_parse(text)),
          ),
        ],
      ),
    );
  }
}
