"""May a bundle be published: what its checks said of exactly this bundle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import InputError
from edgekit.store import Bundle
from edgekit.verify import FAIL, PASS

MAX_REPORT_BYTES = 64 << 20


@dataclass(frozen=True)
class Gate:
    """One kind of report that must be green: where it lies beside the bundle, and who writes it."""

    name: str
    ending: str
    command: str


#: A benchmark gate (`edgekit check`) belongs here as a second row: a JSON file beside the bundle with `ok`, `bundle_id`
#: and, where it has them, `checks` with a `status`.
GATES: tuple[Gate, ...] = (Gate("verify", ".report.json", "edgekit verify"),)


def refusals(bundle: Bundle, reports: Path | None = None) -> list[str]:
    """Say why the bundle may not be published, in a sentence for each gate; an empty list means that it may.

    `reports` is a folder to look in instead of the bundle's own. A report about another bundle, a failed one, and one
    in which nothing passed are no green reports.
    """
    return [why for gate in GATES if (why := _refusal(gate, bundle, reports))]


def _refusal(gate: Gate, bundle: Bundle, reports: Path | None) -> str:
    root = bundle.root.resolve()
    file = (reports or root.parent) / f"{root.name}{gate.ending}"
    again = f"run: {gate.command} {bundle.root}"
    if not file.is_file():
        return f"there is no report of {gate.name} at {file}; {again}"
    plain = _read(file)
    if plain.get("bundle_id") != bundle.manifest.id:
        return f"{file.name} is about another bundle than {bundle.manifest.id[:16]}; {again}"
    checks = plain.get("checks", [])
    states = {c.get("status") for c in checks if isinstance(c, dict)} if isinstance(checks, list) else set()
    if plain.get("ok") is not True or FAIL in states or (states and PASS not in states):
        return f"{file.name} is not green: {gate.name} said no to this bundle; see {file.stem}.html"
    return ""


def _read(file: Path) -> dict[str, object]:
    try:
        if file.stat().st_size > MAX_REPORT_BYTES:
            raise InputError(f"{file} is larger than {MAX_REPORT_BYTES} bytes, which no report is")
        plain = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file} cannot be read ({type(error).__name__}); verify the bundle again") from None
    if not isinstance(plain, dict):
        raise InputError(f"{file} is not a report; verify the bundle again")
    return plain
