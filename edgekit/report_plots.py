"""Plots as inline SVG: every value also stands in words, colours come from the page, nothing is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from edgekit.report_parts import fill, number, round_ticks

Values = npt.NDArray[np.float64]
#: The plot area of templates/report/scatter.svg.
_LEFT, _TOP, _SIDE = 80, 20, 380
#: Of templates/report/bars.svg: where bars begin, how long the longest is, and the height of a line.
_BARS_LEFT, _BARS_LONG, _LINE = 190, 210, 24
#: Of templates/report/histogram.svg.
_WIDE, _HIGH = 300, 90
MAX_POINTS = 600


def scatter(key: str, name: str, unit: str, floats: Values, ints: Values) -> str:
    """Plot int8 against float, a point a row; of many rows some, at equal distances."""
    round_values = round_ticks(min(floats.min(), ints.min()), max(floats.max(), ints.max()))
    low, high = round_values[0], round_values[-1]

    def place(value: float) -> float:
        return _SIDE * (value - low) / (high - low)

    shown = np.linspace(0, len(floats) - 1, min(len(floats), MAX_POINTS)).round().astype(int)
    points = [
        f'<circle cx="{_LEFT + place(floats[row]):.1f}" cy="{_TOP + _SIDE - place(ints[row]):.1f}" r="4">'
        f"<title>row {row}: float {number(floats[row])}, int8 {number(ints[row])}</title></circle>"
        for row in shown
    ]
    gap = float(np.abs(ints - floats).max())
    return fill(
        "scatter.svg",
        key=key,
        title=escape(f"{name}: float against int8"),
        description=escape(
            f"{len(points)} rows; the line marks equal answers; the largest difference is {number(gap)} {unit}".rstrip()
        ),
        ticks="\n".join(_tick(place(value), number(value)) for value in round_values),
        points="\n".join(points),
        across=escape(f"{name}, float model"),
        up=escape(f"{name}, int8 model"),
    )


def bars(key: str, title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """Plot a bar for each (name, value, value in words); negative values count as none."""
    longest = max((value for _, value, _ in rows), default=0.0) or 1.0
    lines = []
    for place, (name, value, said) in enumerate(rows):
        y = 10 + place * _LINE
        long = max(value, 0.0) / longest * _BARS_LONG
        short = name if len(name) <= 22 else f"…{name[-21:]}"
        lines.append(
            f"<g><title>{escape(f'{name}: {said}')}</title>"
            f'<text x="{_BARS_LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(short)}</text>'
            f'<rect class="bar" x="{_BARS_LEFT}" y="{y + 4}" width="{long:.1f}" height="{_LINE - 8}"/>'
            f'<text x="{_BARS_LEFT + long + 6:.1f}" y="{y + 15}">{escape(said)}</text></g>'
        )
    said_all = "; ".join(f"{name} {said}" for name, _, said in rows[:12])
    return fill(
        "bars.svg",
        key=key,
        title=escape(title),
        description=escape(said_all),
        height=str(20 + _LINE * len(rows)),
        bars="\n".join(lines),
    )


def histogram(
    key: str, title: str, counts: Sequence[int], ends: tuple[float, float], covered: tuple[float, float]
) -> str:
    """Plot how many rows lie where between `ends`; what is outside `covered` has the colour of a failure."""
    most, width = max(max(counts, default=0), 1), _WIDE / max(len(counts), 1)
    span = ends[1] - ends[0] or 1.0
    lines = []
    for i, count in enumerate(counts):
        low, high = (ends[0] + span * (i + j) / len(counts) for j in (0, 1))
        kind = "bar" if high > covered[0] and low < covered[1] else "bar outside"
        tall = _HIGH * count / most
        lines.append(
            f'<rect class="{kind}" x="{10 + i * width:.1f}" y="{10 + _HIGH - tall:.1f}" '
            f'width="{max(width - 1, 1):.1f}" height="{tall:.1f}">'
            f"<title>{number(low)} to {number(high)}: {count} rows</title></rect>"
        )
    edges = [
        f'<line class="edge" x1="{10 + _WIDE * (v - ends[0]) / span:.1f}" y1="6" '
        f'x2="{10 + _WIDE * (v - ends[0]) / span:.1f}" y2="{10 + _HIGH}"/>'
        for v in covered
    ]
    return fill(
        "histogram.svg",
        key=key,
        title=escape(title),
        description=escape(f"{sum(counts)} rows; the lines mark what calibration covered"),
        bars="\n".join([*lines, *edges]),
        low=escape(number(ends[0])),
        high=escape(number(ends[1])),
    )


def _tick(at: float, text: str) -> str:
    x, y = _LEFT + at, _TOP + _SIDE - at
    right, bottom = _LEFT + _SIDE, _TOP + _SIDE
    return (
        f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{text}</text>'
        f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )
