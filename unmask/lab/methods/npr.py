"""Generated faces, from what up-sampling leaves between neighbouring pixels.

A generator enlarges small grids, so the pixels of each little block depend on one another in a way
that a camera's pixels do not. Chuangchuang Tan, Yao Zhao, Shikui Wei, Guanghua Gu, Ping Liu and
Yunchao Wei, "Rethinking the Up-Sampling Operations in CNN-based Generative Network for
Generalizable Deepfake Detection", CVPR 2024, arXiv 2312.10461: subtract from every block its own
nearest-neighbour reconstruction and classify what remains.

What differs from the paper, and why:

* The block's mean is subtracted, at blocks of 2 and of 4 pixels, and every 4x4 block is folded into
  channels, so that the relations inside a block stand side by side at a sixteenth of the cost.
* Beside this residual branch stands the beginning of an ImageNet MobileNetV2 that sees the pixels
  themselves. Most generated faces in circulation were shrunk after they were made, and then only
  texture is left of the trace. Its first stages stay as they are: low-level filters need no
  retraining, and training costs half.
* Besides two families of generators it learns from `unmask.lab.forge.upsample`: photos sent through
  random up-sampling layers, since nobody can collect the generators of tomorrow. The same photos
  also go through ordinary resamplers and count as genuine, so that mere enlarging is no evidence.
* Both classes pass through the same wear (resizing, blur, noise, JPEG), growing during training.

Windows are cut at native resolution and never resized at run time. Fails where strong compression
or shrinking has removed the trace, on faces under half a window, and it says nothing about swaps
and composites whose pixels were not generated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from unmask.bench.metrics import auc
from unmask.judge.bundle import CropRecipe
from unmask.lab import weights
from unmask.lab.calibration import card_sections
from unmask.lab.data import dev
from unmask.lab.data.held import CONDITIONS, TRACE, Found, Held, resized
from unmask.lab.data.native import Region, Regions
from unmask.lab.forge import upsample
from unmask.lab.forge.degrade import Degrade
from unmask.lab.method import Batch, Data, Method
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

GENERATED = ("ffhq256_vs_stylegan_140k", "diff_sfhq_t2i")
"""Sets whose manipulated half was painted by a generator, whole."""
Rng = np.random.Generator


@dataclass(frozen=True)
class Config:
    """Settings; no default is the paper's, whose network and data were others.

    Attributes:
        window: Side of a window in pixels.
        windows: Windows a face, at most; their logits are averaged.
        margin: Reach of the windows in face boxes.
        stages: Stages of the trunk that are kept, 1 to 7.
        frozen: Of these, how many keep their first weights, together with the stem.
        residual: Width of the residual branch.
        initial: ImageNet weights below the weights folder; empty for random ones.
        gan, diffusion, trace: Shares of the manipulated windows.
        partner: Share of the genuine windows that comes from the source of the GAN's own photos.
        resampled: Chance of an ordinary resampler, for any window that is no trace.
        rescaled: Chance of a mild change of size, for any window.
        strength: Wear at its strongest; every window draws its own below it.
        ramp: Epochs until the wear is at its strongest.
        epoch: Windows an epoch.
        without: Families and up-sampling stages left out of training, to measure what they add.
    """

    window: int = 128
    windows: int = 4
    margin: float = 1.2
    stages: int = 5
    frozen: int = 2
    residual: int = 32
    initial: str = "mobilenet_tflite/mobilenet_v2_tf2_int8_perchannel.safetensors"
    gan: float = 0.45
    diffusion: float = 0.2
    trace: float = 0.35
    partner: float = 0.4
    resampled: float = 0.3
    rescaled: float = 0.5
    strength: float = 0.8
    ramp: int = 4
    epoch: int = 8192
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
    """The trunk for texture, the residual branch beside it, one logit a window."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.trunk = MobileNetV2(config.stages, top=False)
        self.residual = Residual(config.residual)
        channels = self.trunk.channels + self.residual.channels
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(channels, 1))
        self.frozen = config.frozen
        for module in self._fixed():
            module.requires_grad_(False)

    def _fixed(self) -> list[nn.Module]:
        return [self.trunk.stem, *self.trunk.stages[: self.frozen]] if self.frozen else []

    def train(self, mode: bool = True) -> Network:
        """Keeps the normalisation of the fixed stages as it is, too."""
        super().train(mode)
        for module in self._fixed():
            module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n,)."""
        pooled = [branch(x).mean((2, 3)) for branch in (self.trunk, self.residual)]
        out: Tensor = self.head(torch.cat(pooled, 1))[:, 0]
        return out


class NeighbouringPixels(Method):
    """Trains on windows of native pixels, exports one logit a window."""

    config: Config

    def network(self) -> Network:
        return Network(self.config)

    def initialise(self, network: nn.Module, data: Data) -> None:
        assert isinstance(network, Network)
        if self.config.initial:
            biases = load_quantised(network.trunk, weights.find(self.config.initial))
            some = torch.stack([data.train[index]["image"] for index in range(64)])
            restore_batch_norm(network.trunk, biases, prepared(some))

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        chosen = [s for s in dev.samples(root) if learnable(s)]
        train, val = (
            list(Regions([s for s in chosen if s.split == split], cache))
            for split in ("train", "val")
        )
        recipe = CropRecipe(**self.crop() | {"min_face": 0})
        return Data(Windows(train, self.config, seed), Held(val, recipe, seed))

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        target = batch["label"].float() * 0.95 + 0.025
        logit = network(prepared(batch["image"])).float()
        return {"loss": F.binary_cross_entropy_with_logits(logit, target)}

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        found = collect(network, batches)
        result = {}
        for family in sorted(
            {f for f, label in zip(found.family, found.label, strict=True) if label}
        ):
            for condition in CONDITIONS:
                fakes, reals = found.rivals(family, condition)
                both = np.concatenate([fakes, reals])
                result[f"{family}_{condition}"] = auc([1] * len(fakes) + [0] * len(reals), both)
        result["auc"] = float(np.mean(list(result.values())))
        return result

    def graph(self, network: nn.Module) -> nn.Module:
        return _Deployed(network)

    def outputs(self) -> dict[str, str]:
        return {"logit": "logit"}

    def crop(self) -> dict[str, Any]:
        return {
            "kind": "native",
            "size": [self.config.window, self.config.window],
            "margin": self.config.margin,
            "colour": "RGB",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "windows": self.config.windows,
            "min_face": self.config.window // 2,
        }

    def calibrate(self, network: nn.Module, data: Data, batches: Iterable[Batch]) -> dict[str, Any]:
        found = collect(network, batches)
        names = ", ".join(sorted(set(found.family)))
        words = f"people and photos kept back from training ({names}), {' and '.join(CONDITIONS)}"
        groups = np.char.add(found.family, found.condition)
        return card_sections(found.logit, found.label.astype(np.float64), groups, words)


class _Deployed(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.network(image),)


def prepared(pixels: Tensor) -> Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, h, w), -1..1."""
    image = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
    return image.contiguous(memory_format=torch.channels_last)


