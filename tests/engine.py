"""The engine of wasm/dist in wasmtime, fed by a lowered graph: a second runtime beside the browsers, for vectors."""

from __future__ import annotations

import struct
from functools import cache

import numpy as np
import numpy.typing as npt
import wasmtime

from edgekit import plan as plans
from edgekit.arena import aligned
from edgekit.assets import asset
from edgekit.graph import Graph
from edgekit.lowering import Lowered, lower

GUARD = 64  # bytes of a known pattern around every region
PATTERN = 0xA5


def _config() -> wasmtime.Config:
    """Relaxed instructions as the specification's deterministic profile has them: the dot product reads both signed."""
    config = wasmtime.Config()
    config.wasm_relaxed_simd = True
    config.wasm_relaxed_simd_deterministic = True
    return config


ENGINE = wasmtime.Engine(_config())


@cache
def compiled(build: str) -> wasmtime.Module:
    """An engine: `simd` has all operators, `dense-simd` those of dense models."""
    return wasmtime.Module.from_file(ENGINE, str(asset(f"wasm/dist/engine-{build}.wasm")))


class Engine:
    """A model in one build of the engine. Raises PlanRefused where ek_check says no."""

    def __init__(self, plan: bytes, weights: bytes, arena_bytes: int, build: str = "simd") -> None:
        module = compiled(build)
        self.store = wasmtime.Store(ENGINE)
        exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.memory, self._run, check = exports["memory"], exports["ek_run"], exports["ek_check"]
        heap = aligned(exports["__heap_base"].value(self.store))
        self.model = heap + GUARD
        self.plan_at = self.model + 32 + GUARD
        self.weights_at = aligned(self.plan_at + len(plan)) + GUARD
        self.arena_at = aligned(self.weights_at + len(weights)) + GUARD
        self.end = aligned(self.arena_at + arena_bytes) + GUARD
        self.arena_bytes = arena_bytes
        missing = self.end - self.memory.data_len(self.store)
        if missing > 0:
            self.memory.grow(self.store, -(-missing // 65536))
        self.write(heap, bytes([PATTERN]) * (self.end - heap))
        words = (self.plan_at, len(plan), self.weights_at, len(weights), self.arena_at, arena_bytes)
        for at, data in ((self.model, struct.pack("<6I", *words)), (self.plan_at, plan), (self.weights_at, weights)):
            self.write(at, data)
        self.before = self.read(self.plan_at - GUARD, self.arena_at)
        self.code = check(self.store, self.model)

    def write(self, at: int, data: bytes) -> None:
        self.memory.write(self.store, data, at)

    def read(self, start: int, stop: int) -> bytes:
        return bytes(self.memory.read(self.store, start, stop))

    def steps(self, count: int) -> None:
        assert self._run(self.store, self.model, 0, count) == 0

    def untouched(self) -> bool:
        """Whether everything outside the arena is as it was."""
        tail = self.read(self.arena_at + self.arena_bytes, self.end)
        return self.read(self.plan_at - GUARD, self.arena_at) == self.before and set(tail) <= {PATTERN}


class Predictor:
    """Runs float32 rows through a graph in one build."""

    def __init__(self, graph: Graph, build: str) -> None:
        lowered = lower(graph)
        assert isinstance(lowered, Lowered), [(f.op.kind, f.why) for f in lowered]
        self.plan = lowered.plan
        weights = b"".join(data for _, data in lowered.chunks)
        self.engine = Engine(plans.encode(self.plan), weights, self.plan.arena_bytes, build)
        assert self.engine.code == 0, f"step {self.engine.code // 8}: {self.plan.steps[self.engine.code // 8]}"

    def run(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        answers = []
        for row in np.ascontiguousarray(rows, "<f4"):
            start = 0
            for offset, count in self.plan.inputs:
                self.engine.write(self.engine.arena_at + offset, row[start : start + count].tobytes())
                start += count
            self.engine.steps(len(self.plan.steps))
            ports = ((self.engine.arena_at + o, 4 * n) for o, n in self.plan.outputs)
            answers.append(np.concatenate([np.frombuffer(self.engine.read(at, at + n), "<f4") for at, n in ports]))
        assert self.engine.untouched()
        return np.array(answers)
