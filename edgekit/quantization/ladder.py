"""The rungs from the cheapest recipe to the most exact, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgekit.graph import Graph, Op
from edgekit.quantization.passes import epilogue, prologue, split_weights
from edgekit.quantization.rewrite import Types
from edgekit.quantization.rules import RULES


@dataclass(frozen=True)
class Recipe:
    """What a rung does, in words; which operators leave int8; and how the float graph is prepared for it."""

    meaning: str
    wide: str  # none | head | all
    prepare: Callable[[Graph], Graph] = lambda graph: graph


#: In the order of cost.
RUNGS: Mapping[str, Recipe] = {
    "int8": Recipe("int8 weights and activations", "none"),
    "int8+int16-head": Recipe("int8, and the last layer with int16 activations", "head"),
    "int16": Recipe("int8 weights, int16 activations", "all"),
    "int16x2": Recipe("int16 activations, each weight in two int8 parts", "all", split_weights),
}


def types_for(rung: str, graph: Graph) -> Types:
    """Return the element type in which each operator of the float graph computes."""
    early, late = prologue(graph), {id(op) for op in epilogue(graph)}
    heads = {id(op) for op in head_layers(graph)}
    types = {}
    for position, op in enumerate(graph.ops):
        edge = set(op.outputs) <= early or id(op) in late
        wide = RUNGS[rung].wide == "all" or (RUNGS[rung].wide == "head" and id(op) in heads)
        types[position] = "float32" if edge else _type(graph, op, wide)
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


def _type(graph: Graph, op: Op, wide: bool) -> str:
    rule = RULES.get(op.kind)
    if rule is None or op.activation in ("TANH", "SIGN_BIT"):
        return "float32"
    if rule.weights is not None and set(graph.variable_inputs(op)) - {op.inputs[rule.source]}:
        return "float32"
    if any(graph.tensors[i].dtype != "float32" for i in (*graph.variable_inputs(op), *op.outputs)):
        return "float32"
    return rule.wide if wide else "int8"
