"""Run the golden rows through every target of a bundle in its real runtime, and judge the answers.

Every target and build gets a row in the report for each runtime that can run it: pass, fail, "not run", or "unfit".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from edgekit import golden as golden_file
from edgekit.errors import EdgekitError, InputError, NotAvailable
from edgekit.golden import Golden
from edgekit.manifest import Manifest, Signature, TargetEntry
from edgekit.metrics import rmse
from edgekit.plain import plain
from edgekit.progress import Progress, silent
from edgekit.runtimes import chromium, litert, node, python_package
from edgekit.runtimes.answer import Answer
from edgekit.store import Bundle

Table = npt.NDArray[np.float32]
#: unfit: a build that no device like this one would choose, so that nothing is missing where it does not run.
PASS, FAIL, NOT_RUN, UNFIT = "pass", "fail", "not run", "unfit"
REQUIRE = ("none", "all")

#: Which runtimes can run a target; each of them is a check of its own.
RUNTIMES: Mapping[str, tuple[str, ...]] = {
    "tflite": ("litert",),
    "wasm": ("chromium", "node"),
    "tfjs": ("chromium",),
    "pyodide": ("wasmtime", "chromium", "node"),
    "ort": ("chromium",),
}
ALL_RUNTIMES = ("litert", "chromium", "node", "wasmtime")


@dataclass(frozen=True)
class Job:
    """One thing to run: a build of a target in one runtime."""

    target: str
    build: str | None
    runtime: str  # "" where this edgekit knows none


@dataclass(frozen=True)
class Check:
    """What came of one job. Errors are absolute, against the float model, in the output's own units.

    differing: rows that are not bit for bit the int8 reference, where the target is held to it.
    worst_row: the row with the largest difference to what the target is held to.
    """

    target: str
    build: str | None
    runtime: str
    status: str
    rows: int
    detail: str
    max_error: float | None = None
    rmse: float | None = None
    differing: int | None = None
    worst_row: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Report:
    """The verdict on a bundle; it speaks of exactly the bundle with this id."""

    bundle_id: str
    name: str
    version: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Something passed and nothing failed."""
        found = {check.status for check in self.checks}
        return PASS in found and FAIL not in found

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; what is not known is left out."""
        return {"ok": self.ok, **plain(self)}


def exit_code(report: Report, require: str = "none") -> int:
    """Return 1 if a check failed, 3 if what is required was not run, else 0.

    "none" requires that at least one check ran; "all" that every row of the table did, but for builds that do not
    fit this device.
    """
    found = [check.status for check in report.checks]
    if FAIL in found:
        return 1
    missing = NOT_RUN in found if require == "all" else PASS not in found
    return 3 if missing or not found else 0


def verify(bundle: Bundle, runtimes: Collection[str] = ALL_RUNTIMES, progress: Progress = silent) -> Report:
    """Run the golden rows through everything that the bundle holds and this machine can run.

    Args:
        bundle: an opened bundle.
        runtimes: the runtimes to use; what only others could run is reported as not run.
        progress: told before each check.

    Raises InputError where a runtime is not known, or golden.json is broken or does not fit the manifest.
    """
    for name in runtimes:
        if name not in ALL_RUNTIMES:
            raise InputError(f"there is no runtime {name!r}; choose from {', '.join(ALL_RUNTIMES)}")
    reference = read_golden(bundle)
    jobs = plan(bundle.manifest)
    checks = []
    with _Runner(bundle, reference, runtimes) as runner:
        for done, job in enumerate(jobs):
            progress(f"verifying {_title(job)}", done, len(jobs))
            checks.append(judge(runner.run(job), bundle.manifest.targets[job.target], reference))
    progress("verifying", len(jobs), len(jobs))
    manifest = bundle.manifest
    return Report(manifest.id, manifest.name, manifest.version, tuple(checks))


def read_golden(bundle: Bundle) -> Golden:
    """Read the golden rows of a bundle and hold their lengths against its signature."""
    manifest = bundle.manifest
    golden = golden_file.decode(bundle.read(manifest.golden.path))
    tables = (("inputs", golden.inputs, manifest.inputs), ("float", golden.float, manifest.outputs))
    for name, table, signatures in tables:
        if table.shape[1] != _elements(signatures):
            raise InputError(
                f"golden.json: the rows of {name} have {table.shape[1]} numbers, "
                f"the manifest says {_elements(signatures)}; export the bundle again"
            )
    return golden


def plan(manifest: Manifest) -> list[Job]:
    """List what there is to run, in the order of the manifest's targets."""
    jobs = []
    for target, entry in manifest.targets.items():
        builds: list[str | None] = [f.build for f in entry.files if f.build is not None]
        for build in builds or [None]:
            jobs += [Job(target, build, runtime) for runtime in RUNTIMES.get(target, ("",))]
    return jobs


def judge(answer: Answer, entry: TargetEntry, golden: Golden) -> Check:
    """Hold an answer to what its target promises."""
    check = Check(answer.target, answer.build, answer.runtime, FAIL, len(golden), answer.error, seconds=answer.seconds)
    if answer.not_run:
        return replace(check, status=NOT_RUN, rows=0, detail=answer.not_run)
    if answer.unfit:
        return replace(check, status=UNFIT, rows=0, detail=answer.unfit)
    if answer.outputs is None:
        return check
    if answer.outputs.shape != golden.float.shape:
        has, wants = (" x ".join(map(str, table.shape)) for table in (answer.outputs, golden.float))
        return replace(check, detail=f"the answer is a table of {has} numbers, expected were {wants}")
    off = np.abs(answer.outputs.astype(np.float64) - golden.float.astype(np.float64))
    if np.isfinite(off).all():
        check = replace(check, max_error=float(off.max()), rmse=rmse(answer.outputs, golden.float))
    if entry.parity == "exact":
        return _exact(check, answer.outputs, golden)
    reference = (golden.quantized, "int8 model") if entry.parity == "near" else (golden.float, "float model")
    return _bound(check, answer.outputs, reference, entry.bound or 0.0)


