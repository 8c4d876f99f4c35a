"""ONNX Runtime Web: a QDQ model made of the quantized graph itself, or the float32 one, and what runs it."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.config import metric_of
from edgekit.errors import EdgekitError, InputError, missing_extra
from edgekit.formats.keras import input_node, output_node
from edgekit.formats.onnx_graph import OnnxGraph, to_onnx
from edgekit.formats.onnx_operators import EMITTERS
from edgekit.formats.tensorflow_child import run
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.metrics import compare
from edgekit.models import Model
from edgekit.ort_runtime import PACKAGE, VERSION, Runtime, runtime
from edgekit.quantization.cost import cost
from edgekit.targets.bounds import of_span
from edgekit.targets.protocol import Built, File, Job, Refusal, Times
from edgekit.targets.runtime_files import runtime_files

QUANTIZED, FLOAT32 = "quantized", "float32"
#: As for TF.js: only the order of the sums differs. Measured on eight networks: at most 3e-7 of the span.
FLOAT32_SPAN = 1e-4
#: Against the quantized model itself: ONNX Runtime rounds an average one step off, and computes int16 in float32.
#: Measured on eight networks and nine recipes: at most 0.85 % of the span, and 1 % for the recipe dynamic.
QUANTIZED_SPAN = 0.02
#: How much slower than the float32 model the quantized one may be and still be taken, for its bytes.
SLOWER = 1.1
NOT_ASKED = "not measured: targets.ort.measure is false"
NO_CLOCK = "not measured: nothing here can"


@dataclass(frozen=True, eq=False)
class Candidate:
    """One of the models that the target could ship, and what is known of it.

    bytes: model and weights. drop: relative loss of the task's metric against the float model; None without rows.
    gap: its largest difference, on ONNX Runtime's CPU, to the model that it is held to, and bound: the largest allowed.
    """

    name: str
    files: tuple[File, ...]
    bytes: int
    bound: float
    drop: float | None = None
    gap: float = 0.0
    microseconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest tells of it."""
        told = {"bytes": self.bytes, "drop": self.drop, "microseconds": self.microseconds}
        return {key: value for key, value in told.items() if value is not None}


class OrtTarget:
    """The target "ort"."""

    name = "ort"

    def refusals(self, model: Model, quantized: Graph) -> list[Refusal]:
        """Refuse what has no form in ONNX's operators; no package is needed to know."""
        made = to_onnx(quantized, EMITTERS)
        if isinstance(made, OnnxGraph):
            return []
        return [Refusal(op.kind, quantized.layer(op), why) for op, why in made]

    def build(self, job: Job) -> Built:
        """Make both models in a child process, choose, and return the chosen one with its runtime."""
        if any(importlib.util.find_spec(package) is None for package in ("onnx", "onnxruntime")):
            raise missing_extra("the ort target", "onnx")
        options = job.config.targets.ort
        graphs = _graphs(job)
        program = runtime(options.backend, options.dist)
        with tempfile.TemporaryDirectory(prefix="edgekit-ort-") as folder:
            candidates, tools = _candidates(job, graphs, Path(folder))
        assembly = _Assembly(job, program, {**tools, PACKAGE: VERSION})
        times = _times(job, {c.name: assembly.built(c, {}) for c in candidates})
        candidates = [_timed(c, times) for c in candidates]
        best, why = choose(candidates, job.config.budgets.max_drop)
        told = {"why": why, "measured": times.where, "candidates": {c.name: c.to_json() for c in candidates}}
        return assembly.built(best, told)


@dataclass(frozen=True, eq=False)
class _Assembly:
    """All that the variants of one target share."""

    job: Job
    program: Runtime
    tools: Mapping[str, str] = field(default_factory=dict)

    def built(self, candidate: Candidate, told: Mapping[str, Any]) -> Built:
        model, backend = self.job.model, self.job.config.targets.ort.backend
        *scripts, engine = self.program.files.items()
        files = [File(f"ort/{name}", data, "script") for name, data in scripts]
        files += [File(f"ort/{engine[0]}", engine[1], "engine", build=self.program.build)]
        return Built(
            files=(*candidate.files, *files, *runtime_files("ort")),
            parity="bound" if candidate.name == FLOAT32 else "near",
            bound=candidate.bound,
            options={
                "model": candidate.name,
                **told,
                "backend": backend,
                "inputs": [input_node(i) for i in range(len(model.inputs))],
                "outputs": [output_node(i) for i in range(len(model.outputs))],
                "input_shapes": [list(s.shape) for s in model.inputs],
                "multiplications": sum(cost(self.job.quantized).macs.values()),
            },
            tools=self.tools,
        )


