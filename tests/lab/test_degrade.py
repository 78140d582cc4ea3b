"""Wear is repeatable, grows with its strength and keeps shape and type."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.lab.forge import degrade
from unmask.lab.forge.degrade import Degrade


@pytest.fixture
def picture() -> np.ndarray:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:96, :120]
    base = 128 + 60 * np.sin(x / 9) * np.cos(y / 7)
    return np.clip(base[..., None] + rng.normal(0, 12, (96, 120, 3)), 0, 255).astype(np.uint8)


def test_equal_dice_equal_wear(picture: np.ndarray) -> None:
    wear = Degrade(0.8)
    first, second = (wear(picture, np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first, second)


def test_strength_zero_only_compresses_never(picture: np.ndarray) -> None:
    assert np.array_equal(Degrade(0.0)(picture, np.random.default_rng(1)), picture)


def test_wear_grows_with_strength(picture: np.ndarray) -> None:
    def damage(strength: float) -> float:
        worn = [Degrade(strength)(picture, np.random.default_rng(k)) for k in range(40)]
        return float(np.mean([np.abs(w.astype(float) - picture).mean() for w in worn]))

    assert 0 < damage(0.2) < damage(0.6) < damage(1.0)


@pytest.mark.parametrize("stage", ["tone", "blur", "noise", "rescale", "compress"])
def test_every_stage_keeps_shape_and_changes_something(picture: np.ndarray, stage: str) -> None:
    changed = [getattr(degrade, stage)(picture, np.random.default_rng(k), 1.0) for k in range(6)]
    assert all(c.shape == picture.shape and c.dtype == np.uint8 for c in changed)
    assert any(not np.array_equal(c, picture) for c in changed)


def test_resize_can_be_left_out(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(degrade, "rescale", lambda *_: pytest.fail("resized"))
    for seed in range(30):
        Degrade(1.0, resize=False)(picture, np.random.default_rng(seed))
