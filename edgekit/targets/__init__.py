"""The targets, each in one file; a new one is a new row here."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.targets.ort import OrtTarget
from edgekit.targets.protocol import Target
from edgekit.targets.pyodide import PyodideTarget
from edgekit.targets.tfjs import TfjsTarget
from edgekit.targets.tflite import TfliteTarget
from edgekit.targets.wasm import WasmTarget

TARGETS: Mapping[str, Target] = {
    t.name: t for t in (TfliteTarget(), TfjsTarget(), WasmTarget(), PyodideTarget(), OrtTarget())
}
#: What an export makes where nothing else is asked for; the others are for pages that bring a runtime of megabytes.
DEFAULT_TARGETS = ("tflite", "tfjs", "wasm")
