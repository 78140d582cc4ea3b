"""Landmark morphs: two faces bent onto the shape between them, and averaged.

A morph passes for both people it was made of. Its traces are those of averaging and bending: ghosts
where the two do not meet, and skin as smooth as only a mean of two is. What a blend shows, an edge
between two pictures, it need not have. The way is that of the open tools with which the field's
sets were made, as Scherhag et al. describe it, "Face Recognition Systems Under Morphing Attacks: A
Survey", IEEE Access 2019, section II.

Morphs of a face with itself, changed a little, keep the traces and lose all else that two people
differ in, as self-blends do for swaps (Ivanovska et al., "SelfMAD", 2025, arXiv 2504.05504).

Chosen: the bending by thin-plate splines where the tools bend triangles; how often the morph stays
in its own surroundings and how often it is set into one of the two pictures; all chances.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from unmask.faces.align import move, similarity
from unmask.lab.forge import DrawDonor
from unmask.lab.forge.blend import deform, fill, restyle, soften
from unmask.lab.forge.self_blend import forehead
from unmask.lab.forge.xray import distance, lay, transfer_colour
from unmask.types import Pixels, Plane, Points

Rng = np.random.Generator
SELF = 0.4
"""Chance that a face is morphed with itself."""
SPLICED = 0.5
"""Chance that the morph is set into the first picture; else its surroundings are morphed, too."""
AMONG = 3
"""Donors drawn for one morph; the closest in shape is taken, as whoever makes one chooses."""
SHARE = (0.35, 0.65)
"""Of the second face in shape and in colour."""
COVERED = 0.98
"""Share of the picture that the second one has to cover for a morph of the surroundings."""
GRID = 14
"""Points a side at which the bending is computed; between them it is linear."""


def forge(pixels: Pixels, landmarks: Points, rng: Rng, donor: DrawDonor) -> tuple[Pixels, Plane]:
    """Morph a picture with another, or with itself.

    Example:
        >>> grey, pale = np.full((96, 96, 3), 120, np.uint8), np.full((64, 64, 3), 180, np.uint8)
        >>> points = np.random.default_rng(1).uniform(20, 76, (68, 2)).astype(np.float32)
        >>> forged, mask = forge(grey, points, np.random.default_rng(0), lambda rng: (pale, points))
        >>> forged.shape, mask.shape
        ((96, 96, 3), (96, 96))
    """
    if rng.random() < SELF:
        return morph(pixels, landmarks, restyle(pixels, rng), jittered(landmarks, rng), rng)
    others = [donor(rng) for _ in range(AMONG)]
    gaps = [distance(points, landmarks) for _, points in others]
    return morph(pixels, landmarks, *others[int(np.argmin(gaps))], rng)


def jittered(landmarks: Points, rng: Rng) -> Points:
    """Landmarks as somebody else would set them: off by some hundredths of the face."""
    side = float(np.ptp(landmarks, 0).max())
    off = rng.normal(0, rng.uniform(0.005, 0.025) * side, landmarks.shape)
    return np.asarray(landmarks + off, np.float32)


def morph(
    pixels: Pixels, landmarks: Points, other: Pixels, others: Points, rng: Rng
) -> tuple[Pixels, Plane]:
    """The face between two.

    Args:
        pixels: Shape (h, w, 3), RGB.
        landmarks: Shape (68, 2), in its pixels.
        other: Another picture, of any size.
        others: Shape (68, 2), in the other's pixels.
        rng: Equal generators give equal morphs.

    Returns:
        The morph in the first picture's frame, and its face, shape (h, w), 0..1.

    Example:
        >>> grey = np.full((96, 96, 3), 120, np.uint8)
        >>> points = np.random.default_rng(1).uniform(20, 76, (68, 2)).astype(np.float32)
        >>> int(np.ptp(morph(grey, points, grey, points, np.random.default_rng(0))[0]))
        0
    """
    second, covered, reached = _laid(other, others, landmarks, pixels.shape)
    share = rng.uniform(*SHARE)
    between = np.asarray((1 - share) * landmarks + share * reached, np.float32)
    hull = np.concatenate([between, forehead(between)])
    face = soften(deform(fill([hull], pixels.shape), between, rng), between, rng)
    first = _moved(pixels, bending(pixels.shape, landmarks, between))
    way = bending(pixels.shape, reached, between)
    second, covered = _moved(second, way), _moved(covered, way)
    second = transfer_colour(second, first, face * (covered > 0.5))
    weight = np.asarray(np.float32(share) * covered, np.float32)
    mean = np.asarray(cv2.blendLinear(second, first, weight, 1 - weight), np.uint8)
    if rng.random() < SPLICED or covered.mean() < COVERED:
        return np.asarray(cv2.blendLinear(mean, first, face, 1 - face), np.uint8), face
    return mean, face


def _laid(
    other: Pixels, others: Points, landmarks: Points, shape: tuple[int, ...]
) -> tuple[Pixels, Plane, Points]:
    """The other picture turned and scaled into the first one's frame, and its landmarks there."""
    picture, covered = lay(other, others, landmarks, shape)
    matrix = similarity(others, landmarks)
    reached = landmarks if matrix is None else move(others, matrix)
    return picture, covered, np.asarray(reached, np.float32)


