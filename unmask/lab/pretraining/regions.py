"""Which part of the face each patch of a crop shows, and masks that hide one part wholly.

CRFR-P masking is the one of FSFM (Wang, Lin and others, "FSFM: A Generalizable Face Security
Foundation Model via Self-Supervised Facial Representation Learning", CVPR 2025, arXiv 2412.12032):
cover a random facial region wholly, then the others in proportion to their size. The paper takes
regions from a face parser that is trained beforehand; here the 68 landmarks draw them, so the hair
is only where hair usually is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from unmask.types import Points

BACKGROUND, HAIR, SKIN, BOUNDARY, BROWS, EYES, NOSE, MOUTH = range(8)
"""Regions in the order in which they are drawn: later ones lie on top of earlier ones."""
HIDEABLE = (HAIR, BOUNDARY, BROWS, EYES, NOSE, MOUTH)
"""Regions that a mask may cover wholly: the paper's six. Skin and background say too little."""
FEATURE_WEIGHT = 3.0
"""A patch is a brow's when that covers a quarter of it: no brow fills a patch of 16 pixels."""
FINE = 16
"""Points along a patch's side at which the regions are drawn."""

Rng = np.random.Generator
Map = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Cover(NamedTuple):
    """What a mask hides.

    Attributes:
        covered: Shape of the map of regions; true where the patch is hidden.
        region: Likewise; true at the patches of the region that is hidden wholly, none where no
            region was small enough.
    """

    covered: Bools
    region: Bools


def region_map(landmarks: Points, size: float, grid: int) -> Map:
    """The region that each patch of a crop shows most of; features count more than their area.

    Args:
        landmarks: The usual 68, shape (68, 2), pixels of the crop; they may lie outside it.
        size: Side of the crop in pixels.
        grid: Patches along a side.

    Returns:
        Shape (grid, grid), values `BACKGROUND` to `MOUTH`.

    Example:
        >>> far_away = np.full((68, 2), -900, np.float32)
        >>> region_map(far_away, 128, 2).tolist()
        [[0, 0], [0, 0]]
    """
    canvas = _draw(np.asarray(landmarks, np.float64) * (grid * FINE / size), grid * FINE)
    hot = canvas[..., None] == np.arange(MOUTH + 1)
    share = hot.reshape(grid, FINE, grid, FINE, MOUTH + 1).mean((1, 3))
    share[..., BROWS:] *= FEATURE_WEIGHT
    return np.asarray(share.argmax(2), np.uint8)


def crfr_p(regions: Map, ratio: float, rng: Rng) -> Cover:
    """Cover one random facial region wholly, then the others in proportion up to the ratio.

    Regions larger than what may be covered are never chosen; when there is no other one, everything
    is covered in proportion.

    Args:
        regions: From `region_map`, any shape.
        ratio: Share of patches to cover, 0..1; met to the nearest patch.
        rng: Chooses the region and the patches.

    Example:
        >>> face = np.array([[SKIN, SKIN, NOSE, SKIN], [SKIN, MOUTH, MOUTH, SKIN]], np.uint8)
        >>> cover = crfr_p(face, 0.5, np.random.default_rng(0))
        >>> int(cover.covered.sum()), bool(cover.covered[cover.region].all())
        (4, True)
    """
    flat = regions.ravel()
    budget = round(ratio * flat.size)
    sizes = np.bincount(flat, minlength=MOUTH + 1)
    small = [r for r in HIDEABLE if 0 < sizes[r] <= budget]
    region = flat == small[rng.integers(len(small))] if small else np.zeros(flat.size, bool)
    covered = region.copy()
    open_sizes = np.bincount(flat[~region], minlength=MOUTH + 1)
    for number, count in enumerate(quotas(open_sizes.tolist(), budget - int(region.sum()))):
        places = np.flatnonzero((flat == number) & ~region)
        covered[rng.permutation(places)[:count]] = True
    return Cover(covered.reshape(regions.shape), region.reshape(regions.shape))


def scattered(regions: Map, ratio: float, rng: Rng) -> Cover:
    """Cover patches anywhere, whatever they show; the ratio is met to the nearest patch.

    Example:
        >>> cover = scattered(np.zeros((4, 4), np.uint8), 0.25, np.random.default_rng(0))
        >>> int(cover.covered.sum()), int(cover.region.sum())
        (4, 0)
    """
    covered = np.zeros(regions.size, bool)
    covered[rng.permutation(regions.size)[: round(ratio * regions.size)]] = True
    return Cover(covered.reshape(regions.shape), np.zeros(regions.shape, bool))


def quotas(sizes: Sequence[int], total: int) -> Ints:
    """Divide a number in proportion to sizes, by the largest remainder; earlier ones win ties.

    Args:
        sizes: None negative.
        total: At most their sum.

    Returns:
        Whole numbers, none above its size, whose sum is `total`.

    Example:
        >>> quotas([8, 4, 0], 8).tolist()
        [5, 3, 0]
    """
    exact = np.asarray(sizes, np.float64) * total / max(1, sum(sizes))
    found = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - found), kind="stable")
    found[order[: total - int(found.sum())]] += 1
    return found


def _draw(points: npt.NDArray[np.float64], side: int) -> Map:
    """Paint the regions, shape (side, side), from landmarks in the same unit."""
    canvas = np.zeros((side, side), np.uint8)
    jaw, brows, nose, lips = points[:17], points[17:27], points[27:36], points[48:60]
    wide = float(np.linalg.norm(jaw[16] - jaw[0]))
    # A face has three parts of about equal height: hairline to brows, brows to nose, nose to chin.
    up = brows.mean(0) - points[33]
    forehead = brows + up
    crown = brows.mean(0) + 1.6 * (np.concatenate([forehead, jaw[[0, 16]]]) - brows.mean(0))
    _fill(canvas, crown, HAIR)
    _fill(canvas, np.concatenate([jaw, forehead]), SKIN)
    _line(canvas, jaw, BOUNDARY, 0.14 * wide)
    for part in (brows[:5], brows[5:]):
        _line(canvas, part, BROWS, 0.09 * wide)
    for part in (points[36:42], points[42:48]):
        _fill(canvas, part, EYES)
        _line(canvas, np.concatenate([part, part[:1]]), EYES, 0.05 * wide)
    _fill(canvas, nose, NOSE)
    _fill(canvas, lips, MOUTH)
    return canvas


def _fill(canvas: Map, points: npt.NDArray[np.float64], value: int) -> None:
    cv2.fillConvexPoly(canvas, cv2.convexHull(_whole(points)), value)


def _line(canvas: Map, points: npt.NDArray[np.float64], value: int, width: float) -> None:
    cv2.polylines(canvas, [_whole(points)], False, value, max(1, round(width)))


def _whole(points: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Whole points that OpenCV can draw, however far outside the picture they lie."""
    return np.round(np.clip(points, -4096, 4096)).astype(np.int32)
