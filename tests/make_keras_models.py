"""Make Keras files, good and bad, in a folder: python make_keras_models.py FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf
from keras import layers

ROWS = 32


def _main(folder: Path) -> None:
    keras.utils.set_random_seed(7)
    random = np.random.default_rng(7)
    rows = np.concatenate([random.normal(60, 20, (ROWS, 3)), random.normal(0.5, 0.1, (ROWS, 2))], 1).astype("float32")

    def car() -> Any:
        speed, weather = keras.Input((3,), name="speed"), keras.Input((2,), name="weather")
        scaled = []
        for source, part in ((speed, rows[:, :3]), (weather, rows[:, 3:])):
            scaled.append(layers.Normalization(mean=part.mean(0), variance=part.var(0))(source))
        wide = layers.Dense(16, "relu", name="wide")(layers.Concatenate()(scaled))
        side = layers.Dense(16, "tanh", name="side")(wide)
        joined = layers.Add(name="joined")([layers.BatchNormalization()(wide), side])
        return keras.Model([speed, weather], layers.Dense(1, name="range_km")(joined), name="car")

    model = car()
    expected = np.asarray(model.predict([rows[:, :3], rows[:, 3:]], verbose=0), "float32")
    np.savez(folder / "car.npz", x=rows, y=expected)
    model.save(folder / "car.keras")
    model.save(folder / "car.h5")
    model.export(folder / "car_saved", verbose=False)

    # A dictionary's order is that of its keys, not that in which they were written.
    z, a = keras.Input((4,), name="z"), keras.Input((3,), name="a")
    both = layers.Concatenate()([a, z])
    keras.Model({"z": z, "a": a}, {"y": layers.Dense(2, name="two")(both), "b": layers.Dense(1, name="one")(z)}).save(
        folder / "dictionary.keras"
    )
    keras.Sequential(
        [keras.Input((4, 2), name="steps"), layers.LSTM(2), layers.Dense(1, name="next")], name="series"
    ).save(folder / "recurrent.keras")
    keras.Sequential([keras.Input((3,)), layers.Dense(2, "gelu", name="bend")], name="curve").save(
        folder / "gelu.keras"
    )

    _unet().save(folder / "unet.keras")
    _branches().save(folder / "branches.keras")

    def one(name: str, layer: Any, shape: tuple[int | None, ...] = (3,), **options: Any) -> Any:
        source = keras.Input(shape, name="x", **options)
        keras.Model(source, layer(source)).save(folder / name)

    class Scale(layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 2.0

    Known = keras.saving.register_keras_serializable("shop")(type("Known", (Scale,), {}))
    for ending in ("keras", "h5"):
        one(f"lambda.{ending}", layers.Lambda(lambda x: x + 1.0, name="plus"))
        one(f"custom.{ending}", Scale())
    one("registered.keras", Known())
    one("integer.keras", layers.Embedding(4, 2), dtype="int32")
    one("open.keras", layers.Dense(1), (None, 3))
    one("batch.keras", layers.Dense(1), (3,), batch_size=8)
    one("half.keras", layers.Dense(1, dtype="float16"))
    keras.Sequential([layers.Dense(1)]).save(folder / "unbuilt.keras")
    model.save_weights(folder / "only.weights.h5")
    _edit_hdf5(folder)
    _saved_models(folder)


def _unet() -> Any:
    """An image to a mask, by every way of Keras to enlarge an image."""
    image = keras.Input((8, 8, 3), name="image")
    whole = layers.Conv2D(6, 3, padding="same", activation="relu")(image)
    half = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D(2)(whole))
    low = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.AveragePooling2D(2)(half))
    up = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(low)
    up = layers.Conv2DTranspose(6, 2, strides=2, padding="valid")(layers.Concatenate()([up, half]))
    smooth = layers.UpSampling2D(2, interpolation="bilinear")(half)
    coarse = layers.UpSampling2D(4, interpolation="nearest")(low)
    thin = layers.Conv2DTranspose(2, 1, strides=2, padding="same")(half)
    joined = layers.Concatenate()([up, whole, smooth, coarse, thin])
    gate = layers.Conv2D(1, 1, activation="sigmoid")(joined)
    return keras.Model(image, layers.Conv2D(2, 1, name="mask")(layers.Multiply()([joined, gate])), name="unet")


def _branches() -> Any:
    """Split, compared, stacked, reduced and gathered."""
    ops = keras.ops
    x = keras.Input((12,), name="x")
    hidden = layers.Dense(24, activation="relu")(x)
    a, b, c = (layers.Dense(8)(part) for part in ops.split(hidden, 3, axis=-1))
    c = layers.PReLU(alpha_initializer="random_uniform")(c)
    stack = ops.stack([ops.maximum(a, b), ops.minimum(b, c), c], axis=1)
    first, second, third = (ops.squeeze(part, 1) for part in ops.split(stack, [1, 2], axis=1))
    chosen = ops.take(hidden, [0, 5, 5, 7, 11, 2], axis=-1)
    parts = [ops.sum(stack, axis=1), chosen, first, second, third, ops.mean(stack, axis=1)]
    return keras.Model(x, layers.Dense(1, name="y")(layers.Concatenate()(parts)), name="branches")


def _edit_hdf5(folder: Path) -> None:
    """Write .h5 files as no Keras of today would."""
    with h5py.File(folder / "custom.h5") as file:
        config = json.loads(file.attrs["model_config"])

    def old(value: Any) -> Any:  # Keras 2 did not say from which module a class comes
        if isinstance(value, dict):
            return {k: old(v) for k, v in value.items() if k not in ("module", "registered_name")}
        return [old(v) for v in value] if isinstance(value, list) else value

    with h5py.File(folder / "old_custom.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(old(config))
        file.create_group("model_weights")
    with h5py.File(folder / "outside.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file["model_weights"] = h5py.ExternalLink("/etc/hostname", "/")
    with h5py.File(folder / "vast.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.create_dataset("model_weights/kernel", (10**6, 10**6), "float32", chunks=(1000, 1000))


def _saved_models(folder: Path) -> None:
    def save(name: str, function: Any, signature: str = "serving_default", dtype: Any = None, **parts: Any) -> None:
        module = tf.Module()
        for key, part in parts.items():
            setattr(module, key, part)
        module.run = tf.function(function, input_signature=[tf.TensorSpec([None, 2], dtype or tf.float32, name="x")])
        tf.saved_model.save(module, folder / name, signatures={signature: module.run})

    save("named", lambda x: {"y": x + 1.0}, signature="score")
    save("integers", lambda x: {"y": x + 1}, dtype=tf.int64)
    save("counts", lambda x: {"y": tf.argmax(x, 1)})

    def write(x: Any) -> Any:
        tf.io.write_file("/tmp/edgekit-was-here", "x")
        return {"y": x + 1.0}

    save("writes", write)
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer([0, 1], [1.0, 2.0], tf.int32, tf.float32), 0.0
    )
    save("table", lambda x: {"y": x + table.lookup(tf.cast(x, tf.int32))}, table=table)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
