"""Find 68 points of a face in a crop of it.

Xiaojie Guo, Siyuan Li, Jinke Yu, Jiawan Zhang, Jiayi Ma, Lin Ma, Wei Liu, Haibin Ling: "PFLD: A
Practical Facial Landmark Detector", 2019, arXiv 1902.10859.

The idea: a small network that regresses all points at once, and a loss in which a face counts the
more, the further it is turned, so that the many frontal faces do not drown the few others.

What differs from the paper, and why:

- The trunk has the shape of MediaPipe's Face Mesh, whose published weights (Apache-2.0) it starts
  from: with some thousand faces and minutes of training that beats a MobileNet from nothing.
- No branch that regresses the pose: how far a face is turned is read from the target points
  (where the nose tip lies between the eyes' outer corners, and between eyes and mouth).
- The points are taught by a published PFLD with 98 points, of which 68 are the usual ones, averaged
  over mirrored and differently framed views of the untouched photo; the pupil sees it worn, turned,
  shifted and partly covered.
- The distance is smooth L1 relative to the distance of the outer eye corners, not squared pixels:
  a teacher is wrong now and then, and such faces must not steer.

It fails on faces under about 20 pixels and on full profiles: the hidden half is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmask.lab.data.points import Faces, shelf
from unmask.lab.method import Batch, Data, Method
from unmask.lab.teachers import facemesh
from unmask.lab.teachers.facemesh import SIDE

CARD = {
    "title": "PFLD: A Practical Facial Landmark Detector",
    "authors": "Xiaojie Guo, Siyuan Li, Jinke Yu, Jiawan Zhang, Jiayi Ma, Lin Ma, Wei Liu, "
    "Haibin Ling",
    "venue": "arXiv",
    "year": 2019,
    "arxiv": "1902.10859",
    "task": "face-landmarks",
}
COUNT = 68
OUTER_CORNERS = (36, 45)


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        start: Whether to begin with Face Mesh's weights; without, training is from nothing.
        margin: Side of the crop as a multiple of the face box's longer side.
        faces: In an epoch.
        held_out: Validation faces.
        turned: How much more a face in profile counts than a frontal one.
    """

    start: bool = True
    margin: float = 1.4
    faces: int = 8192
    held_out: int = 512
    turned: float = 2.0


class Network(nn.Module):
    """68 points of a crop, as shares of its side."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = facemesh.trunk(), facemesh.head(2 * COUNT)

    def forward(self, image: Tensor) -> Tensor:
        """Shape (n, 3, 192, 192), -1..1, to (n, 68, 2), 0..1 within the crop."""
        values: Tensor = self.head(self.trunk(facemesh.framed(image)))
        return values.reshape(-1, COUNT, 2) / SIDE


class Graph(nn.Module):
    """What is exported: a tuple of one output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor]:
        """As `Network.forward`."""
        return (self.network(image),)


def start(network: Network) -> None:
    """Give a network Face Mesh's weights, of its last layer only those of the 68 points.

    Raises:
        LabError: `weights_missing`.
    """
    state = facemesh.state()
    rows = torch.tensor([[3 * vertex, 3 * vertex + 1] for vertex in facemesh.SIXTY_EIGHT]).flatten()
    names = {"backbone": "trunk", "coord_head": "head"}
    mine = {}
    for name, value in state.items():
        part, rest = name.split(".", 1)
        mine[f"{names[part]}.{rest}"] = value[rows] if name.startswith("coord_head.6") else value
    network.load_state_dict(mine)


def eyes_apart(points: Tensor) -> Tensor:
    """Distance of the outer eye corners, shape (n, 68, 2) to (n,)."""
    left, right = (points[:, corner] for corner in OUTER_CORNERS)
    distance: Tensor = torch.linalg.vector_norm(left - right, dim=1)
    return distance.clamp(min=1e-3)


def turn(points: Tensor) -> Tensor:
    """How far faces are turned, 0 frontal to 1 profile, shape (n, 68, 2) to (n,).

    Example:
        >>> import torch
        >>> face = torch.zeros(1, 68, 2)
        >>> face[0, 36], face[0, 45] = torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0])
        >>> face[0, 30] = torch.tensor([0.9, 0.5])
        >>> round(float(turn(face)), 2)
        0.8
    """
    left, right = (points[:, corner] for corner in OUTER_CORNERS)
    across = right - left
    along = ((points[:, 30] - left) * across).sum(1) / across.square().sum(1).clamp(min=1e-6)
    return (2 * along - 1).abs().clamp(max=1)


class Landmarks(Method):
    """The landmark model."""

    config: Config

    def network(self) -> Network:
        return Network()

    def initialise(self, network: nn.Module, data: Data) -> None:
        """Start from the teacher's weights where the configuration says so."""
        if self.config.start:
            assert isinstance(network, Network)
            start(network)

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        """Faces of the development set; train and validation share no person."""
        stock = shelf(root, cache)
        train = Faces(stock, "train", self.config.margin, self.config.faces, seed)
        return Data(train, Faces(stock, "val", self.config.margin, self.config.held_out, seed))

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Distance to the teacher's points; turned faces count more."""
        truth = batch["points"]
        apart = (network(scaled(batch["image"])) - truth) / eyes_apart(truth)[:, None, None]
        distance = F.smooth_l1_loss(apart, torch.zeros_like(apart), beta=0.02, reduction="none")
        weight = 1 + self.config.turned * turn(truth)
        loss = (distance.mean((1, 2)) * weight).sum() / weight.sum()
        return {"loss": loss * 100, "nme": apart.detach().norm(dim=2).mean()}

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """Normalised mean error, and its median and 90th percentile over faces."""
        errors = []
        for batch in batches:
            truth = batch["points"]
            apart = (network(scaled(batch["image"])) - truth).norm(dim=2).mean(1)
            errors.append((apart / eyes_apart(truth)).float().numpy())
        every = np.concatenate(errors)
        return {
            "nme": float(every.mean()),
            "median": float(np.median(every)),
            "p90": float(np.quantile(every, 0.9)),
        }

    def graph(self, network: nn.Module) -> nn.Module:
        """Points as shares of the crop."""
        return Graph(network)

    def outputs(self) -> dict[str, str]:
        """Roles of the ONNX outputs."""
        return {"points": "points"}

    def crop(self) -> dict[str, Any]:
        """A level square around the face, values -1..1."""
        return {
            "kind": "eyes",
            "size": [SIDE, SIDE],
            "margin": self.config.margin,
            "colour": "RGB",
            "mean": [0.5] * 3,
            "std": [0.5] * 3,
            "min_face": 8,
        }


def scaled(image: Tensor) -> Tensor:
    """Pixels 0..255 to -1..1."""
    return (image.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
