import 'package:integration_test/integration_test_driver.dart';

/// Writes what a test reported to build/integration_response_data.json.
Future<void> main() => integrationDriver();
