"""Self-blended images: a genuine face pasted onto itself, slightly changed, through a soft mask.

Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, arXiv 2204.08376.
What nearly every face swap leaves is the meeting of two pictures: an edge, and statistics that
differ on its two sides. A self-blend has both and nothing else, so a detector that learns it does
not learn one generator's habits.

What differs from the paper, whose own stages are in `unmask.lab.forge.self_blend`: besides the
whole face also single regions are blended (eyes, nose, mouth, halves), because composites replace
those too; elastic deformation comes from a coarse random grid, which is as irregular as a filtered
full-size field and far cheaper; the colour change is half as strong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from unmask.lab.forge import DrawDonor
from unmask.types import Pixels, Plane, Points

Rng = np.random.Generator
FOREHEAD = 0.35
"""How far, in brow-to-chin heights, a hull may reach above the brows."""
RATIOS = (0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0)
"""Shares of the source at the mask's fullest, each as likely as the others."""


def forge(
    pixels: Pixels, landmarks: Points, rng: Rng, donor: DrawDonor | None = None
) -> tuple[Pixels, Plane]:
    """`self_blend` as a forging; no donor is drawn.

    Example:
        >>> grey = np.full((96, 96, 3), 120, np.uint8)
        >>> points = np.random.default_rng(1).uniform(20, 76, (68, 2)).astype(np.float32)
        >>> forge(grey, points, np.random.default_rng(0))[1].shape
        (96, 96)
    """
    return self_blend(pixels, landmarks, rng)


def self_blend(pixels: Pixels, landmarks: Points, rng: Rng) -> tuple[Pixels, Plane]:
    """Forge a picture from itself.

    Args:
        pixels: Shape (h, w, 3), RGB.
        landmarks: Shape (68, 2), in its pixels.
        rng: Equal generators give equal forgeries.

    Returns:
        The forged picture and the mask of what was replaced, shape (h, w), 0..1.

    Example:
        >>> import numpy as np
        >>> grey = np.full((96, 96, 3), 120, np.uint8)
        >>> points = np.random.default_rng(1).uniform(20, 76, (68, 2)).astype(np.float32)
        >>> forged, mask = self_blend(grey, points, np.random.default_rng(0))
        >>> forged.shape, mask.shape
        ((96, 96, 3), (96, 96))
    """
    mask = soften(deform(region(landmarks, pixels.shape[:2], rng), landmarks, rng), landmarks, rng)
    source, target = pixels, pixels
    if rng.random() < 0.7:
        source = restyle(source, rng)
    else:
        target = restyle(target, rng)
    source = displace(source, landmarks, rng)
    return mix(source, target, mask, rng), mask


def mix(
    source: Pixels, target: Pixels, mask: Plane, rng: Rng, ratios: Sequence[float] = RATIOS
) -> Pixels:
    """The source through the mask onto the target, now and then half transparent."""
    weight = mask * np.float32(rng.choice(ratios))
    return np.asarray(cv2.blendLinear(source, target, weight, 1 - weight), np.uint8)


def region(landmarks: Points, shape: tuple[int, ...], rng: Rng) -> Plane:
    """A hard mask over the whole face or over a part of it, shape (h, w), 0 or 1."""
    makers, chances = zip(*REGIONS.values(), strict=True)
    choice = rng.choice(len(makers), p=np.asarray(chances) / sum(chances))
    return fill(makers[choice](landmarks, rng), shape)


def fill(parts: Iterable[Points], shape: tuple[int, ...]) -> Plane:
    """The convex hulls of some groups of points, together: shape (h, w), 0 or 1.

    Example:
        >>> fill([np.array([[1, 1], [3, 1], [3, 3], [1, 3]], np.float32)], (5, 5)).sum()
        np.float32(9.0)
    """
    mask = np.zeros(shape[:2], np.float32)
    for part in parts:
        hull = cv2.convexHull(part.astype(np.float32))
        cv2.fillConvexPoly(mask, np.rint(hull).astype(np.int32), 1.0)
    return mask


def _whole(landmarks: Points, rng: Rng) -> list[Points]:
    """Jaw to brows, with more or less of the forehead."""
    brows = landmarks[17:27]
    up = brows.mean(0) - landmarks[8]
    raised = brows + up * rng.uniform(0, FOREHEAD)
    return [np.concatenate([landmarks[:17], raised])]


def _inner(landmarks: Points, rng: Rng) -> list[Points]:
    """Brows to lower lip, without jaw and cheeks."""
    grown = landmarks[17:] + (landmarks[17:] - landmarks[17:].mean(0)) * rng.uniform(0, 0.25)
    return [grown]


def _lower(landmarks: Points, rng: Rng) -> list[Points]:
    """Nose to chin, as lip-sync forgeries replace it."""
    return [np.concatenate([landmarks[3:14], landmarks[31:36]])]


