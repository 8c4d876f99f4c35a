"""Predict rows with the Python package of a model; `edgekit verify` runs this in CPython and in Pyodide.

python answer.py WHEEL PACKAGE FOLDER: reads {"inputs": [[...], ...]} from stdin, prints {"outputs", "engine"}. FOLDER
holds the shards of a model whose weights are not in its wheel.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def answer(model: Any, question: str) -> str:
    """Return what the model's module answers to flat rows, as JSON (which keeps -0.0), and which engine ran."""
    outputs = [model.predict_array(row) for row in json.loads(question)["inputs"]]
    return json.dumps({"outputs": outputs, "engine": model.describe().partition(": ")[2]})


def main(wheel: str, package: str, folder: str) -> None:
    """Answer the rows of stdin; what goes wrong is one line of stderr."""
    sys.path.insert(0, wheel)
    model = importlib.import_module(package)
    try:
        model.load_now(folder)
        print(answer(model, sys.stdin.read()))
    except (model.InputError, model.ModelError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
