"""Which build of the engine the Python package takes: by the values that a machine's instructions give."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from python_models import module

from edgekit.targets.wasm import BUILDS

Dot = Callable[[int, int, int], int]


def lanes(value: int, form: str) -> tuple[int, ...]:
    return struct.unpack(f"<4{form}", struct.pack("<I", value & 0xFFFFFFFF))


def unsigned(a: int, b: int, c: int) -> int:
    """x86 with AVX-VNNI."""
    return c + sum(x * y for x, y in zip(lanes(a, "b"), lanes(b, "B"), strict=True))


def saturating(a: int, b: int, c: int) -> int:
    """Older x86: pairs of products are held in 16 bits."""
    products = [x * y for x, y in zip(lanes(a, "b"), lanes(b, "B"), strict=True)]
    return c + sum(min(max(products[i] + products[i + 1], -32768), 32767) for i in (0, 2))


def signed(a: int, b: int, c: int) -> int:
    """ARM, and the deterministic profile."""
    return c + sum(x * y for x, y in zip(lanes(a, "b"), lanes(b, "b"), strict=True))


def forgets(a: int, b: int, c: int) -> int:
    """Node 20's baseline compiler loses the sum."""
    return signed(a, b, 0)


def traps(a: int, b: int, c: int) -> int:
    raise RuntimeError("illegal instruction")


@pytest.mark.parametrize(
    ("dot", "simd", "available", "build"),
    [
        (unsigned, True, BUILDS, "relaxed"),
        (signed, True, BUILDS, "signed"),
        (saturating, True, BUILDS, "simd"),
        (forgets, True, BUILDS, "simd"),
        (traps, True, BUILDS, "simd"),
        (None, True, BUILDS, "simd"),
        (unsigned, False, BUILDS, "scalar"),
        (unsigned, True, ("scalar", "simd"), "simd"),
    ],
)
def test_the_build_is_chosen_by_values(
    dot: Dot | None, simd: bool, available: tuple[str, ...], build: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = module("engine")

    class Machine:
        def __init__(self, code: bytes) -> None:
            self.code = code

        def call(self, _name: str, *given: Any) -> int:
            if self.code == engine.SIMD_MODULE:
                return int(2 * round(given[0]) * given[1]) if simd else 0
            assert dot
            return dot(*given)

    def instance(code: bytes) -> Machine:
        if dot is None and code == engine.RELAXED_MODULE:
            raise engine.ModelError("the engine cannot be compiled here: unknown instruction")
        return Machine(code)

    monkeypatch.setattr(engine, "_instance", instance)
    assert engine.choose_build(available) == build


def test_the_probes_are_those_of_the_page() -> None:
    """The modules of wasm/js/probe.js, byte for byte; here they run in wasmtime."""
    engine = module("engine")
    page = (Path(__file__).parent.parent / "wasm/js/probe.js").read_text(encoding="utf-8")
    arrays = re.findall(r"Uint8Array\.of\((.+?)\n\);", page, re.DOTALL)
    modules = [bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})\b", array)) for array in arrays]
    assert modules == [engine.SIMD_MODULE, engine.RELAXED_MODULE]
    assert engine.choose_build(BUILDS) in ("relaxed", "signed", "simd")
    assert engine.gives(engine.SIMD_MODULE, engine.SIMD_VALUES)
    sums = [(1 << 24, 1 << 24, 7, 8)]
    assert engine.gives(engine.RELAXED_MODULE, sums)
    assert not engine.gives(engine.RELAXED_MODULE, [(1 << 24, 1 << 24, 7, 9)])
