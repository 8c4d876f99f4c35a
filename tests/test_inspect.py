"""What `edgekit inspect` tells of models and bundles, peak memory above all: it is that of the running engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import wasmtime
from click.testing import CliRunner
from conftest import Trained
from fabricated import make_bundle

from edgekit.assets import asset
from edgekit.cli.inspect import command
from edgekit.engine_memory import PAGE_BYTES, EngineMemory, engine_memory, heap_base
from edgekit.errors import InputError
from edgekit.inspect_bundle import inspect_bundle
from edgekit.manifest import seal
from edgekit.plan import Plan
from edgekit.store import Bundle, entry, write_bundle
from edgekit.targets.wasm import BUILDS

#: Of a plan with one input and one output: 32 bytes of header, 8 for each.
HEADER = 48


@pytest.mark.parametrize("build", BUILDS)
def test_the_heap_base_is_what_a_runtime_reads(build: str) -> None:
    code = asset(f"wasm/dist/engine-{build}.wasm").read_bytes()
    store = wasmtime.Store()
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, code), []).exports(store)
    assert heap_base(code) == exports["__heap_base"].value(store)


@pytest.mark.parametrize(
    ("weights", "arena", "pages"),
    [
        pytest.param(100, 64, 1, id="a small model fits the engine's first page"),
        pytest.param(PAGE_BYTES - 8192 - 32 - HEADER - 64, 64, 1, id="filled to the last byte"),
        pytest.param(PAGE_BYTES - 8192 - 32 - HEADER - 64 + 1, 64, 2, id="one byte more"),
        pytest.param(3_000_000, 1_000_001, 62, id="4,008,288 bytes: 61.2 pages"),
    ],
)
def test_the_peak_is_the_regions_in_pages(weights: int, arena: int, pages: int) -> None:
    found = engine_memory(Plan(arena, weights, ((0, 1),), ((16, 1),), ()))
    assert found == EngineMemory(8192, HEADER, weights, arena, pages * PAGE_BYTES)


def said(*arguments: object) -> str:
    done = CliRunner().invoke(command, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_bundle(bundle: Bundle) -> None:
    text = said(bundle.root)
    found = json.loads(said(bundle.root, "--json"))
    assert [t["target"] for t in found["targets"]] == ["tflite", "tfjs", "wasm"]
    assert {t["target"]: t["bytes"] for t in found["targets"]} == {
        name: sum(f.bytes for f in target.files) for name, target in bundle.manifest.targets.items()
    }
    memory = found["memory"]
    shards = sum(f.bytes for f in bundle.manifest.targets["wasm"].files if f.role == "shard")
    assert (memory["weights"], memory["peak"]) == (shards, PAGE_BYTES)
    line = (
        f"peak memory of wasm: 65,536 bytes (weights {shards:,}, arena {memory['arena']:,}, plan {memory['plan']:,}, "
        f"engine {memory['engine']:,})"
    )
    assert line in text and f"id {bundle.manifest.id[:16]}" in text


def test_the_int8_model_of_a_bundle_has_the_same_peak(bundle: Bundle) -> None:
    both = [json.loads(said(path, "--json"))["memory"] for path in (bundle.root, bundle.root / "tflite/model.tflite")]
    assert both[0] == both[1]


def test_a_float_model_says_that_it_is_not_known_yet(trained: Trained) -> None:
    assert (
        "peak memory of wasm: known after quantization (edgekit export, then inspect the bundle); "
        "about 65,536 bytes if the recipe int8 is enough"
    ) in said(trained.model)


def test_a_bundle_without_a_plan_has_no_peak(tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "b")
    assert "peak memory" not in said(made.root)
    assert "memory" not in json.loads(said(made.root, "--json"))


def test_a_plan_that_cannot_be_read_is_bad_input(bundle: Bundle, tmp_path: Path) -> None:
    contents = {f.path: bundle.read(f.path) for f in bundle.manifest.files()} | {"wasm/plan.bin": b"EKP1"}
    wasm = bundle.manifest.targets["wasm"]
    files = tuple(entry(f.path, b"EKP1", f.role) if f.role == "plan" else f for f in wasm.files)
    targets = {**bundle.manifest.targets, "wasm": replace(wasm, files=files)}
    made = write_bundle(tmp_path / "b", seal(replace(bundle.manifest, targets=targets)), contents)
    with pytest.raises(InputError, match=r"^wasm/plan\.bin or an engine cannot be read; export the bundle again$"):
        inspect_bundle(made.root)
