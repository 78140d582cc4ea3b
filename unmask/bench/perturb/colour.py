"""Tone and colour: brightness, contrast, gamma, saturation, hue, shifted channels, few levels.

Shares and offsets are of the full scale, 0..1. Where a change may go either way, the generator
chooses.
"""

from __future__ import annotations

import cv2
import numpy as np

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import curve, mixed, to_pixels
from unmask.types import Pixels


@perturbation(offset=(0.05, 0.1, 0.17, 0.25, 0.35))
def brightness(pixels: Pixels, rng: Rng, offset: float) -> Pixels:
    """Lighter or darker by an offset."""
    signed = offset * _sign(rng)
    return curve(pixels, lambda levels: levels + signed)


@perturbation(octaves=(0.2, 0.4, 0.65, 0.95, 1.3))
def contrast(pixels: Pixels, rng: Rng, octaves: float) -> Pixels:
    """Steeper or flatter about middle grey by a factor of two to the `octaves`."""
    factor = 2 ** (octaves * _sign(rng))
    return curve(pixels, lambda levels: (levels - 0.5) * factor + 0.5)


@perturbation(octaves=(0.2, 0.4, 0.65, 0.95, 1.3))
def gamma(pixels: Pixels, rng: Rng, octaves: float) -> Pixels:
    """An exponent of two to the plus or minus `octaves`."""
    exponent = 2 ** (octaves * _sign(rng))
    return curve(pixels, lambda levels: levels**exponent)


@perturbation(change=(0.2, 0.4, 0.6, 0.8, 1.0))
def saturation(pixels: Pixels, rng: Rng, change: float) -> Pixels:
    """Towards grey, or as far away from it; a `change` of 1 is grey or doubled colour."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    return mixed(pixels, grey, change * _sign(rng))


@perturbation(degrees=(8, 16, 28, 45, 70))
def hue(pixels: Pixels, rng: Rng, degrees: float) -> Pixels:
    """The colour wheel turned."""
    turned = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV_FULL)
    turned[..., 0] += np.uint8(round(degrees / 360 * 256) * _sign(rng) % 256)
    return np.asarray(cv2.cvtColor(turned, cv2.COLOR_HSV2RGB_FULL), np.uint8)


@perturbation(offset=(0.03, 0.06, 0.09, 0.13, 0.18))
def channel_shift(pixels: Pixels, rng: Rng, offset: float) -> Pixels:
    """Red, green and blue each lifted or lowered by up to `offset`."""
    return to_pixels(pixels + rng.uniform(-255, 255, 3) * offset)


@perturbation(levels=(32, 16, 9, 6, 4))
def posterise(pixels: Pixels, rng: Rng, levels: float) -> Pixels:
    """Only so many levels a channel."""
    return curve(pixels, lambda tone: np.rint(tone * (levels - 1)) / np.float32(levels - 1))


def _sign(rng: Rng) -> int:
    return 1 if rng.random() < 0.5 else -1
