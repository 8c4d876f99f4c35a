"""A real Dart VM, its type checker and the official formatter, as scripts/setup_dart.sh puts them into a cache."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STUBS = ROOT / "tests" / "dart_stubs"
TEMPLATE = ROOT / "templates" / "flutter"
#: The VM is of Dart 3.7, the packages ask for 3.10: the template keeps to what both have.
LANGUAGE = "3.7"
#: Libraries that only browsers have, and what stands in for them.
BROWSER_ONLY = {"dart:js_interop": "package:js_interop/js_interop.dart"}


@dataclass(frozen=True)
class Dart:
    """The tools; `check` compiles without running, `run` runs, `unformatted` asks the formatter."""

    home: Path

    def run(self, file: Path, config: Path, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        command = [self.home / "dart", f"--packages={config}", file, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    def problems(self, files: Iterable[Path], config: Path) -> str:
        """Return what the type checker says of files that one program may import together; "" for nothing."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "all.dart"
            whole = [file for file in files if not file.read_text(encoding="utf-8").startswith("part of ")]
            imports = [f"import '{file.resolve().as_uri()}' as f{i};" for i, file in enumerate(whole)]
            program.write_text("\n".join([*imports, "void main() {}"]))
            done = self.run(program, config, timeout=120)
        return "" if done.returncode == 0 else done.stderr + done.stdout

    def unformatted(self, files: Iterable[Path]) -> dict[str, str]:
        """Return what the formatter would make of the files that it would change."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as names:
            json.dump([str(file) for file in files], names)
            names.flush()
            script, module = ROOT / "tests" / "dart_format.mjs", self.home / "dart_fmt" / "dart_fmt_node.js"
            done = subprocess.run(
                [self.home / "node", script, module, names.name],
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
        return {found["file"]: found.get("formatted", found.get("error")) for found in json.loads(done.stdout)}


def find_dart() -> Dart:
    """Set the tools up once for all runs; skip, and say so, where they cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgekit" / "dart-3.7.3"
    done = subprocess.run(
        ["sh", str(ROOT / "scripts" / "setup_dart.sh"), str(cache)], capture_output=True, text=True, check=False
    )
    if done.returncode == 3:
        pytest.skip(f"not run: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return Dart(cache)


def package_config(workspace: Path, out: Path) -> Path:
    """Write the package_config.json that `pub get` would: the workspace's packages, and stubs for all others."""
    folders = [
        p.parent
        for p in [*workspace.glob("packages/*/pubspec.yaml"), workspace / "app" / "pubspec.yaml"]
        if p.is_file()
    ]
    packages = {package_name(folder): folder for folder in folders}
    for stub in STUBS.iterdir():
        packages.setdefault(stub.name, stub)
    entries = [
        {"name": name, "rootUri": folder.resolve().as_uri(), "packageUri": "lib/", "languageVersion": LANGUAGE}
        for name, folder in packages.items()
    ]
    out.write_text(json.dumps({"configVersion": 2, "packages": entries}))
    return out


def package_name(folder: Path) -> str:
    match = re.search(r"^name: (\w+)$", (folder / "pubspec.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert match, folder
    return match[1]


def dart_files(workspace: Path) -> list[Path]:
    return sorted(file for file in workspace.rglob("*.dart") if "dart_tool" not in file.as_posix())


def for_vm(workspace: Path, out: Path) -> Path:
    """Copy a workspace with the browser's libraries replaced by stubs, so that its web code is type-checked too."""
    shutil.copytree(workspace, out, ignore=shutil.ignore_patterns("assets"))
    for file in dart_files(out):
        text = file.read_text(encoding="utf-8")
        for name, stub in BROWSER_ONLY.items():
            text = text.replace(f"'{name}'", f"'{stub}'")
        file.write_text(text, encoding="utf-8")
    return out


def summary(done: subprocess.CompletedProcess[str]) -> str:
    return f"exit code {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
