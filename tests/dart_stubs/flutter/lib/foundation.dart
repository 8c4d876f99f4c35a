/// Stub: as much of Flutter as the template uses, with Flutter's signatures.
library;

typedef VoidCallback = void Function();
typedef ValueChanged<T> = void Function(T value);

abstract class Key {
  const Key.empty();
}

abstract class LocalKey extends Key {
  const LocalKey() : super.empty();
}

class ValueKey<T> extends LocalKey {
  const ValueKey(this.value);
  final T value;
}

abstract class Listenable {
  const Listenable();
  void addListener(VoidCallback listener);
  void removeListener(VoidCallback listener);
}

mixin class ChangeNotifier implements Listenable {
  @override
  void addListener(VoidCallback listener) {}
  @override
  void removeListener(VoidCallback listener) {}
  void notifyListeners() {}
  void dispose() {}
}
