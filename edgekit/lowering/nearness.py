"""How near the engine's float32 operators come to the interpreter where no kernel can equal it.

XNNPACK sums in an order of its own and fuses multiplications where the processor can; its exponentials are its own,
and other on each processor. So their bits are nobody's specification. Each bound is declared here, once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from edgekit.graph import Graph, Op

UNIT = 2.0**-24  # half of the last place of 1.0 in float32


@dataclass(frozen=True)
class Near:
    """|engine - interpreter| <= `units` * 2^-24 * what `of` says, for each answer; `per_input`: times inputs + 1.

    x is the operator's input, y the interpreter's answer, w and b a layer's weights and bias.
    """

    units: int
    of: str
    per_input: bool = False


#: Two sums of n products in any order, fused or not, differ by at most 2 (n + 1) 2^-24 of the sum of magnitudes
#: (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). The others are twice what was measured, or
#: more, and what is not by the engine is by the interpreter: it rounds x log2 e to float32 before its exponentials.
NEAR: Mapping[str, Near] = {
    "FULLY_CONNECTED": Near(2, "|b| + sum |w x|", per_input=True),
    "LOGISTIC": Near(8, "|y|"),
    "TANH": Near(8, "|y|"),
    "SOFTMAX": Near(8, "(1 + max x - min x) |y|"),
    "EXP": Near(4, "(1 + |x|) |y|"),
    "LOG": Near(8, "1 + |y|"),
    "SQRT": Near(4, "|y|"),
    "RSQRT": Near(4, "|y|"),
    "ELU": Near(8, "|y|"),
    "GELU": Near(8, "|x|"),
    "HARD_SWISH": Near(4, "|x|"),
}

#: What is allowed at the outputs, as a part of their span, by what the near values are rounded to on their way there.
#: A value that moves over the edge between two steps moves a whole step, and layers behind it pass that on.
SPAN = {"float32": 1e-5, "int16": 1e-3, "int8": 0.02}


def span_part(graph: Graph, near: Collection[Op]) -> float | None:
    """Return how far outputs may be from the interpreter's, as a part of their span; None where all is exact."""
    if not near:
        return None
    moved = {i for op in near for i in op.outputs}
    rounded = {"float32"}
    for op in graph.ops:
        if set(op.inputs) & moved:
            moved |= set(op.outputs)
            rounded |= {graph.tensors[i].dtype for i in op.outputs} & SPAN.keys()
    return max(SPAN[dtype] for dtype in rounded)
