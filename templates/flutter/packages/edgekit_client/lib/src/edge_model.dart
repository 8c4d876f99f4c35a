import 'dart:convert';
import 'dart:typed_data';

import 'errors.dart';
import 'files.dart';
import 'golden.dart';
import 'manifest.dart';
import 'model_spec.dart';
import 'preprocess.dart';
import 'runtime/edge_runtime.dart';
import 'transforms.dart';
import 'validation.dart';

/// A model that passed its golden rows on this device and is ready to predict.
///
/// The generated class of a model is this with typed inputs and outputs.
final class EdgeModel {
  EdgeModel._(
    this.spec,
    this.manifest,
    this.runtime,
    this.golden,
    this.selfTest,
  ) : _encoder = InputEncoder(manifest.features);

  final ModelSpec spec;

  /// Of the version that runs, which may be newer than [spec].
  final Manifest manifest;
  final EdgeRuntime runtime;
  final Golden golden;

  /// The outcome of the golden rows when the model was opened.
  final SelfTest selfTest;
  final InputEncoder _encoder;

  /// Open a bundle with the first runtime that takes it and passes its golden
  /// rows.
  ///
  /// Throws an [EdgekitException] that says of each runtime why it did not.
  static Future<EdgeModel> open(
    ModelSpec spec,
    BundleFiles files,
    List<RuntimeOpener> runtimes,
  ) async {
    final manifest = Manifest.parse(await files.read('manifest.json'));
    final misfit = spec.misfit(manifest);
    if (misfit != null) {
      throw EdgekitException(
        EdgekitErrorCode.incompatible,
        'version ${manifest.version} does not fit this app: $misfit; '
        'generate the client again',
      );
    }
    final checked = CheckedFiles(files, manifest);
    final golden = Golden.parse(
      utf8.decode(await checked.read(manifest.golden.path)),
    );
    final refusals = <String>[];
    var code = EdgekitErrorCode.runtime;
    for (final opener in runtimes) {
      try {
        final runtime = await opener.open(manifest, checked);
        final test = await _test(golden, runtime);
        return EdgeModel._(spec, manifest, runtime, golden, test);
      } on EdgekitException catch (error) {
        if (error.code == EdgekitErrorCode.selfTest) code = error.code;
        refusals.add('${opener.name}: ${error.message}');
      } on Object catch (error) {
        refusals.add('${opener.name}: $error'); // a plug-in's, a RangeError
      }
    }
    throw EdgekitException(
      code,
      'no runtime can run ${manifest.name} ${manifest.version} here: '
      '${refusals.join('; ')}',
    );
  }

  static Future<SelfTest> _test(Golden golden, EdgeRuntime runtime) async {
    final SelfTest test;
    try {
      test = await SelfTest.of(golden, runtime.run, isExact: runtime.isExact);
    } on Object catch (error) {
      await runtime.close();
      throw EdgekitException(
        EdgekitErrorCode.selfTest,
        'it failed on a golden row ($error)',
      );
    }
    if (test.passed) return test;
    await runtime.close();
    throw EdgekitException(
      EdgekitErrorCode.selfTest,
      '${test.differing} of ${test.rows} golden rows differ, by up to '
      '${test.largestError.toStringAsPrecision(4)}',
    );
  }

  /// Predict from values in the users' units, in the order of the features, to
  /// results in theirs.
  ///
  /// Throws [InvalidInput] with every wrong value.
  Future<Float32List> predictValues(
    List<Object?> values, {
    OutOfRangePolicy outOfRange = OutOfRangePolicy.reject,
  }) async => inUnits(await runtime.run(_encoder.encode(values, outOfRange)));

  /// An answer of the model with the transforms of its results undone.
  Float32List inUnits(Float32List answer) {
    final results = manifest.results;
    return Float32List.fromList([
      for (var i = 0; i < answer.length; i++)
        i < results.length
            ? inverse(results[i].transform, answer[i])
            : answer[i],
    ]);
  }

  /// Predict from the flat input as it is to the model's own answer, with no
  /// transform undone; see [inUnits].
  Future<Float32List> predictFlat(Float32List input) {
    if (input.length != manifest.inputCount) {
      throw ArgumentError(
        'the input must have ${manifest.inputCount} numbers, '
        'not ${input.length}',
      );
    }
    return runtime.run(input);
  }

  /// Every wrong value; an empty list means that [predictValues] takes them.
  List<ValidationIssue> check(
    List<Object?> values, {
    OutOfRangePolicy outOfRange = OutOfRangePolicy.reject,
  }) => _encoder.check(values, outOfRange);

  /// Free what the runtime holds.
  Future<void> close() => runtime.close();
}
