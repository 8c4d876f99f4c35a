import 'platform_parts.dart';

/// Returns what this platform has.
Future<PlatformParts> openPlatform() =>
    throw UnsupportedError('edgekit knows no files and no browser here');
