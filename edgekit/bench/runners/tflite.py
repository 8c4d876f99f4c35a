"""The runner `tflite`: the TFLite interpreter on this machine, in a fresh process for every visit."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edgekit.bench.records import Device, Subject, Visit
from edgekit.bench.runner import Rows
from edgekit.bench.runners.local import ask, here, refuse
from edgekit.bench.runners.spec import Conditions, Spec, subject_of, target_of
from edgekit.bench.visits import visit_of
from edgekit.runtimes import litert
from edgekit.store import Bundle

TARGETS = ("tflite",)


@dataclass(frozen=True)
class TfliteRunner:
    """Memory is the process's peak resident set, cold counts from the start of the process, Python included."""

    spec: Spec
    conditions: Conditions

    @property
    def name(self) -> str:
        """The spec."""
        return str(self.spec)

    @contextmanager
    def open(self) -> Iterator[TfliteSession]:
        """Look for the interpreter; raises NotAvailable where it is not installed."""
        yield TfliteSession(self.spec, self.conditions.threads or 1, litert.version())


@dataclass(frozen=True)
class TfliteSession:
    """This machine."""

    spec: Spec
    threads: int
    runtime: str

    @property
    def device(self) -> Device:
        """This machine with the interpreter's version and the number of threads."""
        return here(self.runtime, {"threads": str(self.threads)})

    def seat(self, bundle: Bundle) -> TfliteSeat:
        """Find the model's file."""
        target, entry = target_of(bundle, self.spec, TARGETS)
        model = next(f.path for f in entry.files if f.role == "model")
        return TfliteSeat(subject_of(bundle, target), bundle, model, self.threads)


@dataclass(frozen=True)
class TfliteSeat:
    """A .tflite model of a bundle."""

    subject: Subject
    bundle: Bundle
    model: str
    threads: int

    def visit(self) -> Visit:
        """Start a process; raises CheckFailed where that ends badly."""
        command = [sys.executable, "-m", "edgekit.bench.tflite_child", str(self.bundle.root.resolve() / self.model)]
        reply = ask([*command, str(self.threads), str(time.monotonic_ns())])
        return visit_of(reply["values"], reply["calls"])

    def predict(self, rows: Rows) -> Rows:
        """Answer float32 [rows, inputs flattened] with float32 [rows, outputs flattened]."""
        return litert.Interpreter(self.bundle.read(self.model), threads=self.threads).run(rows)


def make(spec: Spec, conditions: Conditions) -> TfliteRunner:
    """Return the runner; raises InputError for conditions that it cannot set."""
    refuse(spec.name, conditions)
    return TfliteRunner(spec, conditions)
