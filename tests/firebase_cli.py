"""The real firebase CLI, where it is installed: an oracle that nobody here wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
VARIABLE = "EDGEKIT_FIREBASE"
#: `make firebase` installs it here.
INSTALLED = ROOT / ".venv" / "firebase" / "node_modules" / ".bin" / "firebase"


def find() -> Path:
    """Return the CLI; skip and say so where there is none."""
    for candidate in (os.environ.get(VARIABLE), str(INSTALLED), "firebase"):
        if candidate and (program := shutil.which(candidate)):
            return Path(program)
    pytest.skip("not run: the firebase CLI is not installed; make firebase installs it")


def environment(home: Path, url: str = "http://127.0.0.1:1") -> dict[str, str]:
    """Everything that the CLI could ask points to one server on this machine."""
    services = ("HOSTING_API", "SERVICE_USAGE", "API", "RESOURCEMANAGER", "TOKEN", "AUTH_MANAGEMENT", "IDENTITY")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "CI": "1",
        "NO_UPDATE_NOTIFIER": "1",
        "FIREBASE_TOKEN": "anything",
        **{f"FIREBASE_{name}_URL": url for name in services},
    }


def deploy(folder: Path, url: str, home: Path) -> str:
    """Deploy a folder with firebase.json to the server at a URL; return what the CLI says."""
    command = [str(find()), "deploy", "--only", "hosting", "--project", "demo-project", "-m", "by the CLI"]
    done = subprocess.run(
        command, cwd=folder, env=environment(home, url), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout
