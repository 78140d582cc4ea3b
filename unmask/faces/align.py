"""Align: cut what a detector looks at out of the frame, exactly as its card asks.

Kinds of crop, all but the last through one similarity transform:

- `frame`: the whole picture, shrunk or enlarged to fit, centred on black.
- `box`: a square around the box's centre, `margin` times the box's longer side, upright.
- `eyes`: the same square, turned so that the eyes lie level.
- `points`: the five points laid onto the ArcFace template by least squares; `margin` widens it.
- `native`: not resampled at all. Up to `windows` square windows at whole pixels, spread over the
  box times `margin`; the up-sampling traces that they keep do not survive any resizing.

Coordinates are continuous: pixel i covers i to i + 1 and its centre lies at i + 0.5, so that the
frame reaches from (0, 0) to (width, height).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import numpy.typing as npt

from unmask.judge.card import CropRecipe
from unmask.types import Box, Crop, Face, Pixels, Points

Matrix = npt.NDArray[np.float64]
"""Shape (2, 3): maps column vectors (x, y, 1)."""

TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""Where ArcFace wants the five points in a square of `TEMPLATE_SIDE` pixels."""

TEMPLATE_SIDE = 112


def cut(pixels: Pixels, face: Face, recipe: CropRecipe) -> tuple[Crop, ...]:
    """Cut a face out of its frame.

    Args:
        pixels: The upright frame, shape (height, width, 3).
        face: Its box, and for `eyes` and `points` its five points.
        recipe: From the detector's card.

    Returns:
        One crop, or several windows for `native`. None when the face's side is not between
        `recipe.min_face` and `recipe.max_face`, when its geometry is degenerate, or when the frame
        has no room for a native window.

    Example:
        >>> frame = np.zeros((100, 100, 3), np.uint8)
        >>> face = Face((40, 40, 60, 60), 1.0, np.zeros((5, 2), np.float32))
        >>> recipe = CropRecipe("box", (32, 32), 1.6, (0, 0, 0), (1, 1, 1))
        >>> (crop,) = cut(frame, face, recipe)
        >>> crop.matrix.tolist()
        [[1.0, 0.0, -34.0], [0.0, 1.0, -34.0]]
    """
    if recipe.kind == "frame":
        return (whole(pixels, recipe),)
    if not np.isfinite(face.box).all():
        return ()
    if not max(recipe.min_face, 1.0) <= side(face.box) <= (recipe.max_face or np.inf):
        return ()
    if recipe.kind == "native":
        return _windows(pixels, face.box, recipe)
    matrix = placement(face, recipe)
    return () if matrix is None else (warp(pixels, matrix, recipe.size),)


def whole(pixels: Pixels, recipe: CropRecipe) -> Crop:
    """Fit the whole picture into the recipe's size, centred on black."""
    height, width = pixels.shape[:2]
    scale = min(recipe.size[0] / height, recipe.size[1] / width)
    shift = (recipe.size[1] - scale * width) / 2, (recipe.size[0] - scale * height) / 2
    return warp(pixels, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), recipe.size)


def placement(face: Face, recipe: CropRecipe) -> Matrix | None:
    """Return the transform from the frame to the crop for `box`, `eyes` and `points`.

    Returns:
        Shape (2, 3), or `None` when the five points coincide.
    """
    size = recipe.size[0]
    if recipe.kind == "points":
        target = ((TEMPLATE / TEMPLATE_SIDE - 0.5) / recipe.margin + 0.5) * size
        return similarity(face.points, target)
    x0, y0, x1, y1 = face.box
    angle = 0.0
    if recipe.kind == "eyes":
        across = face.points[1] - face.points[0]
        angle = -math.atan2(float(across[1]), float(across[0]))
    scale = size / (recipe.margin * side(face.box))
    turn = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    shift = size / 2 - turn @ np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.column_stack([turn, shift]) + 0.0  # no negative zeros


def similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> Matrix | None:
    """Return the least-squares similarity (turn, scale, shift; no mirror) between point sets.

    Args:
        source: Shape (n, 2).
        target: Shape (n, 2).

    Returns:
        Shape (2, 3), or `None` when the source points coincide or are not finite.

    Example:
        >>> similarity([[0, 0], [1, 0]], [[5, 5], [5, 7]]).round(6).tolist()
        [[0.0, -2.0, 5.0], [2.0, 0.0, 5.0]]
    """
    # A similarity of the plane is one complex factor and one complex shift.
    s = np.asarray(source, np.float64) @ np.array([1, 1j])
    t = np.asarray(target, np.float64) @ np.array([1, 1j])
    spread = float((abs(s - s.mean()) ** 2).sum())
    if not spread > 1e-9:
        return None
    factor = ((s - s.mean()).conj() * (t - t.mean())).sum() / spread
    shift = t.mean() - factor * s.mean()
    a, b = factor.real, factor.imag
    matrix = np.array([[a, -b, shift.real], [b, a, shift.imag]])
    return matrix if abs(factor) > 1e-9 and np.isfinite(matrix).all() else None


def warp(pixels: Pixels, matrix: Matrix, size: tuple[int, int]) -> Crop:
    """Resample a frame through a similarity; beyond its edge lies black.

    Strong shrinking averages whole blocks of pixels first, so that fine texture does not fold into
    false patterns.

    Args:
        pixels: Shape (height, width, 3).
        matrix: Frame coordinates to crop coordinates, shape (2, 3).
        size: Height, width of the crop.
    """
    roi, offset, block = _region(pixels, matrix, size)
    if roi.size == 0:
        return Crop(np.zeros((*size, 3), np.uint8), matrix, 1.0)
    # From shrunk region to frame to crop; warpAffine counts from pixel centres, hence the halves.
    linear = matrix[:, :2] * block
    shift = matrix[:, :2] @ offset + matrix[:, 2] + linear @ [0.5, 0.5] - 0.5
    small = cv2.warpAffine(
        roi, np.column_stack([linear, shift]), size[::-1], flags=cv2.INTER_LINEAR
    )
    return Crop(np.asarray(small, np.uint8), matrix, _outside(matrix, size, pixels.shape[:2]))


