"""The cells of a sweep, a bundle each, exported side by side.

A cell is the folder MODEL-RECIPE of `out` with `bundle` and outcome.json. One that is there is not done again as long
as what it was made from is the same, so a sweep that was killed goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit import __version__
from edgekit.config import RECIPES, Config
from edgekit.engines import Engine, Lost
from edgekit.errors import EdgekitError, InputError
from edgekit.export import Request, export
from edgekit.manifest import decode
from edgekit.plain import plain, read
from edgekit.progress import Progress, silent
from edgekit.quantize_model import check_targets
from edgekit.store import MANIFEST, write_bundle

OUTCOME = "outcome.json"
#: More than this is not sent to the workers of a cluster.
MAX_SENT_BYTES = 1 << 30
MADE, REFUSED, LOST = "made", "refused", "lost"
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Wish:
    """The matrix, and the folder for its cells. evaluation None: a quarter of `data`."""

    models: tuple[Path, ...]
    data: Path
    out: Path
    recipes: tuple[str, ...] = ("auto",)
    targets: tuple[str, ...] = ("tflite", "wasm")
    evaluation: Path | None = None
    runners: tuple[str, ...] = ()
    visits: int = 16


@dataclass(frozen=True)
class Cell:
    """One export. key: hash of all that it depends on; where this is the same, so are the bytes of the bundle."""

    name: str
    model: Path
    recipe: str
    key: str


@dataclass(frozen=True)
class Outcome:
    """What came of a cell: made (within its budget or not), refused with the reason, or lost with its worker."""

    key: str
    status: str
    detail: str = ""
    holds: bool = False
    bundle_id: str = ""


@dataclass(frozen=True, eq=False)
class Made:
    """What a worker hands back: the outcome, and the bundle's files in memory."""

    outcome: Outcome
    files: Files


@dataclass(frozen=True)
class Job:
    """What a worker gets."""

    cell: Cell
    wish: Wish
    config: Config


def export_cells(wish: Wish, config: Config, engine: Engine, progress: Progress = silent) -> dict[str, Outcome]:
    """Export every cell that is not there yet; return the outcome of each by its name.

    Raises InputError for a matrix that makes no sense, before anything is done.
    """
    cells = cells_of(wish, config)
    found = {cell.name: outcome for cell in cells if (outcome := _kept(wish.out, cell))}
    todo = [cell for cell in cells if cell.name not in found]
    sent = _sent(wish) if engine.ships and todo else {}
    progress("exporting", len(found), len(cells))
    for number, made in engine.run(export_cell, [Job(cell, wish, config) for cell in todo], sent):
        cell = todo[number]
        found[cell.name] = _keep(wish.out, cell, made)
        progress("exporting", len(found), len(cells))
    return {cell.name: found[cell.name] for cell in cells}


def cells_of(wish: Wish, config: Config) -> list[Cell]:
    """Return the cells of the matrix, models outermost."""
    check_targets(wish.targets)
    for recipe in wish.recipes:
        if recipe not in RECIPES:
            raise InputError(f"there is no recipe {recipe!r}; choose from {', '.join(RECIPES)}")
    settings = json.dumps([plain(config), wish.targets, __version__], sort_keys=True)
    data = [_digest(path) for path in (wish.data, wish.evaluation) if path]
    cells = []
    for model in wish.models:
        source = _digest(model)
        for recipe in wish.recipes:
            key = hashlib.sha256(json.dumps([settings, source, data, recipe]).encode()).hexdigest()
            cells.append(Cell(f"{model.stem}-{recipe}", model, recipe, key))
    names = [cell.name for cell in cells]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"two cells of the sweep are called {twice[0]}; give the models different file names")
    return cells


def export_cell(job: Job, sent: Mapping[str, Files]) -> Made:
    """Make the bundle of a cell; runs in a worker. `sent` holds the files that a worker elsewhere does not see."""
    wish, cell = job.wish, job.cell
    config = replace(job.config, recipe=replace(job.config.recipe, mode=cell.recipe))
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        here = {path: _local(path, sent, Path(folder)) for path in (cell.model, wish.data, wish.evaluation) if path}
        evaluation = here[wish.evaluation] if wish.evaluation else None
        request = Request(here[cell.model], here[wish.data], Path(folder, "bundle"), wish.targets, evaluation)
        try:
            done = export(request, config)
        except EdgekitError as error:
            return Made(Outcome(cell.key, REFUSED, str(error)), {})
        bundle = done.bundle
        names = [MANIFEST, *(f.path for f in bundle.manifest.files())]
        outcome = Outcome(cell.key, MADE, "", done.holds, bundle.manifest.id)
        return Made(outcome, {name: bundle.read(name) for name in names})


def _keep(out: Path, cell: Cell, made: Made | Lost) -> Outcome:
    """Write what a worker handed back, the outcome last."""
    folder = out / cell.name
    if isinstance(made, Lost):
        return Outcome(cell.key, LOST, made.why)  # not written: the next sweep tries again
    if made.files:
        contents = {name: data for name, data in made.files.items() if name != MANIFEST}
        write_bundle(folder / "bundle", decode(made.files[MANIFEST]), contents)
    write_json(folder / OUTCOME, made.outcome)
    return made.outcome


def _kept(out: Path, cell: Cell) -> Outcome | None:
    file = out / cell.name / OUTCOME
    if not file.is_file():
        return None
    outcome = read(Outcome, json.loads(file.read_text(encoding="utf-8")), str(file))
    manifest = out / cell.name / "bundle" / MANIFEST
    there = outcome.status == REFUSED or (manifest.is_file() and decode(manifest.read_bytes()).id == outcome.bundle_id)
    return outcome if outcome.key == cell.key and there else None


def write_json(file: Path, value: Any) -> None:
    """Write a frozen value beside `file` and rename it into place."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(plain(value), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(file)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a path, which is a file or a SavedModel folder, with their names below its parent."""
    if not path.exists():
        raise InputError(f"there is no file {path}; check the path")
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            yield file.relative_to(path.parent).as_posix(), file


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for name, file in _files(path):
        with file.open("rb") as opened:
            digest.update(f"{name}\n{file.stat().st_size}\n".encode())
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _sent(wish: Wish) -> dict[str, Files]:
    """Read everything that a worker elsewhere needs: by path, the files of it."""
    paths = [*wish.models, wish.data, *([wish.evaluation] if wish.evaluation else [])]
    size = sum(file.stat().st_size for path in paths for _, file in _files(path))
    if size > MAX_SENT_BYTES:
        raise InputError(
            f"the models and data have {size:,} bytes, and at most {MAX_SENT_BYTES:,} are sent to a cluster; "
            "sweep over fewer models or thin the data"
        )
    return {str(path): {name: file.read_bytes() for name, file in _files(path)} for path in paths}


def _local(path: Path, sent: Mapping[str, Files], folder: Path) -> Path:
    """Return where a path's files are here: where they were, or in `folder` where they were sent."""
    if str(path) not in sent:
        return path
    for name, data in sent[str(path)].items():
        target = folder / "sent" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder / "sent" / path.name
