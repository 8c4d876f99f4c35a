import 'dart:convert';
import 'dart:math';
import 'dart:typed_data';

import '../edge_model.dart';
import '../errors.dart';
import '../files.dart';
import '../manifest.dart';
import '../model_spec.dart';
import '../progress.dart';
import '../runtime/edge_runtime.dart';
import 'bundle_store.dart';
import 'channel.dart';
import 'downloader.dart';

/// Where new versions come from, and whose they have to be.
final class UpdateConfig {
  const UpdateConfig({required this.channel, this.publicKey});

  /// The address of channel.json.
  final Uri channel;

  /// The owner's Ed25519 key in base64; with it only signed versions run.
  final String? publicKey;
}

/// How a look for a new version ended; a `switch` over it is complete.
sealed class UpdateOutcome {
  const UpdateOutcome();
}

/// There is nothing newer.
final class UpToDate extends UpdateOutcome {
  const UpToDate(this.version);

  final String version;
}

/// A new version is here, passed its golden rows, and opens from now on.
final class Updated extends UpdateOutcome {
  const Updated(this.version, this.downloadedBytes);

  final String version;

  /// What had to be fetched; files that were here already are not in it.
  final int downloadedBytes;
}

/// The new version is not for this device; the old one goes on.
final class UpdateRefused extends UpdateOutcome {
  const UpdateRefused(this.id, this.reason);

  final String id;
  final EdgekitException reason;
}

/// Keeps one model up to date: looks, downloads, tests, and only then switches.
final class Updater {
  Updater({
    required this.spec,
    required this.store,
    required this.downloader,
    required this.runtimes,
    required this.seed,
    this.keepsFiles = true,
  });

  final ModelSpec spec;
  final BundleStore store;
  final Downloader downloader;
  final List<RuntimeOpener> runtimes;

  /// The version in the app itself, the last resort.
  final BundleFiles seed;

  /// False where runtimes fetch and keep the files themselves: in browsers.
  final bool keepsFiles;

  /// Open the current version; where it fails, the one before it, and at last
  /// the one in the app.
  Future<EdgeModel> load() async {
    while (true) {
      final id = (await store.state()).current;
      if (id == null) return EdgeModel.open(spec, seed, runtimes);
      if (await store.endsTheApp(id)) {
        await store.rollBack();
        continue;
      }
      try {
        return await _open(id);
      } on EdgekitException {
        await store.rollBack();
      }
    }
  }

  /// Look at the channel and take the version that it has for this device.
  Future<UpdateOutcome> update(
    UpdateConfig config, {
    OnProgress? onProgress,
    CancelToken? cancel,
  }) async {
    final state = await store.state();
    final version = await _version(state);
    final answer = await downloader.fetchSmall(
      config.channel,
      etag: state.etag,
      limit: 1 << 20,
      cancel: cancel,
    );
    if (answer == null) return UpToDate(version);
    final channel = Channel.parse(answer.bytes);
    if (channel.name != spec.name) {
      throw EdgekitException(
        EdgekitErrorCode.incompatible,
        'the channel is of the model "${channel.name}", not "${spec.name}"',
      );
    }
    final release = channel.choose(await installId(), refused: state.refused);
    if (release.id == (state.current ?? spec.bundleId) ||
        state.refused.contains(release.id)) {
      await _remember(answer.etag);
      return UpToDate(version);
    }
    if (release.id == spec.bundleId) {
      await store.clear();
      await _remember(answer.etag);
      return Updated(spec.version, 0);
    }
    if (await store.endsTheApp(release.id)) {
      await store.refuse(release.id);
      return UpToDate(version);
    }
    try {
      final key = config.publicKey;
      if (key != null) {
        checkSignature(spec.name, release, base64Decode(key));
      }
      final outcome = await _take(config, release, onProgress, cancel);
      await _remember(answer.etag);
      return outcome;
    } on EdgekitException catch (error) {
      if (!_isFinal(error.code)) rethrow;
      if (error.code != EdgekitErrorCode.signature) {
        await store.refuse(release.id);
      }
      return UpdateRefused(release.id, error);
    }
  }

  /// A random number that this installation keeps.
  Future<String> installId() async {
    final state = await store.state();
    final known = state.installId;
    if (known != null) return known;
    final random = Random.secure();
    final made = [
      for (var i = 0; i < 16; i++)
        random.nextInt(256).toRadixString(16).padLeft(2, '0'),
    ].join();
    await store.write(state.withInstallId(made));
    return made;
  }

