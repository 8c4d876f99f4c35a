"""Train the example: the battery-to-wheel efficiency of an electric car's trip, from what is known before it
starts.

6,000 simulated trips (20 minutes at 1 Hz each; simulation.py has the formulas and their sources). Two inputs: eight
numbers, and the code of the driving cycle. Writes model.keras, calibration.npz (the training rows) and
evaluation.npz (a quarter of the trips, held out by chance: trips do not follow each other). `--quick` takes 800
trips and few epochs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
from simulation import CYCLES, trips

SEED = 11


def main(out: Path, quick: bool) -> None:
    keras.utils.set_random_seed(SEED)
    numbers, cycle, efficiency = trips(800 if quick else 6000, SEED)
    order = np.random.default_rng(SEED).permutation(len(cycle))
    test, train = np.split(order, [len(order) // 4])
    model = build(numbers[train])
    inputs = {"trip": numbers, "cycle": cycle}
    taught = {name: rows[train] for name, rows in inputs.items()}
    model.fit(taught, efficiency[train], epochs=15 if quick else 60, batch_size=64, verbose=0)
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "model.keras")
    for name, rows in (("calibration", train), ("evaluation", test)):
        np.savez(out / f"{name}.npz", trip=numbers[rows], cycle=cycle[rows], y=efficiency[rows])
    answers = model.predict({name: rows[test] for name, rows in inputs.items()}, verbose=0)
    report(answers, linear(numbers, cycle, efficiency, train, test), efficiency, train, test)


def build(numbers: np.ndarray) -> keras.Model:
    trip, cycle = keras.Input((8,), name="trip"), keras.Input((1,), name="cycle")
    normalization = keras.layers.Normalization(name="normalization")
    normalization.adapt(numbers)
    # An embedding of the code without a look-up: hinges at 0, 1, 2 reach every point of a table of four rows.
    hinges = keras.layers.Dense(len(CYCLES) - 1, "relu", trainable=False, name="hinges")
    embedding = keras.layers.Dense(4, name="embedding")(hinges(cycle))
    steps = np.arange(len(CYCLES) - 1, dtype=np.float32)
    hinges.set_weights([np.ones((1, len(steps)), np.float32), -steps])
    hidden = keras.layers.Concatenate()([normalization(trip), embedding])
    for units in (48, 48):
        hidden = keras.layers.Dense(units, "relu")(hidden)
    model = keras.Model([trip, cycle], keras.layers.Dense(1, name="efficiency")(hidden), name="ev_efficiency")
    model.compile(keras.optimizers.Adam(2e-3), "mse")
    return model


def linear(
    numbers: np.ndarray, cycle: np.ndarray, truth: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Least squares on the numbers and the cycle as one-hot columns."""
    table = np.hstack([numbers, np.eye(len(CYCLES))[cycle[:, 0].astype(int)]]).astype(np.float64)
    weights = np.linalg.lstsq(table[train], truth[train], rcond=None)[0]
    return table[test] @ weights


def report(answers: np.ndarray, lines: np.ndarray, truth: np.ndarray, train: np.ndarray, test: np.ndarray) -> None:
    def rmse(guess: np.ndarray) -> float:
        return float(np.sqrt(np.mean((guess - truth[test]) ** 2)))

    low, high = np.quantile(truth, (0.05, 0.95))
    print(f"efficiency of the trips: 5 % below {low:.1f}, 5 % above {high:.1f} %")
    mean = rmse(np.broadcast_to(truth[train].mean(), truth[test].shape))
    print(f"baselines: mean {mean:.2f}, linear {rmse(lines):.2f} points RMSE")
    print(f"trained: RMSE {rmse(answers):.2f} points on {len(test)} held-out trips")


if __name__ == "__main__":
    given = [a for a in sys.argv[1:] if a != "--quick"]
    main(Path(given[0]) if given else Path(__file__).parent, "--quick" in sys.argv)
