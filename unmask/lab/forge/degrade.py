"""The wear that a picture suffers on its way: resizing, blur, noise, colour and compression.

Both classes pass through the same chain with the same chances, so that none of it carries a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from unmask.types import Pixels

Rng = np.random.Generator
INTERPOLATIONS = (
    cv2.INTER_NEAREST,
    cv2.INTER_LINEAR,
    cv2.INTER_CUBIC,
    cv2.INTER_AREA,
    cv2.INTER_LANCZOS4,
)


@dataclass(frozen=True, slots=True)
class Degrade:
    """A random chain of wear.

    Attributes:
        strength: 0 leaves pictures as they are, 1 is what a picture shared many times looks like.
        resize: Whether the picture may be shrunk and enlarged; off where resampling is the trace.
        soft: Deviation in pixels, beyond 0.3, of the strongest blur at strength 1.

    Example:
        >>> import numpy as np
        >>> grey = np.full((64, 64, 3), 128, np.uint8)
        >>> Degrade(1.0)(grey, np.random.default_rng(0)).shape
        (64, 64, 3)
    """

    strength: float = 1.0
    resize: bool = True
    soft: float = 1.3

    def __call__(self, pixels: Pixels, rng: Rng) -> Pixels:
        """Shape (h, w, 3) to the same shape; equal generators give equal results."""
        chance, force = 0.25 + 0.5 * self.strength, self.strength
        stages = [tone, partial(blur, soft=self.soft), noise]
        if self.resize:
            stages.append(rescale)
        for index in rng.permutation(len(stages)):
            if rng.random() < chance * 0.6 and force > 0:
                pixels = stages[index](pixels, rng, force)
        if force > 0 and rng.random() < chance:
            pixels = compress(pixels, rng, force)
            if rng.random() < 0.25 * force:
                pixels = compress(pixels, rng, force)
        return pixels


def tone(pixels: Pixels, rng: Rng, force: float) -> Pixels:
    """Gamma, contrast and white balance through one look-up table a channel."""
    levels = np.linspace(0.0, 1.0, 256)
    gamma, contrast = 2.0 ** (rng.normal(0, 0.3) * force), 1 + rng.normal(0, 0.12) * force
    tables = []
    for _ in range(3):
        table = (levels**gamma - 0.5) * contrast * (1 + rng.normal(0, 0.04) * force) + 0.5
        table = table + rng.normal(0, 0.03) * force
        tables.append(np.clip(table * 255, 0, 255).astype(np.uint8))
    result = cv2.LUT(pixels, np.stack(tables, -1)[None])
    if rng.random() < 0.08 * force:
        grey = cv2.cvtColor(result, cv2.COLOR_RGB2GRAY)
        result = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    return np.asarray(result, np.uint8)


def blur(pixels: Pixels, rng: Rng, force: float, soft: float = 1.3) -> Pixels:
    """Gaussian, or a short motion in any direction."""
    if rng.random() < 0.75:
        sigma = rng.uniform(0.2, 0.3 + soft * force)
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)
    length = int(rng.integers(2, 3 + round(4 * force)))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1.0 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1.0)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return np.asarray(cv2.filter2D(pixels, -1, kernel / max(kernel.sum(), 1e-6)), np.uint8)


def noise(pixels: Pixels, rng: Rng, force: float) -> Pixels:
    """Sensor-like: grey or coloured, stronger where it is bright or everywhere alike."""
    height, width = pixels.shape[:2]
    channels = 3 if rng.random() < 0.5 else 1
    grain = rng.standard_normal((height, width, channels), dtype=np.float32)
    grain *= np.float32(rng.uniform(0.5, 1.0 + 9.0 * force))
    if rng.random() < 0.5:
        grain *= np.sqrt(np.arange(256, dtype=np.float32) / 128)[pixels[..., 1:2]]
    grain = grain if channels == 3 else cv2.merge([grain] * 3)
    return np.asarray(cv2.add(pixels, grain, dtype=cv2.CV_8U), np.uint8)


def rescale(pixels: Pixels, rng: Rng, force: float) -> Pixels:
    """Shrink and enlarge again, each with a kernel of its own."""
    height, width = pixels.shape[:2]
    factor = rng.uniform(1 - 0.65 * force, 1.0)
    small = (max(16, round(width * factor)), max(16, round(height * factor)))
    down = INTERPOLATIONS[rng.integers(1, len(INTERPOLATIONS))]
    up = INTERPOLATIONS[rng.integers(1, len(INTERPOLATIONS))]
    shrunk = cv2.resize(pixels, small, interpolation=down)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=up), np.uint8)


def compress(pixels: Pixels, rng: Rng, force: float) -> Pixels:
    """JPEG with chroma halved or not, now and then WebP; the quality falls with the force."""
    low = round(92 - 57 * force)
    quality = int(rng.integers(low, 98))
    pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
    if rng.random() < 0.1:
        data = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    else:
        sampling = (
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
            if rng.random() < 0.7
            else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        )
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        data = cv2.imencode(".jpg", pixels, flags)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
