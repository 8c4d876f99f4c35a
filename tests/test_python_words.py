"""The Python package checks a row, and speaks of it, as the page does: the same rows through both."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from python_models import module

ROOT = Path(__file__).parent.parent
INPUTS = [{"name": "x", "shape": [1, 2]}, {"name": "y", "shape": [2, 1]}]
FEATURES = [
    {"name": "age", "unit": "years", "kind": "integer", "input": "x", "index": 0, "range": [19, 79]},
    {
        "name": "sex",
        "unit": "",
        "kind": "category",
        "input": "x",
        "index": 1,
        "range": [1, 2],
        "categories": ["female", "mäle"],
    },
    {"name": "bmi", "unit": "kg/m²", "kind": "number", "input": "y", "index": 1, "range": [0.1, 42.2]},
    {"name": "odd name", "unit": "", "kind": "number", "input": "y", "index": 0, "range": [-1e-7, 1.23456789e22]},
]
GOOD = [50, 1, 20.5, 3e21]
ODD = [
    0.1,
    42.2,
    42.20001,
    -0.0,
    50.5,
    1e39,
    3e-7,
    1e21,
    0,
    3,
    "50",
    "female",
    "mäle",
    "x" * 50,
    None,
    True,
    [1],
    {"a": 1},
    -1e-5,
]
#: Two features of three steps each.
SERIES = [
    {"name": "wind", "unit": "m/s", "kind": "number", "input": "x", "index": 0, "range": [0, 40], "steps": 3},
    {"name": "hour", "unit": "", "kind": "integer", "input": "x", "index": 1, "range": [0, 23], "steps": 3},
]
SERIES_INPUTS = [{"name": "x", "shape": [1, 3, 2]}]
#: The words of JavaScript, and those of Python for the same things.
WORDS = {
    "an object by feature name or an array of": "a dict by feature name or a list of",
    "an array": "a list",
    "an object": "a dict",
    "flat array": "flat list",
    "null": "None",
    "true": "True",
    "outOfRange": "out_of_range",
}
SCRIPT = """
import { Features } from %r;
import { text } from 'node:stream/consumers';
const { inputs, features, rows } = JSON.parse(await text(process.stdin));
const taken = new Features({ inputs, features });
console.log(JSON.stringify(rows.map(([row, policy]) => {
  const out = new Float32Array(taken.count);
  try {
    taken.encode(row, out, policy);
    return [...out];
  } catch ({ field, message }) {
    return { field: field ?? '', message };
  }
})));
"""


def rows_by_chance() -> list[list[Any]]:
    """Rows and policies: good values, odd ones, wrong names."""
    chance = random.Random(0)
    rows: list[list[Any]] = [[value, "reject"] for value in (None, 5, "x", [], [1, 2], {})]
    for _ in range(400):
        values = [value if chance.random() < 0.7 else chance.choice(ODD) for value in GOOD]
        row = dict(zip((f["name"] for f in FEATURES), values, strict=True))
        for name in [n for n in row if chance.random() < 0.04]:
            row[chance.choice(["agee", "SEX", "unlike", "odd nam"])] = row.pop(name)
        policy = chance.choice(["reject", "reject", "clamp", "allow", "ignore"])
        rows.append([values if chance.random() < 0.2 else row, policy])
    return rows


def series_by_chance() -> list[list[Any]]:
    """Rows of series and policies: good steps, odd ones, and what is no series of three."""
    chance = random.Random(1)
    rows: list[list[Any]] = [[{"wind": [1, 2, 3]}, "reject"], [[1, 2, 3], "reject"]]
    for _ in range(200):
        values = [value if chance.random() < 0.85 else chance.choice(ODD) for value in (3.5, 7, 12, 0, 1, 23)]
        named: dict[str, Any] = {"wind": values[:3], "hour": values[3:]}
        if chance.random() < 0.2:
            named["hour"] = chance.choice([5, [], [1, 2], [1, 2, 3, 4], "abc", None])
        policy = chance.choice(["reject", "clamp", "allow"])
        rows.append([values if chance.random() < 0.3 else named, policy])
    return rows


def in_the_page(inputs: list[Any], features: list[Any], rows: list[list[Any]]) -> list[Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("not run: Node is not installed")
    question = json.dumps({"inputs": inputs, "features": features, "rows": rows})
    command = [node, "--input-type=module", "-e", SCRIPT % str(ROOT / "wasm/js/features.js")]
    answers = json.loads(subprocess.run(command, input=question, capture_output=True, text=True, check=True).stdout)
    for answer in answers:
        for theirs, ours in WORDS.items() if isinstance(answer, dict) else ():
            answer["message"] = answer["message"].replace(theirs, ours)
    return answers


def in_python(inputs: list[Any], features: list[Any], rows: list[list[Any]]) -> list[Any]:
    own = module("features")
    taken = own.Features(inputs, features)

    def answer(row: Any, policy: str) -> Any:
        try:
            return np.frombuffer(taken.encode(row, policy), "<f4").tolist()
        except own.InputError as error:
            return {"field": error.field, "message": str(error)}

    return [answer(*row) for row in rows]


@pytest.mark.parametrize(
    ("inputs", "features", "rows", "messages"),
    [
        pytest.param(INPUTS, FEATURES, rows_by_chance(), 60, id="numbers, whole numbers and categories"),
        pytest.param(SERIES_INPUTS, SERIES, series_by_chance(), 30, id="windows of time"),
    ],
)
def test_it_checks_and_says_what_the_page_does(
    inputs: list[Any], features: list[Any], rows: list[list[Any]], messages: int
) -> None:
    answers = in_the_page(inputs, features, rows)
    assert in_python(inputs, features, rows) == answers
    refused = [a["message"] for a in answers if isinstance(a, dict)]
    assert len(rows) / 5 < len(refused) < len(rows)
    assert len(set(refused)) > messages


def test_every_problem_of_a_row_at_once() -> None:
    found = (
        module("features")
        .Features(INPUTS, FEATURES)
        .problems({"age": 150, "bmi": float("nan"), "weight": 3, "odd name": 1})
    )
    assert [(p.field, str(p)) for p in found] == [
        ("weight", '"weight" is not a feature of this model; its features are "age", "sex", "bmi", "odd name"'),
        ("age", '"age" is 150 years, outside the range 19 to 79 years'),
        ("sex", '"sex" is missing: give one of "female", "mäle"'),
        ("bmi", '"bmi" must be a finite number, not nan'),
    ]
