"""Calibration and evaluation data: .npz, .csv, .parquet into one float32 table, checked on the way.

In messages rows and columns count from 1, and a CSV row does not count the header.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit import expressions
from edgekit.config import Config, text_flaw
from edgekit.errors import InputError
from edgekit.formats import npz_read
from edgekit.formats.columns import MAX_BYTES, Column, Float32, cut, listed, missing_column, to_float32
from edgekit.formats.tables import reader_of
from edgekit.formats.thinning import Thinned
from edgekit.manifest import Signature
from edgekit.placement import MAX_NAMED, elements, names_of, place_features, results_of

__all__ = ["Dataset", "load_data", "results_of", "split", "take"]

ENDINGS = (".npz", ".csv", ".parquet")
#: Fewer rows cannot both calibrate and judge a model.
MIN_SPLIT_ROWS = 8
#: Names of the label's column, where edgekit.toml has none.
LABELS = ("y", "target")
_BEGINNINGS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x93NUMPY", "a single .npy array"),
    (b"PAR1", "a .parquet file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x80", "a Python pickle"),
)
_EXPECTED = {".npz": "a zip archive", ".csv": "text", ".parquet": "a .parquet file"}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of a data file.

    inputs: [rows, n], all model inputs concatenated in order, each flattened row-major; labels: [rows, outputs];
    names: of the n numbers, () where there are more than 256 and edgekit.toml names none.
    """

    inputs: Float32
    labels: Float32 | None
    names: tuple[str, ...]
    sha256: str
    path: Path
    label_names: tuple[str, ...] = ()  # the columns of the labels, where the file has columns
    side: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)  # columns that slices and `data.time` name: text

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.inputs.shape[0])


def load_data(path: Path, config: Config, model_inputs: tuple[Signature, ...], outputs: int) -> Dataset:
    """Read a data file for a model with these inputs and this many output numbers; `y` may be absent.

    .npz: arrays x (several inputs: named like each input, or x_<input>), y, features (text: the names), and those that
    `data.time` and slices name, [rows]. Of a window of steps that is the newest step.
    .csv, .parquet: columns as edgekit.toml says, else all columns but the labels, in the file's order.
    Raises InputError, which starts with the file's name.
    """
    try:
        ending = _check_file(path)
        if ending == ".npz":
            data = _from_npz(path, config, model_inputs, outputs)
        else:
            data = _from_table(path, ending, config, model_inputs, outputs)
        if not data.rows:
            raise InputError(f"{path} has no rows; give at least {MIN_SPLIT_ROWS}")
        _check_codes(data, config, model_inputs)
        side = _newest(data, config, model_inputs) | dict(data.side)
        return replace(data, labels=_labels(data, config, outputs), sha256=_sha256(path), side=side)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from None


def split(data: Dataset, seed: int, fraction: float = 0.25) -> tuple[Dataset, Dataset]:
    """Return (calibration, evaluation): the rows shuffled by `seed`, `fraction` of them held out.

    For when there is no file of evaluation rows. Every row is in exactly one part; each part keeps the file's order.
    The same rows and seed give the same split with every version of NumPy (RandomState is frozen).
    """
    if data.rows < MIN_SPLIT_ROWS:
        raise InputError(
            f"{data.path} has {data.rows} rows, but at least {MIN_SPLIT_ROWS} are needed to hold some out; "
            "give more rows, or a file of evaluation rows"
        )
    order = np.random.RandomState(seed).permutation(data.rows)
    held = min(max(1, round(data.rows * fraction)), data.rows - 1)
    return take(data, np.sort(order[held:])), take(data, np.sort(order[:held]))


