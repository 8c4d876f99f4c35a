"""A matrix of models and recipes: what is there is not done again, and what cannot be is said."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sweep_models

from edgekit.config import BudgetConfig, Config
from edgekit.engines import JoblibEngine
from edgekit.errors import InputError
from edgekit.store import open_bundle
from edgekit.sweeping.exports import MADE, REFUSED, Wish, cells_of, export_cells

NAMES = ["small-int8", "small-int16", "wide-int8", "wide-int16"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Wish:
    """Four cells, exported."""
    wish = sweep_models.write_models(tmp_path_factory.mktemp("sweep"))
    outcomes = export_cells(wish, Config(), JoblibEngine(2))
    assert {name: outcome.status for name, outcome in outcomes.items()} == dict.fromkeys(NAMES, MADE)
    return wish


def stamps(wish: Wish) -> dict[str, int]:
    return {name: (wish.out / name / "bundle" / "manifest.json").stat().st_mtime_ns for name in NAMES}


def test_each_cell_is_a_bundle_of_its_recipe(done: Wish) -> None:
    found = {name: open_bundle(done.out / name / "bundle").manifest for name in NAMES}
    assert [found[name].quantization["recipe"] for name in NAMES] == ["int8", "int16", "int8", "int16"]
    assert [found[name].provenance["source"]["file"] for name in NAMES] == ["small.tflite"] * 2 + ["wide.tflite"] * 2


@pytest.mark.parametrize(
    ("change", "again"),
    [
        pytest.param(lambda wish: None, [], id="nothing changed"),
        pytest.param(
            lambda wish: shutil.rmtree(wish.out / "wide-int8" / "bundle"), ["wide-int8"], id="a bundle is gone"
        ),
        pytest.param(
            lambda wish: (wish.out / "small-int16" / "outcome.json").unlink(),
            ["small-int16"],
            id="killed before its outcome was written",
        ),
        pytest.param(
            lambda wish: shutil.copy(wish.models[0], wish.models[1]), ["wide-int8", "wide-int16"], id="a model changed"
        ),
    ],
)
def test_only_what_changed_is_done_again(done: Wish, tmp_path: Path, change: object, again: list[str]) -> None:
    shutil.copytree(done.out.parent, tmp_path / "copy")
    here = tmp_path / "copy"
    wish = replace(done, models=tuple(here / m.name for m in done.models), data=here / "rows.npz", out=here / "cells")
    before = stamps(wish)
    change(wish)
    outcomes = export_cells(wish, Config(), JoblibEngine(2))
    assert all(outcome.status == MADE for outcome in outcomes.values())
    assert [name for name, stamp in stamps(wish).items() if stamp != before[name]] == again


def test_other_settings_are_other_cells(done: Wish) -> None:
    strict = Config(budgets=BudgetConfig(max_drop=0.001))
    assert not {c.key for c in cells_of(done, Config())} & {c.key for c in cells_of(done, strict)}


def test_a_cell_that_cannot_be_made_says_why_and_the_others_are(tmp_path: Path) -> None:
    wish = sweep_models.write_models(tmp_path)
    wish.models[1].write_bytes(b"no model")
    outcomes = export_cells(replace(wish, recipes=("int8",)), Config(), JoblibEngine(2))
    assert [outcomes[name].status for name in ("small-int8", "wide-int8")] == [MADE, REFUSED]
    assert outcomes["wide-int8"].detail == (
        "wide.tflite: is not a TFLite model (it lacks the TFL3 mark); convert the model again"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda w: replace(w, recipes=("int9",)),
            "there is no recipe 'int9'; choose from auto, ",
            id="an unknown recipe",
        ),
        pytest.param(
            lambda w: replace(w, models=(w.models[0], w.models[0])),
            "two cells of the sweep are called small-int8; give the models different file names",
            id="one name twice",
        ),
        pytest.param(lambda w: replace(w, data=w.data.with_name("no.npz")), "there is no file ", id="no data"),
    ],
)
def test_a_matrix_that_makes_no_sense(done: Wish, change: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        export_cells(change(done), Config(), JoblibEngine(2))
    assert str(caught.value).startswith(message)
