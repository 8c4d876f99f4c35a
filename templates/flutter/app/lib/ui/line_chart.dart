import 'dart:math' as math;

import 'package:flutter/material.dart';

import 'format.dart';

/// A line through points, with a mark where the form stands.
class LineChart extends StatelessWidget {
  const LineChart({
    super.key,
    required this.points,
    required this.marked,
    required this.xUnit,
    required this.yUnit,
    required this.semanticLabel,
  });

  final List<(double, double)> points;
  final double? marked;
  final String xUnit;
  final String yUnit;
  final String semanticLabel;

  @override
  Widget build(BuildContext context) {
    final scheme = Theme.of(context).colorScheme;
    final small = Theme.of(context).textTheme.bodySmall;
    final ys = points.map((point) => point.$2);
    final low = ys.reduce(math.min), high = ys.reduce(math.max);
    return Semantics(
      label: semanticLabel,
      child: Column(
        crossAxisAlignment: CrossAxisAlignment.start,
        children: [
          Text('${shortNumber(high)} $yUnit', style: small),
          SizedBox(
            height: 220,
            width: double.infinity,
            child: CustomPaint(
              painter: _LinePainter(
                points: points,
                marked: marked,
                low: low,
                high: high,
                line: scheme.primary,
                axis: scheme.outline,
                mark: scheme.tertiary,
              ),
            ),
          ),
          Text('${shortNumber(low)} $yUnit', style: small),
          Row(
            mainAxisAlignment: MainAxisAlignment.spaceBetween,
            children: [
              Text('${shortNumber(points.first.$1)} $xUnit', style: small),
              Text('${shortNumber(points.last.$1)} $xUnit', style: small),
            ],
          ),
        ],
      ),
    );
  }
}

class _LinePainter extends CustomPainter {
  _LinePainter({
    required this.points,
    required this.marked,
    required this.low,
    required this.high,
    required this.line,
    required this.axis,
    required this.mark,
  });

  final List<(double, double)> points;
  final double? marked;
  final double low;
  final double high;
  final Color line;
  final Color axis;
  final Color mark;

  @override
  void paint(Canvas canvas, Size size) {
    final left = points.first.$1, right = points.last.$1;
    final height = high > low ? high - low : 1.0;
    double x(double value) => (value - left) / (right - left) * size.width;
    double y(double value) =>
        size.height - (value - low) / height * size.height;

    final frame = Paint()
      ..color = axis
      ..style = PaintingStyle.stroke;
    canvas.drawRect(Offset.zero & size, frame);
    final at = marked;
    if (at != null && at >= left && at <= right) {
      final pen = Paint()
        ..color = mark
        ..strokeWidth = 2;
      canvas.drawLine(Offset(x(at), 0), Offset(x(at), size.height), pen);
    }
    final path = Path()..moveTo(x(left), y(points.first.$2));
    for (final (px, py) in points.skip(1)) {
      path.lineTo(x(px), y(py));
    }
    final pen = Paint()
      ..color = line
      ..strokeWidth = 3
      ..style = PaintingStyle.stroke;
    canvas.drawPath(path, pen);
  }

  @override
  bool shouldRepaint(_LinePainter old) =>
      old.points != points || old.marked != marked || old.line != line;
}
