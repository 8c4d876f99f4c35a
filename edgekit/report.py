"""report.html and report.json: what verify found, on one page that needs nothing else."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from edgekit.assets import asset
from edgekit.errors import InputError
from edgekit.golden import Golden
from edgekit.manifest import Manifest, Output, TargetEntry
from edgekit.store import Bundle
from edgekit.verify import FAIL, NOT_RUN, PASS, UNFIT, Check, Report, read_golden

try:
    import brotli
except ImportError:
    brotli = None

UNKNOWN = "–"
MAX_PLOTS = 6
WORST_ROWS = 10
_FULL_EFFORT = 4 << 20  # files beyond are compressed with less effort: minutes for a few bytes
#: The plot area of templates/report/scatter.svg.
_LEFT, _TOP, _SIDE = 80, 20, 380


@dataclass(frozen=True)
class Size:
    """The bytes that one client gets for a target: of several builds the largest one for one thread."""

    target: str
    files: int
    raw: int
    brotli: int | None  # None where the package brotli is missing


def write_report(report: Report, bundle: Bundle, out: Path | None = None) -> tuple[Path, Path]:
    """Write report.html and its .json twin; return both paths.

    They go beside the bundle as NAME.report.html and NAME.report.json, or where `out` says; a bundle holds
    nothing that its manifest does not name, so inside it is refused.
    """
    root = bundle.root.resolve()
    page = (out or root.with_name(f"{root.name}.report.html")).resolve()
    twin = page.with_suffix(".json")
    if root in page.parents:
        raise InputError(f"{page.name} cannot lie inside the bundle {bundle.root}; choose a place beside it")
    if page.suffix != ".html":
        raise InputError(f"{page.name} must end in .html; its twin gets the ending .json")
    html = report_html(report, bundle)
    _write(twin, json.dumps(report.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    _write(page, html)
    return page, twin


def report_html(report: Report, bundle: Bundle) -> str:
    """Return the whole page; equal reports and bundles give equal bytes."""
    golden, manifest = read_golden(bundle), bundle.manifest
    results = _results(manifest, golden)
    state, verdict = _verdict(report)
    note = (
        f"The {len(golden)} golden rows: what the float model answers, and what the int8 model does. They are chosen "
        "to be hard (the worst errors, all features at their ends at once), so they are further apart than usual rows; "
        "how good the model is on evaluation data stands under Quantization."
    )
    if len(results) > MAX_PLOTS:
        note += f" The first {MAX_PLOTS} of {len(results)} outputs are drawn."
    return _fill(
        "report.html",
        name=escape(report.name),
        version=escape(report.version),
        style=_template("report.css"),
        state=state,
        verdict=escape(verdict),
        id=escape(report.bundle_id),
        checks=_checks(report, {r.unit for r in results}),
        answers_note=escape(note),
        plots="\n".join(_scatter(golden, i, r) for i, r in enumerate(results[:MAX_PLOTS])),
        worst=_worst(golden, results[:MAX_PLOTS], manifest),
        sizes=_sizes(bundle),
        quantization=_summary("How the model was quantized", manifest.quantization),
    )


def sizes(bundle: Bundle) -> tuple[Size, ...]:
    """Measure every target, each file compressed on its own, as a host sends it."""
    return tuple(_size(bundle, name, entry) for name, entry in bundle.manifest.targets.items())


def _size(bundle: Bundle, name: str, entry: TargetEntry) -> Size:
    builds = sorted(
        (f for f in entry.files if f.build is not None),
        key=lambda f: (str(f.build).endswith("-threads"), -f.bytes, f.path),
    )
    skipped = {f.path for f in builds if f.build != builds[0].build}
    files = [f for f in entry.files if f.path not in skipped]
    packed = None
    if brotli is not None:
        packed = sum(min(f.bytes, _brotli(bundle.read(f.path))) for f in files)
    return Size(name, len(files), sum(f.bytes for f in files), packed)


def _brotli(data: bytes) -> int:
    return len(brotli.compress(data, quality=11 if len(data) <= _FULL_EFFORT else 9))


def _verdict(report: Report) -> tuple[str, str]:
    counts = {status: sum(c.status == status for c in report.checks) for status in (PASS, FAIL, NOT_RUN, UNFIT)}
    said = [f"{counts[PASS]} passed", f"{counts[FAIL]} failed", f"{counts[NOT_RUN]} not run"]
    if counts[UNFIT]:
        said.append(f"{counts[UNFIT]} not for this device")
    if counts[FAIL]:
        return "fail", f"Failed: {', '.join(said)}"
    if not counts[PASS]:
        return "not-run", "Nothing was run"
    return "pass", f"Passed: {', '.join(said)}"


def _checks(report: Report, units: set[str]) -> str:
    shared = f" ({unit})" if len(units) == 1 and (unit := next(iter(units))) else ""
    head = ("Target", "Build", "Runtime", "Verdict", "Rows", f"Largest error{shared}", f"RMSE{shared}", "What was seen")
    rows = [[_cell(c.target, "th"), *_check_cells(c)] for c in report.checks]
    return _table("Each target in its runtime; errors are against the float model", head, rows)


def _check_cells(check: Check) -> list[str]:
    verdict = f'<td class="{check.status.replace(" ", "-")}">{escape(check.status)}</td>'
    values = (check.rows, check.max_error, check.rmse)
    numbers = [_cell(v) for v in values]
    return [_cell(check.build or UNKNOWN), _cell(check.runtime), verdict, *numbers, _cell(check.detail)]


def _worst(golden: Golden, results: Sequence[Output], manifest: Manifest) -> str:
    count = len(results)
    gaps = golden.quantized[:, :count].astype(np.float64) - golden.float[:, :count]
    # Outputs have units of their own; each counts by its part of its own largest gap.
    scale = np.maximum(np.abs(gaps).max(axis=0), np.finfo(np.float64).tiny)
    order = np.argsort(-(np.abs(gaps) / scale).max(axis=1), kind="stable")[:WORST_ROWS]
    head = ["Row", *(f"{_titled(r)}, {what}" for r in results for what in ("float", "int8", "difference"))]
    places = _places(manifest)
    head += [_with_unit(f.name, f.unit) for f in manifest.features]
    rows = []
    for row in order:
        cells = [_cell(str(row), "th")]
        for i in range(count):
            cells += [_cell(float(v)) for v in (golden.float[row, i], golden.quantized[row, i], gaps[row, i])]
        rows.append(cells + [_cell(float(golden.inputs[row, place])) for place in places])
    return _table(f"The {len(rows)} rows with the largest differences, and their features", head, rows)


def _places(manifest: Manifest) -> list[int]:
    starts, start = {}, 0
    for signature in manifest.inputs:
        starts[signature.name] = start
        start += math.prod(signature.shape)
    return [starts[f.input] + f.index for f in manifest.features]


def _scatter(golden: Golden, column: int, output: Output) -> str:
    floats, ints = (table[:, column].astype(np.float64) for table in (golden.float, golden.quantized))
    ticks = _ticks(min(floats.min(), ints.min()), max(floats.max(), ints.max()))
    low, high = ticks[0], ticks[-1]

    def place(value: float) -> float:
        return _SIDE * (value - low) / (high - low)

    points = [
        f'<circle cx="{_LEFT + place(x):.1f}" cy="{_TOP + _SIDE - place(y):.1f}" r="4">'
        f"<title>row {row}: float {_number(x)}, int8 {_number(y)}</title></circle>"
        for row, (x, y) in enumerate(zip(floats, ints, strict=True))
    ]
    gap = float(np.abs(ints - floats).max())
    name = _titled(output)
    return _fill(
        "scatter.svg",
        key=f"plot-{column}",
        title=escape(f"{name}: float against int8"),
        description=escape(
            f"{len(points)} rows; the line marks equal answers; "
            f"the largest difference is {_number(gap)} {output.unit}".rstrip()
        ),
        ticks="\n".join(_tick(place(tick), _number(tick)) for tick in ticks),
        points="\n".join(points),
        across=escape(f"{name}, float model"),
        up=escape(f"{name}, int8 model"),
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


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers (1, 2, 5 x 10^n apart) that enclose the range, at most about six steps."""
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 5))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return [round(i * step, 12 - math.floor(math.log10(step))) for i in range(first, last + 1)]


