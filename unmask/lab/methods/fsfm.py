"""Features of faces learnt without labels: hidden parts repainted, a glimpse matched to the whole.

What a genuine face looks like, part by part and as one, is learnt from faces nobody labelled; a
detector then starts from that encoder. Gaojian Wang, Feng Lin, Tong Wu, Zhenguang Liu, Zhongjie Ba
and Kui Ren, "FSFM: A Generalizable Face Security Foundation Model via Self-Supervised Facial
Representation Learning", CVPR 2025, arXiv 2412.12032. Three losses: every hidden patch is
reconstructed; the one region that was hidden wholly counts once more; and the features of the
visible patches predict those of the whole face, as a slowly following copy of the encoder sees it.

From the paper's public repository: 75 % hidden by CRFR-P, patches normalised by themselves before
they are compared, weights 1, 0.007 and 0.1, weight decay 0.05, a crop 30 % larger than the face.
What differs, and why:

* 5 million weights at 128 pixels instead of a ViT-B at 224 (86 million), batches of dozens instead
  of 4096, thousands of steps instead of 400 epochs of three million faces: it has to learn
  something on one processor core.
* Regions come from the 68 landmarks instead of a face parser: no further model is needed, but hair
  is where hair usually is.
* The copy follows with momentum 0.996, heads are 256 wide; both are our choice. The glimpse is the
  mean over visible patches, without a decoder of its own.
* Forged faces take part: nothing tells them apart where faces are unlabelled.

Use the encoder with `unmask.lab.pretraining.base.load_encoder(run)`; the exported bundle gives
its features. Fails as a detector by itself: it has never seen a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unmask.lab.method import Batch
from unmask.lab.networks.vit import Decoder, Distillation, Encoder, patches, split
from unmask.lab.pretraining.base import Pretrained, Pretraining
from unmask.lab.pretraining.regions import Cover, Map, crfr_p
from unmask.lab.pretraining.views import Rng

CARD = {
    "title": "Face security foundation model",
    "authors": "Gaojian Wang, Feng Lin, Tong Wu, Zhenguang Liu, Zhongjie Ba, Kui Ren",
    "venue": "CVPR",
    "year": 2025,
    "arxiv": "2412.12032",
    "task": "face-features",
}


@dataclass(frozen=True)
class Config:
    """Settings; the mask and the weights are the paper's, the sizes are not.

    Attributes:
        size: Side of the crop in pixels.
        margin: Side of the crop in face sides.
        patch: Side of a patch in pixels.
        width, depth, heads: Of the encoder.
        painter: Width of the decoder, which has two blocks.
        hidden: Share of patches that are hidden.
        region: Weight of the region that is hidden wholly.
        whole: Weight of the agreement with the whole face.
        momentum: Share of the target that remains at each step.
        views: Views an epoch.
        without: Sets that training does not see.
    """

    size: int = 128
    margin: float = 1.3
    patch: int = 16
    width: int = 256
    depth: int = 6
    heads: int = 4
    painter: int = 128
    hidden: float = 0.75
    region: float = 0.007
    whole: float = 0.1
    momentum: float = 0.996
    views: int = 6144
    without: tuple[str, ...] = ()


class Network(Pretrained):
    """The encoder, and the two heads that only pretraining needs."""

    encoder: Encoder

    def __init__(self, config: Config) -> None:
        super().__init__()
        grid = config.size // config.patch
        self.encoder = Encoder(config.size, config.patch, config.width, config.depth, config.heads)
        self.decoder = Decoder(grid, config.patch, config.width, config.painter)
        self.distillation = Distillation(self.encoder, config.momentum)

    def features(self, image: Tensor) -> Tensor:
        """The mean over all patches."""
        out: Tensor = self.encoder(image).mean(1)
        return out

    def forward(self, image: Tensor, covered: Tensor) -> dict[str, Tensor]:
        """What the losses need.

        Args:
            image: Shape (n, 3, size, size), colours -1..1.
            covered: Hidden patches, bool, shape (n, p).

        Returns:
            "wrong" (n, p): mean squared error of each patch; "apart" and "spread", scalars, as
            `Distillation` gives them.
        """
        keep, _ = split(covered)
        seen = self.encoder(image, keep)
        painted = self.decoder(seen, keep).float()
        wrong = (painted - normalised(image, self.encoder.patch)).square().mean(2)
        apart, spread = self.distillation(self.encoder, seen, image)
        return {"wrong": wrong, "apart": apart, "spread": spread}


class FaceSecurity(Pretraining):
    """Trains on unlabelled faces, exports features."""

    config: Config

    def network(self) -> Network:
        return Network(self.config)

    def hide(self, regions: Map, rng: Rng) -> Cover:
        return crfr_p(regions, self.config.hidden, rng)

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        out = network(batch["image"], batch["covered"])
        painted = mean_where(out["wrong"], batch["covered"])
        region = mean_where(out["wrong"], batch["region"])
        loss = painted + self.config.region * region + self.config.whole * out["apart"]
        parts = {"painted": painted, "region": region}
        return {"loss": loss, **parts, "apart": out["apart"], "spread": out["spread"]}


def normalised(image: Tensor, side: int) -> Tensor:
    """Patches less their mean, over their deviation: (n, 3, h, w) to (n, p, 3 * side * side)."""
    flat = patches(image.float(), side).flatten(2)
    variance, mean = torch.var_mean(flat, 2, keepdim=True)
    return (flat - mean) * (variance + 1e-4).rsqrt()


def mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """The mean of the chosen values; 0 where none is.

    Example:
        >>> float(mean_where(torch.tensor([1.0, 5.0]), torch.tensor([False, True])))
        5.0
    """
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
