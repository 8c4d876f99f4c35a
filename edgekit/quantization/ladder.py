"""The rungs from the cheapest recipe to the most exact, and the types that each gives to the operators."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from edgekit.graph import Graph, Op
from edgekit.quantization.passes import epilogue, prologue, split_weights
from edgekit.quantization.rewrite import Types
from edgekit.quantization.rules import RULES


@dataclass(frozen=True)
class Recipe:
    """What a rung does, in words.

    wide, floats: the layers that leave int8, for the rule's wide type or for float32: none, head, all, or named (as
    few as the budget needs, those that cost the most first). ranges: one of clipping.CHOICES. prepare: of the graph.
    """

    meaning: str
    wide: str = "none"
    floats: str = "none"
    ranges: str = "extremes"
    equalized: bool = False
    tuned: bool = False
    prepare: Callable[[Graph], Graph] | None = None


#: In the order of cost. `auto` climbs those of AUTO.
RUNGS: Mapping[str, Recipe] = {
    "int8": Recipe("int8 weights and activations"),
    "int8+percentile": Recipe("int8, the rarest 0.01 % of activations clamped at each end", ranges="percentile"),
    "int8+mse": Recipe("int8, activations clamped where that loses least", ranges="mse"),
    "int8+ranges": Recipe("int8, the range of each activation chosen by the model's answers", ranges="answers"),
    "int8+equalized": Recipe("int8, the channels between two layers on one range", equalized=True),
    "int8+int16-head": Recipe("int8, and the last layer with int16 activations", "head", ranges="answers"),
    "int8+float-head": Recipe("int8, and the last layer in float32", "none", "head"),
    "int8+int16-layers": Recipe(
        "int8, and int16 activations in the layers that cost the most", "named", ranges="answers"
    ),
    "int16": Recipe("int8 weights, int16 activations wherever there are kernels", "all"),
    "int8+float-layers": Recipe(
        "int8, and float32 in the layers that cost the most", "none", "named", ranges="answers"
    ),
    "int16x2": Recipe("int16 activations, each weight in two int8 parts", "all", prepare=split_weights),
    "int8+tuned": Recipe(
        "int8, the weights tuned on the rows with the float model as the teacher", ranges="answers", tuned=True
    ),
}
AUTO = (
    "int8", "int8+ranges", "int8+int16-head", "int8+int16-layers",
    "int16", "int8+float-layers", "int16x2", "int8+tuned",
)  # fmt: skip
#: Operators that are computed in float32 where what is before or behind them is: with one input that is no constant.
ARITHMETIC = frozenset({"ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "RELU", "RELU6"})
#: The types that a layer can be given by name in `[recipe.layers]`.
LAYER_TYPES = ("int8", "int16", "float32")


@dataclass(frozen=True)
class Block:
    """A layer with weights and the operators behind it that have none: they leave int8 together."""

    name: str
    positions: tuple[int, ...]
    kind: str


def blocks(graph: Graph) -> tuple[Block, ...]:
    """Return the blocks between the float32 edges of the graph, in order."""
    owner: dict[int, int] = {}
    members: list[list[int]] = []
    floats = _floats(graph)
    for position, op in enumerate(graph.ops):
        if position in floats:
            continue
        known = [owner[i] for i in graph.variable_inputs(op) if i in owner]
        if RULES[op.kind].weights is not None or not known:
            members.append([])
            known = [len(members) - 1]
        members[max(known)].append(position)
        owner.update(dict.fromkeys(op.outputs, max(known)))
    return tuple(Block(graph.layer(graph.ops[m[0]]), tuple(m), graph.ops[m[0]].kind) for m in members)


def types_for(
    rung: str,
    graph: Graph,
    named: Collection[str] = (),
    overrides: Mapping[str, str] | None = None,
) -> Types:
    """Return the element type in which each operator of the float graph computes.

    named: the blocks (by name) that a rung with "named" takes out of int8. overrides: patterns of layer names, as the
    shell has them, to LAYER_TYPES; the last that fits wins.
    """
    recipe = RUNGS[rung]
    floats, heads = _floats(graph), {id(op) for op in head_layers(graph)}
    chosen = {p for b in blocks(graph) if b.name in named for p in b.positions}
    types = {}
    for position, op in enumerate(graph.ops):
        inside = {"none": False, "all": True, "head": id(op) in heads, "named": position in chosen}
        edge = position in floats
        wanted = "float32" if edge or inside[recipe.floats] else _type(graph, op, inside[recipe.wide])
        for pattern, asked in (overrides or {}).items():
            if not edge and fnmatchcase(graph.layer(op), pattern):
                wanted = "float32" if asked == "float32" else _type(graph, op, asked == "int16")
        types[position] = wanted
    return types


def head_layers(graph: Graph) -> list[Op]:
    """Return the last layers with weights before the outputs, and what lies between them and the outputs."""
    found: list[Op] = []
    wanted = set(graph.outputs)
    for op in reversed(graph.ops):
        if not set(op.outputs) & wanted:
            continue
        found.append(op)
        if op.kind not in RULES or RULES[op.kind].weights is None:
            wanted |= set(graph.variable_inputs(op))
    return found


def _floats(graph: Graph) -> set[int]:
    """Return the positions that stay in float32 on every rung: the edges, what has no integer kernel, and cheap
    operators beside those, which would be rounded for nothing: log(1 + exp(x)) has its sum in float32."""
    early, late = prologue(graph), {id(op) for op in epilogue(graph)}
    found: set[int] = set()
    for position, op in enumerate(graph.ops):
        if set(op.outputs) <= early or id(op) in late or _type(graph, op, False) == "float32":
            found.add(position)
    inner = {i for p in found for i in graph.ops[p].outputs if i not in early}
    for position, op in enumerate(graph.ops):  # behind one
        if _beside(graph, op) and set(graph.variable_inputs(op)) <= inner:
            found.add(position)
            inner |= set(op.outputs)
    readers: dict[int, list[int]] = {}
    for position, op in enumerate(graph.ops):
        for index in op.inputs:
            readers.setdefault(index, []).append(position)
    for position in reversed(range(len(graph.ops))):  # before one
        op = graph.ops[position]
        behind = readers.get(op.outputs[0], [])
        if _beside(graph, op) and behind and op.outputs[0] not in graph.outputs and set(behind) <= found:
            found |= set() if all(id(graph.ops[b]) in late for b in behind) else {position}
    return found


def _beside(graph: Graph, op: Op) -> bool:
    return op.kind in ARITHMETIC and len(graph.variable_inputs(op)) == 1


def _type(graph: Graph, op: Op, wide: bool) -> str:
    rule = RULES.get(op.kind)
    if rule is None or op.activation in ("TANH", "SIGN_BIT"):
        return "float32"
    if rule.weights is not None and set(graph.variable_inputs(op)) - {op.inputs[rule.source]}:
        return "float32"
    if any(graph.tensors[i].dtype != "float32" for i in (*graph.variable_inputs(op), *op.outputs)):
        return "float32"
    return rule.wide if wide else "int8"
