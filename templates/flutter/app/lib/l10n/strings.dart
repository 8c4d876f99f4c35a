import 'package:flutter/material.dart';

/// Every text of the app. Another language is another class here and a row in
/// [StringsDelegate].
class Strings {
  const Strings();

  static Strings of(BuildContext context) =>
      Localizations.of<Strings>(context, Strings) ?? const Strings();

  String get predict => 'Predict';
  String get whatIf => 'What if';
  String get model => 'Model';
  String get benchmark => 'Benchmark';
  String get reset => 'Typical values';
  String get loading => 'Opening the model';
  String get retry => 'Try again';
  String get result => 'Result';
  String get noResult => 'Correct the fields marked in red';
  String get noFeatures => 'The inputs of this model have no names';
  String get along => 'Change one feature';
  String get version => 'Version';
  String get runtime => 'Runtime';
  String get bundle => 'Bundle';
  String get selfTest => 'Self-test';
  String get look => 'Look for a new version';
  String get cancel => 'Cancel';
  String get upToDate => 'This is the newest version';
  String get measure => 'Measure';
  String get measuring => 'Measuring';
  String get cold => 'Cold start';
  String get first => 'First';

  String rowsEqual(int equal, int rows) => '$equal of $rows rows equal';
  String updatedTo(String version) => 'Updated to $version';
  String refused(String why) => 'The new version was refused: $why';
  String updateFailed(String why) => 'No update: $why';
  String took(String time) => 'in $time';
  String rangeOf(String low, String high, String unit) =>
      '$low to $high${unit.isEmpty ? '' : ' $unit'}';

  String seriesOf(int steps, String range) =>
      '$steps numbers, the newest last, $range';

  /// The name of a feature or result; a language may translate it here.
  String label(String name) => name;

  String issue(ValidationIssueKind kind) => switch (kind) {
    ValidationIssueKind.missing => 'A value is needed',
    ValidationIssueKind.notFinite => 'This is not a number',
    ValidationIssueKind.notWhole => 'Whole numbers only',
    ValidationIssueKind.outOfRange => 'Outside the range',
    ValidationIssueKind.unknownCategory => 'No such choice',
    ValidationIssueKind.wrongSteps => 'Too few or too many numbers',
  };
}

/// What can be wrong with a field, for [Strings.issue].
enum ValidationIssueKind {
  missing,
  notFinite,
  notWhole,
  outOfRange,
  unknownCategory,
  wrongSteps,
}

/// The same in German.
class GermanStrings extends Strings {
  const GermanStrings();

  @override
  String get predict => 'Vorhersage';
  @override
  String get whatIf => 'Was wäre wenn';
  @override
  String get model => 'Modell';
  @override
  String get benchmark => 'Messung';
  @override
  String get reset => 'Übliche Werte';
  @override
  String get loading => 'Das Modell wird geöffnet';
  @override
  String get retry => 'Noch einmal';
  @override
  String get result => 'Ergebnis';
  @override
  String get noResult => 'Bitte die roten Felder berichtigen';
  @override
  String get noFeatures => 'Die Eingaben dieses Modells haben keine Namen';
  @override
  String get along => 'Ein Merkmal ändern';
  @override
  String get runtime => 'Laufzeit';
  @override
  String get bundle => 'Bündel';
  @override
  String get selfTest => 'Selbsttest';
  @override
  String get look => 'Nach einer neuen Version sehen';
  @override
  String get cancel => 'Abbrechen';
  @override
  String get upToDate => 'Das ist die neueste Version';
  @override
  String get measure => 'Messen';
  @override
  String get measuring => 'Es wird gemessen';
  @override
  String get cold => 'Kaltstart';
  @override
  String get first => 'Erste';
  @override
  String rowsEqual(int equal, int rows) => '$equal von $rows Zeilen gleich';
  @override
  String updatedTo(String version) => 'Neue Version: $version';
  @override
  String refused(String why) => 'Die neue Version wurde abgelehnt: $why';
  @override
  String updateFailed(String why) => 'Keine neue Version: $why';
  @override
  String rangeOf(String low, String high, String unit) =>
      '$low bis $high${unit.isEmpty ? '' : ' $unit'}';
  @override
  String seriesOf(int steps, String range) =>
      '$steps Zahlen, die neueste zuletzt, $range';
  @override
  String issue(ValidationIssueKind kind) => switch (kind) {
    ValidationIssueKind.missing => 'Hier fehlt ein Wert',
    ValidationIssueKind.notFinite => 'Das ist keine Zahl',
    ValidationIssueKind.notWhole => 'Nur ganze Zahlen',
    ValidationIssueKind.outOfRange => 'Außerhalb des Bereichs',
    ValidationIssueKind.unknownCategory => 'Diese Auswahl gibt es nicht',
    ValidationIssueKind.wrongSteps => 'Zu wenige oder zu viele Zahlen',
  };
}

/// Chooses the texts by the language of the device.
class StringsDelegate extends LocalizationsDelegate<Strings> {
  const StringsDelegate();

  static const Map<String, Strings> languages = {
    'en': Strings(),
    'de': GermanStrings(),
  };

  static List<Locale> get locales => [
    for (final code in languages.keys) Locale(code),
  ];

  @override
  bool isSupported(Locale locale) => languages.containsKey(locale.languageCode);

  @override
  Future<Strings> load(Locale locale) async =>
      languages[locale.languageCode] ?? const Strings();

  @override
  bool shouldReload(StringsDelegate old) => false;
}
