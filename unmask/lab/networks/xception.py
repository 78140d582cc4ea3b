"""Xception (François Chollet, CVPR 2017, arXiv 1610.02357): separable convolutions with shortcuts.

Layers are named as in the ImageNet weights that are passed around for PyTorch, so that a
safetensors file of those fits.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from unmask.errors import LabError

MIDDLE = 8
"""Blocks of the middle flow (paper, figure 5)."""


class Separable(nn.Module):
    """A 3x3 convolution within every channel, then a 1x1 convolution across them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, inputs, h, w) to (n, outputs, h, w)."""
        out: Tensor = self.pointwise(self.conv1(x))
        return out


class Block(nn.Module):
    """Separable convolutions beside a shortcut; blocks that change width halve the sides."""

    def __init__(self, *widths: int, bend_first: bool = True) -> None:
        """Make one convolution for every step in `widths`.

        Args:
            widths: Channels at the entrance and after every convolution.
            bend_first: Whether an activation stands before the first convolution.
        """
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.ReLU(), Separable(inputs, outputs), nn.BatchNorm2d(outputs)]
        narrows = widths[0] != widths[-1]
        if narrows:
            layers.append(nn.MaxPool2d(3, 2, 1))
            self.skip = nn.Conv2d(widths[0], widths[-1], 1, 2, bias=False)
            self.skipbn = nn.BatchNorm2d(widths[-1])
        self.rep = nn.Sequential(*layers[0 if bend_first else 1 :])
        self.narrows = narrows

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, c, h, w) to the same, or to (n, c', h/2, w/2), rounded up."""
        short = self.skipbn(self.skip(x)) if self.narrows else x
        out: Tensor = self.rep(x) + short
        return out


class Xception(nn.Module):
    """Entry, middle and exit flow without the classifier, for pictures of any size from 32 on.

    Attributes:
        channels: Of the last map, 2048.
    """

    channels = 2048

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32)
        self.conv2, self.bn2 = nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64)
        self.block1 = Block(64, 128, 128, bend_first=False)
        self.block2, self.block3 = Block(128, 256, 256), Block(256, 728, 728)
        for number in range(MIDDLE):
            self.add_module(f"block{4 + number}", Block(728, 728, 728, 728))
        self.block12 = Block(728, 728, 1024)
        self.conv3, self.bn3 = Separable(1024, 1536), nn.BatchNorm2d(1536)
        self.conv4, self.bn4 = Separable(1536, self.channels), nn.BatchNorm2d(self.channels)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n, 2048, h/32, w/32), rounded to within one.

        Example:
            >>> import torch
            >>> Xception().eval()(torch.zeros(1, 3, 96, 64)).shape
            torch.Size([1, 2048, 3, 2])
        """
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        for number in range(1, 5 + MIDDLE):
            x = self.get_submodule(f"block{number}")(x)
        x = F.relu(self.bn3(self.conv3(x)))
        return F.relu(self.bn4(self.conv4(x)))

    def load(self, path: Path) -> None:
        """Fill the network from a safetensors file; a classifier in it is left aside.

        Raises:
            LabError: `weights_missing` when the file lacks a layer or holds another shape.
        """
        own = self.state_dict()
        found = {name: value for name, value in load_file(path).items() if name in own}
        # Files written before normalisation counted its batches are complete all the same.
        counters = {n: v for n, v in own.items() if n.endswith("num_batches_tracked")}
        try:
            self.load_state_dict(counters | found)
        except RuntimeError as error:
            raise LabError("weights_missing", f"{path.name} is no Xception: {error}") from error
