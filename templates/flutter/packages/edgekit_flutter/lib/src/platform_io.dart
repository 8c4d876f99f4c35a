import 'dart:io';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:edgekit_client/io.dart';
import 'package:edgekit_native/edgekit_native.dart';
import 'package:path_provider/path_provider.dart';

import 'platform_parts.dart';

/// Returns what this platform has.
Future<PlatformParts> openPlatform() async {
  final folder = await getApplicationSupportDirectory();
  return PlatformParts(
    storage: FileStorage('${folder.path}/edgekit'),
    transport: HttpTransport(),
    runtimes: (_) => const [NativeOpener(), DenseOpener()],
    keepsFiles: true,
    device: {
      'platform': Platform.operatingSystem,
      'version': Platform.operatingSystemVersion,
      'processors': Platform.numberOfProcessors,
      'dart': Platform.version.split(' ').first,
    },
  );
}
