"""The ways to reach a device, each in one file; a new one is a new row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.bench.runner import Runner
from edgekit.bench.runners import node, tflite
from edgekit.bench.runners.spec import Conditions, Spec, parse


@dataclass(frozen=True)
class Way:
    """How a runner is made, and the targets that it can run, the preferred one first."""

    make: Callable[[Spec, Conditions], Runner]
    targets: tuple[str, ...]


RUNNERS: Mapping[str, Way] = {
    "tflite": Way(tflite.make, tflite.TARGETS),
    "node": Way(node.make, node.TARGETS),
}


def make_runner(text: str, conditions: Conditions | None = None) -> Runner:
    """Return the runner of a spec such as `chromium:wasm:simd`; raises InputError for one that is not known."""
    spec = parse(text, {name: way.targets for name, way in RUNNERS.items()})
    return RUNNERS[spec.name].make(spec, conditions or Conditions())