def _random(landmarks: Points, rng: Rng) -> list[Points]:
    """The hull of some of the points."""
    return [landmarks[rng.choice(len(landmarks), int(rng.integers(8, 24)), replace=False)]]


def _parts(landmarks: Points, rng: Rng) -> list[Points]:
    """One to three of: either eye with its brow, nose, mouth."""
    groups = (
        np.r_[17:22, 36:42],
        np.r_[22:27, 42:48],
        np.r_[27:36],
        np.r_[48:60],
    )
    chosen = rng.choice(len(groups), int(rng.integers(1, 4)), replace=False)
    parts = []
    for group in chosen:
        points = landmarks[groups[group]]
        parts.append(points + (points - points.mean(0)) * rng.uniform(0.1, 0.7))
    return parts


Maker = Callable[[Points, Rng], list[Points]]
REGIONS: dict[str, tuple[Maker, float]] = {
    "whole": (_whole, 0.45),
    "inner": (_inner, 0.2),
    "lower": (_lower, 0.1),
    "random": (_random, 0.1),
    "parts": (_parts, 0.15),
}
"""Mask makers and their chances."""


def deform(mask: Plane, landmarks: Points, rng: Rng) -> Plane:
    """Shift, scale and bend the mask so that its edge follows no landmark exactly."""
    height, width = mask.shape
    side = float(np.ptp(landmarks, 0).max())
    grid = rng.normal(0, 0.035 * side, (2, 6, 6)).astype(np.float32)
    bend = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC) for plane in grid]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    centre, scale = landmarks.mean(0), rng.uniform(0.92, 1.06)
    x = (x - centre[0]) / scale + centre[0] + bend[0] + np.float32(rng.normal(0, 0.02 * side))
    y = (y - centre[1]) / scale + centre[1] + bend[1] + np.float32(rng.normal(0, 0.02 * side))
    return np.asarray(cv2.remap(mask, x, y, cv2.INTER_LINEAR), np.float32)


def soften(mask: Plane, landmarks: Points, rng: Rng) -> Plane:
    """Blur, cut, blur again: an edge of random width that lies inside or outside the hull."""
    side = float(np.ptp(landmarks, 0).max())
    first = cv2.GaussianBlur(mask, (0, 0), side * rng.uniform(0.01, 0.05))
    cut = np.clip((first - rng.uniform(0.05, 0.6)) * 8, 0, 1)
    soft = cv2.GaussianBlur(cut, (0, 0), side * rng.uniform(0.004, 0.05))
    return np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)


def displace(source: Pixels, landmarks: Points, rng: Rng) -> Pixels:
    """Move and scale the source by a few hundredths of the face, so that its features miss."""
    side = np.ptp(landmarks, 0)
    centre = landmarks.mean(0)
    matrix = cv2.getRotationMatrix2D(
        (float(centre[0]), float(centre[1])), rng.normal(0, 1.5), rng.uniform(0.95, 1.05)
    )
    matrix[:, 2] += rng.uniform(-0.03, 0.03) * side[0], rng.uniform(-0.015, 0.015) * side[1]
    return np.asarray(moved(source, matrix), np.uint8)


def moved(image: npt.NDArray[Any], matrix: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """An image of any kind moved by a matrix of shape (2, 3), its edges drawn out."""
    size = (image.shape[1], image.shape[0])
    linear, drawn_out = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=linear, borderMode=drawn_out))


def restyle(pixels: Pixels, rng: Rng) -> Pixels:
    """Other colours, and another sharpness: what a second camera or a decoder would give."""
    result = recolour(pixels, rng)
    draw = rng.random()
    if draw < 0.4:
        return resample(result, rng)
    return sharpen(result, rng) if draw < 0.7 else result


def recolour(pixels: Pixels, rng: Rng) -> Pixels:
    """Other saturation, contrast and brightness, and a shift of each colour: one linear map."""
    saturation, contrast = rng.uniform(0.8, 1.2), rng.uniform(0.9, 1.1)
    colours = saturation * np.eye(3) + (1 - saturation) / 3
    mean = np.asarray(cv2.mean(pixels)[:3])
    shift = rng.uniform(-10, 10, 3) + rng.uniform(-12, 12)
    offset = mean + shift - contrast * colours @ mean
    matrix = np.column_stack([contrast * colours, offset])
    return np.asarray(cv2.transform(pixels, matrix), np.uint8)


def resample(pixels: Pixels, rng: Rng) -> Pixels:
    """Shrunk two to four times and enlarged again, as the output of a small decoder is."""
    height, width = pixels.shape[:2]
    factor = rng.uniform(1.5, 4.0)
    small = (max(8, round(width / factor)), max(8, round(height / factor)))
    shrunk = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)]
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=up), np.uint8)


def sharpen(pixels: Pixels, rng: Rng) -> Pixels:
    """Unsharp masking."""
    amount = rng.uniform(0.3, 1.2)
    soft = cv2.GaussianBlur(pixels, (0, 0), 1.2)
    return np.asarray(cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0), np.uint8)
