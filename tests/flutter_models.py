"""Models for the tests of the clients: 20 features, names that no language wants, windows of time and a transform."""

from __future__ import annotations

import sys
from pathlib import Path

from edgekit.config import Config, FeatureConfig, OutputConfig
from edgekit.store import Bundle

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from write_flutter_example import dense_bundle  # noqa: E402

TWENTY = Config(
    name="crypto-market.size",
    version="2.0.0",
    features=tuple(FeatureConfig(f"feature {i}", unit="%", range=(-float(i), i + 0.5)) for i in range(20)),
    outputs=(OutputConfig("market size", "billion US$"),),
)

NASTY = Config(
    name="5G_class",
    version="0.1",
    features=(
        FeatureConfig("class", range=(0.0, 1.0)),
        FeatureConfig("Class", range=(0.0, 1.0)),
        FeatureConfig("5G signal", unit="dBm", range=(-120.0, -40.0)),
        FeatureConfig("Größe (müde)", unit="µm", range=(1e-05, 3e22)),
        FeatureConfig("🚗", range=(-1.0, 1.0), kind="integer"),
        FeatureConfig("速度", range=(0.0, 1.0)),
        FeatureConfig('it\'s $5 \\ "x"', unit="$/\\'", range=(0.0, 9.0)),
        FeatureConfig("hashCode", range=(0.0, 1.0)),
        FeatureConfig("values", range=(0.0, 1.0)),
        FeatureConfig("copy with", range=(0.0, 1.0)),
        FeatureConfig("model", kind="category", categories=("values", "index", "class", "😀", "7", "7 ", "Ä", "ä")),
        FeatureConfig("a" * 100 + " with a name that goes on and on", unit="u" * 60, range=(0.0, 1.0)),
        FeatureConfig("a" * 100 + " with a name that goes on and ends", kind="category", categories=("l" * 90, "b")),
        FeatureConfig("*/ /* // ///", range=(0.0, 1.0)),
        FeatureConfig("rtl \u05d0 */", range=(0.0, 1.0)),
    ),
    outputs=(OutputConfig("values", "m"), OutputConfig("valuesUnit"), OutputConfig("null"), OutputConfig("°", "$x")),
)

WINDOWS = Config(
    name="windows",
    version="1.0.0",
    features=(
        FeatureConfig("wind speed", unit="m/s", range=(0.0, 30.0), steps=4),
        FeatureConfig("visitors", range=(-5.0, 20.0), kind="integer", steps=4),
    ),
    outputs=(OutputConfig("market size", "bn USD", transform="log10"), OutputConfig("growth", "%")),
)


def twenty(out: Path) -> Bundle:
    return dense_bundle(out, TWENTY, (24, 24, 1), "TANH")


def nasty(out: Path) -> Bundle:
    return dense_bundle(out, NASTY, (8, 4))


def windows(out: Path) -> Bundle:
    return dense_bundle(out, WINDOWS, (12, 2))
