"""The verdict on a bundle as one table: a row for each target, for people."""

from __future__ import annotations

from edgekit.report import Size, sizes
from edgekit.store import Bundle
from edgekit.verify import FAIL, NOT_RUN, PASS, Check, Report

Table = tuple[list[str], list[tuple[str, ...]]]


def verdicts(report: Report, bundle: Bundle) -> Table:
    """Return the columns and, for each target, its bytes, its largest errors, its worst verdict and where it ran."""
    units = {r.own_unit for r in bundle.manifest.results}
    unit = units.pop() if len(units) == 1 else ""
    suffix = f" [{unit}]" if unit else ""
    columns = ["target", "bytes", "brotli", f"rms error{suffix}", f"max error{suffix}", "parity", "where"]
    return columns, [_row(s, [c for c in report.checks if c.target == s.target]) for s in sizes(bundle)]


def _row(size: Size, checks: list[Check]) -> tuple[str, ...]:
    passed = [c for c in checks if c.status == PASS]
    status = FAIL if any(c.status == FAIL for c in checks) else PASS if passed else NOT_RUN
    errors = (_largest([c.rmse for c in checks]), _largest([c.max_error for c in checks]))
    packed = "–" if size.brotli is None else f"{size.brotli:,}"
    details = {c.detail for c in passed}
    verdict = f"{status}: {details.pop()}" if status == PASS and len(details) == 1 else status
    return (size.target, f"{size.raw:,}", packed, *errors, verdict, _where(passed))


def _largest(errors: list[float | None]) -> str:
    found = [e for e in errors if e is not None]
    return f"{max(found):.4g}" if found else "–"


def _where(passed: list[Check]) -> str:
    builds: dict[str, list[str]] = {}
    for check in passed:
        builds.setdefault(check.runtime, []).extend([check.build] if check.build else [])
    return ", ".join(f"{name} ({', '.join(found)})" if found else name for name, found in builds.items())
