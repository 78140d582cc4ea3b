"""Grain of sensors and lines: Gaussian, shot, impulse, multiplicative and colour-blotched.

Multiplicative noise stands among ForgeryNet's perturbations (arXiv:2103.05630); Gaussian, shot and
impulse noise are kinds of the common-corruption benchmark (arXiv:1903.12261), made anew here.
In a video every frame draws its own.
"""

from __future__ import annotations

import cv2
import numpy as np

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import Floats, to_pixels
from unmask.types import Pixels


@perturbation(deviation=(4, 8, 14, 22, 34), steady=False)
def gaussian_noise(pixels: Pixels, rng: Rng, deviation: float) -> Pixels:
    """Independent in every pixel and channel, on the scale 0..255."""
    return to_pixels(pixels + _normal(rng, *pixels.shape) * deviation)


@perturbation(photons=(400, 160, 70, 32, 14), steady=False)
def shot_noise(pixels: Pixels, rng: Rng, photons: float) -> Pixels:
    """Counted light: a white pixel catches `photons` on average, a darker one fewer."""
    return to_pixels(rng.poisson(pixels * (photons / 255)) * (255 / photons))


@perturbation(share=(0.005, 0.015, 0.03, 0.06, 0.12), steady=False)
def impulse_noise(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """A share of the pixels is black or white."""
    chance = rng.random(pixels.shape[:2])
    result = pixels.copy()
    result[chance < share / 2] = 0
    result[chance > 1 - share / 2] = 255
    return result


@perturbation(deviation=(0.04, 0.08, 0.14, 0.22, 0.34), steady=False)
def speckle_noise(pixels: Pixels, rng: Rng, deviation: float) -> Pixels:
    """Multiplicative: in proportion to the brightness."""
    return to_pixels(pixels * (1 + _normal(rng, *pixels.shape) * deviation))


@perturbation(deviation=(3, 6, 10, 16, 24), steady=False)
def sensor_noise(pixels: Pixels, rng: Rng, deviation: float) -> Pixels:
    """A small sensor at high gain: fine grey grain, blotches of colour, stripes along the rows."""
    height, width = pixels.shape[:2]
    grain = _normal(rng, height, width, 1)
    blotches = cv2.GaussianBlur(_normal(rng, height, width, 3), (0, 0), 1.5) * 3
    stripes = _normal(rng, height, 1, 1) * 0.3
    return to_pixels(pixels + (grain + blotches + stripes) * deviation)


def _normal(rng: Rng, *shape: int) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32)
