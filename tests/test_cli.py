"""The command line: what it loads, what it prints where, and its exit codes."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

import edgekit
from edgekit import cli
from edgekit.cli import COMMANDS, Commands, main
from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import json_option, one_line
from edgekit.errors import CheckFailed, EdgekitError, InputError, NotAvailable
from edgekit.manifest import Signature

PYTHON = [sys.executable, "-m", "edgekit"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(edgekit.__file__).parents[1])}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Put a command `fake` into the table that does what a test wants."""

    def install(act: Callable[[], Any]) -> None:
        @click.command("fake")
        @click.option("--rows", type=int)
        @json_option
        def command(rows: int | None, as_json: bool) -> Any:
            return act()

        module = types.ModuleType("edgekit.cli.fake")
        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "edgekit.cli.fake", module)
        monkeypatch.setattr(cli, "COMMANDS", {"fake": ("edgekit.cli.fake", "Do it.")})

    return install


def raising(error: BaseException) -> Callable[[], Any]:
    def act() -> None:
        raise error

    return act


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from edgekit.cli import main; code = main(['--help'])\n"
        "heavy = {'numpy', 'rich', 'tensorflow', 'pyarrow', 'playwright'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy), 'code:', code)"
    )
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    print("\n".join(sorted(run.stderr.splitlines(), key=lambda line: line.split("|")[1:2])[-8:]))
    assert run.stdout.splitlines()[-1] == "heavy: [] code: 0"
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in run.stdout
        assert text.split()[0] in run.stdout


def commands_of(rows: Mapping[str, tuple[str, str]]) -> Iterator[tuple[click.Command, str, str]]:
    """Yield each command with the name and the help that its table gives it; of a group also its parts."""
    for name, (module, text) in rows.items():
        command = importlib.import_module(module).command
        yield command, name, text
        if isinstance(command, Commands):
            yield from commands_of(command.rows)


def test_the_tables_and_the_commands_agree() -> None:
    for command, name, text in commands_of(COMMANDS):
        assert command.name == name
        assert (command.help or "").splitlines()[0] == text
        flags = {flag for option in command.params for flag in option.opts}
        assert "--json" in flags or isinstance(command, Commands), name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"edgekit {edgekit.__version__}\n"


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        pytest.param(EdgekitError("no"), 1, "no", id="any expected failure"),
        pytest.param(CheckFailed("too far off"), 1, "too far off", id="a check said no"),
        pytest.param(InputError("x.csv is empty"), 2, "x.csv is empty", id="bad input"),
        pytest.param(NotAvailable("no browser"), 3, "no browser", id="something is missing"),
        pytest.param(InputError("a\nb\x1b[2J\u202ec"), 2, "a b\\x1b[2J\\u202ec", id="nothing steers the terminal"),
        pytest.param(KeyboardInterrupt(), 130, "interrupted", id="Ctrl-C"),
        pytest.param(
            ZeroDivisionError("1/0"),
            70,
            "this is a bug in edgekit (ZeroDivisionError: 1/0); please report it with what EDGEKIT_DEBUG=1 prints",
            id="a bug",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    fake: Any, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, sentence: str
) -> None:
    fake(raising(error))
    assert main(["fake"]) == code
    assert capsys.readouterr() == ("", f"edgekit: {sentence}\n")
    assert main(["fake", "--json"]) == code
    out, err = capsys.readouterr()
    assert err == f"edgekit: {sentence}\n"
    assert json.loads(out) == {"error": {"message": sentence, "exit_code": code}}


