import 'dart:ffi';
import 'dart:io';
import 'dart:typed_data';

import 'package:edgekit_client/edgekit_client.dart';
import 'package:edgekit_client/plan.dart';

import 'memory.dart';

/// The engine's view of a model (wasm/kernels/engine.h).
final class _Model extends Struct {
  external Pointer<Uint8> plan;

  @Uint32()
  external int planBytes;

  external Pointer<Uint8> weights;

  @Uint32()
  external int weightsBytes;

  external Pointer<Uint8> arena;

  @Uint32()
  external int arenaBytes;
}

typedef _Check = int Function(Pointer<_Model>);
typedef _Run = int Function(Pointer<_Model>, int, int);

/// The engine's functions in a library.
final class _Engine {
  _Engine(DynamicLibrary library)
    : check = library.lookupFunction<Int32 Function(Pointer<_Model>), _Check>(
        'ek_check',
      ),
      run = library
          .lookupFunction<Int32 Function(Pointer<_Model>, Int32, Int32), _Run>(
            'ek_run',
            isLeaf: true,
          ),
      prepare = library.providesSymbol('ek_prepare')
          ? library.lookupFunction<Int32 Function(Pointer<_Model>), _Check>(
              'ek_prepare',
            )
          : null;

  final _Check check;

  /// Rearranges weights for the processor, once; an engine may lack it.
  final _Check? prepare;
  final _Run run;
}

/// Makes a [NativeRuntime], where the app carries the library.
final class NativeOpener implements RuntimeOpener {
  const NativeOpener([this.library]);

  /// The path of the library; else it is searched where apps have it.
  final String? library;

  @override
  String get name => 'native';

  @override
  List<String> get targets => const ['wasm'];

  @override
  Future<EdgeRuntime> open(Manifest manifest, BundleFiles files) async {
    final (:plan, :weights) = await readPlanFiles(manifest, files);
    return NativeRuntime(
      plan,
      weights,
      library: library,
      isExact: manifest.targets['wasm']!.isExact,
    );
  }
}

/// Opens the library at [path], or where apps have it.
_Engine _find(String? path) {
  final names = path == null ? _names : [path];
  for (final name in names) {
    try {
      return _Engine(DynamicLibrary.open(name));
    } on ArgumentError {
      continue; // not there, or not an engine: try the next
    }
  }
  throw EdgekitException(
    EdgekitErrorCode.runtime,
    'there is no engine at ${names.join(' or ')}; generate the client with '
    '--native',
  );
}

List<String> get _names => switch (Platform.operatingSystem) {
  'windows' => const ['edgekit.dll'],
  'macos' || 'ios' => const ['edgekit.framework/edgekit', 'libedgekit.dylib'],
  _ => const ['libedgekit.so'],
};

/// A model in the native engine, equal to the int8 model bit for bit.
final class NativeRuntime implements EdgeRuntime {
  NativeRuntime._(
    this._engine,
    this._plan,
    this.isExact,
    Uint8List plan,
    Uint8List weights,
  ) {
    if (weights.length != _plan.weightsBytes) {
      throw const EdgekitException(
        EdgekitErrorCode.format,
        'plan.bin wants other weights than the shards have; '
        'export the bundle again',
      );
    }
    final model = _take(sizeOf<_Model>());
    final sizes = [plan.length, weights.length, _plan.arenaBytes];
    final regions = [for (final size in sizes) _take(size)];
    regions[0].view.setAll(0, plan);
    regions[1].view.setAll(0, weights);
    _arena = regions[2];
    _model = model.start.cast();
    _model.ref
      ..plan = regions[0].start
      ..planBytes = sizes[0]
      ..weights = regions[1].start
      ..weightsBytes = sizes[1]
      ..arena = regions[2].start
      ..arenaBytes = sizes[2];
    var verdict = _engine.check(_model);
    if (verdict == 0) verdict = _engine.prepare?.call(_model) ?? 0;
    if (verdict != 0) {
      _free();
      throw EdgekitException(
        EdgekitErrorCode.format,
        'the native engine refuses plan.bin (code $verdict); generate the '
        'client again with the edgekit of the bundle',
      );
    }
  }

  /// Make it from the bytes of plan.bin and of the joined shards.
  factory NativeRuntime(
    Uint8List plan,
    Uint8List weights, {
    String? library,
    bool isExact = true,
  }) =>
      NativeRuntime._(_find(library), Plan.parse(plan), isExact, plan, weights);

  final _Engine _engine;
  final Plan _plan;
  final List<NativeMemory> _taken = [];
  late final NativeMemory _arena;
  late final Pointer<_Model> _model;

  @override
  String get name => 'native';

  @override
  final bool isExact;

  NativeMemory _take(int bytes) {
    final memory = NativeMemory(bytes);
    _taken.add(memory);
    return memory;
  }

  /// As [run], without a future.
  Float32List runNow(Float32List input) {
    final arena = Float32List.sublistView(_arena.view);
    var from = 0;
    for (final (:offset, :count) in _plan.inputs) {
      arena.setRange(offset ~/ 4, offset ~/ 4 + count, input, from);
      from += count;
    }
    final verdict = _engine.run(_model, 0, _plan.steps.length);
    if (verdict != 0) throw StateError('the engine stopped with code $verdict');
    return Float32List.fromList([
      for (final (:offset, :count) in _plan.outputs)
        ...arena.getRange(offset ~/ 4, offset ~/ 4 + count),
    ]);
  }

  @override
  Future<Float32List> run(Float32List input) async => runNow(input);

  @override
  Future<void> close() async => _free();

  void _free() {
    for (final memory in _taken) {
      memory.free();
    }
    _taken.clear();
  }
}
