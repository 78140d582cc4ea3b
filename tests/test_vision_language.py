"""The benchmark of the vision-language room: equal pictures for all, and nobody sees the test."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.lab import toys
from tests.lab.backbones_tiny import tiny
from unmask.judge import bundle
from unmask.lab import backbones
from unmask.lab.method import Data, build, cards
from unmask.lab.methods import linear_probe

ROOT = Path(__file__).parent.parent


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module("vision_language")


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    monkeypatch.setenv(backbones.VARIABLE, str(tiny(folder=tmp_path / "backbone")))
    return argparse.Namespace(out=tmp_path, pairs=64, times=2)


def test_all_rows_learn_from_the_same_pairs_as_often(script: Any, options: Any) -> None:
    recipes = {name: script.recipe_for(options, name, "stylegan") for name in script.ROWS}
    assert {r.method for r in recipes.values()} <= set(cards())
    assert recipes.pop("zero-shot").train.lr == 0
    for recipe in recipes.values():
        assert recipe.train.steps * recipe.train.batch == 128
        assert recipe.train.validate_every == recipe.train.steps  # nothing is chosen by labels
        assert recipe.config["without"] == ["ffhq256_vs_stylegan_140k"]
        assert recipe.config["kept"]
        assert recipe.config["pairs"] == 64


def test_what_all_stand_on_knows_no_tested_source(script: Any) -> None:
    recipe = script.blind(script.read_recipe("face-language"), "facts", 100)
    assert set(recipe.config["without"]) == set(script.APART)
    for name in (*script.UNTAUGHT, "swap_meso", "morph_train_canada", "diff_sfhq_t2i"):
        assert name in recipe.config["without"]
    assert recipe.train.warmup == 10
    assert script.blind(recipe, None, 100).train.watch == "facts"


@pytest.mark.parametrize(
    ("name", "count"), [("repdfd-fixed", 3 * (32**2 - 22**2)), ("linear-probe", 25)]
)
def test_learnt_numbers_are_those_that_matter(
    script: Any, options: Any, name: str, count: int
) -> None:
    recipe = script.recipe_for(options, name, "all")
    assert script.learnt(build(recipe.method, recipe.config)) == count


def test_grey_values_are_a_recogniser(script: Any, options: Any) -> None:
    script.bundle(script.Grey(), "grey", options.out / "grey")
    assert bundle.resolve(str(options.out / "grey")).card.outputs == {"embedding": "embedding"}
    recipe = script.recipe_for(options, "repdfd-grey", "all")
    method = build(recipe.method, recipe.config)
    network: Any = method.network()
    assert network.recogniser.width == 256
    side = network.border.seen
    image = torch.linspace(-1, 1, side).expand(2, 3, side, side)
    rows = network.recogniser(image).reshape(2, 16, 16).numpy()
    np.testing.assert_allclose((rows**2).sum((1, 2)), 1, atol=1e-5)
    assert (np.diff(rows, axis=2) >= 0).all()


def test_a_cell_becomes_a_bundle_with_its_cost(
    script: Any, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = toys.pairs(count=16)
    items = [{"image": i, "label": v} for i, v in zip(*batch.values(), strict=True)]
    held = [item | {"kind": "blend"} for item in items]
    data = Data(cast("Any", items), cast("Any", held))
    monkeypatch.setattr(linear_probe.LinearProbe, "data", lambda *_: data)
    options.data, options.cache, options.pairs, options.times = options.out, options.out, 16, 1
    done = options.out / "runs" / "linear-probe" / "all"
    script.made(options, "linear-probe", "all", done)
    cost = json.loads((done / "cost.json").read_text())
    assert (cost["parameters"], cost["images"]) == (25, 32)
    assert cost["minutes"] > 0
    card = bundle.load(done).card
    assert card.name == "linear-probe"
    assert not card.operating_points
    assert not list(done.parent.glob("*.part"))
