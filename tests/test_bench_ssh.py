"""The runner ssh: a real agent in a real process; what is made up is the line: a program `ssh` that runs it here."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import edgekit
from edgekit.bench.agent import MODULES
from edgekit.bench.runners import make_runner
from edgekit.bench.runners.spec import Conditions
from edgekit.bench.runners.ssh import VARIABLE, Agent, pack
from edgekit.errors import CheckFailed, InputError, NotAvailable
from edgekit.golden import PATH as GOLDEN
from edgekit.golden import decode
from edgekit.runtimes import litert
from edgekit.store import Bundle

#: Writes down what it was asked for, then runs the command as the other side's shell would, after some noise.
FAKE = """#!/bin/sh
for argument; do printf '%s\\n' "$argument"; done > "$EDGEKIT_TEST_ASKED"
while [ "$1" != -- ]; do shift; done
shift 2
echo 'Welcome to the board!'
{extra}
exec sh -c "$1"
"""


@dataclass
class Board:
    """The other side: its home, and the program that leads there."""

    home: Path
    program: Path
    asked: Path

    def says(self, extra: str) -> None:
        self.program.write_text(FAKE.format(extra=extra))

    def files(self) -> set[str]:
        return {f.suffix for f in (self.home / "edgekit" / "bench").iterdir()}


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    made = Board(tmp_path / "cache", tmp_path / "bin" / "ssh", tmp_path / "asked")
    made.program.parent.mkdir()
    made.says("")
    made.program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{made.program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(made.home))
    monkeypatch.setenv("EDGEKIT_TEST_ASKED", str(made.asked))
    monkeypatch.setenv(VARIABLE, sys.executable)
    return made


def needs_interpreter() -> None:
    try:
        litert.version()
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")


def test_a_model_is_sent_once_visited_and_answers_as_here(board: Board, twenty: Bundle) -> None:
    needs_interpreter()
    golden = decode(twenty.read(GOLDEN))
    runner = make_runner("ssh:pi@board", Conditions(threads=1), [twenty])
    assert runner.name == "ssh:pi@board"
    with runner.open() as session:
        assert (session.device.runtime, session.device.conditions) == (litert.version(), {"threads": "1"})
        seat = session.seat(twenty)
        visit = seat.visit()
        answers = seat.predict(golden.inputs)
    assert board.asked.read_text().splitlines()[:8] == [
        "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "--",
    ]  # fmt: skip
    assert {"cold", "load", "first", "p50", "memory"} <= visit.values.keys()
    assert answers.tobytes() == golden.quantized.tobytes()
    assert board.files() == {".zip", ".tflite"}, "nothing half written is left"
    model = next((board.home / "edgekit" / "bench").glob("*.tflite"))
    before = model.stat().st_mtime_ns
    with runner.open() as session:
        session.seat(twenty)
    assert model.stat().st_mtime_ns == before, "it was there"
    model.write_bytes(b"damaged")
    with runner.open() as session:
        session.seat(twenty)
    assert model.stat().st_size > 7, "a damaged file is sent again"


def test_the_agent_is_whole(tmp_path: Path) -> None:
    """Its modules import each other, the standard library, numpy and a TFLite runtime; nothing else of edgekit."""
    root = Path(edgekit.__file__).parent
    for name in MODULES:
        path = root / name.replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text())):
            full = (
                [f"{node.module}.{a.name}" for a in node.names]
                if isinstance(node, ast.ImportFrom)
                else [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            for imported in full:
                top, _, rest = imported.partition(".")
                assert top in sys.stdlib_module_names | {"numpy", "ai_edge_litert", "tflite_runtime", "edgekit"}
                assert top != "edgekit" or {rest, rest.rpartition(".")[0]} & {*MODULES}, f"{name} imports {imported}"
    packed = tmp_path / "agent.zip"
    packed.write_bytes(pack())
    code = "import edgekit.bench.agent as agent; print(agent.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(packed)}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == f"{packed}/edgekit/bench/agent.py"
    assert packed.stat().st_size < 64 << 10


@pytest.mark.parametrize(
    ("host", "written"),
    [
        pytest.param("-oProxyCommand=touch /tmp/x", "'-oProxyCommand=touch /tmp/x'", id="an option"),
        pytest.param("", "''", id="none"),
        pytest.param("a b", "'a b'", id="two words"),
        pytest.param("board;reboot", "'board;reboot'", id="a command"),
        pytest.param("board\n", r"'board\n'", id="a line"),
        pytest.param("$(id)", "'$(id)'", id="a substitution"),
    ],
)
def test_hosts_that_are_none(host: str, written: str) -> None:
    with pytest.raises(InputError) as refused:
        Agent(host)
    assert str(refused.value) == (
        f"{written} is not a host for ssh; write ssh:HOST or ssh:USER@HOST, names of ~/.ssh/config too"
    )


def test_conditions_of_a_browser_are_refused() -> None:
    with pytest.raises(InputError, match=r"^--cpu-throttle is for browsers; the runner ssh cannot do it"):
        make_runner("ssh:board", Conditions(cpu_throttle=4)).open().__enter__()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        pytest.param(
            "echo 'ssh: connect to host board port 22: Connection refused' >&2; exit 255",
            "board: ssh: connect to host board port 22: Connection refused",
            id="nobody listens",
        ),
        pytest.param("exit 255", "board: ssh ended with exit code 255", id="it says nothing"),
        pytest.param(
            "echo 'edgekit-agent/1 {\"missing\": \"no interpreter\"}'; cat > /dev/null",
            "board: no interpreter",
            id="no runtime there",
        ),
        pytest.param(
            "echo 'edgekit-agent/1 {\"error\": \"OSError: disk full\"}'; cat > /dev/null",
            "board failed: OSError: disk full",
            id="it fails",
        ),
        pytest.param("echo 'edgekit-agent/1 3'; cat > /dev/null", "board sent what is not a JSON object", id="not an object"),
        pytest.param(
            "echo 'edgekit-agent/1 {\"runtime\": 1, \"system\": \"x\"}'; cat > /dev/null",
            "what board says of itself: runtime must be text, not a whole number",
            id="another shape",
        ),
    ],
)  # fmt: skip
def test_what_the_other_side_says_is_told(board: Board, extra: str, message: str) -> None:
    board.says(extra)
    with (
        pytest.raises((NotAvailable, CheckFailed, InputError)) as ended,
        make_runner("ssh:board", Conditions()).open(),
    ):
        pass
    assert str(ended.value) == message


def test_without_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailable) as ended, make_runner("ssh:board", Conditions()).open():
        pass
    assert str(ended.value) == "there is no ssh on this machine; install OpenSSH's client"


@pytest.mark.parametrize(
    ("message", "data", "expected"),
    [
        pytest.param(
            {"do": "put", "sha256": "../../x", "bytes": 1},
            b"x",
            "board failed: ValueError: that is no sha256",
            id="path",
        ),
        pytest.param(
            {"do": "put", "sha256": "ab" * 32, "bytes": 1},
            b"x",
            "board failed: ValueError: the file did not arrive whole",
            id="another file",
        ),
        pytest.param({"do": "rm"}, b"", "board failed: KeyError: 'rm'", id="no such work"),
    ],
)
def test_the_agent_refuses(board: Board, message: dict[str, Any], data: bytes, expected: str) -> None:
    with Agent("board") as agent, pytest.raises(CheckFailed) as failed:
        agent.ask(message, data)
    assert str(failed.value) == expected
    assert board.files() == {".zip"}


def find_sshd() -> str:
    """Return an sshd that can run here; run by root it wants a user and a folder of its own (privilege separation)."""
    if chosen := os.environ.get("EDGEKIT_SSHD"):
        return chosen
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    is_ready = os.geteuid() != 0 or Path("/run/sshd").is_dir()
    if not Path(program).is_file() or not shutil.which("ssh") or not is_ready:
        pytest.skip("not run: there is no sshd that can run here; install openssh-server or set EDGEKIT_SSHD")
    return program


def test_over_a_real_sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twenty: Bundle) -> None:
    """OpenSSH on both sides, with keys of its own; the server has the client's pipe for a line, and ends with it."""
    needs_interpreter()
    server = find_sshd()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    shutil.copy(tmp_path / "user.pub", tmp_path / "authorized")
    settings = tmp_path / "sshd_config"
    settings.write_text(
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized\nStrictModes no\nUsePAM no\nPidFile none\n"
        f"SetEnv XDG_CACHE_HOME={tmp_path}/cache\n"
    )
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.parent.mkdir()
    known = f"board {(tmp_path / 'host.pub').read_text()}"
    (tmp_path / "known").write_text(known)
    client = tmp_path / "config"
    client.write_text(
        f"Host board\n IdentityFile {tmp_path}/user\n IdentitiesOnly yes\n UserKnownHostsFile {tmp_path}/known\n"
        f" HostKeyAlias board\n ProxyCommand {server} -i -f {settings} -E {tmp_path}/log\n"
    )
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {client} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    monkeypatch.setenv(VARIABLE, sys.executable)
    try:
        with make_runner("ssh:board", Conditions()).open() as session:
            seat = session.seat(twenty)
            golden = decode(twenty.read(GOLDEN))
            assert seat.predict(golden.inputs).tobytes() == golden.quantized.tobytes()
            assert seat.visit().values["p50"] > 0
    except NotAvailable as error:
        raise AssertionError(f"{error}: {(tmp_path / 'log').read_text()}") from None
    assert len(list((tmp_path / "cache").rglob("*.tflite"))) == 1
