"""TensorFlow.js for the browser: one script of the core, the graph model loader and the CPU backend."""

from __future__ import annotations

import hashlib
import re

from edgekit.npm_files import Package, Purpose, fetch, kept

VERSION = "4.22.0"
#: In this order: each part adds to globalThis.tf what the part before it left there.
PACKAGES = (
    Package(
        "@tensorflow/tfjs-core",
        "dist/tf-core.es2017.min.js",
        "c55367325aa628ed685164d5c4210892e31c6d2d0e8c163a827b15ad330d1eba",
    ),
    Package(
        "@tensorflow/tfjs-converter",
        "dist/tf-converter.es2017.min.js",
        "42a8166c840173bae6180e8ab715a4c811f0371de1b81f28977fd4a7d2c39adf",
    ),
    Package(
        "@tensorflow/tfjs-backend-cpu",
        "dist/tf-backend-cpu.es2017.min.js",
        "5d703dd6791356c98c3131aa6340ca48d82806228dfad8b439e83bcaedbb508e",
    ),
)
SCRIPT_SHA256 = "2c359cef07d37c4fd3a4ee8ea3c7062ddd70fe995b1a2670f41be173b68cfcf3"
#: The source maps are not shipped, so nothing may ask for them.
_SOURCE_MAP = re.compile(rb"^//# sourceMappingURL=.*\n?", re.MULTILINE)


def script() -> bytes:
    """Return the script; raises NotAvailable when it is not in the cache and cannot be fetched."""
    (data,) = kept(f"tfjs-{VERSION}/tf.js", (SCRIPT_SHA256,), lambda: (_join(),))
    return data


def _join() -> bytes:
    """Download the packages and join their files."""
    parts = fetch(PACKAGES, Purpose("TensorFlow.js", VERSION, "tfjs"))
    data = b"\n".join(_SOURCE_MAP.sub(b"", part).rstrip(b"\n") for part in parts) + b"\n"
    if hashlib.sha256(data).hexdigest() != SCRIPT_SHA256:
        raise AssertionError("the parts have their pinned hashes, the script made of them has not")
    return data
