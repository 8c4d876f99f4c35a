/// What needs a file system or sockets: phones, desktops and the plain VM.
library;

export 'src/io/directory_files.dart';
export 'src/io/file_storage.dart';
export 'src/io/http_transport.dart';
