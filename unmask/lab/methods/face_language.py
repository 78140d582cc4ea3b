"""A small model of faces and sentences, trained from nothing but what is known of the faces.

Two towers meet in one space: a picture lies near the sentences that are true of it. Radford and
others, "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, arXiv
2103.00020, for faces as in Dai and others, "15M Multimodal Facial Image-Text Dataset" (FaceCaption-
15M and its model FLIP), arXiv 2407.08515, 2024.

What differs, and why:

* 5 million weights see pictures of 128 pixels and 2 million read captions: it is trained on one
  processor core, and makes prompts and reprogramming run where no large model can be had.
* Captions come from a grammar over facts (`unmask.lab.language.captions`): what labels say of who
  is seen and of what was forged, what landmarks say of pose and expression, what pixels say of
  light and sharpness, and what was done to the picture on the way.
* In a batch of faces many captions are true of many faces. CLIP's loss would call all but one of
  them wrong. Since the facts are known, every true caption counts as right, every false one as
  wrong, and what cannot be told is left out of the sum.
* Half of the patches are hidden in training, as in FLIP's namesake (arXiv 2212.00794).
* The vocabulary is learnt from the captions; see `unmask.lab.language.vocabulary`.

The image tower may begin as the encoder of an `fsfm` run. The exported folder is a bundle that
gives the image tower's features, and a `CLIPModel` of `transformers` at once.

The verdict is among the facts: whoever measures with it on a source must name that source in
`without`, or the model has read its labels already. Fails on words beyond the captions', and as a
detector by itself: it sees the habits of few sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unmask.errors import LabError
from unmask.judge.bundle import CropRecipe
from unmask.lab.language import folder as folders
from unmask.lab.language.captions import truth
from unmask.lab.language.contrast import spread
from unmask.lab.language.measures import colours, measure
from unmask.lab.language.network import Network, Shape, begin_from
from unmask.lab.language.told import Making, Tell, told_faces
from unmask.lab.language.vocabulary import own
from unmask.lab.method import Batch, Data, Method, square
from unmask.lab.networks.vit import Encoder
from unmask.lab.pretraining.base import load_encoder

CARD = {
    "title": "Face-language model",
    "authors": "Alec Radford et al. (CLIP); Dawei Dai et al. (FaceCaption-15M, FLIP)",
    "venue": "ICML; arXiv",
    "year": 2024,
    "arxiv": "2407.08515",
    "task": "face-features",
}
BEGIN = 64
"""Crops by which the image tower's first normalisation is set."""


@dataclass(frozen=True)
class Config:
    """Settings; the sizes are ours.

    Attributes:
        size: Side of the crop in pixels.
        margin: Side of the crop in face sides.
        patch: Side of a patch in pixels.
        width, depth, heads: Of the image tower.
        text_width, text_depth, text_heads: Of the text tower.
        joint: Width of the space both share.
        initial: Folder of a finished `fsfm` run of these sizes; empty for random weights.
        hidden: Share of patches hidden in training.
        blend, cover, again, wear, spoil: Of `unmask.lab.language.told.Making`.
        views: Faces an epoch.
        without: Sets that neither training nor validation sees.
    """

    size: int = 128
    margin: float = 1.3
    patch: int = 16
    width: int = 256
    depth: int = 6
    heads: int = 4
    text_width: int = 192
    text_depth: int = 4
    text_heads: int = 3
    joint: int = 192
    initial: str = ""
    hidden: float = 0.5
    blend: float = 0.2
    cover: float = 0.08
    again: float = 0.12
    wear: float = 0.5
    spoil: float = 0.15
    views: int = 8192
    without: tuple[str, ...] = ()


class FaceLanguage(Method):
    """Trains on captioned faces, exports features and a CLIP."""

    config: Config

    def network(self) -> Network:
        config = self.config
        names = Shape.__dataclass_fields__
        shape = Shape(**{name: getattr(config, name) for name in names})
        return Network(shape, own(), config.hidden)

    def initialise(self, network: nn.Module, data: Data) -> None:
        if not self.config.initial:
            return
        assert isinstance(network, Network)
        encoder = load_encoder(Path(self.config.initial).expanduser())
        if not isinstance(encoder, Encoder) or encoder.width != self.config.width:
            raise LabError("bad_recipe", f"{self.config.initial} is no fsfm run of this width")
        some = torch.stack([data.train[index]["image"] for index in range(BEGIN)])
        begin_from(network, encoder, colours(some))

    def crop(self) -> dict[str, Any]:
        return square("box", self.config.size, self.config.margin)

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        config = self.config
        making = Making(config.blend, config.cover, config.again, config.wear, config.spoil)
        tell = Tell(CropRecipe(**self.crop() | {"min_face": 0}), making)
        return told_faces(root, cache, tell, config.views, seed, config.without)

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = network(colours(batch["image"]), batch["text"]).float()
        true, false = truth(batch["facts"], batch["said"])
        counted = true | false
        faces, texts = spread(logits, true, counted), spread(logits.T, true.T, counted.T)
        return {"loss": (faces + texts) / 2, "faces": faces, "texts": texts}

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        assert isinstance(network, Network)
        return measure(network, batches)

    def calibrate(self, network: nn.Module, data: Data, batches: Iterable[Batch]) -> dict[str, Any]:
        found, faces = self.evaluate(network, batches), len(data.val)  # type: ignore[arg-type]
        rows = [
            {"data": "people, videos and sources kept back", "metric": name, "value": value}
            for name, value in found.items()
        ]
        return {"results": [row | {"split": "val", "n": faces} for row in rows]}

    def graph(self, network: nn.Module) -> nn.Module:
        assert isinstance(network, Network)
        return _Features(network)

    def outputs(self) -> dict[str, str]:
        return {"features": "features"}

    def beside(self, network: nn.Module, card: Mapping[str, Any], folder: Path) -> None:
        assert isinstance(network, Network)
        folders.write(network, card, folder)


class _Features(nn.Module):
    """The image tower as it is exported."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.network.pooled(image),)
