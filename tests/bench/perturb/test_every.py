"""What holds for every perturbation, whichever family a new one joins."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

import unmask
from unmask.bench import perturb
from unmask.errors import ConfigError
from unmask.types import Pixels

WORN = ("compression", "resize", "blur", "noise", "colour", "geometry", "overlay")
SMALLER = {"crop"}
"""Those that say themselves that they return fewer pixels."""


@cache
def _portraits() -> tuple[Pixels, Pixels]:
    """A face cut tightly and the whole picture, both small so that the suite stays quick."""
    path = Path(unmask.__file__).parent / "samples" / "portrait.jpg"
    whole = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    cuts = whole[20:212, 130:322], whole
    first, second = (cv2.resize(cut, (96, 96), interpolation=cv2.INTER_AREA) for cut in cuts)
    return first, second


def _ready(name: str) -> None:
    if not perturb.available(name):
        pytest.skip(f"no codec for {name} here")


def test_seven_families_hold_as_many_as_forgerynet_and_no_family_is_empty() -> None:
    assert sum(len(perturb.names(family)) for family in WORN) >= 36
    assert {*WORN, "screen", "social", "video", "benign"} <= set(perturb.families())
    assert all(perturb.names(family) for family in perturb.families())
    parted = [name for family in perturb.families() for name in perturb.names(family)]
    assert parted == list(perturb.names())


@pytest.mark.parametrize("name", perturb.names())
def test_says_what_it_does_with_five_values_a_parameter(name: str) -> None:
    one = perturb.get(name)
    assert one.about.endswith(".")
    assert one.steps
    assert all(len(set(values)) == 5 for values in one.steps.values())
    wanted = list(inspect.signature(one.change).parameters)
    assert wanted[1] == "rng"
    assert set(wanted[2:]) == set(one.steps)


@pytest.mark.parametrize("name", perturb.names())
def test_distance_to_the_original_grows_with_severity(name: str) -> None:
    _ready(name)
    total = np.zeros(5)
    for seed in range(3):
        for pixels in _portraits():
            before = pixels.copy()
            made = [perturb.apply(name, pixels, level, seed) for level in perturb.SEVERITIES]
            assert (pixels == before).all()
            total += [_distance(pixels, result) for result in made]
    assert (np.diff(total) > 0).all(), total
    assert total[0] > 0


def _distance(pixels: Pixels, result: Pixels) -> float:
    if result.shape != pixels.shape:
        return float(pixels.size - result.size)
    return float(np.abs(pixels.astype(int) - result).mean())


@pytest.mark.parametrize("name", perturb.names())
@pytest.mark.parametrize("shape", [(17, 23), (9, 5), (1, 1)])
def test_small_and_odd_pictures_keep_their_shape_and_same_seeds_agree(
    name: str, shape: tuple[int, int]
) -> None:
    _ready(name)
    pixels = np.random.default_rng(7).integers(0, 256, (*shape, 3), np.uint8)
    for severity in (1, 5):
        first, again = (perturb.apply(name, pixels, severity, seed=3) for _ in range(2))
        assert first.dtype == np.uint8
        assert first.flags.c_contiguous
        assert (first == again).all()
        assert name in SMALLER or first.shape == pixels.shape


@pytest.mark.parametrize("name", perturb.names())
def test_frames_of_a_video_keep_number_and_shape(name: str) -> None:
    _ready(name)
    frames = [pixels[:40, :50] for pixels in _portraits()]
    made = perturb.apply_frames(name, frames, severity=3, seed=1)
    assert len(made) == len(frames)
    shapes = {frame.shape for frame in made}
    assert len(shapes) == 1
    assert name in SMALLER or shapes == {frames[0].shape}


@pytest.mark.parametrize("severity", [0, 6])
def test_other_severities_are_refused(severity: int) -> None:
    with pytest.raises(ConfigError, match="bad_option"):
        perturb.apply("jpeg", np.zeros((8, 8, 3), np.uint8), severity, seed=0)


@pytest.mark.parametrize(
    "pixels", [np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_rgb_picture_is_refused(pixels: Pixels) -> None:
    with pytest.raises(ConfigError, match="bad_option"):
        perturb.apply("jpeg", pixels, 1, seed=0)


def test_unknown_names_and_families_are_refused() -> None:
    with pytest.raises(ConfigError, match="bad_option"):
        perturb.get("nothing")
    with pytest.raises(ConfigError, match="bad_option"):
        perturb.names("nothing")
