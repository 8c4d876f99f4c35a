"""How much WebAssembly memory the engine takes for a plan: its own, the plan, the weights once, and the arena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.arena import aligned
from edgekit.assets import asset
from edgekit.plan import Plan, encode

PAGE_BYTES = 65536
_MODEL_BYTES = 32  # where wasm/js/wasm.js tells the engine the places of the rest
_GLOBALS, _EXPORTS, _CONST_I32 = 6, 7, 0x41


@dataclass(frozen=True)
class EngineMemory:
    """Bytes; `peak` is the whole memory, in pages of 64 KiB. Predictions do not add to it.

    While a model loads, the browser holds up to four downloaded shards beside it.
    """

    engine: int
    plan: int
    weights: int
    arena: int
    peak: int

    def __str__(self) -> str:
        parts = f"weights {self.weights:,}, arena {self.arena:,}, plan {self.plan:,}, engine {self.engine:,}"
        return f"{self.peak:,} bytes ({parts})"


def engine_memory(plan: Plan, engines: Sequence[bytes] = ()) -> EngineMemory:
    """Lay out the regions as wasm/js/wasm.js does, for the largest of these engines (default: edgekit's own)."""
    builds = engines or [f.read_bytes() for f in asset("wasm/dist").glob("engine-*.wasm")]
    own = max(heap_base(code) for code in builds)
    parts = (len(encode(plan)), plan.weights_bytes, plan.arena_bytes)
    top = aligned(own) + aligned(_MODEL_BYTES) + sum(aligned(part) for part in parts)
    return EngineMemory(own, *parts, aligned(top, PAGE_BYTES))


def heap_base(code: bytes) -> int:
    """Return where an engine's own data and stack end: the i32 constant that it exports as __heap_base.

    Sections and constants as in the WebAssembly core specification, chapter 5. Raises ValueError for other files.
    """
    sections = dict(_sections(code))
    values, at = [], 0
    count, at = _number(sections.get(_GLOBALS, b"\0"), 0)
    for _ in range(count):
        body = sections[_GLOBALS]
        if body[at + 2] != _CONST_I32:
            raise ValueError("a global of the engine is not an i32 constant")
        value, at = _number(body, at + 3)
        values.append(value)
        at += 1  # the end of the expression
    exports = sections.get(_EXPORTS, b"\0")
    name = b"\x0b__heap_base\x03"
    if name not in exports:
        raise ValueError("the engine does not export __heap_base")
    return values[_number(exports, exports.index(name) + len(name))[0]]


def _sections(code: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 8
    while at < len(code):
        size, start = _number(code, at + 1)
        found.append((code[at], code[start : start + size]))
        at = start + size
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read a LEB128 number without a sign: the constants here are addresses. Return it and the place after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
