"""Lossy file formats for pictures: JPEG once and twice, WebP, JPEG 2000, a small palette.

ForgeryNet (He et al., CVPR 2021, arXiv:2103.05630) counts random compression among its 36
perturbations; its strengths are not printed there, the steps below are ours.
"""

from __future__ import annotations

import io
from math import log2

import cv2
import numpy as np
from PIL import Image, features

from unmask.bench.perturb import _tools as tools
from unmask.bench.perturb._registry import Rng, perturbation
from unmask.types import Pixels


@perturbation(quality=(90, 70, 50, 30, 15))
def jpeg(pixels: Pixels, rng: Rng, quality: float) -> Pixels:
    """JPEG with halved chroma."""
    return tools.jpeg(pixels, quality)


@perturbation(quality=(85, 68, 50, 33, 18))
def jpeg_twice(pixels: Pixels, rng: Rng, quality: float) -> Pixels:
    """JPEG, then again on a block grid that lies 1 to 7 pixels off, as after a crop."""
    top, left = rng.integers(1, 8, size=2)
    height, width = pixels.shape[:2]
    first = tools.jpeg(pixels, quality)
    moved = cv2.copyMakeBorder(first, top, 0, left, 0, cv2.BORDER_REPLICATE)
    again = tools.jpeg(np.asarray(moved, np.uint8), quality)
    return again[top : top + height, left : left + width]


@perturbation(quality=(85, 60, 40, 20, 5))
def webp(pixels: Pixels, rng: Rng, quality: float) -> Pixels:
    """Lossy WebP."""
    return tools.coded(pixels, ".webp", [cv2.IMWRITE_WEBP_QUALITY, round(quality)])


@perturbation(rate=(8, 16, 32, 64, 120), ready=lambda: bool(features.check("jpg_2000")))
def jpeg2000(pixels: Pixels, rng: Rng, rate: float) -> Pixels:
    """JPEG 2000 at a compression rate; wavelets instead of blocks."""
    levels = min(6, 1 + int(log2(min(pixels.shape[:2]))))
    stream = io.BytesIO()
    Image.fromarray(pixels).save(
        stream,
        "JPEG2000",
        quality_mode="rates",
        quality_layers=[rate],
        irreversible=True,
        num_resolutions=levels,
    )
    return np.asarray(Image.open(stream).convert("RGB"))


@perturbation(colours=(128, 48, 24, 12, 6))
def palette(pixels: Pixels, rng: Rng, colours: float) -> Pixels:
    """A palette of few colours with error diffusion, as in a GIF."""
    image = Image.fromarray(pixels)
    few = image.quantize(round(colours), Image.Quantize.MEDIANCUT)
    return np.asarray(
        image.quantize(palette=few, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")
    )
