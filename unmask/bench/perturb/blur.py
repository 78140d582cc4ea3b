"""Unsharpness of optics, motion, filters and glass.

Blur stands among ForgeryNet's perturbations (arXiv:2103.05630); defocus, motion, zoom and glass
blur are kinds of the common-corruption benchmark (Hendrycks and Dietterich, ICLR 2019,
arXiv:1903.12261), made anew here. Sizes are pixels, tuned for faces of about 100 to 300.
"""

from __future__ import annotations

import cv2
import numpy as np

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import Floats, grid, to_pixels
from unmask.types import Pixels

ZOOMS = 8
"""Copies of which a zoom during the exposure is made."""


@perturbation(sigma=(0.6, 1.0, 1.6, 2.4, 3.6))
def gaussian_blur(pixels: Pixels, rng: Rng, sigma: float) -> Pixels:
    """A Gaussian of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


@perturbation(size=(3, 5, 7, 9, 13))
def median_blur(pixels: Pixels, rng: Rng, size: float) -> Pixels:
    """The median of a square window: smooth areas, kept edges."""
    return np.asarray(cv2.medianBlur(pixels, round(size)), np.uint8)


@perturbation(length=(3, 6, 10, 15, 22))
def motion_blur(pixels: Pixels, rng: Rng, length: float) -> Pixels:
    """A straight movement of `length` pixels in any direction."""
    turn = rng.uniform(0, np.pi)
    shift = np.stack([np.cos(turn), np.sin(turn)]) * length / 2
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    # Sixteen sub-pixel bits draw the line at its true length and angle.
    ends = np.rint((reach + np.stack([-shift, shift])) * 16).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_8, 4)
    return _filtered(pixels, kernel)


@perturbation(radius=(1, 2, 3, 4.5, 6.5))
def defocus_blur(pixels: Pixels, rng: Rng, radius: float) -> Pixels:
    """The disc of an open lens, `radius` pixels wide."""
    reach = int(np.ceil(radius)) + 1
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _filtered(pixels, np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1))


@perturbation(zoom=(0.03, 0.06, 0.1, 0.15, 0.22))
def zoom_blur(pixels: Pixels, rng: Rng, zoom: float) -> Pixels:
    """The mean of copies that grow about the centre up to `1 + zoom`."""
    height, width = pixels.shape[:2]
    total = np.zeros(pixels.shape, np.float32)
    for scale in np.linspace(1, 1 + zoom, ZOOMS):
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, scale)
        total += cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return to_pixels(total / ZOOMS)


@perturbation(reach=(0.7, 1.2, 2.0, 3.0, 4.2))
def glass_blur(pixels: Pixels, rng: Rng, reach: float) -> Pixels:
    """Every pixel is taken from up to `reach` pixels away, as through frosted glass."""
    columns, rows = grid(pixels)
    moved = rng.uniform(-reach, reach, (2, *rows.shape)).astype(np.float32)
    maps = columns + moved[0], rows + moved[1]
    seen = cv2.remap(pixels, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.6), np.uint8)


def _filtered(pixels: Pixels, kernel: Floats) -> Pixels:
    weights = (kernel / kernel.sum()).astype(np.float32)
    return np.asarray(cv2.filter2D(pixels, -1, weights, borderType=cv2.BORDER_REFLECT), np.uint8)
