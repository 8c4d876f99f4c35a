part of 'dense_runtime.dart';

typedef _Run = void Function(PlanStep step, DenseRuntime on);

/// What the runtime knows of an operator: its number of fields, and how it
/// runs. The numbers are those of wasm/kernels/registry.inc.
final class _Operator {
  const _Operator(this.fields, this.run, [this.values = const {}]);

  final int fields;
  final _Run run;

  /// Fields that are values, with the size of their elements.
  final Map<int, int> values;

  void check(PlanStep step, DenseRuntime on) {
    values.forEach((field, width) {
      final value = step.value(field);
      final offset = value % PlanStep.constant;
      final size = on._region(value).u8.length;
      if (offset % width != 0 || offset > size) {
        throw const EdgekitException(
          EdgekitErrorCode.format,
          'plan.bin has a value outside its memory; export the bundle again',
        );
      }
    });
  }
}

// <operators> (tests/dart_to_js.py of edgekit reads from here on)
const _operators = <int, _Operator>{
  1: _Operator(5, _quantizeS8, {0: 4, 1: 1}),
  2: _Operator(5, _quantizeS16, {0: 4, 1: 2}),
  3: _Operator(5, _dequantizeS8, {0: 1, 1: 4}),
  4: _Operator(4, _dequantizeS16, {0: 2, 1: 4}),
  5: _Operator(6, _requantizeS8S8, {0: 1, 1: 1}),
  6: _Operator(9, _requantize),
  7: _Operator(12, _fullyConnectedS8, {0: 1, 1: 1, 2: 1, 3: 4, 4: 4}),
  8: _Operator(10, _fullyConnectedS16, {0: 2, 1: 2, 2: 1, 3: 4, 4: 8}),
  9: _Operator(9, _binaryF32, {0: 4, 1: 4, 2: 4}),
  10: _Operator(13, _addS8, {0: 1, 1: 1, 2: 1}),
  11: _Operator(12, _mulS8, {0: 1, 1: 1, 2: 1}),
  12: _Operator(4, _lookupS8, {0: 1, 1: 1, 2: 1}),
  13: _Operator(7, _sigmoidS16, {0: 2, 1: 2, 2: 2}),
  14: _Operator(5, _softmaxS8, {0: 1, 1: 1, 2: 4}),
  15: _Operator(6, _copy, {0: 1, 1: 1}),
  16: _Operator(25, _oneTap, {0: 1, 1: 1, 2: 1, 3: 4, 4: 4}),
  19: _Operator(7, _meanS8, {0: 1, 1: 1}),
  20: _Operator(4, _fill),
  21: _Operator(20, _stridedCopy),
};

void _quantizeS8(PlanStep s, DenseRuntime on) => quantizeF32S8(
  on._region(s.value(0)).f32,
  on._at(s.value(0), 4),
  on._arena.s8,
  s.value(1),
  s.integer(2),
  s.number(3),
  s.integer(4),
);

void _quantizeS16(PlanStep s, DenseRuntime on) => quantizeF32S16(
  on._region(s.value(0)).f32,
  on._at(s.value(0), 4),
  on._arena.s16,
  s.value(1) ~/ 2,
  s.integer(2),
  s.number(3),
  s.number(4),
);

void _dequantizeS8(PlanStep s, DenseRuntime on) => dequantizeF32(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  on._arena.f32,
  s.value(1) ~/ 4,
  s.integer(2),
  s.number(3),
  s.integer(4),
);

void _dequantizeS16(PlanStep s, DenseRuntime on) => dequantizeF32(
  on._region(s.value(0)).s16,
  on._at(s.value(0), 2),
  on._arena.f32,
  s.value(1) ~/ 4,
  s.integer(2),
  s.number(3),
  0,
);

void _requantizeS8S8(PlanStep s, DenseRuntime on) => requantizeS8S8(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  on._arena.s8,
  s.value(1),
  s.integer(2),
  s.integer(3),
  s.integer(4),
  s.integer(5),
);

List<int> _elements(Region region, int width) {
  return width == 1 ? region.s8 : (width == 2 ? region.s16 : region.s32);
}

void _requantize(PlanStep s, DenseRuntime on) {
  final int from = s.integer(3);
  final int to = s.integer(4);
  requantize(
    _elements(on._region(s.value(0)), from),
    on._at(s.value(0), from),
    _elements(on._arena, to),
    s.value(1) ~/ to,
    s.integer(2),
    s.integer(5),
    s.integer(6),
    s.integer(7),
    s.integer(8),
    to == 1 ? -128 : -32768,
    to == 1 ? 127 : 32767,
  );
}

void _fullyConnectedS8(PlanStep s, DenseRuntime on) => fullyConnectedS8(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  on._arena.s8,
  s.value(1),
  on._region(s.value(2)).s8,
  on._at(s.value(2), 1),
  on._region(s.value(3)).s32,
  on._at(s.value(3), 4),
  on._region(s.value(4)).f32,
  on._at(s.value(4), 4),
  s.integer(6),
  s.integer(7),
  s.integer(8),
  s.integer(9),
  s.number(10),
  s.number(11),
);

