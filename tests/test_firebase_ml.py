"""Moving from Firebase ML: a model and what the service says of it become an edgekit.toml."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from edgekit.cli import main
from edgekit.config import read_config
from edgekit.errors import InputError
from edgekit.firebase_ml import FirebaseModel, read_firebase_model
from edgekit.store import Bundle

BYTES = b"TFL3 model"
PLAIN: dict[str, Any] = {
    "name": "projects/1/models/2",
    "displayName": "disease_progression",
    "tags": ["health"],
    "modelHash": hashlib.sha256(BYTES).hexdigest(),
    "state": {"published": True},
    "tfliteModel": {"gcsTfliteUri": "gs://bucket/model.tflite", "sizeBytes": len(BYTES)},
}


def read(tmp_path: Path, plain: Any, model: str = "model.tflite") -> FirebaseModel:
    (tmp_path / "model.tflite").write_bytes(BYTES)
    (tmp_path / "ml.json").write_text(plain if isinstance(plain, str) else json.dumps(plain))
    return read_firebase_model(tmp_path / "ml.json", tmp_path / model)


def test_what_it_says(tmp_path: Path) -> None:
    found = read(tmp_path, PLAIN)
    assert found == FirebaseModel("disease_progression", ("health",), PLAIN["modelHash"], len(BYTES))
    assert read(tmp_path, {"displayName": "m"}) == FirebaseModel("m")


@pytest.mark.parametrize(
    ("plain", "model", "sentence"),
    [
        ("{", "model.tflite", "{0}/ml.json is not JSON; give the JSON of the model as Firebase ML returns it"),
        ("[]", "model.tflite", "{0}/ml.json is not a JSON object; give the JSON of the model as Firebase ML returns it"),
        ({}, "model.tflite", "{0}/ml.json has no displayName; give the JSON of the model as Firebase ML returns it"),
        (PLAIN, "x.tflite", "{0}/x.tflite is not a .tflite file; download the model that ml.json speaks of"),
        (
            {**PLAIN, "tfliteModel": {"sizeBytes": "11"}}, "model.tflite",
            "{0}/model.tflite has 10 bytes, ml.json says 11; it is another one",
        ),
        (
            {**PLAIN, "modelHash": "0" * 64}, "model.tflite",
            "{0}/model.tflite does not have the sha256 that ml.json says; it is another one",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit(tmp_path: Path, plain: Any, model: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, plain, model)
    assert str(caught.value) == sentence.format(tmp_path)


def test_init_takes_the_name_that_apps_ask_for(bundle: Bundle, tmp_path: Path, capsys: Any) -> None:
    model = bundle.root / "tflite/model.tflite"
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    (tmp_path / "ml.json").write_text(json.dumps({**PLAIN, "modelHash": digest, "tfliteModel": {}}))
    arguments = ["init", str(tmp_path), "--firebase-ml", str(tmp_path / "ml.json")]
    assert main(arguments) == 2
    assert "--firebase-ml needs --model, the .tflite file that it speaks of" in capsys.readouterr().err
    assert main([*arguments, "--model", str(model)]) == 0
    assert read_config(tmp_path / "edgekit.toml").name == "disease_progression"
