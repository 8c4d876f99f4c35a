import 'package:edgekit_client/edgekit_client.dart';

import 'platform_parts.dart';
import 'web_runtime.dart';

/// Returns what this browser has.
Future<PlatformParts> openPlatform() async {
  final shim = await loadShim();
  return PlatformParts(
    storage: WebStorage(shim),
    transport: WebTransport(shim),
    runtimes: (spec) => [
      WebOpener(shim, 'wasm', _assets(spec.package)),
      const DenseOpener(),
      WebOpener(shim, 'tfjs', _assets(spec.package)),
    ],
    keepsFiles: false,
    device: {'platform': 'web', 'version': shim.userAgent},
    seedAddress: _assets,
  );
}

Uri _assets(String package) =>
    Uri.base.resolve('assets/packages/$package/assets/bundle/');
