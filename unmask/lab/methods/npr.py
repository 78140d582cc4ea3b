"""Generated faces, from what up-sampling leaves between neighbouring pixels.

A generator enlarges small grids, so a block's pixels depend on one another. Chuangchuang Tan, Yao
Zhao, Shikui Wei, Guanghua Gu, Ping Liu and Yunchao Wei, "Rethinking the Up-Sampling Operations in
CNN-based Generative Network for Generalizable Deepfake Detection", CVPR 2024, arXiv 2312.10461:
subtract from every block its own nearest-neighbour reconstruction and classify what remains.

What differs from the paper, and why:

* The block's mean is subtracted, at blocks of 2 and of 4 pixels, and every 4x4 block is folded into
  channels, so that the relations inside a block stand side by side at a sixteenth of the cost.
* Beside this residual branch stand the first stages of an ImageNet MobileNetV2 that sees the pixels
  themselves: most generated faces in circulation were shrunk after they were made, and then only
  texture is left of the trace.
* Every cell of 16 pixels is judged and trained by itself, and a window is the mean of its cells
  (Lucy Chai, David Bau, Ser-Nam Lim and Phillip Isola, "What Makes Fake Images Detectable?
  Understanding Properties that Generalize", ECCV 2020, arXiv 2008.10588). On 700 faces a network
  with one answer a face learnt the faces by heart; one with an answer a cell did not (AUC on
  StyleGAN faces kept back from training: 0.87 and 0.90 at equal steps).
* Besides two families of generators it learns from `unmask.lab.forge.upsample`: photos sent through
  random up-sampling layers, since nobody can collect the generators of tomorrow. The same photos
  also go through ordinary resamplers and count as genuine, so that mere enlarging is no evidence.
* It learns from pairs: both windows pass through the same rescaling and the same wear (blur, noise,
  JPEG, another rescaling) with the same dice, and the wear grows during training.

Fails where compression or shrinking removed the trace; says nothing about swaps and composites.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from unmask.lab import weights
from unmask.lab.data.held import TRACE, resized
from unmask.lab.data.native import Region
from unmask.lab.forge import upsample
from unmask.lab.forge.degrade import Degrade
from unmask.lab.method import Batch, Data, square
from unmask.lab.methods import _generated
from unmask.lab.networks.mobilenet import MobileNetV2, load_quantised, restore_batch_norm
from unmask.types import Pixels

CARD = {
    "title": "Neighbouring pixel relationships",
    "authors": "Chuangchuang Tan, Yao Zhao, Shikui Wei, Guanghua Gu, Ping Liu, Yunchao Wei",
    "venue": "CVPR",
    "year": 2024,
    "arxiv": "2312.10461",
    "task": "synthetic-trace",
}

Rng = np.random.Generator


@dataclass(frozen=True)
class Config:
    """Settings; no default is the paper's, whose network and data were others.

    Attributes:
        window: Side of a window in pixels.
        windows: Windows a face, at most; their logits are averaged.
        margin: Reach of the windows in face boxes.
        stages: Stages of the trunk that are kept, 4 or 5: those that end at 16 pixels a cell.
        residual: Width of the residual branch.
        initial: ImageNet weights below the weights folder; empty for random ones.
        gan, diffusion, trace: Shares of the pairs.
        resampled: Chance of an ordinary resampler, for any window that is no trace.
        rescaled: Chance of a mild change of size.
        smallest: Strongest shrinking, as a power of two.
        matched: Whether the photo beside a trace is always resampled and diffusion faces and their
            rivals are always shrunk; else the JPEG blocks that forging wipes out tell a little.
        sharpened: Chance of an unsharp mask.
        light, strength: Strongest wear at the start and at the end; every pair draws its own.
        ramp: Epochs until the wear is at its strongest.
        pairs: Pairs an epoch.
        further: Up-sampling stages of `upsample.FURTHER` to draw from as well.
        without: Sets, and up-sampling stages or all of them (`TRACE`), left out to measure
            what they add.
    """

    window: int = 128
    windows: int = 1
    margin: float = 1.2
    stages: int = 5
    residual: int = 32
    initial: str = "mobilenet_tflite/mobilenet_v2_tf2_int8_perchannel.safetensors"
    gan: float = 0.5
    diffusion: float = 0.12
    trace: float = 0.38
    resampled: float = 0.3
    rescaled: float = 0.6
    smallest: float = -1.0
    matched: bool = True
    sharpened: float = 0.2
    light: float = 0.2
    strength: float = 0.7
    ramp: int = 4
    pairs: int = 4096
    further: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class Residual(nn.Module):
    """What a block's mean does not explain, at two grids, with every 4x4 block in channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, self.channels = 96, 2 * width
        for outputs, stride in ((width, 1), (width, 2), (2 * width, 2)):
            layers.append(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False))
            layers += [nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n, channels, h/16, w/16)."""
        parts = [
            x - F.interpolate(F.avg_pool2d(x, side), scale_factor=side, mode="nearest")
            for side in (2, 4)
        ]
        # Fine differences are what counts: the bend keeps edges from drowning them.
        folded = F.pixel_unshuffle(torch.tanh(8 * torch.cat(parts, 1)), 4)
        out: Tensor = self.layers(folded)
        return out


class Network(nn.Module):
    """A logit for every cell of 16 pixels, from the trunk and the residual branch side by side."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.trunk = MobileNetV2(config.stages, top=False)
        self.residual = Residual(config.residual)
        self.drop = nn.Dropout2d(0.2)
        self.cells = nn.Conv2d(self.trunk.channels + self.residual.channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n, h/16, w/16)."""
        both = torch.cat([self.trunk(x), self.residual(x)], 1)
        out: Tensor = self.cells(self.drop(both))
        return out[:, 0]


class NeighbouringPixels(_generated.Generated):
    """Trains on windows of native pixels, exports one logit a window."""

    config: Config

    def network(self) -> Network:
        return Network(self.config)

    def initialise(self, network: nn.Module, data: Data) -> None:
        assert isinstance(network, Network)
        if self.config.initial:
            some = torch.cat([data.train[index]["image"] for index in range(32)])
            biases = load_quantised(network.trunk, weights.find(self.config.initial))
            restore_batch_norm(network.trunk, biases, _generated.prepared(some))

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        train, val = (
            _generated.regions(root, cache, split, self.config.without)
            for split in ("train", "val")
        )
        return Data(Pairs(train, self.config, seed), self.held(val, seed))

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        cells = network(_generated.prepared(batch["image"].flatten(0, 1))).float()
        label = batch["label"].flatten(0, 1)[:, None, None] * 0.95 + 0.025
        return {"loss": F.binary_cross_entropy_with_logits(cells, label.expand_as(cells))}

    def logits(self, network: nn.Module, windows: Tensor) -> Tensor:
        out: Tensor = network(_generated.prepared(windows)).mean((1, 2))
        return out

    def graph(self, network: nn.Module) -> nn.Module:
        return _Deployed(network)

    def crop(self) -> dict[str, Any]:
        return square(
            "native",
            self.config.window,
            self.config.margin,
            windows=self.config.windows,
            min_face=self.config.window // 2,
            max_face=_generated.LARGEST,
        )


class _Deployed(nn.Sequential):
    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self[0](image).mean((1, 2)),)


class Pairs(Dataset[dict[str, Tensor]]):
    """A genuine and a manipulated window, cut, rescaled and worn with the same dice.

    Equal (seed, epoch, index) give an equal pair.
    """

    def __init__(self, regions: Sequence[Region], config: Config, seed: int) -> None:
        self.config, self.seed, self.epoch = config, seed, 0
        self.groups: dict[tuple[str, int], list[Region]] = {}
        for region in regions:
            self.groups.setdefault((region.sample.set, region.sample.label), []).append(region)
        self.stages = sorted({*upsample.STAGES, *config.further} - set(config.without))
        kinds = (*_generated.GENERATED, TRACE)
        shares = zip(kinds, (config.gan, config.diffusion, config.trace), strict=True)
        known = [(k, s) for k, s in shares if k == TRACE or (k, 1) in self.groups]
        kept = {k: s for k, s in known if k not in config.without}
        self.kinds, self.shares = list(kept), np.array(list(kept.values())) / sum(kept.values())
        self.sources = [name for name, label in self.groups if label == 0]
        sizes = np.sqrt([len(self.groups[name, 0]) for name in self.sources])
        self.hearing = sizes / sizes.sum()
        self.followed = len(self.kinds)

    def set_epoch(self, epoch: int) -> None:
        """Move the wear on."""
        self.epoch = epoch

    def which(self, index: int) -> int:
        """The kind of a pair, which its dice decide first."""
        return self._kind(np.random.default_rng((self.seed, self.epoch, index)))

    def __len__(self) -> int:
        return self.config.pairs

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        kind = self.kinds[self._kind(rng)]
        real = self._genuine(kind, rng)
        fake = real if kind == TRACE else self._any(kind, 1, rng)
        dice = int(rng.integers(1 << 62))
        windows = [self._window(real, kind, False, dice), self._window(fake, kind, True, dice)]
        return {"image": torch.from_numpy(np.stack(windows)), "label": torch.tensor([0.0, 1.0])}

    def _kind(self, rng: Rng) -> int:
        return int(rng.choice(len(self.kinds), p=self.shares))

    def _genuine(self, kind: str, rng: Rng) -> Region:
        """From the generator's own source, or a set by the root of its size."""
        if (kind, 0) in self.groups:
            return self._any(kind, 0, rng)
        return self._any(self.sources[rng.choice(len(self.sources), p=self.hearing)], 0, rng)

    def _any(self, source: str, label: int, rng: Rng) -> Region:
        group = self.groups[source, label]
        return group[int(rng.integers(len(group)))]

    def _window(self, region: Region, kind: str, manipulated: bool, dice: int) -> Pixels:
        """Cut, mirror, trace or resample, rescale, sharpen, wear: each with dice of its own."""
        cutting, forging, wearing = (np.random.default_rng((dice, step)) for step in range(3))
        pixels, size, config = region.pixels, self.config.window, self.config
        shrunk, scale = config.matched and kind == _generated.GENERATED[1], 1.0
        if shrunk or cutting.random() < config.rescaled:
            scale = 2 ** cutting.uniform(config.smallest, -0.2 if shrunk else 0.5)
        side = min(math.ceil(size / scale), *pixels.shape[:2])
        top, left = (int(cutting.random() * (length - side + 1)) for length in pixels.shape[:2])
        window = pixels[top : top + side, left : left + side]
        window = np.ascontiguousarray(window[:, ::-1] if cutting.random() < 0.5 else window)
        if kind == TRACE and manipulated:
            window = upsample.trace(window, forging, self.stages)
        elif (config.matched and kind == TRACE) or forging.random() < config.resampled:
            window = upsample.plain(window, forging)
        if side != size:
            window = resized(window, (size, size), cutting)
        if wearing.random() < config.sharpened:
            window = sharper(window, wearing)
        ramp = min(1.0, self.epoch / max(1, config.ramp))
        strongest = config.light + (config.strength - config.light) * ramp
        return Degrade(strongest * wearing.random())(window, wearing)


def sharper(pixels: Pixels, rng: Rng) -> Pixels:
    """An unsharp mask, as cameras and editors apply it."""
    soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 2.0))
    force = rng.uniform(0.2, 1.2)
    return np.asarray(cv2.addWeighted(pixels, 1 + force, soft, -force, 0), np.uint8)
