/// Stub: as much of Flutter as the template uses, with Flutter's signatures.
library;

import 'foundation.dart';
import 'services.dart';

export 'foundation.dart';
export 'services.dart' show TextInputType;

enum Brightness { dark, light }

enum TextAlign { left, right, center, justify, start, end }

enum MainAxisSize { min, max }

enum MainAxisAlignment { start, end, center, spaceBetween, spaceAround, spaceEvenly }

enum CrossAxisAlignment { start, end, center, stretch, baseline }

enum PaintingStyle { fill, stroke }

class Color {
  const Color(this.value);
  final int value;
}

class Offset {
  const Offset(this.dx, this.dy);
  static const Offset zero = Offset(0.0, 0.0);
  final double dx;
  final double dy;
  Rect operator &(Size other) => const Rect();
}

class Rect {
  const Rect();
}

class Size {
  const Size(this.width, this.height);
  final double width;
  final double height;
}

class Paint {
  Color color = const Color(0);
  double strokeWidth = 0;
  PaintingStyle style = PaintingStyle.fill;
}

class Path {
  void moveTo(double x, double y) {}
  void lineTo(double x, double y) {}
}

class Canvas {
  void drawRect(Rect rect, Paint paint) {}
  void drawLine(Offset p1, Offset p2, Paint paint) {}
  void drawPath(Path path, Paint paint) {}
}

class Locale {
  const Locale(this.languageCode, [this.countryCode]);
  final String languageCode;
  final String? countryCode;
}

abstract class LocalizationsDelegate<T> {
  const LocalizationsDelegate();
  bool isSupported(Locale locale);
  Future<T> load(Locale locale);
  bool shouldReload(covariant LocalizationsDelegate<T> old);
}

class Localizations {
  static T? of<T>(BuildContext context, Type type) => null;
}

abstract class BuildContext {
  bool get mounted;
}

abstract class Widget {
  const Widget({this.key});
  final Key? key;
}

abstract class StatelessWidget extends Widget {
  const StatelessWidget({super.key});
  Widget build(BuildContext context);
}

abstract class StatefulWidget extends Widget {
  const StatefulWidget({super.key});
  State createState();
}

abstract class State<T extends StatefulWidget> {
  T get widget => throw UnimplementedError();
  BuildContext get context => throw UnimplementedError();
  bool get mounted => true;
  void initState() {}
  void didUpdateWidget(covariant T oldWidget) {}
  void dispose() {}
  void setState(VoidCallback fn) {}
  Widget build(BuildContext context);
}

class WidgetsFlutterBinding {
  static WidgetsFlutterBinding ensureInitialized() => WidgetsFlutterBinding();
}

void runApp(Widget app) {}

class ColorScheme {
  const ColorScheme._();
  factory ColorScheme.fromSeed({
    required Color seedColor,
    Brightness brightness = Brightness.light,
  }) => const ColorScheme._();
  Color get primary => const Color(0);
  Color get tertiary => const Color(0);
  Color get outline => const Color(0);
  Color get error => const Color(0);
}

class TextStyle {
  const TextStyle({Color? color, double? fontSize});
}

class TextTheme {
  const TextTheme();
  TextStyle? get titleSmall => null;
  TextStyle? get titleMedium => null;
  TextStyle? get labelLarge => null;
  TextStyle? get headlineMedium => null;
  TextStyle? get bodySmall => null;
}

class ThemeData {
  factory ThemeData({ColorScheme? colorScheme, bool? useMaterial3}) =>
      ThemeData._();
  ThemeData._();
  ColorScheme get colorScheme => const ColorScheme._();
  TextTheme get textTheme => const TextTheme();
}

class Theme {
  static ThemeData of(BuildContext context) => ThemeData();
}

class MaterialApp extends StatefulWidget {
  const MaterialApp({
    super.key,
    String? title = '',
    ThemeData? theme,
    ThemeData? darkTheme,
    Iterable<LocalizationsDelegate<dynamic>>? localizationsDelegates,
    Iterable<Locale> supportedLocales = const <Locale>[Locale('en', 'US')],
    Widget? home,
  });
  @override
  State<MaterialApp> createState() => throw UnimplementedError();
}

typedef TransitionBuilder =
    Widget Function(BuildContext context, Widget? child);

class ListenableBuilder extends _Leaf {
  const ListenableBuilder({
    super.key,
    required Listenable listenable,
    required TransitionBuilder builder,
    Widget? child,
  });
}

abstract class _Leaf extends StatelessWidget {
  const _Leaf({super.key});
  @override
  Widget build(BuildContext context) => throw UnimplementedError();
}

abstract class PreferredSizeWidget implements Widget {}

class Scaffold extends _Leaf {
  const Scaffold({
    super.key,
    PreferredSizeWidget? appBar,
    Widget? body,
    Widget? bottomNavigationBar,
  });
}

class AppBar extends _Leaf implements PreferredSizeWidget {
  AppBar({super.key, Widget? title});
}

class SafeArea extends _Leaf {
  const SafeArea({super.key, required Widget child});
}

class NavigationBar extends _Leaf {
  const NavigationBar({
    super.key,
    int selectedIndex = 0,
    required List<Widget> destinations,
    ValueChanged<int>? onDestinationSelected,
  });
}

class NavigationDestination extends _Leaf {
  const NavigationDestination({
    super.key,
    required Widget icon,
    required String label,
  });
}

class IconData {
  const IconData(this.codePoint);
  final int codePoint;
}

