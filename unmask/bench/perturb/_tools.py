"""Small steps that several families share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from unmask.types import Pixels

Floats = npt.NDArray[np.float32]
CHROMA = {
    420: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    422: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    444: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}


def to_pixels(values: npt.NDArray[Any]) -> Pixels:
    """Round and clip numbers on the scale 0..255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def curve(pixels: Pixels, tone: Callable[[Floats], Floats]) -> Pixels:
    """Send every level, 0..1, through a function, for all channels alike."""
    levels = np.linspace(0, 1, 256, dtype=np.float32)
    return np.asarray(cv2.LUT(pixels, to_pixels(tone(levels) * 255)), np.uint8)


def jpeg(pixels: Pixels, quality: float, chroma: int = 420) -> Pixels:
    """Write and read as JPEG of a quality 1..100 and a chroma sampling 420, 422 or 444."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, round(quality)]
    flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, CHROMA[chroma]]
    return coded(pixels, ".jpg", flags)


def coded(pixels: Pixels, suffix: str, flags: list[int]) -> Pixels:
    """Write and read in a format of OpenCV's."""
    data = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), flags)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def sized(pixels: Pixels, height: float, width: float, kernel: int = cv2.INTER_AREA) -> Pixels:
    """Resample to a size, at least one pixel a side."""
    size = (max(1, round(width)), max(1, round(height)))
    return np.asarray(cv2.resize(pixels, size, interpolation=kernel), np.uint8)


def through(pixels: Pixels, factor: float, down: int, up: int) -> Pixels:
    """Shrink both sides by a factor and enlarge again to the same shape."""
    height, width = pixels.shape[:2]
    return sized(sized(pixels, height * factor, width * factor, down), height, width, up)


def grid(pixels: Pixels) -> tuple[Floats, Floats]:
    """Columns and rows of every pixel, each of shape (h, w)."""
    height, width = pixels.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return columns, rows


def tilted(values: npt.NDArray[Any], rng: np.random.Generator, share: float) -> npt.NDArray[Any]:
    """Pull each corner by up to a share of the sides; mirrored beyond the edge."""
    height, width = values.shape[:2]
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    pulled = corners + rng.uniform(-1, 1, (4, 2)).astype(np.float32) * np.float32(share)
    size = np.array([width, height], np.float32)
    matrix = cv2.getPerspectiveTransform(corners * size, pulled * size)
    warped = cv2.warpPerspective(values, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(warped)


def unsharp(pixels: Pixels, sigma: float, amount: float) -> Pixels:
    """Add what a Gaussian of `sigma` pixels would take away, `amount` times."""
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma)
    return np.asarray(cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0), np.uint8)


def mixed(pixels: Pixels, other: npt.NDArray[Any], share: float | Floats) -> Pixels:
    """Lay `other` over a picture with an opacity 0..1, a number or of shape (h, w, 1)."""
    return to_pixels(pixels * (1 - share) + other.astype(np.float32) * share)
