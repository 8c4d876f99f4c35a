import 'dart:convert';
import 'dart:io';
import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:edgekit_native/edgekit_native.dart';

/// rows.dart CASES.json [LIBRARY]: answers every row of every case, with the
/// native engine where a library is given, as base64 of float32.
void main(List<String> arguments) {
  final cases = jsonDecode(File(arguments[0]).readAsStringSync()) as List;
  final answers = <String>[];
  for (final one in cases.cast<Map<String, Object?>>()) {
    final plan = base64Decode(one['plan']! as String);
    final weights = base64Decode(one['weights']! as String);
    final run =
        arguments.length > 1
            ? NativeRuntime(plan, weights, library: arguments[1]).runNow
            : DenseRuntime(plan, weights).runNow;
    final rows = Float32List.sublistView(base64Decode(one['rows']! as String));
    final width = one['width']! as int;
    final bytes = BytesBuilder();
    for (var at = 0; at < rows.length; at += width) {
      final answer = run(Float32List.sublistView(rows, at, at + width));
      bytes.add(Uint8List.sublistView(answer));
    }
    answers.add(base64Encode(bytes.takeBytes()));
  }
  stdout.write(jsonEncode(answers));
}
