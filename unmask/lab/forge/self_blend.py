"""Self-blended images with every stage as published.

Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, arXiv 2204.08376,
section 3 and the authors' release: a mask over the face, one of the two copies of the picture
restyled, the source moved, the mask bent and softened, both blended. `blend` is the variant that
Unmask's own detectors learn from.

Known from the publication: how often the forehead is left out and which copy is restyled; all
limits of colour, shrinking and sharpening; shift and scale; strength and width of the bending; the
mask's sizes, kernels and spreads; the ratios. Shift, kernels and sizes refer to a crop three
landmark boxes wide, so they are taken in one here, whatever surrounds it. Hue, saturation and value
move by less than one of 256 levels, as in the release: that stage hardly changes a picture.

Chosen: the forehead stands a fixed height above the brows, because there are 68 landmarks where the
authors had 81; the shapes of the partial hulls, which the authors borrowed from Face X-ray (Li et
al., CVPR 2020, arXiv 1912.13458); edges are drawn out where the release shows black; the kernels of
shrinking and enlarging. In the release the genuine picture of a pair is the target, restyled or
not; here it is the untouched photo.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from unmask.lab.forge import DrawDonor
from unmask.lab.forge.blend import FOREHEAD, fill, mix, moved
from unmask.types import Pixels, Plane, Points

Rng = np.random.Generator
BARE = 0.25
"""Chance that the mask ends at the brows."""
SOURCE = 0.5
"""Chance that the source is restyled; else the target is."""
RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
"""Shares of the source at the mask's fullest, each as likely as the others."""
CROP = 3.0
"""Side of the published crop in landmark boxes."""


def forge(
    pixels: Pixels, landmarks: Points, rng: Rng, donor: DrawDonor | None = None
) -> tuple[Pixels, Plane]:
    """Forge a picture from itself.

    Args:
        pixels: Shape (h, w, 3), RGB.
        landmarks: Shape (68, 2), in its pixels.
        rng: Equal generators give equal forgeries.
        donor: Not asked.

    Returns:
        The forged picture and the mask of what was replaced before any ratio, shape (h, w), 0..1.

    Example:
        >>> grey = np.full((96, 96, 3), 120, np.uint8)
        >>> points = np.random.default_rng(1).uniform(20, 76, (68, 2)).astype(np.float32)
        >>> forged, mask = forge(grey, points, np.random.default_rng(0))
        >>> forged.shape, mask.shape
        ((96, 96, 3), (96, 96))
    """
    mask = fill(hull(landmarks, rng), pixels.shape)
    source, target = pixels, pixels
    if rng.random() < SOURCE:
        source = restyle(source, rng)
    else:
        target = restyle(target, rng)
    source, mask = displace(source, mask, landmarks, rng)
    mask = soften(bend(mask, rng), landmarks, rng)
    return mix(source, target, mask, rng, RATIOS), mask


def hull(landmarks: Points, rng: Rng) -> list[Points]:
    """Groups of points whose convex hulls cover the face or some of it.

    Example:
        >>> points = np.random.default_rng(1).uniform(20, 76, (68, 2)).astype(np.float32)
        >>> all(part.shape[1] == 2 for part in hull(points, np.random.default_rng(0)))
        True
    """
    top = landmarks[17:27] if rng.random() < BARE else forehead(landmarks)
    return list(HULLS.values())[rng.integers(len(HULLS))](landmarks, top)


def forehead(landmarks: Points) -> Points:
    """Ten points at the hairline, the brows raised by `FOREHEAD` of their height over the chin."""
    brows = landmarks[17:27]
    return np.asarray(brows + FOREHEAD * (brows.mean(0) - landmarks[8]), np.float32)


def _whole(landmarks: Points, top: Points) -> list[Points]:
    return [np.concatenate([landmarks, top])]


def _cheeks(landmarks: Points, top: Points) -> list[Points]:
    """Both cheeks up to the nose's ridge, and the chin: the eyes stay free."""
    nose, mouth = landmarks[27:36], landmarks[48:60]
    left, right = (np.concatenate([jaw, nose]) for jaw in (landmarks[:9], landmarks[8:17]))
    return [left, right, np.concatenate([landmarks[4:13], mouth])]


def _inner(landmarks: Points, top: Points) -> list[Points]:
    """From the upper edge to the lips, without the jaw."""
    return [np.concatenate([top, landmarks[17:]])]


def _features(landmarks: Points, top: Points) -> list[Points]:
    """Each eye with its brow, the nose, and mouth with chin: four hulls with gaps between them."""
    groups = (np.r_[17:22, 36:42], np.r_[22:27, 42:48], np.r_[27:36], np.r_[48:60, 6:11])
    return [landmarks[group] for group in groups]


HULLS: dict[str, Callable[[Points, Points], list[Points]]] = {
    "whole": _whole,
    "cheeks": _cheeks,
    "inner": _inner,
    "features": _features,
}
"""Each as likely as the others."""


def restyle(pixels: Pixels, rng: Rng) -> Pixels:
    """Other colours, then either another sharpness or the softness of a small decoder."""
    if rng.random() < 0.3:
        pixels = shift_rgb(pixels, rng)
    pixels = shift_light(shift_hsv(pixels, rng), rng)
    return shrink(pixels, rng) if rng.random() < 0.5 else sharpen(pixels, rng)


