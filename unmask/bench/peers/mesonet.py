"""MesoNet, both networks: Meso4 and MesoInception4.

Darius Afchar, Vincent Nozick, Junichi Yamagishi and Isao Echizen, "MesoNet: a Compact Facial Video
Forgery Detection Network", WIFS 2018, arXiv 1809.00888. Four convolutions look at textures between
pixels and faces. The weights are the authors' Keras ones, converted to safetensors with names and
axes as Keras has them: `conv2d_5.kernel:0` is (height, width, in, out), and the dense layer reads
rows, columns, channels in this order.

Fails where it was not trained: web videos of 2018 for the DF weights, Face2Face for the F2F ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unmask.bench.peers import Logits
from unmask.bench.peers._torch import logits, opening
from unmask.judge.card import CropRecipe

CARD = {
    "title": "MesoNet: a Compact Facial Video Forgery Detection Network",
    "authors": "Darius Afchar, Vincent Nozick, Junichi Yamagishi, Isao Echizen",
    "venue": "WIFS",
    "year": 2018,
    "arxiv": "1809.00888",
    "licence": "Apache-2.0",
    "trained_on": {
        "DF": "the authors' crops of face-swap web videos, 5111 forged and 7250 genuine",
        "F2F": "FaceForensics: Face2Face and its originals",
    },
    "seen": {"DF": ("swap_meso",), "F2F": ("ffpp_c23",)},
    "notes": "swap_meso is the sister part of the crops behind the DF weights, and ffpp_c23 may "
    "share originals with the F2F ones.",
}

CROP = CropRecipe("eyes", (256, 256), 1.1, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""The authors cut 2.86 times the greater of eye and eye-to-mouth distance, levelled. That is 1.0 to
1.1 sides of the box that our finder draws, and their published crops are 1.13 of it wide."""

ROLES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""Keras's word for a tensor and torch's."""


def load(path: Path) -> Logits:
    """Either network, by what the file holds.

    Raises:
        BundleError: `bundle_missing` or `bundle_invalid`.
    """
    with opening(path, "mesonet"):
        layers = _layers(load_file(path))
        network = NETWORKS[len(layers["conv2d"])]()
        for kind, module in KINDS.items():
            own = [part for part in network.modules() if isinstance(part, module)]
            for part, tensors in zip(own, layers[kind], strict=True):
                _fill(part, tensors)
    return logits(network, CROP)


class MesoNet(nn.Module):
    """Four stages and two dense layers; modules stand in the order in which Keras numbered them.

    Args:
        first: Convolution from 3 to `widths[0]` channels.
        second: Convolution from these to `widths[1]`.
        widths: Channels.
    """

    def __init__(self, first: nn.Module, second: nn.Module, widths: tuple[int, int]) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _stage(first, widths[0], 2),
            _stage(second, widths[1], 2),
            _stage(nn.Conv2d(widths[1], 16, 5, padding=2), 16, 2),
            _stage(nn.Conv2d(16, 16, 5, padding=2), 16, 4),
        )
        self.head = nn.Sequential(nn.Linear(1024, 16), nn.LeakyReLU(0.1), nn.Linear(16, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Image (n, 3, 256, 256), 0..1, to logits (n,); the published output means genuine."""
        rows = self.features(image).permute(0, 2, 3, 1).flatten(1)
        genuine: Tensor = self.head(rows)[:, 0]
        return -genuine


class _Inception(nn.Module):
    """A 1x1 convolution beside three of 3x3 that look ever wider."""

    def __init__(self, into: int, *widths: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Conv2d(into, widths[0], 1)])
        for reach, width in enumerate(widths[1:], 1):
            wide = nn.Conv2d(width, width, 3, padding=reach, dilation=reach)
            self.branches.append(nn.Sequential(nn.Conv2d(into, width, 1), nn.ReLU(), wide))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def _stage(convolution: nn.Module, width: int, pool: int) -> nn.Sequential:
    return nn.Sequential(
        convolution, nn.ReLU(), nn.BatchNorm2d(width, eps=1e-3), nn.MaxPool2d(pool)
    )


def meso4() -> MesoNet:
    """Plain convolutions."""
    return MesoNet(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 5, padding=2), (8, 8))


def meso_inception4() -> MesoNet:
    """The first two stages see several scales."""
    return MesoNet(_Inception(3, 1, 4, 4, 2), _Inception(11, 2, 4, 4, 2), (11, 12))


NETWORKS = {4: meso4, 16: meso_inception4}
"""By their number of convolutions."""

KINDS = {"conv2d": nn.Conv2d, "batch_normalization": nn.BatchNorm2d, "dense": nn.Linear}


def _layers(tensors: Mapping[str, Tensor]) -> dict[str, list[dict[str, Tensor]]]:
    """By kind, each in the order of Keras's numbers: the tensors of every layer by their role."""
    numbered: dict[str, dict[int, dict[str, Tensor]]] = {kind: {} for kind in KINDS}
    for name, tensor in tensors.items():
        layer, role = name.removesuffix(":0").split(".")
        kind, _, number = layer.rpartition("_")
        numbered[kind].setdefault(int(number), {})[ROLES[role]] = tensor
    return {kind: [rows[number] for number in sorted(rows)] for kind, rows in numbered.items()}


def _fill(part: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give a module its tensors, every one of them and each its own."""
    state = part.state_dict()
    state.pop("num_batches_tracked", None)
    if state.keys() != tensors.keys():
        raise ValueError(f"a layer has {sorted(tensors)}")
    part.load_state_dict({key: _turned(value) for key, value in tensors.items()}, strict=False)


def _turned(tensor: Tensor) -> Tensor:
    """Keras's axes, inputs before outputs, to torch's."""
    if tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1)
    return tensor.t() if tensor.ndim == 2 else tensor