def test_a_bug_shows_where_when_asked(
    fake: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(raising(ZeroDivisionError()))
    monkeypatch.setenv("EDGEKIT_DEBUG", "1")
    assert main(["fake"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "what", "help_of"),
    [
        pytest.param(["nope"], "No such command 'nope'", "edgekit", id="an unknown command"),
        pytest.param(["fake", "--nope"], "No such option", "edgekit fake", id="an unknown option"),
        pytest.param(["fake", "--rows", "many"], "Invalid value for '--rows'", "edgekit fake", id="a wrong type"),
        pytest.param(["fake", "more"], "Got unexpected extra argument", "edgekit fake", id="an extra argument"),
    ],
)
def test_wrong_usage(
    fake: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], what: str, help_of: str
) -> None:
    """The middle of the sentence is click's own and changes with its version."""
    fake(lambda: None)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"edgekit: {what}")
    assert err.endswith(f" (see {help_of} --help)\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_what_a_command_returns_is_the_exit_code(fake: Any, returned: int | None, code: int) -> None:
    fake(lambda: returned)
    assert main(["fake"]) == code


@pytest.mark.parametrize(
    ("missing", "code", "sentence"),
    [
        pytest.param(
            "playwright.sync_api",
            3,
            "edgekit show needs the extra [browser]: pip install 'edgekit[browser]'",
            id="an extra brings it",
        ),
        pytest.param(
            "numpie",
            70,
            "this is a bug in edgekit (ModuleNotFoundError: x); please report it with what EDGEKIT_DEBUG=1 prints",
            id="no extra brings it",
        ),
    ],
)
def test_a_command_that_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    missing: str,
    code: int,
    sentence: str,
) -> None:
    (tmp_path / "ek_needy.py").write_text(f"raise ModuleNotFoundError('x', name='{missing}')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(cli, "COMMANDS", {"show": ("ek_needy", "Show it.")})
    assert main(["show"]) == code
    assert capsys.readouterr() == ("", f"edgekit: {sentence}\n")


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: edgekit ")


@pytest.mark.parametrize(
    "act",
    [
        pytest.param("click.echo('help')", id="a line"),
        pytest.param("table('T', ['a'], [['x' * 50]] * 5000)", id="a table larger than the pipe's buffer"),
        pytest.param("emit_json(['x' * 50] * 5000)", id="JSON"),
    ],
)
def test_a_reader_that_goes_away_is_no_error(act: str) -> None:
    script = (
        "import sys, types, click, edgekit.cli as cli; from edgekit.cli.console import emit_json, table\n"
        f"fake = types.ModuleType('fake'); fake.command = click.Command('fake', callback=lambda: {act})\n"
        "sys.modules['fake'] = fake; cli.COMMANDS = {'fake': ('fake', 'Do it.')}\n"
        "sys.exit(cli.main(['fake']))"
    )
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (run.returncode, run.stderr) == (141, b"")


def test_names_that_a_terminal_cannot_show(tmp_path: Path) -> None:
    run = subprocess.run(
        [*PYTHON, "init", str(tmp_path / "дом")],
        env={**ENVIRONMENT, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert rb"\u0434\u043e\u043c/edgekit.toml" in run.stdout


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain ü 😀", "plain ü 😀"),
        ("a\nb", "a b"),
        ("\x1b]0;t\x07", "\\x1b]0;t\\x07"),
        ("\udcff", "\\udcff"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_table_is_neither_cut_nor_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table("Files", ["path", "bytes"], [["[red]" + "x" * 200, 7], ["e\x1b[2J :smile:", "1,234"]])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].strip() == "Files"
    assert any("[red]" + "x" * 200 in line for line in lines)
    assert any("e\\x1b[2J :smile:" in line and line.endswith("1,234 │") for line in lines)
    assert any(line.endswith("    7 │") for line in lines), "numbers to the right"


def test_json_is_ascii_and_takes_dataclasses(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"signature": Signature("größe", (1, 2))})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"signature": {"name": "größe", "shape": [1, 2], "dtype": "float32"}}


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as progress:
        progress("reading", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_draws_on_a_terminals_stderr_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar() as progress:
        progress("reading", 0, 0)
        progress("reading", 1, 2)
        progress("writing", 2, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "reading" in err or "writing" in err


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the stage that reads models, so that these tests need no TensorFlow."""
    module = types.ModuleType("edgekit.load")
    model = types.SimpleNamespace(name="health", inputs=(Signature("in", (1, 2)),), output_elements=1)
    module.load = lambda path, work, progress: model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "edgekit.load", module)
    monkeypatch.delitem(sys.modules, "edgekit.cli.init", raising=False)


@pytest.mark.usefixtures("loader")
class TestInit:
    def test_it_writes_and_says_so(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        data = tmp_path / "d.csv"
        data.write_text("age,bmi,risk\n40,20.5,1\n60,30,2\n")
        arguments = ["init", str(tmp_path), "--model", "m.keras", "--data", str(data), "--label", "risk"]
        assert main(arguments) == 0
        file = tmp_path / "edgekit.toml"
        assert capsys.readouterr() == (f"wrote {file}; read its comments, and correct units and ranges\n", "")
        assert 'column = "age"' in file.read_text()
        assert main(arguments) == 2
        assert capsys.readouterr() == ("", f"edgekit: {file} is there already; add --force to overwrite it\n")
        assert main([*arguments, "--force", "--json"]) == 0
        out, err = capsys.readouterr()
        assert (json.loads(out), err) == ({"path": str(file)}, "")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            pytest.param(
                ["--data", "d.csv"],
                "--data needs --model, which says how many numbers a row has (see edgekit init --help)",
                id="data alone",
            ),
            pytest.param(
                ["--model", "m.keras", "--data", "none.csv"],
                "none.csv: there is no such file; check the path of the data",
                id="no such data",
            ),
            pytest.param(
                ["--model", "m.keras", "--label", "a", "--label", "a"],
                "edgekit init --label: [[outputs]]: the name 'a' is there 2 times; give each its own",
                id="a label twice",
            ),
        ],
    )
    def test_bad_input_writes_nothing(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        sentence: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["init", *arguments]) == 2
        assert capsys.readouterr() == ("", f"edgekit: {sentence}\n")
        assert list(tmp_path.iterdir()) == []
