import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:flutter/material.dart';

import '../l10n/strings.dart';
import 'format.dart';

/// One feature of the form: a slider with a number, or a choice of labels.
class FeatureField extends StatefulWidget {
  const FeatureField({
    super.key,
    required this.feature,
    required this.value,
    required this.issue,
    required this.onChanged,
  });

  final FeatureSpec feature;
  final num? value;
  final ValidationIssue? issue;
  final ValueChanged<num?> onChanged;

  @override
  State<FeatureField> createState() => _FeatureFieldState();
}

class _FeatureFieldState extends State<FeatureField> {
  late final TextEditingController _text = TextEditingController(
    text: _shown(widget.value),
  );

  static String _shown(num? value) =>
      value == null ? '' : shortNumber(value, 7);

  @override
  void didUpdateWidget(FeatureField old) {
    super.didUpdateWidget(old);
    // Typing changes the value too: then the text is as the user wrote it.
    if (widget.value != null && _parse(_text.text) != widget.value) {
      _text.text = _shown(widget.value);
    }
  }

  @override
  void dispose() {
    _text.dispose();
    super.dispose();
  }

  static num? _parse(String text) => num.tryParse(text.replaceAll(',', '.'));

  @override
  Widget build(BuildContext context) {
    final feature = widget.feature;
    final strings = Strings.of(context);
    final theme = Theme.of(context);
    return Padding(
      padding: const EdgeInsets.symmetric(vertical: 8),
      child: Column(
        crossAxisAlignment: CrossAxisAlignment.start,
        children: [
          Text(strings.label(feature.name), style: theme.textTheme.titleSmall),
          if (feature.isCategory) _choice(strings) else _number(strings),
        ],
      ),
    );
  }

  Widget _choice(Strings strings) {
    final feature = widget.feature;
    return Padding(
      padding: const EdgeInsets.symmetric(vertical: 8),
      child: Wrap(
        spacing: 8,
        runSpacing: 8,
        children: [
          for (var i = 0; i < feature.categories.length; i++)
            ChoiceChip(
              label: Text(strings.label(feature.categories[i])),
              selected: widget.value == feature.firstCode + i,
              onSelected: (_) => widget.onChanged(feature.firstCode + i),
            ),
        ],
      ),
    );
  }

  Widget _number(Strings strings) {
    final feature = widget.feature;
    final issue = widget.issue;
    final range = strings.rangeOf(
      shortNumber(feature.low),
      shortNumber(feature.high),
      feature.unit,
    );
    return Row(
      crossAxisAlignment: CrossAxisAlignment.start,
      children: [
        Expanded(flex: 3, child: _slider(strings)),
        const SizedBox(width: 12),
        Expanded(
          flex: 2,
          child: TextField(
            controller: _text,
            keyboardType: TextInputType.numberWithOptions(
              decimal: !feature.isWhole,
              signed: feature.low < 0,
            ),
            decoration: InputDecoration(
              isDense: true,
              suffixText: feature.unit,
              helperText: range,
              errorText: issue == null ? null : strings.issue(kindOf(issue)),
            ),
            onChanged: (text) => widget.onChanged(_parse(text)),
          ),
        ),
      ],
    );
  }

  Widget _slider(Strings strings) {
    final feature = widget.feature;
    if (feature.high <= feature.low) return const SizedBox(height: 48);
    final value = (widget.value ?? feature.typical).toDouble();
    final steps = ((feature.high - feature.low) / feature.step).round();
    return Semantics(
      label: strings.label(feature.name),
      child: Slider(
        min: feature.low,
        max: feature.high,
        divisions: steps < 1 ? 1 : steps,
        value: value.isFinite
            ? value.clamp(feature.low, feature.high)
            : feature.low,
        semanticFormatterCallback: (v) => '${shortNumber(v)} ${feature.unit}',
        onChanged: (v) => widget.onChanged(
          feature.isWhole ? v.round() : double.parse(v.toStringAsPrecision(6)),
        ),
      ),
    );
  }
}
