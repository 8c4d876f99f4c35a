import 'dart:convert';
import 'dart:io';
import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';

/// transforms.dart VALUES: undoes every transform of every float32 of a file,
/// and answers base64 of float32.
void main(List<String> arguments) {
  final values = Float32List.sublistView(File(arguments[0]).readAsBytesSync());
  stdout.write(
    jsonEncode({
      for (final transform in ResultTransform.values)
        if (transform != ResultTransform.none)
          transform.name: base64Encode(
            Uint8List.sublistView(
              Float32List.fromList([
                for (final value in values) inverse(transform, value),
              ]),
            ),
          ),
    }),
  );
}
