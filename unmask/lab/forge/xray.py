"""One person's face blended onto another's, with the boundary between them as the answer.

Li et al., "Face X-ray for More General Face Forgery Detection", CVPR 2020, arXiv 1912.13458. Two
pictures carry two kinds of noise, and where they meet lies a line that no single camera draws. The
X-ray is that line: 4 m (1 - m) of the blending mask m, one where both pictures count alike and zero
where only one does.

What differs: the donor is chosen by what its landmarks lack after the best turn, scale and shift,
so that faces of any size and place can be compared; the mask's shapes are those of `blend`; colours
are carried over in CIELAB, by mean and spread under the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from unmask.errors import LabError
from unmask.faces.align import move, similarity, warp
from unmask.lab.forge import DrawDonor
from unmask.lab.forge.blend import deform, region, soften
from unmask.types import Pixels, Plane, Points

Rng = np.random.Generator
REACH = 0.5
"""Room around a donor's picture in its own sides: replicated, so that no black edge is blended."""
MOST_SPREAD = 2.0
"""Colours are spread or narrowed at most so many times."""
AMONG = 16
"""Donors drawn for one forgery; the closest in shape is taken (the paper: 100)."""


def forge(pixels: Pixels, landmarks: Points, rng: Rng, donor: DrawDonor) -> tuple[Pixels, Plane]:
    """`cross_blend` as a forging, with the closest in shape of `AMONG` donors.

    Raises:
        LabError: `data_missing` when only the picture itself is drawn.

    Example:
        >>> grey, pale = np.full((96, 96, 3), 120, np.uint8), np.full((64, 64, 3), 180, np.uint8)
        >>> points = np.random.default_rng(1).uniform(20, 76, (68, 2)).astype(np.float32)
        >>> draw = lambda rng: (pale, points * 0.6)
        >>> forge(grey, points, np.random.default_rng(0), draw)[1].shape
        (96, 96)
    """
    drawn = [donor(rng) for _ in range(AMONG)]
    others = [other for other in drawn if not np.array_equal(other[1], landmarks)]
    if not others:
        raise LabError("data_missing", "there is no other face that could be blended in")
    picture, points = others[nearest(landmarks, [points for _, points in others], rng)]
    blended = cross_blend(pixels, landmarks, picture, points, rng)
    return blended.pixels, blended.mask


class Blended(NamedTuple):
    """A forgery and what there is to know about it.

    Attributes:
        pixels: Shape (h, w, 3).
        mask: The donor's share of every pixel, shape (h, w), 0..1.
        boundary: The X-ray, shape (h, w), 0..1.
    """

    pixels: Pixels
    mask: Plane
    boundary: Plane


def cross_blend(
    pixels: Pixels, landmarks: Points, donor: Pixels, donor_landmarks: Points, rng: Rng
) -> Blended:
    """Put the donor's face where the picture's own one is.

    Args:
        pixels: Shape (h, w, 3), RGB.
        landmarks: Shape (68, 2), in its pixels.
        donor: Another picture, of any size.
        donor_landmarks: Shape (68, 2), in the donor's pixels.
        rng: Equal generators give equal forgeries.

    Returns:
        The forgery; the picture unchanged, mask and boundary zero, where the donor covers none of
        the face.

    Example:
        >>> grey, pale = np.full((96, 96, 3), 120, np.uint8), np.full((64, 64, 3), 180, np.uint8)
        >>> points = np.random.default_rng(1).uniform(20, 76, (68, 2)).astype(np.float32)
        >>> forged = cross_blend(grey, points, pale, points * 0.6, np.random.default_rng(0))
        >>> forged.pixels.shape, bool(np.allclose(forged.boundary, xray(forged.mask)))
        ((96, 96, 3), True)
    """
    face, covered = lay(donor, donor_landmarks, landmarks, pixels.shape[:2])
    hard = deform(region(landmarks, pixels.shape, rng), landmarks, rng) * covered
    mask = soften(hard, landmarks, rng)
    face = transfer_colour(face, pixels, mask)
    forged = np.asarray(cv2.blendLinear(face, pixels, mask, 1 - mask), np.uint8)
    return Blended(forged, mask, xray(mask))


def xray(mask: Plane) -> Plane:
    """The boundary of a soft mask.

    Example:
        >>> xray(np.array([[0.0, 0.5, 1.0]], np.float32)).tolist()
        [[0.0, 1.0, 0.0]]
    """
    return 4 * mask * (1 - mask)


def nearest(landmarks: Points, candidates: Sequence[Points], rng: Rng, among: int = 100) -> int:
    """Choose a donor: the closest in shape among some drawn at random, so that donors vary.

    Args:
        landmarks: Shape (68, 2), of the face that is to be covered.
        candidates: As many faces as there are; leave out the same person's.
        rng: Draws whom to compare.
        among: How many.

    Returns:
        Index into `candidates`.

    Example:
        >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        >>> flat = square * np.float32([1, 0.3])
        >>> nearest(square, [flat, square * 7 + 3], np.random.default_rng(0))
        1
    """
    drawn = rng.permutation(len(candidates))[:among]
    gaps = [distance(candidates[index], landmarks) for index in drawn]
    return int(drawn[np.argmin(gaps)])


def distance(source: Points, target: Points) -> float:
    """Root mean square gap that no turn, scale and shift closes, in spreads of the target."""
    matrix = similarity(source, target)
    if matrix is None:
        return float("inf")
    gap = np.square(move(source, matrix) - target).sum(1).mean()
    return float(np.sqrt(gap / max(float(target.var(0).sum()), 1e-9)))


def lay(
    donor: Pixels, source: Points, target: Points, shape: tuple[int, ...]
) -> tuple[Pixels, Plane]:
    """Bring the donor's landmarks onto the target's.

    Returns:
        The donor's picture in the target's frame, shape (h, w, 3), and where it truly is the
        donor's, shape (h, w), 0 or 1.
    """
    height, width = shape[:2]
    room = round(REACH * max(donor.shape[:2]))
    matrix = similarity(source + np.float32(room), target)
    if matrix is None:
        return np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.float32)
    around = ((room, room), (room, room), (0, 0))
    face = warp(np.pad(donor, around, mode="edge"), matrix, (height, width))
    real = warp(np.pad(np.full_like(donor, 255), around), matrix, (height, width))
    return face.pixels, (real.pixels[..., 0] == 255).astype(np.float32)


def transfer_colour(source: Pixels, target: Pixels, mask: Plane) -> Pixels:
    """The source with the target's mean and spread of lightness and colour under the mask."""
    inside = (mask > 0.5).astype(np.uint8)
    if not inside.any():
        return source
    ours, theirs = (cv2.cvtColor(picture, cv2.COLOR_RGB2LAB) for picture in (source, target))
    mean, spread = (value.ravel() for value in cv2.meanStdDev(ours, mask=inside))
    wanted, width = (value.ravel() for value in cv2.meanStdDev(theirs, mask=inside))
    gain = np.clip(width / np.maximum(spread, 1e-3), 1 / MOST_SPREAD, MOST_SPREAD)
    matrix = np.column_stack([np.diag(gain), wanted - gain * mean])
    moved = np.asarray(cv2.transform(ours, matrix), np.uint8)
    return np.asarray(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB), np.uint8)
