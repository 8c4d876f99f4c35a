import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:flutter/services.dart';

/// The bundle that a model's package carries as assets.
final class AssetFiles implements BundleFiles {
  const AssetFiles(this.package, {this.address});

  final String package;

  @override
  final Uri? address;

  @override
  Future<Uint8List> read(String path) async {
    final ByteData data;
    try {
      data = await rootBundle.load('packages/$package/assets/bundle/$path');
    } on Object {
      throw missingFile(path);
    }
    return Uint8List.sublistView(data);
  }
}
