"""Write the tables of docs/performance.md from what the other scripts printed with --json.

python benchmarks/browser_peers.py ... --json > FOLDER/peers.json
    (and with --no-vnni: peers-no-vnni.json, with --threads 2: peers-threads.json)
python benchmarks/cold_start.py BUNDLE --json > FOLDER/cold.json
python benchmarks/performance_page.py FOLDER
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
OWN = "edgekit"
PEERS = ("LiteRT.js", "onnxruntime-web int8", "onnxruntime-web float32", "TF.js")
#: What the models of the table are, by the names of their files.
MEANINGS = {
    "health": "the example, 10 measurements, dense",
    "ad01_int8": "autoencoder of 10 dense layers",
    "kws_ref_model": "DS-CNN, keywords in sound",
    "pretrainedResnet_quant": "ResNet-8, images of 32 x 32",
    "mobilenet_v2": "MobileNetV2 1.0, images of 224 x 224",
}
FILES = {"peers.json": "AVX-VNNI", "peers-no-vnni.json": "no AVX-VNNI", "peers-threads.json": "AVX-VNNI, 2 threads"}


def main() -> None:
    """Read the folder, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    text = PAGE.read_text(encoding="utf-8")
    text = _between(text, "predictions", predictions(folder))
    text = _between(text, "cold start", cold_start(json.loads((folder / "cold.json").read_text(encoding="utf-8"))))
    PAGE.write_text(text, encoding="utf-8")


def predictions(folder: Path) -> str:
    """Return the table of steady predictions: edgekit's median, and how many times as long each peer takes."""
    lines = _head("model", "processor", OWN, *PEERS)
    for name, processor in FILES.items():
        if not (folder / name).is_file():
            continue
        for model in json.loads((folder / name).read_text(encoding="utf-8"))["models"]:
            timed = {t["runtime"]: t for t in model["timed"]}
            cells = [_ratio(timed[peer]["ratio"]) if peer in timed else "–" for peer in PEERS]
            own = _time(timed[OWN]["milliseconds"]["median"])
            lines += _row(MEANINGS.get(model["model"], model["model"]), processor, own, *cells)
    return lines


def cold_start(found: dict[str, Any]) -> str:
    """Return the table of first predictions: bytes on the wire and the time from navigation to the answer."""
    lines = _head("runtime", "bytes", "first answer, median", "fastest to slowest")
    for stack in found["stacks"]:
        times = stack["milliseconds"]
        spread = f"{min(times):,.0f} to {max(times):,.0f} ms"
        lines += _row(stack["stack"], f"{stack['bytes']:,}", f"{median(times):,.0f} ms", spread)
    return lines


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['value']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.2f} ms" if milliseconds >= 0.1 else f"{milliseconds * 1000:.2f} us"


def _head(*cells: str) -> str:
    return _row(*cells) + "|" + "---|" * len(cells) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _between(text: str, name: str, table: str) -> str:
    place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
    assert place.search(text), f"docs/performance.md has no place for {name}"
    return place.sub(lambda _: table, text)


if __name__ == "__main__":
    main()
