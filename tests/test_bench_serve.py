"""edgekit bench serve on the command line: what it says, what it refuses, how it ends. Nobody opens its page here."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from bench_bundles import busy_bundle
from fabricated import make_bundle

from edgekit.bench import address
from edgekit.bench.address import is_secure, page_address
from edgekit.cli import main
from edgekit.errors import InputError
from edgekit.store import Bundle

SAID = re.compile(
    r"open on the phone: http://127\.0\.0\.1:\d+/#[\w-]{22}\n"
    r"It is for one device, which has \d+ s to come\. Ctrl-C ends\.\n"
    r"Only this machine reaches it; for a phone add --lan, or use --on adb with a cable\.\n"
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return busy_bundle(tmp_path_factory.mktemp("bench") / "bundle", 0.1)


def test_nobody_comes(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "serve", str(bundle.root), "--port", "0", "--expires", "0", "--no-history", "--json"]
    assert main(command) == 3
    out, err = capsys.readouterr()
    assert SAID.fullmatch(err)
    said = json.loads(out)
    assert (said["exit_code"], said["runners"][0]["not_run"]) == (
        3,
        "no device opened the page within 0 s; start again and scan the code",
    )
    token = err.partition("#")[2].partition("\n")[0]
    assert token not in out, "the token is shown once, and kept nowhere"


def test_each_session_has_another_token() -> None:
    tokens = {address.new_token() for _ in range(100)}
    assert {len(token) for token in tokens} == {22}
    assert len(tokens) == 100


def test_ctrl_c_ends_it(bundle: Bundle) -> None:
    command = [sys.executable, "-m", "edgekit", "bench", "serve", str(bundle.root), "--port", "0", "--no-history"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = "".join(process.stderr.readline() for _ in range(3))
        os.kill(process.pid, signal.SIGINT)
        assert (process.wait(10), process.stderr.read()) == (130, "edgekit: interrupted\n")
    assert SAID.fullmatch(said)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["--lan", "--host", "10.0.0.1"], "--lan chooses the address by itself; leave out --lan or --host", id="two addresses"),
        pytest.param(["--target", "tfjs", "--build", "simd"], "the bundle {root} has no build 'simd' of tfjs; that target has no builds", id="no such build"),
        pytest.param(["--host", "203.0.113.1"], "203.0.113.1 is not an address of this machine; use --host 127.0.0.1", id="not ours"),
        pytest.param(["--port", "{taken}"], "port {taken} on 127.0.0.1 is in use; choose another with --port, or --port 0 for a free one", id="taken"),
        pytest.param(["--against", "{other}"], "{root} and {other} have different inputs, so they cannot be compared; give two versions of one model", id="another model"),
    ],
)  # fmt: skip
def test_what_is_refused_before_anybody_scans_a_code(
    bundle: Bundle, twenty: Bundle, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        values = {"root": bundle.root, "other": twenty.root, "taken": taken.getsockname()[1]}
        command = ["bench", "serve", str(bundle.root), *(option.format(**values) for option in options)]
        assert main(command) == 2
    assert capsys.readouterr().err == f"edgekit: {message.format(**values)}\n"


def test_a_bundle_without_a_target_for_browsers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    assert main(["bench", "serve", str(bundle.root), "--target", "wasm", "--build", "other", "--port", "0"]) == 2
    assert capsys.readouterr().err == (
        f"edgekit: the bundle {bundle.root} has no build 'other' of wasm; its builds are simd, scalar\n"
    )


@pytest.mark.parametrize(
    ("host", "expected", "secure"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:8009/#t", True, id="loopback"),
        pytest.param("::1", "http://[::1]:8009/#t", True, id="IPv6"),
        pytest.param("localhost", "http://localhost:8009/#t", True, id="its name"),
        pytest.param("192.168.1.7", "http://192.168.1.7:8009/#t", False, id="a network"),
        pytest.param("0.0.0.0", "http://192.168.1.7:8009/#t", False, id="all addresses"),
    ],
)
def test_the_address_for_the_phone(host: str, expected: str, secure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "lan_address", lambda: "192.168.1.7")
    assert (page_address(host, 8009, "t"), is_secure(host)) == (expected, secure)


def test_a_machine_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unconnected(socket.socket):
        def connect(self, where: object) -> None:
            raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "socket", Unconnected)
    with pytest.raises(InputError) as refused:
        address.lan_address()
    assert str(refused.value) == (
        "this machine has no address on a network; give the one that the phone reaches with --host"
    )
