"""MediaPipe's Face Mesh, 468 points (weights: Apache-2.0), loaded into our own network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmask.lab import weights

FILE = "facemesh_pytorch/facemesh.pth"
SIDE = 192
WIDTHS = (16, 16, 32, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128)
HALVED = frozenset({2, 5, 8, 11})

SIXTY_EIGHT = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
"""Vertices of the mesh that stand for the usual 68 points, in their order."""


class Block(nn.Module):
    """3×3 per channel, then 1×1, beside a shortcut that is pooled and widened as needed."""

    def __init__(self, into: int, out: int, halve: bool = False) -> None:
        super().__init__()
        stride, pad = (2, 0) if halve else (1, 1)
        self.convs = nn.Sequential(
            nn.Conv2d(into, into, 3, stride, pad, groups=into), nn.Conv2d(into, out, 1)
        )
        self.act = nn.PReLU(out)
        self.halve, self.widen = halve, out - into

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, into, h, w) to (n, out, h, w), or half of h and w."""
        inner, short = x, x
        if self.halve:
            inner, short = F.pad(x, (0, 1, 0, 1)), F.max_pool2d(x, 2)
        if self.widen:
            short = F.pad(short, (0, 0, 0, 0, 0, self.widen))
        result: Tensor = self.act(self.convs(inner) + short)
        return result


def framed(x: Tensor) -> Tensor:
    """A mirrored row and column at the top and left, where the trunk's first layer wants them."""
    return F.pad(x, (1, 0, 1, 0), mode="reflect")


def trunk() -> nn.Sequential:
    """192 px to 128 maps of 6 px."""
    blocks = [
        Block(into, out, index in HALVED)
        for index, (into, out) in enumerate(zip((16, *WIDTHS), WIDTHS, strict=False))
    ]
    return nn.Sequential(nn.Conv2d(3, 16, 3, 2), nn.PReLU(16), *blocks)


def head(values: int) -> nn.Sequential:
    """128 maps of 6 px to `values` numbers."""
    return nn.Sequential(
        Block(128, 128, halve=True),
        Block(128, 128),
        Block(128, 128),
        nn.Conv2d(128, 32, 1),
        nn.PReLU(32),
        Block(32, 32),
        nn.Conv2d(32, values, 3),
    )


class Network(nn.Module):
    """x, y and depth of 468 points in pixels of the 192-pixel crop."""

    def __init__(self, points: int = 468) -> None:
        super().__init__()
        self.backbone, self.coord_head = trunk(), head(3 * points)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, 3, 192, 192), RGB -1..1, to (n, points, 3)."""
        values: Tensor = self.coord_head(self.backbone(framed(x)))
        return values.reshape(len(x), -1, 3)


def state() -> dict[str, Tensor]:
    """The published weights of trunk and coordinate head.

    Raises:
        LabError: `weights_missing`.
    """
    found = torch.load(weights.find(FILE), map_location="cpu", weights_only=True)
    return {name: value for name, value in found.items() if not name.startswith("conf_head")}


class FaceMesh:
    """The 68 points of square, level face crops of margin 1.5."""

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            LabError: `weights_missing`.
        """
        self.network = Network().eval().requires_grad_(False)
        self.network.load_state_dict(state())

    def locate(self, crops: Tensor) -> Tensor:
        """Shape (n, 3, 192, 192), RGB 0..255, to (n, 68, 2) in pixels of the crop."""
        mesh: Tensor = self.network(crops.float() / 127.5 - 1)
        return mesh[:, list(SIXTY_EIGHT), :2]
