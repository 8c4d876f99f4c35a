"""The README and docs/ say what is so: every block is run, pages that follow from the code are up to date."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import Trained

from edgekit import config, config_daily
from edgekit.cli import COMMANDS
from edgekit.export import Exported
from edgekit.runtimes.chromium import Browser
from edgekit.runtimes.litert import Interpreter
from edgekit.server import Server, site
from edgekit.store import Bundle

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = ("sh", "python", "js", "toml")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REASON = re.compile(r"<!-- not run: (.+?) -->\n\Z")
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    text: str
    reason: str  # why it is not run

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            before = REASON.search(text[: match.start()])
            line = text.count("\n", 0, match.start()) + 1
            yield Block(page.relative_to(ROOT).as_posix(), line, match[1], match[2], before[1] if before else "")


BLOCKS = [b for b in blocks() if b.language in RUN]


def to_run(language: str) -> list[Block]:
    return [b for b in BLOCKS if b.language == language and not b.reason]


@pytest.fixture(scope="module")
def example(trained: Trained, exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has before them: the trained example with its bundle."""
    folder = tmp_path_factory.mktemp("docs") / "example"
    shutil.copytree(trained.folder, folder)
    shutil.copytree(exported.bundle.root, folder / "bundle")
    return folder


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The empty folder of a reader of the tutorial, which goes from one block to the next."""
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An `edgekit` of this interpreter first on PATH, whether it is installed or not."""
    folder = tmp_path_factory.mktemp("bin")
    shim = folder / "edgekit"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edgekit "$@"\n')
    shim.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


def bounded(script: str) -> str:
    """Let `edgekit serve` end by itself."""
    return re.sub(r"^(edgekit serve (?!.*--check)[^\n]*?)$", r"\1 --port 0 --check", script, flags=re.MULTILINE)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.parametrize("block", to_run("sh"), ids=str)
def test_sh_block(block: Block, example: Path, newcomer: Path, environment: dict[str, str]) -> None:
    folder = newcomer if block.page == "docs/tutorial.md" else example
    run(["sh", "-eu", "-c", bounded(block.text)], folder, environment)


@pytest.mark.parametrize("block", to_run("python"), ids=str)
def test_python_block(block: Block, example: Path, environment: dict[str, str]) -> None:
    assert run([sys.executable, "-c", block.text], example, environment)


@pytest.mark.parametrize("block", to_run("toml"), ids=str)
def test_toml_block(block: Block, tmp_path: Path) -> None:
    (tmp_path / config.FILE_NAME).write_text(block.text, encoding="utf-8")
    assert config.read_config(tmp_path / config.FILE_NAME) != config.Config()


@pytest.mark.parametrize("block", to_run("js"), ids=str)
def test_js_block(block: Block, bundle: Bundle, browser: Browser, tmp_path: Path) -> None:
    """Run it as a module of a page that has an <output>, under the headers of hosting; Python answers the same."""
    (tmp_path / "block.js").write_text(block.text, encoding="utf-8")
    (tmp_path / "block.html").write_text("<output></output><script type=module src=block.js></script>")
    files = site(bundle) | {f"/{name}": tmp_path / name for name in ("block.js", "block.html")}
    with Server(files) as server, browser.page(server.url) as tab:
        tab.page.goto(f"{server.url}block.html")
        tab.page.wait_for_selector("output:not(:empty)")
        shown = float(tab.page.inner_text("output"))
        assert tab.complaints == []
    given = dict(re.findall(r"'([^']+)': ([\d.]+|'[^']*')", block.text))
    features = bundle.manifest.features
    assert given.keys() == {f.name for f in features}
    row = [f.categories.index(v[1:-1]) if (v := given[f.name])[0] == "'" else float(v) for f in features]
    (expected,) = Interpreter(bundle.read("tflite/model.tflite")).run(np.array([row], np.float32))[0]
    assert shown == expected


def test_there_are_blocks_of_each_language() -> None:
    assert {language: len(to_run(language)) > 0 for language in RUN} == dict.fromkeys(RUN, True)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.reason], ids=str)
def test_a_block_that_is_not_run_says_why(block: Block) -> None:
    assert len(block.reason.split()) >= 3


def test_the_readme_shows_the_commands_of_the_example() -> None:
    """What `make demo` runs is what the README tells a user to type."""
    script = (ROOT / "examples/health_monitoring/demo.sh").read_text(encoding="utf-8")
    typed = next(b.text for b in to_run("sh") if b.page == "README.md").splitlines()
    assert len(typed) == 5
    for line in typed:
        assert f"run {line}" in script


def test_pages_follow_from_the_code() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_is_documented() -> None:
    page, readme = (p.read_text(encoding="utf-8") for p in (ROOT / "docs/cli.md", ROOT / "README.md"))
    for name in COMMANDS:
        assert f"\n## edgekit {name}\n" in page
        assert f"`{name}`" in readme


def test_every_key_of_the_settings_is_documented() -> None:
    page = (ROOT / "docs/edgekit-toml.md").read_text(encoding="utf-8")
    for kind in (*vars(config).values(), *vars(config_daily).values()):
        if isinstance(kind, type) and kind.__module__ in (config.__name__, config_daily.__name__):
            for key, annotation in kind.__annotations__.items():
                assert "Config" in annotation or f"\n| `{key}` |" in page, f"{kind.__name__}.{key}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        assert file.is_relative_to(ROOT), f"{page.name} links out of the repository: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}"


def test_files_that_are_named_exist() -> None:
    """Paths in backquotes or in running text that look like files of this repository."""
    path = re.compile(r"(?<![\w/.])((?:edgekit|wasm|tests|scripts|templates|examples|docs)/[\w./-]+\.\w+)")
    for page in PAGES:
        for name in path.findall(page.read_text(encoding="utf-8")):
            in_a_bundle = page.name == "bundle.md" and name.startswith("wasm/plan")
            assert (ROOT / name).exists() or "NAME" in name or in_a_bundle, f"{page.name}: {name}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
