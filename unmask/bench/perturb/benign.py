"""Edits that are no manipulation of who or what a face shows.

Beautifying, retouching, restoring, sharpening, white balance and cropping are everyday handling; a
detector that calls them manipulated raises false alarms, which are counted in a row of their own.
"""

from __future__ import annotations

import cv2
import numpy as np

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import curve, to_pixels, unsharp
from unmask.types import Pixels

BLEMISH = 30
"""Levels by which a blemish is darker than the skin around it, at most."""


@perturbation(tone=(12, 22, 34, 48, 65), gamma=(0.97, 0.94, 0.9, 0.86, 0.81))
def beautify(pixels: Pixels, rng: Rng, tone: float, gamma: float) -> Pixels:
    """A skin filter: bilateral smoothing of `tone` levels, then brightening by a gamma."""
    smooth = np.asarray(cv2.bilateralFilter(pixels, 9, tone, 5), np.uint8)
    return curve(smooth, lambda levels: levels**gamma)


@perturbation(share=(0.01, 0.03, 0.06, 0.1, 0.15))
def retouch(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """Blemishes removed: the darkest small spots, a share of the skin, are painted in.

    Spots much darker than their surroundings (eyes, nostrils, lashes) are left alone.
    """
    luma, red, blue = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb))
    side = max(3, round(min(luma.shape) / 80) * 2 + 1)
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    depth = cv2.morphologyEx(luma, cv2.MORPH_BLACKHAT, window)
    skin = (red > 133) & (red < 180) & (blue > 77) & (blue < 127) & (depth < BLEMISH)
    if not skin.any():
        return pixels.copy()
    spots = skin & (depth > max(1, np.quantile(depth[skin], 1 - share)))
    return np.asarray(cv2.inpaint(pixels, spots.astype(np.uint8), 3, cv2.INPAINT_TELEA), np.uint8)


@perturbation(strength=(2, 4, 6, 9, 12), amount=(0.2, 0.4, 0.6, 0.85, 1.1))
def restore(pixels: Pixels, rng: Rng, strength: float, amount: float) -> Pixels:
    """Restoration: grain removed by non-local means, then detail raised by an unsharp mask."""
    clean = cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength, 3, 11)
    return unsharp(np.asarray(clean, np.uint8), 1.5, amount)


@perturbation(amount=(0.3, 0.6, 1.0, 1.5, 2.1))
def sharpen(pixels: Pixels, rng: Rng, amount: float) -> Pixels:
    """An unsharp mask of one pixel."""
    return unsharp(pixels, 1.0, amount)


@perturbation(gain=(0.02, 0.05, 0.08, 0.11, 0.15))
def white_balance(pixels: Pixels, rng: Rng, gain: float) -> Pixels:
    """Warmer or colder: red and blue gain and lose against green."""
    warm = gain * rng.choice((-1, 1))
    return to_pixels(pixels * np.array([1 + warm, 1, 1 - warm], np.float32))


@perturbation(share=(0.03, 0.06, 0.1, 0.15, 0.2))
def crop(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """A share of each side cut off, parted at random between its ends.

    The result is smaller than the input; nothing is resampled.
    """
    height, width = pixels.shape[:2]
    off = np.floor(np.array([height, width]) * share).astype(int)
    top, left = np.rint(off * rng.random(2)).astype(int)
    return pixels[top : top + height - off[0], left : left + width - off[1]]
