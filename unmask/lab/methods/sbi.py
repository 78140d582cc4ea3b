"""Face forgery from self-blended images.

Looks for the meeting of two pictures: an edge, colours and sharpness that differ on its sides.
Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, arXiv 2204.08376.

What differs from the paper, and why:

* MobileNetV2 at 128 pixels instead of EfficientNet-B4 at 380: for an ordinary processor.
* Forgeries by `unmask.lab.forge.blend`; a recipe may choose another forging of that folder.
* A share of real face swaps beside the self-blends.
* A map of 16x16 cells is trained against the mask of the blend. It is the heat map, and its
  strongest cells take part in the decision, because a blended mouth is a small part of a face.
* A recipe may have shares of blends of another person's face, whose every texture is another
  picture's, and of morphs, which are smooth and need not have an edge. Both take the other face
  from the same set, so that no set's own sharpness or compression comes to stand for a forgery.
* Every item is a pair of the same source, worn by the same chain with the same dice; the wear
  grows during training, since a network that meets heavy wear first learns slowly.
* Generated faces are left to `npr`: a network that learns both questions answers each worse. But
  one that never met any took them for more genuine than photos (AUC 0.38) and contradicted `npr`;
  a tenth of the pairs of such faces mended that (0.73).

Fails on faces generated whole, whose picture holds no edge, and below about 50 pixels of face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from unmask.bench.metrics import auc
from unmask.errors import LabError
from unmask.faces.align import cut
from unmask.judge.bundle import CropRecipe, resolve
from unmask.lab import exported, weights
from unmask.lab.calibration import card_sections
from unmask.lab.data import dev
from unmask.lab.data.faces import FaceCache, Record, landmarks_of
from unmask.lab.data.view import CELLS, View, to_tensor
from unmask.lab.forge import Donor, DrawDonor, Forging, named
from unmask.lab.forge.degrade import Degrade, blur
from unmask.lab.method import Batch, Data, Method, square
from unmask.lab.networks.mobilenet import (
    MobileNetV2,
    load_folded,
    load_quantised,
    restore_batch_norm,
)
from unmask.types import Face, Pixels, Plane, Points

CARD = {
    "title": "Self-blended images with a generator head",
    "authors": "Kaede Shiohara, Toshihiko Yamasaki",
    "venue": "CVPR",
    "year": 2022,
    "arxiv": "2204.08376",
    "task": "face-forgery",
}

IGNORE = -1.0
Rng = np.random.Generator


@dataclass(frozen=True)
class Config:
    """Settings; the shares of the kinds of pairs need not sum to one.

    Attributes:
        size: Side of the crop in pixels (the paper: 380).
        margin: Side of the crop in face sides.
        initial: ImageNet weights below the weights folder; empty for random ones.
        start: Name or folder of a bundle of this method that training goes on from instead.
        pairs: Pairs an epoch.
        light, wear: Strongest wear at the start and at the end; every pair draws its own, because
            full wear on every picture hides blends that ordinary files still show.
        soft: Of `Degrade`: how far its blur reaches.
        blurred: Share of the pairs that are blurred and not worn otherwise.
        ramp: Epochs until the wear is at its strongest.
        swap: Share of swaps against genuine frames of the same set.
        generated: Share of faces generated whole against photos of the same set; what neither
            share takes are blends.
        dropout: Before the head.
        without: Sets that training and validation do not see.
        forging: Module of `unmask.lab.forge` that forges for training; validation keeps "blend".
        crossed: Share of the forgeries that put another person's face in instead (`xray`).
        morphs: Share of the others that are morphs.
    """

    size: int = 128
    margin: float = 1.3
    initial: str = "mobilenet_tflite/mobilenet_v2_tf2_int8_perchannel.safetensors"
    start: str = ""
    pairs: int = 6144
    light: float = 0.2
    wear: float = 0.6
    soft: float = 1.3
    blurred: float = 0.0
    ramp: int = 8
    swap: float = 0.15
    generated: float = 0.0
    dropout: float = 0.2
    without: tuple[str, ...] = ()
    forging: str = "blend"
    crossed: float = 0.0
    morphs: float = 0.0


class Network(nn.Module):
    """Trunk, a map of cells, and a head that reads both."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.trunk = MobileNetV2()
        self.lateral = nn.ModuleList(nn.Conv2d(c, 64, 1) for c in (32, 96, 1280))
        self.map = nn.Sequential(
            nn.ReLU(), nn.Conv2d(64, 64, 3, 1, 1), nn.ReLU(), nn.Conv2d(64, 1, 1)
        )
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(1280, 1)
        self.local = nn.Linear(2, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Image (n, 3, s, s), -1..1, to "logit" (n,) and "cells" (n, s/8, s/8)."""
        maps = self.trunk.features(image)
        fine, middle, top = maps[2], maps[4], maps[7]
        merged = self.lateral[0](fine)
        for lateral, coarse in zip(list(self.lateral)[1:], (middle, top), strict=True):
            merged = merged + F.interpolate(lateral(coarse), size=fine.shape[2:], mode="nearest")
        cells = self.map(merged)[:, 0]
        flat = cells.flatten(1)
        strongest = flat.topk(flat.shape[1] // 12, dim=1).values.mean(1)
        local = self.local(torch.stack([strongest, flat.mean(1)], 1))
        logit = self.head(self.drop(top.mean((2, 3)))) + local
        return {"logit": logit[:, 0], "cells": cells}


class SelfBlended(Method):
    """Trains on pairs, exports one logit and the heat map."""

    config: Config

    def network(self) -> Network:
        return Network(self.config.dropout)

    def initialise(self, network: nn.Module, data: Data) -> None:
        assert isinstance(network, Network)
        if self.config.start:
            biases = _go_on(network, resolve(self.config.start).model)
        elif self.config.initial:
            biases = load_quantised(network.trunk, weights.find(self.config.initial))
        else:
            return
        some = [data.train[index]["image"] for index in range(32)]
        restore_batch_norm(network.trunk, biases, torch.cat(some))

    def recipe(self) -> CropRecipe:
        """The crop as the runtime cuts it."""
        return CropRecipe(**self.crop())

    def crop(self) -> dict[str, Any]:
        return square("eyes", self.config.size, self.config.margin)

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        photos = [s for s in dev.samples(root) if s.path.suffix != ".mp4" and s.split != "test"]
        faces = FaceCache(photos, cache)
        recipe = self.recipe()
        return Data(
            train=Pairs(faces, "train", self.config, recipe, seed),
            val=Held(faces, recipe, seed, self.config),
        )

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        image = batch["image"].flatten(0, 1).contiguous(memory_format=torch.channels_last)
        out = network(image)
        label, cells = (batch[key].flatten(0, 1) for key in ("label", "cells"))
        whether = F.binary_cross_entropy_with_logits(out["logit"].float(), label)
        where = masked_loss(out["cells"].float(), cells)
        return {"loss": whether + 0.25 * where, "whether": whether, "where": where}

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        logit, label, kind = collect(network, batches, "kind")
        result = {}
        for number, name in enumerate(Held.KINDS):
            chosen = kind == number
            if chosen.any():
                result[name] = auc(label[chosen], logit[chosen])
        result["auc"] = float(np.mean(list(result.values())))
        result["log_loss"] = float(np.mean(np.logaddexp(0, np.where(label == 1, -logit, logit))))
        return result

    def graph(self, network: nn.Module) -> nn.Module:
        return _Deployed(network)

    def outputs(self) -> dict[str, str]:
        return {"logit": "logit", "heat": "heat"}

    def calibrate(self, network: nn.Module, data: Data, batches: Iterable[Batch]) -> dict[str, Any]:
        logit, label, group = collect(network, batches, "group")
        fitted_on = "people, videos and photos kept back from training, and sources unseen in it"
        return card_sections(logit, label, group, fitted_on)


def _go_on(network: Network, path: Path) -> dict[str, Tensor]:
    """Fill a network from an exported one; returns what `restore_batch_norm` takes.

    Raises:
        LabError: `bad_recipe` when that is a network of another kind.
    """
    found = exported.read(path)
    named = found.named()
    try:
        for name in ("head.weight", "head.bias", "local.weight", "local.bias"):
            named[name] *= found.slope  # as the export stretched its logit
        named["head.bias"] += found.shift
        left = network.load_state_dict(named, strict=False)
        folded = [(layer.weight, layer.bias) for layer in found.folded()]
        biases = load_folded(network.trunk, folded)
    except (KeyError, RuntimeError) as error:
        raise LabError("bad_recipe", f"{path} is no network of this method: {error}") from error
    if any(not name.startswith("trunk.") for name in left.missing_keys):
        raise LabError("bad_recipe", f"{path} is no network of this method")
    return biases


class _Deployed(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        out = self.network(image)
        return out["logit"], out["cells"].sigmoid()


def masked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy over the places whose label is known."""
    known = labels != IGNORE
    loss = F.binary_cross_entropy_with_logits(logits, labels.clamp(min=0), reduction="none")
    return (loss * known).sum() / known.sum().clamp(min=1)


def collect(
    network: nn.Module, batches: Iterable[Batch], what: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels and the values under `what` of everything in `batches`."""
    logits, labels, values = [], [], []
    for batch in batches:
        logits.append(network(batch["image"])["logit"].float().cpu().numpy())
        labels.append(batch["label"].numpy())
        values.append(batch[what].numpy())
    return np.concatenate(logits), np.concatenate(labels), np.concatenate(values)


class _Faces:
    """Records of one split, grouped by what they may stand for."""

    def __init__(self, cache: FaceCache, split: str, without: Sequence[str]) -> None:
        self.cache = cache
        self.forge: Forging = named("blend")
        groups: dict[tuple[str, int], list[int]] = {}
        for index in range(len(cache)):
            sample = cache.sample(index)
            if sample.split == split and sample.set not in without:
                groups.setdefault((sample.set, sample.label), []).append(index)
        self.groups = groups
        self.roomy = {
            name: rows for (name, label), rows in groups.items() if not label and name not in TIGHT
        }
        share = np.sqrt([len(rows) for rows in self.roomy.values()])
        self.share = share / share.sum()

    def of(self, name: str, label: int, rng: Rng) -> Record:
        rows = self.groups[name, label]
        return self.cache[rows[rng.integers(len(rows))]]

    def set_to_blend(self, rng: Rng) -> int:
        """The number of a set, drawn by the root of its size, so that small ones are heard."""
        return int(rng.choice(len(self.share), p=self.share))

    def to_blend(self, rng: Rng) -> Record:
        """A genuine face of such a set."""
        return self.of(list(self.roomy)[self.set_to_blend(rng)], 0, rng)

    def donor(self, name: str, rng: Rng) -> Donor:
        """Another genuine face of a set, for a forging that needs two."""
        record = self.of(name, 0, rng)
        return record.pixels, landmarks_of(record.face)


class Pair(NamedTuple):
    """Two pictures of one kind of source.

    Attributes:
        real: A genuine picture and its face.
        fake: A forged or generated one and its face.
        source: Set of the genuine picture.
        mask: What was replaced in the fake, where that is known.
    """

    real: tuple[Pixels, Face]
    fake: tuple[Pixels, Face]
    source: str
    mask: Plane | None = None


TIGHT = frozenset({"utkface_crop", "landmarks11_pvt"})
"""Sets cropped so closely that a blend has no surroundings it could differ from."""
SWAPS = "swap_meso"
FORGED = {"swap": SWAPS, "generated": "ffhq256_vs_stylegan_140k"}
"""Settings of a share, each with the set whose own forgeries it is of."""


def blend_pair(faces: _Faces, rng: Rng) -> Pair:
    """A photo and a forgery made of it."""
    record = faces.to_blend(rng)
    name = record.sample.set
    landmarks, donor = landmarks_of(record.face), partial(faces.donor, name)
    forged, mask = faces.forge(record.pixels, landmarks, rng, donor)
    return Pair((record.pixels, record.face), (forged, record.face), name, mask)


def _forged(
    config: Config, forge: Forging, pixels: Pixels, landmarks: Points, rng: Rng, donor: DrawDonor
) -> tuple[Pixels, Plane]:
    """A forgery of the usual kind, or for some shares of another."""
    for name, share in (("morph", config.morphs), ("xray", config.crossed)):
        if share and rng.random() < share:
            forge = named(name)
    return forge(pixels, landmarks, rng, donor)


def forged_pair(kind: str, faces: _Faces, rng: Rng) -> Pair:
    """A genuine picture of a set and one of its forgeries, of which it is not known where."""
    name = FORGED[kind]
    real, fake = faces.of(name, 0, rng), faces.of(name, 1, rng)
    return Pair((real.pixels, real.face), (fake.pixels, fake.face), name)


def forged_shares(config: Config) -> dict[str, float]:
    """The share of the pairs that is of each kind of `FORGED`; the kinds without a share left out.

    Example:
        >>> forged_shares(Config(swap=0.2)), forged_shares(Config(without=(SWAPS,)))
        ({'swap': 0.2}, {})
    """
    shares = {kind: float(getattr(config, kind)) for kind in FORGED}
    return {
        kind: share
        for kind, share in shares.items()
        if share and FORGED[kind] not in config.without
    }


class Pairs(Dataset[dict[str, Tensor]]):
    """Training pairs; the same (seed, epoch, index) gives the same pair.

    Attributes:
        followed: Sets that blends are made of, and sets of forgeries.
    """

    def __init__(
        self, cache: FaceCache, split: str, config: Config, recipe: CropRecipe, seed: int
    ) -> None:
        self.faces = _Faces(cache, split, config.without)
        self.faces.forge = partial(_forged, config, named(config.forging))
        self.config, self.recipe, self.seed = config, recipe, seed
        self.forged = forged_shares(config)
        self.followed = len(self.faces.roomy) + len(self.forged)
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Move the wear on."""
        config, self.epoch = self.config, epoch
        grown = min(1.0, epoch / max(1, config.ramp))
        self.wear = config.light + (config.wear - config.light) * grown

    def which(self, index: int) -> int:
        """The set of a blend, or behind those the kind of `FORGED`: what the dice decide first."""
        rng = self._dice(index)
        kind = self._kind(rng)
        if kind is None:
            return self.faces.set_to_blend(rng)
        return len(self.faces.roomy) + list(self.forged).index(kind)

    def __len__(self) -> int:
        return self.config.pairs

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = self._dice(index)
        kind = self._kind(rng)
        maker = partial(forged_pair, kind) if kind else blend_pair
        real, fake, _, mask = maker(self.faces, rng)
        wear = self._wear(rng)
        dice, shake = int(rng.integers(1 << 31)), int(rng.integers(1 << 31))
        images, cells = [], []
        for pixels, face in (real, fake):
            worn = wear(pixels, np.random.default_rng(dice))
            view = View(face, np.random.default_rng(shake))
            images.append(view.cut(worn, self.recipe))
            cells.append(view.cells(mask, self.recipe) if mask is not None else None)
        unknown = torch.full((CELLS, CELLS), IGNORE)
        return {
            "image": torch.stack([to_tensor(image) for image in images]),
            "label": torch.tensor([0.0, 1.0]),
            "cells": torch.stack(
                [torch.zeros(CELLS, CELLS), unknown if cells[1] is None else cells[1]]
            ),
        }

    def _dice(self, index: int) -> Rng:
        return np.random.default_rng((self.seed, self.epoch, index))

    def _kind(self, rng: Rng) -> str | None:
        """Of `FORGED`; none for a blend."""
        if not self.forged:
            return None
        bounds = np.cumsum(list(self.forged.values()))
        return [*self.forged, None][int(np.searchsorted(bounds, rng.random(), side="right"))]

    def _wear(self, rng: Rng) -> Callable[[Pixels, Rng], Pixels]:
        strength, soft = float(rng.uniform(0, self.wear)), self.config.soft
        if self.config.blurred and rng.random() < self.config.blurred:
            return partial(blur, force=1.0, soft=soft)
        return Degrade(strength, soft=soft)


class Held(Dataset[dict[str, Any]]):
    """Validation: fixed pictures of people and sources kept back, worn with fixed dice.

    "kind" numbers the maker of a pair. "group" numbers what shall weigh the same in calibration:
    genuine pictures by their source, forged ones by their kind.
    """

    KINDS = ("blend", *FORGED)
    EACH = 480

    def __init__(self, cache: FaceCache, recipe: CropRecipe, seed: int, config: Config) -> None:
        self.faces, self.recipe, self.seed = _Faces(cache, "val", config.without), recipe, seed
        self.makers = {"blend": blend_pair}
        self.makers |= {kind: partial(forged_pair, kind) for kind in forged_shares(config)}
        self.sources = sorted(self.faces.roomy)

    def __len__(self) -> int:
        return len(self.makers) * self.EACH * 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        pair, label = divmod(index, 2)
        kind = list(self.makers)[pair % len(self.makers)]
        rng = np.random.default_rng((self.seed, 1 << 20, pair))
        made = self.makers[kind](self.faces, rng)
        pixels, face = made.fake if label else made.real
        worn = Degrade(0.5 * (pair // len(self.makers) % 2))(pixels, rng)
        (crop,) = cut(worn, face, self.recipe)
        number = self.KINDS.index(kind)
        group = number if label else len(self.KINDS) + self.sources.index(made.source)
        return {
            "image": to_tensor(crop.pixels),
            "label": float(label),
            "kind": number,
            "group": group,
        }
