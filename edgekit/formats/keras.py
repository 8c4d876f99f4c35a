"""Keras files and SavedModels into a float32 TFLite file and a frozen graph; TensorFlow runs in a child process."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import EdgekitError, InputError, missing_extra
from edgekit.formats.keras_files import check_archive, check_hdf5, check_saved_model
from edgekit.formats.tensorflow_child import Answer, run
from edgekit.manifest import Signature
from edgekit.plain import read

#: The kinds of file, with the check that needs no TensorFlow.
_CHECKS: Mapping[str, Callable[[Path], None]] = {
    "keras": check_archive,
    "h5": check_hdf5,
    "saved_model": check_saved_model,
}
_ENDINGS = {".keras": "keras", ".h5": "h5", ".hdf5": "h5"}
#: In the folder `Converted.saved_model`: the graph, and which operators it has (JSON: operator -> first layer).
GRAPH, OPERATORS = "graph.pb", "operators.json"


@dataclass(frozen=True)
class Converted:
    """A converted model; inputs and outputs are in the order of the TFLite file's.

    `saved_model` is a folder with a frozen TensorFlow graph of batch 1, whose placeholders are called
    `input_node(i)` and whose results `output_node(i)`; None for what TensorFlow did not read.
    """

    tflite: Path
    saved_model: Path | None
    inputs: tuple[Signature, ...]
    outputs: tuple[Signature, ...]
    tools: Mapping[str, str]


def input_node(index: int) -> str:
    """Return the frozen graph's name of an input."""
    return f"input_{index}"


def output_node(index: int) -> str:
    """Return the frozen graph's name of an output."""
    return f"output_{index}"


def convert(path: Path, work: Path) -> Converted:
    """Convert a .keras or .h5 file or a SavedModel folder, writing into the folder `work`.

    Raises InputError for a file that cannot be taken, NotAvailable without TensorFlow.
    """
    (result,) = convert_all([path], work)
    if isinstance(result, EdgekitError):
        raise result
    return result


def convert_all(paths: Sequence[Path], work: Path) -> list[Converted | EdgekitError]:
    """Convert several models in one child process, each into its own folder of `work`."""
    paths = [path if path.name else path.absolute() for path in paths]  # "." has no name to begin a message with
    results: list[Converted | EdgekitError | None] = [_refusal(path) for path in paths]
    good = [i for i, refused in enumerate(results) if refused is None]
    if good and importlib.util.find_spec("tensorflow") is None:
        raise missing_extra(f"reading {paths[good[0]].name}", "convert")
    folders = {i: _folder(work, i) for i in good}
    requests = [
        {"name": paths[i].name, "kind": _kind(paths[i]), "path": str(paths[i].resolve()), "work": str(folders[i])}
        for i in good
    ]
    for i, answer in zip(good, run("edgekit.formats.keras_worker", requests), strict=True):
        results[i] = _converted(folders[i], answer)
    return [result for result in results if result is not None]


def _refusal(path: Path) -> EdgekitError | None:
    try:
        if not path.exists():
            raise InputError(f"{path.name}: there is no such file; check the path")
        _CHECKS[_kind(path)](path)
    except EdgekitError as error:
        return error
    except OSError as error:
        return InputError(f"{path.name}: cannot be read: {error.strerror}")
    return None


def _kind(path: Path) -> str:
    if path.is_dir():
        return "saved_model"
    kind = _ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path.name}: is not a known kind of model; give .keras, .h5, .tflite or a SavedModel folder")
    return kind


def _folder(work: Path, index: int) -> Path:
    folder = work.resolve() / f"model-{index}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _converted(folder: Path, answer: Answer) -> Converted | EdgekitError:
    if isinstance(answer, EdgekitError):
        return answer
    return Converted(
        tflite=folder / "model.tflite",
        saved_model=folder / "frozen",
        inputs=tuple(read(Signature, s, "input") for s in answer["inputs"]),
        outputs=tuple(read(Signature, s, "output") for s in answer["outputs"]),
        tools=dict(answer["tools"]),
    )