def _check_file(path: Path) -> str:
    ending = path.suffix.lower()
    if not path.exists():
        raise InputError(f"{path}: there is no such file; check the path of the data")
    if not path.is_file():
        raise InputError(f"{path} is not a file; give a {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]} file")
    if ending not in ENDINGS:
        raise InputError(f"{path} has the unknown ending {ending!r}; known are {', '.join(ENDINGS)}")
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path} is empty; write it again")
    if size > MAX_BYTES and ending == ".npz":
        raise InputError(f"{path} has {size} bytes, the limit is {MAX_BYTES}; give fewer rows, or use .parquet")
    with path.open("rb") as file:
        head = file.read(1024)
    found = next((kind for magic, kind in _BEGINNINGS if head.startswith(magic)), "text")
    if found == "text" and b"\0" in head:
        found = "binary data"
    if found != _EXPECTED[ending]:
        raise InputError(f"{path} is not what its ending says: it looks like {found}; give a real {ending} file")
    return ending


def _from_npz(path: Path, config: Config, model_inputs: tuple[Signature, ...], outputs: int) -> Dataset:
    options = {s.name: _array_names(s.name, len(model_inputs) == 1) for s in model_inputs}
    arrays = npz_read.read(path, {"y", "features"}.union(side_columns(config), *options.values()))
    blocks = []
    for signature in model_inputs:
        there = [name for name in options[signature.name] if name in arrays]
        if len(there) != 1:
            which = f"both {' and '.join(there)}" if there else f"no array {' or '.join(options[signature.name])}"
            raise InputError(f"{path} holds {which} for the input {signature.name}; give exactly one")
        blocks.append(_block(path, there[0], arrays[there[0]], signature.shape[1:]))
        if len(blocks[-1]) != len(blocks[0]):
            raise InputError(
                f"{path}: {there[0]} has {len(blocks[-1])} rows, the first input has {len(blocks[0])}; "
                "give the same rows for all"
            )
    inputs = np.concatenate(blocks, axis=1) if len(blocks) > 1 else blocks[0]
    labels = None
    if "y" in arrays:
        y = arrays["y"]
        one_code = config.task == "classification" and math.prod(y.shape[1:]) == 1
        labels = _block(path, "y", y, (1,) if one_code else (outputs,))
        if len(labels) != len(inputs):
            raise InputError(f"{path}: y has {len(labels)} rows, x has {len(inputs)}; give one label for each row")
    names = _npz_names(path, arrays.get("features"), config, model_inputs)
    return Dataset(inputs, labels, names, "", path, side=_npz_side(path, arrays, config, len(inputs)))


