"""The tables of edgekit.toml that the daily loop reads: `[gate]` for `edgekit check`, `[run]` for `edgekit run`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgekit.errors import InputError

#: The parts of `edgekit check`, in its order.
GATE_CHECKS = ("verify", "accuracy", "slices", "published", "budgets", "vitals", "bench")
#: What runs a bundle in the check `verify`.
GATE_RUNTIMES = ("litert", "chromium", "node")
#: The stages of `edgekit run`, in its order.
STAGES = ("data", "train", "load", "quantize", "export", "verify", "check", "publish")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kMG]?)B?")


@dataclass(frozen=True)
class GateConfig:
    """`[gate]`: what `edgekit check` asks of a bundle; where the table is there, `publish` wants its green report."""

    runtimes: tuple[str, ...] = GATE_RUNTIMES  # where verify runs the golden rows
    max_drop: float = 0.01  # relative loss of the metric against the published bundle, on the evaluation rows
    max_slice_drop: float = 0.05  # the same for the worst slice
    max_first_load: str = ""  # bytes of a first visit after gzip, such as "200kB"
    max_requests: int = 0  # requests of a first visit; 0 for any number
    bench: tuple[str, ...] = ()  # runners that measure it beside the published bundle, such as "chromium:wasm"
    min_effect: float = 0.05  # slower by this share is worse; smaller changes do not count
    bench_minutes: float = 3.0  # the time that one runner may take to be sure
    cpu_throttle: float = 1.0  # how many times slower the browser's page is made, as on a phone
    network: str = ""  # a line that the browser imitates, such as "slow-4g"
    web_vitals: bool = False  # LCP 2.5 s, INP 200 ms, CLS 0.1 at p75, in the page that a runner in `bench` opens
    optional: tuple[str, ...] = ("published",)  # checks that stop nobody where they were not run or cannot tell


@dataclass(frozen=True)
class RunConfig:
    """`[run]`: what `edgekit run` does; paths are relative to edgekit.toml."""

    train: tuple[str, ...] = ()  # a command that makes model and data, as a list; no shell reads it
    inputs: tuple[str, ...] = ()  # files that this command reads, * allowed; where none changed it is not run
    model: str = ""  # the trained model
    data: str = ""  # rows to calibrate with
    new_data: str = ""  # rows as they come in, looked at before training; `data` where nothing is trained
    targets: tuple[str, ...] = ("tflite", "tfjs", "wasm")  # what the bundle is made for
    out: str = "bundle"  # the folder of the bundle
    site: str = ""  # where it is published, "local" for a folder; nothing is published where absent
    folder: str = "hosting"  # where the site local lies
    channel: str = "live"  # live, or the name of a preview channel
    expires: str = "7d"  # how long a preview channel lives
    canary: str = ""  # for a part of all installs, such as "10%"
    stages: tuple[str, ...] = STAGES  # what to walk; the others are left out


def check_gate(gate: GateConfig, where: str) -> None:
    """Check every value of `[gate]`; `where` starts the message."""
    _all_of(gate.runtimes, GATE_RUNTIMES, f"{where}: runtimes")
    _all_of(gate.optional, GATE_CHECKS, f"{where}: optional")
    parse_size(gate.max_first_load or "0", f"{where}: max_first_load")
    if gate.max_requests < 0:
        raise InputError(f"{where}: max_requests is {gate.max_requests}; use 0 for any number, or 1 and more")
    if not 0 < gate.min_effect < 1:  # also catches nan
        raise InputError(f"{where}: min_effect is {gate.min_effect:g}; write a share between 0 and 1 such as 0.05")
    for key in ("max_drop", "max_slice_drop"):
        if not 0 <= getattr(gate, key) <= 1:
            raise InputError(f"{where}: {key} is {getattr(gate, key):g}; write a share from 0 to 1 such as 0.01")
    if not 0 < gate.bench_minutes <= 1440:
        raise InputError(f"{where}: bench_minutes is {gate.bench_minutes:g}; use more than 0 and at most 1440")
    if not 1 <= gate.cpu_throttle <= 100:
        raise InputError(f"{where}: cpu_throttle is {gate.cpu_throttle:g}; use 1 to 100 times")
    if (gate.web_vitals or gate.network or gate.cpu_throttle != 1) and not any(map(in_a_page, gate.bench)):
        asked = "web_vitals" if gate.web_vitals else "network" if gate.network else "cpu_throttle"
        raise InputError(f"{where}: {asked} needs a runner with a page; name one in bench, such as chromium:wasm")


def check_run(run: RunConfig, where: str) -> None:
    """Check every value of `[run]`; `where` starts the message."""
    _all_of(run.stages, STAGES, f"{where}: stages")
    if run.train and not run.train[0]:
        raise InputError(f'{where}: train is a command and its arguments, such as ["python", "train.py"]')
    if run.inputs and not run.train:
        raise InputError(f"{where}: inputs are the files that the command train reads; name the command too")
    if not run.out:
        raise InputError(f"{where}: out is empty; name the folder of the bundle")


def in_a_page(runner: str) -> bool:
    """Tell whether a runner opens a page, which can be slowed down and has vitals."""
    return runner.strip().partition(":")[0] == "chromium"


def parse_size(text: str, where: str = "") -> int:
    """Read "200kB", "1.5 MB" or "4096" as bytes; k, M and G are powers of 1000."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{where}{': ' if where else ''}{text!r} is no size; write it as 200kB or 1.5MB")
    return int(float(match[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[match[2]])


def _all_of(values: tuple[str, ...], known: tuple[str, ...], where: str) -> None:
    for value in values:
        if value not in known:
            raise InputError(f"{where} names {value!r}; choose from {', '.join(known)}")
