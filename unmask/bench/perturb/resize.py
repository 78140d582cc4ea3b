"""Lost resolution: pictures shrunk by several kernels and brought back to their size.

The steps are shares of the side; the third is half resolution.
"""

from __future__ import annotations

import cv2

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import through
from unmask.types import Pixels

FACTORS = (0.9, 0.7, 0.5, 0.35, 0.25)


@perturbation(factor=FACTORS)
def shrink_area(pixels: Pixels, rng: Rng, factor: float) -> Pixels:
    """Averaged down without aliasing, bicubic up."""
    return through(pixels, factor, cv2.INTER_AREA, cv2.INTER_CUBIC)


@perturbation(factor=FACTORS)
def shrink_bilinear(pixels: Pixels, rng: Rng, factor: float) -> Pixels:
    """Bilinear both ways, which leaves aliasing under half the size."""
    return through(pixels, factor, cv2.INTER_LINEAR, cv2.INTER_LINEAR)


@perturbation(factor=FACTORS)
def shrink_nearest(pixels: Pixels, rng: Rng, factor: float) -> Pixels:
    """Single pixels picked out, Lanczos up: aliased and ringing."""
    return through(pixels, factor, cv2.INTER_NEAREST_EXACT, cv2.INTER_LANCZOS4)


@perturbation(factor=(0.5, 0.35, 0.25, 0.18, 0.12))
def pixelate(pixels: Pixels, rng: Rng, factor: float) -> Pixels:
    """A mosaic of even squares."""
    return through(pixels, factor, cv2.INTER_AREA, cv2.INTER_NEAREST)
