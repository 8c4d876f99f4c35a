@TestOn('vm')
library;

import 'dart:io';
import 'dart:math';
import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:edgekit_client/io.dart';
import 'package:edgekit_client/src/sha256.dart';
import 'package:test/test.dart';

/// How the server answers a request, given its number and where it begins.
typedef Trick =
    Future<void> Function(HttpRequest request, int number, int start);

const _short = Duration(milliseconds: 300);
final _random = Random(3);
final _content = Uint8List.fromList(
  List.generate(200000, (_) => _random.nextInt(256)),
);
final _entry = FileEntry(
  path: 'wasm/shard-000.bin',
  bytes: _content.length,
  sha256: sha256Hex(_content),
  role: 'shard',
);

void main() {
  late HttpServer server;
  late Directory folder;
  late FileStorage storage;
  late HttpTransport transport;
  late Trick trick;
  final starts = <int>[];

  setUp(() async {
    starts.clear();
    folder = await Directory.systemTemp.createTemp('edgekit');
    storage = FileStorage(folder.path);
    transport = HttpTransport();
    server = await HttpServer.bind(InternetAddress.loopbackIPv4, 0);
    var number = 0;
    server.listen((request) async {
      final range = request.headers.value('range');
      final start = range == null
          ? 0
          : int.parse(RegExp(r'bytes=(\d+)-').firstMatch(range)![1]!);
      starts.add(start);
      try {
        await trick(request, number++, start);
      } on Object {
        // The client went away, or the trick was to break off.
      }
    });
  });

  tearDown(() async {
    transport.close();
    await server.close(force: true);
    await folder.delete(recursive: true);
  });

  Future<void> fetch({
    Duration patience = const Duration(seconds: 2),
    CancelToken? cancel,
    void Function(int)? onBytes,
  }) =>
      Downloader(
        transport: transport,
        storage: storage,
        patience: patience,
        pause: const Duration(milliseconds: 2),
      ).fetch(
        Uri.parse('http://127.0.0.1:${server.port}/shard'),
        _entry,
        'files/x',
        cancel: cancel,
        onBytes: onBytes,
      );

  Future<void> isWhole() async {
    expect(sha256Hex((await storage.read('files/x'))!), _entry.sha256);
    expect(await storage.list('files'), ['x']);
  }

  void begin(HttpRequest request, int start, {int? status}) {
    final response = request.response;
    response.statusCode = status ?? (start > 0 ? 206 : 200);
    response.bufferOutput = false;
    response.contentLength = _content.length - start;
    if (response.statusCode == 206) {
      response.headers.set(
        'content-range',
        'bytes $start-${_content.length - 1}/${_content.length}',
      );
    }
  }

  Future<void> send(HttpRequest request, int start) async {
    begin(request, start);
    request.response.add(Uint8List.sublistView(_content, start));
    await request.response.close();
  }

  /// Send the headers and some bytes, then break the connection.
  Future<void> cut(HttpRequest request, int start, int count) async {
    final socket = await request.response.detachSocket(writeHeaders: false);
    final head = start > 0
        ? 'HTTP/1.1 206 Partial\r\n'
              'content-range: bytes $start-${_content.length - 1}'
              '/${_content.length}\r\n'
        : 'HTTP/1.1 200 OK\r\n';
    socket.write('${head}content-length: ${_content.length - start}\r\n\r\n');
    socket.add(Uint8List.sublistView(_content, start, start + count));
    await socket.flush();
    await socket.close();
    socket.destroy();
  }

  test('a good server', () async {
    trick = (request, _, start) => send(request, start);
    final seen = <int>[];
    await fetch(onBytes: seen.add);
    await isWhole();
    expect(seen.last, _content.length);
    expect(starts, [0]);
  });

  test('a server that cuts is asked for the rest', () async {
    trick = (request, number, start) =>
        number < 6 ? cut(request, start, 30000) : send(request, start);
    await fetch();
    await isWhole();
    expect(starts.length, 7);
    expect(starts[1], 30000);
    expect(starts.last, 180000);
  });

  test('a part from an earlier run of the app is gone on with', () async {
    await storage.append('files/x.part', _content.sublist(0, 150000));
    trick = (request, _, start) => send(request, start);
    await fetch();
    await isWhole();
    expect(starts, [150000]);
  });

  test('a server that corrupts is asked again from the beginning', () async {
    trick = (request, number, start) async {
      if (number > 0) return send(request, start);
      begin(request, start);
      final wrong = Uint8List.fromList(_content);
      wrong[99999] ^= 1;
      request.response.add(wrong);
      await request.response.close();
    };
    await fetch();
    await isWhole();
    expect(starts, [0, 0]);
  });

  test('a server that always corrupts is given up', () async {
    trick = (request, _, start) async {
      begin(request, start);
      request.response.add(Uint8List(_content.length - start));
      await request.response.close();
    };
    await expectLater(
      fetch,
      throwsA(
        isA<EdgekitException>().having(
          (e) => '${e.code.name}: ${e.message}',
          'message',
          'corrupt: wasm/shard-000.bin could not be fetched: '
              'wasm/shard-000.bin does not match its sha256; try again later',
        ),
      ),
    );
    expect(starts.length, 4);
    expect(await storage.list('files'), isEmpty);
  });

  test('a server that stalls is asked for the rest', () async {
    trick = (request, number, start) async {
      if (number > 0) return send(request, start);
      begin(request, start);
      request.response.add(Uint8List.sublistView(_content, 0, 50000));
      await request.response.flush();
      await Future<void>.delayed(const Duration(seconds: 2));
    };
    await fetch(patience: _short);
    await isWhole();
    expect(starts, [0, 50000]);
  });

  test('a server that never answers is given up', () async {
    trick = (_, _, _) => Future<void>.delayed(const Duration(seconds: 3));
    await expectLater(
      () => fetch(patience: _short),
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.message,
          'message',
          'wasm/shard-000.bin could not be fetched: nothing came for 300 ms; '
              'try again later',
        ),
      ),
    );
    expect(starts.length, 4);
  });

  test('a server that ignores ranges sends the whole once more', () async {
    trick = (request, number, start) async {
      if (number == 0) return cut(request, start, 30000);
      begin(request, 0, status: 200);
      request.response.add(_content);
      await request.response.close();
    };
    await fetch();
    await isWhole();
    expect(starts, [0, 30000]);
  });

  test('a server that answers with another part is asked anew', () async {
    trick = (request, number, start) async {
      if (number == 0) return cut(request, start, 30000);
      if (number > 1) return send(request, start);
      begin(request, 10, status: 206);
      request.response.add(Uint8List.sublistView(_content, 10));
      await request.response.close();
    };
    await fetch();
    await isWhole();
    expect(starts, [0, 30000, 0]);
  });

  test('a server that sends too much is cut off', () async {
    trick = (request, number, start) async {
      if (number > 0) return send(request, start);
      request.response.add(_content);
      request.response.add(_content);
      await request.response.close();
    };
    await fetch();
    await isWhole();
  });

  test('busy servers are asked again, missing files are not', () async {
    trick = (request, number, start) async {
      if (number > 1) return send(request, start);
      request.response.statusCode = number == 0 ? 503 : 429;
      await request.response.close();
    };
    await fetch();
    await isWhole();
    starts.clear();
    await storage.delete('files/x');
    trick = (request, _, _) async {
      request.response.statusCode = 404;
      await request.response.close();
    };
    await expectLater(
      fetch,
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.message.split(' for ').first,
          'message',
          'the server answered 404',
        ),
      ),
    );
    expect(starts.length, 1);
  });

  test('cancelling keeps what came', () async {
    final cancel = CancelToken();
    trick = (request, number, start) async {
      if (number > 0) return send(request, start);
      begin(request, start);
      request.response.add(Uint8List.sublistView(_content, 0, 50000));
      await request.response.flush();
      await Future<void>.delayed(const Duration(milliseconds: 50));
      cancel.cancel();
    };
    await expectLater(
      () => fetch(cancel: cancel),
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.code,
          'code',
          EdgekitErrorCode.cancelled,
        ),
      ),
    );
    expect(await storage.length('files/x.part'), 50000);
    await fetch();
    await isWhole();
    expect(starts, [0, 50000]);
  });
}
