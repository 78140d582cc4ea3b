"""A JPEG's structure, as far as it must be known before a decoder may have it."""

from __future__ import annotations

import re
from typing import NamedTuple

_SCAN = b"\xff\xda"
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_BARE = frozenset([0x01, *range(0xD0, 0xD9)])
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset([0xC2, 0xC6, 0xCA, 0xCE])
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
    start, single = _first_scan(data)
    complete = data.rfind(_END, start) >= 0
    if single or start == len(data):
        return Layout(int(single), complete)
    # Searching for two bytes is far faster than walking, so the walk is kept for the suspicious.
    scans = data.count(_SCAN, start)
    return Layout(_count_scans(data, start) if scans > _PLENTY else scans, complete)


def _first_scan(data: bytes) -> tuple[int, bool]:
    """Where the first scan starts, and whether a decoder stops after it.

    It does when the file is not progressive and that scan holds all colours. The headers are
    skipped one by one: the thumbnail inside them has markers of its own.
    """
    position, colours, progressive = 2, 0, False
    while found := _MARKER.search(data, position):
        code, at = data[found.end() - 1], found.end()
        if code == _SCAN[1]:
            return found.start(), not progressive and data[at + 2 : at + 3] == bytes([colours])
        if code in _FRAMES:
            progressive |= code in _PROGRESSIVE
            colours = int.from_bytes(data[at + 7 : at + 8], "big")
        position = at + (0 if code in _BARE else _length(data, at))
    return len(data), False


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
