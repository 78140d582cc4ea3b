"""Warped frames: turned, sheared, tilted, seen through a lens, bent.

Optical distortion stands among ForgeryNet's perturbations (arXiv:2103.05630). All of them keep the
shape and move the middle of the frame little, so that a face stays inside; what enters from beyond
the edge is mirrored. Points move with the pixels and are to be found anew.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import Floats, grid, tilted
from unmask.types import Pixels

CONTROLS = 5
"""Points a side from which a bent frame hangs."""


@perturbation(degrees=(2, 5, 9, 15, 25))
def rotate(pixels: Pixels, rng: Rng, degrees: float) -> Pixels:
    """Turned about the centre, either way."""
    turn = np.deg2rad(degrees) * rng.choice((-1, 1))
    cosine, sine = np.cos(turn), np.sin(turn)
    return _linear(pixels, ((cosine, sine), (-sine, cosine)))


@perturbation(slope=(0.03, 0.07, 0.12, 0.18, 0.26))
def shear(pixels: Pixels, rng: Rng, slope: float) -> Pixels:
    """Slanted about the centre, sideways or upwards."""
    slant = slope * rng.choice((-1, 1))
    slants = ((1, slant), (0, 1)) if rng.random() < 0.5 else ((1, 0), (slant, 1))
    return _linear(pixels, slants)


@perturbation(share=(0.015, 0.03, 0.05, 0.08, 0.12))
def perspective(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """Each corner pulled by up to a share of the sides."""
    return tilted(pixels, rng, share)


@perturbation(strength=(0.04, 0.08, 0.14, 0.22, 0.32))
def optical(pixels: Pixels, rng: Rng, strength: float) -> Pixels:
    """Barrel or pincushion distortion: radii change by up to `strength` at the corners."""
    columns, rows = grid(pixels)
    middle = (np.array(pixels.shape[1::-1], np.float32) - 1) / 2
    x, y = columns - middle[0], rows - middle[1]
    radius = (x**2 + y**2) / max(float(middle @ middle), 1.0)
    # Normalised to the mean, so that neither kind zooms the whole frame.
    scale = 1 + np.float32(strength * rng.choice((-1, 1))) * (radius - radius.mean())
    return _mapped(pixels, x * scale + middle[0], y * scale + middle[1])


@perturbation(share=(0.004, 0.008, 0.013, 0.019, 0.026))
def bend(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """A coarse grid of points moved at random, by a share of the short side."""
    height, width = pixels.shape[:2]
    field = rng.standard_normal((CONTROLS, CONTROLS, 2), dtype=np.float32)
    field = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    field = field * np.float32(share * min(height, width))
    columns, rows = grid(pixels)
    return _mapped(pixels, columns + field[..., 0], rows + field[..., 1])


def _linear(pixels: Pixels, rows: npt.ArrayLike) -> Pixels:
    """Apply a 2x2 matrix about the centre."""
    height, width = pixels.shape[:2]
    linear = np.asarray(rows, np.float64)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.column_stack([linear, middle - linear @ middle])
    warped = cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(warped, np.uint8)


def _mapped(pixels: Pixels, columns: Floats, rows: Floats) -> Pixels:
    seen = cv2.remap(pixels, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(seen, np.uint8)
