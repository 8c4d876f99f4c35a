import 'dart:async';
import 'dart:typed_data';

import '../errors.dart';
import '../files.dart';
import '../manifest.dart';
import '../progress.dart';
import 'storage.dart';
import 'transport.dart';

/// Fetches files whole and right, however bad the network is.
///
/// What arrives goes into `PATH.part`, from where an attempt goes on that was
/// cut, even after the app was ended; only what has the manifest's size and
/// sha256 gets its name.
final class Downloader {
  const Downloader({
    required this.transport,
    required this.storage,
    this.patience = const Duration(seconds: 20),
    this.pause = const Duration(milliseconds: 500),
    this.attempts = 4,
  });

  final Transport transport;
  final Storage storage;

  /// How long to wait without a byte before a request is made again.
  final Duration patience;

  /// The wait before the second attempt; it doubles from one to the next.
  final Duration pause;

  /// How many attempts in a row may bring nothing.
  final int attempts;

  /// Fetch [entry] from [uri] to [path], if it is not there yet.
  ///
  /// [onBytes] is told how many bytes of the file are here.
  Future<void> fetch(
    Uri uri,
    FileEntry entry,
    String path, {
    void Function(int have)? onBytes,
    CancelToken? cancel,
  }) async {
    final part = '$path.part';
    var failures = 0;
    while (true) {
      cancel?.check();
      final before = await storage.length(part);
      try {
        if (before < entry.bytes) {
          await _attempt(uri, entry, part, onBytes, cancel);
        }
        await _finish(entry, part, path);
        onBytes?.call(entry.bytes);
        return;
      } on _Passing catch (failure) {
        final gained = await storage.length(part) > before;
        failures = gained ? 1 : failures + 1;
        if (failures >= attempts) {
          throw EdgekitException(
            failure.code,
            '${entry.path} could not be fetched: ${failure.why}; '
            'try again later',
          );
        }
        await _wait(pause * (1 << (failures - 1)), cancel);
      }
    }
  }

  /// Fetch a small text such as a manifest or a channel file, whole.
  ///
  /// Null where the server says that [etag] is still the newest.
  Future<({Uint8List bytes, String? etag})?> fetchSmall(
    Uri uri, {
    String? etag,
    int limit = Manifest.maxBytes,
    CancelToken? cancel,
  }) async {
    for (var failures = 1; ; failures++) {
      cancel?.check();
      try {
        return await _small(uri, etag, limit, cancel);
      } on _Passing catch (failure) {
        if (failures >= attempts) {
          throw EdgekitException(
            failure.code,
            '$uri could not be fetched: ${failure.why}; try again later',
          );
        }
        await _wait(pause * (1 << (failures - 1)), cancel);
      }
    }
  }

  Future<({Uint8List bytes, String? etag})?> _small(
    Uri uri,
    String? etag,
    int limit,
    CancelToken? cancel,
  ) async {
    final response = await _ask(uri, {
      'cache-control': 'no-cache',
      if (etag != null) 'if-none-match': etag,
    }, cancel);
    if (response.status == 304) {
      await _drop(response);
      return null;
    }
    if (response.status != 200) throw await _refusal(uri, response);
    final bytes = BytesBuilder(copy: false);
    await _pour(response.body, cancel, (chunk) async {
      bytes.add(chunk);
      if (bytes.length > limit) {
        throw EdgekitException(
          EdgekitErrorCode.format,
          '$uri is larger than $limit bytes; refusing it',
        );
      }
    });
    return (bytes: bytes.takeBytes(), etag: response.headers['etag']);
  }

  Future<void> _attempt(
    Uri uri,
    FileEntry entry,
    String part,
    void Function(int)? onBytes,
    CancelToken? cancel,
  ) async {
    var have = await storage.length(part);
    final response = await _ask(uri, {
      if (have > 0) 'range': 'bytes=$have-',
      'accept-encoding': 'identity',
    }, cancel);
    final range = response.headers['content-range'] ?? '';
    final resumes = response.status == 206 && range.startsWith('bytes $have-');
    if (!resumes) {
      if (response.status == 416 || response.status == 206) {
        await storage.delete(part);
        await _drop(response);
        throw const _Passing('the server sent another part');
      }
      if (response.status != 200) throw await _refusal(uri, response);
      await storage.delete(part);
      have = 0;
    }
    await _pour(response.body, cancel, (chunk) async {
      have += chunk.length;
      if (have > entry.bytes) {
        await storage.delete(part);
        throw const _Passing(
          'it is longer than the manifest says',
          EdgekitErrorCode.corrupt,
        );
      }
      await storage.append(part, chunk);
      onBytes?.call(have);
    });
    if (have < entry.bytes) throw const _Passing('the connection ended early');
  }

