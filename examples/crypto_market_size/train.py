"""Train the example: how large a segment of the crypto market is in 30 days, in log10 of bn USD.

60 simulated segments over five years (simulation.py has the formulas and their sources), a row a week and segment.
The target spans four powers of ten, so the model is trained on its logarithm; edgekit.toml says so, and clients get
bn USD. Rows are split by time: the last quarter of it is held out, and no row before it looks into it. Writes
model.keras, calibration.csv and evaluation.csv with a date. `--quick` takes 12 segments and few epochs.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
from simulation import segments

SEED = 3
AHEAD, PAST, STEP = 30, 90, 7  # days
COLUMNS = (
    "log_size",
    "log_users",
    "log_turnover",
    "return_7",
    "return_30",
    "return_90",
    "volatility_30",
    "gap_to_peak",
)


def main(out: Path, quick: bool) -> None:
    keras.utils.set_random_seed(SEED)
    x, y, day = rows(segments(12 if quick else 60, 5 * 365, SEED))
    border = np.quantile(day, 0.75)
    early, late = day < border - AHEAD, day >= border
    epochs = 5 if quick else 20
    model = build(x[early], updates=epochs * int(early.sum()) // 64)
    model.fit(x[early], y[early], epochs=epochs, batch_size=64, verbose=0)
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "model.keras")
    for name, part in (("calibration", early), ("evaluation", late)):
        write(out / f"{name}.csv", x[part], y[part], day[part])
    report(x, y, early, late, model.predict(x[late], verbose=0))


def rows(market: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features [rows, 8], log10 of the size in 30 days [rows, 1] and the day of each row, in its order."""
    size, users, turnover = (np.log10(market[name]) for name in ("size", "users", "turnover"))
    moves = np.diff(size, axis=1, prepend=size[:, :1])
    days = np.arange(PAST, size.shape[1] - AHEAD, STEP)
    table = np.stack(
        [
            size[:, days],
            users[:, days],
            np.stack([turnover[:, d - 6 : d + 1].mean(axis=1) for d in days], axis=1),
            *(size[:, days] - size[:, days - past] for past in (7, 30, 90)),
            np.stack([moves[:, d - 29 : d + 1].std(axis=1) for d in days], axis=1),
            np.stack([size[:, d - PAST : d + 1].max(axis=1) for d in days], axis=1) - size[:, days],
        ],
        axis=2,
    )
    flat = table.transpose(1, 0, 2).reshape(-1, len(COLUMNS))
    target = size[:, days + AHEAD].T.reshape(-1, 1)
    return flat.astype(np.float32), target.astype(np.float32), np.repeat(days, len(size))


def build(x: np.ndarray, updates: int) -> keras.Model:
    small = keras.regularizers.l2(1e-5)
    inputs = keras.Input((len(COLUMNS),), name="segment")
    normalization = keras.layers.Normalization(name="normalization")
    normalization.adapt(x)
    scaled = normalization(inputs)
    hidden = keras.layers.Dense(32, "relu", kernel_regularizer=small)(scaled)
    hidden = keras.layers.Dense(32, "relu", kernel_regularizer=small)(hidden)
    growth = keras.layers.Dense(1, kernel_initializer="zeros", name="growth")(hidden)
    # The size of today, out of the scaled features: only the growth has to be learned.
    now = keras.layers.Dense(1, trainable=False, name="now")
    answer = keras.layers.Add(name="log_size_in_30_days")([now(scaled), growth])
    now.set_weights([np.eye(len(COLUMNS), 1, dtype=np.float32) * x[:, 0].std(), x[:, :1].mean(axis=0)])
    model = keras.Model(inputs, answer, name="crypto_market_size")
    # A heavy tail again: the Huber loss keeps single crashes from steering the weights.
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, updates)), keras.losses.Huber(0.05)
    )
    return model


def write(path: Path, x: np.ndarray, y: np.ndarray, day: np.ndarray) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["date", *COLUMNS, "log_size_in_30_days"])
        dates = np.datetime64("2020-01-01") + day.astype("timedelta64[D]")
        for date, row, target in zip(dates.astype(str), x.tolist(), y[:, 0].tolist(), strict=True):
            table.writerow([date, *(f"{value:.6g}" for value in (*row, target))])


def report(x: np.ndarray, y: np.ndarray, early: np.ndarray, late: np.ndarray, answers: np.ndarray) -> None:
    def rmse(guess: np.ndarray) -> float:
        return float(np.sqrt(np.mean((guess - y[late]) ** 2)))

    flat = np.hstack([x, np.ones((len(x), 1))]).astype(np.float64)
    lines = flat[late] @ np.linalg.lstsq(flat[early], y[early], rcond=None)[0]
    now, mean = rmse(x[late, :1]), rmse(np.broadcast_to(y[early].mean(), y[late].shape))
    usual = float(10 ** np.median(np.abs(answers - y[late])))
    print(f"baselines: persistence {now:.4f}, mean {mean:.4f}, linear {rmse(lines):.4f} RMSE in log10")
    print(f"trained: RMSE {rmse(answers):.4f} in log10 on {late.sum()} later rows; half within a factor of {usual:.2f}")


if __name__ == "__main__":
    given = [a for a in sys.argv[1:] if a != "--quick"]
    main(Path(given[0]) if given else Path(__file__).parent, "--quick" in sys.argv)
