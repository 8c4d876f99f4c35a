"""The child's side of formats/keras.py: the one place where a Keras model or SavedModel is opened.

Run by formats/tensorflow_child.py, which calls `handle`.
"""

from __future__ import annotations

import io
import json
import re
import resource
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorflow.compat.v1.graph_util import extract_sub_graph
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgekit.errors import InputError
from edgekit.formats.keras import GRAPH, OPERATORS, input_node, output_node
from edgekit.formats.keras_files import MAX_BYTES, check_config, custom_class, parse_config
from edgekit.formats.tensorflow_child import reason
from edgekit.manifest import Signature
from edgekit.plain import plain

SIGNATURE = "serving_default"
#: Memory beyond what the libraries take: for the converters, and for the copies of the weights that exist at once.
ROOM_BYTES, ROOM_COPIES = 4 * 1024**3, 32
#: Operators with which a SavedModel would touch files or run Python; no regression model needs them.
_UNSAFE = {"EagerPyFunc", "MatchingFiles", "PrintV2", "PyFunc", "PyFuncStateless", "ReadFile", "WriteFile"}


@dataclass(frozen=True, eq=False)
class Source:
    """An opened model: how to call it with one tensor for each input, and its names."""

    call: Callable[[Sequence[Any]], Sequence[Any]]
    inputs: tuple[Signature, ...]
    outputs: tuple[str, ...]
    keep: Any  # owns the variables


def handle(request: Mapping[str, Any]) -> dict[str, Any]:
    """Convert one model; see keras.convert."""
    name, work = str(request["name"]), Path(request["work"])
    _limit_memory(Path(request["path"]))
    keras.backend.clear_session()  # automatic names do not depend on the models that came before
    source = _OPEN[request["kind"]](name, Path(request["path"]))
    flat, outputs, graph = _convert(name, source)
    (work / "model.tflite").write_bytes(flat)
    _write_graph(work / "frozen", graph)
    return {
        "inputs": [plain(s) for s in source.inputs],
        "outputs": [plain(s) for s in outputs],
        "tools": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }


def _limit_memory(path: Path) -> None:
    """Allow what a model of this size can need: a configuration of a few bytes may ask for terabytes of weights."""
    status = Path("/proc/self/status")
    if not status.exists():  # not Linux
        return
    found = re.search(r"^VmData:\s+(\d+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    if found:
        limit = int(found[1]) * 1024 + ROOM_BYTES + ROOM_COPIES * sum(p.stat().st_size for p in files)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit if hard < 0 else min(limit, hard), hard))


def _open_archive(name: str, path: Path) -> Source:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            if entry.endswith(".h5"):
                _inspect_hdf5(name, io.BytesIO(archive.read(entry)))
    return _load_keras(name, path)


def _open_hdf5(name: str, path: Path) -> Source:
    raw = _inspect_hdf5(name, path)
    if not isinstance(raw, (str, bytes)):
        raise InputError(f"{name}: has no model configuration, only weights; save the whole model with model.save()")
    check_config(name, parse_config(name, raw))
    return _load_keras(name, path)


def _inspect_hdf5(name: str, file: Any) -> Any:
    """Check the weights before Keras reads them, and return the model's configuration where the file has one."""
    try:
        with h5py.File(file, "r") as weights:
            _check_weights(name, weights)
            return weights.attrs.get("model_config")
    except (OSError, RuntimeError, KeyError, ValueError) as error:  # what h5py raises for damage
        raise InputError(f"{name}: has damaged weights ({reason(error)}); copy or save it again") from None


def _load_keras(name: str, path: Path) -> Source:
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise InputError(f"{name}: asks for far more memory than its weights fill; it is damaged or hostile") from None
    except Exception as error:  # Keras raises anything for a bad file
        unknown = re.search(r"(?:Could not locate (?:class|function)|Unknown \w+:) '([^']{1,100})'", str(error))
        if unknown:
            raise custom_class(name, unknown[1].split(">")[-1]) from None
        raise InputError(f"{name}: Keras cannot load it: {reason(error)}") from None
    if not getattr(model, "inputs", None):
        raise InputError(f"{name}: the model was never built, so its input is unknown; call it once, then save it")
    structure = getattr(model, "_inputs_struct", None)  # Functional only; a Sequential takes its one input
    tensors = model.inputs

    def call(values: Sequence[Any]) -> Sequence[Any]:
        packed = values[0] if structure is None else keras.tree.pack_sequence_as(structure, list(values))
        return list(keras.tree.flatten(model(packed, training=False)))

    inputs = tuple(_input(name, _layer(t), keras.backend.standardize_dtype(t.dtype), t.shape) for t in tensors)
    return Source(call, inputs, _unique([_layer(t) for t in model.outputs]), model)


