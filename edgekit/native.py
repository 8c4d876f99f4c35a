"""The engine's C as a shared library for phones and desktops, compiled with zig alone: no SDK of the platform."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.assets import asset
from edgekit.errors import NotAvailable, missing_extra


@dataclass(frozen=True)
class Library:
    """A platform: zig's name of it, the library's file name, and flags of its own."""

    target: str
    file: str
    flags: tuple[str, ...] = ()


#: SSE 4.1 rounds a float without a call into a C library, which is not linked; every x86-64 phone and PC has it.
_X86_64 = ("-mcpu=x86_64_v2",)
#: Room for the names that the app's build writes into it.
_APPLE = ("-Wl,-headerpad_max_install_names",)

#: By the names that dart:ffi and build hooks use: operating system and architecture.
LIBRARIES: Mapping[str, Library] = {
    "android-arm64": Library("aarch64-linux-android", "libedgekit.so"),
    "android-x64": Library("x86_64-linux-android", "libedgekit.so", _X86_64),
    "ios-arm64": Library("aarch64-ios", "libedgekit.dylib", _APPLE),
    "ios-arm64-simulator": Library("aarch64-ios-simulator", "libedgekit.dylib", _APPLE),
    "macos-arm64": Library("aarch64-macos", "libedgekit.dylib", _APPLE),
    "macos-x64": Library("x86_64-macos", "libedgekit.dylib", (*_X86_64, *_APPLE)),
    "linux-x64": Library("x86_64-linux-gnu", "libedgekit.so", _X86_64),
    "linux-arm64": Library("aarch64-linux-gnu", "libedgekit.so"),
    "windows-x64": Library("x86_64-windows-gnu", "edgekit.dll", (*_X86_64, "-Wl,--no-entry")),
}
#: Contraction would fuse a multiplication and an addition, and give other bits than the interpreter.
_FLAGS = (
    *("-O3", "-std=c11", "-shared", "-fPIC", "-nostdlib", "-fno-builtin"),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-stack-protector", "-fno-sanitize=all", "-Wl,-s"),
)


def build_library(platform: str) -> bytes:
    """Compile the engine for a platform of LIBRARIES.

    Raises NotAvailable where ziglang is not installed, or cannot compile it.
    """
    return compile_engine(LIBRARIES[platform])


def compile_engine(library: Library) -> bytes:
    """Compile the engine as a shared library and return its bytes."""
    if importlib.util.find_spec("ziglang") is None:
        raise missing_extra("building the native engine", "native")
    sources = sorted(str(file) for file in asset("wasm/kernels").glob("*.c"))
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        out = Path(folder) / library.file
        command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, *library.flags, "-target", library.target]
        done = subprocess.run([*command, *sources, "-o", str(out)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
            raise NotAvailable(f"zig cannot build the engine for {library.target}: {reason}")
        return out.read_bytes()
