"""Find faces: boxes, confidence and five points from one small anchor-free network.

Wei Wu, Hanyang Peng, Shiqi Yu: "YuNet: A Tiny Millisecond-level Face Detector", Machine
Intelligence Research, 2023.

The idea: separable convolutions everywhere (1×1 first, then 3×3 per channel), a short top-down
path over strides 8, 16 and 32, and one prediction a cell: is it a face, how well would the box fit,
the box, the five points. Which cells answer for which face is decided anew in every step by what
the cells already predict.

What differs from the paper, and why:

- One convolution pair predicts all sixteen values of a level instead of four pairs; the result is
  the same and costs fewer memory passes.
- It starts from YuNet's published weights, which fit the same layers, and is trained on collages
  of faces that YuNet and RetinaFace agree on. Where the frozen teacher is right about the collage
  itself, its doubts, boxes and points are the targets; where it misses a face (turned, covered,
  dark, tiny) or sees one that is none, the labels carried over from the untouched photos are.
  Training on those labels everywhere made it forget plain portraits.
- Faces that only one teacher believes in, or that are mostly covered, teach nothing either way.

It fails on faces under about 9 px, on profiles that show one eye only, and on heads turned by more
than about 60 degrees in the picture plane; `unmask.faces.find` turns the picture for those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmask.faces.find import decode
from unmask.lab.boxes import apart, entropy, overlaps, spread, within
from unmask.lab.data.collage import Collages, Look
from unmask.lab.data.library import library
from unmask.lab.matching import BLIND, FACE, rate
from unmask.lab.method import Batch, Data, Method
from unmask.lab.teachers import yunet as teacher

CARD = {
    "title": "YuNet: A Tiny Millisecond-level Face Detector",
    "authors": "Wei Wu, Hanyang Peng, Shiqi Yu",
    "venue": "Machine Intelligence Research",
    "year": 2023,
    "arxiv": "",
    "task": "face-finder",
}
STRIDES = (8, 16, 32)
WIDTHS = (16, 16, 32, 32, 64, 64, 64, 64, 64, 64, 64)
SURE, CLOSE = 0.5, 0.15
POOLED_BEFORE = (1, 5, 7, 9)
KEPT = (6, 8, 10)


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        start: Whether to begin with the teacher's weights; without, training is from nothing.
        side: Of the training collages, pixels, a multiple of 32.
        collages: In an epoch.
        held_out: Validation collages.
        box_weight: Of the box term.
        points_weight: Of the points term.
        threshold: Least confidence of a face that the bundle reports.
        tiny_threshold: The same for faces under 16 pixels.
        second_threshold: The same where only a second look at the picture shows it.
    """

    start: bool = True
    side: int = 320
    collages: int = 4096
    held_out: int = 192
    box_weight: float = 5.0
    points_weight: float = 40.0
    threshold: float = 0.7
    tiny_threshold: float = 0.8
    second_threshold: float = 0.85


class Separable(nn.Sequential):
    """1×1 across channels, then 3×3 within each; ends in ReLU unless it predicts."""

    def __init__(self, into: int, out: int, predicts: bool = False) -> None:
        layers = [nn.Conv2d(into, out, 1), nn.Conv2d(out, out, 3, padding=1, groups=out)]
        super().__init__(*layers, *([] if predicts else [nn.ReLU(inplace=True)]))


class Network(nn.Module):
    """Per cell of strides 8, 16, 32: face and fit logits, box (4), five points (10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(inplace=True))
        widths = zip((16, *WIDTHS), WIDTHS, strict=False)
        self.blocks = nn.ModuleList(Separable(into, out) for into, out in widths)
        self.laterals = nn.ModuleList(Separable(64, 64) for _ in STRIDES)
        self.heads = nn.ModuleList(Separable(64, 16, predicts=True) for _ in STRIDES)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image of shape (n, 3, h, w), 0..255; three maps of shape (n, 16, h/stride, w/stride)."""
        x, levels = self.stem(image), []
        for index, block in enumerate(self.blocks):
            x = block(F.max_pool2d(x, 2) if index in POOLED_BEFORE else x)
            if index in KEPT:
                levels.append(x)
        merged: Tensor | None = None
        answers = []
        for level, lateral, head in zip(levels[::-1], self.laterals, self.heads, strict=True):
            if merged is not None:
                level = level + F.interpolate(merged, scale_factor=2.0, mode="nearest")
            merged = lateral(level)
            answers.append(head(merged))
        return answers[::-1]


