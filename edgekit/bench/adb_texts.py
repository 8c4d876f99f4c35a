"""What Android's tools print, read into values. Pure; the formats are those of tests/data/adb, recorded by others."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgekit.errors import InputError, NotAvailable

#: Types of android.os.Temperature whose unit is degrees Celsius: CPU, GPU, battery, skin, USB port, amplifier, NPU ...
_CELSIUS = {0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15}
_PLUGS = {"AC": "charger", "USB": "USB", "Wireless": "wireless", "Dock": "dock"}
_SENSOR = re.compile(r"Temperature\{mValue=(-?[\d.]+), mType=(-?\d+), mName=([^,}]*), mStatus=(\d+)\}")
#: What each state of `adb devices` asks of its owner.
_STATES = {
    "unauthorized": "unlock it and allow USB debugging",
    "authorizing": "unlock it and allow USB debugging",
    "offline": "plug it in again",
    "no permissions": "give this user access to it (udev rules)",
    "recovery": "start Android on it",
    "sideload": "start Android on it",
    "bootloader": "start Android on it",
}


@dataclass(frozen=True)
class Attached:
    """A line of `adb devices -l`."""

    serial: str
    state: str
    model: str = ""


def attached(text: str) -> tuple[Attached, ...]:
    """Read what `adb devices -l` prints; lines about its daemon are left out."""
    found = []
    for line in text.partition("List of devices attached")[2].splitlines():
        match = re.match(r"(\S+)\s+(no permissions|\w+)", line)
        if match:
            model = re.search(r"\bmodel:(\S+)", line)
            found.append(Attached(match[1], match[2], model[1].replace("_", " ") if model else ""))
    return tuple(found)


def choose(devices: tuple[Attached, ...], serial: str) -> Attached:
    """Return the device to use: the one of that serial, or the only one. Raises NotAvailable or InputError."""
    named = [d for d in devices if d.serial == serial] if serial else list(devices)
    if not named:
        what = f"no device {serial} is attached" if serial else "no device is attached"
        raise NotAvailable(f"{what}; plug one in, and allow USB debugging in its developer options")
    if len(named) > 1:
        raise InputError(
            f"{len(named)} devices are attached; name one: --on adb:SERIAL of {', '.join(d.serial for d in named)}"
        )
    if named[0].state != "device":
        todo = _STATES.get(named[0].state, "look at its screen")
        raise NotAvailable(f"the device {named[0].serial} is not ready ({named[0].state}); {todo}")
    return named[0]


def properties(text: str) -> dict[str, str]:
    """Read what `getprop` prints: [name]: [value]."""
    return dict(re.findall(r"^\[([^\]]+)\]: \[([^\]]*)\]\r?$", text, re.MULTILINE))


def battery(text: str) -> dict[str, str]:
    """Read what `dumpsys battery` prints into hints: battery, and its temperature in degrees Celsius."""
    values = dict(re.findall(r"^\s+([A-Za-z ]+): (\S+)\r?$", text, re.MULTILINE))
    hints = {}
    if values.get("level", "").isdigit() and values.get("scale", "").isdigit() and int(values["scale"]):
        plugs = [name for plug, name in _PLUGS.items() if values.get(f"{plug} powered") == "true"]
        by = f"charging ({', '.join(plugs)})" if plugs else "discharging"
        hints["battery"] = f"{100 * int(values['level']) // int(values['scale'])} %, {by}"
    if re.fullmatch(r"-?\d+", values.get("temperature", "")):
        hints["battery_temperature"] = f"{int(values['temperature']) / 10:g} C"
    return hints


def thermal_status(text: str) -> str:
    """Return the status of `dumpsys thermalservice`, 0 (none) to 6 (shutdown); "" before Android 10, which has none."""
    found = re.search(r"^Thermal Status: (\d)\s*$", text, re.MULTILINE)
    return found[1] if found else ""


def temperature(text: str) -> float | None:
    """Return the hottest sensor of `dumpsys thermalservice` in degrees Celsius, None where there is none.

    What the hardware says now counts, not what was cached; 0 is a sensor that is not there.
    """
    now = text.partition("Current temperatures from HAL:")[2].partition("Current cooling devices")[0]
    values = [float(value) for value, kind, _, _ in _SENSOR.findall(now) if int(kind) in _CELSIUS]
    return max((v for v in values if 0 < v < 150), default=None)
