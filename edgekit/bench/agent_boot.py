"""The first thing that runs on a device for `--on ssh:HOST`, given to `python3 -c` as text.

It takes the agent's zip from stdin, keeps it where child processes find it, and goes on as the agent.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path


def main() -> None:
    """Read the length of the zip on a line, then the zip."""
    if sys.version_info < (3, 10):  # noqa: UP036 (the Python of the other side may be any)
        sys.exit("edgekit's agent needs Python 3.10 or later")
    data = sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "edgekit", "bench")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"agent-{hashlib.sha256(data).hexdigest()[:16]}.zip"
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(file)
    os.environ["PYTHONPATH"] = str(file)
    sys.path.insert(0, str(file))
    from edgekit.bench import agent  # noqa: PLC0415 (it is in the zip)

    agent.main()


if __name__ == "__main__":
    main()
