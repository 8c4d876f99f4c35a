/// Stub with Flutter's signatures.
library;

class IntegrationTestWidgetsFlutterBinding {
  static IntegrationTestWidgetsFlutterBinding ensureInitialized() =>
      IntegrationTestWidgetsFlutterBinding();
  Map<String, dynamic>? reportData;
}
