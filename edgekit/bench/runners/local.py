"""What the runners on this machine share: its fingerprint, and a child process for every visit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from edgekit.bench import machine
from edgekit.bench.records import Device
from edgekit.bench.runners.spec import Conditions
from edgekit.errors import CheckFailed, InputError

_TIMEOUT_SECONDS = 300


def refuse(name: str, conditions: Conditions) -> None:
    """Refuse what only a browser can be set to, with an InputError."""
    asked = [("--cpu-throttle", conditions.cpu_throttle != 1), ("--network", conditions.network != "")]
    asked += [("--not-isolated", not conditions.isolated), ("--vitals", conditions.vitals)]
    for option, given in asked:
        if given:
            raise InputError(f"{option} is for browsers; the runner {name} cannot do it, so leave one of them out")


def here(runtime: str, conditions: dict[str, str]) -> Device:
    """Describe this machine."""
    return Device(
        runtime,
        machine.system(),
        machine.processor(),
        machine.processors(),
        machine.flags(),
        conditions,
        machine.hints(),
    )


def ask(command: Sequence[str]) -> dict[str, Any]:
    """Return the JSON object that a process prints."""
    reply: dict[str, Any] = json.loads(output(command))
    return reply


def output(command: Sequence[str], given: bytes = b"") -> bytes:
    """Run a process and return what it prints; raises CheckFailed with its last line where it ends badly."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CheckFailed(f"a visit gave no answer within {_TIMEOUT_SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise CheckFailed(f"a visit failed: {lines[-1][:500]}")
    return done.stdout
