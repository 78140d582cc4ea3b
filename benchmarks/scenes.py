"""Pictures and videos for the measurements, made here from the shipped portrait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

import unmask

Pixels = npt.NDArray[np.uint8]
PORTRAIT = Path(unmask.__file__).parent / "samples" / "portrait.jpg"
HEAD = (100, 0, 352, 230)
"""x0, y0, x1, y1 of head and collar in the portrait."""


def photos(
    folder: Path, count: int, seed: int = 7, width: int = 1920, height: int = 1080
) -> list[Path]:
    """JPEGs with one face each, at varied places and sizes."""
    rng = np.random.default_rng(seed)
    paths = []
    for index in range(count):
        path = folder / f"{index:04d}.jpg"
        cv2.imwrite(str(path), photo(rng, width, height), [cv2.IMWRITE_JPEG_QUALITY, 88])
        paths.append(path)
    return paths


def photo(rng: np.random.Generator, width: int = 1920, height: int = 1080) -> Pixels:
    """One BGR picture: the head, softly set into a scene of random texture."""
    scene = texture(rng, width, height)
    x0, y0, x1, y1 = HEAD
    head = cv2.imread(str(PORTRAIT))[y0:y1, x0:x1]
    scale = rng.uniform(0.8, 2.5)
    head = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    tall, wide = head.shape[:2]
    x, y = int(rng.integers(0, width - wide)), int(rng.integers(0, height - tall))
    mask = np.zeros((tall, wide), np.float32)
    cv2.ellipse(
        mask, (wide // 2, tall // 2), (int(wide * 0.42), int(tall * 0.45)), 0, 0, 360, 1, -1
    )
    mask = cv2.GaussianBlur(mask, (0, 0), wide * 0.03)[..., None]
    place = scene[y : y + tall, x : x + wide]
    place[:] = np.rint(head * mask + place * (1 - mask))
    return scene


def texture(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Coloured noise whose power falls with frequency, as in photographs.

    The two finest octaves make a JPEG of this size weigh what a camera's does.
    """
    total = np.full((height, width, 3), 118, np.float32)
    for octave in range(10):
        cells, power = 2 << octave, 55 / (octave + 1) ** 1.3 if octave < 8 else 5.0
        grid = rng.normal(0, power, (cells * 9 // 16 + 1, cells, 3)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0, 255).astype(np.uint8)


def video(path: Path, seconds: int, width: int, height: int, fps: int = 25) -> Path:
    """A video of one slowly moving face; longer ones repeat the same ten seconds."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    loop = list(_loop(width, height, fps * min(seconds, 10)))
    for index in range(seconds * fps):
        writer.write(loop[index % len(loop)])
    writer.release()
    return path


def _loop(width: int, height: int, count: int) -> Iterator[Pixels]:
    still = photo(np.random.default_rng(3), width * 5 // 4, height * 5 // 4)
    for index in range(count):
        turn = 2 * np.pi * index / count
        x = width / 8 * (1 + 0.8 * np.sin(turn))
        y = height / 8 * (1 + 0.8 * np.cos(turn))
        centre = (x + width / 2, y + height / 2)
        yield cv2.getRectSubPix(still, (width, height), centre)
