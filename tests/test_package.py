"""The wheel, built from the source distribution, in an environment that has nothing but its base dependencies."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import Trained
from packaging.requirements import Requirement

import edgekit
from edgekit.cli import COMMANDS
from edgekit.store import Bundle

ROOT = Path(edgekit.__file__).parents[1]
#: Read by code that runs from the wheel; the rest of wasm/ and the docs stay in the source distribution.
ASSETS = {
    **{f"wasm/js/{f.name}": f for f in (ROOT / "wasm/js").iterdir() if f.is_file()},
    **{f"wasm/dist/{f.name}": f for f in (ROOT / "wasm/dist").iterdir()},
    **{f"wasm/kernels/{f.name}": f for f in (ROOT / "wasm" / "kernels").iterdir()},
    **{f.relative_to(ROOT).as_posix(): f for f in (ROOT / "templates").rglob("*") if f.is_file()},
}
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_", "EDGEKIT_"))}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("built")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", out, ROOT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (file,) = built.glob("*.whl")
    return file


def base_dependencies(name: str, found: dict[str, importlib.metadata.Distribution]) -> None:
    """Collect the installed distributions that a base install of `name` brings, itself not among them."""
    for line in importlib.metadata.requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name not in found:
            found[requirement.name] = importlib.metadata.distribution(requirement.name)
            base_dependencies(requirement.name, found)


def requirements_of(wheel: Path) -> dict[str, importlib.metadata.Distribution]:
    """Return the installed distributions that the wheel's own metadata asks for, with what they ask for."""
    found: dict[str, importlib.metadata.Distribution] = {}
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = importlib.metadata.PathDistribution(zipfile.Path(archive, f"{Path(name).parent}/"))
        for line in metadata.requires or []:
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                found[requirement.name] = importlib.metadata.distribution(requirement.name)
                base_dependencies(requirement.name, found)
    return found


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an environment of its own.

    The base dependencies are linked from this one, so that no network is needed; pip installs the wheel without an
    index, and so fails where what the wheel asks for is not all there.
    """
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for distribution in requirements_of(wheel).values():
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            (packages / top).symlink_to(distribution.locate_file(top))
    python = folder / "bin" / "python"
    install = ["-m", "pip", "--python", python, "install", "-q", "--no-index", "--disable-pip-version-check", wheel]
    done = subprocess.run([sys.executable, *install], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "bin"


@pytest.fixture(scope="module")
def work(trained: Trained, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    shutil.copytree(bundle.root, folder / "bundle")
    for name in ("model.keras", "calibration.npz"):
        shutil.copy(trained.folder / name, folder)
    return folder


def run(bin_folder: Path, work: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [bin_folder / "edgekit", *arguments],
        cwd=work,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_wheel_holds_the_assets(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        packed = {n.removeprefix("edgekit/_assets/"): archive.read(n) for n in names if "/_assets/" in n}
    assert packed == {name: file.read_bytes() for name, file in ASSETS.items()}
    outside = {n for n in names if not n.startswith("edgekit/") and ".dist-info/" not in n}
    assert outside == set()
    assert any(n.endswith(".dist-info/licenses/LICENSE") for n in names)


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {n for n in archive.namelist() if n.endswith(".py") and "/_assets/" not in n}
    assert packed == {f.relative_to(ROOT).as_posix() for f in (ROOT / "edgekit").rglob("*.py")}


def test_the_source_distribution_holds_the_sources(built: Path) -> None:
    """The wheel was built from it; it must also have what wasm/dist is built from."""
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {n.partition("/")[2] for n in archive.getnames()}
    kernels = {f"wasm/kernels/{f.name}" for f in (ROOT / "wasm/kernels").iterdir()}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "wasm/build.py", *kernels} <= names
    assert not {n for n in names if n.endswith(".whl") or "/out/" in n or "__pycache__" in n}


def test_version_and_help(bin_folder: Path, work: Path) -> None:
    assert run(bin_folder, work, "--version").stdout == f"edgekit {edgekit.__version__}\n"
    done = run(bin_folder, work, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


def test_every_command_has_help_in_the_base_install(bin_folder: Path, work: Path) -> None:
    for name, (_, text) in COMMANDS.items():
        done = run(bin_folder, work, name, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert text in done.stdout


def test_verify_runs_what_it_can(bin_folder: Path, work: Path) -> None:
    """Node runs the engine; LiteRT and Playwright are not in the base install, and that is said."""
    done = run(bin_folder, work, "verify", "bundle", "--json")
    checks = {(c["target"], c["runtime"].split()[0].lower()): c for c in json.loads(done.stdout)["checks"]}
    node = shutil.which("node") is not None
    expected = {"tflite": "not run", "tfjs": "not run", "wasm chromium": "not run", "wasm node": "pass"}
    found = {t if t != "wasm" else f"{t} {r}": c["status"] for (t, r), c in checks.items()}
    assert found == expected if node else found == dict.fromkeys(expected, "not run")
    assert checks["tflite", "tflite"]["detail"] == (
        "running a TFLite model needs the extra [run]: pip install 'edgekit[run]'"
    )
    assert checks["tfjs", "chromium"]["detail"] == (
        "running a bundle in a browser needs the extra [browser]: pip install 'edgekit[browser]'"
    )
    assert done.returncode == (0 if node else 3)
    assert (work / "bundle.report.html").is_file()


def test_verify_can_require_all(bin_folder: Path, work: Path) -> None:
    assert run(bin_folder, work, "verify", "bundle", "--require", "all").returncode == 3


def test_serve_sends_every_file(bin_folder: Path, work: Path) -> None:
    done = run(bin_folder, work, "serve", "bundle", "--port", "0", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("bundle is at http://127.0.0.1:")


def test_an_int8_model_is_inspected(bin_folder: Path, work: Path) -> None:
    done = run(bin_folder, work, "inspect", "bundle/tflite/model.tflite", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [(t["target"], t["takes"]) for t in json.loads(done.stdout)["targets"]] == [
        ("tflite", True),
        ("tfjs", False),
        ("wasm", True),
        ("pyodide", True),
        ("ort", True),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(
            ["inspect", "model.keras"],
            3,
            "reading model.keras needs the extra [convert]: pip install 'edgekit[convert]'",
            id="Keras models need TensorFlow",
        ),
        pytest.param(
            ["export", "bundle/tflite/model.tflite", "--data", "calibration.npz", "--out", "new"],
            3,
            "running a TFLite model needs the extra [run]: pip install 'edgekit[run]'",
            id="the answers of golden.json come from the interpreter",
        ),
        pytest.param(
            ["export", "model.h5", "--data", "rows.csv", "--out", "new"],
            2,
            "model.h5: there is no such file; check the path",
            id="what is wrong comes before what is missing",
        ),
        pytest.param(
            ["verify", "nothing"],
            2,
            "there is no bundle at nothing; make one with: edgekit export MODEL --data DATA --out nothing",
            id="no bundle",
        ),
    ],
)
def test_what_the_base_cannot_do(bin_folder: Path, work: Path, arguments: list[str], code: int, sentence: str) -> None:
    done = run(bin_folder, work, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"edgekit: {sentence}\n")


def test_the_wheel_runs_from_its_own_files(bin_folder: Path, work: Path) -> None:
    code = (
        "import edgekit.store, edgekit.verify, edgekit.export, edgekit.assets as a, sys;"
        "print(a.asset('wasm/js/edgekit.js')); heavy = {'tensorflow', 'ai_edge_litert', 'playwright', 'pyarrow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [bin_folder / "python", "-c", code], cwd=work, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    path, heavy = done.stdout.splitlines()
    assert Path(path).is_file()
    assert Path(path).is_relative_to(bin_folder.parent)
    assert heavy == "[]"
