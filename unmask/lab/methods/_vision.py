"""What detectors on a published backbone share: crops of its size, pairs, two logits.

They learn from the same pairs as the plain classifiers do. A run keeps only what is a method's own:
the backbone's frozen weights stay in its folder. An exported bundle holds everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cache as once
from functools import partial
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from unmask.lab import backbones
from unmask.lab.data.kept import Kept
from unmask.lab.method import Batch, Data, square
from unmask.lab.methods import _labelled, _plain


@dataclass(frozen=True)
class Config(_labelled.Settings):
    """Settings of a detector on a backbone.

    Attributes:
        backbone: As the hub calls it, "unmask/face-language", or a folder.
        margin: Side of the crop in face sides.
        kept: Whether pairs are made once, at full wear, and come back in every epoch: see
            `unmask.lab.data.kept`. Otherwise every epoch has pairs of its own.
    """

    backbone: str = "openai/clip-vit-large-patch14"
    margin: float = 1.3
    kept: bool = False


FAR = 1 << 16
"""An epoch in which wear has long been at its strongest."""


class Margin(nn.Module):
    """By how much a network's logit for forged exceeds that for genuine: (n, 2) to (n,)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n,)."""
        logits: Tensor = self.network(image)
        return logits[:, 1] - logits[:, 0]


class Vision(_plain.Plain):
    """Trains a network from pictures, colours -1..1, to two logits: genuine and forged, (n, 2)."""

    def crop(self) -> dict[str, Any]:
        side = backbones.side(backbones.locate(self.config.backbone))
        return square("box", side, self.config.margin)

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        if not self.config.kept:
            return super().data(root, cache, seed)
        make = once(partial(super().data, root, cache, seed))
        return kept(make, cache / f"pairs-{self._pairs_key(root, seed)}")

    def _pairs_key(self, root: Path, seed: int) -> str:
        """Of all that decides how the pairs look."""
        names = [field.name for field in fields(_labelled.Settings)]
        settings = {name: getattr(self.config, name) for name in names}
        files = [str(sample.path) for sample in _labelled.photos(root)]
        told = repr((files, self.crop(), settings, seed))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        image, label = flat(batch)
        return {"loss": F.cross_entropy(network(image).float(), label)}

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        return super().evaluate(Margin(network), batches)

    def graph(self, network: nn.Module) -> nn.Module:
        return super().graph(Margin(network))

    def calibrate(self, network: nn.Module, data: Data, batches: Iterable[Batch]) -> dict[str, Any]:
        return super().calibrate(Margin(network), data, batches)


def kept(make: Callable[[], Data], folder: Path) -> Data:
    """The same pairs, read from a folder, or made for it when it does not hold them yet."""

    def worn() -> Dataset[Any]:
        train = make().train
        train.set_epoch(FAR)  # type: ignore[attr-defined]
        return train

    return Data(Kept(worn, folder / "train"), Kept(lambda: make().val, folder / "val"))


def flat(batch: Batch) -> tuple[Tensor, Tensor]:
    """Pictures (2n, 3, h, w), genuine and forged by turns, and their labels, int64 (2n,)."""
    return batch["image"].flatten(0, 1), batch["label"].flatten().long()
