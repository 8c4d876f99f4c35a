"""What `edgekit run` remembers between runs: of each stage what it read, what it left, and what came of it.

One JSON file, replaced whole after every stage. A run that is killed loses the stage that it was in, nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit.errors import CheckFailed, InputError
from edgekit.plain import plain, read

try:
    import fcntl
except ImportError:  # Windows: two runs at once are not noticed there
    fcntl = None  # type: ignore[assignment]

FOLDER, FILE, LOCK = ".edgekit", "run.json", "run.lock"
FORMAT = "edgekit-run/1"
GONE = "gone"


@dataclass(frozen=True)
class Done:
    """A finished stage. inputs: what it read -> hash; outputs: path -> hash; result: what it has to say."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    result: Mapping[str, Any] = field(default_factory=dict)
    when: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Memory:
    """The state file of one project."""

    folder: Path

    def read(self) -> dict[str, Done]:
        """Return the finished stages; none where there is no file, or a broken one, or one of another version."""
        try:
            found = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
            if found["format"] != FORMAT:
                return {}
            return {name: read(Done, done, name) for name, done in found["stages"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError):
            return {}

    def write(self, stages: Mapping[str, Done]) -> None:
        """Replace the file; InputError where that cannot be."""
        text = json.dumps({"format": FORMAT, "stages": plain(dict(stages))}, indent=1)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=f".{FILE}.", suffix=".part", dir=self.folder)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.folder / FILE)
        except OSError as error:
            raise InputError(f"cannot write {self.folder / FILE}: {error.strerror}; check the folder") from None

    @contextmanager
    def alone(self) -> Iterator[int]:
        """Let one run at a time work here; gives the lock's descriptor, which a child that is handed it keeps locked.

        The lock goes with the processes that hold it, however they end.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"cannot write {self.folder / LOCK}: {error.strerror}; check the folder") from None
        try:
            if fcntl is not None:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    who = f"{self.folder.parent} (or the training that it started)"
                    raise CheckFailed(f"another edgekit run is at work in {who}; wait for its end") from None
            for part in self.folder.glob(".*.part"):  # what a killed run left half written
                shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
            yield handle
        finally:
            with suppress(OSError):
                os.close(handle)


def fingerprint(path: Path) -> str:
    """Return the sha256 of a file, or of all names and bytes of a folder; GONE where there is neither."""
    if path.is_file():
        return _file(path)
    if not path.is_dir():
        return GONE
    total = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        total.update(f"{file.relative_to(path).as_posix()}\0{_file(file)}\n".encode())
    return total.hexdigest()


def hash_of(value: Any) -> str:
    """Return the sha256 of plain values and frozen dataclasses, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Say which inputs are not what they were."""
    words = []
    for name in [*now, *(n for n in before if n not in now)]:
        if name not in before:
            words.append(f"{name} is new")
        elif name not in now or now[name] == GONE:
            words.append(f"{name} is gone")
        elif before[name] != now[name]:
            words.append(f"{name} changed")
    return words


def spoiled(outputs: Mapping[str, str], folder: Path) -> list[str]:
    """Say which outputs are not as the stage left them."""
    found = ((name, fingerprint(folder / name), old) for name, old in outputs.items())
    return [f"{name} {'is gone' if now == GONE else 'was changed by hand'}" for name, now, old in found if now != old]


def fingerprints(paths: Iterable[Path], folder: Path) -> dict[str, str]:
    """Return the hash of each path by its name in the folder."""
    return {p.relative_to(folder).as_posix() if p.is_relative_to(folder) else str(p): fingerprint(p) for p in paths}


def _file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
