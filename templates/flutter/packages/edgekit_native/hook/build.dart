import 'dart:io';

import 'package:code_assets/code_assets.dart';
import 'package:hooks/hooks.dart';

/// Gives the engine of `native/OS-ARCHITECTURE/` to the app that is built.
///
/// Where there is none (the client was generated without --native), the app is
/// built without it and runs the model in Dart or LiteRT.
void main(List<String> args) async {
  await build(args, (input, output) async {
    if (!input.config.buildCodeAssets) return;
    final code = input.config.code;
    final os = code.targetOS;
    final isSimulator =
        os == OS.iOS && code.iOS.targetSdk == IOSSdk.iPhoneSimulator;
    final folder =
        '$os-${code.targetArchitecture}${isSimulator ? '-simulator' : ''}';
    final file = input.packageRoot.resolve(
      'native/$folder/${os.dylibFileName('edgekit')}',
    );
    if (!File.fromUri(file).existsSync()) return;
    output.dependencies.add(file);
    output.assets.code.add(
      CodeAsset(
        package: input.packageName,
        name: 'edgekit.dart',
        linkMode: DynamicLoadingBundled(),
        file: file,
      ),
    );
  });
}
