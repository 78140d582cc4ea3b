"""Faces with their surroundings at native resolution, decoded once and kept on disk.

Resampling destroys what this cache is made for, so nothing in it was ever resized: a region is the
square around a face, cut at whole pixels, and of very large faces only its middle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unmask.lab.data.dev import Sample
from unmask.lab.data.faces import FindsFaces
from unmask.types import Pixels

REACH = 1.5
"""Side of a region in face sides."""
LEAST, MOST = 176, 512
"""Pixels: a region's side is kept between these, as far as the photo reaches."""


@dataclass(frozen=True, slots=True)
class Region:
    """A face and what surrounds it.

    Attributes:
        pixels: Shape (h, w, 3), RGB, read-only, never resampled.
        sample: Where it comes from.
    """

    pixels: Pixels
    sample: Sample


class Regions(Sequence[Region]):
    """The region of the largest face of every photo; the middle of photos without a face."""

    def __init__(self, samples: Sequence[Sample], folder: Path, finder: FindsFaces) -> None:
        """Open the cache for exactly these samples, filling it first when it is not there."""
        key = hashlib.sha256(json.dumps([str(s.path) for s in samples]).encode()).hexdigest()[:16]
        self.folder = folder / f"native-{key}"
        if not (self.folder / "index.json").exists():
            _fill(self.folder, samples, finder)
        self.rows = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
        self.samples = samples
        self.blob = np.memmap(self.folder / "pixels.bin", np.uint8, "r")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Region:  # type: ignore[override]
        number, offset, height, width = self.rows[index]
        pixels = self.blob[offset : offset + height * width * 3].reshape(height, width, 3)
        return Region(np.asarray(pixels), self.samples[number])


def _fill(folder: Path, samples: Sequence[Sample], finder: FindsFaces) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows, offset = [], 0
    with (folder / "pixels.bin").open("wb") as stream:
        for number, sample in enumerate(samples):
            pixels = cv2.imread(str(sample.path), cv2.IMREAD_COLOR_RGB)
            if pixels is None:
                continue
            region = _around_face(np.asarray(pixels, np.uint8), finder)
            stream.write(region.tobytes())
            rows.append([number, offset, *region.shape[:2]])
            offset += region.size
    (folder / "index.json").write_text(json.dumps(rows), encoding="utf-8")


def _around_face(pixels: Pixels, finder: FindsFaces) -> Pixels:
    height, width = pixels.shape[:2]
    faces = finder.find(pixels)
    x0, y0, x1, y1 = faces[0].box if faces else (0.0, 0.0, float(width), float(height))
    half = int(np.clip(REACH * max(x1 - x0, y1 - y0), LEAST, MOST)) // 2
    column, row = round((x0 + x1) / 2), round((y0 + y1) / 2)
    top, left = max(0, row - half), max(0, column - half)
    return np.ascontiguousarray(pixels[top : row + half, left : column + half])
