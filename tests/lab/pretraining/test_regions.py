"""Regions from a face drawn by hand, and masks counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.lab.pretraining.regions import (
    BACKGROUND,
    BOUNDARY,
    BROWS,
    EYES,
    HAIR,
    HIDEABLE,
    MOUTH,
    NOSE,
    SKIN,
    crfr_p,
    quotas,
    region_map,
    scattered,
)


def ring(x: float, y: float, wide: float, high: float, count: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + np.pi
    return np.stack([x + wide * np.cos(angle), y + high * np.sin(angle)], 1)


def row(x0: float, x1: float, y: float, count: int) -> np.ndarray:
    return np.stack([np.linspace(x0, x1, count), np.full(count, y)], 1)


def schematic() -> np.ndarray:
    """A level face in a crop of 140: brows at 47, eyes 62, nose to 86, mouth 100, chin 120."""
    angle = np.linspace(np.pi, 0, 17)
    jaw = np.stack([70 + 42 * np.cos(angle), 60 + 60 * np.sin(angle)], 1)
    parts = [
        jaw,
        row(38, 62, 47, 5),
        row(78, 102, 47, 5),
        row(70, 70, 62, 4) + np.stack([np.zeros(4), np.linspace(0, 18, 4)], 1),
        row(60, 80, 86, 5),
        ring(52, 62, 9, 4, 6),
        ring(88, 62, 9, 4, 6),
        ring(70, 100, 16, 7, 12),
        ring(70, 100, 11, 2, 8),
    ]
    return np.concatenate(parts).astype(np.float32)


def test_a_schematic_face_falls_into_its_regions() -> None:
    regions = region_map(schematic(), 140, 14)
    at = {
        (x, y): int(regions[y // 10, x // 10]) for x in range(5, 140, 10) for y in range(5, 140, 10)
    }
    assert at[45, 45] == at[95, 45] == BROWS
    assert at[55, 65] == at[85, 65] == EYES
    assert at[65, 75] == at[75, 85] == NOSE
    assert at[65, 95] == at[75, 105] == MOUTH
    assert at[75, 35] == at[45, 85] == SKIN
    assert at[25, 65] == at[65, 115] == BOUNDARY
    assert at[75, 5] == HAIR
    assert at[5, 135] == at[135, 5] == BACKGROUND
    assert {int(value) for value in np.unique(regions)} >= set(HIDEABLE)


def test_the_map_follows_the_face() -> None:
    face = schematic()
    mirrored = face * np.float32([-1, 1]) + np.float32([140, 0])
    plain, other = region_map(face, 140, 14), region_map(mirrored, 140, 14)
    assert (plain == other[:, ::-1]).mean() > 0.95
    moved = region_map(face + np.float32([20, 10]), 140, 14)
    assert (moved[4:, 4:] == plain[3:-1, 2:-2]).mean() > 0.98
    doubled = region_map(face * 2, 280, 14)
    assert (doubled == plain).mean() > 0.98


def test_landmarks_far_outside_leave_background() -> None:
    assert (region_map(np.full((68, 2), 1e9, np.float32), 128, 8) == BACKGROUND).all()


def test_the_chosen_region_is_whole_and_the_rest_has_its_share() -> None:
    """Of 16 hide 12: the nose's 4; of the 8 left, 5 of the skin's 8 and 3 of the others' 4."""
    regions = np.array([NOSE] * 4 + [SKIN] * 8 + [BACKGROUND] * 4, np.uint8).reshape(4, 4)
    for seed in range(5):
        cover = crfr_p(regions, 0.75, np.random.default_rng(seed))
        assert np.array_equal(cover.region, regions == NOSE)
        counts = [int(cover.covered[regions == r].sum()) for r in (NOSE, SKIN, BACKGROUND)]
        assert counts == [4, 5, 3]


def test_each_region_has_its_turn_and_other_regions_stay_partly_visible() -> None:
    regions = region_map(schematic(), 140, 14)
    rng = np.random.default_rng(0)
    chosen = [crfr_p(regions, 0.5, rng) for _ in range(120)]
    turns = [int(regions[cover.region][0]) for cover in chosen]
    assert set(turns) == set(HIDEABLE)
    assert max(turns.count(region) for region in HIDEABLE) < 40
    for cover, turn in zip(chosen, turns, strict=True):
        assert (regions[cover.region] == turn).all()
        assert cover.region.sum() == (regions == turn).sum()
        left = regions != turn
        share = cover.covered[left].mean()
        for other in set(np.unique(regions[left]).tolist()):
            here = regions == other
            assert abs(cover.covered[here].sum() - share * here.sum()) < 1


def test_a_region_above_the_ratio_is_never_chosen() -> None:
    regions = np.array([MOUTH] * 12 + [SKIN] * 4, np.uint8)
    cover = crfr_p(regions, 0.5, np.random.default_rng(0))
    assert not cover.region.any()
    assert [int(cover.covered[regions == r].sum()) for r in (MOUTH, SKIN)] == [6, 2]


@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=64), st.floats(0, 1), st.integers(0, 1 << 20)
)
def test_the_ratio_is_met_exactly(values: list[int], ratio: float, seed: int) -> None:
    regions = np.array(values, np.uint8)
    cover = crfr_p(regions, ratio, np.random.default_rng(seed))
    assert cover.covered.sum() == round(ratio * len(values))
    assert cover.covered[cover.region].all()
    assert scattered(regions, ratio, np.random.default_rng(seed)).covered.sum() == round(
        ratio * len(values)
    )


@pytest.mark.parametrize("masker", [crfr_p, scattered])
def test_equal_dice_hide_the_same(masker: object) -> None:
    regions = region_map(schematic(), 140, 14)
    first, again, other = (
        masker(regions, 0.75, np.random.default_rng(seed)).covered  # type: ignore[operator]
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("sizes", "total", "wanted"),
    [
        ([8, 4], 8, [5, 3]),
        ([1, 1, 1], 2, [1, 1, 0]),
        ([10, 0, 30], 20, [5, 0, 15]),
        ([0, 0], 0, [0, 0]),
        ([3, 3], 6, [3, 3]),
    ],
)
def test_quotas_by_hand(sizes: list[int], total: int, wanted: list[int]) -> None:
    assert quotas(sizes, total).tolist() == wanted
