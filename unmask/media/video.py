"""Decodes the wished frames of a video, one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from unmask.errors import InputError
from unmask.media.capture import grab, open_capture
from unmask.media.index import Index
from unmask.media.options import Limits, Sampling
from unmask.media.photo import check_pixels
from unmask.media.sampling import choose
from unmask.types import Frame, Pixels

# Sent to a frame, OpenCV starts at the last key frame that is at least so far before it and counts
# frames from there. Sent to a key frame plus this many, it hardly counts, so that the counting
# cannot lead astray where frames are spread unevenly.
_RUN_UP = 16
# By how many frames a decoded frame's time may be off before frames must have been lost.
_DRIFT = 2


def frames(
    address: str, name: str, index: Index, limits: Limits, sampling: Sampling
) -> Iterator[Frame]:
    """Decodes; memory holds one frame at a time, however long the video.

    Damaged frames are left out, and the next whole one stands in for a wished one.

    Args:
        address: As for `capture.open_capture`.
        name: The container.
        index: Of this video.
        limits: `patience` and `pixels` count.
        sampling: Which frames.

    Yields:
        Frames, upright, in the order of time.

    Raises:
        InputError: `no_frames` when none can be decoded, `timeout`, `too_many_pixels`.
    """
    given = False
    cursor = _Cursor(address, name, index, limits)
    try:
        for pick in choose(index.times, index.duration, sampling):
            if pick <= cursor.position:
                continue
            if not cursor.go(int(pick)):
                break
            if (pixels := cursor.picture()) is not None:
                given = True
                yield Frame(pixels, cursor.position, float(index.times[cursor.position]))
    finally:
        cursor.close()
    if not given:
        codec = index.codec or "unknown"
        raise InputError("no_frames", f"No frame of this {name} can be decoded (codec {codec}).")


class _Cursor:
    """A place in a video.

    Attributes:
        position: Of the frame last grabbed; -1 before the first.
    """

    def __init__(self, address: str, name: str, index: Index, limits: Limits) -> None:
        self._source, self._index, self._limits = (address, name), index, limits
        whole = len(index.keys) == len(index.times)
        # In an AVI the times of frames that depend on later ones cannot be relied on.
        self._seekable = index.timed and (name != "AVI" or whole)
        self._capture: Any = open_capture(address, name, limits)
        self.position = -1

    def go(self, pick: int) -> bool:
        """Moves on to a frame, or to the first whole one after it; false at the end."""
        key = self._shortcut(pick)
        if key is not None and not self._jump(key, pick):
            self._start_over()
        while self.position < pick:
            if not self._step():
                return False
        return True

    def picture(self) -> Pixels | None:
        """The current frame, or `None` when it cannot be had."""
        import cv2

        good, picture = self._capture.retrieve()
        if not good or picture is None or picture.ndim != 3:
            return None
        check_pixels(picture.shape[1], picture.shape[0], self._limits)
        pixels: Pixels = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        return pixels

    def close(self) -> None:
        self._capture.release()

    def _shortcut(self, pick: int) -> int | None:
        """The key frame to jump to, where that spares decoding."""
        keys = self._index.keys
        last = int(np.searchsorted(keys, pick - _RUN_UP, side="right")) - 1
        if not self._seekable or last < 0:
            return None
        key = int(keys[last])
        return key if key > self.position + _RUN_UP else None

    def _jump(self, key: int, pick: int) -> bool:
        """Jumps; false when it led past the wished frame, which is then decoded towards."""
        import cv2

        frame = math.ceil(self._index.times[key] * self._index.rate) + _RUN_UP
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
        if not grab(self._capture, self._limits):
            return False
        self.position = self._nearest()
        return self.position <= pick

    def _start_over(self) -> None:
        self.close()
        self._capture = open_capture(*self._source, self._limits)
        self._seekable, self.position = False, -1

    def _step(self) -> bool:
        if not grab(self._capture, self._limits):
            return False
        count = self.position + 1
        seen = self._nearest() if self._index.timed else count
        self.position = min(seen if seen > count + _DRIFT else count, len(self._index.times) - 1)
        return True

    def _nearest(self) -> int:
        import cv2

        times = self._index.times
        moment = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        right = min(int(np.searchsorted(times, moment)), len(times) - 1)
        left = max(right - 1, 0)
        return left if moment - times[left] < times[right] - moment else right
