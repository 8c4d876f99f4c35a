"""The runner `ssh:USER@HOST`: the TFLite interpreter of a small device, such as a Raspberry Pi, by way of ssh."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import queue
import re
import shlex
import shutil
import subprocess
import threading
import zipfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import edgekit
from edgekit.bench import agent_boot
from edgekit.bench.agent import MARK, MODULES
from edgekit.bench.records import Device, Subject, Visit
from edgekit.bench.remote_protocol import check_texts
from edgekit.bench.runner import Rows
from edgekit.bench.runners.local import refuse
from edgekit.bench.runners.spec import Conditions, Spec, subject_of, target_of
from edgekit.bench.visits import visit_of
from edgekit.errors import CheckFailed, InputError, NotAvailable
from edgekit.manifest import FileEntry
from edgekit.plain import read
from edgekit.store import Bundle

TARGETS = ("tflite",)
#: Names the Python of the other side, where `python3` is not the one with a TFLite runtime.
VARIABLE = "EDGEKIT_REMOTE_PYTHON"
#: No question is asked on the terminal: keys are ssh's own matter.
OPTIONS = ("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15")
_HOST = re.compile(r"[A-Za-z0-9_][\w.@%:-]*\Z", re.ASCII)
_ANSWER_SECONDS, _END_SECONDS = 330.0, 10.0
_MOST_NUMBERS = 1 << 18
_MAX_LINE = 64 << 20


@dataclass(frozen=True)
class Hello:
    """What the agent says of its device."""

    runtime: str
    system: str
    processor: str = ""
    processors: int = 0
    features: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SshRunner:
    """A visit is a process over there; the line is used before and after, never while it measures."""

    spec: Spec
    conditions: Conditions

    @property
    def name(self) -> str:
        """The spec."""
        return str(self.spec)

    @contextmanager
    def open(self) -> Iterator[SshSession]:
        """Start the agent; raises NotAvailable with what ssh or the other side says."""
        refuse(self.spec.name, self.conditions)
        with Agent(self.spec.address) as agent:
            threads = self.conditions.threads or 1
            hello = read(Hello, agent.ask({"do": "hello"}), f"what {self.spec.address} says of itself")
            check_texts(
                {"runtime": hello.runtime, "system": hello.system, "processor": hello.processor, **hello.hints},
                f"what {self.spec.address} says of itself",
            )
            device = Device(
                hello.runtime, hello.system, hello.processor, hello.processors, tuple(sorted(hello.features)),
                {"threads": str(threads)}, dict(hello.hints),
            )  # fmt: skip
            yield SshSession(self.spec, agent, device, threads)


@dataclass(frozen=True, eq=False)
class SshSession:
    """A device with the agent running."""

    spec: Spec
    agent: Agent
    device: Device
    threads: int

    def seat(self, bundle: Bundle) -> SshSeat:
        """Send the model, unless a file of its hash is there."""
        target, entry = target_of(bundle, self.spec, TARGETS)
        model = next(f for f in entry.files if f.role == "model")
        if not self.agent.ask({"do": "have", "sha256": model.sha256}).get("have"):
            self.agent.ask({"do": "put", "sha256": model.sha256, "bytes": model.bytes}, bundle.read(model.path))
        return SshSeat(subject_of(bundle, target), self, model)


@dataclass(frozen=True, eq=False)
class SshSeat:
    """A .tflite model that is there."""

    subject: Subject
    session: SshSession
    model: FileEntry

    def visit(self) -> Visit:
        """Start a process over there; raises CheckFailed where that ends badly."""
        reply = self.session.agent.ask({"do": "visit", **self._which()})
        values, calls = reply.get("values"), reply.get("calls")
        if not isinstance(values, dict) or not isinstance(calls, list):
            raise CheckFailed(f"{self.session.agent.host} sent a visit without values and calls")
        return visit_of(values, calls)

    def predict(self, rows: Rows) -> Rows:
        """Answer float32 [rows, inputs flattened] with float32 [rows, outputs flattened]."""
        answers = []
        step = max(1, _MOST_NUMBERS // rows.shape[1])
        for start in range(0, len(rows), step):
            part = np.ascontiguousarray(rows[start : start + step], "<f4")
            given = {"rows": base64.b64encode(part.tobytes()).decode(), "shape": part.shape}
            reply = self.session.agent.ask({"do": "predict", **self._which(), **given})
            try:
                answers.append(np.frombuffer(base64.b64decode(reply["outputs"]), "<f4").reshape(len(part), -1))
            except (KeyError, ValueError, TypeError):
                raise CheckFailed(f"{self.session.agent.host} sent answers that are no table of numbers") from None
        return np.concatenate(answers)

    def _which(self) -> dict[str, Any]:
        return {"sha256": self.model.sha256, "threads": self.session.threads}


class Agent:
    """The agent at the other end of an ssh, while the `with` block lasts."""

    def __init__(self, host: str) -> None:
        """Prepare; raises InputError for a host that ssh could take for an option."""
        if not _HOST.match(host):
            raise InputError(
                f"{host!r} is not a host for ssh; write ssh:HOST or ssh:USER@HOST, names of ~/.ssh/config too"
            )
        self.host = host
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._said: deque[str] = deque(maxlen=20)

    def __enter__(self) -> Agent:
        program = shutil.which("ssh")
        if program is None:
            raise NotAvailable("there is no ssh on this machine; install OpenSSH's client")
        python = os.environ.get(VARIABLE) or "python3"
        boot = Path(agent_boot.__file__).read_text(encoding="utf-8")
        command = f"exec {shlex.quote(python)} -u -c {shlex.quote(boot)}"
        self._process = subprocess.Popen(
            [program, *OPTIONS, "--", self.host, command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._readers = [threading.Thread(target=work, daemon=True) for work in (self._read, self._hear)]
        for reader in self._readers:
            reader.start()
        packed = pack()
        try:
            self._write(f"{len(packed)}\n".encode() + packed)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError):  # it is gone already
            self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(_END_SECONDS)

    def ask(self, message: Mapping[str, Any], data: bytes = b"") -> dict[str, Any]:
        """Send a message and return the answer. Raises NotAvailable where the line or the runtime is missing."""
        self._write(json.dumps(message).encode() + b"\n" + data)
        try:
            line = self._lines.get(timeout=_ANSWER_SECONDS)
        except queue.Empty:
            raise NotAvailable(f"{self.host} did not answer within {_ANSWER_SECONDS:g} s") from None
        if line is None:
            raise self._lost()
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise CheckFailed(f"{self.host} sent what is not a JSON object")
        if "missing" in reply:
            raise NotAvailable(f"{self.host}: {str(reply['missing'])[:300]}")
        if "error" in reply:
            raise CheckFailed(f"{self.host} failed: {str(reply['error'])[:300]}")
        return reply

    def _write(self, data: bytes) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError:
            raise self._lost() from None

    def _lost(self) -> NotAvailable:
        self._process.wait(_END_SECONDS)
        self._readers[1].join(_END_SECONDS)
        why = self._said[-1] if self._said else f"ssh ended with exit code {self._process.returncode}"
        return NotAvailable(f"{self.host}: {why}")

    def _read(self) -> None:
        assert self._process.stdout
        mark = MARK.encode()
        while line := self._process.stdout.readline(_MAX_LINE):
            if line.startswith(mark):
                self._lines.put(line[len(mark) :])
        self._lines.put(None)

    def _hear(self) -> None:
        assert self._process.stderr
        while line := self._process.stderr.readline(4096):
            if text := line.decode(errors="replace").strip():
                self._said.append(text[:300])


def pack() -> bytes:
    """Return the zip of the agent's modules, of this very edgekit."""
    root = Path(edgekit.__file__).parent
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in MODULES:
            path = root / name.replace(".", "/")
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            archive.writestr(zipfile.ZipInfo(f"edgekit/{file.relative_to(root).as_posix()}"), file.read_bytes())
    return made.getvalue()


def make(spec: Spec, conditions: Conditions) -> SshRunner:
    """Return the runner; raises InputError for a host that is none."""
    Agent(spec.address)
    return SshRunner(spec, conditions)
