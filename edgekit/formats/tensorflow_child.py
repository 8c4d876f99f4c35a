"""Run a large library in a process of its own: its noise, its crashes and its memory stay out of the caller.

It is TensorFlow for most workers. `run` is the caller's side; `main` is the child's, which imports a worker module and
calls its `handle` for each request.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.errors import EdgekitError, InputError, NotAvailable

Answer = Mapping[str, Any] | EdgekitError

#: The child neither sees the caller's folder as a place of modules nor loses the way to this package.
_BOOTSTRAP = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; sys.path.append(sys.argv[1]); "
    "from edgekit.formats.tensorflow_child import main; main(*sys.argv[2:])"
)
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # a GPU rounds differently
    "KERAS_BACKEND": "tensorflow",
    "PYTHONHASHSEED": "0",  # the same order of sets in every run, so the same bytes
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # kernels that round differently from one CPU to the next
}
_REASON_LENGTH = 300
#: What a worker runs, and the extra that brings it, where that is not TensorFlow of [convert].
_LIBRARIES: Mapping[str, tuple[str, str]] = {
    "edgekit.formats.ort_worker": ("ONNX Runtime", "onnx"),
    "edgekit.formats.ort_config_worker": ("ONNX Runtime", "onnx"),
    "edgekit.formats.onnx_worker": ("the package onnx", "onnx"),
}


def run(worker: str, requests: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """Answer requests in a child process; one that fails is answered with the error to raise.

    Each request has a "name", with which messages about it begin. A request that kills the child costs
    that request; the others go to a new child.
    """
    answers: list[Answer] = []
    while len(answers) < len(requests):
        pending = requests[len(answers) :]
        status, lines = _spawn(worker, pending)
        answers += [_read(line) for line in lines]
        if len(lines) < len(pending):
            answers.append(_crash(str(pending[len(lines)]["name"]), status, _library(worker)[0]))
    return answers


def main(worker: str, requests: str, answers: str) -> None:
    """Answer the requests of a file, one line of JSON for each, written as soon as it is known."""
    with open(answers, "w", encoding="utf-8") as out:
        try:
            handle = importlib.import_module(worker).handle
        except Exception as error:  # whatever a broken installation raises, it is said in one line
            handle = _unusable(error, *_library(worker))
        for request in json.loads(Path(requests).read_text(encoding="utf-8")):
            out.write(json.dumps(_answer(handle, request)) + "\n")
            out.flush()


def reason(error: BaseException) -> str:
    """Return the line of an exception that says most, cut to a readable length."""
    said = error.args[0] if isinstance(error, KeyError) and error.args else error  # a KeyError quotes its text
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(said))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Exception encountered when calling")]
    line = lines[0] if lines else type(error).__name__
    return line if len(line) <= _REASON_LENGTH else line[: _REASON_LENGTH - 3] + "..."


def _spawn(worker: str, requests: Sequence[Mapping[str, Any]]) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        asked, answered = Path(folder, "requests.json"), Path(folder, "answers.jsonl")
        asked.write_text(json.dumps(list(requests)), encoding="utf-8")
        package = str(Path(__file__).resolve().parents[2])
        done = subprocess.run(
            [sys.executable, "-c", _BOOTSTRAP, package, worker, str(asked), str(answered)],
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        text = answered.read_text(encoding="utf-8") if answered.exists() else ""
    # A line without its end was being written when the child died.
    return done.returncode, [line for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _answer(handle: Any, request: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return {"ok": handle(request)}
    except InputError as error:
        return {"input": str(error)}
    except NotAvailable as error:
        return {"missing": str(error)}
    except Exception as error:  # the libraries raise anything for a bad model; the user reads one line of it
        return {"input": f"{request['name']}: cannot be converted: {reason(error)}"}


def _library(worker: str) -> tuple[str, str]:
    return _LIBRARIES.get(worker, ("TensorFlow", "convert"))


def _unusable(error: Exception, library: str, extra: str) -> Any:
    text = f"{library} does not start here ({reason(error)}); install it anew: pip install 'edgekit[{extra}]'"

    def handle(_request: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotAvailable(text)

    return handle


def _read(line: str) -> Answer:
    answer = json.loads(line)
    if "input" in answer:
        return InputError(answer["input"])
    if "missing" in answer:
        return NotAvailable(answer["missing"])
    return dict(answer["ok"])


def _crash(name: str, status: int, library: str) -> InputError:
    how = f"exit code {status}"
    if status < 0:
        try:
            how = signal.Signals(-status).name
        except ValueError:
            how = f"signal {-status}"
    return InputError(
        f"{name}: {library} crashed on it ({how}); the file is damaged, hostile or too large for this machine"
    )