def _exact(check: Check, outputs: npt.NDArray[np.float32], golden: Golden) -> Check:
    # Bits, not values: -0.0 is not 0.0 here, and a NaN never passes.
    differs = np.ascontiguousarray(outputs).view(np.uint32) != golden.quantized.view(np.uint32)
    rows = int(differs.any(axis=1).sum())
    if rows == 0:
        return replace(check, status=PASS, differing=0, detail="equal to the int8 model bit for bit")
    gap = np.where(differs, np.abs(outputs.astype(np.float64) - golden.quantized), -1.0)
    worst, column = _place_of_largest(gap)
    return replace(
        check,
        differing=rows,
        worst_row=worst,
        detail=f"{rows} of {len(golden)} rows are not equal to the int8 model; row {worst} answers "
        f"{outputs[worst, column]} instead of {golden.quantized[worst, column]}",
    )


def _bound(check: Check, outputs: Table, reference: tuple[Table, str], bound: float) -> Check:
    off = np.abs(outputs.astype(np.float64) - reference[0].astype(np.float64))
    worst, column = _place_of_largest(off)
    largest = off[worst, column]
    check = replace(check, worst_row=worst)
    if largest <= bound:
        return replace(check, status=PASS, detail=f"within {bound:g} of the {reference[1]}")
    size = f"by {largest:g}" if math.isfinite(largest) else "without a finite number"
    return replace(check, detail=f"row {worst} misses the {reference[1]} {size}; the bound is {bound:g}")


def _place_of_largest(table: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return row and column of the largest number; what is not a number counts as the largest."""
    row, column = np.unravel_index(int(np.where(np.isnan(table), np.inf, table).argmax()), table.shape)
    return int(row), int(column)


@final
class _Runner:
    """Runs jobs; starts the browser once, when the first job wants it."""

    def __init__(self, bundle: Bundle, golden: Golden, runtimes: Collection[str]) -> None:
        self._bundle = bundle
        self._rows = golden.inputs
        self._runtimes = runtimes
        self._open = ExitStack()
        # Playwright wants a thread of its own: in a notebook this one has an event loop already.
        self._thread = ThreadPoolExecutor(1)
        self._browser: chromium.Browser | NotAvailable | None = None

    def __enter__(self) -> _Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.submit(self._open.close).result()
        self._thread.shutdown()

    def run(self, job: Job) -> Answer:
        """Return the answer; whatever goes wrong is in it."""
        ways: Mapping[str, Callable[[Job], Answer]] = {
            "litert": self._litert,
            "chromium": lambda job: self._thread.submit(self._chromium, job).result(),
            "node": self._node,
            "wasmtime": lambda job: python_package.in_wasmtime(self._bundle, self._rows),
        }
        names = {"litert": "TFLite", "chromium": "Chromium", "node": "Node", "wasmtime": "CPython, wasmtime"}
        name = names.get(job.runtime, "-")
        if job.target == "pyodide" and job.runtime != "wasmtime":
            name = f"Pyodide, {name}"
        if job.runtime not in ways:
            why = f"this edgekit knows no runtime for the target {job.target}"
            return Answer(job.target, job.build, name, not_run=why)
        if job.runtime not in self._runtimes:
            return Answer(job.target, job.build, name, not_run="not chosen for this run")
        try:
            return ways[job.runtime](job)
        except NotAvailable as error:
            return Answer(job.target, job.build, name, not_run=str(error))
        except EdgekitError as error:
            return Answer(job.target, job.build, name, error=str(error))

    def _litert(self, job: Job) -> Answer:
        models = [f.path for f in self._bundle.manifest.targets[job.target].files if f.role == "model"]
        if len(models) != 1:
            raise InputError(f"the target {job.target} has {len(models)} model files, expected was 1")
        interpreter = litert.Interpreter(self._bundle.read(models[0]))
        try:
            outputs = interpreter.run(self._rows)
        except (RuntimeError, ValueError, IndexError) as error:  # a model of another shape than the manifest says
            raise InputError(f"the interpreter refuses the rows: {str(error).strip().splitlines()[0][:200]}") from None
        return Answer(job.target, job.build, litert.version(), outputs)

    def _chromium(self, job: Job) -> Answer:
        if self._browser is None:
            try:
                self._browser = self._open.enter_context(chromium.Browser())
            except NotAvailable as error:
                self._browser = error
        if isinstance(self._browser, NotAvailable):
            raise self._browser
        if job.target == "pyodide":
            return python_package.in_chromium(self._browser, self._bundle, self._rows)
        return chromium.run(self._browser, self._bundle, self._rows, job.target, job.build)

    def _node(self, job: Job) -> Answer:
        if job.target == "pyodide":
            return python_package.in_node(self._bundle, self._rows)
        return node.run(self._bundle, self._rows, job.build)


def _title(job: Job) -> str:
    return " ".join(part for part in (job.target, job.build, f"in {job.runtime}" if job.runtime else "") if part)


def _elements(signatures: tuple[Signature, ...]) -> int:
    return sum(math.prod(signature.shape) for signature in signatures)
