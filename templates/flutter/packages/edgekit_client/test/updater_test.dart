import 'dart:convert';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:test/test.dart';

import 'fake.dart';

void main() {
  late FakeTransport transport;
  late MemoryStorage storage;
  final seed = FakeBundle('1.0.0');
  final next = FakeBundle('1.1.0', factor: 3);
  final config = UpdateConfig(
    channel: FakeTransport.root.resolve('channel.json'),
  );

  setUp(() {
    transport = FakeTransport();
    storage = MemoryStorage();
  });

  Updater updater({
    RuntimeOpener opener = const FakeOpener(),
    bool keepsFiles = true,
  }) => Updater(
    spec: seed.spec,
    store: BundleStore(storage, 'fake'),
    downloader: Downloader(
      transport: transport,
      storage: storage,
      pause: const Duration(milliseconds: 1),
    ),
    runtimes: [opener],
    seed: seed.asFiles,
    keepsFiles: keepsFiles,
  );

  Future<String> running([Updater? by]) async {
    final model = await (by ?? updater()).load();
    return model.manifest.version;
  }

  test('without anything else the version in the app runs', () async {
    final model = await updater().load();
    expect(model.manifest.version, '1.0.0');
    expect(await model.predictValues([4]), [8.0]);
    expect(model.selfTest.rows, 32);
  });

  test(
    'takes a new version, fetches what it lacks, and asks by ETag',
    () async {
      transport.publish(next);
      final reports = <Progress>[];
      final outcome = await updater().update(config, onProgress: reports.add);
      expect(outcome, isA<Updated>());
      expect((outcome as Updated).version, '1.1.0');
      expect(reports.last.loaded, reports.last.total);
      expect(reports.last.fraction, 1.0);
      expect(await running(), '1.1.0');
      transport.asked.clear();
      expect(await updater().update(config), isA<UpToDate>());
      expect(transport.asked, ['channel.json']);
    },
  );

  test('an unchanged shard is not fetched a second time', () async {
    transport.publish(next);
    await updater().update(config);
    final third = FakeBundle('1.2.0', factor: 4);
    transport.publish(third);
    transport.asked.clear();
    await updater().update(config);
    expect(transport.asked, [
      'channel.json',
      'manifest.json',
      'golden.json',
      'plan.bin',
    ]);
    expect(await running(), '1.2.0');
  });

  test('keeps the version before, and nothing older', () async {
    for (final bundle in [next, FakeBundle('1.2.0', factor: 4)]) {
      transport.publish(bundle);
      await updater().update(config);
    }
    transport.publish(FakeBundle('1.3.0', factor: 5));
    await updater().update(config);
    final manifests = await storage.list('fake/manifests');
    expect(manifests.length, 2);
    await BundleStore(storage, 'fake').rollBack();
    expect(await running(), '1.2.0');
  });

  test('a version whose golden rows fail here is refused for good', () async {
    final wrong = FakeBundle('1.1.0', factor: 3, goldenFactor: 4);
    transport.publish(wrong);
    final outcome = await updater().update(config);
    expect(outcome, isA<UpdateRefused>());
    expect(
      '${(outcome as UpdateRefused).reason}',
      'no runtime can run fake 1.1.0 here: fake: 32 of 32 golden rows differ, '
          'by up to 32.00',
    );
    expect(await running(), '1.0.0');
    transport.asked.clear();
    expect(await updater().update(config), isA<UpToDate>());
    expect(transport.asked, ['channel.json']);
  });

  test('a stored version that fails is left for the one before', () async {
    transport.publish(next);
    await updater().update(config);
    final path = (await storage.list(
      'fake/files',
    )).firstWhere((name) => storage.files['fake/files/$name']!.length == 1);
    storage.files['fake/files/$path']![0] ^= 1;
    expect(await running(), '1.0.0');
    // And it is not tried a second time.
    expect((await BundleStore(storage, 'fake').state()).refused, [next.id]);
  });

  test('a version that ends the app two times is left', () async {
    transport.publish(next);
    await updater().update(config);
    final store = BundleStore(storage, 'fake');
    // As if the app had ended while it was open for the first time, and again.
    for (final attempts in [1, 2]) {
      final state =
          jsonDecode(utf8.decode(storage.files['fake/state.json']!))
              as Map<String, Object?>;
      final ended = {...state, 'opening': next.id, 'attempts': attempts};
      await storage.write('fake/state.json', utf8.encode(jsonEncode(ended)));
      expect(await store.endsTheApp(next.id), attempts == 2);
      if (attempts == 1) expect(await running(), '1.1.0');
    }
    expect((await store.state()).attempts, 2);
    expect(await running(), '1.0.0');
    expect((await store.state()).refused, [next.id]);
    expect(await store.endsTheApp(next.id), isFalse);
  });

  test('an app on whose device nothing runs says why', () async {
    expect(
      () => updater(opener: const FakeOpener(fails: true)).load(),
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.message,
          'message',
          'no runtime can run fake 1.0.0 here: fake: it is not here',
        ),
      ),
    );
    expect(
      () => updater(opener: const FakeOpener(isWrong: true)).load(),
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.code,
          'code',
          EdgekitErrorCode.selfTest,
        ),
      ),
    );
  });

  test('a version with other features is for another app', () async {
    transport.publish(FakeBundle('2.0.0', feature: 'z'));
    final outcome = await updater().update(config);
    expect(
      '${(outcome as UpdateRefused).reason}',
      'its features are others, or in another order',
    );
  });

  test('a manifest of another version than the channel says', () async {
    transport.publish(next);
    transport.served['bundles/${next.id}/manifest.json'] = FakeBundle(
      '6.6.6',
    ).files['manifest.json']!;
    expect(
      () => updater().update(config),
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.code,
          'code',
          EdgekitErrorCode.corrupt,
        ),
      ),
    );
    expect(await running(), '1.0.0');
  });

  test('a manifest that was changed does not hash to its id', () async {
    transport.publish(next);
    final path = 'bundles/${next.id}/manifest.json';
    transport.served[path] = utf8.encode(
      utf8.decode(transport.served[path]!).replaceFirst('100.0', '900.0'),
    );
    final outcome = await updater().update(config);
    expect(
      '${(outcome as UpdateRefused).reason}',
      'manifest.json does not hash to its id; export the bundle again',
    );
  });

  test('back to the version in the app', () async {
    transport.publish(next);
    await updater().update(config);
    transport.publish(seed);
    expect(await updater().update(config), isA<Updated>());
    expect(await running(), '1.0.0');
    expect(await storage.list('fake/files'), isEmpty);
  });

  test('without a signature nothing runs that has to be signed', () async {
    transport.publish(next);
    final signed = UpdateConfig(
      channel: config.channel,
      publicKey: base64Encode(List.filled(32, 1)),
    );
    final outcome = await updater().update(signed);
    expect((outcome as UpdateRefused).reason.code, EdgekitErrorCode.signature);
    // It may be signed later: the version itself is not refused.
    expect((await BundleStore(storage, 'fake').state()).refused, isEmpty);
    expect(transport.asked, ['channel.json']);
  });

  test('cancelled while it downloads: what runs goes on', () async {
    transport.publish(next);
    final cancel = CancelToken();
    final update = updater().update(
      config,
      cancel: cancel,
      onProgress: (_) => cancel.cancel(),
    );
    await expectLater(
      () => update,
      throwsA(
        isA<EdgekitException>().having(
          (e) => e.code,
          'code',
          EdgekitErrorCode.cancelled,
        ),
      ),
    );
    expect(await running(), '1.0.0');
    expect(await updater().update(config), isA<Updated>());
  });

  test('in browsers files stay where they are', () async {
    transport.publish(next);
    final browser = updater(keepsFiles: false);
    expect(await browser.update(config), isA<Updated>());
    expect(await storage.list('fake/files'), isEmpty);
    expect(await running(updater(keepsFiles: false)), '1.1.0');
  });

  group('roll-out', () {
    // From Python: int.from_bytes(sha256(f'{id}:{install}').digest()[:4])
    // / 2**32 * 100.
    test('buckets are those of every other language', () {
      expect(bucketOf('a' * 64, 'alice'), closeTo(20.137752289883792, 1e-9));
      expect(bucketOf('a' * 64, 'bob'), closeTo(17.735062539577484, 1e-9));
    });

    test('a canary is for its share, stable for the others', () {
      final channel = Channel.parse(
        utf8.encode(
          jsonEncode({
            'format': 'edgekit-channel/1',
            'name': 'fake',
            'stable': {'id': 'b' * 64, 'path': 'bundles/b/'},
            'canary': {'id': 'a' * 64, 'path': 'bundles/a/', 'percent': 25},
            'previous': <Object?>[],
          }),
        ),
      );
      var canaries = 0;
      for (var i = 0; i < 1000; i++) {
        if (channel.choose('install $i').id == 'a' * 64) canaries++;
      }
      expect(canaries, greaterThan(200));
      expect(canaries, lessThan(300));
      final first = channel.choose('install 7').id;
      expect(channel.choose('install 7').id, first);
      for (var i = 0; i < 50; i++) {
        final chosen = channel.choose('install $i', refused: ['a' * 64]);
        expect(chosen.id, 'b' * 64);
      }
    });

    test('everybody, and nobody', () async {
      transport.publish(seed, canary: next, percent: 0);
      expect(await updater().update(config), isA<UpToDate>());
      transport.publish(seed, canary: next, percent: 100);
      expect(await updater().update(config), isA<Updated>());
      expect(await running(), '1.1.0');
    });

    test('other formats and names are refused', () {
      for (final text in ['{}', '[]', 'x', '{"format":"edgekit-channel/1"}']) {
        expect(
          () => Channel.parse(utf8.encode(text)),
          throwsA(isA<EdgekitException>()),
        );
      }
    });
  });
}
