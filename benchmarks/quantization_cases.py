"""The models that quantizers are judged on: a trained float model and its rows, one folder each.

Run with a folder: it trains what is not there yet (TensorFlow, some minutes) and writes NAME/model.keras (or
model.tflite), calibration.npz and evaluation.npz. The two reference models are only used where they are:
../shared/models beside the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
REFERENCES = ROOT.parent / "shared" / "models"
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A case: what it is, how its rows come about, and the reference's own int8 file where there is one."""

    meaning: str
    reference: str = ""  # the float .tflite in REFERENCES
    own_int8: str = ""


CASES: Mapping[str, Case] = {
    "health": Case("the example: 10 measurements, RMSE in points"),
    "heavy_tail": Case("12 features, a log-normal target with a heavy tail"),
    "six_decades": Case("20 log-normal features over six decades, 6 tanh layers"),
    "deep": Case("MLP of 20 layers"),
    "wide": Case("MLP of 2 layers of 1024 units"),
    "conv1d": Case("1-D CNN that forecasts a time series"),
    "ad01": Case("ad01, an autoencoder, made-up machine sounds", "ad01_fp32.tflite", "ad01_int8.tflite"),
    "resnet8": Case(
        "ResNet-8, squares cut from two photographs", "pretrainedResnet.tflite", "pretrainedResnet_quant.tflite"
    ),
}


def prepare(name: str, folder: Path) -> str:
    """Make the case where it is not there; return why it cannot be had, or an empty text."""
    done = folder / name / "evaluation.npz"
    if done.exists():
        return ""
    case = CASES[name]
    if case.reference and not (REFERENCES / case.reference).exists():
        return "not run: its model is not here"
    done.parent.mkdir(parents=True, exist_ok=True)
    if name == "health":
        script = ROOT / "examples" / "health_monitoring" / "train.py"
        subprocess.run([sys.executable, str(script), str(done.parent)], check=True)
        return ""
    if case.reference:
        shutil.copy(REFERENCES / case.reference, done.parent / "model.tflite")
        x = {"ad01": machine_sounds, "resnet8": photographs}[name]()
        y = x if name == "ad01" else None  # an autoencoder answers its own input
        order = np.random.RandomState(0).permutation(len(x))
        parts = (order[:500], order[500:])
    else:
        x, y, parts = _train(name, done.parent)
    for part, file in zip(parts, ("calibration.npz", "evaluation.npz"), strict=True):
        np.savez(done.parent / file, **({"x": x[part]} if y is None else {"x": x[part], "y": y[part]}))
    return ""