  Future<EdgeModel> _open(String id) => store.guarded(
    id,
    () async => EdgeModel.open(spec, await _filesOf(id), runtimes),
  );

  Future<BundleFiles> _filesOf(String id) async {
    final bundle = await store.open(id);
    if (bundle == null) throw missingFile('manifest.json');
    final link = await store.linkOf(id);
    return link == null
        ? bundle
        : HostedFiles(downloader, link, bundle.manifest);
  }

  Future<UpdateOutcome> _take(
    UpdateConfig config,
    Release release,
    OnProgress? onProgress,
    CancelToken? cancel,
  ) async {
    final folder = config.channel.resolve(
      release.path.endsWith('/') ? release.path : '${release.path}/',
    );
    final manifest = await _manifest(folder, release, cancel);
    final misfit = spec.misfit(manifest);
    if (misfit != null) {
      throw EdgekitException(EdgekitErrorCode.incompatible, misfit);
    }
    var fetched = 0;
    if (keepsFiles) {
      fetched = await _files(folder, manifest, onProgress, cancel);
      await store.add(manifest);
    } else {
      await store.addLink(manifest, folder);
    }
    final model = await _open(manifest.id);
    await model.close();
    cancel?.check();
    await store.activate(manifest.id);
    return Updated(manifest.version, fetched);
  }

  Future<Manifest> _manifest(
    Uri folder,
    Release release,
    CancelToken? cancel,
  ) async {
    final answer = await downloader.fetchSmall(
      folder.resolve('manifest.json'),
      cancel: cancel,
    );
    final manifest = Manifest.parse(answer!.bytes);
    if (manifest.id != release.id) {
      throw EdgekitException(
        EdgekitErrorCode.corrupt,
        'manifest.json is of another version than the channel says',
      );
    }
    return manifest;
  }

  /// Fetch what the runtimes here read, in the manifest's order.
  Future<int> _files(
    Uri folder,
    Manifest manifest,
    OnProgress? onProgress,
    CancelToken? cancel,
  ) async {
    final needed = {for (final opener in runtimes) ...opener.targets};
    final entries = {
      for (final entry in manifest.filesOf(needed))
        if (!_onlyForBrowsers.contains(entry.role)) entry.path: entry,
    };
    final total = entries.values.fold(0, (sum, entry) => sum + entry.bytes);
    var done = 0, most = 0, fetched = 0;
    void report(FileEntry entry, int have) {
      if (done + have > most) most = done + have;
      onProgress?.call(Progress(entry.path, most, total));
    }

    for (final entry in entries.values) {
      final path = store.pathOf(entry);
      if (await _isHere(entry)) {
        report(entry, entry.bytes);
      } else {
        await downloader.fetch(
          folder.resolve(entry.path),
          entry,
          path,
          onBytes: (have) => report(entry, have),
          cancel: cancel,
        );
        fetched += entry.bytes;
      }
      done += entry.bytes;
    }
    return fetched;
  }

  static const _onlyForBrowsers = {'engine', 'runtime', 'script'};

  Future<bool> _isHere(FileEntry entry) async {
    final path = store.pathOf(entry);
    final Uint8List? bytes = await store.storage.read(path);
    if (bytes == null) return false;
    try {
      checkFile(entry, bytes);
      return true;
    } on EdgekitException {
      await store.storage.delete(path);
      return false;
    }
  }

  Future<String> _version(StoreState state) async {
    final id = state.current;
    final bundle = id == null ? null : await store.open(id);
    return bundle?.manifest.version ?? spec.version;
  }

  Future<void> _remember(String? etag) async =>
      store.write((await store.state()).withEtag(etag));

  /// Whether another attempt with the same version would end the same way.
  static bool _isFinal(EdgekitErrorCode code) => switch (code) {
    EdgekitErrorCode.format ||
    EdgekitErrorCode.incompatible ||
    EdgekitErrorCode.runtime ||
    EdgekitErrorCode.selfTest ||
    EdgekitErrorCode.signature => true,
    EdgekitErrorCode.corrupt ||
    EdgekitErrorCode.network ||
    EdgekitErrorCode.cancelled => false,
  };
}
