"""A face as a finder might have seen it, cut out for a network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unmask.faces.align import cut
from unmask.judge.bundle import CropRecipe
from unmask.types import Face, Pixels, Plane

CELLS = 16
Rng = np.random.Generator


class View:
    """A slightly wrong look at a face: shifted, scaled, turned, mirrored, as a finder errs."""

    def __init__(self, face: Face, rng: Rng) -> None:
        x0, y0, x1, y1 = face.box
        side = max(x1 - x0, y1 - y0)
        grow = rng.uniform(0.9, 1.15) * side / 2
        x, y = (
            (x0 + x1) / 2 + rng.normal(0, 0.03) * side,
            (y0 + y1) / 2 + rng.normal(0, 0.03) * side,
        )
        turn = np.deg2rad(rng.normal(0, 5))
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
        points = (face.points - (x, y)) @ spin.T + (x, y)
        self.face = replace(
            face, box=(x - grow, y - grow, x + grow, y + grow), points=points.astype(np.float32)
        )
        self.mirror = bool(rng.random() < 0.5)

    def cut(self, pixels: Pixels, recipe: CropRecipe) -> Pixels:
        """The crop as this view sees it."""
        (crop,) = cut(pixels, self.face, recipe)
        return np.ascontiguousarray(crop.pixels[:, ::-1]) if self.mirror else crop.pixels

    def cells(self, mask: Plane, recipe: CropRecipe) -> Tensor:
        """How much of each cell of the crop was replaced, shape (16, 16), 0..1."""
        level = np.repeat((mask * 255).astype(np.uint8)[..., None], 3, 2)
        seen = torch.from_numpy(self.cut(level, recipe)[..., 0].astype(np.float32) / 255)
        return F.adaptive_avg_pool2d(seen[None], CELLS)[0]


def to_tensor(pixels: Pixels) -> Tensor:
    """uint8 (h, w, 3) to float (3, h, w), -1..1."""
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1