def _open_saved_model(name: str, path: Path) -> Source:
    known = _read_signature(name, path)
    inputs = []
    for key in sorted(known.inputs, key=_natural):
        info = known.inputs[key]
        sizes = [d.size if d.size >= 0 else None for d in info.tensor_shape.dim]
        shape = None if info.tensor_shape.unknown_rank else sizes
        inputs.append(_input(name, key, tf.dtypes.as_dtype(info.dtype).name, shape))
    outputs = tuple(sorted(known.outputs, key=_natural))
    model = tf.saved_model.load(str(path))
    function = model.signatures[SIGNATURE]

    def call(values: Sequence[Any]) -> Sequence[Any]:
        results = function(**{s.name: v for s, v in zip(inputs, values, strict=True)})
        return [results[key] for key in outputs]

    return Source(call, tuple(inputs), outputs, model)


_OPEN: Mapping[str, Callable[[str, Path], Source]] = {
    "keras": _open_archive,
    "h5": _open_hdf5,
    "saved_model": _open_saved_model,
}


def _read_signature(name: str, path: Path) -> Any:
    """Check the protobuf before anything of it is built, and return its serving signature."""
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((path / "saved_model.pb").read_bytes())
    except DecodeError:
        raise InputError(f"{name}: its saved_model.pb is damaged; save the model again") from None
    graphs = [g for g in saved.meta_graphs if "serve" in g.meta_info_def.tags]
    if not graphs:
        raise InputError(f"{name}: has no graph for serving; save the model again with model.export()")
    graph = graphs[0]
    if SIGNATURE not in graph.signature_def:
        others = ", ".join(sorted(k for k in graph.signature_def if not k.startswith("__"))) or "none"
        raise InputError(
            f"{name}: has no signature {SIGNATURE!r} (it has: {others}); save the model again with model.export()"
        )
    nodes = [*graph.graph_def.node, *(n for f in graph.graph_def.library.function for n in f.node_def)]
    unsafe = sorted({node.op for node in nodes} & _UNSAFE)
    if unsafe:
        raise InputError(f"{name}: has the operator {unsafe[0]}, which touches files or runs Python; refusing it")
    # A resource brings code that runs while the model is loaded, and no exported model can carry one.
    kinds = {n.WhichOneof("kind") for n in graph.object_graph_def.nodes}
    if not kinds or "resource" in kinds:
        raise InputError(f"{name}: has a lookup table or is of TensorFlow 1; save a model of numbers in TensorFlow 2")
    return graph.signature_def[SIGNATURE]


def _check_weights(name: str, file: Any) -> None:
    """Refuse HDF5 that reads other files, or that claims more numbers than a model has."""
    total = 0
    for place, link, item in _walk(file):
        if isinstance(link, h5py.ExternalLink) or (item is not None and (item.external or item.is_virtual)):
            raise InputError(f"{name}: its entry {place} reads another file; refusing it")
        total += item.nbytes if item is not None else 0
        if total > MAX_BYTES:
            raise InputError(f"{name}: its weights unpack to more than {MAX_BYTES} bytes; refusing it")


