"""Pictures for people: the heat map, boxes on a preview, and small data URIs.

The colours of the heat map run from a dark violet over red to a pale yellow. Lightness rises
evenly along the way, so that the map reads the same in grey and to colour-blind eyes; what is
weak is transparent, so that the face stays visible where the detector saw nothing.

Pillow is imported only when a picture is made, which keeps the other formats light.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from unmask.types import Box, Pixels, Plane

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

# Lightness, chroma and hue (degrees) in the OKLab space at the weak and at the strong end.
_WEAK = (0.32, 0.13, -65.0)
_STRONG = (0.94, 0.13, 100.0)
_LMS = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.2914855480],
    ]
)
_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
# Below the first strength nothing is laid over the face, above the second the most.
_FAINT = 0.15
_FULL = 0.6
_OPAQUE = 0.62


class Mark(NamedTuple):
    """A box to draw: x0, y0, x1, y1 in pixels, its label, and whether it is over the threshold."""

    box: Box
    label: str
    over: bool


@cache
def palette() -> npt.NDArray[np.uint8]:
    """The 256 colours of the heat map, weak to strong: shape (256, 3)."""
    strength = np.linspace(0, 1, 256)[:, None]
    weak, strong = np.array(_WEAK), np.array(_STRONG)
    lightness, chroma, hue = (weak + strength * (strong - weak)).T
    # The middle may be more vivid than the ends: red can, dark violet and pale yellow cannot.
    chroma = chroma + 0.07 * np.sin(np.pi * strength[:, 0])
    angle = np.radians(hue)
    lab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=1)
    linear = np.clip((lab @ _LMS.T) ** 3 @ _RGB.T, 0, 1)
    curved = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.asarray(np.rint(curved * 255), dtype=np.uint8)


def heat_map(heat: Plane) -> npt.NDArray[np.uint8]:
    """A heat plane (h, w), 0..1, as RGBA (h, w, 4) to lay over its crop.

    Example:
        >>> heat_map(np.zeros((2, 3), np.float32))[..., 3].max()
        np.uint8(0)
    """
    level = np.asarray(np.clip(np.nan_to_num(heat), 0, 1) * 255, dtype=np.uint8)
    alpha = np.clip((np.arange(256) / 255 - _FAINT) / (_FULL - _FAINT), 0, 1) * _OPAQUE
    table = np.column_stack([palette(), np.rint(alpha * 255).astype(np.uint8)])
    return np.asarray(table[level])


def blend(pixels: Pixels, heat: Plane) -> Pixels:
    """The crop with its heat map laid over it; both must have the same height and width."""
    layer = heat_map(heat).astype(np.float32)
    alpha = layer[..., 3:] / 255
    return np.asarray(np.rint(pixels * (1 - alpha) + layer[..., :3] * alpha), dtype=np.uint8)


def boxed(pixels: Pixels, marks: Iterable[Mark]) -> Pixels:
    """A copy with numbered boxes: red and doubled when over the threshold, otherwise white."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    unit = max(1, round(max(image.size) / 300))
    # Strong ones last, so that they lie on top in a crowd.
    for mark in sorted(marks, key=lambda mark: mark.over):
        _draw(draw, mark, unit)
    return np.asarray(image)


def _draw(draw: ImageDraw, mark: Mark, unit: int) -> None:
    ink, line = ("#ffffff", "#a12a16") if mark.over else ("#111111", "#ffffff")
    width = 2 * unit if mark.over else unit
    for grow, colour in (((unit + 1) // 2, "#111111"), (0, line)):
        x0, y0, x1, y1 = (
            round(v) + d for v, d in zip(mark.box, (-grow, -grow, grow, grow), strict=True)
        )
        # Pillow refuses a box that is turned inside out.
        if x0 <= x1 and y0 <= y1:
            draw.rectangle((x0, y0, x1, y1), outline=colour, width=width + 2 * grow)
    _label(draw, mark, unit, ink, line)


def _label(draw: ImageDraw, mark: Mark, unit: int, ink: str, ground: str) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(8 * unit + 5)
    wide, high = draw.textbbox((0, 0), mark.label, font=font)[2:]
    left, top = max(mark.box[0], 0), max(mark.box[1] - high - 4 * unit, 0)
    draw.rectangle((left, top, left + wide + 6 * unit, top + high + 4 * unit), fill=ground)
    draw.text((left + 3 * unit, top + 2 * unit), mark.label, fill=ink, font=font)


def shrink(pixels: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """The picture, reduced if its longer side exceeds `side` pixels; never enlarged."""
    longest = max(pixels.shape[:2])
    if longest <= side:
        return pixels
    from PIL import Image

    size = [max(1, round(n * side / longest)) for n in (pixels.shape[1], pixels.shape[0])]
    image = Image.fromarray(pixels).resize((size[0], size[1]), Image.Resampling.BOX)
    return np.asarray(image)


def data_uri(pixels: npt.NDArray[np.uint8], kind: str = "webp", quality: int = 80) -> str:
    """RGB or RGBA pixels as a data URI; `kind` is "webp", "png", or "jpeg" (RGB only).

    Example:
        >>> data_uri(np.zeros((2, 2, 3), np.uint8))[:16]
        'data:image/webp;'
    """
    from PIL import Image

    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, kind.upper(), quality=quality, method=2)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
