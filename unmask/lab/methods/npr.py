"""The traces that a generator's up-sampling leaves between neighbouring pixels.

Tan, Zhao, Wei, Gu, Liu and Wei, "Rethinking the Up-Sampling Operations in CNN-based Generative
Network for Generalizable Deepfake Detection", CVPR 2024, arXiv 2312.10461. A generator enlarges
small grids, so the pixels of each little block depend on each other in a way that camera pixels do
not; the paper subtracts from every block its own nearest-neighbour reconstruction and classifies
what remains.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from unmask.bench import metrics
from unmask.errors import LabError
from unmask.lab import weights
from unmask.lab.data import dev
from unmask.lab.data.native import Region, Regions
from unmask.lab.forge import upsample
from unmask.lab.forge.degrade import Degrade
from unmask.lab.method import Batch, Data, Method
from unmask.lab.networks import mobilenet
from unmask.lab.teachers.yunet import YuNet
from unmask.types import Pixels

CARD = {
    "title": "Neighbouring pixel relationships at native resolution",
    "authors": "Tan, Zhao, Wei, Gu, Liu, Wei",
    "venue": "CVPR",
    "year": 2024,
    "arxiv": "2312.10461",
    "task": "synthetic-trace",
}

GAN, DIFFUSION, TRACE = "gan_stylegan_140k", "diffusion_sdxl_flux_dalle3", "trace"
PARTNER = "real_ffhq256"
REAL_SETS = (
    "ffhq256_vs_stylegan_140k",
    "lfw_deepfunneled",
    "utkface_crop",
    "landmarks11_pvt",
    "morph_train_canada",
    "swap_meso",
    "portrait_seg_pvt",
    "casia1_tamper",
)


@dataclass(frozen=True)
class Config:
    """Settings of the method.

    Attributes:
        window: Side of the window in pixels.
        windows: Windows a face, averaged.
        margin: Reach of the windows, in face boxes.
        stages: Trunk stages kept (1..7).
        residual: Channels of the residual branch; 0 for none.
        frozen: First trunk stages, with the stem, that keep their ImageNet weights.
        pretrained: Whether the trunk starts from the ImageNet weights.
        shares: Of the manipulated half: StyleGAN, diffusion, random up-samplers.
        partner: Share of the genuine half that comes from the StyleGAN's own source.
        resampled: Chance that a picture, genuine or not, goes through an ordinary resampler.
        strength: Strongest wear; each picture draws its own up to this.
        ramp: Epochs until the strongest wear is reached.
        epoch: Windows that count as one epoch.
        without: Families and stages of `forge.upsample` kept out of training.
    """

    window: int = 128
    windows: int = 4
    margin: float = 1.2
    stages: int = 5
    residual: int = 16
    frozen: int = 2
    pretrained: bool = True
    shares: tuple[float, float, float] = (0.4, 0.2, 0.4)
    partner: float = 0.4
    resampled: float = 0.3
    strength: float = 0.8
    ramp: int = 4
    epoch: int = 8192
    without: tuple[str, ...] = ()
    study: bool = False


class Residual(nn.Module):
    """What a block's mean does not explain, at two grids, with every 4x4 block folded into channels.

    Folding loses nothing, makes the branch cheap, and lays a block's inner relations side by side.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 96
        for outputs, stride in ((width, 1), (width, 2), (2 * width, 2)):
            layers += [
                nn.Conv2d(channels, outputs, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU6(inplace=True),
            ]
            channels = outputs
        self.layers = nn.Sequential(*layers)
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n, channels, h/16, w/16)."""
        parts = [
            x - F.interpolate(F.avg_pool2d(x, side), scale_factor=side, mode="nearest")
            for side in (2, 4)
        ]
        out: Tensor = self.layers(F.pixel_unshuffle(torch.tanh(8 * torch.cat(parts, 1)), 4))
        return out


class Network(nn.Module):
    """An ImageNet trunk for texture beside the residual branch; one logit a window."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.trunk = mobilenet.MobileNetV2(config.stages, top=False)
        self.residual = Residual(config.residual) if config.residual else None
        channels = self.trunk.channels + (self.residual.channels if self.residual else 0)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(channels, 1))
        self.frozen = config.frozen
        for module in self._fixed():
            module.requires_grad_(False)

    def _fixed(self) -> list[nn.Module]:
        return [self.trunk.stem, *self.trunk.stages[: self.frozen]] if self.frozen else []

    def train(self, mode: bool = True) -> Network:
        """Also keeps the frozen stages' normalisation as it is."""
        super().train(mode)
        for module in self._fixed():
            module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n,)."""
        texture = self.trunk(x)
        pooled = [texture.mean((2, 3))]
        if self.residual is not None:
            pooled.append(self.residual(x).mean((2, 3)))
        out: Tensor = self.head(torch.cat(pooled, 1))[:, 0]
        return out


def prepare(pixels: Tensor) -> Tensor:
    return (pixels.float() / 127.5 - 1).permute(0, 3, 1, 2)


class Windows(Dataset[dict[str, Any]]):
    def __init__(self, regions: list[Region], config: Config, seed: int) -> None:
        self.config, self.seed, self.epoch = config, seed, 0
        self.fakes: dict[str, list[Region]] = {}
        self.reals: dict[str, list[Region]] = {}
        for region in regions:
            group = self.fakes if region.sample.label else self.reals
            group.setdefault(region.sample.family, []).append(region)
        self.stages = sorted(set(upsample.STAGES) - set(config.without))

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.config.epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        label = index % 2
        family = self._family(label, rng)
        source = self._genuine(rng) if family == TRACE else (self.fakes | self.reals)[family]
        region = source[rng.integers(len(source))]
        pixels = self._window(region.pixels, family == TRACE, rng)
        return {"image": torch.from_numpy(pixels), "label": float(label)}

    def _family(self, label: int, rng: np.random.Generator) -> str:
        if not label:
            names = sorted(self.reals)
            if rng.random() < self.config.partner:
                return PARTNER
            return self._real_name(rng)
        names = [n for n in (GAN, DIFFUSION, TRACE) if n not in self.config.without]
        shares = [s for n, s in zip((GAN, DIFFUSION, TRACE), self.config.shares) if n in names]
        return names[rng.choice(len(names), p=np.array(shares) / sum(shares))]

    def _real_name(self, rng: np.random.Generator) -> str:
        names = sorted(self.reals)
        sizes = np.sqrt([len(self.reals[n]) for n in names])
        return names[rng.choice(len(names), p=sizes / sizes.sum())]

    def _genuine(self, rng: np.random.Generator) -> list[Region]:
        return self.reals[PARTNER if rng.random() < self.config.partner else self._real_name(rng)]

    def _window(self, pixels: Pixels, trace: bool, rng: np.random.Generator) -> Pixels:
        size = self.config.window
        least = size / min(pixels.shape[:2])
        factor = 1.0 if rng.random() < 0.5 else max(least, 2 ** rng.uniform(-0.6, 0.5))
        if least > 1:
            factor = least
        side = min(math.ceil(size / factor), *pixels.shape[:2])
        top = rng.integers(pixels.shape[0] - side + 1)
        left = rng.integers(pixels.shape[1] - side + 1)
        cut = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        if rng.random() < 0.5:
            cut = np.ascontiguousarray(cut[:, ::-1])
        if trace:
            cut = upsample.trace(cut, rng, self.stages)
        elif rng.random() < self.config.resampled:
            cut = upsample.plain(cut, rng)
        if side != size:
            how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)
            cut = cv2.resize(cut, (size, size), interpolation=int(how[rng.integers(4)]))
        strength = self.config.strength * min(1.0, (self.epoch + 1) / self.config.ramp)
        return Degrade(strength * rng.random())(cut, rng)


def spread(pixels: Pixels, size: int, windows: int) -> Pixels:
    """Windows over the middle"""
    h, w = pixels.shape[:2]
    if min(h, w) < size:
        f = size / min(h, w)
        pixels = cv2.resize(pixels, (max(size, round(w * f)), max(size, round(h * f))))
        h, w = pixels.shape[:2]
    rows = [round((h - size) * t) for t in (0.25, 0.75)]
    cols = [round((w - size) * t) for t in (0.25, 0.75)]
    return np.stack([pixels[r : r + size, c : c + size] for r in rows for c in cols][:windows])


def worn(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """JPEG 75-95 after a mild resize, both classes alike."""
    f = rng.uniform(0.75, 1.15)
    how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)
    pixels = cv2.resize(pixels, None, fx=f, fy=f, interpolation=int(how[rng.integers(4)]))
    data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(75, 96))])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


class Held(Dataset[dict[str, Any]]):
    def __init__(self, regions: list[Region], config: Config, seed: int) -> None:
        self.config, self.seed = config, seed
        self.items = []
        count: dict[str, int] = {}
        for number, region in enumerate(regions):
            family = region.sample.family
            count[family] = count.get(family, 0) + 1
            if count[family] > 200:
                continue
            self.items += [(region, "clean"), (region, "worn")]
            if not region.sample.label and count[family] <= 60:
                self.items += [(region, TRACE)]
        self.names = sorted({r.sample.family for r, _ in self.items})

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        region, condition = self.items[index]
        rng = np.random.default_rng((self.seed, index))
        pixels = region.pixels
        if condition == TRACE:
            pixels = upsample.trace(pixels, rng)
        if condition != "clean":
            pixels = worn(pixels, rng)
        family = self.names.index(region.sample.family)
        return {
            "image": torch.from_numpy(spread(pixels, self.config.window, 2)),
            "label": int(region.sample.label or condition == TRACE),
            "family": family,
            "condition": ("clean", "worn", TRACE).index(condition),
        }


class Npr(Method):
    config: Config

    def network(self) -> nn.Module:
        network = Network(self.config)
        if self.config.pretrained and getattr(self, "pictures", None) is not None:
            path = weights.find("mobilenet_tflite/mobilenet_v2_tf2_int8_perchannel.safetensors")
            biases = mobilenet.load_quantised(network.trunk, path)
            mobilenet.restore_batch_norm(network.trunk, biases, self.pictures)
        return network

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        cv2.setNumThreads(1)
        found = [s for s in dev.samples(root) if s.split != "test" and (
            s.family in (GAN, DIFFUSION) or (not s.label and s.set in REAL_SETS))]
        regions = Regions(found, cache, YuNet())
        def study(s):
            import hashlib
            return s.family in (GAN, PARTNER, DIFFUSION) and int(hashlib.md5(str(s.path).encode()).hexdigest(), 16) % 100 < 22
        train = [r for r in regions if r.sample.split == "train" and not (self.config.study and study(r.sample))]
        val = [r for r in regions if r.sample.split == "val" or (self.config.study and study(r.sample))]
        dataset = Windows(train, self.config, seed)
        first = torch.stack([dataset[i]["image"] for i in range(64)])
        self.pictures = prepare(first)
        self.names = Held(val, self.config, seed).names
        return Data(dataset, Held(val, self.config, seed))

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        x = prepare(batch["image"]).contiguous(memory_format=torch.channels_last)
        target = batch["label"].float() * 0.95 + 0.025
        return {"loss": F.binary_cross_entropy_with_logits(network(x).float(), target)}

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        rows: dict[str, list] = {"score": [], "label": [], "family": [], "condition": []}
        for batch in batches:
            image = batch["image"]
            logits = network(prepare(image.flatten(0, 1)).contiguous(memory_format=torch.channels_last)).float()
            rows["score"].append(logits.view(image.shape[:2]).mean(1))
            for name in ("label", "family", "condition"):
                rows[name].append(batch[name])
        d = {k: torch.cat(v).numpy() for k, v in rows.items()}
        fam = np.array(self.names)[d["family"]]
        c, s, y = d["condition"], d["score"], d["label"]
        def two(pos, neg):
            return metrics.auc(np.r_[np.ones(pos.sum()), np.zeros(neg.sum())], np.r_[s[pos], s[neg]])
        out = {}
        for name, k in (("clean", 0), ("worn", 1)):
            m = c == k
            out[f"gan_{name}"] = two(m & (fam == GAN), m & (fam == PARTNER))
            out[f"diff_{name}"] = two(m & (fam == DIFFUSION), m & (y == 0))
            out[f"trace_{name}"] = two(c == 2, m & (y == 0))
            out[f"gan_all_{name}"] = two(m & (fam == GAN), m & (y == 0))
            thr = np.quantile(s[(c < 2) & (fam == PARTNER)], .95)
            for f in set(fam[m & (y == 0)]):
                out[f"fpr_{name}_{f}"] = float((s[m & (fam == f)] > thr).mean())
        out["auc"] = float(np.mean([out["gan_clean"], out["gan_worn"], out["diff_worn"], out["trace_worn"]]))
        return out

    def graph(self, network: nn.Module) -> nn.Module:
        return network

    def outputs(self) -> dict[str, str]:
        return {"logit": "logit"}

    def crop(self) -> dict[str, Any]:
        return {"kind": "native", "size": [self.config.window] * 2, "margin": self.config.margin, "colour": "RGB",
                "mean": [0.5] * 3, "std": [0.5] * 3, "windows": self.config.windows, "min_face": 64}
