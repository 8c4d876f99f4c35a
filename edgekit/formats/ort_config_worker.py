"""The child's side of ort_config.py: which operators and types a model needs of ONNX Runtime.

Run by formats/tensorflow_child.py, which calls `handle`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onnxruntime.tools.convert_onnx_models_to_ort import OptimizationStyle, convert_onnx_models_to_ort

from edgekit.errors import InputError


def handle(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lines of the configuration for the model in a folder, as ONNX Runtime's own tool writes them."""
    model, out = Path(request["model"]), Path(request["out"])
    # The model was optimized when it was exported, and a page opens it as it is.
    os.environ["ORT_CONVERT_ONNX_MODELS_TO_ORT_OPTIMIZATION_LEVEL"] = "disable"
    convert_onnx_models_to_ort(
        model, output_dir=out, optimization_styles=[OptimizationStyle.Fixed], enable_type_reduction=True
    )
    found = sorted(out.glob("*.config"))
    if len(found) != 1:
        raise InputError(f"{request['name']}: ONNX Runtime does not take its model; export the bundle again")
    lines = found[0].read_text(encoding="utf-8").splitlines()
    return {"lines": sorted(line for line in lines if line and not line.startswith("#"))}
