"""A JPEG's structure, as far as it must be known before a decoder may have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from unmask.types import Pixels

_SCAN = b"\xff\xda"
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_BARE = frozenset([0x01, *range(0xD0, 0xD9)])
_PLENTY = 100


class Layout(NamedTuple):
    """What a walk over the markers found.

    Attributes:
        scans: Passes over the picture; a progressive file has about ten. A count up to 100 is an
            upper bound, a greater one is exact.
        complete: The end marker is there; without it the file was cut off.
    """

    scans: int
    complete: bool


def layout(data: bytes) -> Layout:
    r"""Counts the scans: each costs a decoder time but may cost the file next to nothing.

    Args:
        data: The whole file.

    Returns:
        The layout.

    Example:
        >>> layout(b"\xff\xd8\xff\xda\x00\x02...\xff\xd9")
        Layout(scans=1, complete=True)
    """
    start = _first_scan(data)
    # Searching for two bytes is far faster than walking, so the walk is kept for the suspicious.
    scans = data.count(_SCAN, start)
    if scans > _PLENTY:
        scans = _count_scans(data, start)
    return Layout(scans, data.rfind(_END, start) >= 0)


def _first_scan(data: bytes) -> int:
    """Skips the headers; the thumbnail inside them has markers of its own."""
    position = 2
    while found := _MARKER.search(data, position):
        code = data[found.end() - 1]
        if code == _SCAN[1]:
            return found.start()
        position = found.end() + (0 if code in _BARE else _length(data, found.end()))
    return len(data)


def _count_scans(data: bytes, start: int) -> int:
    scans, position = 0, start
    while found := _MARKER.search(data, position):
        code = data[found.end() - 1]
        if code == _END[1]:
            break
        scans += code == _SCAN[1]
        position = found.end() + (0 if code in _BARE else _length(data, found.end()))
    return scans


def _length(data: bytes, at: int) -> int:
    return max(2, int.from_bytes(data[at : at + 2], "big"))


def decode(data: bytes) -> Pixels | None:
    """Decodes a grey or colour JPEG, not yet turned upright.

    OpenCV hands over exactly the pixels that Pillow would (both use libjpeg-turbo) in about two
    thirds of the time: it writes them where they stay, while Pillow's pass through two copies.

    Args:
        data: The whole file, complete: OpenCV fills what is missing with grey and says nothing.

    Returns:
        Pixels, or `None` when OpenCV cannot read it.
    """
    import cv2
    import numpy as np

    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return pixels
