"""Dart source as the official formatter writes it (80 columns): the few shapes that generated code is made of."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 80


@dataclass(frozen=True)
class Call:
    """Parts between a head and a tail: `f(` a, b `)`, `[` a, b `]`, a parameter list."""

    head: str
    parts: tuple[Node, ...]
    tail: str


@dataclass(frozen=True)
class Pair:
    """A head and what belongs to it, on the next line where both do not fit on one: `name:` value, `x =` value."""

    head: str
    value: Node


@dataclass(frozen=True)
class Either:
    """`left` operator `right`, as in `a ?? b`."""

    left: str
    operator: str
    right: str


Node = str | Call | Pair | Either


def render(node: Node, indent: int = 0, after: str = "") -> str:
    """Return the lines of a node at an indent; `after` is what follows on its last line, such as `;`."""
    return " " * indent + _at(node, indent, after, indent)


def fits(line: str) -> bool:
    """Tell whether the formatter leaves a line as long as it is."""
    return _units(line) <= WIDTH


def literal(text: str) -> str:
    """Return a Dart string that reads as the text, with nothing in it that an editor would hide."""
    return "'" + "".join(_character(c) for c in text) + "'"


def number(value: float) -> str:
    """Return a Dart double of exactly this value."""
    return repr(float(value))


def doc(text: str, indent: int = 0) -> str:
    """Return documentation comment lines; whatever could end or hide a line is a space."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    prefix = " " * indent + "/// "
    lines = textwrap.wrap(" ".join(shown.split()), WIDTH - len(prefix), break_long_words=False)
    return "".join(f"{prefix}{line}\n" for line in lines)


def _character(c: str) -> str:
    if c in "\\'$":
        return "\\" + c
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(c)
    if short:
        return short
    # Beside what is not printable: marks that join the quote before them, which an editor may draw over it.
    hidden = not c.isprintable() or unicodedata.category(c) in ("Mn", "Me", "Cf", "Cs", "Co")
    return f"\\u{{{ord(c):x}}}" if hidden else c


def _units(text: str) -> int:
    """Count as the formatter does: UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _flat(node: Node) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, Pair):
        return f"{node.head} {_flat(node.value)}"
    if isinstance(node, Either):
        return f"{node.left} {node.operator} {node.right}"
    return node.head + ", ".join(_flat(part) for part in node.parts) + node.tail


def _at(node: Node, column: int, after: str, indent: int) -> str:
    """Return a node's text from `column` on; its further lines hang from `indent`."""
    flat = _flat(node)
    if column + _units(flat + after) <= WIDTH and "\n" not in flat:
        return flat + after
    if isinstance(node, Pair):
        return _pair(node, column, after, indent)
    if isinstance(node, Either):
        return f"{node.left} {node.operator}\n{' ' * indent}{node.right}{after}"
    if isinstance(node, str) or not node.parts:
        return flat + after
    inner = "".join(f"{' ' * (indent + 2)}{_at(part, indent + 2, ',', indent + 2)}\n" for part in node.parts)
    return f"{node.head}\n{inner}{' ' * indent}{node.tail}{after}"


def _pair(node: Pair, column: int, after: str, indent: int) -> str:
    if isinstance(node.value, Call):  # a list or a call opens on the line of its name
        return f"{node.head} {_at(node.value, column + _units(node.head) + 1, after, indent)}"
    return f"{node.head}\n{' ' * (indent + 4)}{_at(node.value, indent + 4, after, indent + 4)}"


def strings(text: str, indent: int) -> Sequence[str]:
    """Cut a long ASCII text into adjacent string literals that fit their lines."""
    room = WIDTH - indent - 3
    return [f"'{text[at : at + room]}'" for at in range(0, len(text), room)] or ["''"]
