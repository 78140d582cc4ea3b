"""The one door to FFmpeg: opens local files only, with one demuxer, quietly and with a time limit.

A playlist or a script of another format that came this far could make FFmpeg open other files or
addresses. It cannot: the demuxer is forced to the sniffed one, and no protocol but "file" is let
through, which is also all that is used here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from unmask.errors import InputError
from unmask.media.options import Limits

_DEMUXERS = {"MP4": "mov", "MOV": "mov", "MKV": "matroska", "WebM": "matroska", "AVI": "avi"}
_QUIET = "-8"
_TRIES = 64
_MOST_THREADS = 4
# OpenCV's FFmpeg can be told these things by the environment only, which all threads share.
_ENVIRONMENT = threading.Lock()


def open_capture(address: str, name: str, limits: Limits, *, packets: bool = False) -> Any:
    """Opens a video with OpenCV.

    Args:
        address: A path that needs no working directory and is not a URL.
        name: The container, as `unmask.media.sniff` names it.
        limits: `patience` counts.
        packets: Give the undecoded packets, not the frames.

    Returns:
        A `cv2.VideoCapture` that is open.

    Raises:
        InputError: `timeout`, or `no_frames` when FFmpeg finds nothing it can decode.
    """
    import cv2

    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    wait = max(1, round(limits.patience * 1000))
    options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, wait, cv2.CAP_PROP_READ_TIMEOUT_MSEC, wait]
    options += [cv2.CAP_PROP_N_THREADS, min(_MOST_THREADS, os.cpu_count() or 1)]
    if packets:
        options += [cv2.CAP_PROP_FORMAT, -1]
    began = time.monotonic()
    with _told(_DEMUXERS[name]):
        found = cv2.VideoCapture(address, cv2.CAP_FFMPEG, options)
    check_time(began, limits)
    if not found.isOpened():
        raise InputError("no_frames", f"No video in this {name} that can be decoded.")
    return found


@contextmanager
def _told(demuxer: str) -> Iterator[None]:
    wished = {
        "OPENCV_FFMPEG_CAPTURE_OPTIONS": f"input_format;{demuxer}|format_whitelist;{demuxer}"
        "|protocol_whitelist;file",
        "OPENCV_FFMPEG_LOGLEVEL": os.environ.get("OPENCV_FFMPEG_LOGLEVEL", _QUIET),
    }
    with _ENVIRONMENT:
        before = {key: os.environ.get(key) for key in wished}
        os.environ.update(wished)
        try:
            yield
        finally:
            for key, value in before.items():
                if value is None:
                    del os.environ[key]
                else:
                    os.environ[key] = value


def grab(capture: Any, limits: Limits) -> bool:
    """Moves to the next frame or packet, over damaged ones.

    Args:
        capture: From `open_capture`.
        limits: `patience` counts.

    Returns:
        Whether there was one.

    Raises:
        InputError: `timeout`.
    """
    began = time.monotonic()
    for _ in range(_TRIES):
        if capture.grab():
            return True
        check_time(began, limits)
    return False


def check_time(began: float, limits: Limits) -> None:
    """Holds the time since `began` (of `time.monotonic`) against the limit.

    Raises:
        InputError: `timeout`.
    """
    if time.monotonic() - began > limits.patience:
        raise InputError("timeout", f"Reading took longer than {limits.patience:g} seconds.")
