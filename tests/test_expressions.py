"""Conditions of slices: what they mean, and that nothing else can be said in them."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import InputError
from edgekit.expressions import MAX_LENGTH, evaluate, names

COLUMNS = {
    "age": np.array([50.0, 61, 70]),
    "sex": np.array([1.0, 1, 0]),
    "blood sugar": np.array([80.0, 90, 100]),
    "region": np.array(["north", "south", "south"]),
}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("age > 60", [0, 1, 1]),
        ("age > 60 and sex == 1", [0, 1, 0]),
        ('age < 55 or region == "south"', [1, 1, 1]),
        ("not (age > 60) or sex == 0", [1, 0, 1]),
        ("age > 55 or age < 52 and sex == 0", [0, 1, 1]),  # `and` binds tighter
        ("age / 2 + 1 >= 31", [0, 1, 1]),
        ("2 + 3 * 10 < age - 20", [0, 1, 1]),
        ("-age < -55", [0, 1, 1]),
        ("`blood sugar` != 9e1", [1, 0, 1]),
        ("not not age > 60", [0, 1, 1]),
        ("age / sex > 55", [0, 1, 1]),  # by zero is infinite, no error
        ("1 < 2", [1, 1, 1]),
    ],
)
def test_a_condition_chooses_rows(text: str, rows: list[int]) -> None:
    assert evaluate(text, COLUMNS, "here").astype(int).tolist() == rows


EXAMPLE = "; write one such as age > 60 and sex == 1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("age", f" is a number, not a condition{EXAMPLE}"),
        ("age >", f" ends too early{EXAMPLE}"),
        ('__import__("os")', f" names the column '__import__', which is not there{EXAMPLE}"),
        ('age > "x"', f" compares text with numbers{EXAMPLE}"),
        ("region == 1", f" compares text with numbers{EXAMPLE}"),
        ("region + 1 > 2", f" compares text with numbers{EXAMPLE}"),
        ("(age > 1", f" lacks a closing bracket{EXAMPLE}"),
        ("age > 1 2", f" has '2' too much{EXAMPLE}"),
        ("age and sex", f" joins numbers with and, or, not{EXAMPLE}"),
        ("age.__class__ == 1", " cannot be read from '.__class__ == 1' on"),
        ("age > 1; sex", " cannot be read from '; sex' on"),
        ("> 1", f" has '>' where a value belongs{EXAMPLE}"),
        ("(" * 60 + "age > 1" + ")" * 60, f" is nested too deep{EXAMPLE}"),
        ("-" * 60 + "age > 1", f" is nested too deep{EXAMPLE}"),
        ("not " * 60 + "age > 1", f" is nested too deep{EXAMPLE}"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(text, COLUMNS, "slice a")
    assert str(caught.value) == f"slice a: the condition {text!r}{why}"


def test_a_long_condition_is_refused() -> None:
    with pytest.raises(
        InputError, match=rf"^here: the condition is longer than {MAX_LENGTH} characters; write several"
    ):
        evaluate("1 + " * 1000, COLUMNS, "here")


def test_the_columns_of_a_condition_are_known_before_it_is_asked() -> None:
    assert names('age > 60 and not `blood sugar` == 1 or region == "x"', "here") == ["age", "blood sugar", "region"]
