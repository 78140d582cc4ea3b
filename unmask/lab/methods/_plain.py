"""What the plain classifiers share: one logit a picture, learnt from labelled pairs.

They stand beside the embedded detectors in every table, so they see the same pictures: all kinds of
forgeries at once, worn alike. Only the network and the crop are each paper's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmask.bench.metrics import auc
from unmask.judge.bundle import CropRecipe
from unmask.lab.calibration import card_sections
from unmask.lab.method import Batch, Data, Method, square
from unmask.lab.methods import _labelled


@dataclass(frozen=True)
class Config(_labelled.Settings):
    """Settings of a classifier of square, upright crops.

    Attributes:
        size: Side of the crop in pixels.
        margin: Side of the crop in face sides.
        dropout: Before the head.
    """

    size: int = 128
    margin: float = 1.3
    dropout: float = 0.2


class Classifier(nn.Module):
    """A trunk's last map, averaged, to one logit.

    Attributes:
        trunk: Shape (n, 3, h, w), colours -1..1, to (n, channels, h', w').
    """

    def __init__(self, trunk: nn.Module, channels: int, dropout: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.drop, self.head = nn.Dropout(dropout), nn.Linear(channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n,)."""
        out: Tensor = self.head(self.drop(self.trunk(image).mean((2, 3))))
        return out[:, 0]


class Plain(Method):
    """Trains a `Classifier` on labelled pairs, exports its logit."""

    config: Any

    def crop(self) -> dict[str, Any]:
        return square("box", self.config.size, self.config.margin)

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        recipe = CropRecipe(**self.crop() | {"min_face": 0})
        return _labelled.crops(root, cache, recipe, self.config, seed)

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        image = batch["image"].flatten(0, 1).contiguous(memory_format=torch.channels_last)
        logit = network(image).float()
        return {"loss": F.binary_cross_entropy_with_logits(logit, batch["label"].flatten())}

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        logit, label, kind = collect(network, batches)
        result = {
            name: auc(label[kind == name], logit[kind == name]) for name in np.unique(kind).tolist()
        }
        result["auc"] = float(np.mean(list(result.values())))
        return result

    def graph(self, network: nn.Module) -> nn.Module:
        return _Deployed(network)

    def outputs(self) -> dict[str, str]:
        return {"logit": "logit"}

    def calibrate(self, network: nn.Module, data: Data, batches: Iterable[Batch]) -> dict[str, Any]:
        logit, label, kind = collect(network, batches)
        names = ", ".join(np.unique(kind).tolist())
        return card_sections(logit, label, kind, f"pairs kept back from training: {names}")


class _Deployed(nn.Sequential):
    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self[0](image),)


def collect(
    network: nn.Module, batches: Iterable[Batch]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.str_]]:
    """Logits, labels and kinds of every picture of the pairs in `batches`."""
    logits: list[float] = []
    labels: list[float] = []
    kinds: list[str] = []
    for batch in batches:
        image = batch["image"].flatten(0, 1).contiguous(memory_format=torch.channels_last)
        logits += network(image).float().tolist()
        labels += batch["label"].flatten().tolist()
        kinds += [kind for kind in batch["kind"] for _ in range(2)]
    return np.asarray(logits), np.asarray(labels), np.asarray(kinds)
