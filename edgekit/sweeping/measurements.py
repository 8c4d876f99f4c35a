"""The bundles of a sweep, measured with every runner: one at a time on a machine, whatever else would run there."""

from __future__ import annotations

import fcntl
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgekit.bench.history import History
from edgekit.bench.records import Run
from edgekit.bench.runners import make_runner
from edgekit.bench.runners.spec import Conditions
from edgekit.bench.session import Plan, measure
from edgekit.bench.verdict import judge
from edgekit.engines import Engine, Lost
from edgekit.errors import EdgekitError
from edgekit.manifest import decode
from edgekit.plain import read
from edgekit.progress import Progress, silent
from edgekit.store import MANIFEST, Bundle, open_bundle, write_bundle
from edgekit.sweeping.exports import Files, write_json

#: Held while a bundle is measured, by whichever process of this machine does it.
LOCK = "edgekit-measuring.lock"


@dataclass(frozen=True)
class Job:
    """A bundle and a runner; `file` is where the run goes."""

    bundle: Path
    bundle_id: str
    runner: str
    visits: int
    file: Path


def measure_bundles(
    jobs: Sequence[Job], engine: Engine, history: History | None, progress: Progress = silent
) -> dict[Path, Run | str]:
    """Measure what is not there yet; return for each job's file its run, or why there is none.

    A run is written beside its bundle first and remembered by the history then, which takes a run only once.
    """
    found: dict[Path, Run | str] = {job.file: kept for job in jobs if (kept := _kept(job))}
    todo = [job for job in jobs if job.file not in found]
    sent = {str(job.bundle): _files(job.bundle) for job in todo} if engine.ships else {}
    progress("measuring", len(found), len(jobs))
    for number, run in engine.run(measure_bundle, todo, sent):
        job = todo[number]
        if isinstance(run, Run):
            write_json(job.file, run)
        found[job.file] = run.why if isinstance(run, Lost) else run
        progress("measuring", len(found), len(jobs))
    for one in found.values():
        if history and isinstance(one, Run):
            history.add(one, judge(one))
    return found


def measure_bundle(job: Job, sent: Mapping[str, Files]) -> Run | str:
    """Measure one bundle; runs in a worker. Returns why it could not be measured where that is so."""
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder, _alone():
        try:
            bundle = _local(job.bundle, sent, Path(folder))
            runner = make_runner(job.runner, Conditions(), [bundle])
            return measure(runner, bundle, plan=Plan(pairs=job.visits))
        except EdgekitError as error:
            return str(error)


def _kept(job: Job) -> Run | None:
    if not job.file.is_file():
        return None
    run = read(Run, json.loads(job.file.read_text(encoding="utf-8")), str(job.file))
    return run if run.candidate.bundle_id == job.bundle_id else None


def _files(bundle: Path) -> dict[str, bytes]:
    opened = open_bundle(bundle)
    return {name: opened.read(name) for name in [MANIFEST, *(f.path for f in opened.manifest.files())]}


def _local(bundle: Path, sent: Mapping[str, Files], folder: Path) -> Bundle:
    if str(bundle) not in sent:
        return open_bundle(bundle)
    files = dict(sent[str(bundle)])
    return write_bundle(folder / "bundle", decode(files.pop(MANIFEST)), files)


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until nothing else is measured on this machine."""
    with Path(tempfile.gettempdir(), LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
