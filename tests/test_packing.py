"""Gzip whose bytes are pinned, and the memory that publishing takes."""

from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fabricated import make_bundle
from hypothesis import assume, given
from hypothesis import strategies as st

from edgekit.errors import CheckFailed
from edgekit.manifest import TargetEntry, seal
from edgekit.publish import Way, publish
from edgekit.publishing import packing
from edgekit.publishing.local_site import LocalSite
from edgekit.publishing.packing import Blob, GzipBody, PackCache, Packed, pack
from edgekit.publishing.planning import Wish
from edgekit.store import entry, write_bundle

TEXT = b"".join(b"%d: the same bytes on every machine\n" % i for i in range(2000))
WEIGHTS = np.random.default_rng(0).integers(-20, 20, 100_000).astype(np.int8).tobytes()


@pytest.mark.parametrize(
    ("data", "digest", "size"),
    [
        pytest.param(b"", "10c2221846da8b4250e556aa520c86d6674614d7c5874d8b9cb7f26d62835036", 23, id="nothing"),
        pytest.param(TEXT, "9f9156edf8ceab1bd5ca9428aec3d592d3d95b226615953ee2349226d4b2dc11", 3754, id="text"),
        pytest.param(WEIGHTS, "5453d13361fbc779d22a19a2eafd785c21b1b5f2fd8984af5db342a4650d810e", 67743, id="weights"),
    ],
)
def test_the_bytes_are_pinned(data: bytes, digest: str, size: int) -> None:
    """Fails where another libdeflate, level or header would send every file once more: then raise packing.FORMAT."""
    assert pack(Blob.of(data)) == Packed(digest, size)


@given(st.binary(max_size=5000), st.integers(0, 2), st.sampled_from([1, 7, 100, 65535]))
def test_it_is_gzip(data: bytes, way: int, stored: int) -> None:
    """In memory, through a file, and as stored blocks on the way: each decodes, with the size that was announced."""
    assume(data or way != 2)  # nothing is never too large to compress
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_STORED", stored)
        patch.setattr(packing, "_IN_MEMORY", 10**9 if way == 0 else -1)
        patch.setattr(packing, "COMPRESS_UP_TO", 10**9 if way == 1 else -1)
        body = GzipBody(Blob.of(data))
        sent = b"".join(body)
        assert len(body) == len(sent)
        assert gzip.decompress(sent) == data
        assert b"".join(body) == sent  # a token that was not accepted makes it go twice


@pytest.mark.parametrize("limit", [10**9, -1], ids=["compressed", "stored"])
@pytest.mark.parametrize("now", [b"other", b"longer than it was", b""])
def test_a_file_that_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, now: bytes) -> None:
    file = tmp_path / "f"
    file.write_bytes(now)
    monkeypatch.setattr(packing, "COMPRESS_UP_TO", limit)
    monkeypatch.setattr(packing, "_IN_MEMORY", limit)
    with pytest.raises(CheckFailed, match="changed while it was published; nothing was released"):
        b"".join(GzipBody(replace(Blob.of(b"first"), source=file)))


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"%s": 3}'])
def test_the_cache_may_be_broken(tmp_path: Path, broken: str) -> None:
    blob = Blob.of(TEXT)
    cache = PackCache(tmp_path)
    made = cache.packed(blob)
    cache.save()
    (file,) = tmp_path.iterdir()
    assert PackCache(tmp_path)._known == {blob.sha256: [made.digest, made.size]}
    file.write_text(broken % blob.sha256 if "%" in broken else broken)
    assert PackCache(tmp_path).packed(blob) == made


def test_memory_stays_flat(tmp_path: Path) -> None:
    """64 MB in 256 shards: what is held at once is what a few uploads need."""
    base = make_bundle(tmp_path / "base", name="made")
    contents = {f.path: base.read(f.path) for f in base.manifest.files()}
    shards = []
    for i in range(256):
        data = bytes([i]) + WEIGHTS[:1000] * 250
        contents[f"load/shard-{i:03d}.bin"] = data
        shards.append(entry(f"load/shard-{i:03d}.bin", data, "shard"))
    targets = {**base.manifest.targets, "load": TargetEntry(tuple(shards), "exact")}
    bundle = write_bundle(tmp_path / "b", seal(replace(base.manifest, targets=targets)), contents)
    total = sum(map(len, contents.values()))
    del contents
    tracemalloc.start()
    try:
        publish(LocalSite(tmp_path / "h"), Wish(bundle), Way(check=False, cache=tmp_path / "cache"))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 60e6
    assert most < 30e6
