"""Publish many shards over a slow link, with edgekit and the firebase CLI: does it arrive, when, with how much memory.

    python benchmarks/publish_load.py --files 2000 --bytes 524288 --rate 2.5e6 --firebase PATH

A fake Hosting (tests/fake_hosting.py) in a process of its own reads all uploads together at --rate bytes a second.
Then one shard changes, and the second release is counted. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import fake_server  # noqa: E402
from fabricated import make_bundle  # noqa: E402
from fake_hosting import FakeHosting  # noqa: E402
from fake_server import running  # noqa: E402

from edgekit.manifest import TargetEntry, seal  # noqa: E402
from edgekit.publishing.firebase_json import write_folder  # noqa: E402
from edgekit.publishing.planning import Wish, tree  # noqa: E402
from edgekit.store import Bundle, entry, write_bundle  # noqa: E402

_PIECE = 16 << 10


class Link:
    """A link that all connections share: each read waits for its turn."""

    def __init__(self, rate: float) -> None:
        self.rate, self.lock, self.free = rate, threading.Lock(), 0.0

    def wait(self, size: int) -> None:
        """Sleep until `size` more bytes may have come."""
        with self.lock:
            now = time.monotonic()
            self.free = max(now, self.free) + size / self.rate
            until = self.free
        time.sleep(max(0.0, until - now))


def serve(rate: float, pipe: Any) -> None:
    """Run the fake until the pipe says stop; answer `counts` with what was asked of it since the last time."""
    link, read = Link(rate), fake_server.Handler.read

    def paced(self: Any) -> bytes:
        if "/upload/" not in self.path:
            return read(self)
        if "Content-Length" in self.headers:
            return exactly(self, int(self.headers["Content-Length"]))
        data = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += exactly(self, size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(data)

    def exactly(self: Any, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self.rfile.read(min(_PIECE, size - len(data)))
            if not piece:
                raise ConnectionError
            link.wait(len(piece))
            data += piece
        return bytes(data)

    fake_server.Handler.read = paced  # type: ignore[method-assign]
    fake_server.Handler.rbufsize = _PIECE
    fake_server.Handler.timeout = 600
    with running(FakeHosting(keep_blobs=False)) as fake:
        pipe.send(fake.url)
        while pipe.recv() == "counts":
            uploads = fake.uploads()
            pipe.send(
                {
                    "live": fake.shown("live"),
                    "files": len(fake.versions.get(fake.shown("live"), {}).get("files", {})),
                    "requests": len(fake.api_requests()),
                    "uploads": len(uploads),
                    "bytes": sum(r.size for r in uploads),
                }
            )
            fake.requests.clear()


def make(folder: Path, count: int, size: int, seed: int) -> Bundle:
    """Write a bundle of `count` shards of random int8 weights; of another seed only the first shard differs."""
    base = make_bundle(folder.with_name(folder.name + "-base"), name="load")
    random = np.random.default_rng(0)
    files, contents = [], {f.path: base.read(f.path) for f in base.manifest.files()}
    for i in range(count):
        values = random.normal(0, 20, size) if i or not seed else np.random.default_rng(seed).normal(0, 20, size)
        data = values.clip(-127, 127).astype(np.int8).tobytes()
        made = entry("", data, "shard")
        path = f"load/shard-{i:04d}.{made.sha256[:16]}.bin"
        contents[path] = data
        files.append(entry(path, data, "shard"))
    targets = {**base.manifest.targets, "load": TargetEntry(tuple(files), "exact")}
    return write_bundle(folder, seal(replace(base.manifest, targets=targets)), contents)


def watch(process: int, most: list[int]) -> None:
    """Read the most memory that a process had, in kB; getrusage would count what its parent had when it was forked."""
    with suppress(OSError):
        while True:
            status = Path(f"/proc/{process}/status").read_text()
            if "VmHWM" not in status:
                return
            most[0] = max(most[0], int(status.partition("VmHWM:")[2].split()[0]))
            time.sleep(0.1)


def timed(command: list[str], folder: Path, environment: dict[str, str], limit: float) -> dict[str, Any]:
    """Run a command; return its exit code, seconds, and the most memory that it had in MB."""
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    timer = threading.Timer(limit, process.kill)
    timer.start()
    most: list[int] = [0]
    watcher = threading.Thread(target=watch, args=(process.pid, most), daemon=True)
    watcher.start()
    assert process.stdout is not None
    said = process.stdout.read().decode()
    code = process.wait()
    timer.cancel()
    watcher.join()
    last = "" if code == 0 else " ".join(said.split())[-300:]
    return {
        "exit_code": code,
        "seconds": round(time.monotonic() - start, 1),
        "MB": most[0] // 1024,
        "said": last,
    }


def main() -> int:
    """Run both, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--bytes", type=int, default=1 << 19)
    parser.add_argument("--rate", type=float, default=2.5e6, help="bytes a second of the whole link")
    parser.add_argument("--firebase", type=Path, help="the firebase CLI; without it only edgekit runs")
    parser.add_argument("--limit", type=float, default=1800, help="seconds until a run is given up")
    options = parser.parse_args()
    results: dict[str, Any] = {"files": options.files, "bytes": options.bytes, "rate": options.rate}
    with tempfile.TemporaryDirectory(prefix="edgekit-load-") as work:
        folder = Path(work)
        bundles = [make(folder / f"b{seed}", options.files, options.bytes, seed) for seed in (0, 1)]
        for tool in ("edgekit", *(["firebase"] if options.firebase else [])):
            ours, theirs = multiprocessing.Pipe()
            server = multiprocessing.Process(target=serve, args=(options.rate, theirs), daemon=True)
            server.start()
            url = ours.recv()
            for number, bundle in enumerate(bundles):
                command, place, environment = how(tool, options, bundle, url, folder / f"{tool}{number}")
                found = timed(command, place, environment, options.limit)
                ours.send("counts")
                results[f"{tool}, {'first' if number == 0 else 'one shard changed'}"] = found | ours.recv()
                print(json.dumps(results), file=sys.stderr, flush=True)
            ours.send("stop")
            server.join(10)
            server.terminate()
    print(json.dumps(results, indent=1))
    return 0


def how(
    tool: str, options: argparse.Namespace, bundle: Bundle, url: str, place: Path
) -> tuple[list[str], Path, dict[str, str]]:
    """Return the command of a tool, where it runs, and its environment."""
    if tool == "edgekit":
        place.mkdir()
        more = ["--site", "my-site", "--endpoint", url, "--force", "--no-check"]
        command = [sys.executable, "-m", "edgekit", "publish", str(bundle.root), *more]
        cache = str(place.with_name("cache"))
        return command, place, {**os.environ, "PYTHONPATH": str(ROOT), "EDGEKIT_CACHE": cache}
    from firebase_cli import environment  # noqa: PLC0415

    write_folder(place, *tree(Wish(bundle)))
    command = [str(options.firebase.absolute()), "deploy", "--only", "hosting", "--project", "demo-project"]
    return command, place, environment(place, url)


if __name__ == "__main__":
    sys.exit(main())