def learnable(sample: dev.Sample) -> bool:
    """Photos whose label is that of their pixels: genuine ones, and faces generated whole."""
    honest = sample.label == 0 or sample.set in GENERATED
    return honest and sample.split != "test" and sample.path.suffix != ".mp4"


class Windows(Dataset[dict[str, Any]]):
    """Training windows, half of them manipulated; equal (seed, epoch, index), equal window."""

    def __init__(self, regions: Sequence[Region], config: Config, seed: int) -> None:
        self.config, self.seed, self.epoch = config, seed, 0
        self.groups: dict[tuple[str, int], list[Region]] = {}
        for region in regions:
            self.groups.setdefault((region.sample.set, region.sample.label), []).append(region)
        self.stages = sorted(set(upsample.STAGES) - set(config.without))
        shares = dict(
            zip((*GENERATED, TRACE), (config.gan, config.diffusion, config.trace), strict=True)
        )
        known = {k: s for k, s in shares.items() if k == TRACE or (k, 1) in self.groups}
        self.kinds = {k: s for k, s in known.items() if k not in config.without}

    def set_epoch(self, epoch: int) -> None:
        """Move the wear on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.config.epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        label = index % 2
        kind = (
            str(rng.choice(list(self.kinds), p=normal(list(self.kinds.values())))) if label else ""
        )
        group = self.groups[kind, 1] if (kind, 1) in self.groups else self._genuine(rng)
        pixels = self._window(group[rng.integers(len(group))].pixels, kind == TRACE, rng)
        return {"image": torch.from_numpy(pixels), "label": label}

    def _genuine(self, rng: Rng) -> list[Region]:
        """The GAN's partner, or a set by the root of its size: small sets are heard too."""
        names = [name for name, label in self.groups if label == 0]
        if GENERATED[0] in names and rng.random() < self.config.partner:
            return self.groups[GENERATED[0], 0]
        sizes = np.sqrt([len(self.groups[name, 0]) for name in names])
        return self.groups[names[rng.choice(len(names), p=normal(sizes))], 0]

    def _window(self, pixels: Pixels, trace: bool, rng: Rng) -> Pixels:
        """Cut, mirror, trace or resample, rescale, wear."""
        size = self.config.window
        scale = 2 ** rng.uniform(-0.6, 0.5) if rng.random() < self.config.rescaled else 1.0
        side = min(math.ceil(size / scale), *pixels.shape[:2])
        top, left = (int(rng.integers(length - side + 1)) for length in pixels.shape[:2])
        cutting = pixels[top : top + side, left : left + side]
        window = np.ascontiguousarray(cutting[:, ::-1] if rng.random() < 0.5 else cutting)
        if trace:
            window = upsample.trace(window, rng, self.stages)
        elif rng.random() < self.config.resampled:
            window = upsample.plain(window, rng)
        if side != size:
            window = resized(window, (size, size), rng)
        strength = self.config.strength * min(1.0, (self.epoch + 1) / self.config.ramp)
        return Degrade(strength * rng.random())(window, rng)


def normal(shares: Sequence[float] | npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Shares that sum to one."""
    values = np.asarray(shares, np.float64)
    return np.asarray(values / values.sum())


def collect(network: nn.Module, batches: Iterable[Batch]) -> Found:
    """Score everything in `batches`."""
    columns: dict[str, list[Any]] = {name: [] for name in Found.__dataclass_fields__}
    for batch in batches:
        faces, windows = batch["image"].shape[:2]
        logit = network(prepared(batch["image"].flatten(0, 1))).float()
        columns["logit"] += logit.view(faces, windows).mean(1).tolist()
        columns["label"] += batch["label"].tolist()
        for name in ("family", "set", "condition"):
            columns[name] += batch[name]
    return Found(**{name: np.asarray(values) for name, values in columns.items()})
