"""Pictures of pictures: a screenshot, a photographed screen, a print that was scanned.

What a second camera adds is known from the recapture literature: the display's pixel grid, moire
between that grid and the sensor's, a tilt, glare and renewed noise. The strengths are ours.
"""

from __future__ import annotations

import cv2
import numpy as np

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import Floats, grid, jpeg, sized, tilted, to_pixels, unsharp
from unmask.types import Pixels

CELL = 4.0
"""Pixels between the dots of a print."""


@perturbation(scale=(0.93, 0.81, 0.67, 0.53, 0.41), quality=(92, 85, 76, 64, 50))
def screenshot(pixels: Pixels, rng: Rng, scale: float, quality: float) -> Pixels:
    """Shown at a scale that is no whole number, sharpened by the viewer, saved as JPEG."""
    height, width = pixels.shape[:2]
    shown = sized(pixels, height * scale, width * scale, cv2.INTER_LINEAR)
    saved = jpeg(unsharp(shown, 0.8, 0.3), quality, chroma=444)
    return sized(saved, height, width, cv2.INTER_CUBIC)


@perturbation(depth=(0.03, 0.06, 0.1, 0.16, 0.24))
def moire(pixels: Pixels, rng: Rng, depth: float) -> Pixels:
    """Slow coloured bands, as where two grids of nearly one pitch beat."""
    return to_pixels(pixels * (1 + np.float32(depth) * _beats(pixels, rng)))


@perturbation(depth=(0.1, 0.2, 0.32, 0.48, 0.66))
def subpixels(pixels: Pixels, rng: Rng, depth: float) -> Pixels:
    """A display's red, green and blue stripes three pixels apart, dark rows between them."""
    return to_pixels(pixels * _stripes(pixels, depth))


@perturbation(force=(0.15, 0.3, 0.5, 0.75, 1.0))
def recapture(pixels: Pixels, rng: Rng, force: float) -> Pixels:
    """A photographed screen: stripes, moire, a tilt, glare, blur and noise together."""
    lit = pixels * _stripes(pixels, 0.3 * force) * (1 + 0.1 * force * _beats(pixels, rng))
    lit = tilted(lit.astype(np.float32), rng, 0.03 * force)
    lit = lit + 60 * force * _glare(pixels, rng)
    lit = cv2.GaussianBlur(lit, (0, 0), 0.5 + 0.8 * force)
    return to_pixels(lit + rng.standard_normal(pixels.shape, np.float32) * np.float32(6 * force))


@perturbation(share=(0.12, 0.25, 0.42, 0.65, 0.95))
def halftone(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """A print of turned dots in each colour, scanned back and mixed in by a share."""
    columns, rows = grid(pixels)
    screens = []
    for degrees in (15, 75, 0):
        turn = np.deg2rad(degrees)
        along = columns * np.cos(turn) + rows * np.sin(turn)
        across = rows * np.cos(turn) - columns * np.sin(turn)
        waves = np.cos(along * (2 * np.pi / CELL)) + np.cos(across * (2 * np.pi / CELL))
        screens.append((waves + 2) / 4)
    # A soft threshold: ink spreads in paper and the scanner averages over its aperture.
    dots = np.clip((pixels / 255 - np.stack(screens, -1)) * 4 + 0.5, 0, 1) * 255
    return to_pixels(pixels * (1 - share) + dots * share)


def _beats(pixels: Pixels, rng: Rng) -> Floats:
    """Sums of two gratings of slightly unlike period in each channel, -1..1."""
    columns, rows = grid(pixels)
    turns, phases = rng.uniform(0, np.pi, 2), rng.uniform(0, 2 * np.pi, (2, 3))
    periods = rng.uniform(7, 22, 2)[:, None] * (1.0, 1.04, 1.09)
    waves = [
        np.sin((columns * np.cos(turn) + rows * np.sin(turn))[..., None] * (2 * np.pi / p) + phase)
        for turn, p, phase in zip(turns, periods, phases, strict=True)
    ]
    return np.asarray(np.mean(waves, axis=0), np.float32)


def _stripes(pixels: Pixels, depth: float) -> Floats:
    """Brightness factors of mean one: columns lit by colour, every third row darker."""
    rows, columns, channels = np.indices(pixels.shape, np.float32)
    lit = np.where(columns % 3 == channels, 1.0, 1 - depth)
    lit = lit * np.where(rows % 3 == 2, 1 - depth / 2, 1.0)
    return np.asarray(lit / lit.mean(), np.float32)


def _glare(pixels: Pixels, rng: Rng) -> Floats:
    """A soft spot of light, 0..1, of shape (h, w, 1)."""
    columns, rows = grid(pixels)
    height, width = rows.shape
    x, y = rng.random(2) * (width, height)
    distance = ((columns - x) ** 2 + (rows - y) ** 2) / (0.3 * max(height, width)) ** 2
    return np.asarray(np.exp(-distance)[..., None], np.float32)
