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
  });

  factory StoreState._fromJson(Map<String, Object?> plain) => StoreState(
    current: plain['current'] as String?,
    previous: plain['previous'] as String?,
    refused: [...(plain['refused'] as List<Object?>? ?? const []).cast()],
    etag: plain['etag'] as String?,
    installId: plain['install_id'] as String?,
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

  Map<String, Object?> _toJson() => {
    'current': current,
    'previous': previous,
    'refused': refused,
    'etag': etag,
    'install_id': installId,
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
    await write(
      StoreState(
        current: id,
        previous: old.current,
        refused: old.refused,
        etag: old.etag,
        installId: old.installId,
      ),
    );
    await prune();
  }

  /// Leave the current version for the one before it, for good.
  Future<void> rollBack() async {
    final old = await state();
    final bad = old.current;
    await write(
      StoreState(
        current: old.previous,
        refused: [...old.refused, if (bad != null) bad],
        etag: old.etag,
        installId: old.installId,
      ),
    );
    await prune();
  }

  /// Never try [id] again.
  Future<void> refuse(String id) async {
    final old = await state();
    if (old.refused.contains(id)) return;
    await write(
      StoreState(
        current: old.current,
        previous: old.previous,
        refused: [...old.refused, id],
        etag: old.etag,
        installId: old.installId,
      ),
    );
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
