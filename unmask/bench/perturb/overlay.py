"""Things laid over a picture: captions, watermarks, stickers, blanked blocks.

All positions are drawn first and a milder severity uses the first few of them, so that a heavier
one adds to what a milder one hid.
"""

from __future__ import annotations

from string import ascii_uppercase

import cv2
import numpy as np

from unmask.bench.perturb._registry import Rng, perturbation
from unmask.bench.perturb._tools import mixed
from unmask.types import Pixels

MOST = 12
"""Stickers or blocks of the heaviest severity."""


@perturbation(share=(0.06, 0.1, 0.14, 0.19, 0.25))
def caption(pixels: Pixels, rng: Rng, share: float) -> Pixels:
    """A line of white letters on a black bar at the top or bottom, a share of the height."""
    height, width = pixels.shape[:2]
    tall = max(1, round(height * share))
    bar = np.zeros((tall, width, 3), np.uint8)
    base = tall * 3 // 4
    _write(bar, _words(rng, 40), (tall // 4, base), tall * 0.55)
    rows = slice(0, tall) if rng.random() < 0.5 else slice(height - tall, height)
    result = pixels.copy()
    result[rows] = bar
    return result


@perturbation(opacity=(0.1, 0.2, 0.32, 0.46, 0.62))
def watermark(pixels: Pixels, rng: Rng, opacity: float) -> Pixels:
    """One word repeated in slanted translucent rows over the whole frame."""
    height, width = pixels.shape[:2]
    side = int(np.hypot(height, width)) + 1
    tile = np.zeros((side, side, 3), np.uint8)
    line, size = (_words(rng, 7).strip() + "   ") * 12, max(6.0, min(height, width) * 0.06)
    for row in range(round(size), side, round(size * 3)):
        _write(tile, line, (-(row % 97), row), size)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), 30, 1)
    turn[:, 2] += (width - side) / 2, (height - side) / 2
    mask = cv2.warpAffine(tile, turn, (width, height))[..., :1]
    return mixed(pixels, np.full_like(pixels, 255), mask * np.float32(opacity / 255))


@perturbation(number=(1, 2, 4, 7, MOST))
def stickers(pixels: Pixels, rng: Rng, number: float) -> Pixels:
    """Round coloured stickers with two dots for eyes, each an eighth of the short side wide."""
    height, width = pixels.shape[:2]
    places, colours = rng.random((MOST, 2)), rng.integers(60, 256, (MOST, 3))
    radius = max(1, round(min(height, width) / 16))
    result = pixels.copy()
    for place, colour in zip(places[: round(number)], colours, strict=False):
        x, y = int(place[0] * width), int(place[1] * height)
        cv2.circle(result, (x, y), radius, colour.tolist(), -1, cv2.LINE_AA)
        for eye in (-1, 1):
            dot = (x + eye * radius // 3, y - radius // 4)
            cv2.circle(result, dot, radius // 6, (0, 0, 0), -1, cv2.LINE_AA)
    return result


@perturbation(number=(1, 2, 4, 7, MOST))
def blocks(pixels: Pixels, rng: Rng, number: float) -> Pixels:
    """Black rectangles, each 4 to 14 per cent of the sides."""
    height, width = pixels.shape[:2]
    places, sizes = rng.random((MOST, 2)), rng.uniform(0.04, 0.14, (MOST, 2))
    result = pixels.copy()
    for place, size in zip(places[: round(number)], sizes, strict=False):
        top, left = (place * (height, width)).astype(int)
        tall, wide = np.ceil(size * (height, width)).astype(int)
        result[top : top + tall, left : left + wide] = 0
    return result


def _words(rng: Rng, length: int) -> str:
    letters = rng.choice(list(ascii_uppercase), length)
    letters[rng.random(length) < 0.15] = " "
    return "".join(letters)


def _write(canvas: Pixels, text: str, place: tuple[int, int], size: float) -> None:
    """White letters of about `size` pixels, from the left end of their base line."""
    thick = max(1, round(size / 14))
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(canvas, text, place, font, size / 22, (255, 255, 255), thick, cv2.LINE_AA)
