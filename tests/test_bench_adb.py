"""The runner adb, against what the tools print (tests/data/adb/README.md) and a browser that plays the phone."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_bundles import busy_bundle

from edgekit.bench import adb_texts
from edgekit.bench.adb_texts import Attached
from edgekit.bench.runners import make_runner
from edgekit.bench.runners.adb import Adb
from edgekit.bench.runners.spec import Conditions
from edgekit.errors import EdgekitError, InputError, NotAvailable
from edgekit.runtimes.chromium import Browser

DATA = Path(__file__).parent / "data" / "adb"


def text(name: str) -> str:
    return (DATA / f"{name}.txt").read_text()


DEVICES = (
    Attached("1A2B3C4D", "device", "Pixel 7"),
    Attached("emulator-5554", "offline"),
    Attached("R58M30XXXXX", "unauthorized"),
    Attached("082f59270073e1e3", "no permissions"),
    Attached("192.168.1.20:5555", "device", "SM A526B"),
)


def test_devices_are_read() -> None:
    assert adb_texts.attached(text("devices")) == DEVICES
    assert adb_texts.attached(text("no_device")) == ()


@pytest.mark.parametrize(
    ("devices", "serial", "expected"),
    [
        pytest.param(DEVICES[:1], "", DEVICES[0], id="the only one"),
        pytest.param(DEVICES, "192.168.1.20:5555", DEVICES[4], id="by its serial"),
        pytest.param((), "", NotAvailable("no device is attached; plug one in, and allow USB debugging in its developer options"), id="none"),
        pytest.param(DEVICES, "X", NotAvailable("no device X is attached; plug one in, and allow USB debugging in its developer options"), id="not there"),
        pytest.param(DEVICES[:2], "", InputError("2 devices are attached; name one: --on adb:SERIAL of 1A2B3C4D, emulator-5554"), id="two"),
        pytest.param(DEVICES, "emulator-5554", NotAvailable("the device emulator-5554 is not ready (offline); plug it in again"), id="offline"),
        pytest.param(DEVICES, "R58M30XXXXX", NotAvailable("the device R58M30XXXXX is not ready (unauthorized); unlock it and allow USB debugging"), id="unauthorized"),
        pytest.param(DEVICES, "082f59270073e1e3", NotAvailable("the device 082f59270073e1e3 is not ready (no permissions); give this user access to it (udev rules)"), id="no permissions"),
    ],
)  # fmt: skip
def test_the_device_to_use(devices: tuple[Attached, ...], serial: str, expected: Attached | EdgekitError) -> None:
    if isinstance(expected, Attached):
        assert adb_texts.choose(devices, serial) == expected
        return
    with pytest.raises(type(expected)) as refused:
        adb_texts.choose(devices, serial)
    assert str(refused.value) == str(expected)


@pytest.mark.parametrize(
    ("read", "name", "expected"),
    [
        pytest.param(adb_texts.battery, "battery_samsung", {"battery": "84 %, charging (USB)", "battery_temperature": "32.6 C"}, id="charging"),
        pytest.param(adb_texts.battery, "battery_plain", {"battery": "90 %, discharging", "battery_temperature": "2.6 C"}, id="on battery"),
        pytest.param(adb_texts.battery, "no_device", {}, id="no battery service"),
        pytest.param(adb_texts.thermal_status, "thermal_samsung", "0", id="thermal status"),
        pytest.param(adb_texts.thermal_status, "battery_plain", "", id="before Android 10"),
        pytest.param(adb_texts.temperature, "thermal_samsung", 25.7, id="the hottest now, not a cached one"),
        pytest.param(adb_texts.temperature, "battery_plain", None, id="no sensors"),
        pytest.param(lambda t: adb_texts.properties(t)["ro.product.model"], "getprop", "Pixel 7", id="properties"),
    ],
)  # fmt: skip
def test_what_the_phone_prints_is_read(read: Callable[[str], Any], name: str, expected: Any) -> None:
    assert read(text(name)) == expected
    assert read(text(name).replace("\n", "\r\n")) == expected, "adb of Windows"


def test_voltages_and_missing_sensors_are_no_temperatures() -> None:
    dump = "Current temperatures from HAL:\n" + "\n".join(
        f"\tTemperature{{mValue={value}, mType={kind}, mName=x, mStatus=0}}"
        for value, kind in ((4200.0, 6), (77.0, 8), (-5700.0, -1), (30.5, 3), (0.0, 4))
    )
    assert adb_texts.temperature(dump) == 30.5


#: Prints the recorded texts, and writes down what it is asked for.
FAKE = """#!/bin/sh
echo "$*" >> "$EDGEKIT_TEST_LOG"
case "$*" in
    "devices -l") printf 'List of devices attached\\n1A2B3C4D device usb:1-2 model:Pixel_7 transport_id:1\\n\\n' ;;
    *" shell getprop") cat {data}/getprop.txt ;;
    *" shell dumpsys battery") cat {data}/battery_samsung.txt ;;
    *" shell dumpsys thermalservice") cat {data}/thermal_samsung.txt ;;
    *" reverse "*) {reverse} ;;
    *" shell am start "*) {start} ;;
    *) echo "adb: unknown command" >&2; exit 1 ;;
