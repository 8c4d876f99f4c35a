"""A note of a publish that is under way, so that the next run goes on where a killed one stopped."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "EDGEKIT_CACHE"


@dataclass(frozen=True)
class Note:
    """Which version is being made, and for which plan."""

    digest: str
    version: str


class Journal:
    """One small file for each site and channel. It holds no credential; a lost or broken one costs uploads only."""

    def __init__(self, folder: Path, site: str, channel: str) -> None:
        safe = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{site}-{channel}")
        self._file = folder / f"publish-{safe}.json"

    def read(self) -> Note | None:
        """Return the note of the last run that did not finish."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            plain = json.loads(self._file.read_text(encoding="utf-8"))
            return Note(str(plain["digest"]), str(plain["version"]))
        return None

    def write(self, note: Note) -> None:
        """Replace the note; a folder that cannot be written costs the resume, not the publish."""
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(f".{os.getpid()}.part")
            part.write_text(json.dumps({"digest": note.digest, "version": note.version}), encoding="utf-8")
            part.replace(self._file)

    def clear(self) -> None:
        """Forget the note: the publish is done."""
        with suppress(OSError):
            self._file.unlink()


def cache_folder() -> Path:
    """Return where edgekit keeps what it can make again: $EDGEKIT_CACHE, else ~/.cache/edgekit or its like."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".cache") / "edgekit"
