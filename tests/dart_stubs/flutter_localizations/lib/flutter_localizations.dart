/// Stub with Flutter's signatures.
library;

import 'package:flutter/material.dart';

class GlobalMaterialLocalizations {
  static const LocalizationsDelegate<Object> delegate = _Delegate();
}

class GlobalWidgetsLocalizations {
  static const LocalizationsDelegate<Object> delegate = _Delegate();
}

class GlobalCupertinoLocalizations {
  static const LocalizationsDelegate<Object> delegate = _Delegate();
}

class _Delegate extends LocalizationsDelegate<Object> {
  const _Delegate();
  @override
  bool isSupported(Locale locale) => true;
  @override
  Future<Object> load(Locale locale) async => this;
  @override
  bool shouldReload(LocalizationsDelegate<Object> old) => false;
}
