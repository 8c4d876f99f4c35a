"""A bundle's own int8 model as ONNX files for onnxruntime-web: its integers as Q/DQ pairs, and the same in float32."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from npm_packages import ONNX_RUNTIME_WEB, files_of

from edgekit.errors import NotAvailable

#: The stock build for wasm alone; it is one file with SIMD and threads, used or not.
_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
#: Contender -> options of the converter.
VARIANTS: Mapping[str, tuple[str, ...]] = {"onnxruntime-web int8": (), "onnxruntime-web float32": ("--dequantize",)}


def runtime_files(folder: Path) -> dict[str, Path]:
    """Unpack onnxruntime-web into a folder and map the URL paths under /ort/ to its files."""
    return files_of(ONNX_RUNTIME_WEB, {f"/ort/{name}": f"dist/{name}" for name in _FILES}, folder)


def onnx_models(tflite: bytes, folder: Path) -> dict[str, Path]:
    """Write each of VARIANTS that the converter can make of a .tflite into a folder; return contender -> file.

    Raises NotAvailable where tf2onnx is not installed (pip install tf2onnx).
    """
    if importlib.util.find_spec("tf2onnx") is None:
        raise NotAvailable("onnxruntime-web is not run: tf2onnx is not installed")
    source = folder / "model.tflite"
    source.write_bytes(tflite)
    found = {}
    for number, (name, options) in enumerate(VARIANTS.items()):
        out = folder / f"{number}.onnx"
        command = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(source), "--output", str(out)]
        done = subprocess.run([*command, "--opset", "17", *options], capture_output=True, check=False, timeout=600)
        if done.returncode == 0:
            found[name] = out
    return found
