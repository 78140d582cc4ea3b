"""Faces with their surroundings at native resolution, decoded once and kept on disk.

Resampling destroys what this cache is made for, so nothing in it was ever resized: a region is the
square around a face, cut at whole pixels, and of very large faces only its middle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from unmask.errors import LabError
from unmask.faces.find import Finder
from unmask.judge.bundle import resolve
from unmask.lab.data.dev import Sample
from unmask.types import Box, Face, Pixels

REACH = 1.5
"""Side of a region in face sides."""
LEAST, MOST = 176, 512
"""Pixels: a region's side is kept between these, as far as the photo reaches."""


@dataclass(frozen=True, slots=True)
class Region:
    """A face and what surrounds it.

    Attributes:
        pixels: Shape (h, w, 3), RGB, read-only, never resampled.
        face: The face in those pixels; the whole region where none was found.
        sample: Where it comes from.
    """

    pixels: Pixels
    face: Face
    sample: Sample

    def face_at(self, scale: float) -> Face:
        """The face after the region was resized.

        Example:
            >>> face = Face((1.0, 2.0, 3.0, 4.0), 1.0, np.zeros((5, 2), np.float32))
            >>> Region(np.zeros((8, 8, 3), np.uint8), face, None).face_at(2.0).box
            (2.0, 4.0, 6.0, 8.0)
        """
        x0, y0, x1, y1 = (value * scale for value in self.face.box)
        points = np.asarray(self.face.points * scale, np.float32)
        return replace(self.face, box=(x0, y0, x1, y1), points=points)


class Regions(Sequence[Region]):
    """The region of the largest face of every photo; the middle of photos without a face."""

    def __init__(
        self, samples: Sequence[Sample], folder: Path, finder: Finder | None = None
    ) -> None:
        """Open the cache for exactly these samples, filling it first when it is not there.

        Args:
            samples: Photos.
            folder: Holds one folder a cache.
            finder: The embedded one by default.

        Raises:
            LabError: `data_missing` when a photo cannot be read.
        """
        key = hashlib.sha256(json.dumps([str(s.path) for s in samples]).encode()).hexdigest()[:16]
        self.folder = folder / f"native-{key}"
        if not (self.folder / "index.json").exists():
            _fill(self.folder, samples, finder or Finder(resolve("face-finder")))
        self.rows = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
        self.samples = samples
        self.blob = np.fromfile(self.folder / "pixels.bin", np.uint8)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Region:  # type: ignore[override]
        offset, height, width, *box = self.rows[index]
        pixels = self.blob[offset : offset + height * width * 3].reshape(height, width, 3)
        x0, y0, x1, y1 = box
        face = Face((x0, y0, x1, y1), 1.0, np.zeros((5, 2), np.float32))
        return Region(np.asarray(pixels), face, self.samples[index])


def _fill(folder: Path, samples: Sequence[Sample], finder: Finder) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows, offset = [], 0
    with (folder / "pixels.bin").open("wb") as stream:
        for sample in samples:
            pixels = cv2.imread(str(sample.path), cv2.IMREAD_COLOR_RGB)
            if pixels is None:
                raise LabError("data_missing", f"{sample.path} cannot be read")
            region, box = around_face(np.asarray(pixels, np.uint8), finder.find(pixels))
            stream.write(region.tobytes())
            rows.append([offset, *region.shape[:2], *box])
            offset += region.size
    (folder / "index.json").write_text(json.dumps(rows), encoding="utf-8")


def around_face(pixels: Pixels, faces: Sequence[Face]) -> tuple[Pixels, Box]:
    """The region around the first face and that face's box in it.

    Args:
        pixels: Shape (h, w, 3).
        faces: Largest first; when empty, the whole photo counts as one.
    """
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = faces[0].box if faces else (0.0, 0.0, float(width), float(height))
    half = int(np.clip(REACH * max(x1 - x0, y1 - y0), LEAST, MOST)) // 2
    column, row = round((x0 + x1) / 2), round((y0 + y1) / 2)
    top, left = max(0, row - half), max(0, column - half)
    region = np.ascontiguousarray(pixels[top : row + half, left : column + half])
    return region, (x0 - left, y0 - top, x1 - left, y1 - top)