  Future<void> _finish(FileEntry entry, String part, String path) async {
    final bytes = await storage.read(part) ?? Uint8List(0);
    try {
      checkFile(entry, bytes);
    } on EdgekitException catch (error) {
      await storage.delete(part);
      throw _Passing(error.message, EdgekitErrorCode.corrupt);
    }
    if (entry.bytes == 0) await storage.write(part, bytes);
    await storage.rename(part, path);
  }

  Future<TransportResponse> _ask(
    Uri uri,
    Map<String, String> headers,
    CancelToken? cancel,
  ) async {
    try {
      final answer = transport.get(uri, headers: headers).timeout(patience);
      if (cancel == null) return await answer;
      final first = await Future.any<TransportResponse?>([
        answer,
        cancel.whenCancelled.then((_) => null),
      ]);
      if (first == null) throw cancelledError;
      return first;
    } on EdgekitException {
      rethrow;
    } on TimeoutException {
      throw _Passing('nothing came for ${patience.inMilliseconds} ms');
    } on Object catch (error) {
      throw _Passing('$error');
    }
  }

  /// Hand over the chunks one by one, until the end, a stall or a cancel.
  Future<void> _pour(
    Stream<List<int>> body,
    CancelToken? cancel,
    Future<void> Function(List<int>) use,
  ) async {
    final chunks = StreamIterator(body);
    try {
      while (true) {
        final bool more;
        try {
          more = await _next(chunks, cancel);
        } on EdgekitException {
          rethrow;
        } on TimeoutException {
          throw _Passing('nothing came for ${patience.inMilliseconds} ms');
        } on Object catch (error) {
          throw _Passing('$error');
        }
        if (!more) return;
        await use(chunks.current);
      }
    } finally {
      unawaited(Future.sync(chunks.cancel).catchError((Object _) {}));
    }
  }

  Future<bool> _next(StreamIterator<List<int>> chunks, CancelToken? cancel) {
    cancel?.check();
    final next = chunks.moveNext().timeout(patience);
    if (cancel == null) return next;
    return Future.any([
      next,
      cancel.whenCancelled.then((_) => throw cancelledError),
    ]);
  }

  Future<Exception> _refusal(Uri uri, TransportResponse response) async {
    await _drop(response);
    final status = response.status;
    if (status == 408 || status == 429 || status >= 500) {
      return _Passing('the server answered $status');
    }
    return EdgekitException(
      EdgekitErrorCode.network,
      'the server answered $status for $uri',
    );
  }

  Future<void> _drop(TransportResponse response) async {
    try {
      await response.body.listen(null).cancel();
    } on Object {
      // The connection is gone already, which is what was wanted.
    }
  }

  Future<void> _wait(Duration time, CancelToken? cancel) async {
    await Future.any([
      Future<void>.delayed(time),
      if (cancel != null) cancel.whenCancelled,
    ]);
    cancel?.check();
  }
}

/// The files of a bundle where it is hosted; the manifest is one that was
/// checked before.
final class HostedFiles implements BundleFiles {
  const HostedFiles(this._downloader, this.address, this._manifest);

  final Downloader _downloader;
  final Manifest _manifest;

  @override
  final Uri address;

  @override
  Future<Uint8List> read(String path) async {
    if (path == 'manifest.json') return _manifest.raw;
    final answer = await _downloader.fetchSmall(
      address.resolve(path),
      limit: _manifest.files[path]?.bytes ?? 0,
    );
    return answer!.bytes;
  }
}

/// A failure after which another attempt may help.
final class _Passing implements Exception {
  const _Passing(this.why, [this.code = EdgekitErrorCode.network]);

  final String why;
  final EdgekitErrorCode code;
}
