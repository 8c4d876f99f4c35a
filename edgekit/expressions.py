"""Conditions such as `age > 60 and sex == "group 1"`: a tiny language of its own, never Python's eval.

or      := and ("or" and)*
and     := not ("and" not)*
not     := "not" not | compare
compare := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
sum     := product (("+" | "-") product)*
product := atom (("*" | "/") atom)*
atom    := number | "text" | name | `name with spaces` | "-" atom | "(" or ")"
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import InputError

Column = npt.NDArray[Any]
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<quoted>`[^`]+`)"
    r"|(?P<name>[^\W\d]\w*)|(?P<sign><=|>=|==|!=|[<>()+\-*/]))"
)
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_SUM: Mapping[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub}
_PRODUCT: Mapping[str, Callable[[Any, Any], Any]] = {"*": operator.mul, "/": operator.truediv}
_WORDS = ("and", "or", "not")
MAX_LENGTH, MAX_DEPTH = 1000, 40


def names(text: str, where: str) -> list[str]:
    """Return the columns that a condition names; InputError, which starts with `where`, for one that is none."""
    return [token for kind, token in _tokens(text, where) if kind == "name" and token not in _WORDS]


def evaluate(text: str, columns: Mapping[str, Column], where: str) -> npt.NDArray[np.bool_]:
    """Return which rows fulfil a condition; columns of text compare with text, the others with numbers."""
    parser = _Parser(_tokens(text, where), columns, f"{where}: the condition {text!r}")
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            value = parser.disjunction(0)
    except (TypeError, ValueError, np.exceptions.DTypePromotionError):
        raise parser.error("compares text with numbers") from None
    if parser.tokens:
        raise parser.error(f"has {parser.tokens[0][1]!r} too much")
    found = np.asarray(value)
    if found.dtype != np.bool_:
        raise parser.error("is a number, not a condition")
    rows = len(next(iter(columns.values()))) if columns else 0
    return np.broadcast_to(found, (rows,))


def _tokens(text: str, where: str) -> list[tuple[str, str]]:
    found, at = [], 0
    if len(text) > MAX_LENGTH:
        raise InputError(f"{where}: the condition is longer than {MAX_LENGTH} characters; write several slices")
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise InputError(f"{where}: the condition {text!r} cannot be read from {text[at:].strip()[:20]!r} on")
        kind = str(match.lastgroup)
        token = match[kind]
        if kind in ("text", "quoted"):
            token = token[1:-1]
        found.append(("name" if kind == "quoted" else kind, token))
        at = match.end()
    return found


class _Parser:
    """Recursive descent; each method takes what it can from the front of `tokens`."""

    def __init__(self, tokens: list[tuple[str, str]], columns: Mapping[str, Column], where: str) -> None:
        self.tokens, self.columns, self.where = tokens, columns, where

    def error(self, what: str) -> InputError:
        return InputError(f"{self.where} {what}; write one such as age > 60 and sex == 1")

    def take(self, *wanted: str) -> str:
        """Take the next token if it is one of these signs or words."""
        if self.tokens and self.tokens[0][0] != "text" and self.tokens[0][1] in wanted:
            return self.tokens.pop(0)[1]
        return ""

    def disjunction(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self.error("is nested too deep")
        value = self.conjunction(depth)
        while self.take("or"):
            value = np.logical_or(self.truth(value), self.truth(self.conjunction(depth)))
        return value

    def conjunction(self, depth: int) -> Any:
        value = self.negation(depth)
        while self.take("and"):
            value = np.logical_and(self.truth(value), self.truth(self.negation(depth)))
        return value

    def negation(self, depth: int) -> Any:
        if self.take("not"):
            if depth > MAX_DEPTH:
                raise self.error("is nested too deep")
            return np.logical_not(self.truth(self.negation(depth + 1)))
        return self.comparison(depth)

    def truth(self, value: Any) -> Any:
        if np.asarray(value).dtype != np.bool_:
            raise self.error("joins numbers with and, or, not")
        return value

    def comparison(self, depth: int) -> Any:
        left = self.chain(depth, _SUM)
        sign = self.take(*_COMPARE)
        if not sign:
            return left
        right = self.chain(depth, _SUM)
        if (np.asarray(left).dtype.kind == "U") != (np.asarray(right).dtype.kind == "U"):
            raise self.error("compares text with numbers")
        return _COMPARE[sign](left, right)

    def chain(self, depth: int, signs: Mapping[str, Callable[[Any, Any], Any]]) -> Any:
        value = self.part(depth, signs)
        while sign := self.take(*signs):
            value = signs[sign](value, self.part(depth, signs))
        return value

    def part(self, depth: int, signs: Mapping[str, Callable[[Any, Any], Any]]) -> Any:
        return self.chain(depth, _PRODUCT) if signs is _SUM else self.atom(depth)

    def atom(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self.error("is nested too deep")
        if self.take("-"):
            return -self.atom(depth + 1)
        if self.take("("):
            value = self.disjunction(depth + 1)
            if not self.take(")"):
                raise self.error("lacks a closing bracket")
            return value
        if not self.tokens:
            raise self.error("ends too early")
        kind, token = self.tokens.pop(0)
        if kind == "number":
            return np.float64(token)
        if kind == "text":
            return np.str_(token)
        if kind == "name" and token not in _WORDS:
            if token not in self.columns:
                raise self.error(f"names the column {token!r}, which is not there")
            return self.columns[token]
        raise self.error(f"has {token!r} where a value belongs")
