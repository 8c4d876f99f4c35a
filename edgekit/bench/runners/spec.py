"""What a runner is asked for: `chromium:wasm:simd`, and the conditions under which it measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.bench.records import Subject
from edgekit.errors import InputError
from edgekit.manifest import TargetEntry
from edgekit.store import Bundle


@dataclass(frozen=True)
class Spec:
    """NAME[:TARGET[:BUILD]]; "" is what the runtime prefers."""

    name: str
    target: str = ""
    build: str = ""

    def __str__(self) -> str:
        return ":".join(part for part in (self.name, self.target, self.build) if part)


@dataclass(frozen=True)
class Conditions:
    """What a session sets on its device. A runner that cannot set one refuses it with an InputError."""

    threads: int | None = None  # None: as many as the runtime takes by itself
    cpu_throttle: float = 1.0  # the processor's time is divided by this
    network: str = ""  # a name of `chromium.NETWORKS`, "" for the line as it is
    isolated: bool = True  # cross-origin isolated, as hosting serves pages: threads, and a clock of 5 us
    vitals: bool = False  # measure LCP, INP and CLS on the demo page too

    @property
    def for_browsers(self) -> bool:
        """Tell whether only a browser can be set so."""
        return self != Conditions(self.threads)

    def set(self) -> dict[str, str]:
        """Return what differs from the defaults, for a device's fingerprint."""
        found = {} if self.threads is None else {"threads": str(self.threads)}
        if self.cpu_throttle != 1:
            found["cpu_throttle"] = f"{self.cpu_throttle:g}"
        if self.network:
            found["network"] = self.network
        return found if self.isolated else {**found, "isolated": "no"}


def parse(text: str, runners: Mapping[str, tuple[str, ...]]) -> Spec:
    """Read a runner's spec; `runners` are the known ones with their targets. Raises InputError."""
    name, _, rest = text.strip().partition(":")
    target, _, build = rest.partition(":")
    if name not in runners:
        raise InputError(f"there is no runner {name!r}; choose from {', '.join(runners)}")
    if target and target not in runners[name]:
        raise InputError(f"the runner {name} does not run the target {target!r}; it runs {', '.join(runners[name])}")
    return Spec(name, target, build)


def target_of(bundle: Bundle, spec: Spec, targets: tuple[str, ...]) -> tuple[str, TargetEntry]:
    """Return the target to measure: the one that was asked for, else the first of `targets` that the bundle has.

    Raises InputError where the bundle has no such target or no such build.
    """
    has = bundle.manifest.targets
    wanted = [spec.target] if spec.target else [t for t in targets if t in has]
    if not wanted or wanted[0] not in has:
        lacks = spec.target or " or ".join(targets)
        raise InputError(f"the bundle {bundle.root} has no target {lacks}; its targets are {', '.join(has)}")
    entry = has[wanted[0]]
    builds = [f.build for f in entry.files if f.build]
    if spec.build and spec.build not in builds:
        known = f"its builds are {', '.join(builds)}" if builds else "that target has no builds"
        raise InputError(f"the bundle {bundle.root} has no build {spec.build!r} of {wanted[0]}; {known}")
    return wanted[0], entry


def subject_of(bundle: Bundle, target: str, build: str = "") -> Subject:
    """Name a target of a bundle."""
    manifest = bundle.manifest
    return Subject(manifest.id, manifest.name, manifest.version, target, build)