def choose(candidates: list[Candidate], max_drop: float) -> tuple[Candidate, str]:
    """Return the model to ship and why: the quantized one, unless it is inexact, too lossy or clearly slower.

    Where nothing was measured the bytes decide. A candidate that there is alone is taken as it is.
    """
    by_name = {c.name: c for c in candidates}
    if len(by_name) == 1:
        return candidates[0], "it is the only one that was made"
    return _better(by_name[QUANTIZED], by_name[FLOAT32], max_drop)


def _better(small: Candidate, plain: Candidate, max_drop: float) -> tuple[Candidate, str]:
    """Hold the two models against each other."""
    if small.gap > small.bound:
        return plain, f"ONNX Runtime misses the quantized model by {small.gap:g}; the bound is {small.bound:g}"
    if small.drop is not None and small.drop > max_drop:
        return plain, f"the quantized model loses {small.drop:.2%}; the budget is {max_drop:.2%}"
    if small.bytes >= plain.bytes:
        return plain, "the quantized model is not smaller"
    if small.microseconds is None or plain.microseconds is None:
        return small, "the quantized model is the smaller one; the speed is not known"
    times = f"takes {small.microseconds / plain.microseconds:.2f} times as long as the float32 model"
    if small.microseconds > SLOWER * plain.microseconds:
        return plain, f"the quantized model {times}"
    return small, f"the quantized model is the smaller one and {times}"


def _graphs(job: Job) -> dict[str, Graph]:
    """Return the graphs that could be shipped, by name."""
    wanted, backend = job.config.targets.ort.model, job.config.targets.ort.backend
    graphs = {} if job.model.graph.is_quantized else {FLOAT32: job.model.graph}
    if job.quantized.is_quantized:
        graphs[QUANTIZED] = job.quantized
    if backend == "webgpu":  # it has no kernels for what is quantized
        graphs.pop(QUANTIZED, None)
    if wanted != "auto":
        graphs = {name: graph for name, graph in graphs.items() if name == wanted}
    if not graphs:
        asked = f"targets.ort.model is {wanted!r} and targets.ort.backend {backend!r}"
        raise InputError(f"{job.model.path.name}: {asked}, and there is no such model; change them or leave ort out")
    return graphs


def _candidates(job: Job, graphs: Mapping[str, Graph], work: Path) -> tuple[list[Candidate], Mapping[str, str]]:
    options, evaluation = job.config.targets.ort, job.evaluation
    rows = np.zeros((0, job.model.input_elements), np.float32) if evaluation is None else evaluation.inputs
    np.save(work / "rows.npy", rows)
    for name, graph in graphs.items():
        (work / f"{name}.tflite").write_bytes(write_tflite(graph))
    request = {
        "name": job.model.path.name,
        "graphs": {name: str(work / f"{name}.tflite") for name in graphs},
        "rows": str(work / "rows.npy"),
        "level": "extended" if options.backend == "wasm" else "basic",
        "shard_bytes": options.shard_bytes,
        "out": str(work / "out"),
    }
    (answer,) = run("edgekit.formats.ort_worker", [request])
    if isinstance(answer, EdgekitError):
        raise answer
    variants = answer["variants"]
    return [_candidate(job, name, work / "out" / name, variants[name]["shards"]) for name in graphs], answer["tools"]


def _candidate(job: Job, name: str, folder: Path, shards: Mapping[str, int]) -> Candidate:
    files = (
        File("ort/model.onnx", (folder / "model.onnx").read_bytes(), "model"),
        *(File(f"ort/{s}", (folder / s).read_bytes(), "shard", first_step=step) for s, step in shards.items()),
    )
    bound = of_span(FLOAT32_SPAN if name == FLOAT32 else QUANTIZED_SPAN, job.float_outputs)
    size = sum(len(f.data) for f in files)
    answers = np.load(folder / "answers.npy")
    if job.evaluation is None or not len(answers):
        return Candidate(name, files, size, bound)
    held_to = job.float_outputs if name == FLOAT32 or job.outputs is None else job.outputs
    drop = compare(metric_of(job.config), job.evaluation.labels, job.float_outputs, answers).drop
    return Candidate(name, files, size, bound, round(drop, 6), _largest(answers, held_to))


def _largest(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    gap = np.abs(a.astype(np.float64) - b.reshape(a.shape))
    return float(np.where(np.isnan(gap), np.inf, gap).max())


def _times(job: Job, variants: Mapping[str, Built]) -> Times:
    if not job.config.targets.ort.measure:
        return Times({}, NOT_ASKED)
    if job.stopwatch is None or job.evaluation is None:
        return Times({}, NO_CLOCK)
    return job.stopwatch(job.model, "ort", variants, job.evaluation.inputs)


def _timed(candidate: Candidate, times: Times) -> Candidate:
    measured = times.microseconds.get(candidate.name)
    return Candidate(**{**vars(candidate), "microseconds": measured})
