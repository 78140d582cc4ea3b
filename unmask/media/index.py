"""An index of all frames of a video, made from its packets without decoding one.

It takes some milliseconds a minute of film and tells the real number of frames, their real times
and where decoding can start; the container's header is not believed in any of these.
"""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from unmask.errors import InputError
from unmask.media.capture import check_time, grab, open_capture
from unmask.media.options import Limits
from unmask.media.photo import check_pixels
from unmask.media.sampling import Indices, Times
from unmask.types import Fact

_FASTEST = 1000.0
_USUAL_RATE = 25.0
_UNEVEN = 0.2


@dataclass(frozen=True)
class Index:
    """Where a video's frames are.

    Attributes:
        times: Shape (n,), seconds, ascending.
        keys: Positions of the frames that decode without others.
        timed: The times are the file's own; otherwise they were counted at the header's rate.
        width: Pixels, upright.
        height: Pixels, upright.
        rate: Frames per second by the header.
        claimed: Frames by the header.
        codec: Four letters.
        rotation: Degrees by which the stored frames are turned.
    """

    times: Times
    keys: Indices
    timed: bool
    width: int
    height: int
    rate: float
    claimed: int
    codec: str
    rotation: int

    @property
    def duration(self) -> float:
        """Seconds, the last frame's share included."""
        n = len(self.times)
        return float(self.times[-1]) * n / (n - 1) if self.times[-1] > 0 else n / self.rate


def build(address: str, name: str, limits: Limits) -> Index:
    """Reads all packets once.

    Args:
        address: As for `capture.open_capture`.
        name: The container.
        limits: All but `bytes` and `photo_bytes` count.

    Returns:
        The index, never empty.

    Raises:
        InputError: `too_many_pixels`, `too_long`, `no_frames`, `timeout`.
    """
    import cv2

    with _opened(address, name, limits) as head:
        width, height = _whole(head, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        claimed, fourcc = _whole(head, cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FOURCC)
        (turned,) = _whole(head, cv2.CAP_PROP_ORIENTATION_META)
        rate = _rate(head.get(cv2.CAP_PROP_FPS))
    check_pixels(width, height, limits)
    # A capture of packets does not tell the rotation, so the header was opened on its own.
    with _opened(address, name, limits, packets=True) as packets:
        times, keys = _packets(packets, limits)
    if not len(times) or not width * height:
        raise InputError("no_frames", f"This {name} holds no frame.")
    times, keys, timed = _sorted(times, keys, rate)
    codec = (fourcc & 0xFFFFFFFF).to_bytes(4, "little").decode("latin-1").strip("\x00 ")
    found = Index(times, keys, timed, width, height, rate, claimed, codec, turned)
    if found.duration > limits.seconds:
        raise _too_long(limits)
    return found


@contextmanager
def _opened(address: str, name: str, limits: Limits, *, packets: bool = False) -> Iterator[Any]:
    capture = open_capture(address, name, limits, packets=packets)
    try:
        yield capture
    finally:
        capture.release()


def _too_long(limits: Limits) -> InputError:
    return InputError("too_long", f"Longer than the limit of {limits.seconds:g} seconds.")


def _whole(capture: Any, *properties: int) -> list[int]:
    values = [capture.get(p) for p in properties]
    return [int(v) if math.isfinite(v) else 0 for v in values]


def _rate(told: float) -> float:
    return told if 0 < told <= _FASTEST else _USUAL_RATE


def _packets(capture: Any, limits: Limits) -> tuple[Times, Indices]:
    """Time of each packet in seconds, and whether it is a key frame."""
    import cv2

    began, times, keys = time.monotonic(), array("d"), bytearray()
    most = limits.seconds * _FASTEST
    while grab(capture, limits):
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        keys.append(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) > 0)
        check_time(began, limits)
        if len(times) > most:
            raise _too_long(limits)
    return np.array(times), np.frombuffer(bytes(keys), np.uint8)


def _sorted(times: Times, keys: Indices, rate: float) -> tuple[Times, Indices, bool]:
    """Packets come in the order of decoding; frames are shown in the order of their times.

    Times before 0 belong to packets that an edit list cuts away. Where the times make no sense
    (missing, or most of them equal), frames are counted instead.
    """
    sane = bool(np.isfinite(times).all()) and len(np.unique(times)) > len(times) // 2
    shown = times >= -1e-3
    if not sane or not shown.any():
        return np.arange(len(times)) / rate, np.flatnonzero(keys), False
    times, keys = np.maximum(times[shown], 0.0), keys[shown]
    order = np.argsort(times, kind="stable")
    return times[order], np.flatnonzero(keys[order]), True


def facts(index: Index, *, whole: bool) -> list[Fact]:
    """What the index tells about the file's history.

    Args:
        index: Of the video.
        whole: The file is not cut short, so that its header ought to be right.

    Returns:
        Facts.
    """
    found = [Fact("video.codec", index.codec, "How the pictures are compressed.")]
    if index.rotation:
        found.append(Fact("video.rotation", index.rotation, "Degrees; frames were turned upright."))
    if index.timed and _uneven(index.times):
        found.append(Fact("video.variable_frame_rate", True, _VARIABLE))
    n = len(index.times)
    if whole and abs(index.claimed - n) > 2 + 0.02 * n:
        found.append(Fact("video.frames_claimed", index.claimed, f"In truth {n}. {_CLAIM}"))
    return found


_VARIABLE = "Usual for phones and screen recordings, unusual for cameras and edited films."
_CLAIM = "The header is wrong: changed, badly written, or guessed where it says nothing."


def _uneven(times: Times) -> bool:
    steps = np.diff(times)
    if len(steps) < 3:
        return False
    middle = float(np.median(steps))
    return float((np.abs(steps - middle) > 0.5 * middle).mean()) > _UNEVEN * 0.5
