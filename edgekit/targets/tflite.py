"""The waist itself: int8 .tflite with float32 inputs and outputs, the oracle of every exact target."""

from __future__ import annotations

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.models import Model
from edgekit.targets.protocol import Built, File, Job, Refusal


class TfliteTarget:
    """Runs in LiteRT (TFLite) on phones, desktops and the Raspberry Pi."""

    name = "tflite"

    def refusals(self, model: Model, quantized: Graph) -> list[Refusal]:
        return []

    def build(self, job: Job) -> Built:
        return Built((File("tflite/model.tflite", write_tflite(job.quantized), "model"),), "exact")
