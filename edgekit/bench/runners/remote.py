"""The runner `remote`: a browser on another device, by way of the desk of `bench serve`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from edgekit.assets import asset
from edgekit.bench.desk import Desk
from edgekit.bench.phone_server import Places
from edgekit.bench.records import Device, Subject, Visit
from edgekit.bench.remote_protocol import ANSWERS, VISIT, Result, Work, answers_of, device_of, visit_of
from edgekit.bench.runner import Rows
from edgekit.bench.runners.local import refuse
from edgekit.bench.runners.spec import Conditions, Spec, subject_of, target_of
from edgekit.compression import encodings
from edgekit.errors import NotAvailable, UnfitBuild
from edgekit.server import site
from edgekit.store import Bundle

TARGETS = ("wasm", "tfjs")
_PAGE = ("visit.html", "visit.js", "measure.js", "answers.html", "answers.js")
_ROWS = "rows.bin"
_MOST_NUMBERS = 1 << 18  # of rows or of answers in one piece of work


@dataclass(frozen=True, eq=False)
class RemoteRunner:
    """A visit is a new frame at addresses that were never used, from a server that lets nothing be kept.

    sensors: asked after each visit for values that the browser does not tell.
    """

    spec: Spec
    desk: Desk
    places: Places
    conditions: Conditions = field(default_factory=Conditions)
    sensors: Callable[[], Mapping[str, float]] = dict

    @property
    def name(self) -> str:
        """The spec."""
        return str(self.spec)

    @contextmanager
    def open(self) -> Iterator[RemoteSession]:
        """Wait for a device to open the page; raises NotAvailable where none does."""
        refuse(self.spec.name, self.conditions)
        yield RemoteSession(self, device_of(self.desk.device(), self.conditions.set()))


@dataclass(frozen=True, eq=False)
class RemoteSession:
    """A browser that has the page open."""

    runner: RemoteRunner
    device: Device

    def seat(self, bundle: Bundle) -> RemoteSeat:
        """Serve a bundle and visit it once, which tells the build that the runtime chooses."""
        target, entry = target_of(bundle, self.runner.spec, TARGETS)
        page = asset("templates/bench")
        files: dict[str, Path | bytes] = {name: page / name for name in _PAGE}
        files |= {path[1:]: file for path, file in site(bundle).items() if path.startswith("/bundle/")}
        places = self.runner.places
        places.files[bundle.manifest.id] = files
        places.packed.update(encodings({file for file in files.values() if isinstance(file, Path)}))
        places.tags.update({bundle.root / f.path: f'"{f.sha256}"' for f in entry.files if f.role == "script"})
        seat = RemoteSeat(self.runner, bundle, subject_of(bundle, target, self.runner.spec.build))
        try:
            return replace(seat, subject=replace(seat.subject, build=seat.chosen_build()))
        except UnfitBuild as error:
            raise NotAvailable(str(error)) from None


@dataclass(frozen=True, eq=False)
class RemoteSeat:
    """A target of a bundle, on the device."""

    runner: RemoteRunner
    bundle: Bundle
    subject: Subject

    def visit(self) -> Visit:
        """Have the device open a new frame. Raises NotAvailable where nothing is heard of it."""
        work = self._work(VISIT)
        visit: Visit = self.runner.desk.do(work, partial(visit_of, work=work))
        return replace(visit, values={**visit.values, **self.runner.sensors()})

    def chosen_build(self) -> str:
        """Visit once for the build that the runtime chooses."""
        work = self._work(VISIT)

        def build(result: Result) -> str:
            visit_of(result, work)
            return result.build or ""

        return str(self.runner.desk.do(work, build))

    def predict(self, rows: Rows) -> Rows:
        """Answer float32 [rows, inputs flattened] with float32 [rows, outputs flattened]."""
        width = sum(int(np.prod(s.shape)) for s in self.bundle.manifest.outputs)
        step = max(1, _MOST_NUMBERS // max(width, rows.shape[1]))
        files = self.runner.places.files
        answers = []
        for start in range(0, len(rows), step):
            part = np.ascontiguousarray(rows[start : start + step], "<f4")
            own = files[self.bundle.manifest.id]
            files[self.bundle.manifest.id] = {**own, _ROWS: part.tobytes()}
            work = replace(self._work(ANSWERS), shape=(len(part), width))
            answers.append(self.runner.desk.do(work, partial(answers_of, work=work)))
        return np.concatenate(answers) if answers else np.empty((0, width), np.float32)

    def _work(self, kind: str) -> Work:
        # A visit chooses its build as a page does; the answers are those of the build that was chosen.
        chosen = self.subject.build if self.subject.target == "wasm" else ""
        build = self.runner.spec.build if kind == VISIT else chosen
        threads = self.runner.conditions.threads or 0
        return Work(kind, self.subject.bundle_id, self.subject.target, build, threads)