def shift_rgb(pixels: Pixels, rng: Rng, limit: float = 20.0) -> Pixels:
    """Each colour moved by at most `limit` levels."""
    return _levels(pixels.astype(np.float32) + rng.uniform(-limit, limit, 3).astype(np.float32))


def shift_hsv(pixels: Pixels, rng: Rng, limit: float = 0.3) -> Pixels:
    """Hue, saturation and value moved by at most `limit`: of 180, 255 and 255 levels."""
    hue, saturation, value = rng.uniform(-limit, limit, 3)
    planes = cv2.cvtColor(pixels.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2HSV)
    planes[..., 0] = (planes[..., 0] + 2 * hue) % 360
    planes[..., 1:] = np.clip(planes[..., 1:] + np.array([saturation, value]) / 255, 0, 1)
    return _levels(cv2.cvtColor(planes, cv2.COLOR_HSV2RGB) * np.float32(255))


def shift_light(pixels: Pixels, rng: Rng, limit: float = 0.1) -> Pixels:
    """Contrast and brightness changed by at most `limit` of the whole range."""
    contrast, brightness = rng.uniform(-limit, limit, 2)
    return _levels(pixels * np.float32(1 + contrast) + np.float32(255 * brightness))


def shrink(pixels: Pixels, rng: Rng) -> Pixels:
    """Two or four times smaller by leaving pixels out, and smoothly back."""
    height, width = pixels.shape[:2]
    factor = int(rng.choice((2, 4)))
    small = (max(1, width // factor), max(1, height // factor))
    kept = cv2.resize(pixels, small, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.resize(kept, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def sharpen(pixels: Pixels, rng: Rng) -> Pixels:
    """A share of 0.2 to 0.5 of an edge filter whose weights add up to 0.5 to 1."""
    share, lightness = rng.uniform(0.2, 0.5), rng.uniform(0.5, 1.0)
    edges = np.full((3, 3), -1.0)
    edges[1, 1] = 8 + lightness
    middle = np.zeros((3, 3))
    middle[1, 1] = 1
    return np.asarray(cv2.filter2D(pixels, -1, (1 - share) * middle + share * edges), np.uint8)


def displace(source: Pixels, mask: Plane, landmarks: Points, rng: Rng) -> tuple[Pixels, Plane]:
    """Source and mask moved by at most 3 % of the crop across and 1.5 % down, scaled by 5 %."""
    rows, columns = crop(landmarks, mask.shape)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    right, down = rng.uniform(-0.03, 0.03) * width, rng.uniform(-0.015, 0.015) * height
    middle = (columns.start + width / 2, rows.start + height / 2)
    matrix = cv2.getRotationMatrix2D(middle, 0.0, rng.uniform(0.95, 1 / 0.95))
    matrix[:, 2] += right, down
    return moved(source, matrix), moved(mask, matrix)


def bend(mask: Plane, rng: Rng, strength: float = 50.0, width: float = 7.0) -> Plane:
    """Elastic deformation: each pixel follows noise smoothed over `width` pixels."""
    height, across = mask.shape
    noise = rng.uniform(-1, 1, (height, across, 2)).astype(np.float32)
    field = np.float32(strength) * cv2.GaussianBlur(noise, (0, 0), width)
    x, y = np.meshgrid(np.arange(across, dtype=np.float32), np.arange(height, dtype=np.float32))
    bent = cv2.remap(mask, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR)
    return np.asarray(bent, np.float32)


def soften(mask: Plane, landmarks: Points, rng: Rng) -> Plane:
    """Blur, keep what is full, blur again, in a crop brought to a size of its own.

    The first kernel eats from the edge as much as it is wide and the second gives some back, so
    the mask shrinks or grows by whichever of the two is larger.
    """
    area = crop(landmarks, mask.shape)
    inside = mask[area]
    size = tuple(int(side) for side in rng.integers(192, 257, 2))
    first, second = (int(side) for side in rng.integers(2, 13, 2) * 2 + 1)
    full = _full(cv2.GaussianBlur(cv2.resize(inside, size), (first, first), 0))
    core = (full > 1 - 1e-4).astype(np.float32)
    spread = float(rng.integers(5, 46))
    soft = _full(cv2.GaussianBlur(core, (second, second), spread))
    result = np.zeros_like(mask)
    result[area] = cv2.resize(soft, inside.shape[::-1])
    return result


def crop(landmarks: Points, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the published crop, as far as the picture reaches.

    Example:
        >>> points = np.array([[40, 40], [60, 50]], np.float32)
        >>> crop(points, (100, 70))
        (slice(30, 60, None), slice(20, 70, None))
    """
    low, high = landmarks.min(0), landmarks.max(0)
    around = (CROP - 1) / 2 * (high - low)
    limit = np.array([shape[1], shape[0]])
    start = np.clip(np.floor(low - around), 0, limit - 1).astype(int)
    stop = np.clip(np.ceil(high + around), start + 1, limit).astype(int)
    return slice(int(start[1]), int(stop[1])), slice(int(start[0]), int(stop[0]))


def _full(mask: npt.NDArray[np.float32]) -> Plane:
    """Scaled so that its greatest value is one; an empty mask stays empty."""
    return np.asarray(mask / max(float(mask.max()), 1e-6), np.float32)


def _levels(values: npt.NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
