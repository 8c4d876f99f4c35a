/// Runs models that edgekit exported in Flutter apps on every platform.
library;

export 'package:edgekit_client/edgekit_client.dart';

export 'src/asset_files.dart';
export 'src/flutter_host.dart';
