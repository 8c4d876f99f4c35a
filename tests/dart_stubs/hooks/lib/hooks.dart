/// Stub with the signatures of hooks 1.
library;

abstract class HookConfig {}

abstract class BuildInput {
  HookConfig get config;
  String get packageName;
  Uri get packageRoot;
}

abstract class BuildOutputAssetsBuilder {}

abstract class BuildOutputBuilder {
  BuildOutputAssetsBuilder get assets;
  List<Uri> get dependencies;
}

Future<void> build(
  List<String> args,
  Future<void> Function(BuildInput input, BuildOutputBuilder output) builder,
) async {}
