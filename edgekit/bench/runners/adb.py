"""The runner `adb[:SERIAL]`: Chrome on an Android phone at a cable. Tested against recorded sessions, not on a device.

The phone reaches the server of `bench serve` as its own loopback (`adb reverse`), which its browser trusts: threads, a
fine clock and Wake Lock are there, and nothing goes over a network.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from edgekit.bench import adb_texts
from edgekit.bench.address import LOOPBACK, new_token, page_address
from edgekit.bench.desk import DONE, Desk
from edgekit.bench.phone_server import PhoneServer, Places
from edgekit.bench.records import Device
from edgekit.bench.runners import remote
from edgekit.bench.runners.local import refuse
from edgekit.bench.runners.remote import RemoteRunner, RemoteSession
from edgekit.bench.runners.spec import Conditions, Spec
from edgekit.errors import InputError, NotAvailable

TARGETS = remote.TARGETS
_SECONDS = 30.0
_TOLD_SECONDS = 15.0
CHROME = "com.android.chrome"


class Adb:
    """One device, by the program adb."""

    def __init__(self, serial: str = "") -> None:
        """Choose a device; raises NotAvailable where there is no adb or no device that is ready."""
        program = shutil.which("adb")
        if program is None:
            raise NotAvailable("there is no adb on this machine; install Android's platform tools")
        self._command = [program]
        chosen = adb_texts.choose(adb_texts.attached(self._run("devices", "-l")), serial)
        self._command = [program, "-s", chosen.serial]
        self.serial = chosen.serial

    def describe(self, device: Device) -> Device:
        """Add what the phone says to what its browser says."""
        known = adb_texts.properties(self.shell("getprop"))
        brand, model = known.get("ro.product.manufacturer", ""), known.get("ro.product.model", "")
        chip = [known.get("ro.soc.manufacturer", ""), known.get("ro.soc.model", "")]
        hints = {**device.hints, **adb_texts.battery(self.shell("dumpsys battery"))}
        if status := adb_texts.thermal_status(self.shell("dumpsys thermalservice")):
            hints["thermal_status"] = status
        return replace(
            device,
            system=f"Android {known.get('ro.build.version.release', '?')}, {brand} {model}".strip(),
            processor=" ".join(part for part in chip if part) or known.get("ro.board.platform", ""),
            hints=hints,
        )

    def sensors(self) -> dict[str, float]:
        """Return what a visit's values get of the phone: its temperature."""
        found = adb_texts.temperature(self.shell("dumpsys thermalservice"))
        return {} if found is None else {"temperature": found}

    @contextmanager
    def reverse(self, port: int) -> Iterator[None]:
        """Let the phone reach a port of this machine as its own, while the `with` block lasts."""
        self._run("reverse", f"tcp:{port}", f"tcp:{port}")
        try:
            yield
        finally:
            with contextlib.suppress(NotAvailable):  # the cable may be out by now
                self._run("reverse", "--remove", f"tcp:{port}")

    def open_page(self, url: str) -> None:
        """Open a page in Chrome; raises NotAvailable where there is no Chrome."""
        said = self.shell(f"am start -a android.intent.action.VIEW -p {CHROME} -d {shlex.quote(url)}")
        if "Error:" in said:
            raise NotAvailable(f"the device {self.serial} did not open Chrome: {_last(said.partition('Error:')[2])}")

    def shell(self, command: str) -> str:
        """Run a command line in the phone's shell and return what it prints."""
        return self._run("shell", command)

    def _run(self, *arguments: str) -> str:
        try:
            done = subprocess.run([*self._command, *arguments], capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            why = f"adb {arguments[0]} did not answer within {_SECONDS:g} s; plug the device in again"
            raise NotAvailable(why) from None
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace")
            raise NotAvailable(f"adb {arguments[0]} failed: {_last(said)}")
        return done.stdout.decode(errors="replace")


@dataclass(frozen=True)
class AdbRunner:
    """The remote runner with its own server, on loopback."""

    spec: Spec
    conditions: Conditions

    @property
    def name(self) -> str:
        """The spec."""
        return str(self.spec)

    @contextmanager
    def open(self) -> Iterator[RemoteSession]:
        """Open the page on the phone; raises NotAvailable where adb, the device or its Chrome is missing."""
        refuse(self.spec.name, self.conditions)
        adb = Adb(self.spec.address)
        token = new_token()
        desk, places = Desk(token), Places()
        runner = RemoteRunner(self.spec, desk, places, self.conditions, adb.sensors)
        with PhoneServer(desk, places, LOOPBACK) as server, adb.reverse(server.port):
            adb.open_page(page_address("localhost", server.port, token))
            with runner.open() as session:
                yield replace(session, device=adb.describe(session.device))
                end = {"title": "Measured", "tone": "", "why": "the verdict is on the computer", "rows": []}
                desk.finish({"state": DONE, **end}, _TOLD_SECONDS)


def make(spec: Spec, conditions: Conditions) -> AdbRunner:
    """Return the runner; raises InputError for a serial that adb could take for an option."""
    if spec.address.startswith("-"):
        raise InputError(f"{spec.address!r} is not a serial; `adb devices` lists them")
    return AdbRunner(spec, conditions)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
