"""What a JPEG's numbers tell about how often and how strongly it was compressed.

The estimate of a second compression compares each of nine low frequencies with what it would look
like had the picture been compressed before with some step, for all steps up to 40. What it looked
like before any compression is taken from the picture itself, moved by half a block, where the grid
of the compression no longer lines up (the calibration known from steganalysis: Fridrich and
others, 2002). A first compression that was coarser leaves empty and overfull values behind.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from unmask.types import Fact, Pixels

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Floats = npt.NDArray[np.float64]

_SIDE = 384
_FEWEST_BLOCKS = 256
THRESHOLD = 0.15
"""From this gain of `twice` on, a file counts as compressed twice."""

_STEPS = np.arange(1, 41)
_LEVELS = 15
_LOW = ((0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0))
_SAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
# The example table of the JPEG standard (ITU-T T.81, table K.1) that libjpeg scales.
_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def facts(image: ImageFile, pixels: Pixels | None) -> list[Fact]:
    """Collects everything that the compression tells.

    Args:
        image: The JPEG, its header read.
        pixels: Decoded, as stored: not yet turned upright. `None`: leave out the second
            compression, which takes most of the time.

    Returns:
        Facts; none when the file has no tables of its own.
    """
    from PIL.JpegImagePlugin import get_sampling

    tables = getattr(image, "quantization", {})
    if 0 not in tables:
        return []
    table = np.array(tables[0]).reshape(8, 8)
    sampling = _SAMPLING.get(get_sampling(image), "other")
    found = [*_quality(table), Fact("jpeg.subsampling", sampling, "Of the colours.")]
    strength = None if pixels is None else twice(pixels, table)
    if strength is not None:
        found.append(Fact("jpeg.double_compression", strength > THRESHOLD, _TWICE))
    return found


_TWICE = (
    "True: a coarser compression came before this one, as after any editing or uploading. "
    "False proves nothing: an earlier compression that was finer, equal, or followed by resizing "
    "or cropping is not seen."
)


def quality(table: npt.ArrayLike) -> tuple[int, bool]:
    """Finds the libjpeg quality whose table for brightness is nearest.

    Args:
        table: Shape (8, 8), the file's quantisation steps for brightness.

    Returns:
        Quality 1 to 100, and whether the table is exactly libjpeg's.

    Example:
        >>> quality(np.ones((8, 8)))
        (100, True)
    """
    distance = np.abs(np.log(np.asarray(table, float) / _scaled())).mean((1, 2))
    best = int(np.argmin(distance))
    return best + 1, bool(distance[best] == 0.0)


def _quality(table: npt.NDArray[np.int_]) -> list[Fact]:
    if (table < 1).any():
        return []
    best, exact = quality(table)
    note = "On libjpeg's scale, from its own tables." if exact else "Nearest on libjpeg's scale."
    found = [Fact("jpeg.quality", best, note + " Of the last compression only.")]
    if not exact:
        found.append(Fact("jpeg.tables", "non-standard tables", _TABLES))
    return found


_TABLES = "Not libjpeg's own: many cameras, phones and Adobe's programs have theirs."


@cache
def _scaled() -> Floats:
    """The tables of all of libjpeg's qualities: shape (100, 8, 8)."""
    level = np.arange(1, 101)[:, None, None]
    scale = np.where(level < 50, 5000 // level, 200 - 2 * level)
    return np.asarray(np.clip((_LUMINANCE * scale + 50) // 100, 1, 255), float)


def twice(pixels: Pixels, table: npt.ArrayLike) -> float | None:
    """Measures how much better two compressions explain the picture than one.

    Args:
        pixels: Decoded, on the grid of the compression; the middle 384 × 384 are looked at.
        table: Shape (8, 8), the steps of the last compression.

    Returns:
        Mean gain in log-likelihood a block, 0 or more; `None` under 256 blocks.
    """
    plane = _middle(pixels)
    here, moved = _low(plane), _low(plane[4:-4, 4:-4])
    if here.shape[1] < _FEWEST_BLOCKS:
        return None
    steps = [int(np.asarray(table)[at]) for at in _LOW]
    # A step above all first steps has wiped out whatever came before; there is nothing to gain.
    telling = [number for number, step in enumerate(steps) if step <= len(_STEPS)]
    if not telling:
        return 0.0
    seen = np.stack([_seen(here[each], steps[each]) for each in telling])
    expected = np.stack([_expected(moved[each], steps[each]) for each in telling])
    shares = expected / np.maximum(expected.sum(2, keepdims=True), 1e-9)
    once = shares[:, :1]
    gains = np.log((0.9 * shares + 0.1 * once + 1e-4) / (once + 1e-4)) @ seen[:, :, None]
    return float(gains.max(1).sum() / here.shape[1])


def _middle(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Brightness of the middle, cut along the grid."""
    import cv2

    top, left = (max(0, (side - _SIDE) // 16 * 8) for side in pixels.shape[:2])
    part = pixels[top : top + _SIDE, left : left + _SIDE]
    return np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.float32)


@cache
def _basis() -> npt.NDArray[np.float32]:
    """The four lowest cosine patterns of eight pixels: shape (4, 8)."""
    k = np.arange(8)
    rows = np.cos((2 * k + 1) * k[:4, None] * np.pi / 16) / 2
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float32)


def _low(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Strength of the nine frequencies in each block, signs folded together: shape (9, blocks)."""
    high, wide = (side // 8 for side in plane.shape)
    columns = np.matmul(_basis(), plane[: high * 8, : wide * 8].reshape(high, 8, wide * 8))
    both = columns.reshape(high * 4 * wide, 8) @ _basis().T
    blocks = both.reshape(high, 4, wide, 4)
    return np.asarray(np.abs(np.stack([blocks[:, u, :, v].ravel() for u, v in _LOW])), np.float32)


def _seen(here: npt.NDArray[np.float32], step: int) -> npt.NDArray[np.float32]:
    """How many blocks have each level of one frequency, without 0 and the last."""
    levels = np.minimum(np.rint(here / step), _LEVELS).astype(np.intp)
    return np.bincount(levels, minlength=_LEVELS + 1)[1:-1].astype(np.float32)


def _expected(moved: npt.NDArray[np.float32], step: int) -> npt.NDArray[np.float32]:
    """How many there would be after each first step: shape (first steps, levels)."""
    most = step * (_LEVELS + 1) - 1
    values = np.minimum(np.rint(moved), most).astype(np.intp)
    before = _smooth(np.bincount(values, minlength=most + 1), step)
    return np.asarray(_mixing(step) @ before.astype(np.float32), np.float32)


def _smooth(counts: npt.NDArray[np.int_], step: int) -> Floats:
    """Blurs a histogram by a third of the step, mirrored at zero, against its own noise."""
    kernel = _kernel(step)
    reach = len(kernel) // 2
    return np.convolve(
        np.concatenate([counts[reach:0:-1], counts, np.zeros(reach)]), kernel, "valid"
    )


@cache
def _kernel(step: int) -> Floats:
    width = max(1.0, 0.35 * step)
    reach = min(int(3 * width) + 1, step * (_LEVELS + 1) - 1)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * width**2))
    return np.asarray(kernel / kernel.sum())


@lru_cache(maxsize=16)
def _mixing(step: int) -> npt.NDArray[np.float32]:
    """How each value is shared out: shape (first steps, levels without 0 and the last, values).

    Between two compressions pixels are rounded, which moves a value by about one.
    """
    values = np.arange(step * (_LEVELS + 1))
    first = np.rint(values / _STEPS[:, None]) * _STEPS[:, None]
    shares = np.zeros((len(_STEPS), _LEVELS + 1, len(values)), np.float32)
    for moved, share in ((-1, 0.16), (0, 0.68), (1, 0.16)):
        noise = moved * (_STEPS[:, None] > 1)
        level = np.minimum(np.rint(np.abs(first + noise) / step), _LEVELS).astype(int)
        shares[np.arange(len(_STEPS))[:, None], level, values] += np.float32(share)
    return np.ascontiguousarray(shares[:, 1:-1])
