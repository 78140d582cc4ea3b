"""The classifier of the Y-shaped autoencoder, also called ClassNSeg.

Huy H. Nguyen, Fuming Fang, Junichi Yamagishi and Isao Echizen, "Multi-task Learning for Detecting
and Segmenting Manipulated Facial Images and Videos", BTAS 2019, arXiv 1906.06876. An encoder's 128
maps are two halves, and training makes one half active for forged pictures and the other for
genuine ones; a decoder segments and paints from the active half. Judging needs the encoder alone.

In the published weights the *first* half stands for forged pictures: the authors' folders
`altered` and `original` became classes 0 and 1, and the decoder that belongs to these weights
draws masks from the first half alone.

Fails away from FaceForensics++: activities of both halves come close there, so its logits are
small numbers and its probabilities stay near a half.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from unmask.bench.peers import Logits
from unmask.bench.peers._torch import logits, opening
from unmask.judge.card import CropRecipe

CARD = {
    "title": "Multi-task Learning for Detecting and Segmenting Manipulated Facial Images and "
    "Videos",
    "authors": "Huy H. Nguyen, Fuming Fang, Junichi Yamagishi, Isao Echizen",
    "venue": "BTAS",
    "year": 2019,
    "arxiv": "1906.06876",
    "licence": "BSD-3-Clause",
    "trained_on": {"full": "FaceForensics: Face2Face and its originals"},
    "seen": {"full": ("ffpp_c23",)},
    "notes": "ffpp_c23 may share originals with the training data, which is for research only.",
}

CROP = CropRecipe("box", (256, 256), 1.3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The authors cut 1.3 times the height of the forgery's mask, which the face's box stands for."""

WIDTHS = (3, 8, 8, 16, 16, 32, 32, 64, 64, 128)


class Encoder(nn.Module):
    """Nine convolutions, every second of which halves the picture."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(WIDTHS)):
            convolution = nn.Conv2d(before, after, 3, stride=1 + number % 2, padding=1)
            layers += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
        self.encoder = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """Image (n, 3, h, w), normalised, to logits (n,): how much more the first half stirs."""
        forged, genuine = self.encoder(image).chunk(2, dim=1)
        logit: Tensor = forged.mean((1, 2, 3)) - genuine.mean((1, 2, 3))
        return logit


def load(path: Path) -> Logits:
    """The encoder; a pickle is read as tensors only, and nothing in it is run.

    Raises:
        BundleError: `bundle_missing` or `bundle_invalid`.
    """
    network = Encoder()
    with opening(path, "classnseg"):
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return logits(network, CROP)
