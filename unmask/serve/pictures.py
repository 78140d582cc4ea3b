"""The pictures of a finding as files: its preview, and each kept face with its heat map.

A heat map is a PNG whose palette holds the colours and the transparency: a browser lays it over the
crop as it is, and the numbers of its colours are the heat itself, in steps of 1/255, from which a
report can be made later.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
from PIL import Image

from unmask.report.overlays import heat_map
from unmask.types import Evidence, Finding, Pixels, Plane

PREVIEW_QUALITY, CROP_QUALITY = 88, 92
_LEVELS = 255

Read = Callable[[str], bytes | None]
"""Gives the bytes of a picture by its name."""

Keep = Callable[[str, bytes], None]
"""Takes a picture's name and its bytes."""


def save(finding: Finding, number: int, keep: Keep) -> dict[str, Any]:
    """Save the pictures of one finding.

    Args:
        finding: With pictures or without.
        number: Of the finding in its report.
        keep: Where the pictures go.

    Returns:
        `preview` with name, width and height, or `None`; `faces` with an entry for each of the
        finding's faces, `None` where no picture of it was kept.
    """
    preview, shown = finding.preview, None
    if preview is not None:
        name = _save(preview, keep, f"{number}-preview.jpg", PREVIEW_QUALITY)
        shown = {"name": name, "width": preview.shape[1], "height": preview.shape[0]}
    faces = [_face(one, keep, f"{number}-{i}") for i, one in enumerate(finding.faces)]
    return {"preview": shown, "faces": faces}


def colours(data: bytes | None) -> Pixels | None:
    """A preview or a crop, read again: shape (h, w, 3)."""
    if data is None:
        return None
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return np.asarray(image.convert("RGB"))


def heat(data: bytes | None) -> Plane | None:
    """A heat map, read again: shape (h, w), 0..1."""
    if data is None:
        return None
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return np.asarray(np.asarray(image) / _LEVELS, np.float32)


def _face(evidence: Evidence, keep: Keep, stem: str) -> dict[str, Any] | None:
    crop = evidence.crop
    if crop is None:
        return None
    laid = None if evidence.heat is None else _lay(evidence.heat, keep, f"{stem}-heat.png")
    return {
        "crop": _save(crop.pixels, keep, f"{stem}-crop.jpg", CROP_QUALITY),
        "heat": laid,
        "matrix": np.asarray(crop.matrix, np.float64).round(6).tolist(),
        "size": crop.pixels.shape[1],
    }


def _save(pixels: Pixels, keep: Keep, name: str, quality: int) -> str:
    # The same bytes as Pillow's, in three quarters of its time.
    turned = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, written = cv2.imencode(".jpg", turned, (cv2.IMWRITE_JPEG_QUALITY, quality))
    keep(name, written.tobytes())
    return name


def _lay(plane: Plane, keep: Keep, name: str) -> str:
    levels = np.asarray(np.clip(np.nan_to_num(plane), 0, 1) * _LEVELS, np.uint8)
    image = Image.frombytes("P", levels.shape[::-1], levels.tobytes())
    palette, opacity = _ramp()
    image.putpalette(palette)
    written = io.BytesIO()
    image.save(written, "PNG", transparency=opacity, compress_level=1)
    keep(name, written.getvalue())
    return name


@cache
def _ramp() -> tuple[bytes, bytes]:
    """Colour and opacity of each level."""
    ramp = heat_map(np.linspace(0, 1, _LEVELS + 1, dtype=np.float32)[None])[0]
    return ramp[:, :3].tobytes(), ramp[:, 3].tobytes()
