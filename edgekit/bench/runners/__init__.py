"""The ways to reach a device, each in one file; a new one is a new row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgekit.bench.runner import Runner
from edgekit.bench.runners import chromium, node, tflite
from edgekit.bench.runners.spec import Conditions, Spec, parse, target_of
from edgekit.store import Bundle


@dataclass(frozen=True)
class Way:
    """How a runner is made, and the targets that it can run, the preferred one first."""

    make: Callable[[Spec, Conditions], Runner]
    targets: tuple[str, ...]


RUNNERS: Mapping[str, Way] = {
    "tflite": Way(tflite.make, tflite.TARGETS),
    "chromium": Way(chromium.make, chromium.TARGETS),
    "node": Way(node.make, node.TARGETS),
}


def make_runner(text: str, conditions: Conditions | None = None, bundles: Sequence[Bundle] = ()) -> Runner:
    """Return the runner of a spec such as `chromium:wasm:simd`.

    Raises InputError for one that is not known, a condition that it cannot set, and a target or a build that one of
    the bundles does not have.
    """
    spec = parse(text, {name: way.targets for name, way in RUNNERS.items()})
    way = RUNNERS[spec.name]
    for bundle in bundles:
        target_of(bundle, spec, way.targets)
    return way.make(spec, conditions or Conditions())
