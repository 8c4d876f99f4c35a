"""How long variants of a browser target take in Chromium; asked once, then remembered in the cache.

A bundle names these figures, and equal inputs are to give equal bundles: so what was measured on this machine for the
same files is read back, not measured again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekit import golden
from edgekit.errors import EdgekitError, NotAvailable
from edgekit.manifest import Manifest, TargetEntry, seal
from edgekit.models import Model
from edgekit.npm_files import cache_folder, keep
from edgekit.runtimes import chromium
from edgekit.store import Bundle, entry, write_bundle
from edgekit.targets.protocol import Built, Times

Rows = npt.NDArray[np.float32]
ROUNDS, ROUND_SECONDS = 9, 0.06
FEWEST, MOST = 5, 2000  # predictions in a round
#: Models that are faster than this are warmed up for a whole round.
WARM_SECONDS = 0.001


def browser_times(model: Model, target: str, variants: Mapping[str, Built], rows: Rows) -> Times:
    """Time one prediction of each variant of a target in headless Chromium.

    Returns no times, and why, where there is no Chromium or a variant does not run in it.
    """
    kept = cache_folder() / "measured" / f"{_key(target, variants)}.json"
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        return Times({str(k): float(v) for k, v in known["microseconds"].items()}, str(known["where"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    with ThreadPoolExecutor(1) as pool:  # Playwright wants a thread of its own
        times = pool.submit(_measured, model, target, variants, rows).result()
    if times.microseconds:
        keep(kept, json.dumps({"microseconds": dict(times.microseconds), "where": times.where}).encode())
    return times


def _measured(model: Model, target: str, variants: Mapping[str, Built], rows: Rows) -> Times:
    """Take the median of rounds in turns, so that a busy machine is slow for all of them."""
    try:
        with (
            chromium.Browser() as browser,
            tempfile.TemporaryDirectory(prefix="edgekit-times-") as folder,
            ExitStack() as pages,
        ):
            bundles = {name: _bundle(Path(folder) / name, model, target, built) for name, built in variants.items()}
            timers = {n: pages.enter_context(chromium.timer(browser, b, target)) for n, b in bundles.items()}
            counts = {name: _count(seconds, rows) for name, seconds in timers.items()}
            rounds: dict[str, list[float]] = {name: [] for name in timers}
            for _ in range(ROUNDS):
                for name, seconds in timers.items():
                    rounds[name].append(seconds(_resized(rows, counts[name])) / counts[name])
            found = {name: float(f"{1e6 * np.median(each):.3g}") for name, each in rounds.items()}
            return Times(found, browser.name)
    except NotAvailable as error:
        return Times({}, f"not measured: {error}")
    except EdgekitError as error:
        return Times({}, f"not measured: it does not run in Chromium: {error}")


def _count(seconds: Callable[[Rows], float], rows: Rows) -> int:
    """Return how many predictions fill a round, after enough of them that the page is warm."""
    seconds(_resized(rows, FEWEST))  # the model is loaded now
    each = seconds(_resized(rows, FEWEST)) / FEWEST
    if each < WARM_SECONDS:
        each = min(each, seconds(_resized(rows, MOST)) / MOST)
    return int(np.clip(ROUND_SECONDS / max(each, 1e-6), FEWEST, MOST))


def _resized(rows: Rows, count: int) -> Rows:
    return np.resize(rows, (count, rows.shape[1]))


def _bundle(out: Path, model: Model, target: str, built: Built) -> Bundle:
    """Write a bundle that holds one variant and nothing to judge it by."""
    none = b"{}"
    files = tuple(entry(f.path, f.data, f.role, first_step=f.first_step, build=f.build) for f in built.files)
    manifest = Manifest(
        name="times",
        version="0",
        task="regression",
        inputs=model.inputs,
        outputs=model.outputs,
        features=(),
        results=(),
        targets={target: TargetEntry(files, built.parity, built.bound, built.options)},
        golden=entry(golden.PATH, none, "golden"),
        quantization={},
        provenance={},
    )
    return write_bundle(out, seal(manifest), {f.path: f.data for f in built.files} | {golden.PATH: none})


def _key(target: str, variants: Mapping[str, Built]) -> str:
    total = hashlib.sha256(target.encode())
    for name, built in sorted(variants.items()):
        total.update(name.encode())
        for file in built.files:
            total.update(f"{file.path}\0".encode() + hashlib.sha256(file.data).digest())
    return total.hexdigest()[:32]
