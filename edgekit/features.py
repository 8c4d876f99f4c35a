"""What the numbers of a model's input are: from edgekit.toml, and where it is silent from the rows."""

from __future__ import annotations

import numpy as np

from edgekit.config import Config, FeatureConfig
from edgekit.data import Dataset
from edgekit.formats.columns import Float32
from edgekit.manifest import Feature, Signature
from edgekit.placement import Placed, numbers, place_features


def features_of(data: Dataset, config: Config, model_inputs: tuple[Signature, ...]) -> tuple[Feature, ...]:
    """Describe every number of the input; () for more than 256 that edgekit.toml does not name."""
    return tuple(
        Feature(
            name=item.name,
            unit=item.feature.unit,
            kind=item.feature.kind,
            input=item.input,
            index=item.index,
            range=_range(item.feature, column),
            mean=_short(float(column.astype(np.float64).mean())),
            std=_short(float(column.astype(np.float64).std())),
            categories=item.feature.categories,
        )
        for item, column in zip(_placed(data, config, model_inputs), data.inputs.T, strict=False)
    )


def series_of(
    features: tuple[Feature, ...], config: Config, model_inputs: tuple[Signature, ...]
) -> tuple[tuple[Feature, ...], tuple[int, ...]]:
    """Join the numbers of a window into one feature with steps, as the manifest has it.

    Returns the features, and for each the number that stands for it where one must: itself, or the newest step. Mean,
    deviation and range are those of all steps together.
    """
    joined: list[Feature] = []
    newest = []
    placed: list[Placed | None] = [*place_features(config, model_inputs)] or [None] * len(features)
    for i, item in enumerate(placed):
        if item is None or not item.is_series:
            joined.append(features[i])
            newest.append(i)
        elif item.is_newest:
            same = [
                f
                for f, p in zip(features, placed, strict=True)
                if p and (p.input, p.feature) == (item.input, item.feature)
            ]
            joined.append(_joined(same, item))
            newest.append(i)
    return tuple(joined), tuple(newest)


def _joined(steps: list[Feature], item: Placed) -> Feature:
    mean, std = (np.array([getattr(f, key) for f in steps], np.float64) for key in ("mean", "std"))
    # Of steps with equally many rows: the variance of all is the mean of the squares less the square of the mean.
    spread = float(np.sqrt(max(float(np.mean(std**2 + mean**2) - mean.mean() ** 2), 0.0)))
    return Feature(
        name=item.feature.name or item.feature.column,
        unit=item.feature.unit,
        kind=item.feature.kind,
        input=item.input,
        index=steps[0].index,
        range=(min(f.range[0] for f in steps), max(f.range[1] for f in steps)),
        mean=_short(float(mean.mean())),
        std=_short(spread),
        steps=len(steps),
    )


def _placed(data: Dataset, config: Config, model_inputs: tuple[Signature, ...]) -> list[Placed]:
    if not data.names:
        return []
    return place_features(config, model_inputs) or [
        Placed(FeatureConfig(name), signature.name, index)
        for name, (signature, index) in zip(data.names, numbers(model_inputs), strict=True)
    ]


def _range(feature: FeatureConfig, column: Float32) -> tuple[float, float]:
    if feature.range is not None:
        low, high = feature.range
        return float(low), float(high)  # a Config made in Python may have whole numbers
    if feature.kind == "category":
        return 0.0, float(len(feature.categories) - 1)
    # The shortest text of a float32 is what the user wrote: 0.1, not 0.10000000149.
    low, high = float(str(column.min())), float(str(column.max()))
    return low, high if high > low else low + max(1.0, abs(low) * 1e-6)


def _short(value: float) -> float:
    return float(f"{value:.9g}")
