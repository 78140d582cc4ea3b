"""Generated faces, from what up-sampling leaves between neighbouring pixels, as published.

A generator enlarges small grids, so a block's pixels depend on one another. Chuangchuang Tan, Yao
Zhao, Shikui Wei, Guanghua Gu, Ping Liu and Yunchao Wei, "Rethinking the Up-Sampling Operations in
CNN-based Generative Network for Generalizable Deepfake Detection", CVPR 2024, arXiv 2312.10461:
subtract from a picture its own nearest-neighbour reconstruction from half its size, and classify
what remains by a ResNet-50 cut after its second stage. `npr` is our changed one.

What differs from the paper, and why:

* It learns from the same pairs as the embedded detectors, swaps and self-blends among them, with
  the same wear, instead of ProGAN's cars, cats, chairs and horses: it stands beside them in tables.
* Windows of 128 native pixels at the face instead of whole pictures of 256, so that it trains on a
  processor.
* Colours lie in -1..1, not in ImageNet's units: the normalisation after the first convolution takes
  any scale out.

Fails where compression or shrinking removed the trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ResNetConfig, ResNetModel

from unmask.judge.bundle import CropRecipe
from unmask.lab.method import Data
from unmask.lab.methods import _labelled, _plain

CARD = {
    "title": "Neighbouring pixel relationships, as published",
    "authors": "Chuangchuang Tan, Yao Zhao, Shikui Wei, Guanghua Gu, Ping Liu, Yunchao Wei",
    "venue": "CVPR",
    "year": 2024,
    "arxiv": "2312.10461",
    "task": "synthetic-trace",
}


@dataclass(frozen=True)
class Config(_labelled.Settings):
    """Settings.

    Attributes:
        size: Side of a window in pixels.
        windows: Windows a face, at most; their logits are averaged.
        margin: Reach of the windows in face boxes.
        depths: Blocks of each stage that is kept.
    """

    size: int = 128
    windows: int = 1
    margin: float = 1.2
    depths: tuple[int, ...] = (3, 4)


class Trunk(nn.Module):
    """What nearest neighbours do not explain, through the first stages of a ResNet-50."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        widths = [256 << stage for stage in range(len(depths))]
        self.channels = widths[-1]
        self.net = ResNetModel(ResNetConfig(hidden_sizes=widths, depths=list(depths)))
        # Small residuals deserve a small first kernel: 3x3 where ResNet has 7x7.
        self.net.embedder.embedder.convolution = nn.Conv2d(3, 64, 3, 2, 1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n, channels, h/8, w/8) for two stages."""
        out: Tensor = self.net(residual(image) * 2 / 3).last_hidden_state
        return out


def residual(image: Tensor) -> Tensor:
    """A picture without its nearest-neighbour reconstruction from half its size.

    Args:
        image: Shape (n, c, h, w), even h and w.

    Example:
        >>> import torch
        >>> residual(torch.tensor([[[[1.0, 3.0], [4.0, 1.0]]]])).tolist()
        [[[[0.0, 2.0], [3.0, 0.0]]]]
    """
    half = image[:, :, ::2, ::2]
    return image - F.interpolate(half, scale_factor=2.0, mode="nearest")


class PublishedPixels(_plain.Plain):
    """NPR's own network on windows of native pixels."""

    config: Config

    def network(self) -> _plain.Classifier:
        trunk = Trunk(self.config.depths)
        return _plain.Classifier(trunk, trunk.channels, 0.0)

    def crop(self) -> dict[str, Any]:
        return super().crop() | {
            "kind": "native",
            "windows": self.config.windows,
            "min_face": self.config.size // 2,
        }

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        recipe = CropRecipe(**self.crop() | {"min_face": 0, "windows": 1})
        return _labelled.windows(root, cache, recipe, self.config, seed)
