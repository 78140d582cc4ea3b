from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from unmask.bench.families import Item, Picture
from unmask.bench.scoring import Cache, run
from unmask.types import Pixels


class _Judge:
    def __init__(self) -> None:
        self.calls = 0

    def score(self, pixels: Pixels) -> dict[str, float | None]:
        self.calls += 1
        return {"d": float(pixels.mean())}


def _load(value: int) -> Picture:
    return np.full((32, 32, 3), value, np.uint8), {}


ITEMS = [
    Item("a", 0, "u", "test", lambda: _load(10)),
    Item("b", 1, "u", "train", lambda: _load(20)),
    Item("c", 1, "v", "test", lambda: None),
]


def test_only_test_pictures_are_judged_and_missing_ones_stay_missing(tmp_path: Path) -> None:
    judge = _Judge()
    first, second, third = run(ITEMS, judge, Cache(tmp_path / "s.json", "1"))
    assert judge.calls == 1
    assert first is not None
    assert first.logits == {"d": 10.0}
    assert second is not None
    assert second.logits == {}
    assert len(second.features) == len(first.features) > 100
    assert third is None


def test_a_second_run_reads_the_cache(tmp_path: Path) -> None:
    before = run(ITEMS, _Judge(), Cache(tmp_path / "s.json", "1"))
    judge = _Judge()
    assert run(ITEMS, judge, Cache(tmp_path / "s.json", "1")) == before
    assert judge.calls == 0


def test_other_models_start_afresh(tmp_path: Path) -> None:
    run(ITEMS, _Judge(), Cache(tmp_path / "s.json", "1"))
    judge = _Judge()
    run(ITEMS, judge, Cache(tmp_path / "s.json", "2"))
    assert judge.calls == 1