def shrunk(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Shrink a whole picture; blocks are averaged first, as in `warp`, and the rest interpolated.

    Args:
        pixels: Shape (height, width, 3).
        size: Width and height, neither larger than the picture's.

    Example:
        >>> shrunk(np.zeros((30, 50, 3), np.uint8), (20, 11)).shape
        (11, 20, 3)
    """
    height, width = pixels.shape[:2]
    block = 1 << int(math.log2(min(width / size[0], height / size[1])))
    halves = _shared.halves if pixels is _shared.pixels else {1: pixels}
    done = max(each for each in halves if each <= block)
    if done < block:
        left = block // done
        part = halves[done][: height // block * left, : width // block * left]
        halves[block] = _halved(part, left)
    return np.asarray(cv2.resize(halves[block], size), np.uint8)


@contextmanager
def shared(pixels: Pixels) -> Iterator[None]:
    """Halve a picture once for all who want it `shrunk` in this thread; none may change it.

    Args:
        pixels: Shape (height, width, 3).
    """
    _shared.pixels, _shared.halves = pixels, {1: pixels}
    try:
        yield
    finally:
        _shared.pixels, _shared.halves = None, {}


class _Shared(threading.local):
    """A picture, and the same at 1, 1/2, 1/4 … of its size, by the divisor."""

    def __init__(self) -> None:
        self.pixels: Pixels | None = None
        self.halves: dict[int, Pixels] = {}


_shared = _Shared()


def inverse(matrix: Matrix) -> Matrix:
    """Return the transform from crop coordinates back to frame coordinates, shape (2, 3)."""
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def move(points: npt.ArrayLike, matrix: Matrix) -> Points:
    """Carry points, shape (n, 2), through a transform of shape (2, 3).

    Example:
        >>> move([[1, 2]], np.array([[2.0, 0, 10], [0, 2.0, 0]])).tolist()
        [[12.0, 4.0]]
    """
    return (np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def side(box: Box) -> float:
    """Return the longer side of a box in pixels; the size of a face."""
    return max(box[2] - box[0], box[3] - box[1])


def _region(
    pixels: Pixels, matrix: Matrix, size: tuple[int, int]
) -> tuple[Pixels, npt.NDArray[np.float64], int]:
    """Cut the part of the frame that a crop shows and halve it while the crop is smaller still.

    Returns:
        The region, its upper left corner in the frame, by how much it was shrunk.
    """
    shrinking = 1 / math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    block = 1 << max(0, math.floor(math.log2(shrinking)))
    corners = move(_corners(size), inverse(matrix))
    # Whole blocks, and a rim for the interpolation; padding is then needed at the far edges only.
    low = (np.floor(corners.min(0) / block) - 2) * block
    high = (np.ceil(corners.max(0) / block) + 2) * block
    (x0, y0), (x1, y1) = (np.clip(v, 0, pixels.shape[1::-1]).astype(int) for v in (low, high))
    return _halved(pixels[y0:y1, x0:x1], block), np.array([x0, y0], np.float64), block


def _halved(pixels: Pixels, block: int) -> Pixels:
    """Average blocks of `block` by `block` pixels, a power of two; halving is the fast path."""
    below, right = -pixels.shape[0] % block, -pixels.shape[1] % block
    if pixels.size and (below or right):
        pixels = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_CONSTANT)
    while block > 1 and pixels.size:
        half = pixels.shape[1] // 2, pixels.shape[0] // 2
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
        block //= 2
    return pixels


def _outside(matrix: Matrix, size: tuple[int, int], frame: tuple[int, ...]) -> float:
    """Return the share of a crop's area that lies beyond the frame."""
    quad = move(_corners(size), inverse(matrix))
    if (quad >= 0).all() and (quad <= frame[::-1]).all():
        return 0.0
    edge = _corners(frame).astype(np.float32)
    shared = float(cv2.intersectConvexConvex(quad, edge)[0])
    area = size[0] * size[1] / abs(float(np.linalg.det(matrix[:, :2])))
    return min(max(1 - shared / area, 0.0), 1.0)


def _corners(size: tuple[int, ...]) -> Matrix:
    height, width = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def _windows(pixels: Pixels, box: Box, recipe: CropRecipe) -> tuple[Crop, ...]:
    """Cut native windows: a grid over the box times margin, clamped into the frame."""
    size, (height, width) = recipe.size[0], pixels.shape[:2]
    if min(height, width) < size:
        return ()
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = recipe.margin * (box[2] - box[0]) / 2, recipe.margin * (box[3] - box[1]) / 2
    columns, rows = _grid(2 * half[0] / size, 2 * half[1] / size, recipe.windows)
    return tuple(
        Crop(
            np.ascontiguousarray(pixels[y : y + size, x : x + size]),
            np.array([[1, 0, -x], [0, 1, -y]], np.float64),
        )
        for y in _spread(middle[1], half[1], size, rows, height)
        for x in _spread(middle[0], half[0], size, columns, width)
    )


def _grid(across: float, down: float, most: int) -> tuple[int, int]:
    """Choose columns and rows: as many windows as fit side by side, at most `most`."""
    wide, tall = max(1, math.ceil(across)), max(1, math.ceil(down))
    fits = [
        (columns, rows)
        for columns in range(1, min(wide, most) + 1)
        for rows in range(1, min(tall, most // columns) + 1)
    ]
    # Among equally many, the grid nearest to the region's own proportions.
    return max(fits, key=lambda g: (g[0] * g[1], -abs(math.log(g[0] * tall / (g[1] * wide)))))


def _spread(middle: float, half: float, size: int, count: int, limit: int) -> list[int]:
    """Place `count` windows evenly from end to end; one lies in the middle."""
    low, high = middle - half, middle + half - size
    starts = [middle - size / 2] if count == 1 else np.linspace(low, high, count).tolist()
    return sorted({min(max(round(s), 0), limit - size) for s in starts})
