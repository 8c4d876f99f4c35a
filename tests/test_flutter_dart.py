"""The Flutter template and what is generated from it, in a real Dart: formatted, type-checked, run."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dart import TEMPLATE, Dart, dart_files, for_vm, package_config, summary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.dart.package import model_package
from edgekit.dart.schema import schema_of
from edgekit.flutter import ClientRequest, flutter
from edgekit.manifest import Feature, FileEntry, Manifest, Output, Signature, TargetEntry, seal
from edgekit.runtimes.litert import Interpreter
from edgekit.store import Bundle
from edgekit.transforms import inverse


def test_the_template_is_formatted(dart: Dart) -> None:
    assert dart.unformatted(dart_files(TEMPLATE)) == {}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template, with stubs in place of the browser's libraries."""
    return for_vm(TEMPLATE, tmp_path_factory.mktemp("template") / "workspace")


def test_the_template_is_well_typed(dart: Dart, workspace: Path, tmp_path: Path) -> None:
    """All of it in one program: app, tests, integration tests, web code and build hook."""
    files = dart_files(workspace)
    assert len(files) > 70
    assert dart.problems(files, package_config(workspace, tmp_path / "packages.json")) == ""


#: A mistake in each kind of file: where, what, by what, and what the type checker has to say.
PLANTED = [
    (
        "app/lib/ui/result_card.dart",
        "Text(name,",
        "Text(index,",
        "'int' can't be assigned to the parameter type 'String'",
    ),
    ("app/lib/app.dart", "home:", "homePage:", "No named parameter with the name 'homePage'"),
    ("app/lib/ui/format.dart", "  NotWhole() => ValidationIssueKind.notWhole,\n", "", "not exhaustively matched"),
    (
        "packages/edgekit_flutter/lib/src/web_runtime.dart",
        "_model.run(input.toJS)",
        "_model.run(input)",
        "'Float32List' can't be assigned to the parameter type 'JSFloat32Array'",
    ),
    ("packages/edgekit_litert/lib/edgekit_litert.dart", "runAsync(inputs)", "runAsync(input)", "'Float32List'"),
    (
        "packages/edgekit_native/hook/build.dart",
        "file: file,",
        "path: file,",
        "No named parameter with the name 'path'",
    ),
    ("packages/edgekit_client/lib/src/bench.dart", "'cold': cold", "'cold': warm", "warmMicroseconds"),
    ("packages/example_model/lib/src/input.g.dart", "speed,\n", "speeed,\n", "'speeed'"),
    ("app/integration_test/parity_test.dart", ".isExact)", ".isExactly)", "isExactly"),
]


def test_planted_mistakes_are_found(dart: Dart, workspace: Path, tmp_path: Path) -> None:
    broken = tmp_path / "workspace"
    shutil.copytree(workspace, broken)
    for path, right, wrong, _ in PLANTED:
        text = (broken / path).read_text(encoding="utf-8")
        assert right in text, path
        (broken / path).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    problems = dart.problems(dart_files(broken), package_config(broken, tmp_path / "packages.json"))
    assert [(path, said) for path, _, _, said in PLANTED if path not in problems or said not in problems] == [], (
        problems
    )


def run_tests(dart: Dart, workspace: Path, files: list[Path], folder: Path) -> str:
    """Run test files as one program and return its last line, or everything if one fails."""
    program = folder / "all_tests.dart"
    imports = [f"import '{file.resolve().as_uri()}' as t{i};" for i, file in enumerate(files)]
    calls = "".join(f"group('{file.stem}', t{i}.main); " for i, file in enumerate(files))
    program.write_text("\n".join(["import 'package:test/test.dart';", *imports, f"void main() {{ {calls} }}"]))
    done = dart.run(program, package_config(workspace, folder / "packages.json"))
    return done.stdout.splitlines()[-1] if done.returncode == 0 else summary(done)


def test_the_client_tests_itself(dart: Dart, tmp_path: Path) -> None:
    """Among them the downloader against a server that cuts, corrupts and stalls."""
    files = sorted((TEMPLATE / "packages" / "edgekit_client" / "test").glob("*_test.dart"))
    assert {file.stem for file in files} >= {"downloader_test", "integrity_test", "preprocess_test", "updater_test"}
    said = run_tests(dart, TEMPLATE, files, tmp_path)
    passed, _, total, *_ = [*said.split(" "), "", ""]
    assert passed == total and int(total) > 50, said


