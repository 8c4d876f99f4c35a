"""Charts of the benchmark report as inline SVG: every value also stands in words, colours come from the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

import numpy as np
import numpy.typing as npt

from edgekit.bench.trend import Series
from edgekit.report_parts import fill, number, round_ticks

Values = npt.NDArray[np.float64]
#: The plot area of templates/report/trend.svg.
_LEFT, _TOP, _WIDE, _HIGH = 70, 24, 400, 140
#: Of templates/report/strips.svg: where strips begin, how long they are, the height of one.
_STRIPS_LEFT, _STRIPS_LONG, _STRIP = 84, 364, 54
MAX_DOTS = 200


def trend(key: str, series: Series) -> str:
    """Plot a series: a dot a run, a bar from quarter to three quarters, a line where the level changed."""
    points = series.points
    ticks = round_ticks(min(0.0, *(p.low for p in points)), max(p.high for p in points))
    low, high = ticks[0], ticks[-1]
    step = _WIDE / max(len(points), 1)

    def up(value: float) -> float:
        return _TOP + _HIGH * (high - value) / (high - low)

    drawn = [
        f'<line class="grid" x1="{_LEFT}" y1="{up(t):.1f}" x2="{_LEFT + _WIDE}" y2="{up(t):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{up(t) + 4:.1f}" text-anchor="end">{number(t)}</text>'
        for t in ticks
    ]
    unit = series.measure.unit
    for i, p in enumerate(points):
        x = _LEFT + step * (i + 0.5)
        said = f"{p.started} {p.version} {p.bundle[:12]} {p.commit[:12]}: {number(p.median)} {unit}"
        drawn.append(
            f"<g><title>{escape(' '.join(said.split()))}</title>"
            f'<line class="range" x1="{x:.1f}" y1="{up(p.low):.1f}" x2="{x:.1f}" y2="{up(p.high):.1f}"/>'
            f'<circle cx="{x:.1f}" cy="{up(p.median):.1f}" r="4"/></g>'
        )
    for change in series.changes:
        x = _LEFT + step * change.at
        kind = "worse" if change.factor > 1 else "better"
        drawn.append(
            f'<line class="change {kind}" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_TOP + _HIGH}"/>'
            f'<text x="{x:.1f}" y="{_TOP - 8}" text-anchor="middle">× {change.factor:.2f}</text>'
        )
    first, last = points[0], points[-1]
    return fill(
        "trend.svg",
        key=key,
        title=escape(f"{series.measure.name} of {series.name}, {unit}".rstrip(", ")),
        description=escape(
            f"{len(points)} runs, from {number(first.median)} to {number(last.median)} {unit}".rstrip()
            + f"; {len(series.changes)} changes"
        ),
        drawn="\n".join(drawn),
        first=escape(first.started[:10] or f"run {first.run}"),
        last=escape(last.started[:10] or f"run {last.run}") if len(points) > 1 else "",
    )


def strips(key: str, title: str, unit: str, sides: Mapping[str, Values]) -> str:
    """Plot each side's values as dots on a strip, with its median; of many values some, evenly by rank."""
    every = np.concatenate(list(sides.values()))
    # One visit in a hundred that hangs must not squeeze the others into a line: it is drawn at the end.
    ticks = round_ticks(float(every.min()), float(np.quantile(every, 0.99)))
    low, high = ticks[0], ticks[-1]

    def place(value: float) -> float:
        return _STRIPS_LEFT + _STRIPS_LONG * min(max((value - low) / (high - low), 0.0), 1.0)

    bottom = 10 + _STRIP * len(sides)
    drawn = [
        f'<line class="grid" x1="{place(t):.1f}" y1="6" x2="{place(t):.1f}" y2="{bottom}"/>'
        f'<text x="{place(t):.1f}" y="{bottom + 18}" text-anchor="middle">{number(t)}</text>'
        for t in (ticks if len(ticks) <= 5 else ticks[::2])
    ]
    said = []
    for i, (side, values) in enumerate(sides.items()):
        y = 10 + _STRIP * i
        drawn.append(f'<text x="{_STRIPS_LEFT - 10}" y="{y + 28}" text-anchor="end">{escape(side)}</text>')
        ordered = np.sort(values)
        shown = ordered[np.linspace(0, len(ordered) - 1, min(len(ordered), MAX_DOTS)).round().astype(int)]
        for n, value in enumerate(shown):  # spread over the strip's height by a step that never repeats
            dot = y + 8 + 32 * math.modf(n * 0.6180339887)[0]
            drawn.append(f'<circle cx="{place(float(value)):.1f}" cy="{dot:.1f}" r="3"/>')
        middle = float(np.median(values))
        drawn.append(
            f'<line class="median" x1="{place(middle):.1f}" y1="{y + 2}" x2="{place(middle):.1f}" y2="{y + 46}"/>'
        )
        said.append(f"{side}: median {number(middle)} {unit}".rstrip() + f" of {len(values)} visits")
    return fill(
        "strips.svg",
        key=key,
        title=escape(title),
        description=escape("; ".join(said)),
        height=str(bottom + 26),
        drawn="\n".join(drawn),
    )
