"""A site as a folder and a firebase.json, for those who deploy with the firebase CLI."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.errors import InputError
from edgekit.publishing.packing import Blob

PUBLIC = "public"
FILE = "firebase.json"


def firebase_json(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the firebase CLI reads, for a configuration as the API has it; InputError for what it lacks."""
    hosting: dict[str, Any] = {"public": PUBLIC, "ignore": []}
    for key, value in config.items():
        if key == "headers":
            hosting[key] = [
                {**_source(r), "headers": [{"key": k, "value": v} for k, v in r["headers"].items()]} for r in value
            ]
        elif key == "redirects":
            hosting[key] = [{**_source(r), "destination": r["location"], "type": r["statusCode"]} for r in value]
        elif key == "cleanUrls":
            hosting[key] = value
        elif key == "trailingSlashBehavior":
            hosting["trailingSlash"] = value == "ADD"
        else:
            raise InputError(f"the site's setting {key} has no place in edgekit's {FILE}; publish directly")
    return {"hosting": hosting}


def write_folder(out: Path, files: Mapping[str, Blob], config: Mapping[str, Any]) -> None:
    """Write public/ with every file and firebase.json beside it, into a folder that is empty or not there."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} holds something; choose a folder that is empty or not there")
    for path, blob in files.items():
        file = out / PUBLIC / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        with blob.open() as source, file.open("wb") as target:
            shutil.copyfileobj(source, target)
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_text(json.dumps(firebase_json(config), indent=1) + "\n", encoding="utf-8")


def _source(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {"source": rule["glob"]} if "glob" in rule else {"regex": rule["regex"]}
