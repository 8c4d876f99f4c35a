"""report.html and report.json: what verify found, on one page that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import numpy as np

from edgekit.errors import InputError
from edgekit.golden import Golden
from edgekit.manifest import Manifest, Output, TargetEntry, places_of
from edgekit.report_parts import UNKNOWN, cell, fill, summary, table, template, write
from edgekit.report_plots import scatter
from edgekit.store import Bundle
from edgekit.verify import FAIL, NOT_RUN, PASS, UNFIT, Check, Report, read_golden

try:
    import brotli
except ImportError:
    brotli = None

MAX_PLOTS = 6
WORST_ROWS = 10
_FULL_EFFORT = 4 << 20  # files beyond are compressed with less effort: minutes for a few bytes


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
    write(twin, json.dumps(report.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write(page, html)
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
    return fill(
        "report.html",
        name=escape(report.name),
        version=escape(report.version),
        style=template("report.css"),
        state=state,
        verdict=escape(verdict),
        id=escape(report.bundle_id),
        checks=_checks(report, {r.unit for r in results}),
        answers_note=escape(note),
        plots="\n".join(_scatter(golden, i, r) for i, r in enumerate(results[:MAX_PLOTS])),
        worst=_worst(golden, results[:MAX_PLOTS], manifest),
        sizes=_sizes(bundle),
        quantization=summary("How the model was quantized", manifest.quantization),
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
    rows = [[cell(c.target, "th"), *_check_cells(c)] for c in report.checks]
    return table("Each target in its runtime; errors are against the float model", head, rows)


def _check_cells(check: Check) -> list[str]:
    verdict = f'<td class="{check.status.replace(" ", "-")}">{escape(check.status)}</td>'
    values = (check.rows, check.max_error, check.rmse)
    numbers = [cell(v) for v in values]
    return [cell(check.build or UNKNOWN), cell(check.runtime), verdict, *numbers, cell(check.detail)]


def _worst(golden: Golden, results: Sequence[Output], manifest: Manifest) -> str:
    count = len(results)
    gaps = golden.quantized[:, :count].astype(np.float64) - golden.float[:, :count]
    # Outputs have units of their own; each counts by its part of its own largest gap.
    scale = np.maximum(np.abs(gaps).max(axis=0), np.finfo(np.float64).tiny)
    order = np.argsort(-(np.abs(gaps) / scale).max(axis=1), kind="stable")[:WORST_ROWS]
    head = ["Row", *(f"{_titled(r)}, {what}" for r in results for what in ("float", "int8", "difference"))]
    places = [steps[-1] for steps in places_of(manifest)]
    head += [_with_unit(f"{f.name}, newest" if f.steps else f.name, f.unit) for f in manifest.features]
    rows = []
    for row in order:
        cells = [cell(str(row), "th")]
        for i in range(count):
            cells += [cell(float(v)) for v in (golden.float[row, i], golden.quantized[row, i], gaps[row, i])]
        rows.append(cells + [cell(float(golden.inputs[row, place])) for place in places])
    return table(f"The {len(rows)} rows with the largest differences, and their features", head, rows)


def _scatter(golden: Golden, column: int, output: Output) -> str:
    floats, ints = (table[:, column].astype(np.float64) for table in (golden.float, golden.quantized))
    return scatter(f"plot-{column}", _titled(output), output.unit, floats, ints)


def _sizes(bundle: Bundle) -> str:
    rows = [[cell(s.target, "th"), cell(s.files), cell(s.raw), cell(s.brotli)] for s in sizes(bundle)]
    return table(
        "What one client fetches beside manifest.json", ("Target", "Files", "Bytes", "Bytes with brotli"), rows
    )


def _results(manifest: Manifest, golden: Golden) -> list[Output]:
    width = golden.float.shape[1]
    if len(manifest.results) == width:
        return [replace(r, unit=r.own_unit) for r in manifest.results]
    return [Output(f"output {i}", "") for i in range(width)]


def _titled(output: Output) -> str:
    return _with_unit(output.name, output.unit)


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
