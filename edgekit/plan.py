"""plan.bin: the steps that the engine runs. The operators and their fields come from wasm/kernels/registry.inc."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from edgekit.assets import asset

MAGIC = 0x31504B45  # "EKP1"
ABI_VERSION = 2
CONSTANT = 0x80000000  # a value in the weights, not in the arena

Word = int | float


@dataclass(frozen=True)
class Operator:
    """A row of the registry: its code and its fields (kind V, O, I or F, and name) in order.

    `dense`: the engine for models of dense layers has it too.
    """

    code: int
    name: str
    fields: tuple[tuple[str, str], ...]
    dense: bool = False


@dataclass(frozen=True)
class Step:
    """An operator with a word for each field; V and O fields hold final offsets."""

    operator: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Plan:
    """All that plan.bin says; ports are (arena offset, float32 elements) of each input and output."""

    arena_bytes: int
    weights_bytes: int
    inputs: tuple[tuple[int, int], ...]
    outputs: tuple[tuple[int, int], ...]
    steps: tuple[Step, ...]


@cache
def operators() -> Mapping[str, Operator]:
    """Read the registry."""
    text = asset("wasm/kernels/registry.inc").read_text(encoding="utf-8")
    found = {}
    for part, dense in zip(text.split("#ifndef EK_DENSE_ONLY"), (True, False), strict=True):
        for code, name, fields in re.findall(r"^EK_OP\((\d+), (\w+), (.*)\)$", part, re.MULTILINE):
            found[name] = Operator(int(code), name, tuple(re.findall(r"([VOIF])\((\w+)\)", fields)), dense)
    return found


def engine_file(plan: Plan, build: str) -> str:
    """Return the asset of the smallest engine that has every operator of a plan."""
    dense = all(operators()[step.operator].dense for step in plan.steps)
    return f"wasm/dist/engine-{'dense-' if dense else ''}{build}.wasm"


def encode(plan: Plan) -> bytes:
    """Return the bytes of plan.bin."""
    counts = (len(plan.inputs), len(plan.outputs), len(plan.steps), 0)
    out = [struct.pack("<8I", MAGIC, ABI_VERSION, plan.arena_bytes, plan.weights_bytes, *counts)]
    out += [struct.pack("<2I", *port) for port in (*plan.inputs, *plan.outputs)]
    for step in plan.steps:
        operator = operators()[step.operator]
        out.append(struct.pack("<2I", operator.code, len(operator.fields)))
        out += [_word(kind, word) for (kind, _), word in zip(operator.fields, step.words, strict=True)]
    return b"".join(out)


def decode(raw: bytes) -> Plan:
    """Read plan.bin back; the inverse of `encode` for plans that it wrote."""
    magic, version, arena, weights, n_in, n_out, n_steps, _ = struct.unpack_from("<8I", raw)
    if (magic, version) != (MAGIC, ABI_VERSION):
        raise ValueError("not a plan of this version")
    at = 32
    ports = [struct.unpack_from("<2I", raw, at + 8 * i) for i in range(n_in + n_out)]
    at += 8 * len(ports)
    by_code = {o.code: o for o in operators().values()}
    steps = []
    for _ in range(n_steps):
        code, size = struct.unpack_from("<2I", raw, at)
        operator = by_code[code]
        kinds = "".join({"V": "I", "O": "I", "I": "i", "F": "f"}[kind] for kind, _ in operator.fields)
        steps.append(Step(operator.name, struct.unpack_from(f"<{kinds}", raw, at + 8)))
        at += 8 + 4 * size
    return Plan(arena, weights, _ports(ports[:n_in]), _ports(ports[n_in:]), tuple(steps))


def _ports(ports: Sequence[tuple[int, ...]]) -> tuple[tuple[int, int], ...]:
    return tuple((offset, count) for offset, count in ports)


def _word(kind: str, word: Word) -> bytes:
    if kind == "F":
        return struct.pack("<f", word)
    return struct.pack("<i" if kind == "I" else "<I", word)
