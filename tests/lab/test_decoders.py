"""Fitted decoders repaint the picture and leave their grid in it; replicas leave nothing else."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from unmask.lab.forge import decoders, upsample

Array = np.ndarray


def _photo(seed: int, side: int = 96) -> Array:
    """Smooth shapes with fine texture, as a face crop has them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    base = 110 + 60 * np.sin(5 * x + seed) * np.cos(4 * y)
    return np.clip(base[..., None] + rng.normal(0, 8, (side, side, 3)), 0, 255).astype(np.uint8)


PHOTOS = [_photo(seed) for seed in range(16)]
PLAIN = [upsample.plain(photo, np.random.default_rng(s)) for s, photo in enumerate(PHOTOS)]


def _dice(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _line(signal: Array) -> float:
    """Strength at half the sampling rate against what lies around it."""
    spectrum = np.abs(np.fft.fft((signal - signal.mean()) * np.hanning(len(signal))))
    half = len(signal) // 2
    return float(spectrum[half] / np.median(spectrum[half - 12 : half - 2]))


def _copies(pictures: list[Array]) -> float:
    """A line at the grid's frequency: copies of the picture's own large shapes."""
    grey = [picture.astype(float).mean(2) for picture in pictures]
    return float(np.median([_line(np.diff(plane, axis=1)[:, 1:].mean(0)) for plane in grey]))


def _rhythm(pictures: list[Array]) -> float:
    """The same of the unsteadiness: places computed from fewer neighbours are less steady.

    Gallagher, "Detection of Linear and Cubic Interpolation in JPEG Compressed Images", CRV 2005.
    """
    grey = [picture.astype(float).mean(2) for picture in pictures]
    return float(np.median([_line(np.abs(np.diff(g, 2, axis=1)).mean(0)) for g in grey]))


@pytest.mark.parametrize("kind", list(decoders.ENLARGE))
def test_every_kind_of_decoder_leaves_its_rhythm(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage(x: Tensor, distance: float, rng: np.random.Generator) -> Tensor:
        return decoders.autoencoder(x, distance, rng, kind)

    monkeypatch.setitem(upsample.FURTHER, "one", stage)
    made = [upsample.trace(photo, _dice(s), ["one"]) for s, photo in enumerate(PHOTOS)]
    assert _rhythm(made) > 1.4 * _rhythm(PLAIN)
    if kind in ("transposed", "shuffle"):
        assert _copies(made) > 2 * _copies(PLAIN)


def test_replicas_are_lines_in_the_spectrum_and_grow_with_the_distance() -> None:
    made = [upsample.trace(photo, _dice(s), ["replicas"]) for s, photo in enumerate(PHOTOS)]
    assert _copies(made) > 2 * _copies(PLAIN)
    x = torch.from_numpy(_photo(0)[None, :48, :48, 0].astype(np.float32))[None]
    smooth, weak, strong = (decoders.replicas(x, d, _dice(1))[0, 0] for d in (0.0, 0.1, 0.2))
    torch.testing.assert_close(strong - smooth, 2 * (weak - smooth), atol=1e-3, rtol=0)
    spectrum = torch.fft.fft2(strong - smooth).abs()
    middle, size = spectrum.shape[0] // 2, 6
    near = [
        spectrum.roll((size, size), (0, 1))[r : r + 2 * size, c : c + 2 * size].sum()
        for r, c in ((0, middle), (middle, 0), (middle, middle))
    ]
    assert sum(near) > 0.3 * spectrum.sum()
    assert sum(near) > 3 * spectrum.roll((size, size), (0, 1))[: 2 * size, : 2 * size].sum()


@pytest.mark.parametrize("name", sorted(upsample.FURTHER))
def test_every_stage_keeps_shape_and_picture(name: str) -> None:
    photo = _photo(1)[:75, :90]
    for seed in range(6):
        made, again = (upsample.trace(photo, _dice(seed), [name]) for _ in range(2))
        assert made.shape == photo.shape
        assert np.array_equal(made, again)
        assert 12 < np.mean((made.astype(float) - photo) ** 2) ** -0.5 * 255 < 1000
    tiny = upsample.trace(photo[:16, :17], _dice(0), [name])
    assert tiny.shape == (16, 17, 3)


@pytest.mark.parametrize("kind", list(decoders.ENLARGE))
def test_the_decoder_has_learnt_more_than_smooth_enlarging(kind: str) -> None:
    """A picture with sharp edges everywhere, which mere interpolation cannot give back."""
    y, x = np.mgrid[:128, :128]
    sharp = np.sign(np.sin(x / 3.1) + np.sin(y / 4.3) + np.sin((x + y) / 5.7))
    picture = torch.from_numpy(sharp.astype(np.float32))[None, None]
    halved = torch.nn.functional.avg_pool2d(picture, 2)
    learnt = decoders.autoencoder(halved, 0.0, _dice(0), kind)
    smooth = decoders.replicas(halved, 0.0, _dice(0))
    assert learnt.shape == picture.shape
    errors = [float((made - picture).square().mean()) for made in (learnt, smooth)]
    assert errors[0] < 0.9 * errors[1]
    stray = decoders.autoencoder(halved, 0.2, _dice(0), kind)
    assert float((stray - learnt).std()) == pytest.approx(0.2 * float(halved.std()), rel=0.01)