/// Many rows of a dense layer are a convolution of one tap.
void _oneTap(PlanStep s, DenseRuntime on) => fullyConnectedS8(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  on._arena.s8,
  s.value(1),
  on._region(s.value(2)).s8,
  on._at(s.value(2), 1),
  on._region(s.value(3)).s32,
  on._at(s.value(3), 4),
  on._region(s.value(4)).f32,
  on._at(s.value(4), 4),
  s.integer(6) * s.integer(10) * s.integer(11),
  s.integer(9),
  s.integer(20),
  s.integer(22),
  s.number(23),
  s.number(24),
);

/// Height and width as they are, a window of one, steps of one, no padding.
bool _isOneTap(PlanStep s) =>
    s.integer(7) == s.integer(10) &&
    s.integer(8) == s.integer(11) &&
    [12, 13, 14, 15].every((field) => s.integer(field) == 1) &&
    [18, 19].every((field) => s.integer(field) == 0);

void _fullyConnectedS16(PlanStep s, DenseRuntime on) => fullyConnectedS16(
  on._region(s.value(0)).s16,
  on._at(s.value(0), 2),
  on._arena.s16,
  s.value(1) ~/ 2,
  on._region(s.value(2)).s8,
  on._at(s.value(2), 1),
  on._region(s.value(3)).s32,
  on._at(s.value(3), 4),
  on._region(s.value(4)).f64,
  on._at(s.value(4), 8),
  s.integer(5),
  s.integer(6),
  s.integer(7),
  s.integer(8),
  s.integer(9),
);

void _binaryF32(PlanStep s, DenseRuntime on) => binaryF32(
  on._region(s.value(0)).f32,
  on._at(s.value(0), 4),
  s.integer(5),
  on._region(s.value(1)).f32,
  on._at(s.value(1), 4),
  s.integer(6),
  on._arena.f32,
  s.value(2) ~/ 4,
  s.integer(4),
  s.integer(3),
  s.number(7),
  s.number(8),
);

void _addS8(PlanStep s, DenseRuntime on) => addS8(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  s.integer(4),
  on._region(s.value(1)).s8,
  on._at(s.value(1), 1),
  s.integer(5),
  on._arena.s8,
  s.value(2),
  s.integer(3),
  s.integer(6),
  s.integer(7),
  s.integer(8),
  _powerOfTwo(s.integer(9)),
  s.integer(10),
  s.integer(11),
  s.integer(12),
);

int _powerOfTwo(int exponent) {
  int power = 1;
  for (int i = 0; i < exponent; i++) {
    power = power * 2;
  }
  return power;
}

void _mulS8(PlanStep s, DenseRuntime on) => mulS8(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  s.integer(4),
  on._region(s.value(1)).s8,
  on._at(s.value(1), 1),
  s.integer(5),
  on._arena.s8,
  s.value(2),
  s.integer(3),
  s.integer(6),
  s.integer(7),
  s.number(8),
  s.integer(9),
  s.number(10),
  s.number(11),
);

void _lookupS8(PlanStep s, DenseRuntime on) => lookupS8(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  on._arena.s8,
  s.value(1),
  on._region(s.value(2)).s8,
  on._at(s.value(2), 1),
  s.integer(3),
);

void _sigmoidS16(PlanStep s, DenseRuntime on) => sigmoidS16(
  on._region(s.value(0)).s16,
  on._at(s.value(0), 2),
  on._arena.s16,
  s.value(1) ~/ 2,
  on._region(s.value(2)).u16,
  on._at(s.value(2), 2),
  s.integer(3),
  s.integer(4),
  s.integer(5),
  _powerOfTwo(s.integer(6)),
);

void _softmaxS8(PlanStep s, DenseRuntime on) => softmaxS8(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  on._arena.s8,
  s.value(1),
  on._region(s.value(2)).f32,
  on._at(s.value(2), 4),
  s.integer(3),
  s.integer(4),
);

void _copy(PlanStep s, DenseRuntime on) => copyRows(
  on._region(s.value(0)).u8,
  on._at(s.value(0), 1),
  on._arena.u8,
  s.value(1),
  s.integer(2),
  s.integer(3),
  s.integer(4),
  s.integer(5),
);

void _meanS8(PlanStep s, DenseRuntime on) => meanS8(
  on._region(s.value(0)).s8,
  on._at(s.value(0), 1),
  on._arena.s8,
  s.value(1),
  s.integer(2),
  s.integer(3),
  s.integer(4),
  s.number(5),
  s.number(6),
);

void _fill(PlanStep s, DenseRuntime on) {
  final int width = s.integer(2);
  fillValue(
    _elements(on._arena, width),
    s.value(0) ~/ width,
    s.integer(1),
    s.integer(3),
  );
}

void _stridedCopy(PlanStep s, DenseRuntime on) {
  final int width = s.integer(2);
  stridedCopy(
    _elements(on._region(s.value(0)), width),
    on._at(s.value(0), width) + s.integer(3),
    _elements(on._arena, width),
    s.value(1) ~/ width + s.integer(4),
    _five(s, 5),
    _five(s, 10),
    _five(s, 15),
  );
}

List<int> _five(PlanStep s, int first) => [
  s.integer(first),
  s.integer(first + 1),
  s.integer(first + 2),
  s.integer(first + 3),
  s.integer(first + 4),
];
// </operators>
