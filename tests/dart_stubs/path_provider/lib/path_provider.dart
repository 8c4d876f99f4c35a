/// Stub with the signatures of path_provider 2.
library;

import 'dart:io';

Future<Directory> getApplicationSupportDirectory() =>
    throw UnimplementedError();
