import 'dart:convert';
import 'dart:typed_data';

import '../files.dart';
import '../manifest.dart';
import 'storage.dart';

/// What the store remembers of a model.
final class StoreState {
  const StoreState({
    this.current,
    this.previous,
    this.refused = const [],
    this.etag,
    this.installId,
    this.opening,
    this.attempts = 0,
  });

  factory StoreState._fromJson(Map<String, Object?> plain) => StoreState(
    current: plain['current'] as String?,
    previous: plain['previous'] as String?,
    refused: [...(plain['refused'] as List<Object?>? ?? const []).cast()],
    etag: plain['etag'] as String?,
    installId: plain['install_id'] as String?,
    opening: plain['opening'] as String?,
    attempts: plain['attempts'] as int? ?? 0,
  );

  /// The id of the version to open; null for the one in the app itself.
  final String? current;

  /// The version before it, kept for [BundleStore.rollBack].
  final String? previous;

  /// Ids that failed on this device and are not tried again.
  final List<String> refused;

  /// Of the channel file when it was last read.
  final String? etag;

  /// A random number of this installation, for gradual roll-outs.
  final String? installId;

  /// The id of a version that is being opened, and how often that was begun:
  /// what ends the whole app leaves this behind.
  final String? opening;
  final int attempts;

  /// The same, with another ETag.
  StoreState withEtag(String? etag) => _copy(etag: () => etag);

  /// The same, of an installation with this number.
  StoreState withInstallId(String id) => _copy(installId: id);

  StoreState _copy({
    String? Function()? current,
    String? Function()? previous,
    List<String>? refused,
    String? Function()? etag,
    String? installId,
    String? opening,
    int attempts = 0,
  }) => StoreState(
    current: current == null ? this.current : current(),
    previous: previous == null ? this.previous : previous(),
    refused: refused ?? this.refused,
    etag: etag == null ? this.etag : etag(),
    installId: installId ?? this.installId,
    opening: opening,
    attempts: attempts,
  );

  Map<String, Object?> _toJson() => {
    'current': current,
    'previous': previous,
    'refused': refused,
    'etag': etag,
    'install_id': installId,
    if (opening != null) 'opening': opening,
    if (opening != null) 'attempts': attempts,
  };
}

/// The versions of one model on this device.
///
///     NAME/state.json           which version to open, and the one before it
///     NAME/manifests/ID.json
///     NAME/files/SHA256         what a new version shares is not fetched twice
///     NAME/files/SHA256.part    a download that goes on later
final class BundleStore {
  BundleStore(this.storage, String name)
    : _root = Uri.encodeComponent(name).replaceAll('.', '%2E');

  final Storage storage;
  final String _root;

  String get _statePath => '$_root/state.json';

  String _manifestPath(String id) => '$_root/manifests/$id.json';

  /// Where a file of a bundle is kept.
  String pathOf(FileEntry entry) => '$_root/files/${entry.sha256}';

  Future<StoreState> state() async {
    final bytes = await storage.read(_statePath);
    if (bytes == null) return const StoreState();
    try {
      return StoreState._fromJson(
        jsonDecode(utf8.decode(bytes)) as Map<String, Object?>,
      );
    } on Object {
      return const StoreState(); // unreadable: the app's own version is there
    }
  }

  Future<void> write(StoreState state) =>
      storage.write(_statePath, utf8.encode(jsonEncode(state._toJson())));

  String _linkPath(String id) => '$_root/manifests/$id.link';

  /// The manifest and files of a version, or null where it is not here.
  Future<StoredBundle?> open(String id) async {
    final bytes = await storage.read(_manifestPath(id));
    if (bytes == null) return null;
    final manifest = Manifest.parse(bytes);
    return manifest.id == id ? StoredBundle._(this, manifest) : null;
  }

  /// Where the files of a version are hosted, if they are not kept here.
  Future<Uri?> linkOf(String id) async {
    final bytes = await storage.read(_linkPath(id));
    return bytes == null ? null : Uri.parse(utf8.decode(bytes));
  }

  /// Keep a manifest whose files stay where they are hosted.
  Future<void> addLink(Manifest manifest, Uri folder) async {
    await add(manifest);
    await storage.write(_linkPath(manifest.id), utf8.encode('$folder'));
  }

  /// Keep a manifest whose files are here.
  Future<StoredBundle> add(Manifest manifest) async {
    await storage.write(_manifestPath(manifest.id), manifest.raw);
    return StoredBundle._(this, manifest);
  }

  /// Make [id] the version to open; the current one becomes the previous.
  Future<void> activate(String id) async {
    final old = await state();
    if (old.current == id) return;
    await write(old._copy(current: () => id, previous: () => old.current));
    await prune();
  }

  /// Leave the current version for the one before it, for good.
  Future<void> rollBack() async {
    final old = await state();
    final bad = old.current;
    await write(
      old._copy(
        current: () => old.previous,
        previous: () => null,
        refused: [...old.refused, if (bad != null) bad],
      ),
    );
    await prune();
  }

  /// Never try [id] again.
  Future<void> refuse(String id) async {
    final old = await state();
    if (old.refused.contains(id)) return;
    await write(old._copy(refused: [...old.refused, id]));
  }

  /// Leave every stored version for the one in the app.
  Future<void> clear() async {
    final old = await state();
    await write(old._copy(current: () => null, previous: () => null));
    await prune();
  }

  /// Open a version by [open]; what ends the app meanwhile is counted.
  Future<T> guarded<T>(String id, Future<T> Function() open) async {
    final old = await state();
    final attempts = old.opening == id ? old.attempts + 1 : 1;
    await write(old._copy(opening: id, attempts: attempts));
    try {
      return await open();
    } finally {
      await write((await state())._copy());
    }
  }

  /// Whether opening a version ended the app two times in a row.
  Future<bool> endsTheApp(String id) async {
    final known = await state();
    return known.opening == id && known.attempts >= 2;
  }

  /// Remove what neither the current nor the previous version needs.
  Future<void> prune() async {
    final kept = await state();
    final names = <String>{};
    for (final id in [kept.current, kept.previous]) {
      final bundle = id == null ? null : await open(id);
      if (bundle == null) continue;
      names.addAll(bundle.manifest.files.values.map((entry) => entry.sha256));
    }
    for (final file in await storage.list('$_root/files')) {
      if (!names.contains(file)) await storage.delete('$_root/files/$file');
    }
    for (final file in await storage.list('$_root/manifests')) {
      final id = file.split('.').first;
      if (id != kept.current && id != kept.previous) {
        await storage.delete('$_root/manifests/$file');
      }
    }
  }
}

/// A version in a [BundleStore].
final class StoredBundle implements BundleFiles {
  StoredBundle._(this._store, this.manifest) : _entries = manifest.files;

  final BundleStore _store;
  final Manifest manifest;
  final Map<String, FileEntry> _entries;

  @override
  Uri? get address => null;

  @override
  Future<Uint8List> read(String path) async {
    if (path == 'manifest.json') return manifest.raw;
    final entry = _entries[path];
    final bytes = entry == null
        ? null
        : await _store.storage.read(_store.pathOf(entry));
    if (bytes == null) throw missingFile(path);
    return bytes;
  }
}
