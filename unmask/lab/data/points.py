"""Crops of the development faces with 68 points each, worn and moved for training.

The points are a teacher's, averaged over four views of the untouched photo; faces on which the
views disagree are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unmask.faces import align
from unmask.judge.card import CropRecipe
from unmask.lab.data.library import Photo, library
from unmask.lab.forge.degrade import Degrade
from unmask.lab.matching import FACE
from unmask.lab.teachers.facemesh import SIDE
from unmask.lab.teachers.pfld_ghost import PfldGhost
from unmask.types import Face, Pixels

Array = npt.NDArray[Any]
ROOMY, STOCK_SIDE = 2.0, 224
SMALLEST = 56.0
DOUBT = 0.05
MIRRORED = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1)),
    ]
)
"""Which point each of the 68 becomes in a mirror."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Labelled crops of margin `ROOMY`.

    Attributes:
        pixels: Shape (n, STOCK_SIDE, STOCK_SIDE, 3), mapped from the cache.
        points: Shape (n, 68, 2), pixels of the crop.
        split: Shape (n,), "train" or "val".
    """

    pixels: Array
    points: Array
    split: Array


def shelf(root: Path, cache: Path) -> Stock:
    """Cut and label the faces of the development photos, once; later calls read the cache.

    Raises:
        LabError: `data_missing` or `weights_missing`.
    """
    folder = cache / "points"
    notes = folder / "labels.json"
    if not notes.exists():
        _fill(root, cache, folder)
    label = json.loads(notes.read_text())
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    return Stock(pixels, np.load(folder / "points.npy"), np.array(label["split"]))


def _fill(root: Path, cache: Path, folder: Path) -> None:
    photos = library(root, cache).photos
    teacher = PfldGhost()
    crops, points, split = [], [], []
    for part in ("train", "val"):
        for photo in photos[part]:
            for crop, spots in _labelled(photo, teacher):
                crops.append(crop)
                points.append(spots)
                split.append(part)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pixels.npy", np.stack(crops))
    np.save(folder / "points.npy", np.stack(points))
    (folder / "labels.json").write_text(json.dumps({"split": split}))


def _labelled(photo: Photo, teacher: PfldGhost) -> Iterator[tuple[Pixels, Array]]:
    pixels = photo.pixels()
    recipe = CropRecipe("eyes", (STOCK_SIDE, STOCK_SIDE), ROOMY, (0, 0, 0), (1, 1, 1))
    for box, points, kind in zip(photo.boxes, photo.points, photo.kind, strict=True):
        face = Face((box[0], box[1], box[2], box[3]), 1.0, points)
        if kind != FACE or align.side(face.box) < SMALLEST:
            continue
        for crop in align.cut(pixels, face, recipe):
            spots = consensus(pixels, face, teacher)
            if spots is not None:
                yield crop.pixels, align.move(spots, crop.matrix)


def consensus(pixels: Pixels, face: Face, teacher: PfldGhost) -> Array | None:
    """68 points of a face in the frame, (68, 2); `None` when the teacher's views disagree."""
    views = []
    for margin in (1.15, 1.3):
        recipe = CropRecipe("eyes", (SIDE, SIDE), margin, (0, 0, 0), (1, 1, 1))
        for crop in align.cut(pixels, face, recipe):
            both = np.stack([crop.pixels, crop.pixels[:, ::-1]])
            plain, mirrored = teacher.locate(torch.from_numpy(both).permute(0, 3, 1, 2)).numpy()
            mirrored = mirrored[MIRRORED]
            mirrored[:, 0] = SIDE - mirrored[:, 0]
            views += [align.move(v, align.inverse(crop.matrix)) for v in (plain, mirrored)]
    if not views:
        return None
    middle = np.mean(views, axis=0)
    apart = np.linalg.norm(np.stack(views) - middle, axis=2).mean()
    return middle if apart < DOUBT * np.linalg.norm(middle[36] - middle[45]) else None


class Faces(Dataset[dict[str, Tensor]]):
    """Crops of shape (3, SIDE, SIDE), uint8, as `image`, and `points` (68, 2), 0..1 within them."""

    def __init__(self, stock: Stock, split: str, margin: float, length: int, seed: int) -> None:
        self.stock, self.margin, self.length, self.seed = stock, margin, length, seed
        self.rows = np.flatnonzero(stock.split == split)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose how the faces are worn and moved."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        row = self.rows[rng.integers(len(self.rows))]
        pixels, points = np.array(self.stock.pixels[row]), self.stock.points[row]
        if rng.random() < 0.5:
            pixels, points = mirrored(pixels, points)
        matrix = nudge(self.margin, rng)
        pixels, points = align.warp(pixels, matrix, (SIDE, SIDE)).pixels, align.move(points, matrix)
        if rng.random() < 0.3:
            pixels = covered(pixels, rng)
        pixels = worn(pixels, rng)
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return {"image": image, "points": torch.from_numpy(points / np.float32(SIDE))}


def mirrored(pixels: Pixels, points: Array) -> tuple[Pixels, Array]:
    """A crop and its points in a mirror.

    Example:
        >>> import numpy as np
        >>> crop, points = np.zeros((8, 8, 3), np.uint8), np.zeros((68, 2), np.float32)
        >>> mirrored(crop, points)[1][0].tolist()
        [8.0, 0.0]
    """
    points = points[MIRRORED]
    points[:, 0] = pixels.shape[1] - points[:, 0]
    return np.ascontiguousarray(pixels[:, ::-1]), points


def nudge(margin: float, rng: np.random.Generator) -> Array:
    """Stock crop to training crop: as the finder's box and eyes may scatter, shape (2, 3)."""
    scale = SIDE / STOCK_SIDE * ROOMY / margin * np.exp(rng.normal(0, 0.08))
    turn = np.radians(rng.normal(0, 8) if rng.random() < 0.8 else rng.uniform(-35, 35))
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    centre = STOCK_SIDE / 2 + rng.normal(0, 0.04, 2) * STOCK_SIDE / ROOMY
    return np.column_stack([linear, SIDE / 2 - linear @ centre])


def covered(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Hide a turned rectangle of one colour or of noise."""
    middle, size = rng.uniform(0.1, 0.9, 2) * SIDE, rng.uniform(0.08, 0.4, 2) * SIDE
    outline = cv2.boxPoints((middle.tolist(), size.tolist(), float(rng.uniform(0, 90))))
    shape = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(shape, [outline.round().astype(np.int32)], 255)
    coarse = rng.integers(0, 256, (int(rng.choice([1, 8])),) * 2 + (3,)).astype(np.uint8)
    layer = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.where(shape[..., None] > 0, layer, pixels)


def worn(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Now and then as if enlarged from a few pixels; and the general degradation."""
    if rng.random() < 0.3:
        side = int(np.exp(rng.uniform(np.log(20), np.log(SIDE))))
        small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR))
    return Degrade(rng.uniform(0, 0.9))(pixels, rng)
