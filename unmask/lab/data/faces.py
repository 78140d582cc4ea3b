"""Faces cut once from a data set and kept on disk, so that training reads without decoding.

A record keeps the native pixels around a face (shrunk only when they are larger than any detector
needs), the face in those pixels' coordinates and its sample. Detectors cut their crops from it with
the same code as the runtime.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from unmask.errors import LabError
from unmask.faces.find import Finder
from unmask.faces.landmarks import Landmarker
from unmask.judge.bundle import resolve
from unmask.lab.data.dev import Sample
from unmask.types import Face, Pixels, Points

REACH = 2.0
"""Side of the kept region in face sides: room for every margin, shift and turn in training."""
LARGEST = 448
"""Pixels of the kept region's longer side."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One cached face.

    Attributes:
        pixels: Shape (h, w, 3), RGB, read-only.
        face: Box, points and 68 landmarks in those pixels.
        sample: Where it comes from.
    """

    pixels: Pixels
    face: Face
    sample: Sample


class FaceCache:
    """The largest face of every photo among the samples; photos without one are counted."""

    def __init__(
        self,
        samples: Sequence[Sample],
        folder: Path,
    ) -> None:
        """Open the cache for exactly these samples; when missing, the runtime's finder fills it."""
        key = hashlib.sha256(json.dumps([str(s.path) for s in samples]).encode()).hexdigest()[:16]
        self.folder = folder / f"faces-{key}"
        if not (self.folder / "index.json").exists():
            _fill(self.folder, samples)
        index = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
        self.rows, self.missed = index["rows"], index["missed"]
        self.samples = samples
        self.blob = np.fromfile(self.folder / "pixels.bin", np.uint8)
        self.geometry = np.load(self.folder / "geometry.npy")

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int) -> Sample:
        """Where record `index` comes from, without touching its pixels."""
        number: int = self.rows[index][0]
        return self.samples[number]

    def __getitem__(self, index: int) -> Record:
        number, offset, height, width = self.rows[index]
        pixels = self.blob[offset : offset + height * width * 3].reshape(height, width, 3)
        values = self.geometry[index]
        box = (float(values[0]), float(values[1]), float(values[2]), float(values[3]))
        face = Face(box, 1.0, values[4:14].reshape(5, 2), values[14:].reshape(68, 2))
        return Record(np.asarray(pixels), face, self.samples[number])


def _fill(folder: Path, samples: Iterable[Sample]) -> None:
    finder, landmarker = Finder(resolve("face-finder")), Landmarker(resolve("face-landmarks"))
    folder.mkdir(parents=True, exist_ok=True)
    rows, geometry, missed, offset = [], [], [], 0
    with (folder / "pixels.bin").open("wb") as stream:
        for number, sample in enumerate(samples):
            pixels = cv2.imread(str(sample.path), cv2.IMREAD_COLOR_RGB)
            if pixels is None:
                raise LabError("data_missing", f"{sample.path} cannot be read")
            faces = finder.find(pixels)
            landmarks = landmarker.locate(pixels, faces[:1])[0] if faces else None
            if landmarks is None:
                missed.append(number)
                continue
            kept, face = cut_region(pixels, dataclasses.replace(faces[0], landmarks=landmarks))
            stream.write(kept.tobytes())
            rows.append([number, offset, *kept.shape[:2]])
            geometry.append(
                np.concatenate([face.box, face.points.ravel(), landmarks_of(face).ravel()])
            )
            offset += kept.size
    np.save(folder / "geometry.npy", np.asarray(geometry, np.float32))
    (folder / "index.json").write_text(json.dumps({"rows": rows, "missed": missed}))


def landmarks_of(face: Face) -> Points:
    """The face's 68 landmarks; a face without them is a caller's mistake."""
    assert face.landmarks is not None
    return face.landmarks


def cut_region(pixels: Pixels, face: Face) -> tuple[Pixels, Face]:
    """The region around a face at native scale, or shrunk to `LARGEST`, and the face within it."""
    x0, y0, x1, y1 = face.box
    half = REACH * max(x1 - x0, y1 - y0) / 2
    centre = (x0 + x1) / 2, (y0 + y1) / 2
    left, top = (max(0, round(c - half)) for c in centre)
    right = min(pixels.shape[1], round(centre[0] + half))
    bottom = min(pixels.shape[0], round(centre[1] + half))
    kept = pixels[top:bottom, left:right]
    scale = min(1.0, LARGEST / max(kept.shape[:2]))
    if scale < 1:
        size = (round(kept.shape[1] * scale), round(kept.shape[0] * scale))
        kept = cv2.resize(kept, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(kept), moved(face, scale, -left * scale, -top * scale)


def moved(face: Face, scale: float, right: float, down: float) -> Face:
    """The face after its picture was scaled and then shifted."""
    shift = np.array([right, down], np.float32)
    x0, y0, x1, y1 = (
        value * scale + offset for value, offset in zip(face.box, (right, down) * 2, strict=True)
    )
    landmarks = None if face.landmarks is None else face.landmarks * np.float32(scale) + shift
    points = face.points * np.float32(scale) + shift
    return dataclasses.replace(face, box=(x0, y0, x1, y1), points=points, landmarks=landmarks)
