"""A self-blend changes the masked face and nothing else."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from unmask.lab.forge import blend
from unmask.lab.forge.blend import REGIONS, self_blend


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(40, 216, (160, 160, 3)).astype(np.uint8)


@pytest.fixture
def landmarks() -> np.ndarray:
    """A plain frontal layout: jaw on a half circle, brows, nose, eyes and lips inside."""
    jaw = [(80 + 45 * np.cos(a), 80 + 50 * np.sin(a)) for a in np.linspace(np.pi, 0, 17)]
    brows = [(45 + 7 * i, 62) for i in range(5)] + [(87 + 7 * i, 62) for i in range(5)]
    nose = [(80, 66 + 6 * i) for i in range(4)] + [(72 + 4 * i, 92) for i in range(5)]
    eyes = [(52 + 4 * i, 70) for i in range(6)] + [(88 + 4 * i, 70) for i in range(6)]
    angles = np.linspace(0, 2 * np.pi, 21)[:20]
    lips = [(80 + 16 * np.cos(a), 108 + 7 * np.sin(a)) for a in angles]
    return np.array(jaw + brows + nose + eyes + lips, np.float32)


def test_equal_dice_equal_forgery(picture: np.ndarray, landmarks: np.ndarray) -> None:
    first, second = (self_blend(picture, landmarks, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_outside_the_mask_only_the_target_shows(
    picture: np.ndarray, landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blend, "restyle", lambda pixels, rng: 255 - pixels)
    kept = changed = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        forged, mask = self_blend(picture, landmarks, rng)
        outside, inside = forged[mask == 0], forged[mask > 0.9]
        source = picture if np.array_equal(outside, picture[mask == 0]) else 255 - picture
        assert np.array_equal(outside, source[mask == 0])
        kept += outside.size
        changed += int((inside != source[mask > 0.9]).sum())
    assert kept > 0
    assert changed > 0


@pytest.mark.parametrize("name", list(REGIONS))
def test_every_region_lies_within_the_face(landmarks: np.ndarray, name: str) -> None:
    maker, _ = REGIONS[name]
    for seed in range(8):
        for part in maker(landmarks, np.random.default_rng(seed)):
            assert part.shape[1] == 2
            assert len(part) >= 3
            assert np.abs(part - landmarks.mean(0)).max() < 90


def test_the_mask_is_soft_and_full(picture: np.ndarray, landmarks: np.ndarray) -> None:
    for seed in range(8):
        _, mask = self_blend(picture, landmarks, np.random.default_rng(seed))
        assert mask.max() == pytest.approx(1.0)
        assert mask.min() == 0.0
        assert ((mask > 0.05) & (mask < 0.95)).any()


@pytest.mark.skipif(not cv2.__version__.startswith("5.0"), reason="OpenCV may round differently")
def test_forgeries_stay_what_trainings_were_made_with(
    picture: np.ndarray, landmarks: np.ndarray
) -> None:
    """A change of this hash changes what every recipe with the same seed learns."""
    found = hashlib.sha256()
    for seed in range(24):
        forged, mask = self_blend(picture, landmarks, np.random.default_rng(seed))
        found.update(forged.tobytes())
        found.update(np.rint(mask * 255).astype(np.uint8).tobytes())
    assert found.hexdigest()[:16] == "d704c16c34daf0cd"
