/// Stub with Flutter's signatures.
library;

import 'package:flutter/material.dart';

typedef WidgetTesterCallback = Future<void> Function(WidgetTester tester);

class WidgetTester {
  Future<void> pumpWidget(Widget widget, {Duration? duration}) async {}
  Future<int> pumpAndSettle([
    Duration duration = const Duration(milliseconds: 100),
  ]) async => 0;
}

void testWidgets(String description, WidgetTesterCallback callback) {}

void expect(dynamic actual, dynamic matcher, {String? reason}) {}

class Finder {}

class CommonFinders {
  Finder text(String text) => Finder();
  Finder textContaining(Pattern pattern) => Finder();
}

final CommonFinders find = CommonFinders();

class Matcher {
  const Matcher();
}

const Matcher findsOneWidget = Matcher();
const Matcher findsWidgets = Matcher();
const Matcher isNull = Matcher();
const Matcher isNotNull = Matcher();
const Matcher isTrue = Matcher();
const Matcher isFalse = Matcher();
