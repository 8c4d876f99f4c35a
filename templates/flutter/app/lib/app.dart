import 'package:flutter/material.dart';
import 'package:flutter_localizations/flutter_localizations.dart';

import 'l10n/strings.dart';
import 'model_controller.dart';
import 'ui/benchmark_page.dart';
import 'ui/model_page.dart';
import 'ui/predict_page.dart';
import 'ui/what_if_page.dart';

/// The app around one model.
class EdgeApp extends StatefulWidget {
  const EdgeApp({super.key, required this.controller});

  final ModelController controller;

  @override
  State<EdgeApp> createState() => _EdgeAppState();
}

class _EdgeAppState extends State<EdgeApp> {
  int _page = 0;

  @override
  void initState() {
    super.initState();
    widget.controller.load();
  }

  @override
  void dispose() {
    widget.controller.dispose();
    super.dispose();
  }

  @override
  Widget build(BuildContext context) {
    return MaterialApp(
      title: widget.controller.spec.name,
      theme: _theme(Brightness.light),
      darkTheme: _theme(Brightness.dark),
      localizationsDelegates: const [
        StringsDelegate(),
        GlobalMaterialLocalizations.delegate,
        GlobalWidgetsLocalizations.delegate,
        GlobalCupertinoLocalizations.delegate,
      ],
      supportedLocales: StringsDelegate.locales,
      home: ListenableBuilder(
        listenable: widget.controller,
        builder: (context, _) => _Shell(
          controller: widget.controller,
          page: _page,
          onPage: (page) => setState(() => _page = page),
        ),
      ),
    );
  }

  static ThemeData _theme(Brightness brightness) => ThemeData(
    colorScheme: ColorScheme.fromSeed(
      seedColor: const Color(0xFF0B6E69),
      brightness: brightness,
    ),
    useMaterial3: true,
  );
}

class _Shell extends StatelessWidget {
  const _Shell({
    required this.controller,
    required this.page,
    required this.onPage,
  });

  final ModelController controller;
  final int page;
  final ValueChanged<int> onPage;

  @override
  Widget build(BuildContext context) {
    final strings = Strings.of(context);
    return Scaffold(
      appBar: AppBar(title: Text(controller.spec.name)),
      body: SafeArea(child: _body(strings)),
      bottomNavigationBar: NavigationBar(
        selectedIndex: page,
        onDestinationSelected: onPage,
        destinations: [
          NavigationDestination(
            icon: const Icon(Icons.tune),
            label: strings.predict,
          ),
          NavigationDestination(
            icon: const Icon(Icons.show_chart),
            label: strings.whatIf,
          ),
          NavigationDestination(
            icon: const Icon(Icons.system_update),
            label: strings.model,
          ),
          NavigationDestination(
            icon: const Icon(Icons.speed),
            label: strings.benchmark,
          ),
        ],
      ),
    );
  }

  Widget _body(Strings strings) {
    final error = controller.error;
    if (error != null) {
      return _Centered(
        children: [
          Text('$error', textAlign: TextAlign.center),
          const SizedBox(height: 16),
          FilledButton(onPressed: controller.load, child: Text(strings.retry)),
        ],
      );
    }
    if (controller.model == null) {
      return _Centered(
        children: [
          const CircularProgressIndicator(),
          const SizedBox(height: 16),
          Text(strings.loading),
        ],
      );
    }
    return switch (page) {
      0 => PredictPage(controller: controller),
      1 => WhatIfPage(controller: controller),
      2 => ModelPage(controller: controller),
      _ => BenchmarkPage(controller: controller),
    };
  }
}

class _Centered extends StatelessWidget {
  const _Centered({required this.children});

  final List<Widget> children;

  @override
  Widget build(BuildContext context) => Center(
    child: Padding(
      padding: const EdgeInsets.all(24),
      child: Column(mainAxisSize: MainAxisSize.min, children: children),
    ),
  );
}