class Graph(nn.Module):
    """What is exported: evidence (n, cells) and the other fourteen values (n, 14, cells).

    Evidence is the squared confidence: the root is left to NumPy, because near zero it would blow
    up the rounding in which runtimes differ.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image of shape (n, 3, h, w), 0..255, sides multiples of 32."""
        cells = flat(self.network(image))
        return cells[:, 0].sigmoid() * cells[:, 1].sigmoid(), cells[:, 2:]


def flat(levels: list[Tensor]) -> Tensor:
    """Maps of all levels, finest first, as one tensor of shape (n, 16, cells)."""
    return torch.cat([level.flatten(2) for level in levels], 2)


def start(network: Network) -> None:
    """Give a network the teacher's weights; its input becomes RGB.

    Raises:
        LabError: `weights_missing`.
    """
    found = [(torch.tensor(w), torch.tensor(b)) for w, b in teacher.kernels()]
    weight, bias = found[0]
    found[0] = (weight.flip(1), bias)
    body = 1 + 2 * (len(WIDTHS) + len(STRIDES))
    parts = [found[body + 6 * kind : body + 6 * kind + 6] for kind in (0, 2, 1, 3)]
    merged = found[:body]
    for place in (4, 5, 2, 3, 0, 1):
        together = [part[place] for part in parts]
        merged.append((torch.cat([w for w, _ in together]), torch.cat([b for _, b in together])))
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    for convolution, (weight, bias) in zip(convolutions, merged, strict=True):
        convolution.weight.data.copy_(weight)
        assert convolution.bias is not None
        convolution.bias.data.copy_(bias)


def corners(cells: Tensor, grid: Tensor) -> Tensor:
    """Predicted boxes: (…, 16, cells) and (cells, 3) to (…, cells, 4) as x0, y0, x1, y1."""
    stride = grid[:, 2:]
    values = cells[..., 2:6, :].transpose(-1, -2)
    centre = grid[:, :2] + values[..., :2] * stride
    half = values[..., 2:].clamp(max=8).exp() * stride / 2
    return torch.cat([centre - half, centre + half], -1)


def spots(cells: Tensor, grid: Tensor) -> Tensor:
    """Predicted points, shape (…, cells, 10), pixels."""
    return grid[:, :2].repeat(1, 5) + cells[..., 6:, :].transpose(-1, -2) * grid[:, 2:]


def grid_of(levels: list[Tensor]) -> Tensor:
    """Origin x, y and stride of every cell, pixels; shape (cells, 3)."""
    rows = []
    for level, stride in zip(levels, STRIDES, strict=True):
        height, width = level.shape[2:]
        ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        rows.append(torch.stack([xs * stride, ys * stride, torch.full_like(xs, stride)], -1))
    return torch.cat([row.reshape(-1, 3) for row in rows]).float().to(levels[0].device)


