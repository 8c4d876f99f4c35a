"""What report pages are made of: cells, tables, ticks, templates; and pages written whole or not at all."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from edgekit.assets import asset
from edgekit.errors import InputError

UNKNOWN = "–"


def round_ticks(low: float, high: float) -> list[float]:
    """Return round numbers (1, 2, 5 x 10^n apart) that enclose the range, at most about six steps."""
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 5))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return [round(i * step, 12 - math.floor(math.log10(step))) for i in range(first, last + 1)]


def summary(title: str, values: Mapping[str, Any]) -> str:
    """Show a nested mapping: its plain values as one table, each list of mappings as another."""
    plain = {k: v for k, v in values.items() if not is_nested(v)}
    parts = []
    if plain or not values:
        rows = [[cell(words(k), "th"), cell(v)] for k, v in plain.items()]
        parts.append(table(title, ("What", "Value"), rows))
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            parts.append(summary(f"{title}: {words(key)}", value))
        elif is_nested(value):
            parts.append(records_table(f"{title}: {words(key)}", value))
    return "\n".join(parts)


def records_table(title: str, records: Sequence[Mapping[str, Any]]) -> str:
    """Show a list of mappings as a table."""
    keys = list(dict.fromkeys(key for record in records for key in record))
    rows = [[cell(record.get(key)) for key in keys] for record in records]
    return table(title, [words(key) for key in keys], rows)


def is_nested(value: Any) -> bool:
    """Tell whether a value is a table of its own."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(v, Mapping) for v in value)


def words(key: str) -> str:
    """Return a key as words."""
    return key.replace("_", " ")


def number(value: float) -> str:
    """Return a number as it is shown."""
    return f"{value:.6g}"


def cell(value: Any, tag: str = "td") -> str:
    """Return a table cell; numbers are aligned to the right."""
    if tag == "th":
        return f'<th scope="row">{escape(str(value))}</th>'
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    if isinstance(value, float):
        return f'<td class="number">{number(value)}</td>'
    if value is None or value in ("", [], ()):
        return f"<td>{UNKNOWN}</td>"
    if isinstance(value, Mapping):
        value = [f"{words(str(k))} {number(v) if isinstance(v, float) else v}" for k, v in value.items()]
    return f"<td>{escape(', '.join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))}</td>"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with its caption, that scrolls on a narrow page."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return fill("table.html", caption=escape(caption), head=f"<tr>{titles}</tr>", rows=body)


def fill(name: str, /, **values: str) -> str:
    """Fill a file of templates/report."""
    return Template(template(name)).substitute(values)


def template(name: str) -> str:
    """Return a file of templates/report."""
    return asset(f"templates/report/{name}").read_text(encoding="utf-8")


def write(path: Path, text: str) -> None:
    """Write a page whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"cannot write {path}: {error.strerror}; choose another place") from None