def _train(name: str, folder: Path) -> tuple[Values, Values, tuple[Values, Values]]:
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
    import keras  # noqa: PLC0415 (only this needs it)

    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    x, y = _DATA[name](rng)
    train, rest = np.arange(int(0.7 * len(x))), np.arange(int(0.7 * len(x)), len(x))
    model = _network(keras, name, x[train], y[train])
    rate = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS[name] * (len(train) // 64))
    model.compile(keras.optimizers.Adam(rate), "mse")
    model.fit(x[train], y[train], epochs=EPOCHS[name], batch_size=64, verbose=0)
    model.save(folder / "model.keras")
    return x, y, (train[:: max(1, len(train) // 2000)], rest[:1500])


EPOCHS = {"heavy_tail": 25, "six_decades": 25, "deep": 30, "wide": 10, "conv1d": 10}


def _network(keras: object, name: str, x: Values, y: Values) -> object:
    layers = keras.layers  # type: ignore[attr-defined]
    inputs = keras.Input(x.shape[1:])  # type: ignore[attr-defined]
    normalization = layers.Normalization()
    normalization.adapt(x)
    value = normalization(inputs)
    if name == "conv1d":
        for filters in (16, 32):
            value = layers.Conv1D(filters, 5, activation="relu", padding="same")(value)
        value = layers.Dense(32, "relu")(layers.Flatten()(layers.AveragePooling1D(4)(value)))
    else:
        units, kind = {
            "heavy_tail": ([64, 64], "relu"),
            "six_decades": ([64] * 6, "tanh"),
            "deep": ([48] * 19, "relu"),
            "wide": ([1024, 1024], "relu"),
        }[name]
        for count in units:
            value = layers.Dense(count, kind, kernel_initializer="he_normal" if kind == "relu" else "glorot_uniform")(
                value
            )
    scale = layers.Rescaling(float(y.std()), float(y.mean()))
    return keras.Model(inputs, scale(layers.Dense(1)(value)))  # type: ignore[attr-defined]


def heavy_tail(rng: np.random.Generator) -> tuple[Values, Values]:
    """Return 12 features of mixed kinds and a target whose largest values are a hundred times its median."""
    x = rng.normal(size=(12000, 12))
    x[:, 6:9] = np.exp(x[:, 6:9])
    hidden = x[:, 0] + 0.8 * np.sin(2 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3] + 0.3 * np.log(x[:, 6])
    y = 1e6 * np.exp(1.1 * hidden) * np.exp(0.3 * rng.standard_t(4, size=len(x)))
    return x.astype(np.float32), y[:, None].astype(np.float32)


def six_decades(rng: np.random.Generator) -> tuple[Values, Values]:
    """Return 20 log-normal features with scales from 1e-3 to 1e3."""
    normal = rng.normal(size=(12000, 20))
    x = np.exp(0.7 * normal) * np.logspace(-3, 3, 20)
    y = np.tanh(normal[:, :5].sum(axis=1)) + 0.5 * normal[:, 5] * normal[:, 6] + 0.2 * rng.normal(size=len(x))
    return x.astype(np.float32), (40 + 9 * y)[:, None].astype(np.float32)


def smooth(rng: np.random.Generator) -> tuple[Values, Values]:
    """Return 16 features and a smooth target with 10 % noise."""
    x = rng.normal(size=(12000, 16)) * np.linspace(0.5, 20, 16) + np.linspace(0, 100, 16)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    y = z[:, :4].sum(axis=1) + np.sin(2 * z[:, 4]) + z[:, 5] * z[:, 6] + np.abs(z[:, 7])
    y = 200 + 30 * (y + 0.1 * y.std() * rng.normal(size=len(x)))
    return x.astype(np.float32), y[:, None].astype(np.float32)


def series(rng: np.random.Generator) -> tuple[Values, Values]:
    """Return windows of 48 steps of 3 channels of a load with day, week and noise, and the next value."""
    t = np.arange(9100)
    load = 300 + 80 * np.sin(2 * np.pi * t / 24) + 40 * np.sin(2 * np.pi * t / 168)
    drift = np.cumsum(rng.normal(size=len(t)))
    load = load + 4 * (drift - np.convolve(drift, np.ones(200) / 200, "same")) + 6 * rng.normal(size=len(t))
    channels = np.stack([load, 15 + 10 * np.sin(2 * np.pi * (t - 6) / 24) + rng.normal(size=len(t)), t % 24], axis=1)
    x = np.stack([channels[i : i + 48] for i in range(len(t) - 49)])
    return x.astype(np.float32), load[48:-1][:, None].astype(np.float32)


_DATA: Mapping[str, Callable[[np.random.Generator], tuple[Values, Values]]] = {
    "heavy_tail": heavy_tail,
    "six_decades": six_decades,
    "deep": smooth,
    "wide": smooth,
    "conv1d": series,
}


def machine_sounds() -> Values:
    """Return log-mel features [1000, 640] of made-up fans: harmonics and filtered noise, as ToyADMOS is prepared.

    5 frames of 128 mel bands, windows of 1024 at 16 kHz with a step of 512, 20 log10 of the power by half.
    """
    rng = np.random.default_rng(3)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 130) / 2595) - 1)
    bins = np.fft.rfftfreq(1024, 1 / 16000)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.maximum(0, np.minimum((bins - low) / (mid - low), (high - bins) / (high - mid))) * 2 / (high - low)
    rows = []
    for _ in range(100):
        t = np.arange(1024 + 512 * 13) / 16000
        base, level = rng.uniform(40, 400), 10 ** rng.uniform(-2.5, -1)
        sound = sum(level / k * np.sin(2 * np.pi * k * base * t + rng.uniform(0, 6)) for k in range(1, 12))
        noise = rng.normal(size=len(t)) * 10 ** rng.uniform(-3.5, -1.5)
        sound = sound + np.convolve(noise, np.exp(-np.arange(32) / rng.uniform(1, 12)), "same")
        frames = np.stack([sound[i * 512 : i * 512 + 1024] for i in range(14)]) * np.hanning(1024)
        mel = 10 * np.log10(np.abs(np.fft.rfft(frames)) ** 2 @ bank.T + 1e-12)
        rows += [mel[i : i + 5].reshape(-1) for i in range(10)]
    return np.array(rows, np.float32)


def photographs() -> Values:
    """Return 1000 squares [32, 32, 3] of 0 to 255, cut at many sizes from the two photographs of scikit-learn."""
    from sklearn.datasets import load_sample_images  # noqa: PLC0415 (only this needs it)

    rng = np.random.default_rng(4)
    rows = []
    for _ in range(1000):
        image = load_images.setdefault("all", load_sample_images().images)[rng.integers(2)]
        step = int(rng.integers(1, 12))
        top, left = (int(rng.integers(0, n - 32 * step)) for n in image.shape[:2])
        patch = image[top : top + 32 * step, left : left + 32 * step].astype(np.float32)
        rows.append(patch.reshape(32, step, 32, step, 3).mean(axis=(1, 3)))
    return np.array(rows, np.float32)


load_images: dict[str, list[npt.NDArray[np.uint8]]] = {}


def main(folder: Path) -> None:
    """Make every case."""
    for name in CASES:
        print(name, prepare(name, folder) or "ready", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
