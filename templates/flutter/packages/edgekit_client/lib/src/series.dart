import 'dart:collection';

/// A series that is the same number at every step: where a form starts.
final class FlatSeries<T extends num> extends ListBase<T> {
  const FlatSeries(this.length, this.value);

  @override
  final int length;

  /// At every step.
  final T value;

  @override
  set length(int _) => throw UnsupportedError('a FlatSeries cannot change');

  @override
  T operator [](int index) {
    RangeError.checkValidIndex(index, this);
    return value;
  }

  @override
  void operator []=(int index, T value) =>
      throw UnsupportedError('a FlatSeries cannot change');
}
