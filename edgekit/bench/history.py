"""The history of runs: one SQLite file that many processes write at once, keyed by device and bundle.

A run is kept whole, raw samples included, as compressed JSON beside the columns that are searched. The same run is kept
once, however often it is added.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.bench.policy import Verdict
from edgekit.bench.records import FORMAT, Run
from edgekit.errors import InputError
from edgekit.plain import plain, read

DEFAULT = Path(".edgekit/history.sqlite")
#: Marks the file as ours in its header: "ekbh".
APPLICATION = 0x656B6268
#: Step n brings a file of version n to version n + 1; a step is never changed once it was released.
MIGRATIONS = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        device TEXT NOT NULL,
        bundle TEXT NOT NULL,
        baseline TEXT NOT NULL,
        name TEXT NOT NULL,
        target TEXT NOT NULL,
        started TEXT NOT NULL,
        state TEXT NOT NULL,
        run BLOB NOT NULL,
        verdict BLOB NOT NULL
    );
    CREATE INDEX runs_by_device ON runs (device, bundle);
    CREATE INDEX runs_by_time ON runs (started);
    """,
)
#: How long a writer waits for the others.
WAIT_SECONDS = 30.0
MAX_RECORD = 256 << 20


@dataclass(frozen=True)
class Entry:
    """A run of the history with its verdict."""

    id: int
    run: Run
    verdict: Verdict


def digest(run: Run) -> str:
    """Return the SHA-256 of a run's JSON: what makes it the same run."""
    return hashlib.sha256(_text(plain(run))).hexdigest()


class History:
    """A history file; it is made by the first run that is added."""

    def __init__(self, path: Path = DEFAULT) -> None:
        self.path = path

    def add(self, run: Run, verdict: Verdict) -> int:
        """Keep a run and return its number; a run that is there already keeps its number."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}; name another file with --history") from None
        record, said = _packed(plain(run)), _packed(plain(verdict))
        subject, own = run.candidate, digest(run)
        baseline = run.baseline.bundle_id if run.baseline else ""
        row = (own, run.device.key, subject.bundle_id, baseline, subject.name, subject.target, run.started)
        with self._open() as database, _transaction(database):
            database.execute(
                "INSERT INTO runs (digest, device, bundle, baseline, name, target, started, state, run, verdict) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
                (*row, verdict.state, record, said),
            )
            (number,) = database.execute("SELECT id FROM runs WHERE digest = ?", (own,)).fetchone()
        return int(number)

    def runs(self, limit: int = 1000, **where: str) -> tuple[Entry, ...]:
        """Return the newest runs, the oldest of them first; where: device, bundle, baseline, name, target or state.

        Raises InputError where the file is missing, newer than this edgekit, damaged, or something else.
        """
        unknown = where.keys() - {"device", "bundle", "baseline", "name", "target", "state"}
        if unknown:
            raise InputError(f"a history is not searched by {', '.join(sorted(unknown))}; by device, bundle or name")
        if not self.path.exists():
            raise InputError(f"there is no history at {self.path}; `edgekit bench BUNDLE` writes one")
        # The names were looked at above; the values are bound.
        condition = " AND ".join(f"{name} = ?" for name in where) or "1"
        query = f"SELECT id, run, verdict FROM runs WHERE {condition} ORDER BY started DESC, id DESC LIMIT ?"  # noqa: S608
        with self._open() as database:
            rows = database.execute(query, (*where.values(), limit)).fetchall()
        return tuple(self._entry(*row) for row in reversed(rows))

    def _entry(self, number: int, record: bytes, said: bytes) -> Entry:
        where = f"{self.path}: run {number}"
        try:
            run, verdict = _unpacked(record), _unpacked(said)
            if run.get("format") != FORMAT:
                raise ValueError(f"its format is {run.get('format')!r}, not {FORMAT!r}")
            return Entry(number, read(Run, run, where), read(Verdict, verdict, where))
        except (ValueError, TypeError, AttributeError, zlib.error, RecursionError, InputError) as error:
            what = str(error).removeprefix(f"{where}: ")
            raise InputError(f"{where} is damaged: {what}; restore the file or name another with --history") from None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file and bring it to this version; errors become sentences."""
        try:
            with closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)) as database:
                self._migrate(database)
                yield database
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                text = f"{self.path} is held by another process for over {WAIT_SECONDS:g} s; end it or try again"
                raise InputError(text) from None
            raise InputError(f"{self.path} is no benchmark history: {error}; name another with --history") from None

    def _migrate(self, database: sqlite3.Connection) -> None:
        version, ours, empty = _state(database)
        if version > len(MIGRATIONS) and ours:
            raise InputError(
                f"{self.path} was written by a newer edgekit (version {version}, this one reads up to "
                f"{len(MIGRATIONS)}); update edgekit"
            )
        if not ours and not empty:
            raise InputError(f"{self.path} is a database of something else; name another file with --history")
        if version == len(MIGRATIONS):
            return
        with _transaction(database):
            version = _state(database)[0]  # another process may have been first
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            for step in MIGRATIONS[version:]:
                for statement in filter(str.strip, step.split(";")):
                    database.execute(statement)
            database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Hold the file for writing; done whole or not at all."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _state(database: sqlite3.Connection) -> tuple[int, bool, bool]:
    """Return the file's version, whether it is ours, and whether nothing is in it yet."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (mark,) = database.execute("PRAGMA application_id").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return int(version), mark == APPLICATION, not tables and not mark and not version


def _packed(value: Any) -> bytes:
    return zlib.compress(_text(value))


def _text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _unpacked(record: bytes) -> Mapping[str, Any]:
    reader = zlib.decompressobj()
    text = reader.decompress(record, MAX_RECORD)
    if reader.unconsumed_tail or not reader.eof:
        raise ValueError(f"it is cut off or larger than {MAX_RECORD >> 20} MB")
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("it is no table of keys")
    return value
