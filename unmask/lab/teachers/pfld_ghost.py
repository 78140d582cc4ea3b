"""PFLD with a Ghost backbone (weights: Apache-2.0, WFLW), read as the usual 68 points."""

from __future__ import annotations

import cv2
import numpy as np
import onnxruntime

from unmask.lab import weights
from unmask.types import Face, Pixels, Points

FILE = "pfld_ghost/PFLD_GhostOne_112_1_opt_sim.onnx"
SIDE, MARGIN = 112, 1.2
FROM_98 = (
    *range(0, 33, 2),
    *range(33, 38),
    *range(42, 47),
    *range(51, 60),
    *(60, 61, 63, 64, 65, 67),
    *(68, 69, 71, 72, 73, 75),
    *range(76, 96),
)
"""The 98-point place of each of the 68: jaw, brows, nose, eyes, outer and inner lips."""


class PfldGhost:
    """Finds 68 points on a face whose box is known."""

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            LabError: `weights_missing`.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        path = str(weights.find(FILE))
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name

    def locate(self, pixels: Pixels, face: Face) -> Points:
        """Shape (68, 2), float32, in pixels of the picture."""
        x0, y0, x1, y1 = face.box
        side = MARGIN * max(x1 - x0, y1 - y0)
        left, top = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2
        scale = SIDE / side
        matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        crop = cv2.warpAffine(pixels, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        image = crop.astype(np.float32).transpose(2, 0, 1)[None] / 255
        answer = np.asarray(self.session.run(None, {self.input: image})[-1]).reshape(-1, 2)
        points = answer[list(FROM_98)] * side + (left, top)
        return points.astype(np.float32)
