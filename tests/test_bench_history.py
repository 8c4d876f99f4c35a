"""The history: what goes in comes out, many write at once, and a file that is not sound is refused in words."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bench_runs import NEW, run

from edgekit.bench import history
from edgekit.bench.history import History
from edgekit.bench.records import Answers, Run, Visit
from edgekit.bench.verdict import judge
from edgekit.errors import InputError

SMALL = replace(run(12), started="2026-11-20T10:00:00Z", commit="abc", candidate_answers=Answers(3, 1, "row 1"))
VERDICT = judge(SMALL)
LATER = replace(SMALL, started="2026-11-21T10:00:00Z")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "new" / "history.sqlite"
    History(path).add(SMALL, VERDICT)
    return path


def test_what_goes_in_comes_out(file: Path) -> None:
    (entry,) = History(file).runs()
    assert (entry.id, entry.run, entry.verdict) == (1, SMALL, VERDICT)
    assert sorted(p.name for p in file.parent.iterdir()) == ["history.sqlite"]  # one file


def test_numbers_that_are_none_are_kept(file: Path) -> None:
    odd = replace(SMALL, visits=(Visit({"p50": float("nan"), "load": float("inf")}),))
    History(file).add(odd, judge(odd))
    assert repr(History(file).runs()[1].run.visits) == repr(odd.visits)


def test_a_run_is_kept_once(file: Path) -> None:
    assert [History(file).add(r, VERDICT) for r in (SMALL, LATER, SMALL)] == [1, 2, 1]
    assert [e.run.started for e in History(file).runs()] == [SMALL.started, LATER.started]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, [1, 2, 3]),
        ({"device": SMALL.device.key}, [1, 2, 3]),
        ({"bundle": "c" * 64}, [3]),
        ({"name": "model", "target": "wasm", "state": "worse"}, [1, 2, 3]),
        ({"name": "' OR 1"}, []),
    ],
)
def test_it_is_searched(file: Path, where: dict[str, str], found: list[int]) -> None:
    History(file).add(LATER, VERDICT)
    History(file).add(replace(LATER, candidate=replace(NEW, bundle_id="c" * 64)), VERDICT)
    assert [e.id for e in History(file).runs(**where)] == found
    assert [e.id for e in History(file).runs(limit=1, **where)] == found[-1:]


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from bench_runs import run
from edgekit.bench.history import History
from edgekit.bench.verdict import judge
made = run(12)
verdict = judge(made)
for i in range(20):  # the last five are what every writer adds
    History(Path(sys.argv[1])).add(replace(made, started=f"{sys.argv[2] if i < 15 else 'all'} {i:02}"), verdict)
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, str(n), str(Path(__file__).parent)]) for n in range(4)]
    assert [w.wait(60) for w in writers] == [0, 0, 0, 0]
    assert len(History(path).runs()) == 4 * 15 + 5


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes (text)")


def newer(path: Path) -> None:
    History(path).add(SMALL, VERDICT)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9")


def cut(path: Path) -> None:
    History(path).add(SMALL, VERDICT)
    path.write_bytes(path.read_bytes()[:5000])


def with_record(record: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        History(path).add(SMALL, VERDICT)
        with sqlite3.connect(path) as database:
            database.execute("UPDATE runs SET run = ?", (record,))

    return make


def packed(value: object) -> bytes:
    return zlib.compress(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "there is no history at {}; `edgekit bench BUNDLE` writes one"),
        (lambda p: p.write_text("hello, I am a text and no database at all" * 9), "{} is no benchmark history: file is not a database; name another with --history"),
        (other_database, "{} is a database of something else; name another file with --history"),
        (newer, "{} was written by a newer edgekit (version 9, this one reads up to 1); update edgekit"),
        (cut, "{} is no benchmark history: database disk image is malformed; name another with --history"),
        (with_record(b"no zlib"), "{}: run 1 is damaged: Error -3 while decompressing data: incorrect header check; restore the file or name another with --history"),
        (with_record(packed({"format": "x"})), "{}: run 1 is damaged: its format is 'x', not 'edgekit-bench-run/1'; restore the file or name another with --history"),
        (with_record(packed({"format": "edgekit-bench-run/1"})), "{}: run 1 is damaged: the key 'device' is missing; restore the file or name another with --history"),
        (with_record(packed([1])), "{}: run 1 is damaged: it is no table of keys; restore the file or name another with --history"),
        (with_record(packed(list(range(99)))[:20]), "{}: run 1 is damaged: it is cut off or larger than 256 MB; restore the file or name another with --history"),
        (with_record(b"["), "{}: run 1 is damaged: it is cut off or larger than 256 MB; restore the file or name another with --history"),
        (with_record(zlib.compress(b"[" * 100_000)), "{}: run 1 is damaged: maximum recursion depth exceeded while decoding a JSON array from a unicode string; restore the file or name another with --history"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_sound_is_refused(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    make(path)
    with pytest.raises(InputError) as error:
        History(path).runs()
    assert str(error.value) == message.format(path)


def test_a_large_record_is_not_unpacked_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_RECORD", 1 << 20)
    with_record(zlib.compress(b" " * (3 << 20)))(tmp_path / "h")
    with pytest.raises(InputError, match=r"run 1 is damaged: it is cut off or larger than 1 MB"):
        History(tmp_path / "h").runs()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as error:
        History(tmp_path / "file" / "history.sqlite").add(SMALL, VERDICT)
    said = "File exists; name another file with --history"
    assert str(error.value) == f"cannot write {tmp_path / 'file' / 'history.sqlite'}: {said}"


def test_a_file_that_is_held_is_waited_for_and_then_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "WAIT_SECONDS", 0.1)
    with sqlite3.connect(file, isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError) as error:
            History(file).add(LATER, VERDICT)
    assert str(error.value) == f"{file} is held by another process for over 0.1 s; end it or try again"


def test_an_older_file_is_brought_up_to_date_whole_or_not_at_all(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next version of the format, as it will be: one more step."""
    step = "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT ''"
    monkeypatch.setattr(history, "MIGRATIONS", (*history.MIGRATIONS, f"{step}; SELECT no_such_column FROM runs"))
    with pytest.raises(InputError, match="no such column: no_such_column"):
        History(file).runs()
    assert columns(file)[1:] == ("verdict", 1)
    monkeypatch.setattr(history, "MIGRATIONS", (*history.MIGRATIONS[:1], step))
    assert [e.run for e in History(file).runs()] == [SMALL]
    assert columns(file)[1:] == ("note", 2)


def columns(file: Path) -> tuple[str, str, int]:
    with sqlite3.connect(file) as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
        return names[0], names[-1], database.execute("PRAGMA user_version").fetchone()[0]


def test_a_device_is_the_same_whatever_its_battery_says() -> None:
    charged: Run = replace(SMALL, device=replace(SMALL.device, hints={"battery": "90 %"}))
    assert charged.device.key == SMALL.device.key
    assert replace(SMALL.device, conditions={"threads": "2"}).key != SMALL.device.key
