"""Two pictures meet where the boundary map says, and nowhere else does anything change."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.errors import LabError
from unmask.lab.forge import xray as module
from unmask.lab.forge.xray import (
    cross_blend,
    distance,
    forge,
    lay,
    nearest,
    transfer_colour,
    xray,
)

Array = np.ndarray


def _face(rng: np.random.Generator, centre: tuple[float, float], size: float) -> Array:
    """68 points spread over an ellipse, the first 17 along its lower rim as a jaw is."""
    angles = np.concatenate([np.linspace(np.pi, 0, 17), rng.uniform(0, 2 * np.pi, 51)])
    radius = np.concatenate([np.ones(17), rng.uniform(0.2, 0.9, 51)])
    points = np.stack([0.8 * np.cos(angles), np.sin(angles)], 1) * radius[:, None]
    return (points * size + centre).astype(np.float32)


@pytest.fixture
def target() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(100, 140, (160, 160, 3)).astype(np.uint8)
    return pixels, _face(rng, (80, 84), 48)


@pytest.fixture
def donor() -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    pixels = np.zeros((240, 220, 3), np.uint8)
    pixels[...] = rng.integers(150, 230, (240, 220, 1))
    pixels[..., 2] //= 2
    return pixels, _face(np.random.default_rng(0), (110, 120), 90)


def test_outside_the_mask_the_target_stays(
    target: tuple[Array, Array], donor: tuple[Array, Array]
) -> None:
    changed = 0
    for seed in range(10):
        forged, mask, boundary = cross_blend(*target, *donor, np.random.default_rng(seed))
        assert forged.shape == target[0].shape
        assert forged.dtype == np.uint8
        assert 0 <= mask.min() <= mask.max() <= 1
        assert np.array_equal(forged[mask == 0], target[0][mask == 0])
        assert np.array_equal(boundary, 4 * mask * (1 - mask))
        changed += int((forged != target[0]).sum())
    assert changed > 10_000


def test_equal_dice_equal_forgery(target: tuple[Array, Array], donor: tuple[Array, Array]) -> None:
    first, second = (cross_blend(*target, *donor, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_boundary_is_one_where_both_count_alike_and_zero_where_one_rules() -> None:
    mask = np.array([[0, 0.5, 1, 0.25]], np.float32)
    assert xray(mask).tolist() == [[0, 1, 0, 0.75]]


def test_the_donor_lands_on_the_targets_landmarks(target: tuple[Array, Array]) -> None:
    points = target[1]
    picture = np.zeros((300, 300, 3), np.uint8)
    turn = np.array([[0, -1], [1, 0]], np.float32)
    source = ((points - 84) * 1.5 @ turn.T + 150).astype(np.float32)
    x, y = np.rint(source[30]).astype(int)
    picture[y - 3 : y + 4, x - 3 : x + 4] = 255
    face, covered = lay(picture, source, points, (160, 160))
    rows, columns = np.nonzero(face[..., 0] > 128)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx(points[30], abs=1.0)
    assert covered[80, 80] == 1


def test_what_the_donor_does_not_show_is_not_covered(target: tuple[Array, Array]) -> None:
    """The left half of the donor's face lies beyond its picture."""
    pixels, points = target
    half = np.full((160, 80, 3), 30, np.uint8)
    face, covered = lay(half, points - np.float32([80, 0]), points, pixels.shape)
    assert not covered[:, :79].any()
    assert covered[:, 81:].all()
    assert (face == 30).all()
    for seed in range(5):
        forged, mask, _ = cross_blend(
            pixels, points, half, points - np.float32([80, 0]), np.random.default_rng(seed)
        )
        assert mask[:, :50].max() < 0.05
        assert forged.shape == pixels.shape


def test_a_donor_without_a_face_changes_nothing(target: tuple[Array, Array]) -> None:
    pixels, points = target
    same = np.full((68, 2), 20, np.float32)
    forged, mask, boundary = cross_blend(pixels, points, pixels, same, np.random.default_rng(0))
    assert np.array_equal(forged, pixels)
    assert not mask.any()
    assert not boundary.any()


def test_colours_take_the_targets_mean_under_the_mask(
    target: tuple[Array, Array], donor: tuple[Array, Array]
) -> None:
    source = donor[0][:160, :160]
    mask = np.zeros((160, 160), np.float32)
    mask[40:120, 40:120] = 1
    inside = mask > 0
    moved = transfer_colour(source, target[0], mask)
    assert moved[inside].mean(0) == pytest.approx(target[0][inside].mean(0), abs=3)
    assert abs(source[inside].mean(0) - target[0][inside].mean(0)).max() > 30


def test_shape_counts_and_place_size_and_turn_do_not() -> None:
    rng = np.random.default_rng(2)
    face = _face(rng, (80, 84), 48)
    turned = face @ np.array([[0.8, -0.6], [0.6, 0.8]], np.float32).T * 3 + 11
    other = face * np.float32([1.3, 1])
    assert distance(turned, face) == pytest.approx(0, abs=1e-3)
    assert distance(other, face) > 0.05
    assert distance(np.zeros_like(face), face) == float("inf")
    far = [face * np.float32([1 + 0.1 * i, 1]) for i in range(1, 9)]
    for seed in range(4):
        assert nearest(face, [*far, turned], np.random.default_rng(seed)) == 8


def test_only_some_are_compared() -> None:
    face = _face(np.random.default_rng(2), (80, 84), 48)
    many = [face * np.float32([1 + 0.1 * i, 1]) for i in range(20)]
    found = {nearest(face, many, np.random.default_rng(seed), among=3) for seed in range(20)}
    assert len(found) > 4


def test_as_a_forging_it_takes_the_closest_of_the_donors_drawn(
    target: tuple[Array, Array],
    donor: tuple[Array, Array],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture, points = donor
    crowd = [target, (picture, points * np.float32([1, 1.5])), donor]
    drawn = []

    def draw(rng: np.random.Generator) -> tuple[Array, Array]:
        drawn.append(crowd[len(drawn) % 3])
        return drawn[-1]

    taken = []
    monkeypatch.setattr(
        module, "cross_blend", lambda *given: taken.append(given) or cross_blend(*given)
    )
    forged, mask = forge(*target, np.random.default_rng(0), draw)
    assert len(drawn) == module.AMONG
    assert taken[0][3] is points
    assert np.array_equal(forged[mask == 0], target[0][mask == 0])
    assert (forged != target[0]).any()


def test_a_face_alone_cannot_be_forged_by_its_donors(target: tuple[Array, Array]) -> None:
    with pytest.raises(LabError, match="data_missing"):
        forge(*target, np.random.default_rng(0), lambda rng: target)
