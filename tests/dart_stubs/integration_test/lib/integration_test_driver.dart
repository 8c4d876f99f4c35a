/// Stub with Flutter's signatures.
library;

Future<void> integrationDriver({
  Duration timeout = const Duration(minutes: 20),
}) async {}
