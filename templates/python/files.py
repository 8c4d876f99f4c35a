"""The model's files: those in this package, and shards of weights elsewhere. None is used before its sha256 fits."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import os
import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any

from .engine import IN_PYODIDE, ModelError

Entry = Mapping[str, Any]  # path, bytes, sha256
_TIMEOUT_SECONDS = 60


def read(path: str) -> bytes:
    """Return a file of this package."""
    return pkgutil.get_data(__package__, path) or b""


def read_checked(entry: Entry) -> bytes:
    """Return a file of this package that is as model.json says; raises ModelError that names it."""
    try:
        return checked(entry, read(entry["path"]))
    except OSError:
        raise ModelError(f"{entry['path']} is missing; install the wheel again") from None


def checked(entry: Entry, data: bytes) -> bytes:
    """Return the bytes if they are those of the entry."""
    if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise ModelError(f"{entry['path']} is not what model.json says (sha256); install or publish the wheel again")
    return data


async def fetch(folder: str, shards: Sequence[Entry]) -> bytes:
    """Fetch the shards from an address or a folder, and return the weights."""
    if IN_PYODIDE and not os.path.isdir(folder):
        return b"".join(await asyncio.gather(*(_fetch_in_page(folder, shard) for shard in shards)))
    return await asyncio.to_thread(fetch_now, folder, shards) if not IN_PYODIDE else fetch_now(folder, shards)


def fetch_now(folder: str, shards: Sequence[Entry]) -> bytes:
    """Do the same without `await`; in Pyodide that works in a worker only."""
    return b"".join(checked(shard, _get(folder, shard)) for shard in shards)


async def _fetch_in_page(folder: str, shard: Entry) -> bytes:
    url = _join(folder, shard["path"])
    try:
        response = await importlib.import_module("pyodide.http").pyfetch(url)
        status = response.status
        data = await response.bytes() if status == 200 else b""
    except Exception as error:
        raise _not_fetched(url, str(error)) from error
    if status != 200:
        raise _not_fetched(url, f"the server answered {status}")
    return checked(shard, data)


def _get(folder: str, shard: Entry) -> bytes:
    url = _join(folder, shard["path"])
    try:
        if os.path.isdir(folder):
            with open(url, "rb") as file:
                return file.read(shard["bytes"] + 1)
        if IN_PYODIDE:
            return _get_in_worker(url)
        if not folder.startswith(("http://", "https://")):
            raise ModelError(f"{folder} is no folder and no address; give the one that holds {shard['path']}")
        request = importlib.import_module(
            "urllib.request"
        )  # not at the top: 100 ms in Pyodide, which has no use for it
        with request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            return bytes(response.read(shard["bytes"] + 1))
    except OSError as error:
        raise _not_fetched(url, str(error)) from error


def _get_in_worker(url: str) -> bytes:
    js = importlib.import_module("js")
    if hasattr(js, "document") or not hasattr(js, "XMLHttpRequest"):
        raise ModelError("only a worker can fetch without waiting; use: await load(address)")
    request = js.XMLHttpRequest.new()
    request.open("GET", url, False)
    request.responseType = "arraybuffer"
    try:
        request.send()
    except Exception as error:
        raise _not_fetched(url, str(error)) from error
    if request.status != 200:
        raise _not_fetched(url, f"the server answered {request.status}")
    return bytes(request.response.to_bytes())


def _join(folder: str, path: str) -> str:
    return f"{folder.rstrip('/')}/{path}"


def _not_fetched(url: str, why: str) -> ModelError:
    return ModelError(f"{url} could not be fetched: {why.splitlines()[0] if why else 'no reason is known'}")
