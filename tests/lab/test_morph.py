"""Morphs lie between two faces, are smoother than either, and leave the border alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from unmask.lab.forge import morph
from unmask.types import Pixels, Points

Rng = np.random.Generator
POINTS = np.random.default_rng(1).uniform((60, 70), (140, 150), (68, 2)).astype(np.float32)


def noise(seed: int) -> Pixels:
    grain = np.random.default_rng(seed).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(grain, (0, 0), 1.5), np.uint8)


def grain(pixels: Pixels) -> float:
    """Contrast in the middle of the face."""
    return float(pixels[95:125, 85:115].std())


@pytest.mark.parametrize("seed", range(4))
def test_two_faces_are_averaged(seed: int) -> None:
    first, second = noise(1), noise(2)
    made, face = morph.morph(first, POINTS, second, POINTS, np.random.default_rng(seed))
    assert made.shape == first.shape
    assert face.shape == (200, 200)
    assert face[110, 100] > 0.9
    assert face[0].max() < 0.01
    assert grain(made) < 0.9 * min(grain(first), grain(second))


def test_points_meet_between_the_two() -> None:
    """Those of two faces that are much alike; jumps between near points are smoothed."""
    rng = np.random.default_rng(4)
    corners = np.stack(np.meshgrid(np.linspace(50, 150, 8), np.linspace(50, 150, 8)), 2)
    first = corners.reshape(-1, 2).astype(np.float32)
    second = (first - 100) * np.float32([1.1, 0.92]) + 100 + rng.normal(0, 0.5, first.shape)
    between = np.float32((first + second) / 2)
    for points in (first, np.float32(second)):
        columns, rows = morph.bending((200, 200), points, between)
        x, y = np.rint(between).astype(int).T
        found = np.stack([columns[y, x], rows[y, x]], 1)
        assert np.abs(found - points).max() < 2
    assert np.abs(columns[0] - np.arange(200)).max() < 0.5  # the border stays
    assert np.abs(rows[:, 0] - np.arange(200)).max() < 0.5


def test_surroundings_stay_the_first_picture_s_where_the_second_covers_too_little() -> None:
    first, second = noise(1), noise(2)
    small = second[60:160, 50:150]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        made, _ = morph.morph(first, POINTS, small, POINTS - np.float32([50, 60]), rng)
        assert np.abs(made[:8].astype(int) - first[:8]).max() <= 2


def test_a_face_is_morphed_with_itself_or_with_the_closest_donor() -> None:
    drawn = []

    def donor(rng: Rng) -> tuple[Pixels, Points]:
        drawn.append(1)
        return noise(3), POINTS

    counts = set()
    for seed in range(20):
        drawn.clear()
        made, _ = morph.forge(noise(1), POINTS, np.random.default_rng(seed), donor)
        counts.add(len(drawn))
        assert not np.array_equal(made, noise(1))
    assert counts == {0, morph.AMONG}


def test_equal_dice_give_equal_morphs() -> None:
    found = [
        morph.forge(noise(1), POINTS, np.random.default_rng(7), lambda rng: (noise(2), POINTS))
        for _ in range(2)
    ]
    assert np.array_equal(found[0][0], found[1][0])
