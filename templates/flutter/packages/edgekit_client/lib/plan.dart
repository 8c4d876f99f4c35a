/// plan.bin, for those who write a runtime of their own.
library;

export 'src/runtime/plan.dart';
