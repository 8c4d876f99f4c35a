/// Stub with the signatures of code_assets 1.
library;

import 'package:hooks/hooks.dart';

final class OS {
  const OS._();
  static const OS iOS = OS._();
  String dylibFileName(String name) => name;
}

final class Architecture {}

final class IOSSdk {
  const IOSSdk._();
  static const IOSSdk iPhoneSimulator = IOSSdk._();
}

final class IOSCodeConfig {
  IOSSdk get targetSdk => throw UnimplementedError();
}

final class CodeConfig {
  OS get targetOS => throw UnimplementedError();
  Architecture get targetArchitecture => throw UnimplementedError();
  IOSCodeConfig get iOS => throw UnimplementedError();
}

extension CodeAssetHookConfig on HookConfig {
  bool get buildCodeAssets => throw UnimplementedError();
  CodeConfig get code => throw UnimplementedError();
}

sealed class LinkMode {}

final class DynamicLoadingBundled extends LinkMode {}

final class CodeAsset {
  CodeAsset({
    required String package,
    required String name,
    required LinkMode linkMode,
    Uri? file,
  });
}

final class BuildOutputCodeAssetBuilder {
  void add(CodeAsset asset) {}
}

extension BuildOutputBuilderAddCodeAssets on BuildOutputAssetsBuilder {
  BuildOutputCodeAssetBuilder get code => throw UnimplementedError();
}
