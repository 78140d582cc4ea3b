"""What single perturbations promise beyond the common rules."""

from __future__ import annotations

import doctest
from importlib import import_module

import cv2
import numpy as np
import pytest

from unmask.bench import perturb
from unmask.bench.perturb import _registry, _tools, video
from unmask.errors import ConfigError
from unmask.types import Pixels

GREY = np.full((48, 64, 3), 128, np.uint8)


def _scene(seed: int = 0) -> Pixels:
    """A smooth colourful picture."""
    small = np.random.default_rng(seed).integers(30, 226, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC), np.uint8)


def _apart(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_examples_in_the_docstrings_hold() -> None:
    modules = [perturb, *(import_module(f"{perturb.__name__}.{f}") for f in perturb.families())]
    results = [doctest.testmod(module) for module in modules]
    assert sum(result.attempted for result in results) >= 8
    assert all(result.failed == 0 for result in results)


def test_a_chain_is_its_steps_in_order() -> None:
    scene = _scene()
    steps = [("posterise", 5), ("shrink_area", 4)]
    by_hand = perturb.apply("shrink_area", perturb.apply("posterise", scene, 5, 0), 4, 0)
    assert (perturb.chain(scene, steps, seed=0) == by_hand).all()
    assert (perturb.chain(scene, steps[::-1], seed=0) != by_hand).any()
    assert (perturb.chain(scene, [], seed=0) == scene).all()


def test_noise_moves_between_frames_and_a_caption_stays() -> None:
    noisy = perturb.apply_frames("gaussian_noise", [GREY, GREY], 3, seed=0)
    assert (noisy[0] != noisy[1]).any()
    titled = perturb.apply_frames("caption", [GREY, GREY], 3, seed=0)
    assert (titled[0] == titled[1]).all()


def test_noise_has_the_stated_deviation() -> None:
    made = perturb.apply("gaussian_noise", np.full((128, 128, 3), 128, np.uint8), 2, seed=0)
    assert (made - 128.0).std() == pytest.approx(8, rel=0.03)


def test_impulses_hit_the_stated_share_with_black_and_white_alike() -> None:
    made = perturb.apply("impulse_noise", np.full((200, 200, 3), 128, np.uint8), 5, seed=0)
    assert (made == 0).all(-1).mean() == pytest.approx(0.06, abs=0.006)
    assert (made == 255).all(-1).mean() == pytest.approx(0.06, abs=0.006)


def test_blur_and_warps_keep_an_even_picture_even() -> None:
    for name in (*perturb.names("blur"), *perturb.names("geometry"), *perturb.names("resize")):
        assert (perturb.apply(name, GREY, 5, seed=1) == GREY).all(), name


def test_motion_blur_goes_one_way() -> None:
    dot = np.zeros((41, 41, 3), np.uint8)
    dot[20, 20] = 255
    made = perturb.apply("motion_blur", dot, 3, seed=2)[..., 0].astype(float)
    rows, columns = np.nonzero(made)
    spread = np.sort(np.linalg.eigvalsh(np.cov(np.stack([rows, columns]))))
    assert spread[1] > 10 * spread[0]
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(10, abs=1.6)


def test_half_resolution_is_the_third_step() -> None:
    assert perturb.get("shrink_area").steps["factor"][2] == 0.5
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = 255
    assert _apart(perturb.apply("shrink_area", stripes, 3, 0), np.full_like(stripes, 128)) < 8


def test_saturation_ends_in_grey_or_twice_the_colour() -> None:
    scene = _scene()
    made = [perturb.apply("saturation", scene, 5, seed) for seed in range(8)]
    spreads = [float(np.ptp(one.astype(int), axis=-1).mean()) for one in made]
    assert min(spreads) < 1.5
    assert max(spreads) > 1.3 * np.ptp(scene.astype(int), axis=-1).mean()


def test_milder_stickers_and_blocks_are_among_the_heavier() -> None:
    for name in ("stickers", "blocks"):
        few, many = (perturb.apply(name, GREY, level, seed=4) != GREY for level in (2, 4))
        assert (many.any(-1) | ~few.any(-1)).all()
        assert many.sum() > few.sum()


def test_warps_keep_the_middle_of_the_frame_inside() -> None:
    spot = np.zeros((97, 97, 3), np.uint8)
    cv2.circle(spot, (48, 48), 8, (255, 255, 255), -1)
    for name in perturb.names("geometry"):
        for seed in range(4):
            made = perturb.apply(name, spot, 5, seed)[..., 0]
            rows, columns = np.nonzero(made > 128)
            assert np.hypot(rows.mean() - 48, columns.mean() - 48) < 12, name


def test_a_second_jpeg_lies_on_another_grid() -> None:
    scene = _scene()
    once = perturb.apply("jpeg_twice", scene, 5, seed=0)
    assert (once != _tools.jpeg(_tools.jpeg(scene, 18), 18)).any()


def test_sharing_once_is_one_upload_as_documented() -> None:
    scene = _scene()
    assert (perturb.apply("side_1280_q87", scene, 1, 0) == _tools.jpeg(scene, 87)).all()


def test_a_large_picture_is_boxed() -> None:
    stripes = np.zeros((4, 2600, 3), np.uint8)
    stripes[:, ::2] = 255
    made = perturb.apply("side_1280_q87", stripes, 1, 0)
    assert made.shape == stripes.shape
    assert made.std() < 0.3 * stripes.std()


def test_quantiser_keeps_even_areas_and_coarsens_with_the_parameter() -> None:
    assert _apart(perturb.apply("h264_quantiser", GREY, 1, 0), GREY) < 3
    levels = [
        len(np.unique(video._quantised(_scene()[..., 0], parameter))) for parameter in (10, 50)
    ]
    assert levels[0] > levels[1]


def test_a_codec_sees_the_frames_as_a_video() -> None:
    if not perturb.available("mpeg4"):
        pytest.skip("no MPEG-4 here")
    scenes = [_scene(0), _scene(1)]
    made = perturb.apply_frames("mpeg4", scenes, 1, seed=0)
    assert all(_apart(a, b) < 12 for a, b in zip(scenes, made, strict=True))


def test_a_missing_codec_is_known_beforehand_and_refused() -> None:
    assert not video.works("none")
    with pytest.raises(ConfigError, match="not_installed"):
        video.encode([GREY], "none")
    gone = _registry.perturbation(ready=lambda: False, x=(1, 2, 3, 4, 5))(lambda p, rng, x: p)
    with pytest.raises(ConfigError, match="not_installed"):
        gone(GREY, 1, np.random.default_rng(0))


def test_a_parameter_without_five_values_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="one value a severity"):
        _registry.perturbation(x=(1, 2))


def test_retouching_touches_a_spot_on_skin_and_no_dark_pupil() -> None:
    face = np.full((160, 160, 3), (205, 150, 125), np.uint8)
    cv2.circle(face, (40, 40), 1, (190, 132, 108), -1)
    cv2.circle(face, (110, 110), 2, (20, 15, 15), -1)
    made = perturb.apply("retouch", face, 5, seed=0)
    assert made[40, 40].tolist() == pytest.approx([205, 150, 125], abs=3)
    assert (made[110, 110] == (20, 15, 15)).all()


def test_crop_cuts_whole_pixels_and_resamples_nothing() -> None:
    scene = _scene()
    made = perturb.apply("crop", scene, 5, seed=0)
    assert made.shape == (39, 52, 3)
    windows = np.lib.stride_tricks.sliding_window_view(scene, made.shape)[..., 0, :, :, :]
    assert (windows == made).all((-1, -2, -3)).any()
