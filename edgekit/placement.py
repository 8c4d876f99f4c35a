"""Which number of the model's flat input is which feature of edgekit.toml, and what it is called."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgekit.config import Config, FeatureConfig
from edgekit.errors import InputError
from edgekit.formats.columns import cut
from edgekit.manifest import Output, Signature

#: Above this, the numbers of an input have no names of their own unless edgekit.toml gives them.
MAX_NAMED = 256


@dataclass(frozen=True)
class Placed:
    """A feature of edgekit.toml at its place: which input, and which number of it."""

    feature: FeatureConfig
    input: str
    index: int
    step: int = 0  # of a feature with steps: which of them, from 0; the last is the newest

    @property
    def name(self) -> str:
        """What the number is called: the feature, and of a window the step, counted from 1."""
        name = self.feature.name or self.feature.column
        return f"{name} [{self.step + 1}]" if self.is_series else name

    @property
    def is_series(self) -> bool:
        """Tell whether it is a step of a window."""
        return self.feature.steps > 1

    @property
    def is_newest(self) -> bool:
        """Tell whether it is the last step, which stands for its series where one number must."""
        return self.step == self.feature.steps - 1


def place_features(config: Config, model_inputs: tuple[Signature, ...]) -> list[Placed]:
    """Return the features of edgekit.toml in the order of the flat input; [] where it has none.

    A feature without `input` belongs to the first input; features with steps come once for each step. Raises InputError
    where an input gets too many or too few.
    """
    if not config.features:
        return []
    found: dict[str, list[FeatureConfig]] = {s.name: [] for s in model_inputs}
    for feature in config.features:
        name = feature.input or model_inputs[0].name
        if name not in found:
            raise InputError(
                f"edgekit.toml: the feature {cut(feature.column)} is for the input {cut(name)}, "
                f"but the model's inputs are {', '.join(found)}"
            )
        found[name].append(feature)
    for signature in model_inputs:
        steps = {feature.steps for feature in found[signature.name]}
        if len(steps) > 1:
            raise InputError(
                f"edgekit.toml gives features of the input {signature.name} different steps; give all of them the same"
            )
        count, each = len(found[signature.name]), max(steps, default=1)
        if count * each != elements(signature):
            raise InputError(
                f"edgekit.toml describes {count} features{f' of {each} steps' if each > 1 else ''} for the input "
                f"{signature.name}, but it takes {elements(signature)} numbers; "
                + (
                    "a window is [steps, features]"
                    if each > 1
                    else "list one [[features]] for each, in the model's order"
                )
                + (", with its input" if len(model_inputs) > 1 else "")
            )
    return [
        Placed(feature, name, step * len(features) + i, step)
        for name, features in found.items()
        for step in range(features[0].steps if features else 0)
        for i, feature in enumerate(features)
    ]


def results_of(config: Config, outputs: int) -> tuple[Output, ...]:
    """Describe every number of the output; () for more than 256 that edgekit.toml does not name."""
    if config.outputs:
        if len(config.outputs) != outputs:
            raise InputError(
                f"edgekit.toml describes {len(config.outputs)} outputs, but the model gives {outputs} numbers; "
                "list one [[outputs]] for each, in order"
            )
        return tuple(Output(o.name, o.unit, o.transform or None) for o in config.outputs)
    if outputs > MAX_NAMED:
        return ()
    return (Output("output", ""),) if outputs == 1 else tuple(Output(f"output_{i}", "") for i in range(outputs))


def names_of(config: Config, model_inputs: tuple[Signature, ...]) -> tuple[str, ...]:
    """Name every number of the flat input; () for more than 256 that edgekit.toml does not name."""
    if config.features:
        return tuple(p.name for p in place_features(config, model_inputs))
    if sum(map(elements, model_inputs)) > MAX_NAMED:
        return ()
    only = len(model_inputs) == 1
    return tuple(f"{'x' if only else signature.name}_{index}" for signature, index in numbers(model_inputs))


def numbers(model_inputs: tuple[Signature, ...]) -> list[tuple[Signature, int]]:
    """Return every number of the flat input: its input, and its index there."""
    return [(signature, index) for signature in model_inputs for index in range(elements(signature))]


def elements(signature: Signature) -> int:
    """Return how many numbers a tensor holds."""
    return math.prod(signature.shape)
