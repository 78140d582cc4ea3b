"""Features of faces learnt without labels: which of these patches belongs into that hole?

Trieu H. Trinh, Minh-Thang Luong and Quoc V. Le, "Selfie: Self-supervised Pretraining for Image
Embedding", arXiv 1906.02940, 2019. Convolutions make a vector of each patch by itself; attention
sums up the visible ones; that sum and the place of a hole choose the patch that fills it among the
hidden patches of the same picture. Choosing needs no pixel to be painted, and the decoys come from
the same face, light and camera, so that nothing but content and place can decide.

What differs from the paper, and why:

* The convolutions are the first five stages of MobileNetV2 instead of three of ResNet-50, since the
  detectors here start from that trunk: `load_encoder` gives weights that fit it name by name.
* Patches of 16 pixels in a crop of 128. A quarter of them is hidden, so every hole has 15 decoys.
  That share, the three layers and the width of the attention are our choice: the abstract is the
  specification.
* Places are fixed sines of row and column instead of learnt ones.

A patch is padded at its own edge, so a trunk that starts from here has yet to learn what lies
beyond 16 pixels. Fails as a detector by itself: it has never seen a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmask.lab.method import Batch
from unmask.lab.networks.mobilenet import MobileNetV2
from unmask.lab.networks.vit import Transformer, patches, pick, positions, split
from unmask.lab.pretraining.base import Pretrained, Pretraining
from unmask.lab.pretraining.regions import Cover, Map, scattered
from unmask.lab.pretraining.views import Rng

CARD = {
    "title": "Selfie: the right patch for a hole",
    "authors": "Trieu H. Trinh, Minh-Thang Luong, Quoc V. Le",
    "venue": "arXiv",
    "year": 2019,
    "arxiv": "1906.02940",
    "task": "face-features",
}


@dataclass(frozen=True)
class Config:
    """Settings; the sizes are ours.

    Attributes:
        size: Side of the crop in pixels.
        margin: Side of the crop in face sides.
        patch: Side of a patch in pixels.
        stages: Stages of the convolutional trunk.
        width, depth, heads: Of the attention over visible patches.
        hidden: Share of patches that are hidden.
        views: Views an epoch.
        without: Sets that training does not see.
    """

    size: int = 128
    margin: float = 1.3
    patch: int = 16
    stages: int = 5
    width: int = 128
    depth: int = 3
    heads: int = 4
    hidden: float = 0.25
    views: int = 6144
    without: tuple[str, ...] = ()


class Network(Pretrained):
    """Convolutions for each patch, attention over the visible ones."""

    encoder: MobileNetV2
    places: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.patch = config.patch
        self.encoder = MobileNetV2(config.stages, top=False)
        self.project = nn.Linear(self.encoder.channels, config.width)
        self.first = nn.Parameter(torch.randn(config.width) * 0.02)
        places = positions(config.size // config.patch, config.width)
        self.register_buffer("places", places, persistent=False)
        self.attention = Transformer(config.width, config.depth, config.heads)
        self.ask, self.offer = nn.Linear(config.width, config.width), nn.LayerNorm(config.width)

    def each(self, image: Tensor) -> Tensor:
        """A vector of each patch, which saw nothing else: (n, 3, h, w) to (n, p, channels)."""
        vectors = self.encoder(patches(image, self.patch).flatten(0, 1)).mean((2, 3))
        out: Tensor = vectors.reshape(-1, len(self.places), self.encoder.channels)
        return out

    def features(self, image: Tensor) -> Tensor:
        """The mean over all patches."""
        return self.each(image).mean(1)

    def forward(self, image: Tensor, covered: Tensor) -> Tensor:
        """How well each hidden patch fits into each hole.

        Args:
            image: Shape (n, 3, size, size), colours -1..1.
            covered: Hidden patches, bool, shape (n, p), k in each row.

        Returns:
            Logits, shape (n, k, k): hole by patch; the right ones lie on the diagonal.
        """
        visible, holes = split(covered)
        vectors = self.project(self.each(image))
        seen = pick(vectors, visible) + self.places[visible]
        first = self.first.expand(len(seen), 1, -1).to(seen.dtype)
        whole = self.attention(torch.cat([first, seen], 1))[:, :1]
        asked, offered = self.ask(whole + self.places[holes]), self.offer(pick(vectors, holes))
        out: Tensor = asked @ offered.transpose(1, 2) / offered.shape[2] ** 0.5
        return out


class Selfie(Pretraining):
    """Trains on unlabelled faces, exports features."""

    config: Config

    def network(self) -> Network:
        return Network(self.config)

    def hide(self, regions: Map, rng: Rng) -> Cover:
        return scattered(regions, self.config.hidden, rng)

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = network(batch["image"], batch["covered"]).float()
        right = torch.arange(logits.shape[1], device=logits.device).repeat(len(logits))
        logits = logits.flatten(0, 1)
        chosen = (logits.argmax(1) == right).float().mean()
        return {"loss": F.cross_entropy(logits, right), "chosen": chosen}
