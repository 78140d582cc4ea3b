from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from unmask.errors import LabError
from unmask.lab.forge import upsample


def _photo(seed: int = 0, side: int = 96) -> np.ndarray:
    """Smooth shapes with fine texture, as a face crop has them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    base = 110 + 60 * np.sin(5 * x + seed) * np.cos(4 * y)
    return np.clip(base[..., None] + rng.normal(0, 8, (side, side, 3)), 0, 255).astype(np.uint8)


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("name", sorted(upsample.STAGES))
def test_every_stage_keeps_shape_and_picture(name: str) -> None:
    photo = _photo()[:75, :90]
    made = upsample.trace(photo, np.random.default_rng(1), only=[name])
    assert made.shape == photo.shape
    assert made.dtype == np.uint8
    assert 15 < _psnr(photo, made) < 60


@pytest.mark.parametrize("name", sorted(upsample.STAGES))
def test_stages_without_noise_double_without_shift(name: str) -> None:
    ramp = np.linspace(0, 1, 24, dtype=np.float32)
    x = upsample._tensor(np.broadcast_to(ramp, (1, 3, 24, 24)))
    grown = upsample.STAGES[name](x, 0.0, _Still())[0, 0].numpy()
    assert grown.shape == (48, 48)
    expected = (np.arange(48) + 0.5) / 2 - 0.5
    inside = slice(6, -6)
    shift = np.mean(grown[24, inside] * 23 - expected[inside])
    assert abs(shift) < 0.26, "the enlarged picture moved"


class _Still(np.random.Generator):
    """A generator whose numbers are all nought, except that the kernel has four taps."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def normal(self, *_: object, size: object = None, **__: object) -> np.ndarray:
        return np.zeros(size)

    def integers(self, *_: object, **__: object) -> int:
        return 4


def test_same_state_same_pixels_and_photo_untouched() -> None:
    photo = _photo()
    before = photo.copy()
    one, two = (upsample.trace(photo, np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(photo, before)
    assert not np.array_equal(one, upsample.trace(photo, np.random.default_rng(10)))


def _peak(pictures: list[np.ndarray]) -> float:
    """Energy at half the sampling rate against its surroundings: the grid's own frequency."""
    ratios = []
    for picture in pictures:
        grey = picture.astype(float).mean(-1)
        residual = grey - np.roll(grey, 1, 1)
        spectrum = np.abs(np.fft.fft(residual * np.hanning(residual.shape[1]), axis=1)).mean(0)
        half = spectrum.size // 2
        ratios.append(spectrum[half] / np.median(spectrum[half - 8 : half - 2]))
    return float(np.median(ratios))


def test_grid_shows_in_the_spectrum_of_traces_only() -> None:
    photos = [_photo(seed) for seed in range(24)]
    rngs = [np.random.default_rng(seed) for seed in range(24)]
    traced = [upsample.trace(p, r, ["transposed"]) for p, r in zip(photos, rngs, strict=True)]
    ordinary = [upsample.plain(p, r) for p, r in zip(photos, rngs, strict=True)]
    assert _peak(traced) > 1.2 * _peak(ordinary)


def test_blur_alone_does_not_tell_the_classes_apart() -> None:
    """Traces and ordinary resampling lose about the same share of detail."""

    def detail(picture: np.ndarray) -> float:
        return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())

    photos = [_photo(seed) for seed in range(40)]
    rngs = [np.random.default_rng(seed) for seed in range(40)]
    traced = np.mean([detail(upsample.trace(p, r)) for p, r in zip(photos, rngs, strict=True)])
    plain = np.mean([detail(upsample.plain(p, r)) for p, r in zip(photos, rngs, strict=True)])
    assert traced == pytest.approx(plain, rel=0.35)


def test_a_trainers_autocast_changes_nothing() -> None:
    expected = upsample.trace(_photo(), np.random.default_rng(3))
    with torch.autocast("cpu", torch.bfloat16):
        actual = upsample.trace(_photo(), np.random.default_rng(3))
    np.testing.assert_array_equal(actual, expected)


def test_trace_and_plain_differ_in_enlarging_only() -> None:
    """With equal dice a trace of no distance is close to ordinary resampling."""
    photo = _photo()
    for seed in range(5):
        traced = upsample.trace(photo, np.random.default_rng(seed), ["bilinear"])
        plain = upsample.plain(photo, np.random.default_rng(seed))
        other = upsample.plain(photo, np.random.default_rng(seed + 100))
        assert _psnr(traced, plain) > 18
        assert not np.array_equal(plain, other)


def test_further_stages_are_drawn_only_when_they_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the trainings of earlier recipes would no longer be repeatable."""
    assert sorted(upsample.STAGES) == ["bilinear", "nearest", "shuffle", "transposed", "zeros"]
    assert not set(upsample.STAGES) & set(upsample.FURTHER)
    asked = []
    for name, stage in upsample.FURTHER.items():
        monkeypatch.setitem(
            upsample.FURTHER, name, lambda *given, s=stage, n=name: asked.append(n) or s(*given)
        )
    for seed in range(20):
        upsample.trace(_photo(), np.random.default_rng(seed))
    assert asked == []
    for seed in range(20):
        upsample.trace(_photo(), np.random.default_rng(seed), ["replicas", "autoencoder", "zeros"])
    assert set(asked) == {"replicas", "autoencoder"}


@pytest.mark.parametrize("names", [["nearest", "nothing"], []])
def test_unknown_stages_are_refused(names: list[str]) -> None:
    with pytest.raises(LabError, match="bad_recipe"):
        upsample.trace(_photo(), np.random.default_rng(0), names)
