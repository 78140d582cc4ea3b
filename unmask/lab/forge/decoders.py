"""Up-sampling stages that are drawn only when they are named: fitted decoders, and bare replicas.

Zhang, Karaman and Chang, "Detecting and Simulating Artifacts in GAN Fake Images", WIFS 2019, arXiv
1907.06515: enlarging a grid repeats its spectrum at the grid's own frequency, the layers after it
suppress the copies as far as they have learnt to, and an autoencoder leaves the same copies as a
generator with the same layers, so that no generator is needed to learn them. What differs: theirs
is one network, trained on a data set; here each picture gets a small one of its own, with a random
encoder, one of four ways to enlarge, and a decoder that is fitted in closed form.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Rng = np.random.Generator
STRONGEST = 0.4
"""Of a copy of the spectrum, for a distance of one."""
WIDTH = 8
"""Channels of the code."""
RIDGE = 1e-3
"""Pull of the decoder's weights towards nought, in shares of the mean power of its inputs."""


def autoencoder(x: Tensor, distance: float, rng: Rng, kind: str | None = None) -> Tensor:
    """Doubles with a decoder that has learnt to undo the picture's own halving.

    Args:
        x: Shape (1, C, h, w), sides at least 2.
        distance: How far from its optimum learning stopped, in spreads of the picture.
        rng: Decides the encoder, the way to enlarge and where learning stopped.
        kind: One of `ENLARGE`; drawn when `None`.

    Returns:
        Shape (1, C, 2 h, 2 w).

    Example:
        >>> autoencoder(torch.rand(1, 3, 8, 8), 0.1, np.random.default_rng(0)).shape
        torch.Size([1, 3, 16, 16])
    """
    enlarge = ENLARGE[kind or list(ENLARGE)[rng.integers(len(ENLARGE))]]
    encoder = _normal((WIDTH, x.shape[1], 3, 3), rng) / (9 * x.shape[1]) ** 0.5
    even = x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    halved = F.avg_pool2d(even, 2)
    decoder = _fitted(enlarge(_encoded(halved, encoder)), even - _smooth(halved))
    taps = enlarge(_encoded(x, encoder))
    stopped = _normal(tuple(decoder.shape), rng)
    made, astray = _decoded(taps, decoder, x), _decoded(taps, stopped, x)
    return _smooth(x) + made + distance * x.std() / (astray.std() + 1e-9) * astray


def replicas(x: Tensor, distance: float, rng: Rng) -> Tensor:
    """Doubles smoothly and adds copies of the spectrum at half the new sampling rate.

    A copy is the picture times a wave of two pixels: across, down and both. Behind a second
    doubling it lies at a quarter of the rate, where a generator's earlier layers leave theirs.

    Example:
        >>> replicas(torch.ones(1, 1, 2, 2), 0.0, np.random.default_rng(0)).unique().tolist()
        [1.0]
    """
    grown = _smooth(x)
    across = 1 - 2.0 * (torch.arange(grown.shape[3]) % 2)
    down = (1 - 2.0 * (torch.arange(grown.shape[2]) % 2))[:, None]
    forces = torch.from_numpy(rng.uniform(-STRONGEST, STRONGEST, 3).astype(np.float32))
    return grown * (
        1 + distance * (forces[0] * across + forces[1] * down + forces[2] * across * down)
    )


def _nearest(code: Tensor) -> Tensor:
    return _taps(F.interpolate(code, scale_factor=2, mode="nearest"))


def _bilinear(code: Tensor) -> Tensor:
    return _taps(_smooth(code))


def _transposed(code: Tensor) -> Tensor:
    """Zeros put between: what a transposed convolution of kernel 3 sees."""
    return _taps(F.pixel_shuffle(F.pad(code[:, :, None], (0, 0, 0, 0, 0, 3)).flatten(1, 2), 2))


def _shuffle(code: Tensor) -> Tensor:
    """Not enlarged: the decoder answers with four phases, which are put side by side."""
    return _taps(code)


ENLARGE: dict[str, Callable[[Tensor], Tensor]] = {
    "nearest": _nearest,
    "bilinear": _bilinear,
    "transposed": _transposed,
    "shuffle": _shuffle,
}
"""From a code (1, K, h, w) to the 3x3 neighbourhoods that the decoder reads, (1, 9 K, h', w')."""


def _taps(code: Tensor) -> Tensor:
    flat = F.unfold(F.pad(code, (1, 1, 1, 1), mode="replicate"), 3)
    return flat.view(1, -1, *code.shape[2:])


def _encoded(x: Tensor, encoder: Tensor) -> Tensor:
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.leaky_relu(F.conv2d(padded, encoder), 0.2)


def _fitted(taps: Tensor, wanted: Tensor) -> Tensor:
    """Ridge regression: weights (outputs, 9 K) that make the most of what is wanted."""
    if taps.shape[2] != wanted.shape[2]:
        wanted = F.pixel_unshuffle(wanted, 2)
    inputs, outputs = taps[0].flatten(1).double(), wanted[0].flatten(1).double()
    power = inputs @ inputs.T
    ridge = (RIDGE * power.diagonal().mean() + 1e-9) * torch.eye(len(power), dtype=power.dtype)
    weights: Tensor = torch.linalg.solve(power + ridge, inputs @ outputs.T)
    return weights.T.float()


def _decoded(taps: Tensor, decoder: Tensor, x: Tensor) -> Tensor:
    out = torch.einsum("ot,nthw->nohw", decoder, taps)
    return F.pixel_shuffle(out, 2) if out.shape[2] == x.shape[2] else out


def _smooth(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _normal(shape: tuple[int, ...], rng: Rng) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape).astype(np.float32))
