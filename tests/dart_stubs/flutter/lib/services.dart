/// Stub: as much of Flutter as the template uses, with Flutter's signatures.
library;

import 'dart:typed_data';

abstract class AssetBundle {
  Future<ByteData> load(String key);
  Future<String> loadString(String key, {bool cache = true});
}

AssetBundle get rootBundle => throw UnimplementedError();

class TextInputType {
  const TextInputType.numberWithOptions({
    bool? signed = false,
    bool? decimal = false,
  });
  static const TextInputType text = TextInputType.numberWithOptions();
}
