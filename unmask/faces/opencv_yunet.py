"""YuNet through OpenCV, for those who prefer it to Unmask's own face finder.

`unmask models fetch yunet` installs the network. It was trained on faces of about 10 to 300 pixels,
so a frame is searched at a small and a large size and the two answers are merged.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import numpy.typing as npt

from unmask.judge.bundle import Bundle
from unmask.types import Face, Pixels

SIDES = (320, 1280)
"""Longest side of the frame, in pixels, for each search; frames are never enlarged."""

Rows = npt.NDArray[np.float32]
"""Shape (n, 15): x, y, width, height, five points, confidence."""


class YuNet:
    """A face finder with the interface of `unmask.faces.find.Finder`.

    It may be called from several threads; each gets a network of its own, because OpenCV's keeps
    the frame's size in itself.

    Args:
        bundle: Its card's options give `threshold` and `nms`, both 0..1.
    """

    def __init__(self, bundle: Bundle) -> None:
        options = bundle.card.options
        self.nms = float(options.get("nms", 0.3))
        self.threshold = float(options.get("threshold", 0.6))
        self._network = np.frombuffer(bundle.read(), np.uint8)
        self._own = threading.local()

    def find(self, pixels: Pixels) -> list[Face]:
        """Faces in a frame, largest first.

        Args:
            pixels: Shape (height, width, 3), uint8 RGB.

        Returns:
            Boxes and points in the frame's pixels; `track` counts from 0.
        """
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        longest = max(bgr.shape[:2])
        sides = sorted({min(side, longest) for side in SIDES})
        rows = self._merge(np.concatenate([self._search(bgr, side / longest) for side in sides]))
        rows = rows[np.argsort(-rows[:, 2] * rows[:, 3], kind="stable")]
        return [_face(row, number) for number, row in enumerate(rows)]

    def _search(self, bgr: Pixels, scale: float) -> Rows:
        height, width = (max(1, round(side * scale)) for side in bgr.shape[:2])
        small = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
        with _quiet():
            net = self._net(width, height)
            found = net.detect(small)[1]
        rows = np.zeros((0, 15), np.float32) if found is None else np.array(found, np.float32)
        rows[:, :14] /= scale
        return rows

    def _net(self, width: int, height: int) -> cv2.FaceDetectorYN:
        """This thread's network, ready for frames of this size."""
        if not hasattr(self._own, "net"):
            self._own.net = cv2.FaceDetectorYN.create(
                "onnx", self._network, np.zeros(0, np.uint8), SIDES, self.threshold, self.nms, 5000
            )
        net: cv2.FaceDetectorYN = self._own.net
        net.setInputSize((width, height))
        return net

    def _merge(self, rows: Rows) -> Rows:
        """Drop what was found at both sizes."""
        boxes, confidence = rows[:, :4].tolist(), rows[:, 14].tolist()
        keep = cv2.dnn.NMSBoxes(boxes, confidence, self.threshold, self.nms)
        kept: Rows = rows[np.array(keep, int).reshape(-1)]
        return kept


def _face(row: Rows, number: int) -> Face:
    x, y, width, height = (float(v) for v in row[:4])
    return Face(
        box=(x, y, x + width, y + height),
        confidence=float(row[14]),
        points=row[4:14].reshape(5, 2).copy(),
        track=number,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV 5 warns on stderr about a setting that FaceDetectorYN makes by itself."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