def _npz_side(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], config: Config, rows: int
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays [rows] that slices and `data.time` name, where the file has them."""
    features = {f.column for f in config.features} | {f.name for f in config.features}
    found = {name: arrays[name] for name in side_columns(config) if name in arrays and name not in features}
    for name, array in found.items():
        if array.shape != (rows,) or array.dtype.kind not in "Ufiub":
            raise InputError(
                f"{path}: {name} has the shape {_shape(array.shape)} and holds {_kind(array.dtype)}; "
                f"give {rows} numbers or texts, one for each row"
            )
    return found


def _newest(data: Dataset, config: Config, model_inputs: tuple[Signature, ...]) -> dict[str, npt.NDArray[Any]]:
    """Return the newest step of each feature that has steps, by its name and its column."""
    series = [(i, p.feature) for i, p in enumerate(place_features(config, model_inputs)) if p.is_series and p.is_newest]
    return {key: data.inputs[:, i] for i, f in series for key in (f.name or f.column, f.column)}


def _array_names(name: str, only: bool) -> list[str]:
    plain = [] if name in ("x", "y", "features") else [name]
    return [*(["x"] if only else []), *plain, f"x_{name}"]


def _block(path: Path, name: str, array: npt.NDArray[Any], shape: tuple[int, ...]) -> Float32:
    """Check an array [rows, *shape] (flattened, or without its ones, will do) and flatten it."""
    if array.dtype.names is not None or array.dtype.kind not in "fiub":
        raise InputError(f"{path}: {name} holds {_kind(array.dtype)}, not numbers; convert it to float32")
    elements = math.prod(shape)
    given = array.shape[1:]
    if array.ndim == 0 or ([n for n in given if n != 1] != [n for n in shape if n != 1] and given != (elements,)):
        raise InputError(
            f"{path}: {name} has the shape {_shape(array.shape)}, the model needs {_shape(('rows', *shape))}; "
            "reshape it, or check that the data belongs to the model"
        )
    # -1 cannot be used: an array without rows has no elements to divide.
    flat = array.reshape(array.shape[0], elements)
    return to_float32(str(path), flat, lambda row, column: f"{name}, row {row + 1}, column {column + 1}")


def _npz_names(
    path: Path, array: npt.NDArray[Any] | None, config: Config, model_inputs: tuple[Signature, ...]
) -> tuple[str, ...]:
    names = names_of(config, model_inputs)
    if array is None:
        return names
    count = sum(map(elements, model_inputs))
    if array.dtype.kind not in "US" or array.shape != (count,):
        raise InputError(
            f"{path}: features has the shape {_shape(array.shape)} and holds {_kind(array.dtype)}; "
            f"it must hold {count} names, or be left out"
        )
    try:
        given = tuple(n.decode() if isinstance(n, bytes) else n for n in array.tolist())
    except (ValueError, SystemError):  # bytes that are not UTF-8; CPython's answer to a number that is no character
        raise InputError(f"{path}: features holds a name that is not text; write the names again") from None
    for i, item in enumerate(place_features(config, model_inputs)):
        if given[i] != item.feature.column:
            raise InputError(
                f"{path}: features names {cut(given[i])} as number {i + 1}, edgekit.toml has the column "
                f"{cut(item.feature.column)} there; bring both into the model's order"
            )
    if config.features:
        return names
    _check_names(path, given)
    return given if count <= MAX_NAMED else ()


def _from_table(path: Path, ending: str, config: Config, model_inputs: tuple[Signature, ...], outputs: int) -> Dataset:
    chosen: list[tuple[Column, ...]] = []

    def choose(header: tuple[str, ...]) -> tuple[Column, ...]:
        labels = _label_columns(path, header, config)
        chosen.extend([_feature_columns(path, header, config, model_inputs, labels), tuple(map(Column, labels))])
        return chosen[0] + chosen[1]

    module = reader_of(ending)
    values = module.read(path, choose, config.data.max_rows)
    features, labels = chosen
    if labels and len(labels) != outputs and not (config.task == "classification" and len(labels) == 1):
        raise InputError(
            f"{path} has {len(labels)} label columns ({listed([c.name for c in labels])}), but the model gives "
            f"{outputs} numbers; name one column for each in [[outputs]] of edgekit.toml"
        )
    names = names_of(config, model_inputs) if config.features else tuple(c.name for c in features)
    return Dataset(
        inputs=np.ascontiguousarray(values[:, : len(features)]),
        labels=np.ascontiguousarray(values[:, len(features) :]) if labels else None,
        names=names if config.features or len(names) <= MAX_NAMED else (),
        sha256="",
        path=path,
        label_names=tuple(c.name for c in labels),
        side=_side(path, module, config, len(features) + len(labels)),
    )


def _side(path: Path, module: Any, config: Config, columns: int) -> dict[str, npt.NDArray[Any]]:
    """Read the columns that slices and `data.time` name and the model does not."""
    features = {f.column for f in config.features} | {f.name for f in config.features}
    wanted = tuple(dict.fromkeys(n for n in side_columns(config) if n not in features))
    if not wanted:
        return {}
    header: list[str] = []

    def look(names: tuple[str, ...]) -> tuple[Column, ...]:
        header.extend(names)
        return ()

    module.read(path, look, 2)
    for name in wanted:
        if name not in header:
            raise missing_column(str(path), name, header)
    limit = Thinned(config.data.max_rows, columns).limit
    found: dict[str, npt.NDArray[Any]] = module.read_side(path, wanted, limit)
    return found


def side_columns(config: Config) -> list[str]:
    """Return the columns that slices and `data.time` name, those of the model too."""
    names = [config.data.time] if config.data.time else []
    for one in config.slices:
        names += [one.column] if one.column else expressions.names(one.where, f"the slice {one.name}")
    return names


def _label_columns(path: Path, header: tuple[str, ...], config: Config) -> list[str]:
    wanted = [o.column or o.name for o in config.outputs]
    there = [name for name in wanted if name in header]
    must = [o.column for o in config.outputs if o.column] if not there else wanted
    for name in must:
        if name not in header:
            raise missing_column(str(path), name, header)
    if there:
        return wanted
    taken = {f.column for f in config.features}
    usual = [name for name in LABELS if name in header and name not in taken]
    if len(usual) > 1:
        raise InputError(f"{path} has y and target; name the label's column in [[outputs]] of edgekit.toml")
    return usual


def _feature_columns(
    path: Path, header: tuple[str, ...], config: Config, model_inputs: tuple[Signature, ...], labels: Sequence[str]
) -> tuple[Column, ...]:
    if config.features:
        placed = place_features(config, model_inputs)
        if any(item.is_series for item in placed):
            shape = _shape(("rows", *model_inputs[0].shape[1:]))
            raise InputError(f"{path}: a table has no windows of steps; give an .npz file with x of the shape {shape}")
        for item in placed:
            if item.feature.column not in header:
                raise missing_column(str(path), item.feature.column, header)
        return tuple(Column(p.feature.column, p.feature.categories) for p in placed)
    names = [name for name in header if name not in labels]
    count = sum(map(elements, model_inputs))
    if len(names) != count:
        hint = "list the model's columns in [[features]] of edgekit.toml"
        if not labels:
            hint = "name the label's column in [[outputs]] of edgekit.toml, or with --label for edgekit init"
        raise InputError(
            f"{path} has {len(names)} columns beside the labels ({listed(names)}), but the model takes {count} "
            f"numbers; {hint}"
        )
    _check_names(path, names)
    return tuple(map(Column, names))


def _check_names(path: Path, names: Sequence[str]) -> None:
    for number, name in enumerate(names, 1):
        flaw = text_flaw(name, 100)
        if flaw:
            raise InputError(f"{path}: the name of column {number}, {cut(name)}, {flaw}; rename it")
        if name in names[: number - 1]:
            raise InputError(f"{path}: two columns are called {cut(name)}; rename one of them")


def _check_codes(data: Dataset, config: Config, model_inputs: tuple[Signature, ...]) -> None:
    """Hold categories to their codes; a table's labels are codes already, an array could hold anything."""
    for i, item in enumerate(place_features(config, model_inputs)):
        count = len(item.feature.categories)
        column = data.inputs[:, i]
        good = (column >= 0) & (column < count) & (column == np.floor(column))
        if count and not good.all():
            row = int(np.argmin(good))
            raise InputError(
                f"{data.path}: row {row + 1}, column {cut(item.feature.column)} is {column[row]:g}; "
                f"its categories have the codes 0 to {count - 1}"
            )


def _labels(data: Dataset, config: Config, outputs: int) -> Float32 | None:
    """Return the labels; a classification's column of codes becomes a column for each class."""
    labels = data.labels
    if labels is None or config.task != "classification" or labels.shape[1] == outputs:
        return labels
    codes = labels[:, 0]
    good = (codes >= 0) & (codes < outputs) & (codes == np.floor(codes))
    if not good.all():
        row = int(np.argmin(good))
        raise InputError(f"{data.path}: the label of row {row + 1} is {codes[row]:g}; classes are 0 to {outputs - 1}")
    return np.eye(outputs, dtype=np.float32)[codes.astype(np.int64)]


def take(data: Dataset, rows: npt.NDArray[Any]) -> Dataset:
    """Return the rows with these numbers."""
    labels = None if data.labels is None else data.labels[rows]
    return replace(data, inputs=data.inputs[rows], labels=labels, side={n: v[rows] for n, v in data.side.items()})


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _shape(shape: Sequence[int | str]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _kind(dtype: np.dtype[Any]) -> str:
    names = {"U": "text", "S": "text", "c": "complex numbers", "M": "dates", "m": "durations", "O": "Python objects"}
    return "records" if dtype.names is not None else names.get(dtype.kind, str(dtype))