esac
"""
STARTED = "echo 'Starting: Intent { act=android.intent.action.VIEW dat=http://localhost/... pkg=com.android.chrome }'"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    def make(reverse: str = ":", start: str = STARTED) -> Path:
        program, log = tmp_path / "adb", tmp_path / "log"
        program.write_text(FAKE.format(data=DATA, reverse=reverse, start=start))
        program.chmod(0o755)
        log.touch()
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setenv("EDGEKIT_TEST_LOG", str(log))
        return log

    return make


def test_a_phone_at_a_cable(browser: Browser, fake: Callable[..., Path], tmp_path: Path) -> None:
    """The browser of the tests opens what Chrome on the phone would be told to open."""
    log = fake()
    found: list[Any] = []

    def measure() -> None:
        with make_runner("adb:1A2B3C4D", Conditions()).open() as session:
            found.append(session.device)
            found.append(session.seat(busy_bundle(tmp_path / "bundle", 0.1)).visit())

    runner = threading.Thread(target=measure, daemon=True)
    runner.start()
    until = time.monotonic() + 10
    while "am start" not in log.read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    command = next(line for line in log.read_text().splitlines() if "am start" in line)
    start, _, url = command.rpartition(" ")
    assert start == "-s 1A2B3C4D shell am start -a android.intent.action.VIEW -p com.android.chrome -d"
    url = url.strip("'")
    with browser.page(url.partition("#")[0]) as tab:
        tab.page.goto(url)
        tab.page.wait_for_selector("html[data-state=done]")
        assert tab.page.inner_text("#why") == "the verdict is on the computer"
    runner.join(20)
    device, visit = found
    assert (device.system, device.processor) == ("Android 14, Google Pixel 7", "Google GS201")
    assert "isolated" in device.features, "its own loopback is a secure context"
    assert device.hints.items() >= {"battery": "84 %, charging (USB)", "thermal_status": "0"}.items()
    assert visit.values["temperature"] == 25.7
    port = url.partition("localhost:")[2].partition("/")[0]
    reverses = [line for line in log.read_text().splitlines() if " reverse " in line]
    assert reverses == [
        f"-s 1A2B3C4D reverse tcp:{port} tcp:{port}",
        f"-s 1A2B3C4D reverse --remove tcp:{port}",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"start": "printf 'Starting: Intent { x }\\nError: Activity not started, unable to resolve Intent { x }\\n'"},
            "the device 1A2B3C4D did not open Chrome: Activity not started, unable to resolve Intent { x }",
            id="no Chrome",
        ),
        pytest.param(
            {"reverse": "echo 'adb: error: closed' >&2; exit 1"},
            "adb reverse failed: adb: error: closed",
            id="no reverse (Android 4)",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_on_the_phone_is_said(fake: Callable[..., Path], given: dict[str, str], message: str) -> None:
    fake(**given)
    with pytest.raises(NotAvailable) as missing, make_runner("adb", Conditions()).open():
        pass
    assert str(missing.value) == message


def test_a_serial_is_no_option() -> None:
    with pytest.raises(InputError) as refused:
        make_runner("adb:-s", Conditions())
    assert str(refused.value) == "'-s' is not a serial; `adb devices` lists them"


def test_without_adb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailable) as missing:
        Adb()
    assert str(missing.value) == "there is no adb on this machine; install Android's platform tools"


def test_the_real_adb_without_a_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own server, on a port of its own, ended afterwards."""
    program = shutil.which("adb")
    if program is None:
        pytest.skip("not run: there is no adb here")
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "5998")
    monkeypatch.setenv("HOME", str(tmp_path))
    try:
        with pytest.raises(NotAvailable, match=r"^no device nowhere is attached; "):
            Adb("nowhere")
        lone = Adb.__new__(Adb)
        lone._command = [program, "-s", "nowhere"]
        with pytest.raises(NotAvailable) as failed:
            lone.shell("getprop")
        assert str(failed.value) == "adb shell failed: error: device 'nowhere' not found"
    finally:
        subprocess.run([program, "kill-server"], check=True, capture_output=True, timeout=20)
