"""The trainings behind the table of left-out sources."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from unmask.bench.adapters import FusedJudge
from unmask.judge.bundle import resolve
from unmask.judge.fuse import fitted_for
from unmask.lab.method import build, read_recipe

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SHIPPED = ("face-forgery", "synthetic-trace")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module("one_source_out")


def test_what_a_case_tests_is_in_nothing_that_was_learnt(script: Any) -> None:
    parts = {part for row in script.ROWS.values() for part in row.parts}
    for part in parts:
        recipe = read_recipe(part.recipe)
        for sets in script.CASES.values():
            shorter = script.shortened(recipe, part, [*part.never, *sets])
            assert shorter.train.steps < recipe.train.steps
            told = {name for data in shorter.training_data for name in data["sources"]}
            assert not told & set(sets)
            config: Any = build(shorter.method, shorter.config).config
            assert set(sets) <= set(config.without)


@pytest.mark.parametrize("fitted", [True, False])
def test_bundles_are_fused_as_the_row_says(script: Any, tmp_path: Path, fitted: bool) -> None:
    for name in SHIPPED:
        shutil.copytree(resolve(name).folder, tmp_path / name)
    script.fused(tmp_path, fitted=fitted)
    bundles = [resolve(name) for name in SHIPPED]
    found = fitted_for([bundle.card for bundle in bundles], tmp_path / "fusion.json")
    if fitted:
        assert found == fitted_for([bundle.card for bundle in bundles])
    else:
        assert found.weights == dict.fromkeys(SHIPPED, 1.0)
        assert (found.strongest, found.intercept, found.unseen, found.leads) == (0, 0, {}, {})
    assert FusedJudge(bundles, tmp_path / "fusion.json").name == "+".join(SHIPPED)
