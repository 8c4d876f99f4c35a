"""The contract of every target: one suite, run over all of them, on the example's bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from one_operator import fully_connected

from edgekit.graph import Graph, GraphBuilder, Tensor
from edgekit.manifest import PATH, Signature
from edgekit.models import Model
from edgekit.store import Bundle
from edgekit.targets import DEFAULT_TARGETS, TARGETS
from edgekit.verify import RUNTIMES

ROLES = {"model", "plan", "engine", "shard", "weights", "script", "runtime", "wheel", "lock"}
every_target = pytest.mark.parametrize("name", TARGETS)


@pytest.fixture
def holder(name: str, request: pytest.FixtureRequest) -> Bundle:
    """The example's bundle that holds the target."""
    found: Bundle = request.getfixturevalue("bundle" if name in DEFAULT_TARGETS else f"{name}_bundle")
    return found


def model_of(graph: Graph) -> Model:
    ports = (Signature("x", (1, 1)),)
    return Model("m", "tflite", Path("m.tflite"), "", graph, ports, ports)


def with_unknown_operator() -> Graph:
    builder = GraphBuilder("g")
    x, y = (builder.tensor(Tensor(n, (1, 2), "float32")) for n in "xy")
    builder.op("CUSTOM Mystery", (x,), (y,))
    return builder.build((x,), (y,))


@every_target
def test_its_name_is_its_key_and_something_runs_it(name: str) -> None:
    assert TARGETS[name].name == name
    assert RUNTIMES[name]


@every_target
def test_its_files_lie_in_its_folder_and_have_a_known_role(name: str, holder: Bundle) -> None:
    files = holder.manifest.targets[name].files
    assert files
    assert len({f.path for f in files}) == len(files)
    for file in files:
        assert PATH.match(file.path)
        assert file.path.split("/")[0] == ("runtime" if file.role == "runtime" else name)
        assert file.role in ROLES
        assert (file.build is not None) == (file.role == "engine")
        assert (file.first_step is not None) == (file.role == "shard")
        assert len(holder.read(file.path)) == file.bytes > 0


@every_target
def test_it_says_how_exact_it_is(name: str, holder: Bundle) -> None:
    entry = holder.manifest.targets[name]
    assert entry.parity in ("exact", "near", "bound")
    assert (entry.bound is not None) == (entry.parity != "exact")


@every_target
def test_a_refusal_names_operator_layer_and_reason(name: str) -> None:
    graph = with_unknown_operator()
    for refusal in TARGETS[name].refusals(model_of(graph), graph):
        assert all((refusal.op, refusal.layer, refusal.why))


@every_target
def test_asking_and_refusing_write_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    graph = fully_connected(np.random.default_rng(0), "int8")
    TARGETS[name].refusals(model_of(graph), graph)
    assert not list(tmp_path.iterdir())


def test_an_operator_that_nobody_knows_is_refused_by_all_but_tflite() -> None:
    graph = with_unknown_operator()
    said = {name: [(r.op, r.layer) for r in t.refusals(model_of(graph), graph)] for name, t in TARGETS.items()}
    assert said["wasm"] == said["ort"] == [("CUSTOM Mystery", "y")]
    assert said["tfjs"]
    assert said["pyodide"] == said["wasm"]
