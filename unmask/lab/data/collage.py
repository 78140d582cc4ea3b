"""Collages: photos of faces put into scenes without any, at every size and turn.

A collage knows which of its pixels came from which photo, so a face that a later piece covers is
known to be covered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unmask.faces import align
from unmask.lab.data.library import Photo, read
from unmask.lab.forge.degrade import Degrade
from unmask.lab.matching import BLIND, FACE
from unmask.types import Pixels

Array = npt.NDArray[Any]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Look:
    """What collages look like.

    Attributes:
        side: Pixels, square.
        smallest: Faces with a longer side below this are BLIND.
        largest: Longest side of a pasted face as a share of `side`.
        pieces: Most pasted pieces.
        plain: Share of collages that are one photo as it is.
        turned: Share of pieces turned by up to 70 degrees; the others by about 12.
        wear: Strongest degradation, 0..1.
    """

    side: int = 320
    smallest: float = 9.0
    largest: float = 1.1
    pieces: int = 20
    plain: float = 0.3
    turned: float = 0.2
    wear: float = 0.8


class Collages(Dataset[dict[str, Tensor]]):
    """Pictures of shape (3, side, side) with up to `ROOM` labelled faces each.

    Items hold `image` (uint8), `boxes` (ROOM, 4), `points` (ROOM, 10) and `kind` (ROOM,): 0 none,
    FACE, BLIND.
    """

    ROOM = 48

    def __init__(
        self, shelf: tuple[list[Photo], list[Path]], look: Look, length: int, seed: int
    ) -> None:
        self.photos, self.scenes = shelf
        self.look, self.length, self.seed, self.epoch = look, length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose which collages the numbers mean."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        table = Table(self.look.side)
        wear = 0.3
        if rng.random() < self.look.plain:
            plain(table, self, rng)
        else:
            compose(table, self, rng)
            wear = self.look.wear
        boxes, points, kind = table.labels(self.look.smallest)
        pixels = Degrade(rng.uniform(0, wear), resize=False)(table.pixels, rng)
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return {
            "image": image,
            "boxes": self._roomy(boxes),
            "points": self._roomy(points.reshape(-1, 10)),
            "kind": self._roomy(kind),
        }

    def _roomy(self, rows: Array) -> Tensor:
        """The first `ROOM` rows, filled up with zeros."""
        result = np.zeros((self.ROOM, *rows.shape[1:]), rows.dtype)
        result[: len(rows)] = rows[: self.ROOM]
        return torch.from_numpy(result)

    def photo(self, rng: Rng) -> Photo:
        """Any photo."""
        return self.photos[rng.integers(len(self.photos))]

    def scene(self, rng: Rng) -> Pixels:
        """A piece of a scene, or a plain or noisy ground, of the collage's size."""
        side = self.look.side
        if rng.random() < 0.12:
            return ground(side, rng)
        pixels = read(self.scenes[rng.integers(len(self.scenes))])
        height, width = pixels.shape[:2]
        part = round(min(height, width) * rng.uniform(0.5, 1.0))
        y, x = rng.integers(height - part + 1), rng.integers(width - part + 1)
        piece = pixels[y : y + part, x : x + part]
        return np.asarray(cv2.resize(piece, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


class Table:
    """A picture in the making; knows which piece every pixel came from."""

    def __init__(self, side: int) -> None:
        self.pixels = np.zeros((side, side, 3), np.uint8)
        self.owner = np.zeros((side, side), np.int16)
        self.faces: list[tuple[int, Array, Array, int]] = []
        self.pieces = 0

    def put(self, photo: Photo, pixels: Pixels, matrix: Array, mask: Array | None = None) -> None:
        """Lay a photo down; `matrix` (2, 3) takes its pixels to the table's.

        `mask`, of the photo's size, 0..255, says what of it shows; everything without one.
        """
        for box, points, kind in zip(photo.boxes, photo.points, photo.kind, strict=True):
            spots = align.move(points, matrix)
            self.faces.append((self.pieces + 1, moved_box(box, matrix), spots, int(kind)))
        self.pieces += 1
        if mask is not None:
            x, y, width, height = cv2.boundingRect(mask)
            part = slice(y, y + height), slice(x, x + width)
            pixels, mask = pixels[part], mask[part]
            matrix = np.column_stack([matrix[:, :2], align.move([[x, y]], matrix)[0]])
        self._lay(pixels, matrix, mask)

    def _lay(self, pixels: Pixels, matrix: Array, mask: Array | None) -> None:
        """Mix the pixels in, within the part of the table that they reach."""
        height, width = pixels.shape[:2]
        outline = align.move([[0, 0], [width, 0], [width, height], [0, height]], matrix)
        low = np.floor(outline.min(0)).clip(0, len(self.pixels)).astype(int)
        high = np.ceil(outline.max(0)).clip(0, len(self.pixels)).astype(int)
        if (high <= low).any() or not pixels.size:
            return
        whole = np.full((height, width), 255, np.uint8) if mask is None else mask
        local = np.column_stack([matrix[:, :2], matrix[:, 2] - low])
        wide, tall = high - low
        layers = align.warp(np.dstack([pixels, whole]), local, (int(tall), int(wide))).pixels
        shown = layers[..., 3:].astype(np.float32) / 255
        part = self.pixels[low[1] : high[1], low[0] : high[0]]
        part[:] = part + (layers[..., :3] - part.astype(np.float32)) * shown + 0.5
        self.owner[low[1] : high[1], low[0] : high[0]][shown[..., 0] > 0.5] = self.pieces

    def labels(self, smallest: float) -> tuple[Array, Array, Array]:
        """Boxes, points and kinds of what can still be seen."""
        side = len(self.pixels)
        rows = []
        for piece, box, points, kind in self.faces:
            x0, y0, x1, y1 = box
            inside = self.owner[
                max(0, int(y0)) : max(0, int(y1 + 1)), max(0, int(x0)) : max(0, int(x1 + 1))
            ]
            area = max(1.0, (x1 - x0) * (y1 - y0))
            seen = float((inside == piece).sum()) / area
            middle = (points > 0).all(1) & (points < side).all(1)
            if seen < 0.08:
                continue
            hidden = seen < 0.6 or middle.sum() < 4 or max(x1 - x0, y1 - y0) < smallest
            rows.append((box, points, BLIND if hidden else kind))
        boxes = np.array([r[0] for r in rows], np.float32).reshape(-1, 4)
        points = np.array([r[1] for r in rows], np.float32).reshape(-1, 5, 2)
        return boxes, points, np.array([r[2] for r in rows], np.int64)


def compose(table: Table, source: Collages, rng: Rng) -> None:
    """A photo as it is, a wall of photos, a scene with pieces laid on it, or one without faces."""
    table.pixels = source.scene(rng)
    draw = rng.random()
    if draw < 0.25:
        alone(table, source, rng)
    elif draw < 0.35:
        wall(table, source, rng)
    elif draw < 0.8:
        crowd(table, source, rng)
    else:
        decoys(table, source, rng, int(rng.integers(0, 6)))
    if rng.random() < 0.5:
        cover(table, source, rng)


def plain(table: Table, source: Collages, rng: Rng) -> None:
    """One photo, upright, on black, as the finder meets most photos."""
    side = len(table.pixels)
    photo, pixels = _flipped(source.photo(rng), rng)
    scale = side / max(pixels.shape[:2]) * float(rng.choice([1.0, 1.0, rng.uniform(0.4, 1.0)]))
    table.pixels[:] = 0
    table.put(photo, pixels, np.array([[scale, 0, 0], [0, scale, 0]]))


def alone(table: Table, source: Collages, rng: Rng) -> None:
    """One whole photo, from thumbnail to larger than the collage."""
    side = len(table.pixels)
    photo, pixels = _flipped(source.photo(rng), rng)
    box = photo.boxes[int(np.argmax(photo.kind == FACE))]
    wanted = side * np.exp(rng.uniform(np.log(0.12), np.log(source.look.largest)))
    matrix = placed(box, wanted, angle(source, rng), side * rng.uniform(0.3, 0.7, 2))
    table.put(photo, pixels, matrix)


def wall(table: Table, source: Collages, rng: Rng) -> None:
    """Photos side by side without a gap."""
    side = len(table.pixels)
    across = int(rng.integers(2, 6))
    tile = side / across
    for row, column in np.ndindex(across, across):
        photo, pixels = _flipped(source.photo(rng), rng)
        scale = tile / min(pixels.shape[:2])
        corner = np.array([column, row]) * tile
        matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
        part = round(tile / scale)
        table.put(photo, pixels[:part, :part], matrix)


def crowd(table: Table, source: Collages, rng: Rng) -> None:
    """Faces of all sizes laid on a scene, the small ones first, with decoys between them."""
    side, look = len(table.pixels), source.look
    count = int(np.exp(rng.uniform(0, np.log(look.pieces))))
    largest = side * min(0.8, 1.6 / np.sqrt(count))
    wanted = np.sort(np.exp(rng.uniform(np.log(look.smallest), np.log(largest), count)))
    decoys(table, source, rng, int(rng.integers(0, 3)))
    for size in wanted:
        photo, pixels = _flipped(source.photo(rng), rng)
        faces = np.flatnonzero(photo.kind == FACE)
        box = photo.boxes[faces[rng.integers(len(faces))]]
        matrix = placed(box, float(size), angle(source, rng), rng.uniform(0.02, 0.98, 2) * side)
        table.put(photo, pixels, matrix, head_mask(pixels.shape[:2], box, rng))


def decoys(table: Table, source: Collages, rng: Rng, count: int) -> None:
    """Pieces cut and laid down like faces that hold none."""
    side = len(table.pixels)
    for _ in range(count):
        pixels = source.scene(rng)
        part = rng.uniform(0.1, 0.5) * len(pixels)
        corner = rng.uniform(0, len(pixels) - part, 2)
        box = np.array([*corner, *(corner + part)])
        none = Photo(Path(), np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0, np.int64))
        matrix = placed(box, rng.uniform(10, side / 2), angle(source, rng), rng.uniform(0, side, 2))
        table.put(none, pixels, matrix, head_mask(pixels.shape[:2], box, rng))


def cover(table: Table, source: Collages, rng: Rng) -> None:
    """Hide parts of some faces: bars over eyes or mouth, and pieces of scenes at the edge."""
    for _, box, points, _ in table.faces:
        if rng.random() > 0.3:
            continue
        layer = (
            source.scene(rng)
            if rng.random() < 0.5
            else np.full_like(table.pixels, rng.integers(0, 256, 3))
        )
        shape = np.zeros(table.pixels.shape[:2], np.uint8)
        cv2.fillPoly(shape, [_hiding(box, points, rng).round().astype(np.int32)], 255)
        table.pixels = np.where(shape[..., None] > 0, layer, table.pixels)


def _hiding(box: Array, points: Array, rng: Rng) -> Array:
    """Outline (4, 2) of what hides a part of a face."""
    width, height = box[2] - box[0], box[3] - box[1]
    across = points[1] - points[0]
    down = np.array([-across[1], across[0]])
    draw = rng.random()
    if draw < 0.35:
        middle, wide, high = (points[0] + points[1]) / 2, 1.0, 0.25 * rng.uniform(0.7, 1.3)
    elif draw < 0.7:
        middle, wide, high = points[3:].mean(0) + 0.15 * down, 0.95, 0.5 * rng.uniform(0.7, 1.2)
    else:
        edge = rng.uniform(-0.5, 0.5, 2)
        edge[rng.integers(2)] = rng.choice([-0.45, 0.45])
        middle = (box[:2] + box[2:]) / 2 + edge * (width, height)
        across, down = np.array([width, 0]), np.array([0, height])
        wide, high = rng.uniform(0.1, 0.3, 2)
    return np.array(
        [
            middle + x * wide * across + y * high * down
            for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
    )


def head_mask(shape: tuple[int, int], box: Array, rng: Rng) -> Array:
    """What of a photo shows when a face is laid down: a soft oval, a rectangle, or all of it."""
    mask = np.zeros(shape, np.uint8)
    centre, size = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * rng.uniform(1.15, 2.2)
    draw = rng.random()
    if draw < 0.5:
        axes = (max(1, round(size[0] / 2)), max(1, round(size[1] / 2)))
        middle = (round(centre[0]), round(centre[1]))
        cv2.ellipse(mask, middle, axes, 0, 0, 360, 255, -1)
    elif draw < 0.8:
        low, high = centre - size / 2, centre + size / 2
        x0, y0, x1, y1 = (max(0, round(v)) for v in (*low, *high))
        mask[y0:y1, x0:x1] = 255
    else:
        mask[:] = 255
    soft = round(float(size.max()) * rng.uniform(0.0, 0.12))
    return mask if soft < 2 else np.asarray(cv2.blur(cv2.blur(mask, (soft, soft)), (soft, soft)))


def placed(box: Array, size: float, turn: float, centre: Array) -> Array:
    """Matrix that brings a box to a longest side of `size`, turned, around `centre`."""
    scale = size / max(box[2] - box[0], box[3] - box[1])
    cos, sin = np.cos(np.radians(turn)) * scale, np.sin(np.radians(turn)) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = np.asarray(centre) - linear @ ((box[:2] + box[2:]) / 2)
    return np.concatenate([linear, shift[:, None]], axis=1)


def moved_box(box: Array, matrix: Array) -> Array:
    """Upright box around the oval in `box` after `matrix`."""
    centre = matrix[:, :2] @ ((box[:2] + box[2:]) / 2) + matrix[:, 2]
    half = np.sqrt((matrix[:, :2] ** 2) @ (((box[2:] - box[:2]) / 2) ** 2))
    return np.concatenate([centre - half, centre + half])


def angle(source: Collages, rng: Rng) -> float:
    """Degrees."""
    if rng.random() < source.look.turned:
        return float(rng.uniform(-70, 70))
    return float(rng.normal(0, 12))


def ground(side: int, rng: Rng) -> Pixels:
    """A plain colour, a gradient, or clouds of noise."""
    coarse = int(rng.choice([1, 2, 4, 16, 64]))
    seed = rng.integers(0, 256, (coarse, coarse, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(seed, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _flipped(photo: Photo, rng: Rng) -> tuple[Photo, Pixels]:
    """A photo and its pixels, mirrored half of the time."""
    pixels = photo.pixels()
    if rng.random() < 0.5:
        return photo, pixels
    width = pixels.shape[1]
    boxes, points = photo.boxes.copy(), photo.points[:, [1, 0, 2, 4, 3]].copy()
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    points[..., 0] = width - points[..., 0]
    return replace(photo, boxes=boxes, points=points), np.ascontiguousarray(pixels[:, ::-1])
