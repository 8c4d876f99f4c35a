"""Stage: a matrix of models and recipes, exported side by side, then measured; what is there is not done again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edgekit.bench.history import History
from edgekit.bench.records import Run
from edgekit.bench.runners import make_runner
from edgekit.config import Config
from edgekit.engines import Engine
from edgekit.progress import Progress, silent
from edgekit.store import open_bundle
from edgekit.sweeping.exports import MADE, Outcome, Wish, export_cells
from edgekit.sweeping.measurements import Job, measure_bundles

Table = tuple[list[str], list[tuple[str, ...]]]
#: Where the runs of a measured bundle lie, in the folder of its cell.
RUN = "{}.run.json"


@dataclass(frozen=True)
class Measured:
    """What a runner said of a cell: medians over its visits, or why there are none."""

    runner: str
    medians: dict[str, float]
    why: str = ""


@dataclass(frozen=True)
class Done:
    """A cell and all that is known of it; drop is relative, of the task's metric against the float model."""

    cell: str
    outcome: Outcome
    recipe: str = ""
    drop: float | None = None
    bytes: int | None = None  # of all its files
    measured: tuple[Measured, ...] = ()


def sweep(
    wish: Wish, config: Config, engine: Engine, history: History | None = None, progress: Progress = silent
) -> tuple[Done, ...]:
    """Export every cell and measure it with every runner.

    Raises InputError for a matrix that makes no sense, before anything is done.
    """
    for runner in wish.runners:
        make_runner(runner)
    outcomes = export_cells(wish, config, engine, progress)
    jobs = {name: _jobs(wish, name, outcome) for name, outcome in outcomes.items()}
    runs = measure_bundles([job for some in jobs.values() for job in some], engine, history, progress)
    return tuple(
        _done(wish, name, outcome, tuple(_measured(job.runner, runs[job.file]) for job in jobs[name]))
        for name, outcome in outcomes.items()
    )


def _jobs(wish: Wish, name: str, outcome: Outcome) -> list[Job]:
    if outcome.status != MADE:
        return []
    folder = wish.out / name
    return [
        Job(folder / "bundle", outcome.bundle_id, runner, wish.visits, folder / RUN.format(runner.replace(":", "-")))
        for runner in wish.runners
    ]


def _measured(runner: str, run: Run | str) -> Measured:
    if isinstance(run, str):
        return Measured(runner, {}, run)
    names = sorted({name for visit in run.visits for name in visit.values})
    return Measured(runner, {n: median(v.values[n] for v in run.visits if n in v.values) for n in names})


def _done(wish: Wish, name: str, outcome: Outcome, measured: tuple[Measured, ...]) -> Done:
    if outcome.status != MADE:
        return Done(name, outcome)
    manifest = open_bundle(Path(wish.out / name / "bundle")).manifest
    account = manifest.quantization
    size = sum(f.bytes for f in manifest.files())
    return Done(name, outcome, account["recipe"], account["drop"], size, measured)


def rows_of(done: tuple[Done, ...]) -> Table:
    """Return the columns and a row a cell; for each runner the median of its p50."""
    runners = list(dict.fromkeys(m.runner for one in done for m in one.measured))
    columns = ["cell", "state", "recipe", "drop", "budget", "bytes", *(f"{name} p50 [us]" for name in runners)]
    return columns, [_row(one, runners) for one in done]


def _row(one: Done, runners: list[str]) -> tuple[str, ...]:
    if one.drop is None or one.bytes is None:
        return (one.cell, one.outcome.status, *("–" for _ in range(4 + len(runners))))
    found = {m.runner: m.medians.get("p50") for m in one.measured}
    times = [f"{value:.3g}" if (value := found.get(name)) is not None else "not run" for name in runners]
    budget = "holds" if one.outcome.holds else "does not hold"
    return (one.cell, one.outcome.status, one.recipe, f"{one.drop:+.2%}", budget, f"{one.bytes:,}", *times)