def assign(boxes: Tensor, logits: Tensor, faces: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Which cells answer for which face.

    A face takes the cells near its centre that fit it best already, as many as their overlaps sum
    to; a cell that two faces want goes to the one it fits better.

    Args:
        boxes: Predicted, (cells, 4).
        logits: Face logits, (cells,).
        faces: True boxes, (m, 4).
        grid: (cells, 3).

    Returns:
        Cell numbers, shape (k,), and the face of each, shape (k,).
    """
    middle = grid[:, :2] + grid[:, 2:] / 2
    centre = (faces[:, :2] + faces[:, 2:]) / 2
    near = ((middle - centre[:, None]).abs() < 2.5 * grid[:, 2:]).all(-1)
    inside = ((middle > faces[:, None, :2]) & (middle < faces[:, None, 2:])).all(-1)
    fit = overlaps(boxes, faces[:, None])
    cost = F.softplus(-logits) - 3 * (fit + 1e-6).log()
    cost = cost + 1e3 * ~(near & inside) + 1e6 * ~(near | inside)
    count = fit.topk(10, 1).values.sum(1).int().clamp(min=1)
    rank = cost.argsort(1).argsort(1)
    taken = (rank < count[:, None]) & (cost < 1e5)
    cost = cost.masked_fill(~taken, float("inf"))
    cells = taken.any(0).nonzero().flatten()
    return cells, cost[:, cells].argmin(0)


class Finder(Method):
    """The face finder."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._teacher: Network | None = None

    def network(self) -> Network:
        return Network()

    def initialise(self, network: nn.Module, data: Data) -> None:
        """Start from the teacher's weights where the configuration says so."""
        if self.config.start:
            assert isinstance(network, Network)
            start(network)

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        """Collages of the development faces; train and validation share no person."""
        shelf = library(root, cache)
        look = Look(side=self.config.side)
        train = Collages(shelf.part("train"), look, self.config.collages, seed)
        return Data(train, Collages(shelf.part("val"), look, self.config.held_out, seed))

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Face and fit by cross-entropy, boxes by their overlap, points by their distance."""
        image = batch["image"].float().contiguous(memory_format=torch.channels_last)
        levels = network(image)
        grid, cells = grid_of(levels), flat(levels).float()
        with torch.no_grad():
            model = flat(self._frozen()(image))
        sums, total = torch.zeros(4), 0
        for index in range(len(cells)):
            scene = Scene.of(batch, index, model[index], grid)
            terms, count = self._terms(cells[index], scene, grid)
            sums, total = sums + terms, total + count
        face, fit, box, point = sums / max(total, 1)
        loss = face + fit + self.config.box_weight * box + self.config.points_weight * point
        return {"loss": loss, "face": face, "fit": fit, "box": box, "points": point}

    def _frozen(self) -> Network:
        if self._teacher is None:
            self._teacher = Network().eval().requires_grad_(False)
            start(self._teacher)
            self._teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self._teacher

    def _terms(self, cells: Tensor, scene: Scene, grid: Tensor) -> tuple[Tensor, int]:
        """The four sums of one picture, and how many cells answer for a face in it."""
        boxes, points = corners(cells, grid), spots(cells, grid)
        chosen, owner = torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
        if len(scene.faces):
            chosen, owner = assign(boxes.detach(), cells[0].detach(), scene.faces, grid)
        wanted, heed = scene.wanted(chosen, grid)
        face = F.binary_cross_entropy_with_logits(cells[1, heed], wanted[heed], reduction="none")
        surprise = face - entropy(wanted[heed])
        if not len(chosen):
            none = cells.sum() * 0
            return torch.stack([surprise.sum(), none, none, none]), 0
        aim_box, aim_points, aim_fit = scene.aims(chosen, owner, boxes[chosen].detach())
        match = overlaps(boxes[chosen], aim_box)
        fit = F.binary_cross_entropy_with_logits(cells[0, chosen], aim_fit, reduction="none")
        box = spread(boxes[chosen], aim_box, match)
        size = (aim_box[:, 2:] - aim_box[:, :2]).mean(1, keepdim=True)
        point = F.smooth_l1_loss(
            points[chosen] / size, aim_points / size, beta=0.005, reduction="none"
        ).mean(1)
        parts = (surprise, fit - entropy(aim_fit), box, point)
        return torch.stack([part.sum() for part in parts]), len(chosen)

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """Average precision, recall and precision at the threshold, and the points' error."""
        graph = Graph(network)
        found, truth = [], []
        for batch in batches:
            score, offsets = (part.float().numpy() for part in graph(batch["image"].float()))
            size = batch["image"].shape[2:]
            found += [
                decode(s, o, (size[0], size[1]), 0.05) for s, o in zip(score, offsets, strict=True)
            ]
            parts = (batch[name].numpy() for name in ("boxes", "points", "kind"))
            truth += list(zip(*parts, strict=True))
        return rate(found, truth, self.config.threshold)

    def graph(self, network: nn.Module) -> nn.Module:
        """Evidence and offsets of all cells."""
        return Graph(network)

    def outputs(self) -> dict[str, str]:
        """Roles of the ONNX outputs."""
        return {"evidence": "evidence", "offsets": "offsets"}

    def crop(self) -> dict[str, Any]:
        """The whole picture, values 0..255."""
        side, unit = self.config.side, 1 / 255
        return {
            "kind": "frame",
            "size": [side, side],
            "margin": 1.0,
            "colour": "RGB",
            "mean": [0.0] * 3,
            "std": [unit] * 3,
        }

    def card_options(self) -> dict[str, Any]:
        """What the runtime's finder needs to know."""
        return {
            "free_size": True,
            "threshold": self.config.threshold,
            "tiny_threshold": self.config.tiny_threshold,
            "second_threshold": self.config.second_threshold,
        }


@dataclass(frozen=True)
class Scene:
    """One collage: what lies in it, and what the frozen teacher makes of it.

    The teacher is followed wherever it is right: its doubts, its boxes and its points are the
    targets there. Where it misses a face or sees one that is none, the collage's own label is.

    Attributes:
        faces: True boxes, (m, 4).
        points: True points, (m, 10).
        blind: Boxes that must not teach anything, (b, 4).
        fit: The teacher's chance that a cell's box fits, (cells,).
        face: Its chance that a cell answers for a face, (cells,).
        boxes: Its boxes, (cells, 4).
        spots: Its points, (cells, 10).
    """

    faces: Tensor
    points: Tensor
    blind: Tensor
    fit: Tensor
    face: Tensor
    boxes: Tensor
    spots: Tensor

    @classmethod
    def of(cls, batch: Batch, index: int, model: Tensor, grid: Tensor) -> Scene:
        """Item `index` of a batch and the teacher's maps (16, cells) of it."""
        kind, boxes = batch["kind"][index], batch["boxes"][index]
        return cls(
            faces=boxes[kind == FACE],
            points=batch["points"][index][kind == FACE],
            blind=boxes[kind == BLIND],
            fit=model[0].sigmoid(),
            face=model[1].sigmoid(),
            boxes=corners(model, grid),
            spots=spots(model, grid),
        )

    def wanted(self, chosen: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Chance (cells,) that each cell answers for a face, and whether the cell learns it."""
        sure = (self.fit * self.face).sqrt()
        alarm = (sure > 0.3) & ~within(self.faces, grid)
        wanted = self.face.masked_fill(alarm, 0.0)
        missed = chosen[sure[chosen] <= SURE]
        wanted[missed] = 1.0
        heed = ~within(self.blind, grid)
        heed[chosen] = True
        return wanted, heed

    def aims(self, chosen: Tensor, owner: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Box, points and fit that each chosen cell should state."""
        sure = (self.fit * self.face).sqrt()[chosen] > SURE
        right = sure & (overlaps(self.boxes[chosen], self.faces[owner]) > 0.6)
        close = right & (apart(self.spots[chosen], self.points[owner]) < CLOSE)
        aim = torch.where(right[:, None], self.boxes[chosen], self.faces[owner])
        spot = torch.where(close[:, None], self.spots[chosen], self.points[owner])
        own = overlaps(boxes, self.faces[owner]).clamp(0, 1)
        return aim, spot, torch.where(right, self.fit[chosen], own)