@pytest.fixture(scope="module")
def clients(
    bundle: Bundle, twenty: Bundle, nasty: Bundle, windows: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """One workspace with the packages of four models, each from a client of its own."""
    folder = tmp_path_factory.mktemp("clients")
    for i, model in enumerate((bundle, twenty, nasty, windows)):
        made = flutter(model, ClientRequest(folder / f"client{i}"))
        if i:
            shutil.copytree(made.root / "packages" / made.package, folder / "client0" / "packages" / made.package)
    return folder / "client0"


def test_generated_code_is_formatted(dart: Dart, clients: Path) -> None:
    assert dart.unformatted(dart_files(clients)) == {}


def test_generated_code_is_well_typed(dart: Dart, clients: Path, tmp_path: Path) -> None:
    copy = for_vm(clients, tmp_path / "client")
    assert dart.problems(dart_files(copy), package_config(copy, tmp_path / "packages.json")) == ""


def test_generated_tests_pass(dart: Dart, clients: Path, tmp_path: Path) -> None:
    """Golden rows exact, typical inputs taken: for the health example, 20 features, nasty names, and windows."""
    files = sorted(clients.glob("packages/*_model/test/*_test.dart"))
    assert len(files) == 4
    assert run_tests(dart, clients, files, tmp_path) == "12 of 12 passed"


def test_windows_and_transforms_are_those_of_python(dart: Dart, clients: Path, windows: Bundle, tmp_path: Path) -> None:
    """The typed input takes lists, and the typed output has the value in its unit, in Python's bits."""
    wind, visitors = [3.5, 4.5, 12.0, 7.25], [0, 3, 19, 20]
    row = np.array([[v for step in zip(wind, visitors, strict=True) for v in step]], np.float32)
    raw = Interpreter(windows.read("tflite/model.tflite")).run(row)[0]
    program = tmp_path / "say.dart"
    program.write_text(
        "import 'dart:typed_data';\n\nimport 'package:windows_model/windows_model.dart';\n\n"
        "Future<void> main() async {\n"
        "  final model = await WindowsModel.load();\n"
        f"  final input = WindowsInput(windSpeed: const {wind}, visitors: const {visitors});\n"
        "  final answer = await model.predict(input);\n"
        f"  final raw = await model.edge.predictFlat(Float32List.fromList(const {row[0].tolist()}));\n"
        "  print([answer.marketSize, answer.growth, ...raw].join(' '));\n"
        "  print(model.check(input.copyWith(visitors: const [1, 2])).single.message);\n}\n"
    )
    done = dart.run(program, package_config(clients, tmp_path / "packages.json"))
    assert done.returncode == 0, summary(done)
    numbers, complaint = done.stdout.splitlines()
    size = inverse("log10", raw[:1])[0]
    assert np.array([float(n) for n in numbers.split()], np.float32).tolist() == [size, raw[1], raw[0], raw[1]]
    assert complaint == '"visitors" must be 4 numbers, the newest last, not 2'


def test_a_wrong_golden_row_is_found(dart: Dart, twenty: Bundle, tmp_path: Path) -> None:
    """One answer in the last digit: the generated tests fail, and say which rows differ."""
    flutter(twenty, ClientRequest(tmp_path / "client"))
    package = tmp_path / "client" / "packages" / "crypto_market_size_model"
    file = package / "lib" / "src" / "embedded.g.dart"
    text = file.read_text()
    at = text.index("const _file2 =") + 60  # inside the weights
    other = "A" if text[at] != "A" else "B"
    file.write_text(text[:at] + other + text[at + 1 :])
    said = run_tests(dart, tmp_path / "client", sorted(package.glob("test/*.dart")), tmp_path)
    assert "does not match its sha256" in said


#: A screenful of text that any person, or none, would write.
texts = st.text(min_size=1, max_size=90)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A manifest of whatever names and numbers; no file of it is looked at."""
    names = draw(st.lists(texts, min_size=1, max_size=6, unique=True))
    features = []
    steps = draw(st.sampled_from([None, None, 2, 24]))
    for place, name in enumerate(names):
        low = draw(st.floats(-1e30, 1e30))
        high = draw(st.floats(low, 3e38))
        kind = draw(st.sampled_from(["number", "integer", *([] if steps else ["category"])]))
        labels = tuple(draw(st.lists(texts, min_size=1, max_size=4, unique=True))) if kind == "category" else ()
        if kind != "number":
            low, high = float(draw(st.integers(-9, 9))), float(draw(st.integers(9, 99)))
        middle = min(max(draw(st.floats(-1e30, 1e30)), low), high)
        features.append(Feature(name, draw(texts), kind, "x", place, (low, high), middle, 1.0, labels, steps))
    given = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    results = tuple(Output(name, draw(texts), draw(st.sampled_from([None, "log10"]))) for name in given)
    return seal(
        replace(
            _EMPTY,
            name=draw(texts),
            version=draw(texts),
            inputs=(Signature("x", (1, len(names) * (steps or 1))),),
            outputs=(Signature("y", (1, len(results))),),
            features=tuple(features),
            results=results,
        )
    )


_FILE = FileEntry("golden.json", 2, "0" * 64, "golden")
_EMPTY = Manifest(
    name="m", version="1", task="regression", inputs=(), outputs=(), features=(), results=(),
    targets={"wasm": TargetEntry((FileEntry("wasm/plan.bin", 3, "0" * 64, "plan"),), "exact")},
    golden=_FILE, quantization={}, provenance={},
)  # fmt: skip


def test_whatever_names_there_are(dart: Dart, tmp_path: Path) -> None:
    """Packages of manifests by chance: the formatter changes nothing, the type checker accepts all."""
    made: list[Path] = []

    @settings(max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
    @given(manifests())
    def write(manifest: Manifest) -> None:
        schema = schema_of(manifest)
        files = {"manifest.json": b"{}", "golden.json": b"{}", "wasm/plan.bin": b"abc"}
        folder = tmp_path / f"p{len(made)}"
        made.append(folder)
        for path, data in model_package(schema, files, embeds=True).items():
            if path.startswith("lib/"):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)

    write()
    files = [file for folder in made for file in sorted(folder.rglob("*.dart"))]
    assert len(made) >= 25
    assert dart.unformatted(files) == {}
    assert dart.problems(files, package_config(TEMPLATE, tmp_path / "packages.json")) == ""


@pytest.mark.parametrize("embeds", [True, False])
def test_numbers_without_names(dart: Dart, tmp_path: Path, embeds: bool) -> None:
    """An image, say: the input and the answer are flat lists; without a plan for Dart, `load` wants a host."""
    manifest = seal(replace(_EMPTY, inputs=(Signature("x", (1, 9, 9)),), outputs=(Signature("y", (1, 5)),)))
    schema = schema_of(manifest)
    files = {"manifest.json": b"{}", "golden.json": b"{}", "wasm/plan.bin": b"abc"}
    for path, data in model_package(schema, files, embeds).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    use = tmp_path / "lib" / "use.dart"
    host = "" if embeds else "const EmbeddedHost()"
    use.write_text(
        f"import 'dart:typed_data'; import 'm_model.dart'; Future<Float32List> use(Float32List x) async {{"
        f" final m = await {schema.model}.load({host}); return (await m.predict({schema.input}(x))).values; }}"
    )
    sources = sorted((tmp_path / "lib").rglob("*.dart"))
    assert dart.unformatted([file for file in sources if file != use]) == {}
    assert dart.problems(sources, package_config(TEMPLATE, tmp_path / "packages.json")) == ""


def test_the_shortest_use_is_three_lines(dart: Dart, clients: Path, bundle: Bundle, tmp_path: Path) -> None:
    """Those of docs/flutter.md, in the generated package of the health example."""
    page = (Path(__file__).parent.parent / "docs" / "flutter.md").read_text(encoding="utf-8")
    block = page.split("```dart\n")[1].split("```")[0]
    *imports, first, second, third = block.strip().splitlines()
    assert all(line.startswith("import ") or not line for line in imports)
    program = tmp_path / "short.dart"
    program.write_text("\n".join([*imports, "Future<void> main() async {", first, second, third, "}"]))
    done = dart.run(program, package_config(clients, tmp_path / "packages.json"))
    assert done.returncode == 0, summary(done)
    value, unit = done.stdout.split()
    assert unit == bundle.manifest.results[0].unit and 0 < float(value) < 400


def test_a_signature_by_openssl_as_documented(dart: Dart, tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "flutter.md").read_text(encoding="utf-8")
    (block,) = [text for text in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "openssl" in text]
    script = block.replace("BUNDLE_ID", "a" * 64)
    done = subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    key, signature = done.stdout.split()
    program = tmp_path / "verify.dart"
    program.write_text(
        "import 'dart:convert'; import 'package:edgekit_client/edgekit_client.dart';"
        "void main(List<String> a) { final r = Release(id: 'a' * 64, path: 'x', signature: base64Decode(a[1]));"
        "checkSignature('health_monitoring', r, base64Decode(a[0])); print('good'); }"
    )
    config = package_config(TEMPLATE, tmp_path / "packages.json")
    assert dart.run(program, config, key, signature).stdout == "good\n"
    other = base64.b64encode(bytes(32)).decode()
    assert "signed by somebody else" in dart.run(program, config, other, signature).stderr


def test_the_app_without_widgets(dart: Dart, clients: Path, tmp_path: Path) -> None:
    """The state of the demo app, and what its benchmark writes, with the model of the health example."""
    program = tmp_path / "controller_test.dart"
    shutil.copy(Path(__file__).parent / "dart_programs" / "controller_test.dart", program)
    assert run_tests(dart, clients, [program], tmp_path) == "5 of 5 passed"
