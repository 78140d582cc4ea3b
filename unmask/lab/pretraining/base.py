"""What every method shares that learns from faces without labels, and how its encoder is handed on.

The features of a pretrained network are exported as a bundle like a detector's logit, and measured
by what a linear classifier can read from them.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unmask.errors import LabError
from unmask.judge.bundle import CropRecipe
from unmask.lab.method import Batch, Data, Method, build, square
from unmask.lab.pretraining.probe import probe
from unmask.lab.pretraining.regions import Cover, Map
from unmask.lab.pretraining.views import Look, Rng, face_data
from unmask.lab.train import load_best


class Pretrained(nn.Module):
    """A network whose `encoder` outlives its pretraining."""

    encoder: nn.Module

    @abstractmethod
    def features(self, image: Tensor) -> Tensor:
        """Whole pictures, shape (n, 3, size, size), colours -1..1, to (n, width)."""


class Pretraining(Method):
    """Data, measures and export; a method adds its network, its loss and its mask.

    Its config has `size`, `margin`, `patch`, `views` and `without`; its network is `Pretrained`.
    """

    @abstractmethod
    def hide(self, regions: Map, rng: Rng) -> Cover:
        """The mask over a face."""

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        """Views of all faces of the development photos, genuine and forged; labels only measure."""
        config = self.config
        look = Look(CropRecipe(**self.crop()), config.patch, self.hide)
        return face_data(root, cache, look, config.views, seed, config.without)

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """The loss and its parts, and the AUC of a linear probe ("auc") by set and on the mean."""
        assert isinstance(network, Pretrained)
        sums: dict[str, float] = {}
        features: list[Tensor] = []
        label: list[int] = []
        source: list[str] = []
        unit: list[str] = []
        for batch in batches:
            features.append(network.features(batch["image"]).float().cpu())
            label += batch["label"].tolist()
            source += batch["set"]
            unit += batch["unit"]
            for name, value in self.loss(network, batch).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch["label"])
        parts = {name: value / len(label) for name, value in sums.items()}
        return parts | probe(torch.cat(features).double().numpy(), label, source, unit)

    def graph(self, network: nn.Module) -> nn.Module:
        """What is exported: the features of the whole face."""
        assert isinstance(network, Pretrained)
        return _Features(network)

    def outputs(self) -> dict[str, str]:
        """One vector a face."""
        return {"features": "features"}

    def crop(self) -> dict[str, Any]:
        """A level square around the face."""
        return square("eyes", self.config.size, self.config.margin)


class _Features(nn.Module):
    """The network as it is exported."""

    def __init__(self, network: Pretrained) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.network.features(image),)


def load_encoder(run: Path) -> nn.Module:
    """The encoder of a finished pretraining run, on the CPU and in evaluation mode.

    Another method starts from it in its `initialise`, either as a part of its own network
    (`network.trunk = load_encoder(run)`) or by the names that both share:
    `network.trunk.load_state_dict(load_encoder(run).state_dict(), strict=False)`.

    Args:
        run: Folder that `unmask.lab.train.train` wrote for `fsfm` or `selfie`.

    Returns:
        Of `fsfm` an `unmask.lab.networks.vit.Encoder`, of `selfie` a `MobileNetV2` cut short.

    Raises:
        LabError: `weights_missing` when the run holds no finished validation, or no encoder.
    """
    if not (run / "best.safetensors").is_file():
        raise LabError("weights_missing", f"no best.safetensors in {run}")
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    network = load_best(build(recipe["method"], recipe["config"]), run)
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise LabError("weights_missing", f"{run} trained {recipe['method']}, which has no encoder")
    return encoder
