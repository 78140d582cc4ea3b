"""Manipulated faces, by a plain Xception on the crop of a face.

Looks for nothing in particular: whatever separates genuine from manipulated faces in training.
Andreas Rössler, Davide Cozzolino, Luisa Verdoliva, Christian Riess, Justus Thies and Matthias
Nießner, "FaceForensics++: Learning to Detect Manipulated Facial Images", ICCV 2019, arXiv
1901.08971: of the detectors compared there, Xception on a crop of 1.3 face sides was the best.

What differs from the paper, and why:

* It learns from the same pairs as the embedded detectors, self-blends and simulated up-sampling
  among them, with the same wear: it stands beside them in tables.
* 128 pixels instead of 299, so that it trains on a processor; one logit instead of two.
* Random weights unless `initial` names the ImageNet weights from which the paper starts.

Fails where published comparisons show it to fail: on forgeries and sources that training did not
hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from unmask.lab import weights
from unmask.lab.method import Data
from unmask.lab.methods import _plain
from unmask.lab.networks.xception import Xception

CARD = {
    "title": "Xception of FaceForensics++",
    "authors": "Andreas Rössler, Davide Cozzolino, Luisa Verdoliva, Christian Riess, "
    "Justus Thies, Matthias Nießner",
    "venue": "ICCV",
    "year": 2019,
    "arxiv": "1901.08971",
    "task": "face-forgery",
}


@dataclass(frozen=True)
class Config(_plain.Config):
    """Settings; the paper's crop is 299 pixels.

    Attributes:
        initial: Safetensors file of ImageNet weights below the weights folder; empty for random
            ones.
    """

    initial: str = ""


class PlainXception(_plain.Plain):
    """The whole Xception, one logit."""

    config: Config

    def network(self) -> _plain.Classifier:
        return _plain.Classifier(Xception(), Xception.channels, self.config.dropout)

    def initialise(self, network: nn.Module, data: Data) -> None:
        trunk = network.trunk
        assert isinstance(trunk, Xception)
        if self.config.initial:
            trunk.load(weights.find(self.config.initial))
