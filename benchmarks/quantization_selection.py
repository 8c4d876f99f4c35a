"""How much the reported loss flatters a rung that was chosen on the same rows.

    python benchmarks/quantization_selection.py FOLDER [--case NAME ...]

FOLDER is that of quantization_peers.py. Every rung answers all held-out rows once. Then, 400 times, 200 of them are
drawn to choose the rung (the first whose 95 % bound keeps 1 %, else the one with the least bound); its loss there
stands beside its loss on all the other rows. "counted" is what edgekit does: the bound of the n-th model that is tried
may be too low with 5 % / n. "halves" chooses on 100 of the 200 and reports on the other 100.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from quantization_peers import BUDGET, float_file, rows, task

from edgekit.config import Config
from edgekit.data import load_data
from edgekit.formats.tflite_write import write_tflite
from edgekit.load import load
from edgekit.metrics import Values, compare
from edgekit.progress import silent
from edgekit.quantization.ladder import AUTO, RUNGS
from edgekit.quantize import RANKING_ROWS, STEPS, Rows, prepare
from edgekit.runtimes.litert import Interpreter

DRAWS, CHOSEN_ON = 400, 200


def answers(folder: Path) -> tuple[Values | None, Values, list[Values]]:
    """Return labels, the float answers, and those of each rung in the ladder's order; the tuned one is left out."""
    model = load(float_file(folder), folder)
    config = Config(task=task(folder))
    parts = [
        load_data(folder / f"{p}.npz", config, model.inputs, model.output_elements)
        for p in ("calibration", "evaluation")
    ]
    trials, _ = prepare(model.graph, Rows(*parts), config, silent)
    found = []
    for recipe in (r for r in AUTO if not RUNGS[r].tuned):
        named = "named" in (RUNGS[recipe].wide, RUNGS[recipe].floats)
        wide = "float32" if RUNGS[recipe].floats == "named" else ""
        costs = trials.contributions(trials.calibration.rows[:RANKING_ROWS], wide) if named else ()
        ranked = [c.block for c in sorted((c for c in costs if c.wide != "int8"), key=lambda c: c.without)]
        for count in [n for n in STEPS if n < len(ranked)] if named else [0]:
            raw = write_tflite(trials.quantized(recipe, tuple(ranked[:count])))
            found.append(Interpreter(raw).run(parts[1].inputs))
    return parts[1].labels, Interpreter(float_file(folder).read_bytes()).run(parts[1].inputs), found


def simulate(metric: str, labels: Values | None, floats: Values, found: list[Values]) -> str:
    """Return a line of the table."""
    random = np.random.default_rng(0)
    gaps: dict[str, list[tuple[float, float, float, int]]] = {"same": [], "counted": [], "halves": []}

    def drop(rung: int, at: np.ndarray, looks: int = 1) -> tuple[float, float]:
        result = compare(metric, None if labels is None else labels[at], floats[at], found[rung][at], looks)
        return result.drop, result.upper

    def choose(at: np.ndarray, counted: bool) -> int:
        bounds = [drop(rung, at, rung + 1 if counted else 1)[1] for rung in range(len(found))]
        return next((i for i, b in enumerate(bounds) if b <= BUDGET), int(np.argmin(bounds)))

    for _ in range(DRAWS):
        order = random.permutation(len(floats))
        chosen, fresh, half = order[:CHOSEN_ON], order[CHOSEN_ON:], CHOSEN_ON // 2
        one, other, two = choose(chosen, False), choose(chosen, True), choose(chosen[:half], False)
        gaps["same"].append((*drop(one, chosen), drop(one, fresh)[0], one))
        gaps["counted"].append((*drop(other, chosen, other + 1), drop(other, fresh)[0], other))
        gaps["halves"].append((*drop(two, chosen[half:]), drop(two, fresh)[0], two))
    cells = []
    for pairs in gaps.values():
        said, bound, true, rung = np.array(pairs).T
        broken = np.mean((said <= BUDGET) & (true > BUDGET))
        beyond = np.mean(true > bound)
        cells.append(
            f"{np.mean(said - true):+.2%} | {np.mean(true):+.2%} | {beyond:.0%} | {broken:.0%} | {rung.mean():.1f}"
        )
    return " | ".join(cells)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", action="append")
    options = parser.parse_args()
    names = options.case or sorted(p.parent.name for p in options.folder.glob("*/evaluation.npz"))
    columns = "said - true, mean | true loss, mean | beyond the bound | said to hold and did not"
    print(f"| case | {columns} | mean rung | counted: {columns} | mean rung | halves: {columns} | mean rung |")
    for name in names:
        folder = options.folder.resolve() / name
        metric = "top-1" if task(folder) == "classification" else "rmse"
        if len(next(iter(rows(folder, "evaluation").values()))) < 4 * CHOSEN_ON:
            print(f"| {name} | not run: too few rows |")
            continue
        print(f"| {name} | {simulate(metric, *answers(folder))} |", flush=True)


if __name__ == "__main__":
    main()
