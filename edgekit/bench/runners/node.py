"""The runner `node`: the bundle's own JavaScript in Node on this machine, in a fresh process for every visit."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.assets import asset
from edgekit.bench.records import Device, Subject, Visit
from edgekit.bench.runner import Rows
from edgekit.bench.runners.local import ask, here, output, refuse
from edgekit.bench.runners.spec import Conditions, Spec, subject_of, target_of
from edgekit.bench.visits import visit_of
from edgekit.errors import InputError, NotAvailable
from edgekit.runtimes import node
from edgekit.store import Bundle

TARGETS = ("wasm",)
_SCRIPTS = ("measure.js", "visit-node.mjs")


@dataclass(frozen=True)
class NodeRunner:
    """Files are read, not fetched, so nothing is said of the network; memory is the process's peak resident set."""

    spec: Spec
    conditions: Conditions

    @property
    def name(self) -> str:
        """The spec."""
        return str(self.spec)

    @contextmanager
    def open(self) -> Iterator[NodeSession]:
        """Look for Node; raises NotAvailable where it is not installed."""
        program = shutil.which("node")
        if program is None:
            raise NotAvailable(node.MISSING)
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
        with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
            yield NodeSession(self.spec, program, here(f"node {said.strip()}", {}), Path(folder))


@dataclass
class NodeSession:
    """Node on this machine, and a folder to work in."""

    spec: Spec
    program: str
    device: Device
    folder: Path

    def seat(self, bundle: Bundle) -> NodeSeat:
        """Put the bundle's runtime where Node takes it for modules, and ask which build it chooses."""
        target, entry = target_of(bundle, self.spec, TARGETS)
        place = Path(tempfile.mkdtemp(dir=self.folder))
        (place / "package.json").write_text('{"type": "module"}')
        (place / "runtime").mkdir()
        for file in (f.path for f in entry.files if f.role == "runtime"):
            shutil.copy(bundle.root / file, place / "runtime")
        for name in _SCRIPTS:
            shutil.copy(asset(f"templates/bench/{name}"), place)
        options = {"target": target} | ({"build": self.spec.build} if self.spec.build else {})
        command = (self.program, str(place / "visit-node.mjs"), str(bundle.root.resolve()))
        build = str(ask([*command, json.dumps({**options, "steadyMs": 0})])["build"])
        return NodeSeat(subject_of(bundle, target, build), command, options)


@dataclass(frozen=True)
class NodeSeat:
    """A bundle's wasm target."""

    subject: Subject
    command: tuple[str, ...]
    options: Mapping[str, str]

    def visit(self) -> Visit:
        """Start a process; raises CheckFailed where that ends badly."""
        reply = ask([*self.command, json.dumps(self.options)])
        return visit_of(reply["values"], reply["calls"])

    def predict(self, rows: Rows) -> Rows:
        """Answer float32 [rows, inputs flattened] with float32 [rows, outputs flattened]."""
        options = json.dumps({**self.options, "steadyMs": 0, "width": rows.shape[1]})
        answers = output([*self.command, options], np.ascontiguousarray(rows, "<f4").tobytes())
        return np.frombuffer(answers, "<f4").reshape(len(rows), -1)


def make(spec: Spec, conditions: Conditions) -> NodeRunner:
    """Return the runner; raises InputError for conditions that it cannot set."""
    refuse(spec.name, conditions)
    if conditions.threads not in (None, 1):
        raise InputError("the engine has one thread in Node; leave out --threads or the runner node")
    return NodeRunner(spec, conditions)
