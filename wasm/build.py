"""Compile wasm/kernels into wasm/dist: two engines a build, byte for byte the same on every machine.

Needs ziglang (the extra [dev]); users never run this. `--check` compiles elsewhere and compares.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RELAXED = ["-mcpu=generic+bulk_memory+simd128+relaxed_simd", "-msimd128", "-mrelaxed-simd"]
BUILDS = {
    "relaxed": RELAXED,
    "signed": [*RELAXED, "-DEK_SIGNED"],
    "simd": ["-mcpu=generic+bulk_memory+simd128", "-msimd128"],
    "scalar": ["-mcpu=mvp"],
}
FLAGS = [
    "-target", "wasm32-freestanding", "-O3", "-nostdlib", "-std=c11", "-Wall", "-Wextra", "-Werror",
    "-ffp-contract=off", "-fno-stack-protector", "-fno-sanitize=all", "-fno-builtin",
    "-Wl,--no-entry", "-Wl,-s", "-Wl,-z,stack-size=8192", "-Wl,--export=__heap_base",
    "-Wl,--export=ek_check", "-Wl,--export=ek_run",
]  # fmt: skip


def engines() -> dict[str, list[str]]:
    """Return the flags of every engine: all operators, and those of dense models only, for each build."""
    dense = {f"engine-dense-{build}.wasm": [*flags, "-DEK_DENSE"] for build, flags in BUILDS.items()}
    return {f"engine-{build}.wasm": flags for build, flags in BUILDS.items()} | dense


def compile_engine(flags: list[str], out: Path) -> None:
    """Write one engine."""
    sources = sorted(p.name for p in (HERE / "kernels").glob("*.c"))
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *flags, *sources, "-o", str(out.resolve())]
    subprocess.run(command, cwd=HERE / "kernels", check=True)


def main() -> int:
    """Build, or with --check compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where dist/ is not what the sources give")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in engines().items():
            made, kept = Path(folder) / "engine.wasm", HERE / "dist" / name
            compile_engine(flags, made)
            if not check:
                kept.parent.mkdir(exist_ok=True)
                kept.write_bytes(made.read_bytes())
            elif not kept.is_file() or kept.read_bytes() != made.read_bytes():
                print(f"{kept.name} is not what wasm/kernels gives; run: python wasm/build.py", file=sys.stderr)
                return 1
            print(f"{kept.name}: {made.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
