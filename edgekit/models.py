"""A loaded model: the float (or already int8) graph, its signature, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.graph import Graph
from edgekit.manifest import Signature


@dataclass(frozen=True, eq=False)
class Model:
    """What `load` returns."""

    name: str  # the file's stem
    kind: str  # keras | saved_model | tflite | onnx
    path: Path
    sha256: str
    graph: Graph
    inputs: tuple[Signature, ...]
    outputs: tuple[Signature, ...]
    #: A SavedModel with constants and batch 1, for targets that start from TensorFlow; None for .tflite and .onnx.
    saved_model: Path | None = None
    tools: Mapping[str, str] = field(default_factory=dict)  # package -> version that read the model

    @property
    def input_elements(self) -> int:
        return sum(_elements(s) for s in self.inputs)

    @property
    def output_elements(self) -> int:
        return sum(_elements(s) for s in self.outputs)


def _elements(signature: Signature) -> int:
    product = 1
    for n in signature.shape:
        product *= n
    return product