def bending(shape: tuple[int, ...], source: Points, target: Points) -> tuple[Plane, Plane]:
    """Where each pixel comes from when points move and the picture's border stays.

    Args:
        shape: Of the picture: height and width.
        source: Where the points are, shape (n, 2).
        target: Where they should be.

    Returns:
        Columns and rows, as OpenCV's `remap` takes them.

    Example:
        >>> columns, rows = bending((64, 64), np.float32([[22, 22]]), np.float32([[30, 24]]))
        >>> round(float(columns[24, 30])), round(float(rows[24, 30]))
        (22, 22)
    """
    height, width = shape[:2]
    x, y = np.meshgrid(np.linspace(0, width - 1, GRID), np.linspace(0, height - 1, GRID))
    places = np.stack([x.ravel(), y.ravel()], 1)
    edge = places[(np.abs(2 * places / [width - 1, height - 1] - 1) == 1).any(1)][::3]
    fixed = np.concatenate([target, edge]).astype(np.float64)
    away = np.concatenate([source - target, np.zeros_like(edge)])
    field = _spline(fixed, away, places).reshape(GRID, GRID, 2)
    fine = (np.linspace(0, GRID - 1, side, dtype=np.float32) for side in (width, height))
    at, down = np.meshgrid(*fine)
    full = cv2.remap(field.astype(np.float32), at, down, cv2.INTER_LINEAR)
    columns = full[..., 0] + np.arange(width, dtype=np.float32)
    return columns, full[..., 1] + np.arange(height, dtype=np.float32)[:, None]


def _moved(image: npt.NDArray[Any], way: tuple[Plane, Plane]) -> npt.NDArray[Any]:
    drawn_out = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(image, *way, cv2.INTER_LINEAR, borderMode=drawn_out))


def _spline(
    at: npt.NDArray[np.float64], values: npt.NDArray[np.floating], places: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Thin-plate spline through values at points, a little slack, read at other places."""
    scale = float(np.ptp(at, 0).max()) or 1.0
    at, places = at / scale, places / scale
    count = len(at)
    flat = np.concatenate([np.ones((count, 1)), at], 1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(at, at) + 1e-4 * np.eye(count)
    system[:count, count:], system[count:, :count] = flat, flat.T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros((3, 2))]))
    read = np.concatenate([_kernel(places, at), np.ones((len(places), 1)), places], 1)
    return np.asarray(read @ weights)


def _kernel(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    square = np.square(a[:, None] - b).sum(2)
    return np.asarray(square * np.log(np.maximum(square, 1e-12)))
