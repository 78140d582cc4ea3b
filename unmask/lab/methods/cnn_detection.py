"""Generated faces, by a plain network that sees the face as a whole.

Looks for whatever separates a generator's faces from photos: hair, teeth, skin and background as
much as pixels. Sheng-Yu Wang, Oliver Wang, Richard Zhang, Andrew Owens and Alexei A. Efros,
"CNN-generated Images Are Surprisingly Easy to Spot... for Now", CVPR 2020, arXiv 1912.11035: an
ImageNet network, tuned on one generator with blurred and compressed pictures, knows others too.

What differs from the paper, and why:

* MobileNetV2 on a crop of the face instead of ResNet-50 on the whole picture: it stands beside
  others in a report on every face.
* Hundreds of faces instead of 720,000 pictures, of a GAN and of text-to-image models.
* Both pictures of a pair pass through the same wear with the same dice, more kinds of it than blur
  and JPEG.

Fails on generators whose faces look unlike those it has seen, and says nothing of swaps. Measured
on StyleGAN faces of the development set (test split, 187 forged, 107 genuine, seed 5, 800 steps):
AUC 0.87, where `npr` has 0.94; their sum has 0.94 untouched and up to 0.01 more than `npr` on worn
and shrunk pictures, too little for a third network in every report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unmask.lab import weights
from unmask.lab.data.held import TRACE
from unmask.lab.method import Data, square
from unmask.lab.methods import _generated, _labelled, _plain
from unmask.lab.networks.mobilenet import MobileNetV2, load_quantised, restore_batch_norm
from unmask.types import Face

CARD = {
    "title": "CNN-generated images",
    "authors": "Sheng-Yu Wang, Oliver Wang, Richard Zhang, Andrew Owens, Alexei A. Efros",
    "venue": "CVPR",
    "year": 2020,
    "arxiv": "1912.11035",
    "task": "synthetic-face",
}


@dataclass(frozen=True)
class Config(_plain.Config):
    """Settings; the paper's crop is 224 pixels of the whole picture.

    Attributes:
        initial: ImageNet weights below the weights folder; empty for random ones.
    """

    margin: float = 1.5
    dropout: float = 0.4
    initial: str = "mobilenet_tflite/mobilenet_v2_tf2_int8_perchannel.safetensors"
    without: tuple[str, ...] = (_labelled.BLEND, _labelled.SWAP, TRACE)


class GeneratedFaces(_generated.Generated, _plain.Plain):
    """The whole MobileNetV2 on a crop of the face, one logit."""

    config: Config

    def network(self) -> _plain.Classifier:
        trunk = MobileNetV2()
        return _plain.Classifier(trunk, trunk.channels, self.config.dropout)

    def initialise(self, network: nn.Module, data: Data) -> None:
        trunk = network.trunk
        assert isinstance(trunk, MobileNetV2)
        if self.config.initial:
            some = torch.cat([data.train[index]["image"] for index in range(32)])
            biases = load_quantised(trunk, weights.find(self.config.initial))
            restore_batch_norm(trunk, biases, some)

    def crop(self) -> dict[str, Any]:
        # The limits of `npr`, so that the two can be compared, and weighed together.
        return square(
            "box", self.config.size, self.config.margin, min_face=64, max_face=_generated.LARGEST
        )

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        pairs = _labelled.crops(root, cache, self.unbounded(), self.config, seed)
        kept_back = _generated.regions(root, cache, "val", self.config.without)
        return Data(pairs.train, self.held([r for r in kept_back if whole(r.face)], seed))

    def logits(self, network: nn.Module, windows: Tensor) -> Tensor:
        out: Tensor = network(_generated.prepared(windows))
        return out


def whole(face: Face) -> bool:
    """Whether the face is small enough to be judged, and to be kept whole by `Regions`."""
    x0, y0, x1, y1 = face.box
    return max(x1 - x0, y1 - y0) <= _generated.LARGEST
