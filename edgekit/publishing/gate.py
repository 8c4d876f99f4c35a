"""May a bundle be published: what its checks said of exactly this bundle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.config import Config
from edgekit.errors import InputError
from edgekit.plain import plain
from edgekit.store import Bundle
from edgekit.verify import FAIL, PASS

MAX_REPORT_BYTES = 64 << 20


#: The tables of edgekit.toml that a report of check was made with.
JUDGING = ("task", "features", "outputs", "slices", "data", "budgets", "gate")


@dataclass(frozen=True)
class Gate:
    """One kind of report that must be green: where it lies beside the bundle, and who writes it.

    by_settings: asked for where edgekit.toml has [gate], and then made with the settings that it has now; elsewhere
    only a report that is there and speaks of this very bundle counts.
    """

    name: str
    ending: str
    command: str
    by_settings: bool = False


#: JSON files beside the bundle with `ok`, `bundle_id` and, where they have them, `checks` with a `status`.
GATES: tuple[Gate, ...] = (
    Gate("verify", ".report.json", "edgekit verify"),
    Gate("check", ".check.json", "edgekit check", by_settings=True),
)


def settings_of(config: Config) -> str:
    """Return a hash of everything that `edgekit check` judges by, "" where edgekit.toml has no [gate].

    The file of evaluation rows counts by its name, so that another folder's copy of a project agrees.
    """
    if config.gate is None:
        return ""
    tables: dict[str, Any] = {name: plain(getattr(config, name)) for name in JUDGING}
    tables["data"]["evaluation"] = Path(config.data.evaluation).name
    return hashlib.sha256(json.dumps(tables, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def refusals(bundle: Bundle, reports: Path | None = None, settings: str = "") -> list[str]:
    """Say why the bundle may not be published, in a sentence for each gate; an empty list means that it may.

    `reports` is a folder to look in instead of the bundle's own; `settings` is what `settings_of` gives. A report about
    another bundle, a failed one, and one in which nothing passed are no green reports.
    """
    return [why for gate in GATES if (why := _refusal(gate, bundle, reports, settings))]


def _refusal(gate: Gate, bundle: Bundle, reports: Path | None, settings: str) -> str:
    root = bundle.root.resolve()
    file = (reports or root.parent) / f"{root.name}{gate.ending}"
    again = f"run: {gate.command} {bundle.root}"
    asked = not gate.by_settings or bool(settings)
    if not file.is_file():
        return f"there is no report of {gate.name} at {file}; {again}" if asked else ""
    report = _read(file)
    if report.get("bundle_id") != bundle.manifest.id:
        return f"{file.name} is about another bundle than {bundle.manifest.id[:16]}; {again}" if asked else ""
    if gate.by_settings and asked and report.get("settings") != settings:
        return f"{file.name} was made with other settings than edgekit.toml has now; {again}"
    checks = report.get("checks", [])
    states = {c.get("status") for c in checks if isinstance(c, dict)} if isinstance(checks, list) else set()
    if report.get("ok") is not True or FAIL in states or (states and PASS not in states):
        return f"{file.name} is not green: {gate.name} said no to this bundle; see {file.stem}.html"
    return ""


def _read(file: Path) -> dict[str, object]:
    try:
        if file.stat().st_size > MAX_REPORT_BYTES:
            raise InputError(f"{file} is larger than {MAX_REPORT_BYTES} bytes, which no report is")
        report = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file} cannot be read ({type(error).__name__}); verify the bundle again") from None
    if not isinstance(report, dict):
        raise InputError(f"{file} is not a report; verify the bundle again")
    return report