def _sizes(bundle: Bundle) -> str:
    rows = [[_cell(s.target, "th"), _cell(s.files), _cell(s.raw), _cell(s.brotli)] for s in sizes(bundle)]
    return _table(
        "What one client fetches beside manifest.json", ("Target", "Files", "Bytes", "Bytes with brotli"), rows
    )


def _summary(title: str, values: Mapping[str, Any]) -> str:
    """Show a nested mapping: its plain values as one table, each list of mappings as another."""
    plain = {k: v for k, v in values.items() if not _is_nested(v)}
    parts = []
    if plain or not values:
        rows = [[_cell(_words(k), "th"), _cell(v)] for k, v in plain.items()]
        parts.append(_table(title, ("What", "Value"), rows))
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            parts.append(_summary(f"{title}: {_words(key)}", value))
        elif _is_nested(value):
            parts.append(_records(f"{title}: {_words(key)}", value))
    return "\n".join(parts)


def _records(title: str, records: Sequence[Mapping[str, Any]]) -> str:
    keys = list(dict.fromkeys(key for record in records for key in record))
    rows = [[_cell(record.get(key)) for key in keys] for record in records]
    return _table(title, [_words(key) for key in keys], rows)


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _results(manifest: Manifest, golden: Golden) -> list[Output]:
    width = golden.float.shape[1]
    if len(manifest.results) == width:
        return list(manifest.results)
    return [Output(f"output {i}", "") for i in range(width)]


def _titled(output: Output) -> str:
    return _with_unit(output.name, output.unit)


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _words(key: str) -> str:
    return key.replace("_", " ")


def _number(value: float) -> str:
    return f"{value:.6g}"


def _cell(value: Any, tag: str = "td") -> str:
    if tag == "th":
        return f'<th scope="row">{escape(str(value))}</th>'
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    if isinstance(value, float):
        return f'<td class="number">{_number(value)}</td>'
    if value is None or value in ("", [], ()):
        return f"<td>{UNKNOWN}</td>"
    if isinstance(value, Mapping):
        value = [f"{_words(str(k))} {_number(v) if isinstance(v, float) else v}" for k, v in value.items()]
    return f"<td>{escape(', '.join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))}</td>"


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return _fill("table.html", caption=escape(caption), head=f"<tr>{titles}</tr>", rows=body)


def _fill(name: str, /, **values: str) -> str:
    return Template(_template(name)).substitute(values)


def _template(name: str) -> str:
    return asset(f"templates/report/{name}").read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"cannot write {path}: {error.strerror}; choose another place") from None
