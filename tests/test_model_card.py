"""The model card: nine sections, slices that can be checked by hand, and what the owner said."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import Trained
from fabricated import FEATURES

from edgekit.config import CardConfig, Config, check, read_config
from edgekit.errors import InputError
from edgekit.manifest import Feature
from edgekit.model_card import PATH, UNSAID, Slice, model_card, slices
from edgekit.store import Bundle

SECTIONS = [
    "Model Details", "Intended Use", "Factors", "Metrics", "Evaluation Data", "Training Data", "Quantitative Analyses",
    "Ethical Considerations", "Caveats and Recommendations",
]  # fmt: skip


def test_slices_by_hand() -> None:
    """Six rows with values 1 to 6: thirds of two rows. RMSE of [0, 2] is sqrt(2), of [1, 1] is 1."""
    sex = Feature("sex", "", "category", "x", 1, (1.0, 2.0), 1.5, 0.5, ("female", "male"))
    inputs = np.array([[1, 1], [2, 1], [3, 1], [4, 1], [5, 1], [6, 2]], np.float32)
    labels = np.zeros((6, 1), np.float32)
    floats = np.array([[0], [2], [1], [1], [0], [0]], np.float32)
    found = slices((FEATURES[0], sex), inputs, floats, floats + 1, labels)
    assert found[:3] == [
        Slice("age", "lowest third", 2, pytest.approx(2**0.5), pytest.approx(5**0.5), pytest.approx(1)),
        Slice("age", "middle third", 2, pytest.approx(1), pytest.approx(2), pytest.approx(1)),
        Slice("age", "highest third", 2, pytest.approx(0), pytest.approx(1), pytest.approx(1)),
    ]
    assert [(s.part, s.rows) for s in found[3:]] == [("female", 5), ("male", 1)]
    without = slices((FEATURES[0],), inputs, floats, floats + 1, None)
    assert [(s.float_rmse, s.int8_rmse, s.difference) for s in without] == [(None, None, 1.0)] * 3


def test_a_feature_with_one_value_is_one_part() -> None:
    same = np.ones((4, 1), np.float32)
    assert [(s.part, s.rows) for s in slices(FEATURES[:1], same, same, same, same)] == [("lowest third", 4)]


def test_every_bundle_has_one(bundle: Bundle, trained: Trained) -> None:
    assert bundle.manifest.card is not None
    text = bundle.read(PATH).decode()
    assert re.findall("^## (.+)$", text, re.MULTILINE) == SECTIONS
    q, source = bundle.manifest.quantization, bundle.manifest.provenance["source"]
    for said in (source["sha256"], f"{q['float_value']:.5g}", f"{q['quantized_value']:.5g}", "group 1", "kg/m²"):
        assert said in text
    assert text.count(UNSAID) == 8  # nothing is made up
    assert len(re.findall(r"^\| body mass index \| \w+ third \| \d+ \|", text, re.MULTILINE)) == 3
    assert model_card(replace(bundle.manifest, id=""), read_config(trained.config).card) == model_card(
        bundle.manifest, CardConfig()
    )


def test_what_the_owner_says(bundle: Bundle) -> None:
    said = CardConfig("O", "L", "C", "in", "out", "train", "eth", "cav")
    text = model_card(bundle.manifest, said)
    assert UNSAID not in text
    for line in (
        "- Owner: O",
        "- Licence: L",
        "- Contact: C",
        "- Intended for: in",
        "- Not for: out",
        "\neth\n",
        "\ncav\n",
    ):
        assert line in text
    assert "No slices:" in text


def test_names_cannot_break_the_tables(bundle: Bundle) -> None:
    odd = replace(bundle.manifest.features[0], name="a|b\nc")
    assert "| a\\|b c |" in model_card(replace(bundle.manifest, features=(odd,)), CardConfig())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x" * 4001, "t: card: ethics is longer than 4000 characters; write plain text"),
        ("a\x1bb", "t: card: ethics holds a control character or line break; write plain text"),
    ],
)
def test_texts_that_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        check(Config(card=CardConfig(ethics=text)), "t")
    assert str(caught.value) == sentence
    check(Config(card=CardConfig(ethics="two\nlines")), "t")
