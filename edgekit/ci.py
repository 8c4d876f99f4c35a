"""Write what runs the daily loop: a workflow of GitHub Actions, or a script for cron. No secret is in either."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit import __version__
from edgekit.assets import asset
from edgekit.config import Config
from edgekit.errors import InputError

#: Where a site is named by nothing else.
SITE = "my-site"
#: What stands in a file between quotes must need none.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*\Z")


@dataclass(frozen=True)
class Daily:
    """A file of templates/ci, where it goes in a project, and whether it is run itself."""

    template: str
    path: str
    runs: bool = False


DAILIES: Mapping[str, Daily] = {
    "github": Daily("edgekit.yml", ".github/workflows/edgekit.yml"),
    "cron": Daily("edgekit-daily.sh", "edgekit-daily.sh", runs=True),
}


def daily_text(kind: str, config: Config) -> str:
    """Return the file for a project: with the site and the bundle's folder of its `[run]`."""
    values = {"SITE": config.run.site or SITE, "OUT": config.run.out.rstrip("/"), "VERSION": __version__}
    for value in values.values():
        if not _PLAIN.match(value) or ".." in value:
            raise InputError(f"{value!r} of [run] does not fit into a workflow; use letters, digits, _ . / and -")
    text = asset(f"templates/ci/{DAILIES[kind].template}").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def write_daily(folder: Path, kind: str, config: Config, force: bool = False) -> Path:
    """Write the file into a project and return its path; one that is there stays, unless `force`."""
    file = folder / DAILIES[kind].path
    if file.exists() and not force:
        raise InputError(f"{file} is there already; add --force to overwrite it")
    text = daily_text(kind, config)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        file.chmod(0o755 if DAILIES[kind].runs else 0o644)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}; choose another folder") from None
    return file
