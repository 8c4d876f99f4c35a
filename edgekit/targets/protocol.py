"""What a target is: it returns its files and how exact it is; it writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgekit.config import Config
from edgekit.data import Dataset
from edgekit.graph import Graph
from edgekit.manifest import Feature
from edgekit.models import Model


@dataclass(frozen=True)
class File:
    """A file of a bundle that is still in memory; the fields become a manifest.FileEntry."""

    path: str
    data: bytes
    role: str
    first_step: int | None = None
    build: str | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a target cannot take a model: the operator, the layer that uses it, and the reason."""

    op: str
    layer: str
    why: str


@dataclass(frozen=True)
class Built:
    """A target's part of a bundle; see manifest.TargetEntry for parity and bound."""

    files: tuple[File, ...]
    parity: str
    bound: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)  # package -> version that made the files


@dataclass(frozen=True)
class Times:
    """Microseconds of one prediction for each variant of a target; none where they could not be measured, and why."""

    microseconds: Mapping[str, float]
    where: str  # "Chromium 156.0", or "not measured: ..."


#: Runs variants of one target where they will run, and says how long a prediction takes.
Stopwatch = Callable[[Model, str, Mapping[str, Built], npt.NDArray[np.float32]], Times]


@dataclass(frozen=True, eq=False)
class Job:
    """What a target builds from. Float outputs: what the float model answers, float32 [rows, outputs]; outputs: what
    the quantized one does, both on the evaluation rows. What is None is not known, and a target that would choose by it
    chooses without."""

    model: Model
    quantized: Graph
    config: Config
    float_outputs: npt.NDArray[np.float32]
    name: str = "model"  # the manifest's
    features: tuple[Feature, ...] = ()  # the manifest's
    outputs: npt.NDArray[np.float32] | None = None
    evaluation: Dataset | None = None
    stopwatch: Stopwatch | None = None


class Target(Protocol):
    """One file of this folder holds one target; `targets.TARGETS` lists them."""

    name: str

    def refusals(self, model: Model, quantized: Graph) -> list[Refusal]:
        """Return what this target cannot take of a model; an empty list means it can."""
        ...

    def build(self, job: Job) -> Built:
        """Return the target's files."""
        ...
