"""The pure-Dart and the native runtime equal the TFLite interpreter bit for bit, on the VM and as JavaScript."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dart_to_js
import numpy as np
import pytest
from dart import TEMPLATE, Dart, package_config, summary
from one_operator import OPERATORS

from edgekit import plan as plans
from edgekit.dart.package import DENSE_OPERATORS, runs_in_dart
from edgekit.errors import NotAvailable
from edgekit.formats.tflite_write import write_tflite
from edgekit.lowering import Lowered, lower
from edgekit.native import LIBRARIES, Library, build_library, compile_engine
from edgekit.runtimes.litert import Interpreter
from edgekit.store import Bundle

HERE = Path(__file__).parent
GRAPHS = 12
#: What the VM of scripts/setup_dart.sh can load: it is a 32-bit program.
VM_LIBRARY = Library("x86-linux-gnu", "libedgekit.so", ("-mcpu=pentium4+sse4_1",))


@dataclass(frozen=True)
class Case:
    """A plan, its weights, rows, and what the interpreter answers to them."""

    name: str
    plan: bytes
    weights: bytes
    rows: np.ndarray
    expected: np.ndarray


def model_case(bundle: Bundle) -> Case:
    """1,000 rows all over the ranges of the features, and beyond them."""
    files = bundle.manifest.targets["wasm"].files
    (plan,) = (bundle.read(f.path) for f in files if f.role == "plan")
    weights = b"".join(bundle.read(f.path) for f in files if f.role == "shard")
    low, high = (np.array([f.range[i] for f in bundle.manifest.features]) for i in (0, 1))
    random = np.random.default_rng(7)
    rows = random.uniform(low - (high - low) / 4, high + (high - low) / 4, (1000, len(low))).astype(np.float32)
    return Case(bundle.manifest.name, plan, weights, rows, Interpreter(bundle.read("tflite/model.tflite")).run(rows))


def operator_cases() -> list[Case]:
    """Random graphs of every operator, as tests/test_engine.py draws them."""
    cases = []
    for (operator, dtype), make in OPERATORS.items():
        random = np.random.default_rng(len(operator) * 1000 + len(dtype) + 1)
        for number in range(GRAPHS):
            graph = make(random, dtype)
            lowered = lower(graph)
            assert isinstance(lowered, Lowered)
            columns = sum(graph.tensors[i].elements for i in graph.inputs)
            rows = (random.normal(size=(4, columns)) * 2.0 ** random.uniform(-3, 4, (4, 1))).astype(np.float32)
            weights = b"".join(data for _, data in lowered.chunks)
            expected = Interpreter(write_tflite(graph)).run(rows)
            cases.append(Case(f"{operator} {dtype} {number}", plans.encode(lowered.plan), weights, rows, expected))
    return cases


@pytest.fixture(scope="module")
def cases(bundle: Bundle, twenty: Bundle, nasty: Bundle) -> list[Case]:
    return [*map(model_case, (bundle, twenty, nasty)), *operator_cases()]


@pytest.fixture(scope="module")
def dense(cases: list[Case]) -> list[Case]:
    return [case for case in cases if runs_in_dart(plans.decode(case.plan))]


def differing(
    cases: Sequence[Case], answer: Callable[[Path], subprocess.CompletedProcess[str]], file: Path
) -> list[str]:
    """Return the names of the cases that a runtime answers with other bits."""
    plain = [
        {
            "plan": base64.b64encode(case.plan).decode(),
            "weights": base64.b64encode(case.weights).decode(),
            "rows": base64.b64encode(case.rows.astype("<f4").tobytes()).decode(),
            "width": case.rows.shape[1],
        }
        for case in cases
    ]
    file.write_text(json.dumps(plain))
    done = answer(file)
    assert done.returncode == 0, summary(done)
    answers = [base64.b64decode(text) for text in json.loads(done.stdout)]
    return [case.name for case, got in zip(cases, answers, strict=True) if got != case.expected.astype("<f4").tobytes()]


def test_the_cases_have_every_dense_operator(dense: list[Case]) -> None:
    used = {step.operator for case in dense for step in plans.decode(case.plan).steps}
    assert used - {"conv_2d_s8"} == DENSE_OPERATORS
    assert sum(len(case.rows) for case in dense[:3]) == 3000


def test_dart_equals_the_interpreter(dart: Dart, dense: list[Case], tmp_path: Path) -> None:
    config = package_config(TEMPLATE, tmp_path / "packages.json")
    program = HERE / "dart_programs" / "rows.dart"
    assert differing(dense, lambda file: dart.run(program, config, str(file)), tmp_path / "cases.json") == []


def test_dart_equals_the_interpreter_with_the_numbers_of_javascript(dense: list[Case], tmp_path: Path) -> None:
    module = dart_to_js.write_module(tmp_path)

    def answer(file: Path) -> subprocess.CompletedProcess[str]:
        command = ["node", str(HERE / "dart_rows.mjs"), str(module), str(file)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert differing(dense, answer, tmp_path / "cases.json") == []


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("native") / VM_LIBRARY.file
    try:
        file.write_bytes(compile_engine(VM_LIBRARY))
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")
    return file


def test_native_equals_the_interpreter(dart: Dart, cases: list[Case], library: Path, tmp_path: Path) -> None:
    """By dart:ffi, with every operator of the engine."""
    config = package_config(TEMPLATE, tmp_path / "packages.json")
    program = HERE / "dart_programs" / "rows.dart"
    run = dart.run
    assert differing(cases, lambda f: run(program, config, str(f), str(library)), tmp_path / "cases.json") == []


def test_a_convolution_is_refused_by_name(dart: Dart, cases: list[Case], tmp_path: Path) -> None:
    config = package_config(TEMPLATE, tmp_path / "packages.json")
    (case, *_) = [case for case in cases if case.name.startswith("DEPTHWISE")]
    with pytest.raises(AssertionError) as refused:
        differing([case], lambda f: dart.run(HERE / "dart_programs" / "rows.dart", config, str(f)), tmp_path / "c.json")
    assert "the Dart runtime has no operator 17, it runs dense models only" in str(refused.value)


def test_libraries_for_phones(library: Path) -> None:
    """Those with traps: Android wants pages of 16 KB, Windows must find what it calls."""
    android = build_library("android-arm64")
    assert android[:4] == b"\x7fELF" and android[18] == 183
    offset, size, count = (int.from_bytes(android[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
    headers = [android[offset + i * size : offset + (i + 1) * size] for i in range(count)]
    loads = [int.from_bytes(h[48:56], "little") for h in headers if int.from_bytes(h[:4], "little") == 1]
    assert loads and all(align % 16384 == 0 for align in loads)
    assert len(android) < 100_000
    assert b"ek_run" in android and b"ek_check" in android
    windows = build_library("windows-x64")
    assert windows[:2] == b"MZ" and b"KERNEL32" not in windows.upper()


def test_the_build_hook_looks_for_what_is_built() -> None:
    """native/OS-ARCHITECTURE/FILE, the file as Dart's OS.dylibFileName names it."""
    ending = {"android": "so", "linux": "so", "ios": "dylib", "macos": "dylib", "windows": "dll"}
    for platform, made in LIBRARIES.items():
        system = platform.split("-")[0]
        prefix = "" if system == "windows" else "lib"
        assert made.file == f"{prefix}edgekit.{ending[system]}"
