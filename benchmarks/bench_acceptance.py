"""Does the verdict hold on this machine: a bundle beside itself again and again, and beside planted regressions.

python benchmarks/bench_acceptance.py BUNDLE... [--on chromium] [--times 20] [--minutes 1]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from planted import PLANTED

from edgekit.bench.devices import Comparison, Measured, on_devices
from edgekit.bench.runners import make_runner
from edgekit.bench.session import Plan
from edgekit.cli.console import table
from edgekit.errors import EdgekitError
from edgekit.store import Bundle, open_bundle

#: Where each of PLANTED can be seen: the runners that measure what names it.
_SEEN = {"a larger shard": ("chromium",), "slower kernels": ("chromium", "node")}
_BUSY = "while True: pass"


@contextmanager
def a_busy_core() -> Iterator[None]:
    """Let another process of the same priority load a core meanwhile."""
    with subprocess.Popen([sys.executable, "-c", _BUSY]) as process:
        try:
            yield
        finally:
            process.kill()


def row(what: str, one: Measured, seconds: float) -> tuple[str, ...]:
    """Put a result on a line."""
    run, verdict = one.run, one.verdict
    if run is None or verdict is None:
        return (what, one.runner, str(one.exit_code), "-", "-", f"{seconds:.0f}", one.not_run or one.failed)
    why = verdict.why if len(verdict.why) < 100 else f"{verdict.why[:100]}..."
    load = f"{os.getloadavg()[0]:.1f}"
    return (what, one.runner, str(one.exit_code), str(len(run.pairs)), load, f"{seconds:.0f}", why)


@click.command()
@click.argument("paths", metavar="BUNDLE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--on", "names", default="chromium", show_default=True, help="Runners, with commas between.")
@click.option("--times", default=20, show_default=True, help="Comparisons of each bundle with itself.")
@click.option("--minutes", default=1.0, show_default=True, help="For each comparison.")
@click.option("--quiet", is_flag=True, help="Load no core meanwhile.")
def command(paths: tuple[Path, ...], names: str, times: int, minutes: float, quiet: bool) -> int:
    """Compare bundles with themselves, and with planted regressions; say what was missed."""
    bad = 0
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        for path in paths:
            bundle, lines = open_bundle(path), []
            for name in names.split(","):
                if quiet:
                    lines += [_itself(bundle, name, number, minutes) for number in range(times)]
                else:
                    with a_busy_core():
                        lines += [_itself(bundle, name, number, minutes) for number in range(times)]
                passed = sum(line[2] == "0" for line in lines if line[1] == name)
                click.echo(f"{path.name} beside itself on {name}: {passed} of {times} passed", err=True)
                lines += _planted(bundle, name, minutes, Path(work))
            bad += sum(line[2] != "0" for line in lines if line[0] == "itself")
            bad += sum("MISSED" in line[0] for line in lines)
            table(path.name, ["what", "runner", "exit code", "pairs", "load", "s", "why"], lines)
    return 1 if bad else 0


def _itself(bundle: Bundle, name: str, seed: int, minutes: float) -> tuple[str, ...]:
    line = row("itself", *_measured(bundle, bundle, name, Plan(minutes=minutes, seed=seed)))
    click.echo(" | ".join(line), err=True)
    return line


def _planted(bundle: Bundle, name: str, minutes: float, work: Path) -> Sequence[tuple[str, ...]]:
    lines = []
    for what, (plant, named) in PLANTED.items():
        if name.partition(":")[0] not in _SEEN.get(what, (name,)):
            continue
        worse = plant(bundle, work / f"{plant.__name__}-{bundle.manifest.id[:8]}-{name}")
        one, seconds = _measured(worse, bundle, name, Plan(minutes=minutes))
        findings = one.verdict.findings if one.verdict else ()
        found = {f.measure for f in findings if f.state == "worse"}
        lines.append(row(what if found & {*named} else f"MISSED: {what}", one, seconds))
        click.echo(" | ".join(lines[-1]), err=True)
    return lines


def _measured(candidate: Bundle, baseline: Bundle, name: str, plan: Plan) -> tuple[Measured, float]:
    begin = time.monotonic()
    (one,) = on_devices([make_runner(name)], Comparison(candidate, baseline), plan)
    return one, time.monotonic() - begin


if __name__ == "__main__":
    try:
        sys.exit(command(standalone_mode=False))
    except (EdgekitError, click.ClickException) as error:
        click.echo(f"bench_acceptance: {error}", err=True)
        sys.exit(error.exit_code)
