"""BUNDLE.check.json, .html and .md: what `edgekit check` found, signed off for exactly one bundle and its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from edgekit.check_parts import CANNOT_TELL, Check
from edgekit.errors import InputError
from edgekit.plain import plain
from edgekit.report_parts import UNKNOWN, cell, fill, summary, table, template, write
from edgekit.store import Bundle
from edgekit.verify import FAIL, NOT_RUN, PASS

FORMAT = "edgekit-check/1"
ENDING = ".check.html"


@dataclass(frozen=True)
class Signed:
    """The gate's word on the bundle with this id, by the settings with this hash.

    baseline: the id of the bundle that it was compared with, "" for none; by: who, when, with which versions.
    """

    bundle_id: str
    name: str
    version: str
    settings: str
    baseline: str
    checks: tuple[Check, ...]
    by: Mapping[str, Any] = field(default_factory=dict)
    format: str = FORMAT

    @property
    def failed(self) -> bool:
        """Something said no."""
        return any(c.status == FAIL for c in self.checks)

    @property
    def open(self) -> tuple[Check, ...]:
        """What is required and was not run, or cannot tell."""
        return tuple(c for c in self.checks if c.required and c.status in (NOT_RUN, CANNOT_TELL))

    @property
    def ok(self) -> bool:
        """Something passed, nothing failed, and nothing that is required is open."""
        return not self.failed and not self.open and any(c.status == PASS for c in self.checks)

    @property
    def exit_code(self) -> int:
        """0 for a green report, 1 where something said no, 3 where something that is required is open."""
        return 0 if self.ok else 1 if self.failed else 3

    def verdict(self) -> str:
        """Say it in a sentence."""
        if self.ok:
            return "Passed: it may be published"
        names = ", ".join(c.name for c in self.checks if c.status == FAIL) or ", ".join(c.name for c in self.open)
        return f"Failed: {names}" if self.failed else f"Open: {names or 'nothing was run'}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"format": self.format, "ok": self.ok, **{k: v for k, v in plain(self).items() if k != "format"}}


def write_signed(signed: Signed, bundle: Bundle, out: Path | None = None) -> Path:
    """Write the page and its .json and .md twins beside the bundle, or where `out` says; return the page's path."""
    root = bundle.root.resolve()
    page = (out or root.with_name(f"{root.name}{ENDING}")).resolve()
    if root in page.parents:
        raise InputError(f"{page.name} cannot lie inside the bundle {bundle.root}; choose a place beside it")
    if page.suffix != ".html":
        raise InputError(f"{page.name} must end in .html; its twins get the endings .json and .md")
    write(page.with_suffix(".json"), json.dumps(signed.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write(page.with_suffix(".md"), signed_markdown(signed))
    write(page, signed_html(signed))
    return page


def signed_html(signed: Signed) -> str:
    """Return the whole page; it needs nothing else."""
    rows = [
        [
            cell(c.name, "th"),
            f'<td class="{c.status.replace(" ", "-")}">{escape(c.status)}</td>',
            cell("yes" if c.required else "no"),
            cell(c.detail),
        ]
        for c in signed.checks
    ]
    return fill(
        "check.html",
        name=escape(signed.name),
        version=escape(signed.version),
        style=template("report.css"),
        state="pass" if signed.ok else "fail" if signed.failed else "not-run",
        verdict=escape(signed.verdict()),
        id=escape(signed.bundle_id),
        baseline=escape(signed.baseline or UNKNOWN),
        checks=table("What was looked at", ("Check", "Verdict", "Required", "What was seen"), rows),
        by=summary("Signed off", {**signed.by, "settings": signed.settings}),
    )


def signed_markdown(signed: Signed) -> str:
    """Return a table for a summary in CI."""
    mark = {PASS: "✅", FAIL: "❌"}
    text = f"### {signed.name} {signed.version}: {signed.verdict()}\n\nBundle `{signed.bundle_id[:16]}`"
    text += f", published `{signed.baseline[:16]}`\n\n" if signed.baseline else ", nothing published before\n\n"
    text += "| check | verdict | what was seen |\n|---|---|---|\n"
    for c in signed.checks:
        cells = (c.name, f"{mark.get(c.status, '❔')} {c.status}", c.detail)
        text += "| " + " | ".join(part.replace("|", "\\|").replace("\n", " ") for part in cells) + " |\n"
    return text
