"""YuNet, 2023 March version, through OpenCV (weights: MIT, OpenCV Zoo)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from unmask.lab import weights
from unmask.types import Face, Pixels

FILE = "yunet_2023mar/detector.onnx"


class YuNet:
    """Finds faces as `cv2.FaceDetectorYN` does.

    Attributes:
        floor: Least confidence of a face.
    """

    def __init__(self, floor: float = 0.5, overlap: float = 0.3) -> None:
        """Load the weights; `overlap` is the intersection over union of two faces that are one.

        Raises:
            LabError: `weights_missing`.
        """
        self.floor = floor
        path = str(weights.find(FILE))
        self._detector = cv2.FaceDetectorYN.create(path, "", (320, 320), floor, overlap, 5000)

    def find(self, pixels: Pixels, scale: float = 1.0) -> list[Face]:
        """Faces of an RGB picture that is shown to the network at `scale` times its size."""
        height, width = (max(8, round(side * scale)) for side in pixels.shape[:2])
        small = pixels
        if scale != 1.0:
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            small = cv2.resize(pixels, (width, height), interpolation=how)
        self._detector.setInputSize((width, height))
        rows = self._detector.detect(np.ascontiguousarray(small[:, :, ::-1]))[1]
        shrink = np.array([width / pixels.shape[1], height / pixels.shape[0]], np.float32)
        return [] if rows is None else [_face(row, shrink) for row in rows]


def kernels() -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Weight and bias of every convolution, in the order in which the graph applies them.

    Raises:
        LabError: `weights_missing`.
    """
    import onnx

    graph = onnx.load(str(weights.find(FILE))).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node.input for node in graph.node if node.op_type == "Conv"]
    return [(arrays[weight], arrays[bias]) for _, weight, bias in nodes]


def _face(row: npt.NDArray[np.float32], shrink: npt.NDArray[np.float32]) -> Face:
    corner, side = row[:2] / shrink, row[2:4] / shrink
    points = row[4:14].reshape(5, 2) / shrink
    x0, y0, x1, y1 = (float(v) for v in (*corner, *(corner + side)))
    return Face(box=(x0, y0, x1, y1), confidence=float(row[14]), points=points)
