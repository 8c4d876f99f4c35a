"""This machine: what it is, what may differ tomorrow, and its sensors. Everything is read of /proc and /sys."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path

ROOT = Path("/")
#: Instructions that int8 kernels are chosen by.
FLAGS = (
    "sse4_1", "avx", "avx2", "avx_vnni", "avx_vnni_int8", "avx512f", "avx512_vnni", "amx_int8",
    "asimd", "asimddp", "i8mm", "sve",
)  # fmt: skip


def system() -> str:
    """Return the kind of system, such as "Linux x86_64"."""
    return f"{platform.system()} {platform.machine()}"


def processor(root: Path = ROOT) -> str:
    """Return the processor's name, or the board's where the processor has none (Raspberry Pi)."""
    info = _text(root / "proc/cpuinfo")
    board = _text(root / "proc/device-tree/model").rstrip("\0")
    found = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return found[1].strip() if found else board or platform.processor()


def flags(root: Path = ROOT) -> tuple[str, ...]:
    """Return which of FLAGS the processor has, sorted, written with a dash as in "avx512-vnni"."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", _text(root / "proc/cpuinfo"), re.MULTILINE)
    has = set(found[1].split()) if found else set()
    return tuple(sorted(flag.replace("_", "-") for flag in FLAGS if flag in has))


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0


def hints(root: Path = ROOT) -> dict[str, str]:
    """Return what may differ tomorrow: the load average, the governor, the battery."""
    found = {}
    if load := _text(root / "proc/loadavg"):
        found["load"] = load.split()[0]
    if governor := _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip():
        found["governor"] = governor
    for supply in sorted((root / "sys/class/power_supply").glob("*")):
        if _text(supply / "type").strip() == "Battery":
            state = _text(supply / "status").strip().lower()
            found["battery"] = f"{_text(supply / 'capacity').strip()} %, {state}"
    return found


def energy(root: Path = ROOT) -> int | None:
    """Return what all processor packages have used so far, in uJ; None where the machine does not tell (RAPL)."""
    zones = [z for z in (root / "sys/class/powercap").glob("intel-rapl:*") if z.name.count(":") == 1]
    values = [text for zone in zones if (text := _text(zone / "energy_uj").strip())]
    return sum(map(int, values)) if values else None


def temperature(root: Path = ROOT) -> float | None:
    """Return the temperature of the hottest sensor in degrees Celsius; None where there is none."""
    texts = [_text(file).strip() for file in (root / "sys/class/thermal").glob("thermal_zone*/temp")]
    return max((int(text) / 1000 for text in texts if text.lstrip("-").isdigit()), default=None)


class Stopwatch:
    """A clock that stands still while this process waits because others have the processors.

    Linux tells how long its first thread was ready to run and did not: the second number of /proc/PID/schedstat, in ns.
    Elsewhere it is the monotonic clock.
    """

    def __init__(self, root: Path = ROOT) -> None:
        try:
            self._file = os.open(root / "proc/self/schedstat", os.O_RDONLY)
        except OSError:
            self._file = -1
        if self._file >= 0 and self.waited() is None:
            os.close(self._file)
            self._file = -1

    def waited(self) -> int | None:
        """Return the ns that this process has waited since it began, None where the system does not tell."""
        fields = os.pread(self._file, 64, 0).split() if self._file >= 0 else []
        return int(fields[1]) if len(fields) == 3 else None

    def now(self) -> int:
        """Return the time in ns; differences of it mean something."""
        while True:
            before = self.waited()
            clock = time.monotonic_ns()
            if before is None or self.waited() == before:  # no wait between the two readings
                return clock - (before or 0)


def peak_memory() -> int | None:
    """Return the largest resident set of this process in bytes; None where the system does not tell.

    Not getrusage's: a child starts with that of its parent (Linux copies it at exec).
    """
    found = re.search(r"^VmHWM:\s*(\d+) kB$", _text(ROOT / "proc/self/status"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
