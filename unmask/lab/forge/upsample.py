"""Traces of image generators, put into real pixels without any generator.

Whatever a generator paints, its last layers enlarge a small grid into a large one, and the filter
that does so is learnt, not designed: neighbouring pixels are computed by different weights, and
the difference repeats with the grid. `trace` sends a real crop through such a layer with random
weights, so that a detector meets many more generators than anybody could collect. `plain` sends
it through an ordinary resampler with the same loss of detail: that is what happens to genuine
photos, and beside it blur alone tells nothing.

`unmask.lab.forge.decoders` has the same trace from autoencoders and as bare copies of the spectrum;
both are drawn only when they are named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from unmask.errors import LabError
from unmask.lab.forge.decoders import autoencoder, replicas
from unmask.types import Pixels

Stage = Callable[[Tensor, float, np.random.Generator], Tensor]
"""Doubles the sides of (1, C, h, w); the number is the distance of its weights from identity."""

Plane3 = npt.NDArray[np.float32]
Cut = tuple[slice, ...]

STAGES: Final[dict[str, Stage]] = {}
"""Resamplers with random weights: what is drawn from unless a recipe names others."""
FURTHER: Final[dict[str, Stage]] = {"autoencoder": autoencoder, "replicas": replicas}
"""Drawn only when they are named, so that the draws of earlier trainings stay as they were."""
_UP = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
_DOWN = (cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR)


def trace(pixels: Pixels, rng: np.random.Generator, only: Collection[str] | None = None) -> Pixels:
    """A real crop as a generator would have painted it.

    The crop is halved or quartered, grown back by random layers, and given back a random share of
    the detail that was lost, modulated with the same grid.

    Args:
        pixels: Shape (height, width, 3); both sides at least 16.
        rng: Decides everything; the same state gives the same pixels.
        only: Names of `STAGES` and `FURTHER` to draw from; all of `STAGES` when `None`.

    Returns:
        Pixels of the same shape.

    Raises:
        LabError: `bad_recipe` when a name is unknown.

    Example:
        >>> crop = np.full((32, 32, 3), 128, np.uint8)
        >>> trace(crop, np.random.default_rng(0)).shape
        (32, 32, 3)
    """
    factor, padded, small, cut = _shrink(pixels, rng)
    detail = rng.uniform(0, 0.9) * _detail(padded, small)
    stages = choice(STAGES if only is None else only)
    stage = stages[rng.integers(len(stages))]
    grown = _grow(small, factor, stage, 0.02 * 12.5 ** rng.random(), rng)
    return _finish(padded, grown + detail * _grid(padded.shape, factor, rng), cut)


def choice(names: Collection[str]) -> list[Stage]:
    """The stages of these names, sorted by name.

    Raises:
        LabError: `bad_recipe` when a name is unknown.

    Example:
        >>> [stage.__name__ for stage in choice({"replicas", "autoencoder"})]
        ['autoencoder', 'replicas']
    """
    known = STAGES | FURTHER
    unknown = sorted(set(names) - set(known))
    if unknown or not names:
        raise LabError("bad_recipe", f"up-sampling stages {unknown} are not in {sorted(known)}")
    return [known[name] for name in sorted(names)]


def plain(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The same loss of detail, grown back by an ordinary resampler: what photos go through.

    With an equal generator it shrinks by the same factor and filter, on the same grid, and keeps
    the same share of the detail as `trace`: the two differ in how they enlarge and nothing else.

    Args:
        pixels: Shape (height, width, 3); both sides at least 16.
        rng: Decides factor, filters and kept detail.

    Returns:
        Pixels of the same shape.

    Example:
        >>> crop = np.full((32, 32, 3), 128, np.uint8)
        >>> int(plain(crop, np.random.default_rng(0)).max())
        128
    """
    _, padded, small, cut = _shrink(pixels, rng)
    detail = rng.uniform(0, 0.9) * _detail(padded, small)
    up = _UP[rng.integers(len(_UP))]
    return _finish(padded, _resize(small, padded.shape[0], padded.shape[1], up) + detail, cut)


def _stage(function: Stage) -> Stage:
    STAGES[function.__name__.strip("_")] = function
    return function


@_stage
def _nearest(x: Tensor, distance: float, rng: np.random.Generator) -> Tensor:
    """Pixels repeated, then convolved: the up-sampling of ProGAN and of most diffusion decoders."""
    grown = F.interpolate(x, scale_factor=2, mode="nearest")
    return _convolve(grown, distance, rng, smooth=rng.uniform(0.5, 1.0))


@_stage
def _bilinear(x: Tensor, distance: float, rng: np.random.Generator) -> Tensor:
    """Linear interpolation, then convolved: the first StyleGAN and many face-swap decoders."""
    return _convolve(
        F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False), distance, rng
    )


@_stage
def _transposed(x: Tensor, distance: float, rng: np.random.Generator) -> Tensor:
    """Transposed convolution; an odd kernel gives its checkerboard."""
    side = int(rng.integers(3, 5))
    profile = np.array([0.5, 1.0, 0.5] if side == 3 else [0.25, 0.75, 0.75, 0.25])
    weight = _noisy(_per_channel(np.outer(profile, profile), x.shape[1]), distance, rng)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    grown = F.conv_transpose2d(padded, weight.transpose(0, 1), stride=2)
    top = (grown.shape[2] - 2 * x.shape[2]) // 2
    return grown[:, :, top : top + 2 * x.shape[2], top : top + 2 * x.shape[3]]


