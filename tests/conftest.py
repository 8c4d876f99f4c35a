"""What several test files share."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import flutter_models
import pytest
import python_models
from dart import Dart, find_dart
from fabricated import make_bundle
from fake_hosting import FakeHosting
from fake_server import running
from publishing_checks import NAME, QUICK

from edgekit.config import read_config
from edgekit.errors import NotAvailable
from edgekit.export import Exported, Request, export
from edgekit.manifest import TargetEntry, seal
from edgekit.publish import Way
from edgekit.runtimes import chromium
from edgekit.stopwatch import browser_times
from edgekit.store import Bundle, entry, write_bundle
from edgekit.targets import DEFAULT_TARGETS, TARGETS
from edgekit.targets.protocol import Job

EXAMPLE = Path(__file__).parent.parent / "examples" / "health_monitoring"


@pytest.fixture(scope="session")
def browser() -> Iterator[chromium.Browser]:
    """One Chromium for all tests; where there is none, what needs it is skipped and says so."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(chromium.Browser(timeout=20))
        except NotAvailable as error:
            pytest.skip(f"not run: {error}")
        yield running


@dataclass(frozen=True)
class Trained:
    """The example after its train.py: model.keras, calibration.npz, evaluation.npz, edgekit.toml."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "model.keras"

    @property
    def config(self) -> Path:
        return self.folder / "edgekit.toml"

    def request(self, out: Path, *targets: str) -> Request:
        return Request(self.model, self.folder / "calibration.npz", out, targets or DEFAULT_TARGETS)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The example, trained once for all tests by its own script."""
    folder = tmp_path_factory.mktemp("health")
    subprocess.run([sys.executable, EXAMPLE / "train.py", folder], check=True, capture_output=True)
    shutil.copy(EXAMPLE / "edgekit.toml", folder)
    return Trained(folder)


@pytest.fixture(scope="session")
def exported(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The example, exported once to every target of a usual bundle."""
    out = tmp_path_factory.mktemp("exported") / "bundle"
    return export(trained.request(out), read_config(trained.config))


@pytest.fixture(scope="session")
def bundle(exported: Exported) -> Bundle:
    return exported.bundle


@pytest.fixture(scope="session")
def ort_bundle(exported: Exported, trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The example for ONNX Runtime Web, and the engine beside it; made of the model that was quantized already."""
    made, old = exported.made, exported.bundle
    config = read_config(trained.config)
    evaluation = made.rows.evaluation
    floats, outputs = exported.quantized.float_outputs, exported.quantized.outputs
    try:
        job = Job(
            made.model, exported.quantized.graph, config, floats,
            outputs=outputs, evaluation=evaluation, stopwatch=browser_times,
        )  # fmt: skip
        built = TARGETS["ort"].build(job)
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")
    files = tuple(entry(f.path, f.data, f.role, first_step=f.first_step, build=f.build) for f in built.files)
    ort = TargetEntry(files, built.parity, built.bound, built.options)
    manifest = seal(replace(old.manifest, targets={"wasm": old.manifest.targets["wasm"], "ort": ort}))
    contents = {f.path: old.read(f.path) for f in old.manifest.files()} | {f.path: f.data for f in built.files}
    named = {f.path for f in manifest.files()}
    out = tmp_path_factory.mktemp("ort") / "bundle"
    return write_bundle(out, manifest, {path: data for path, data in contents.items() if path in named})


@pytest.fixture
def fake() -> Iterator[FakeHosting]:
    with running(FakeHosting(stall=0.6)) as server:
        yield server


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credential of the machine that runs the tests."""
    for name in (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
        "GOOGLE_CLOUD_QUOTA_PROJECT",
        "EDGEKIT_WEBHOOK",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def way(tmp_path: Path) -> Way:
    """Without looking at what was published: tests/test_published.py does that."""
    return Way(check=False, patience=QUICK, cache=tmp_path / "cache")


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bundle]:
    """Small bundles that differ in one file, by name."""
    folder = tmp_path_factory.mktemp("bundles")
    made: dict[str, Bundle] = {}

    def get(text: str) -> Bundle:
        if text not in made:
            made[text] = make_bundle(folder / text, files={"extra": text.encode() * 100}, name=NAME)
        return made[text]

    return get


@pytest.fixture(scope="session")
def dart() -> Dart:
    """A Dart VM, type checker and formatter; where they cannot be had, what needs them is skipped and says so."""
    return find_dart()


@pytest.fixture(scope="session")
def pyodide_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small model as a Python wheel with its weights inside."""
    return python_models.pyodide_bundle(tmp_path_factory.mktemp("python") / "bundle", "inside")


@pytest.fixture(scope="session")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A network of 20 features with tanh."""
    return flutter_models.twenty(tmp_path_factory.mktemp("twenty") / "bundle")


@pytest.fixture(scope="session")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A network whose features, labels and results have names that no language wants."""
    return flutter_models.nasty(tmp_path_factory.mktemp("nasty") / "bundle")


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A network whose input is a window of time, and one of whose results has a transform."""
    return flutter_models.windows(tmp_path_factory.mktemp("windows") / "bundle")
