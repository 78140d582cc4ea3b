"""PFLD with ghost modules, 98 points of the WFLW convention (weights: Apache-2.0), through ONNX."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor

from unmask.lab import weights

FILE = "pfld_ghost/PFLD_GhostOne_112_1_opt_sim.onnx"
SIDE = 112

SIXTY_EIGHT = (
    *range(0, 33, 2),
    *range(33, 38),
    *range(42, 47),
    *range(51, 60),
    *(60, 61, 63, 64, 65, 67),
    *(68, 69, 71, 72, 73, 75),
    *range(76, 96),
)
"""Numbers of the 98 points that stand for the usual 68, in their order."""


class PfldGhost:
    """The 68 points of square face crops of margin 1.2."""

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            LabError: `weights_missing`.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(weights.find(FILE)), options)

    def locate(self, crops: Tensor) -> Tensor:
        """Shape (n, 3, s, s), RGB 0..255, to (n, 68, 2) in pixels of the crop."""
        small = F.interpolate(crops.float() / 255, (SIDE, SIDE), mode="area")
        rows = [self._session.run(None, {"input": crop[None].numpy()})[0] for crop in small]
        points = np.concatenate(rows).reshape(-1, 98, 2)[:, list(SIXTY_EIGHT)]
        return torch.from_numpy(points) * crops.shape[-1]
