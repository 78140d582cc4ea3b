from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from unmask.bench import table
from unmask.bench.families import Item
from unmask.bench.scoring import Scored


def _family(
    train: bool, skill: float, leak: float, n: int = 60
) -> tuple[list[Item], list[Scored | None]]:
    """Pictures whose detector logit and whose baseline feature tell the label more or less."""
    rng = np.random.default_rng(0)
    items: list[Item] = []
    scored: list[Scored | None] = []
    for split in ("train", "test") if train else ("test",):
        for i in range(n):
            label = i % 2
            items.append(Item(f"{split}{i}", label, f"u{i // 2}", split, lambda: None))  # type: ignore[arg-type]
            logit = skill * label + rng.normal()
            row = [leak * label + rng.normal(), rng.normal()]
            scored.append(Scored({"d": logit} if split == "test" else {}, row))
    return items, scored


def test_detector_and_baseline_are_measured_on_the_same_pictures() -> None:
    (row,) = table.rows("f", "c", *_family(train=True, skill=3, leak=0))
    assert row.auc > 0.9
    assert row.interval[0] < row.auc < row.interval[1]
    assert 0.25 < row.shortcut < 0.75
    assert (row.manipulated, row.genuine, row.units) == (30, 30, 30)
    assert row.shortcut_fit == "train split"


def test_a_leak_shows_in_the_baseline() -> None:
    (row,) = table.rows("f", "c", *_family(train=True, skill=0, leak=6))
    assert row.shortcut > 0.95
    assert row.auc < 0.75


def test_an_unseen_source_is_cross_fitted_by_unit() -> None:
    (row,) = table.rows("f", "c", *_family(train=False, skill=3, leak=6))
    assert row.shortcut_fit == "cross-fitted"
    assert row.shortcut > 0.95


def test_unjudged_pictures_are_counted_and_left_out() -> None:
    items, scored = _family(train=True, skill=3, leak=0)
    first_test = next(i for i, item in enumerate(items) if item.split == "test")
    scored[first_test] = Scored({"d": None}, [0.0, 0.0])
    scored[first_test + 1] = None
    (row,) = table.rows("f", "c", items, scored)
    assert row.unjudged == 1
    assert row.manipulated + row.genuine == 58


def test_markdown_marks_cross_fitting() -> None:
    text = table.markdown(table.rows("swap", "worn", *_family(train=False, skill=3, leak=0)))
    line = text.splitlines()[2]
    assert line.startswith("| swap | worn | d | ")
    assert "×" in line
    assert len({row.count("|") for row in text.splitlines()}) == 1