class Icons {
  static const IconData tune = IconData(1);
  static const IconData show_chart = IconData(2);
  static const IconData system_update = IconData(3);
  static const IconData speed = IconData(4);
}

class Icon extends _Leaf {
  const Icon(IconData? icon, {super.key});
}

class Text extends _Leaf {
  const Text(String data, {super.key, TextStyle? style, TextAlign? textAlign});
}

class SelectableText extends _Leaf {
  const SelectableText(String data, {super.key});
}

class SizedBox extends _Leaf {
  const SizedBox({super.key, double? width, double? height, Widget? child});
}

class EdgeInsets {
  const EdgeInsets.all(double value);
  const EdgeInsets.symmetric({double vertical = 0.0, double horizontal = 0.0});
  static const EdgeInsets zero = EdgeInsets.all(0);
}

class Padding extends _Leaf {
  const Padding({super.key, required EdgeInsets padding, Widget? child});
}

class Center extends _Leaf {
  const Center({super.key, Widget? child});
}

class Alignment {
  const Alignment(double x, double y);
  static const Alignment centerLeft = Alignment(-1.0, 0.0);
}

class Align extends _Leaf {
  const Align({super.key, Alignment alignment = const Alignment(0, 0), Widget? child});
}

class Column extends _Leaf {
  const Column({
    super.key,
    MainAxisAlignment mainAxisAlignment = MainAxisAlignment.start,
    MainAxisSize mainAxisSize = MainAxisSize.max,
    CrossAxisAlignment crossAxisAlignment = CrossAxisAlignment.center,
    List<Widget> children = const <Widget>[],
  });
}

class Row extends Column {
  const Row({
    super.key,
    super.mainAxisAlignment,
    super.mainAxisSize,
    super.crossAxisAlignment,
    super.children,
  });
}

class Wrap extends _Leaf {
  const Wrap({
    super.key,
    double spacing = 0.0,
    double runSpacing = 0.0,
    List<Widget> children = const <Widget>[],
  });
}

class Expanded extends _Leaf {
  const Expanded({super.key, int flex = 1, required Widget child});
}

class ListView extends _Leaf {
  ListView({
    super.key,
    EdgeInsets? padding,
    List<Widget> children = const <Widget>[],
  });
}

class ListTile extends _Leaf {
  const ListTile({
    super.key,
    Widget? title,
    Widget? trailing,
    EdgeInsets? contentPadding,
  });
}

class Card extends _Leaf {
  const Card({super.key, Widget? child});
}

class Semantics extends _Leaf {
  Semantics({super.key, Widget? child, String? label, bool? liveRegion});
}

class Slider extends StatefulWidget {
  const Slider({
    super.key,
    required double value,
    required ValueChanged<double>? onChanged,
    double min = 0.0,
    double max = 1.0,
    int? divisions,
    String? label,
    String Function(double value)? semanticFormatterCallback,
  });
  @override
  State<Slider> createState() => throw UnimplementedError();
}

class TextEditingController extends ChangeNotifier {
  TextEditingController({String? text}) : text = text ?? '';
  String text;
}

class InputDecoration {
  const InputDecoration({
    bool? isDense,
    String? suffixText,
    String? helperText,
    String? errorText,
  });
}

class TextField extends StatefulWidget {
  const TextField({
    int? maxLines,
    super.key,
    TextEditingController? controller,
    InputDecoration? decoration = const InputDecoration(),
    TextInputType? keyboardType,
    ValueChanged<String>? onChanged,
  });
  @override
  State<TextField> createState() => throw UnimplementedError();
}

class ChoiceChip extends _Leaf {
  const ChoiceChip({
    super.key,
    required Widget label,
    required bool selected,
    ValueChanged<bool>? onSelected,
  });
}

class DropdownMenuItem<T> extends _Leaf {
  const DropdownMenuItem({super.key, T? value, required Widget child});
}

class DropdownButton<T> extends StatefulWidget {
  DropdownButton({
    super.key,
    required List<DropdownMenuItem<T>>? items,
    T? value,
    required ValueChanged<T?>? onChanged,
    bool isExpanded = false,
  });
  @override
  State<DropdownButton<T>> createState() => throw UnimplementedError();
}

class AsyncSnapshot<T> {
  const AsyncSnapshot();
  T? get data => null;
}

class FutureBuilder<T> extends StatefulWidget {
  const FutureBuilder({
    super.key,
    required Future<T>? future,
    required Widget Function(BuildContext context, AsyncSnapshot<T> snapshot)
    builder,
  });
  @override
  State<FutureBuilder<T>> createState() => throw UnimplementedError();
}

class FilledButton extends _Leaf {
  const FilledButton({
    super.key,
    required VoidCallback? onPressed,
    required Widget? child,
  });
}

class TextButton extends _Leaf {
  const TextButton({
    super.key,
    required VoidCallback? onPressed,
    required Widget child,
  });
}

class CircularProgressIndicator extends _Leaf {
  const CircularProgressIndicator({super.key, double? value});
}

class LinearProgressIndicator extends _Leaf {
  const LinearProgressIndicator({super.key, double? value});
}

abstract class CustomPainter extends Listenable {
  const CustomPainter();
  void paint(Canvas canvas, Size size);
  bool shouldRepaint(covariant CustomPainter oldDelegate);
  @override
  void addListener(VoidCallback listener) {}
  @override
  void removeListener(VoidCallback listener) {}
}

class CustomPaint extends _Leaf {
  const CustomPaint({super.key, CustomPainter? painter, Widget? child});
}
