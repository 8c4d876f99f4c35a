"""Bundles: the manifest's inverse functions, files that must be refused, and writing whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fabricated import make_bundle
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import InputError
from edgekit.manifest import Feature, FileEntry, Manifest, Output, Signature, TargetEntry, decode, encode, seal
from edgekit.store import Bundle, open_bundle, write_bundle, zip_bundle

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
HASH = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
PATHS = st.from_regex(r"[a-z0-9_][a-z0-9_.-]{0,8}(/[a-z0-9_][a-z0-9_-]{0,8}){0,2}", fullmatch=True)
FILES = st.builds(
    FileEntry, PATHS, st.integers(0, 10**9), HASH, st.sampled_from(["model", "shard"]), st.none() | st.integers(0, 9)
)
MANIFESTS = st.builds(
    Manifest,
    name=TEXT,
    version=TEXT,
    task=st.just("regression"),
    inputs=st.lists(st.builds(Signature, TEXT, st.lists(st.integers(1, 9)).map(tuple)), max_size=2).map(tuple),
    outputs=st.just((Signature("y", (1, 1)),)),
    features=st.lists(
        st.builds(Feature, TEXT, TEXT, st.just("number"), TEXT, st.integers(0, 9), st.tuples(NUMBER, NUMBER), NUMBER, NUMBER),
        max_size=3,
    ).map(tuple),
    results=st.lists(st.builds(Output, TEXT, TEXT), max_size=2).map(tuple),
    targets=st.lists(FILES, max_size=3, unique_by=lambda f: f.path).map(
        lambda files: {"t": TargetEntry(tuple(f for f in files if f.path not in ("golden.json", "manifest.json")), "exact")}
    ),
    golden=st.builds(FileEntry, st.just("golden.json"), st.integers(0, 99), HASH, st.just("golden")),
    quantization=st.dictionaries(TEXT, NUMBER | TEXT, max_size=3),
    provenance=st.dictionaries(TEXT, TEXT, max_size=3),
)  # fmt: skip


@given(MANIFESTS)
def test_reading_is_the_inverse_of_writing(manifest: Manifest) -> None:
    sealed = seal(manifest)
    assert decode(encode(sealed)) == sealed
    assert encode(decode(encode(sealed))) == encode(sealed)


@given(MANIFESTS, TEXT)
def test_the_id_pins_everything(manifest: Manifest, name: str) -> None:
    other = replace(manifest, name=name)
    assert (seal(manifest).id == seal(other).id) == (manifest.name == name)


Change = Callable[[dict[str, object]], None]


def sets(*path: str | int, to: object) -> Change:
    def change(plain: dict[str, object]) -> None:
        place: object = plain
        for step in path[:-1]:
            place = place[step]  # type: ignore[index]
        place[path[-1]] = to  # type: ignore[index]

    return change


def drops(key: str) -> Change:
    return lambda plain: plain.pop(key)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(sets("schema_version", to=3), "manifest.json has schema_version 3, this edgekit reads 1 and 2; export the bundle again with this version", id="a later format"),
        pytest.param(drops("schema_version"), "manifest.json has schema_version None, this edgekit reads 1 and 2; export the bundle again with this version", id="no format"),
        pytest.param(drops("golden"), "manifest.json: the key 'golden' is missing", id="a key is missing"),
        pytest.param(sets("name", to=5), "manifest.json: name must be text, not a whole number", id="a number for a name"),
        pytest.param(sets("files", to=[]), "manifest.json: unknown key 'files'; known keys are card, features, feature_hash, golden, id, inputs, name, outputs, provenance, quantization, results, schema_version, targets, task, version", id="a key nobody knows"),
        pytest.param(sets("name", to="other"), "manifest.json does not hash to its id; the bundle was changed after export", id="changed after export"),
        pytest.param(sets("golden", "path", to="/etc/passwd"), "manifest.json names the unsafe path '/etc/passwd'; refusing the bundle", id="an absolute path"),
        pytest.param(sets("golden", "path", to="a/../../b"), "manifest.json names the unsafe path 'a/../../b'; refusing the bundle", id="a path that climbs"),
        pytest.param(sets("golden", "path", to="a\\b"), "manifest.json names the unsafe path 'a\\\\b'; refusing the bundle", id="a backslash"),
        pytest.param(sets("golden", "path", to="C:x"), "manifest.json names the unsafe path 'C:x'; refusing the bundle", id="a drive"),
        pytest.param(sets("golden", "path", to=".hidden"), "manifest.json names the unsafe path '.hidden'; refusing the bundle", id="a hidden name"),
        pytest.param(sets("golden", "path", to=""), "manifest.json names the unsafe path ''; refusing the bundle", id="no path"),
        pytest.param(sets("golden", "path", to="manifest.json"), "manifest.json describes manifest.json twice; refusing the bundle", id="itself"),
        pytest.param(sets("golden", "path", to="runtime/edgekit.js"), "manifest.json describes runtime/edgekit.js twice; refusing the bundle", id="a path twice"),
        pytest.param(sets("golden", "sha256", to="ab"), "manifest.json has a malformed sha256 for golden.json; refusing the bundle", id="a short hash"),
        pytest.param(sets("golden", "bytes", to=-1), "manifest.json has an impossible size for golden.json; refusing the bundle", id="a negative size"),
        pytest.param(sets("golden", "bytes", to=10**12), "manifest.json has an impossible size for golden.json; refusing the bundle", id="a size beyond any host's limit"),
        pytest.param(sets("targets", "wasm", "parity", to="about"), "manifest.json declares no usable parity for target wasm; refusing the bundle", id="a parity nobody knows"),
        pytest.param(sets("targets", "tfjs", "bound", to=None), "manifest.json declares no usable parity for target tfjs; refusing the bundle", id="a bound without a number"),
    ],
)  # fmt: skip
def test_manifests_that_are_refused(tmp_path: Path, change: Change, message: str) -> None:
    root = make_bundle(tmp_path / "b").root
    plain = json.loads((root / "manifest.json").read_text())
    change(plain)
    (root / "manifest.json").write_text(json.dumps(plain))
    with pytest.raises(InputError) as caught:
        open_bundle(root)
    assert str(caught.value).replace("feature_hash, features", "features, feature_hash") == message


@pytest.mark.parametrize(
    ("raw", "start"),
    [
        pytest.param(b"", "manifest.json is not JSON: ", id="empty"),
        pytest.param(b"[1]", "manifest.json is not a JSON object; export the bundle again", id="a list"),
        pytest.param(b"\xff\xfe", "manifest.json is not JSON: ", id="not UTF-8"),
        pytest.param(
            b'{"a": NaN}', "manifest.json is not JSON: NaN is not a JSON number; export the bundle again", id="NaN"
        ),
        pytest.param(b"[" * 100_000, "manifest.json is not JSON: ", id="brackets without end"),
    ],
)
def test_manifests_that_are_no_json(raw: bytes, start: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(raw)
    assert str(caught.value).startswith(start)


def remove(root: Path) -> None:
    (root / "golden.json").unlink()


def shorten(root: Path) -> None:
    (root / "golden.json").write_bytes(b"{}")


def flip(root: Path) -> None:
    raw = bytearray((root / "golden.json").read_bytes())
    raw[-3] ^= 1
    (root / "golden.json").write_bytes(raw)


def add(root: Path) -> None:
    (root / "wasm" / "more.bin").write_bytes(b"")


def link(root: Path) -> None:
    (root / "golden.json").rename(root.parent / "golden.json")
    (root / "golden.json").symlink_to(root.parent / "golden.json")


def no_manifest(root: Path) -> None:
    (root / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(remove, "the bundle {root} lacks golden.json; export it again", id="a file is missing"),
        pytest.param(shorten, "golden.json in the bundle {root} has 2 bytes, its manifest says {bytes}; export it again", id="another size"),
        pytest.param(flip, "golden.json in the bundle {root} does not match its sha256; export it again", id="one bit"),
        pytest.param(add, "the bundle {root} holds wasm/more.bin, which its manifest does not name; refusing it", id="a file too many"),
        pytest.param(link, "the bundle {root} holds golden.json, a link or special file; refusing it", id="a link"),
        pytest.param(no_manifest, "{root} is not a bundle: it has no manifest.json", id="no manifest"),
        pytest.param(shutil.rmtree, "there is no bundle at {root}; make one with: edgekit export MODEL --data DATA --out {root}", id="nothing there"),
    ],
)  # fmt: skip
def test_folders_that_are_refused(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    bundle = make_bundle(tmp_path / "b")
    size = bundle.manifest.golden.bytes
    damage(bundle.root)
    with pytest.raises(InputError) as caught:
        open_bundle(bundle.root)
    assert str(caught.value) == message.format(root=bundle.root, bytes=size)


def contents(bundle: Bundle) -> dict[str, bytes]:
    return {f.path: bundle.read(f.path) for f in bundle.manifest.files()}


def test_an_old_bundle_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    newer = seal(replace(bundle.manifest, version="2"))
    assert write_bundle(bundle.root, newer, contents(bundle)).manifest.version == "2"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b"]
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match=r"mine exists and is not a bundle; choose another --out or remove it$"):
        write_bundle(tmp_path / "mine", newer, contents(bundle))


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle(tmp_path / "b")
    monkeypatch.setattr(os, "fsync", lambda _fd: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space left"):
        write_bundle(tmp_path / "c", bundle.manifest, contents(bundle))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b"]


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1])
def test_a_killed_write_leaves_no_bundle_that_looks_whole(tmp_path: Path, seconds: float) -> None:
    """The child writes one bundle after another over the same place until it is killed."""
    make_bundle(tmp_path / "b")
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from dataclasses import replace
        from edgekit.manifest import seal
        from edgekit.store import open_bundle, write_bundle
        root = Path(sys.argv[1])
        bundle = open_bundle(root)
        files = {f.path: bundle.read(f.path) for f in bundle.manifest.files()}
        print("ready", flush=True)
        for n in range(10000):
            write_bundle(root, seal(replace(bundle.manifest, version=str(n))), files)
        """
    )
    child = subprocess.Popen([sys.executable, "-c", script, tmp_path / "b"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    child.wait()
    visible = [p for p in tmp_path.iterdir() if not p.name.startswith(".")]
    for path in visible:
        open_bundle(path)  # raises where it is not whole


def test_a_zip_depends_on_the_contents_only(tmp_path: Path) -> None:
    first, second = make_bundle(tmp_path / "a"), make_bundle(tmp_path / "b")
    os.utime(second.root / "golden.json", (0, 10**9))
    for bundle in (first, second):
        zip_bundle(bundle, bundle.root.with_suffix(".zip"))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