@_stage
def _shuffle(x: Tensor, distance: float, rng: np.random.Generator) -> Tensor:
    """Sub-pixel convolution: each of the four phases has weights of its own."""
    channels = x.shape[1]
    phases = torch.cat(
        [
            _noisy(_per_channel(_phase(row, column), channels), distance, rng)
            for row in (0, 1)
            for column in (0, 1)
        ]
    )
    order = torch.arange(4 * channels).reshape(4, channels).t().reshape(-1)
    return F.pixel_shuffle(F.conv2d(_edge(x), phases[order]), 2)


@_stage
def _zeros(x: Tensor, distance: float, rng: np.random.Generator) -> Tensor:
    """Zeros put between, a binomial filter, noise added: the second StyleGAN."""
    profile = np.array([1.0, 3.0, 3.0, 1.0]) / 4
    weight = _per_channel(np.outer(profile, profile), x.shape[1])
    grown = F.conv_transpose2d(_edge(x), weight, stride=2)[:, :, 3:-3, 3:-3]
    grain = _tensor(rng.normal(size=(1, 1, *grown.shape[2:])))
    return _convolve(grown + 0.03 * rng.random() * grain, distance, rng)


def _grow(
    small: Plane3, factor: int, stage: Stage, distance: float, rng: np.random.Generator
) -> Plane3:
    """Lifts the colours into a few channels, doubles until the size is back, and returns."""
    channels = int(rng.integers(3, 9))
    basis = _tensor(np.linalg.qr(rng.normal(size=(channels, 3)))[0])
    with torch.autocast("cpu", enabled=False):  # loaders are forked inside a trainer's autocast
        x = torch.einsum("cr,hwr->chw", basis, _tensor(small))[None]
        for _ in range(int(np.log2(factor))):
            x = stage(x, distance, rng)
            x = x + distance * (F.leaky_relu(x, 0.2) - 0.6 * x)
        grown = torch.einsum("cr,chw->hwr", basis, x[0])
    return np.asarray(grown.numpy(), np.float32)


def _shrink(pixels: Pixels, rng: np.random.Generator) -> tuple[int, Plane3, Plane3, Cut]:
    """Factor, crop in 0..1 padded to a random grid offset, small version, way out of padding."""
    factor = int(rng.choice([2, 4], p=[0.65, 0.35]))
    before = rng.integers(factor, size=2)
    after = -(np.array(pixels.shape[:2]) + before) % factor
    pads = ((before[0], after[0]), (before[1], after[1]), (0, 0))
    padded: Plane3 = np.pad(pixels.astype(np.float32) / np.float32(255), pads, mode="edge")
    height, width = padded.shape[0] // factor, padded.shape[1] // factor
    small = _resize(padded, height, width, _DOWN[rng.integers(len(_DOWN))])
    cut = tuple(slice(int(b), int(b) + n) for b, n in zip(before, pixels.shape[:2], strict=True))
    return factor, padded, small, cut


def _grid(shape: tuple[int, ...], factor: int, rng: np.random.Generator) -> Plane3:
    """Gains around 1 that repeat with the up-sampling grid; shape (height, width, 1)."""
    tile = 1 + rng.uniform(0, 0.3) * rng.normal(size=(factor, factor, 1))
    repeats = (shape[0] // factor, shape[1] // factor, 1)
    return np.asarray(np.tile(tile, repeats), np.float32)


def _detail(padded: Plane3, small: Plane3) -> Plane3:
    """What shrinking lost."""
    return padded - _resize(small, padded.shape[0], padded.shape[1], cv2.INTER_LINEAR)


def _finish(padded: Plane3, made: Plane3, cut: Cut) -> Pixels:
    """Takes colours and shading from the original, so that texture alone is new."""
    shading = cv2.GaussianBlur(padded - made, (0, 0), 6.0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(np.rint((made + shading)[cut] * 255), 0, 255), np.uint8)


def _convolve(x: Tensor, distance: float, rng: np.random.Generator, smooth: float = 0.0) -> Tensor:
    """3x3 with weights near identity (or, with `smooth` 1, near a binomial filter)."""
    middle = np.array([0.0, 1.0, 0.0])
    binomial = np.array([0.25, 0.5, 0.25])
    base = (1 - smooth) * np.outer(middle, middle) + smooth * np.outer(binomial, binomial)
    return F.conv2d(_edge(x), _noisy(_per_channel(base, x.shape[1]), distance, rng))


def _noisy(weight: Tensor, distance: float, rng: np.random.Generator) -> Tensor:
    """Adds noise of a norm that does not grow with the number of weights."""
    noise = _tensor(rng.normal(size=tuple(weight.shape)))
    return weight + distance * noise / float(np.sqrt(weight[0].numel()))


def _per_channel(kernel: npt.NDArray[np.float64], channels: int) -> Tensor:
    """Every channel its own copy of the kernel and nothing of the others."""
    return torch.einsum("ij,hw->ijhw", torch.eye(channels), _tensor(kernel))


def _phase(row: int, column: int) -> npt.NDArray[np.float64]:
    """Linear interpolation at one of the four places between the pixels."""
    profiles = (np.array([0.25, 0.75, 0.0]), np.array([0.0, 0.75, 0.25]))
    return np.outer(profiles[row], profiles[column])


def _edge(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="replicate")


def _tensor(array: npt.NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def _resize(image: Plane3, height: int, width: int, interpolation: int) -> Plane3:
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.float32)
