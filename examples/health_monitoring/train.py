"""Train the example: disease progression one year on, from ten measurements of 442 diabetes patients.

Data: Efron, Hastie, Johnstone and Tibshirani, "Least Angle Regression" (2004), as scikit-learn ships it, unscaled.
Writes model.keras, calibration.npz (the training rows) and evaluation.npz (a quarter, held out) into the folder given.
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
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

SEED = 7


def main(out: Path) -> None:
    keras.utils.set_random_seed(SEED)
    data = load_diabetes(scaled=False)
    x, y = data.data.astype(np.float32), data.target.astype(np.float32).reshape(-1, 1)
    x[:, 1] -= 1  # sex is coded 1 and 2; codes of a category start at 0
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=SEED)
    model = build(x_train)
    model.fit(x_train, y_train, epochs=150, batch_size=32, verbose=0)
    error = float(np.sqrt(np.mean((model.predict(x_test, verbose=0) - y_test) ** 2)))
    out.mkdir(parents=True, exist_ok=True)
    model.save(out / "model.keras")
    np.savez(out / "calibration.npz", x=x_train, y=y_train)
    np.savez(out / "evaluation.npz", x=x_test, y=y_test)
    table = np.hstack([x, np.ones((len(x), 1), np.float32)]).astype(np.float64)
    x_fit, x_held = train_test_split(table, test_size=0.25, random_state=SEED)
    lines = x_held @ np.linalg.lstsq(x_fit, y_train, rcond=None)[0]
    mean, linear = (float(np.sqrt(np.mean((guess - y_test) ** 2))) for guess in (y_train.mean(), lines))
    print(f"baselines: mean {mean:.2f}, linear {linear:.2f} points RMSE")
    print(f"trained: RMSE {error:.2f} points on {len(x_test)} held-out patients; wrote {out / 'model.keras'}")


def build(x: np.ndarray) -> keras.Model:
    inputs = keras.Input((10,), name="measurements")
    normalization = keras.layers.Normalization(name="normalization")
    normalization.adapt(x)
    hidden = keras.layers.Dense(64, "relu", kernel_regularizer=keras.regularizers.l2(0.01))(normalization(inputs))
    hidden = keras.layers.Dense(64, "relu", kernel_regularizer=keras.regularizers.l2(0.01))(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1, name="progression")(hidden), name="health_monitoring")
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


if __name__ == "__main__":
    given = [a for a in sys.argv[1:] if a != "--quick"]  # it is quick as it is
    main(Path(given[0]) if given else Path(__file__).parent)
