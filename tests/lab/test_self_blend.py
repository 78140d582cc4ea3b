"""Every published stage does what it says, and nothing outside the mask comes from the source."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.lab.forge import self_blend as stages
from unmask.lab.forge.blend import fill

Array = np.ndarray


@pytest.fixture
def picture() -> Array:
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(220), np.arange(200))[..., None] * 0.3 + (40, 60, 80)
    return np.clip(smooth + rng.normal(0, 6, (220, 200, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def landmarks() -> Array:
    """Jaw on a half circle, brows, nose, eyes and lips inside."""
    jaw = [(100 + 32 * np.cos(a), 100 + 36 * np.sin(a)) for a in np.linspace(np.pi, 0, 17)]
    brows = [(75 + 5 * i, 88) for i in range(5)] + [(105 + 5 * i, 88) for i in range(5)]
    nose = [(100, 91 + 4 * i) for i in range(4)] + [(94 + 3 * i, 110) for i in range(5)]
    eyes = [(80 + 3 * i, 94) for i in range(6)] + [(105 + 3 * i, 94) for i in range(6)]
    angles = np.linspace(0, 2 * np.pi, 21)[:20]
    lips = [(100 + 12 * np.cos(a), 121 + 5 * np.sin(a)) for a in angles]
    return np.array(jaw + brows + nose + eyes + lips, np.float32)


def _dice(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_equal_dice_equal_forgery_and_the_photo_stays(picture: Array, landmarks: Array) -> None:
    before = picture.copy()
    (a, b), (c, d), (e, _) = (stages.forge(picture, landmarks, _dice(s)) for s in (5, 5, 6))
    assert np.array_equal(a, c)
    assert np.array_equal(b, d)
    assert not np.array_equal(a, e)
    assert np.array_equal(picture, before)


def test_outside_the_mask_is_the_target_and_inside_is_not(
    picture: Array, landmarks: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "restyle", lambda pixels, rng: 255 - pixels)
    restyled = 0
    for seed in range(40):
        forged, mask = stages.forge(picture, landmarks, _dice(seed))
        outside = mask == 0
        target = picture if np.array_equal(forged[outside], picture[outside]) else 255 - picture
        assert np.array_equal(forged[outside], target[outside])
        assert 0.9 < mask.max() <= 1.0001
        assert (forged[mask > 0.9] != target[mask > 0.9]).any()
        restyled += not np.array_equal(target, picture)
    assert 10 <= restyled <= 30, "either copy is restyled about as often"


def test_a_quarter_of_the_masks_ends_at_the_brows(
    landmarks: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "HULLS", {"whole": stages.HULLS["whole"]})
    tops = [stages.hull(landmarks, _dice(s))[0][:, 1].min() for s in range(400)]
    assert set(tops) == {stages.forehead(landmarks)[:, 1].min(), np.float32(88)}
    assert np.mean(np.equal(tops, 88)) == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("name", list(stages.HULLS))
def test_hulls_lie_in_the_face_and_differ(landmarks: Array, name: str) -> None:
    top = stages.forehead(landmarks)
    masks = {n: fill(maker(landmarks, top), (220, 200)) for n, maker in stages.HULLS.items()}
    mine, whole = masks[name], masks["whole"]
    assert mine.any()
    assert not (mine > whole).any()
    others = [mask for other, mask in masks.items() if other != name]
    assert all((mine != other).mean() > 0.005 for other in others)


def test_colours_are_shifted_by_as_much_as_the_limits_say(picture: Array) -> None:
    flat = np.full((8, 8, 3), (90, 120, 150), np.uint8)
    for seed in range(20):
        rgb = stages.shift_rgb(flat, _dice(seed)).astype(float) - flat
        assert np.ptp(rgb, axis=(0, 1)).max() == 0
        assert 0 < np.abs(rgb).max() <= 20
        assert np.abs(stages.shift_hsv(flat, _dice(seed)).astype(float) - flat).max() <= 1
        light = stages.shift_light(flat, _dice(seed)).astype(float)
        assert np.abs(light - flat).max() <= 0.1 * 255 + 0.1 * 150 + 1
    strong = stages.shift_hsv(picture, _dice(3), limit=30).astype(float)
    assert np.abs(strong - picture).mean() > 3
    dark = np.zeros((4, 4, 3), np.uint8)
    assert min(stages.shift_light(dark, _dice(s)).max() for s in range(10)) == 0


def test_shrinking_takes_detail_and_sharpening_gives_it(picture: Array) -> None:
    def detail(pixels: Array) -> float:
        return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())

    for seed in range(8):
        assert detail(stages.shrink(picture, _dice(seed))) < 0.8 * detail(picture)
        assert detail(stages.sharpen(picture, _dice(seed))) > 1.5 * detail(picture)


def test_source_and_mask_move_together_and_only_a_little(landmarks: Array) -> None:
    dot = np.zeros((220, 200, 3), np.uint8)
    dot[98:103, 98:103] = 255
    rows, columns = stages.crop(landmarks, dot.shape)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    shifts = []
    for seed in range(60):
        source, mask = stages.displace(dot, dot[..., 0] / np.float32(255), landmarks, _dice(seed))
        places = [np.argwhere(plane > 0.4).mean(0) for plane in (source[..., 0] / 255, mask)]
        assert places[0] == pytest.approx(places[1], abs=0.3)
        shifts.append(places[1] - 100)
    down, right = np.abs(shifts).max(0)
    assert 0.02 * width < right < 0.03 * width + 2.5
    assert 0.005 * height < down < 0.015 * height + 2.5


def test_bending_moves_the_edge_and_not_the_rest() -> None:
    mask = np.zeros((120, 120), np.float32)
    mask[30:90, 30:90] = 1
    bent = stages.bend(mask, _dice())
    assert bent[45:75, 45:75].min() == 1
    assert bent[:15].max() == 0
    assert 0.01 < np.abs(bent - mask).mean() < 0.1
    assert np.array_equal(stages.bend(mask, _dice(), strength=0), mask)


def test_the_edge_is_soft_and_lies_inside_or_outside(landmarks: Array) -> None:
    hard = fill(stages.HULLS["whole"](landmarks, landmarks[17:27]), (220, 200))
    areas = []
    for seed in range(40):
        soft = stages.soften(hard, landmarks, _dice(seed))
        assert soft.shape == hard.shape
        assert 0 <= soft.min() < soft.max() <= 1.0001
        assert ((soft > 0.1) & (soft < 0.9)).any()
        areas.append(((soft > 0.02).sum() - hard.sum()) / hard.sum())
    assert min(areas) < -0.02
    assert max(areas) > 0.02
    assert not stages.soften(np.zeros_like(hard), landmarks, _dice()).any()


def test_landmarks_beyond_the_picture_leave_it_whole(picture: Array, landmarks: Array) -> None:
    forged, mask = stages.forge(picture, landmarks + np.float32(1000), _dice(1))
    assert not mask.any()
    assert forged.shape == picture.shape
