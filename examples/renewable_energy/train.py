"""Train the example: the power of a wind and solar park six hours from now, from its last 24 hours.

Three simulated years (simulation.py has the formulas and their sources). One row is a window [24 hours, 5
channels], which 1-D convolutions read; rows are in the order of time, the last quarter of it is held out, and no
window of one part holds an hour of the other's. Writes model.keras, calibration.npz and evaluation.npz, with the
time of each row's newest hour. `--quick` takes 100 days and few epochs.
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
from simulation import hours

SEED = 5
STEPS, AHEAD = 24, 6


def main(out: Path, quick: bool) -> None:
    keras.utils.set_random_seed(SEED)
    x, y, time = windows(hours(24 * (100 if quick else 3 * 365), SEED))
    border = int(0.75 * len(x))
    early, late = np.arange(border - STEPS - AHEAD), np.arange(border, len(x))
    epochs = 3 if quick else 12
    model = build(x[early], updates=epochs * len(early) // 64)
    model.fit(x[early], y[early], epochs=epochs, batch_size=64, verbose=0)
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "model.keras")
    start = np.datetime64("2021-01-01T00")
    for name, rows in (("calibration", early), ("evaluation", late)):
        text = np.datetime_as_string(start + time[rows].astype("timedelta64[h]"), unit="m")
        np.savez(out / f"{name}.npz", x=x[rows], y=y[rows], time=text)
    report(x, y, early, late, model.predict(x[late], verbose=0))


def windows(site: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return windows [rows, 24, 5], the power [rows, 1] six hours after each, and the number of its newest hour."""
    later = np.roll(site["clear"], -AHEAD)  # where the sun will be is known
    channels = [site["wind"], site["cloud"], site["temperature"], later, site["power"]]
    table = np.stack(channels, axis=1).astype(np.float32)
    newest = np.arange(STEPS - 1, len(table) - AHEAD)
    x = np.stack([table[i - STEPS + 1 : i + 1] for i in newest])
    return x, site["power"][newest + AHEAD, None].astype(np.float32), newest


def build(x: np.ndarray, updates: int) -> keras.Model:
    layers, small = keras.layers, keras.regularizers.l2(1e-3)
    window = keras.Input((STEPS, x.shape[2]), name="window")
    normalization = layers.Normalization(name="normalization")
    normalization.adapt(x)
    scaled = normalization(window)
    past = layers.Conv1D(12, 5, strides=2, activation="relu", kernel_regularizer=small, name="hours")(scaled)
    past = layers.Conv1D(12, 3, strides=2, activation="relu", kernel_regularizer=small, name="half_days")(past)
    past = layers.Dropout(0.2)(layers.Flatten()(past))
    newest = layers.Flatten(name="newest")(layers.Cropping1D((STEPS - 2, 0))(scaled))
    hidden = layers.Dense(64, "relu", kernel_regularizer=small)(layers.Concatenate()([past, newest]))
    model = keras.Model(window, layers.Dense(1, name="power")(hidden), name="renewable_energy")
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, updates)), "mse")
    return model


def report(x: np.ndarray, y: np.ndarray, early: np.ndarray, late: np.ndarray, answers: np.ndarray) -> None:
    def rmse(guess: np.ndarray) -> float:
        return float(np.sqrt(np.mean((guess - y[late]) ** 2)))

    flat = np.hstack([x.reshape(len(x), -1), np.ones((len(x), 1), np.float32)]).astype(np.float64)
    lines = flat[late] @ np.linalg.lstsq(flat[early], y[early], rcond=None)[0]
    now, yesterday = x[late, -1, 4:5], x[late, AHEAD - 1, 4:5]
    mean = rmse(np.broadcast_to(y[early].mean(), y[late].shape))
    guesses = (
        f"now {rmse(now):.2f}, the same hour yesterday {rmse(yesterday):.2f}, mean {mean:.2f}, linear {rmse(lines):.2f}"
    )
    print(f"baselines: {guesses} MW RMSE")
    print(f"trained: RMSE {rmse(answers):.2f} MW on {len(late)} later hours")


if __name__ == "__main__":
    given = [a for a in sys.argv[1:] if a != "--quick"]
    main(Path(given[0]) if given else Path(__file__).parent, "--quick" in sys.argv)