def _walk(file: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (place, link, dataset or None) of every entry; each group once, for links may form a ring."""
    stack, seen = [("", file)], {file.id}
    while stack:
        place, group = stack.pop()
        for key in group:
            link = group.get(key, getlink=True)
            item = group[key] if isinstance(link, h5py.HardLink) else None
            yield f"{place}/{key}", link, item if isinstance(item, h5py.Dataset) else None
            if isinstance(item, h5py.Group) and item.id not in seen:
                seen.add(item.id)
                stack.append((f"{place}/{key}", item))


def _input(name: str, label: str, dtype: str, shape: Sequence[int | None] | None) -> Signature:
    """Check an input and set its batch to 1."""
    if dtype != "float32":
        raise InputError(
            f"{name}: the input {label!r} is {dtype}, and float32 is what can be exported; "
            "make the input float32 and cast it inside the model"
        )
    if not shape:
        raise InputError(f"{name}: the input {label!r} has no known shape; set it and save the model again")
    if any(n is None or n < 1 for n in shape[1:]):
        known = ", ".join("None" if n is None else str(n) for n in shape)
        raise InputError(
            f"{name}: the input {label!r} has the shape ({known}), and only the batch may be unknown; "
            "set the other dimensions and save the model again"
        )
    if shape[0] not in (None, 1):
        raise InputError(
            f"{name}: the input {label!r} has a batch fixed at {shape[0]}; leave it open and save the model again"
        )
    return Signature(label, (1, *(int(n or 1) for n in shape[1:])))


def _freeze(name: str, source: Source, batch: int | None) -> Any:
    """Trace the model, turn its variables into constants, and set the batch to 1 where it was open."""

    def call(*values: Any) -> list[Any]:
        _keep_layer_names(tf.compat.v1.get_default_graph())
        with tf.name_scope("model"):  # so that no layer can take the name of an input or output
            results = source.call(values)
        return [tf.identity(t, name=output_node(i)) for i, t in enumerate(results)]

    specs = [tf.TensorSpec((batch, *s.shape[1:]), tf.float32, name=f"open_{i}") for i, s in enumerate(source.inputs)]
    traced = tf.function(call, autograph=False).get_concrete_function(*specs)
    # TFLite wants while loops as they are; TF.js takes them too.
    frozen = convert_variables_to_constants_v2(traced, lower_control_flow=False, aggressive_inlining=True)
    inputs = [t.name for t in frozen.inputs]
    if len(inputs) != len(specs):
        raise InputError(f"{name}: keeps state that cannot be frozen; export it without variables that change")
    outputs = [output_node(i) for i in range(len(source.outputs))]
    # What lies behind our output nodes (TensorFlow's own identities and control edges) is left out.
    graph = extract_sub_graph(frozen.graph.as_graph_def(), outputs + [t.op.name for t in frozen.inputs])

    def static(*values: Any) -> Any:
        mapped = dict(zip(inputs, values, strict=True))
        return tf.graph_util.import_graph_def(graph, mapped, [f"{n}:0" for n in outputs], name="")

    specs = [tf.TensorSpec(s.shape, tf.float32, name=input_node(i)) for i, s in enumerate(source.inputs)]
    concrete = tf.function(static, autograph=False).get_concrete_function(*specs)
    for label, tensor in zip(source.outputs, concrete.outputs, strict=True):
        if tensor.dtype != tf.float32:
            raise InputError(
                f"{name}: the output {label!r} is {tensor.dtype.name}, and float32 is what can be exported; "
                "cast it inside the model"
            )
    return concrete


def _keep_layer_names(graph: Any) -> None:
    """Let operators carry their layer's name: Keras opens each scope twice, which makes "dense" "dense_1"."""
    original = graph.name_scope
    last: list[Any] = [None, ""]  # where the last scope was opened, and what it was called

    @contextmanager
    def name_scope(name: str | None) -> Iterator[str]:
        here = (graph.get_name_scope(), name, len(graph.get_operations()))
        with original(last[1] if name and here == last[0] else name) as full:
            last[:] = [here, full]
            yield full

    graph.name_scope = name_scope


def _convert(name: str, source: Source) -> tuple[bytes, list[Signature], Any]:
    """Return the TFLite file, its outputs, and the graph it was made from.

    An open batch comes first: with batch 1 Keras takes the (1, n) operand of an addition for a bias, and
    residual networks turn out wrong in kind (a fully connected operator with a computed bias). Recurrent
    layers convert with a known batch only.
    """
    try:
        return _attempt(name, source, None)
    except Exception:  # the second attempt's error is the one to tell
        return _attempt(name, source, 1)


def _attempt(name: str, source: Source, batch: int | None) -> tuple[bytes, list[Signature], Any]:
    concrete = _freeze(name, source, batch)
    flat = _to_tflite(name, concrete)
    nodes = [input_node(i) for i in range(len(source.inputs))] + [output_node(i) for i in range(len(source.outputs))]
    return flat, _outputs(name, source, flat), extract_sub_graph(concrete.graph.as_graph_def(), nodes)


def _to_tflite(name: str, concrete: Any) -> bytes:
    try:
        return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    except Exception as error:  # the converter's errors are of several kinds, and long
        missing = re.findall(r"(?:TF Select|Custom) ops: ([\w, ]+)", str(error))
        if missing:
            raise InputError(
                f"{name}: needs the operator {', '.join(missing)}, which TensorFlow Lite does not have; "
                "replace the layer that uses it"
            ) from None
        raise InputError(f"{name}: TensorFlow Lite cannot convert it: {reason(error)}") from None


def _outputs(name: str, source: Source, flat: bytes) -> list[Signature]:
    """Read the outputs' shapes from the TFLite file, and check that its order is the model's."""
    interpreter = tf.lite.Interpreter(model_content=flat, num_threads=1)
    shapes = [tuple(int(n) for n in d["shape"]) for d in interpreter.get_input_details()]
    names = [d["name"] for d in interpreter.get_input_details()]
    if names != [input_node(i) for i in range(len(names))] or shapes != [s.shape for s in source.inputs]:
        raise InputError(f"{name}: an input was lost in the conversion; remove inputs that the model does not use")
    outputs = []
    for label, detail in zip(source.outputs, interpreter.get_output_details(), strict=True):
        shape = tuple(int(n) for n in detail["shape_signature"])
        if any(n < 1 for n in shape):
            raise InputError(f"{name}: the output {label!r} has no fixed size; give it one and save the model again")
        outputs.append(Signature(label, shape))
    return outputs


def _write_graph(folder: Path, graph: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    first = {node.op: node.name for node in reversed(nodes)}
    (folder / GRAPH).write_bytes(graph.SerializeToString(deterministic=True))
    (folder / OPERATORS).write_text(json.dumps(first, sort_keys=True) + "\n", encoding="utf-8")


def _layer(tensor: Any) -> str:
    return str(tensor._keras_history.operation.name)


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Number the repeats, for a layer that has several outputs: dense, dense_1, ..."""
    result: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in result:
            number += 1
            candidate = f"{name}_{number}"
        result.append(candidate)
    return tuple(result)


def _natural(key: str) -> list[tuple[int, int, str]]:
    """Sort output_2 before output_10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", key)]
