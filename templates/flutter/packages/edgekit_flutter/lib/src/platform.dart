/// What differs between browsers and everything else.
library;

export 'platform_stub.dart'
    if (dart.library.js_interop) 'platform_web.dart'
    if (dart.library.io) 'platform_io.dart';
