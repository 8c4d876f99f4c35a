"""What the lowering of one operator sees and makes: steps over values, and constants among the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.arena import ALIGNMENT, Lifetime, aligned, place
from edgekit.graph import Array, Graph, Op, Tensor
from edgekit.lowering.nearness import NEAR
from edgekit.plan import CONSTANT, Plan, Step, Word, operators


class Refused(Exception):
    """The engine has no exact kernel for an operator as it is used here; the text says why."""


@dataclass(frozen=True)
class Value:
    """An intermediate value: a tensor of the graph, or scratch memory of one step (a negative number)."""

    number: int


@dataclass(frozen=True)
class Constant:
    """Bytes among the weights."""

    offset: int


Field = Word | Value | Constant


class Context:
    """Collects the steps of a graph; `finish` gives every value its place."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = list(graph.tensors)
        self.steps: list[tuple[str, dict[str, Field]]] = []
        self.nears: list[Op] = []  # see lowering/nearness.py
        self.chunks: list[tuple[int, bytes]] = []  # (first step that needs it, bytes padded to 16)
        self._offsets: dict[bytes, int] = {}
        self._weights_bytes = 0
        self._aliases: dict[int, int] = {}
        self._scratch: list[int] = []

    def tensor(self, index: int) -> Tensor:
        return self.tensors[index]

    def add(self, tensor: Tensor) -> int:
        """Add a tensor that the graph does not have, for an operator that is lowered to others."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def step(self, operator: str, **fields: Field) -> None:
        """Append a step; its fields are checked against the registry."""
        wanted = [name for _, name in operators()[operator].fields]
        assert sorted(fields) == sorted(wanted), (operator, sorted(fields), sorted(wanted))
        self.steps.append((operator, fields))

    def near(self, op: Op) -> None:
        """Note that the engine's answers to an operator are near the interpreter's, not equal to them."""
        assert op.kind in NEAR, f"declare a bound for {op.kind} in lowering/nearness.py"
        self.nears.append(op)

    def value(self, index: int) -> Value | Constant:
        """Return where an operator finds a tensor: in the arena, or among the weights where it is constant."""
        data = self.tensor(index).data
        return Value(self._root(index)) if data is None else self.constant(data)

    def output(self, op: Op, number: int = 0) -> Value:
        return Value(self._root(op.outputs[number]))

    def constant(self, data: Array) -> Constant:
        """Put bytes among the weights; equal bytes are stored once."""
        raw = np.ascontiguousarray(data).tobytes()
        raw += bytes(aligned(len(raw)) - len(raw))
        if raw not in self._offsets:
            self._offsets[raw] = self._weights_bytes
            self._weights_bytes += len(raw)
            self.chunks.append((len(self.steps), raw))
        return Constant(self._offsets[raw])

    def alias(self, index: int, of: int) -> None:
        """Let a tensor be the same bytes as another (a reshape)."""
        if self.tensor(of).data is not None:
            raise Refused("its input is constant")
        self._aliases[index] = of

    def scratch(self, size: int) -> Value:
        """Return memory that lives from the first to the last step that names it."""
        self._scratch.append(size)
        return Value(-len(self._scratch))

    def finish(self) -> Plan:
        """Place every value in the arena and return the plan."""
        last_step = len(self.steps)
        lifetimes: dict[int, Lifetime] = {}
        for index in self.graph.inputs:
            self._live(lifetimes, self._root(index), 0)
        for number, (_, fields) in enumerate(self.steps):
            for field in fields.values():
                if isinstance(field, Value):
                    self._live(lifetimes, field.number, number)
        for index in self.graph.outputs:
            self._live(lifetimes, self._root(index), last_step)
        offsets, arena_bytes = place(list(lifetimes.values()))
        at = dict(zip(lifetimes, offsets, strict=True))
        steps = tuple(Step(name, self._words(name, fields, at)) for name, fields in self.steps)
        inputs = tuple((at[self._root(i)], self.tensor(i).elements) for i in self.graph.inputs)
        outputs = tuple((at[self._root(i)], self.tensor(i).elements) for i in self.graph.outputs)
        return Plan(max(arena_bytes, ALIGNMENT), self._weights_bytes, inputs, outputs, steps)

    def _words(self, name: str, fields: dict[str, Field], at: dict[int, int]) -> tuple[Word, ...]:
        words: list[Word] = []
        for _, field in operators()[name].fields:
            value = fields[field]
            if isinstance(value, Value):
                words.append(at[value.number])
            else:
                words.append(value.offset | CONSTANT if isinstance(value, Constant) else value)
        return tuple(words)

    def _live(self, lifetimes: dict[int, Lifetime], number: int, step: int) -> None:
        size = self._scratch[-number - 1] if number < 0 else self.tensor(number).bytes
        known = lifetimes.get(number, Lifetime(size, step, step))
        lifetimes[number] = Lifetime(size, min(known.first, step), max(known.last, step))

    def _root(self, index: int) -> int:
        while index in self._aliases:
            index = self._aliases[index]
        return index
