"""Small bundles made by hand: what they hold is right in form, and their runtime is a few lines of JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgekit.golden import Golden, encode
from edgekit.manifest import Feature, FileEntry, Manifest, Output, Signature, TargetEntry, seal
from edgekit.store import Bundle, entry, write_bundle

ROWS = np.random.default_rng(0).uniform(-3, 3, (40, 2)).astype(np.float32)
FLOAT = 2 * ROWS[:, :1] + ROWS[:, 1:]
GOLDEN = Golden(ROWS, FLOAT, np.floor(FLOAT))

#: A runtime that answers as GOLDEN does: wasm exactly, tfjs a hundredth beside the float model.
RUNTIME = """
export const load = async (url, { target, build }) => ({
  build: null,
  async warmUp() { this.build = target === 'wasm' ? build : 'cpu'; },
  async predictArray([a, b]) {
    const y = Math.fround(Math.fround(2 * a) + b);
    return Float32Array.of(target === 'wasm' ? Math.floor(y) : y + 0.01);
  },
});
"""

FEATURES = (
    Feature("age", "years", "number", "x", 0, (-3.0, 3.0), 0.0, 1.0),
    Feature("blood <pressure>", "mmHg", "number", "x", 1, (-3.0, 3.0), 0.0, 1.0),
)


def make_bundle(
    out: Path,
    runtime: str = RUNTIME,
    golden: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    name: str = "made <b>",
) -> Bundle:
    """Write a bundle of the targets wasm and tfjs; `files` adds a target of that name and one model file."""
    contents = {"runtime/edgekit.js": runtime.encode(), "golden.json": golden or encode(GOLDEN)}
    script = entry("runtime/edgekit.js", contents["runtime/edgekit.js"], "runtime")
    engines: list[FileEntry] = []
    for build in ("simd", "scalar"):
        path = f"wasm/engine-{build}.wasm"
        contents[path] = b"\0asm" + build.encode()
        engines.append(entry(path, contents[path], "engine", build=build))
    targets = {
        "wasm": TargetEntry((script, *engines), "exact"),
        "tfjs": TargetEntry((script,), "bound", 0.02),
    }
    for target, data in (files or {}).items():
        contents[f"{target}/model.{target}"] = data
        targets[target] = TargetEntry((entry(f"{target}/model.{target}", data, "model"),), "exact")
    rows = entry("golden.json", contents["golden.json"], "golden")
    manifest = seal(replace(_MANIFEST, name=name, targets=targets, golden=rows))
    return write_bundle(out, manifest, contents)


_MANIFEST = Manifest(
    name="made <b>",
    version="1.2.3",
    task="regression",
    inputs=(Signature("x", (1, 2)),),
    outputs=(Signature("y", (1, 1)),),
    features=FEATURES,
    results=(Output("progression", "points"),),
    targets={},
    golden=entry("golden.json", b"", "golden"),
    quantization={"recipe": "int8", "drop": 0.0012, "rungs": [{"recipe": "int8", "bytes": 1200}]},
    provenance={},
)
