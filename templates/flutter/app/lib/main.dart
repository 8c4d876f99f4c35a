import 'package:edgekit_flutter/edgekit_flutter.dart';
import 'package:flutter/material.dart';

import 'app.dart';
import 'generated/model.g.dart';
import 'model_controller.dart';

void main() {
  WidgetsFlutterBinding.ensureInitialized();
  runApp(EdgeApp(controller: ModelController(makeHost(), spec)));
}

/// The host of this app, with updates where the client was generated with
/// --channel.
FlutterHost makeHost() => FlutterHost(
  updates: updateChannel.isEmpty
      ? null
      : UpdateConfig(
          channel: Uri.parse(updateChannel),
          publicKey: updateKey.isEmpty ? null : updateKey,
        ),
);
