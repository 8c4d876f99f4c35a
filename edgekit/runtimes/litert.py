"""The TFLite interpreter, default resolver and XNNPACK: the oracle that every exact target is held to."""

from __future__ import annotations

import importlib.metadata
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import InputError, missing_extra
from edgekit.progress import Progress, silent

try:
    from ai_edge_litert.interpreter import Interpreter as _Interpreter

    _PACKAGE = "ai-edge-litert"
except ImportError:
    try:
        from tflite_runtime.interpreter import Interpreter as _Interpreter

        _PACKAGE = "tflite-runtime"
    except ImportError:
        _Interpreter = None
        _PACKAGE = ""

Rows = npt.NDArray[np.float32]
#: Gets the index of a tensor and its value for one row.
Observer = Callable[[int, npt.NDArray[Any]], None]


def version() -> str:
    """Return the package and version of the interpreter, such as "ai-edge-litert 2.3.0"."""
    if _Interpreter is None:
        raise missing_extra("running a TFLite model", "run")
    return f"{_PACKAGE} {importlib.metadata.version(_PACKAGE)}"


class Interpreter:
    """A .tflite model with float32 inputs and outputs, run row by row."""

    def __init__(self, model: bytes, *, observe: bool = False, threads: int = 1) -> None:
        """Load a model; `observe` keeps the value of every tensor for `run`'s observer."""
        if _Interpreter is None:
            raise missing_extra("running a TFLite model", "run")
        try:
            with _quiet():
                self._interpreter = _Interpreter(
                    model_content=model, num_threads=threads, experimental_preserve_all_tensors=observe
                )
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1][:200]
            raise InputError(f"the TFLite interpreter does not take this model: {reason}") from None
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()

    @property
    def inputs(self) -> int:
        """How many numbers a row has."""
        return sum(int(np.prod(d["shape"])) for d in self._inputs)

    def run(
        self,
        rows: Rows,
        observer: Observer | None = None,
        tensors: tuple[int, ...] = (),
        progress: Progress = silent,
    ) -> Rows:
        """Answer each row of float32 [rows, all inputs flattened] with [rows, all outputs flattened]."""
        answers = np.empty((len(rows), sum(int(np.prod(d["shape"])) for d in self._outputs)), np.float32)
        for r, row in enumerate(np.ascontiguousarray(rows, np.float32)):
            start = 0
            for detail in self._inputs:
                stop = start + int(np.prod(detail["shape"]))
                self._interpreter.set_tensor(detail["index"], row[start:stop].reshape(detail["shape"]))
                start = stop
            self._interpreter.invoke()
            outputs = [self._interpreter.get_tensor(d["index"]).reshape(-1) for d in self._outputs]
            answers[r] = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
            if observer is not None:
                for index in tensors:
                    observer(index, self._interpreter.get_tensor(index))
            progress("running rows", r + 1, len(rows))
        return answers


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the interpreter's own notes (delegate created, debugging mode) off the user's terminal."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
